//! WebAssembly, against wabt's `wasm-objdump`, wasm-ld's map and rustc's own strip.

use crate::{functions, output, specimen};
use codecost::{
    address::VirtualAddress,
    disasm::{Piece, ReferenceKind, decoder_of},
    image::{Image, Mapping, SectionKind},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

const MODULES: [&str; 3] = ["pieces.wasm", "pieces-stripped.wasm", "pieces-threads.wasm"];

/// The specimens, and a module with debug information.
fn modules() -> Vec<PathBuf> {
    let corpus = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../fuzz/corpus/ledger/module.wasm"
    );
    let specimens = MODULES.iter().map(|name| specimen(name));
    specimens.chain([PathBuf::from(corpus)]).collect()
}

fn with<T>(path: &Path, then: impl FnOnce(&Image<'_>) -> T) -> T {
    let file = Mapping::open(path).unwrap();
    then(&Image::parse(path, &file).unwrap())
}

/// How many bytes a number takes, seven bits in each.
fn leb128(number: u64) -> u64 {
    u64::from(number.max(1).ilog2() / 7 + 1)
}

/// The lines of the linker's map: the functions in order, with their size and crate, or the data with
/// its address.
fn map() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(specimen("pieces.map")).unwrap();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    text.lines().map(words).collect()
}

#[test]
fn sections_are_where_wasm_objdump_sees_them() {
    for path in modules() {
        let text = output("wasm-objdump", &["-h", path.to_str().unwrap()]);
        let mut seen = 0;
        with(&path, |image| {
            for line in text.lines() {
                // `  Custom start=0x1c06 end=0x51407 (size=0x4f801) ".debug_loc"`.
                let Some((name, rest)) = line.trim().split_once(" start=0x") else {
                    continue;
                };
                let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
                let start = hex(rest.split_once(' ').unwrap().0);
                let end = rest.split_once("end=0x").unwrap().1;
                let end = hex(end.split_once(' ').unwrap().0);
                let wanted = match rest.split_once('"') {
                    Some((_, custom)) => custom.split_once('"').unwrap().0.to_owned(),
                    None => format!("<{}>", name.to_lowercase()),
                };
                let wanted = match wanted.as_str() {
                    "<elem>" => "<element>",
                    "<datacount>" => "<data_count>",
                    other => other,
                };
                // Of a custom section the name is a header, and subsections are rows.
                let header = match name {
                    "Custom" => wanted.len() as u64 + leb128(wanted.len() as u64),
                    _ => 0,
                };
                let inside = |section: &&codecost::image::Section<'_>| {
                    section.file.start.0 >= start && section.file.end().0 <= end
                };
                let rows: Vec<_> = image.sections.iter().filter(inside).collect();
                assert!(!rows.is_empty(), "{line}");
                let part = format!("{wanted}/");
                for row in &rows {
                    assert!(row.name == wanted || row.name.starts_with(&part), "{line}");
                }
                if let [row] = &rows[..]
                    && row.name == wanted
                {
                    assert_eq!(row.file.start.0, start + header, "{line}");
                    assert_eq!(row.file.end().0, end, "{line}");
                }
                assert_eq!(rows.last().unwrap().file.end().0, end, "{line}");
                seen += rows.len();
            }
            assert_eq!(seen, image.sections.len(), "{}", path.display());
        });
    }
}

#[test]
fn functions_are_those_of_wasm_objdump() {
    for path in modules() {
        let text = output(
            "wasm-objdump",
            &["-x", "-j", "Code", path.to_str().unwrap()],
        );
        // ` - func[3] size=13 <name>`, without the length before the body.
        let witness = text.lines().filter_map(|line| {
            let rest = line.trim().strip_prefix("- func[")?;
            let size = rest.split_once("size=")?.1;
            let size: u64 = size.split(' ').next()?.parse().unwrap();
            Some(size + leb128(size))
        });
        let witness: Vec<u64> = witness.collect();
        assert!(!witness.is_empty());
        let mut ours = functions(&path);
        ours.sort_by_key(|row| row.2);
        let sizes: Vec<u64> = ours.iter().map(|row| row.3).collect();
        assert_eq!(sizes, witness, "{}", path.display());
        // They tile the section, after their number.
        with(&path, |image| {
            let (_, code) = image.section("<code>").unwrap();
            let count = leb128(sizes.len() as u64);
            assert_eq!(sizes.iter().sum::<u64>() + count, code.file.size);
        });
    }
}

