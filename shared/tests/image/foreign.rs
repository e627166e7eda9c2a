//! Mach-O and PE files that a linker made, against what LLVM's tools say of them.
//!
//! The figures are from `llvm-objdump --macho --function-starts`, `llvm-nm -ap`, `llvm-objdump -d` and
//! `llvm-readobj --unwind --coff-basereloc --coff-exports` on the same files (LLVM 22.1);
//! `make-foreign` beside them makes both anew.

use crate::{functions, specimen};
use codecost::{
    attribution::{CodeMap, Evidence},
    disasm::{find_functions, finds_starts, lacks_extents},
    image::{Architecture, Image, Mapping, SectionKind},
};
use std::{collections::BTreeMap, fs};

fn with<T>(name: &str, then: impl FnOnce(&Image<'_>) -> T) -> T {
    let path = specimen(name);
    let file = Mapping::open(&path).unwrap();
    then(&Image::parse(&path, &file).unwrap())
}

#[test]
fn functions_end_where_the_next_starts_without_fill_and_stabs_name_their_crates() {
    let found = functions(&specimen("apple-x86_64.dylib"));
    let found: Vec<_> = found
        .iter()
        .map(|(name, owner, start, size)| (&**name, &**owner, *start, *size))
        .collect();
    // Sizes without the nops at the end, by `llvm-objdump -d`.
    assert_eq!(
        found,
        [
            ("one_entry", "one", 0x4d0, 0x46),
            ("one_inner", "one", 0x520, 0x2d),
            ("one_leaf", "one", 0x4c0, 0x0b),
            ("other", "two", 0x550, 0x22),
            ("two_sum", "two", 0x580, 0x38),
        ]
    );
}

#[test]
fn a_stripped_library_has_the_same_functions() {
    let places = |name: &str| {
        let found = functions(&specimen(name)).into_iter();
        let mut places: Vec<_> = found.map(|(.., start, size)| (start, size)).collect();
        places.sort_unstable();
        places
    };
    assert_eq!(places("apple-stripped.dylib"), places("apple-x86_64.dylib"));
    let named: Vec<String> = functions(&specimen("apple-stripped.dylib"))
        .into_iter()
        .map(|row| row.0)
        .filter(|name| !name.is_empty())
        .collect();
    // What is exported keeps its name.
    assert_eq!(named, ["one_entry", "other"]);
}

#[test]
fn linkedit_is_cut_by_load_command() {
    with("apple-x86_64.dylib", |image| {
        let linkedit = image.segments.iter().find(|it| it.name == "__LINKEDIT");
        let linkedit = linkedit.unwrap().file;
        let inside: Vec<_> = image
            .sections
            .iter()
            .filter(|section| linkedit.contains(section.file.start) && !section.file.is_empty())
            .map(|section| (&*section.name, section.kind))
            .collect();
        for expected in [
            ("LC_DYLD_INFO rebase", SectionKind::Relocations),
            ("LC_DYLD_EXPORTS_TRIE", SectionKind::DynamicSymbols),
            ("LC_FUNCTION_STARTS", SectionKind::Loader),
            ("LC_SYMTAB symbols", SectionKind::Symbols),
            ("LC_SYMTAB strings", SectionKind::Strings),
            ("LC_CODE_SIGNATURE", SectionKind::Signature),
        ] {
            assert!(inside.contains(&expected), "{expected:?} of {inside:?}");
        }
    });
}

#[test]
fn rebases_and_chained_fixups_are_the_same_pointers() {
    let pointers = |name: &str| {
        with(name, |image| {
            let tables = image.relocations(&image.dynamic_symbols());
            let all = tables.iter().flat_map(|table| &table.relocations);
            let with_target = all.filter_map(|one| Some((one.slot.0, one.target?.0)));
            with_target.collect::<Vec<_>>()
        })
    };
    // `names`, three texts; `one_names`, which points at it. By `llvm-objdump --macho --rebase` and
    // `--chained-fixups`.
    let plain = pointers("apple-x86_64.dylib");
    let slots: Vec<_> = plain.iter().map(|(slot, _)| *slot).collect();
    assert_eq!(slots, [0x2000, 0x2008, 0x2010, 0x3000]);
    assert_eq!(plain[3].1, 0x2000);
    let texts: Vec<_> = with("apple-x86_64.dylib", |image| {
        let text = |(_, target): &(u64, u64)| {
            let bytes = image.bytes_at(codecost::address::VirtualAddress(*target));
            let bytes = bytes.unwrap().split(|byte| *byte == 0).next().unwrap();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        plain[..3].iter().map(text).collect()
    });
    assert_eq!(texts, ["first", "second", "third"]);
    let chained = pointers("apple-chained.dylib");
    assert_eq!(chained.len(), 4);
    let last = chained[3];
    assert_eq!(last.1, chained[0].0);
}

#[test]
fn the_function_table_of_windows_and_what_it_leaves_out() {
    let found = functions(&specimen("windows-x86_64.dll"));
    let mut found: Vec<_> = found
        .iter()
        .map(|(name, _, start, size)| (&**name, *start, *size))
        .collect();
    found.sort_by_key(|row| row.1);
    // `one_leaf` and `two_sum` call nobody, so the table has only the three between.
    assert_eq!(
        found,
        [
            ("", 0x1_8000_1000, 0x06),
            ("one_entry", 0x1_8000_1010, 0x3d),
            ("", 0x1_8000_1050, 0x2b),
            ("", 0x1_8000_1080, 0x20),
            ("", 0x1_8000_10a0, 0x38),
        ]
    );
    with("windows-x86_64.dll", |image| {
        let unwind = image.unwind_tables();
        assert_eq!((unwind.entries.len(), unwind.functions.len()), (3, 3));
        // Each has its own data: 4 bytes and 2 for each code.
        let sizes: Vec<_> = unwind.parts.iter().map(|part| part.file.size).collect();
        assert_eq!(sizes, [12, 8, 8]);
        let (_, data) = image.section(".xdata").unwrap();
        assert_eq!(
            (data.kind.as_str(), data.address.0),
            ("unwind", 0x1_8000_20f0)
        );
        let tables = image.relocations(&image.dynamic_symbols());
        let slots = tables.iter().flat_map(|table| &table.relocations);
        let slots: Vec<_> = slots.map(|one| one.slot.0 & 0xffff).collect();
        assert_eq!(slots, [0x2000, 0x2008, 0x2010, 0x3000]);
    });
}

#[test]
fn the_function_table_of_windows_for_aarch64_has_lengths() {
    let found = functions(&specimen("windows-aarch64.dll"));
    let entry = found.iter().find(|row| row.0 == "one_entry").unwrap();
    with("windows-aarch64.dll", |image| {
        let unwind = image.unwind_tables();
        let listed = unwind.functions.iter();
        assert!(
            listed
                .clone()
                .any(|it| (it.start.0, it.size) == (entry.2, entry.3))
        );
        assert!(listed.clone().all(|function| function.size > 0));
        for pair in unwind.functions.windows(2) {
            assert!(pair[0].end() <= pair[1].start, "{pair:?}");
        }
    });
}

/// Where the functions of a file start and how large they are, of which no table lists any, and how many
/// of them rest on a guess.
fn searched(image: &Image<'_>) -> (BTreeMap<u64, u64>, usize) {
    let mut symbols = image.symbols();
    if symbols.symbols.is_empty() {
        symbols = image.dynamic_symbols();
    }
    let mut unwind = image.unwind_tables();
    assert!(lacks_extents(image, &symbols, &unwind));
    let relocations = image.relocations(&image.dynamic_symbols());
    unwind.guessed = find_functions(image, &symbols, &unwind, &relocations);
    let code = CodeMap::new(image, &symbols, &unwind);
    let guesses = code.functions.iter();
    let guesses = guesses.filter(|function| function.extent == Evidence::Inferred);
    let ranges = code.functions.iter();
    let ranges = ranges.map(|function| (function.range.start.0, function.range.size));
    (ranges.collect(), guesses.count())
}

/// What the linker called the code at each address.
fn linked(name: &str) -> BTreeMap<u64, String> {
    let text = fs::read_to_string(specimen(name)).unwrap();
    let rows = text.lines().map(|line| {
        let (address, name) = line.split_once(' ').unwrap();
        (u64::from_str_radix(address, 16).unwrap(), name.to_owned())
    });
    rows.collect()
}

#[test]
fn functions_of_32_bit_windows_are_found_in_the_code() {
    // Handlers are parts of their function, and one leads back to a label in it.
    let part = |name: &str| name.starts_with("?catch$") || name.starts_with("?dtor$");
    let mut truth = linked("windows-i686.symbols");
    let label = truth.iter().find(|(_, name)| name.starts_with("$ehgcr"));
    let label = *label.unwrap().0;
    let parts = truth.iter().filter(|(_, name)| part(name));
    let mut parts: Vec<u64> = parts.map(|(address, _)| *address).collect();
    truth.retain(|address, name| *address != label && !part(name));
    assert_eq!((truth.len(), parts.len()), (10, 2));
    with("windows-i686.dll", |image| {
        let mut funclets: Vec<u64> = image.funclets().iter().map(|start| start.0).collect();
        funclets.sort_unstable();
        parts.sort_unstable();
        assert_eq!(funclets, parts);
        let (found, guesses) = searched(image);
        assert!(found.keys().eq(truth.keys()), "{found:x?} {truth:x?}");
        // Each ends before the fill, by `llvm-objdump -d`: the only export, and the one with handlers.
        assert_eq!((found[&0x1000_1010], found[&0x1000_1030]), (0x20, 0xd4));
        assert_eq!(guesses, found.len());
    });
}

#[test]
fn functions_of_apple_are_found_where_the_list_of_them_is_left_out() {
    let truth = linked("apple-bare.symbols");
    assert_eq!(truth.len(), 5);
    with("apple-bare.dylib", |image| {
        assert_eq!(image.architecture, Architecture::Aarch64);
        assert!(finds_starts(image.architecture));
        let (found, guesses) = searched(image);
        assert!(found.keys().eq(truth.keys()), "{found:x?} {truth:x?}");
        assert_eq!(guesses, 5);
    });
    // With the list there is nothing to look for.
    with("apple-stripped.dylib", |image| {
        assert!(!lacks_extents(
            image,
            &image.symbols(),
            &image.unwind_tables()
        ));
    });
}