#[test]
fn functions_have_the_sizes_and_names_of_the_map() {
    let mut ours = functions(&specimen("pieces.wasm"));
    ours.sort_by_key(|row| row.2);
    let ours: Vec<_> = ours
        .into_iter()
        .map(|(name, .., size)| (size, name))
        .collect();
    let witness = map().into_iter().filter(|line| line[0] == "code");
    let witness: Vec<(u64, String)> = witness
        .map(|line| (line[1].parse().unwrap(), line[3].clone()))
        .collect();
    assert_eq!(witness.len(), 37);
    assert_eq!(ours, witness);
}

#[test]
fn what_ships_is_what_rustc_leaves() {
    let stripped = std::fs::metadata(specimen("pieces-stripped.wasm")).unwrap();
    for (name, changes) in [("pieces.wasm", true), ("pieces-stripped.wasm", false)] {
        let path = specimen(name);
        with(&path, |image| {
            assert_eq!(image.shipped_size(), Some(stripped.len()), "{name}");
            assert_eq!(image.bytes.len() as u64 != stripped.len(), changes);
        });
    }
}

#[test]
fn code_and_memory_are_two_spaces() {
    with(&specimen("pieces.wasm"), |image| {
        let module = &image.modules()[0];
        let segment = &module.segments()[0];
        assert_eq!(segment.address, Some(0x10_0000));
        let place = module.memory_at(0x10_0034).unwrap();
        assert_eq!(place.0, segment.file.start.0 + 0x34);
        let (section, row) = image.section_at(place).unwrap();
        assert_eq!(row.kind, SectionKind::Data);
        let shown = image.place_in_section(section, place);
        assert_eq!(shown, VirtualAddress(0x10_0034));
        // A place in the file that is code is no address of memory.
        let code = module.body(0).unwrap().start;
        assert_eq!(module.memory_at(code.0), None);
        let (section, _) = image.section_at(code).unwrap();
        assert_eq!(image.place_in_section(section, code), code);
    });
}

#[test]
fn passive_segments_go_where_the_start_function_puts_them() {
    with(&specimen("pieces-threads.wasm"), |image| {
        let segment = &image.modules()[0].segments()[0];
        assert!(segment.passive);
        assert_eq!(segment.address, Some(0x10_0000));
        assert_ne!(image.entry, VirtualAddress(0));
    });
}

/// What code refers to in memory: where, and whether that is proven.
fn references(path: &Path) -> BTreeMap<u64, bool> {
    with(path, |image| {
        let decoder = decoder_of(image).unwrap();
        let module = &image.modules()[0];
        let mut found = BTreeMap::new();
        for function in 0..module.defined() as u32 + module.imported() {
            let Some(body) = module.body(function) else {
                continue;
            };
            let code = &image.bytes_at(body.start).unwrap()[..body.size as usize];
            let piece = Piece {
                code,
                address: body.start,
            };
            decoder.references(&[piece], false, &mut |_, reference| {
                let Some((section, row)) = image.section_at(reference.to) else {
                    return;
                };
                if row.kind == SectionKind::Data {
                    let at = image.place_in_section(section, reference.to).0;
                    let proven = reference.kind != ReferenceKind::Immediate;
                    *found.entry(at).or_insert(false) |= proven;
                }
            });
        }
        found
    })
}

/// With `--emit-relocs` the linker says which numbers it filled in.
#[test]
fn proven_references_are_the_relocations() {
    let path = specimen("pieces-relocs.wasm");
    let text = output("wasm-objdump", &["-x", path.to_str().unwrap()]);
    let code = text.split_once("name: \"reloc.CODE\"").unwrap().1;
    let code = code.split("name: \"reloc.").next().unwrap();
    // `   - R_WASM_MEMORY_ADDR_SLEB offset=0x0000f0(file=0x0001d3) symbol=20 <x> +0x4`.
    let relocations = code
        .lines()
        .filter(|line| line.contains("R_WASM_MEMORY_ADDR"));
    let places: BTreeSet<u64> = relocations
        .map(|line| {
            let at = line.split_once("file=0x").unwrap().1;
            u64::from_str_radix(at.split_once(')').unwrap().0, 16).unwrap()
        })
        .collect();
    assert!(places.len() > 20, "{text}");
    let found = with(&path, |image| {
        let decoder = decoder_of(image).unwrap();
        let module = &image.modules()[0];
        let mut found = BTreeSet::new();
        for function in 0..module.defined() as u32 {
            let body = module.body(function).unwrap();
            let code = &image.bytes_at(body.start).unwrap()[..body.size as usize];
            let piece = Piece {
                code,
                address: body.start,
            };
            decoder.calls(&[piece], &mut |_, reference| {
                let data = image.section_at(reference.to).unwrap().1.kind == SectionKind::Data;
                if data && reference.kind != ReferenceKind::Immediate {
                    found.insert(reference.from.0);
                }
            });
        }
        found
    });
    // The number follows its instruction; of a load or store after the alignment. A relocation may
    // also be of what has no bytes in the file.
    let behind = |at: &u64| places.contains(&(at + 1)) || places.contains(&(at + 2));
    let wrong: Vec<_> = found.iter().filter(|at| !behind(at)).collect();
    assert_eq!(wrong, Vec::<&u64>::new());
    assert!(
        found.len() * 10 >= places.len() * 6,
        "{} of {}",
        found.len(),
        places.len()
    );
}

#[test]
fn numbers_of_a_module_written_anew_are_guesses() {
    // The same code with each call as short as it can be is no longer the linker's: one byte is
    // taken from the padding of the first call and given to nothing.
    let proven = references(&specimen("pieces.wasm"));
    assert!(
        proven.values().filter(|proven| **proven).count() > 8,
        "{proven:?}"
    );
    let path = specimen("pieces.wasm");
    let mut bytes = std::fs::read(&path).unwrap();
    let calls = with(&path, |image| {
        let decoder = decoder_of(image).unwrap();
        let module = &image.modules()[0];
        let mut calls = Vec::new();
        for function in 0..module.defined() as u32 {
            let body = module.body(function).unwrap();
            let code = &image.bytes_at(body.start).unwrap()[..body.size as usize];
            let piece = Piece {
                code,
                address: body.start,
            };
            decoder.calls(&[piece], &mut |_, reference| {
                if reference.kind == ReferenceKind::Call {
                    calls.push(reference.from.0 as usize);
                }
            });
        }
        calls
    });
    for at in calls {
        // `call 5` in five bytes becomes `call 5`, `nop`, `nop`, `nop`, `nop`.
        assert_eq!(bytes[at], 0x10);
        bytes[at + 1] &= 0x7f;
        bytes[at + 2..at + 6].fill(0x01);
    }
    let directory = std::env::temp_dir().join(format!("wasm-anew-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let anew = directory.join("pieces.wasm");
    std::fs::write(&anew, bytes).unwrap();
    let guessed = references(&anew);
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(guessed.values().all(|proven| !proven), "{guessed:?}");
    let addresses = |found: &BTreeMap<u64, bool>| found.keys().copied().collect::<BTreeSet<_>>();
    assert_eq!(addresses(&guessed), addresses(&proven));
}

/// A component of two modules, one of them in a component within.
#[test]
fn a_component_has_the_functions_of_its_modules() {
    let module = std::fs::read(specimen("pieces.wasm")).unwrap();
    let section = |id: u8, content: &[u8]| {
        let mut bytes = vec![id];
        let mut size = content.len();
        while size >= 0x80 {
            bytes.push((size & 0x7f) as u8 | 0x80);
            size >>= 7;
        }
        bytes.push(size as u8);
        bytes.extend_from_slice(content);
        bytes
    };
    let header = b"\0asm\x0d\0\x01\0";
    let inner = [&header[..], &section(1, &module)].concat();
    let custom = section(0, b"\x0ecomponent-name");
    let bytes = [
        &header[..],
        &section(1, &module),
        &section(4, &inner),
        &custom,
    ]
    .concat();
    let image = Image::parse(Path::new("component.wasm"), &bytes).unwrap();
    assert!(image.is_component());
    assert_eq!(image.modules().len(), 2);
    let code: Vec<_> = image
        .sections
        .iter()
        .filter(|it| it.kind == SectionKind::Code)
        .collect();
    let names: Vec<&str> = code.iter().map(|section| &*section.name).collect();
    assert_eq!(
        names,
        [
            "module 0 (pieces.wasm): <code>",
            "module 1 (pieces.wasm): <code>"
        ]
    );
    let symbols = image.symbols();
    assert_eq!(symbols.symbols.len(), 2 * 37);
    let (first, second) = symbols.symbols.split_at(37);
    for (one, other) in first.iter().zip(second) {
        assert_eq!((&one.name, one.size), (&other.name, other.size));
        assert_ne!(one.address, other.address);
    }
    let all: u64 = image.sections.iter().map(|section| section.file.size).sum();
    let tables: u64 = image.tables.iter().map(|table| table.range.size).sum();
    assert_eq!(all + tables, bytes.len() as u64);
}
