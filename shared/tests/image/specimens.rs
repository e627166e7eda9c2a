//! The committed files, against `readelf`.

use crate::{functions, output, readelf_symbols, specimen};
use codecost::{
    attribution::UnitOwners,
    attribution::{Catalogue, Crates},
    image::{
        Architecture, Image, Mapping, RelocationFormat, SectionKind, SymbolKind,
        debug_info::{DebugInfo, DebugSection, DwarfSections, separate},
    },
};
use std::collections::BTreeMap;

fn with<T>(name: &str, then: impl FnOnce(&Image<'_>) -> T) -> T {
    let path = specimen(name);
    let file = Mapping::open(&path).unwrap();
    then(&Image::parse(&path, &file).unwrap())
}

#[test]
fn the_low_bit_of_a_thumb_function_is_no_part_of_its_address() {
    for name in ["thumb.elf", "exidx.elf"] {
        let path = specimen(name);
        let found: BTreeMap<String, (u64, u64)> = functions(&path)
            .into_iter()
            .map(|(name, _, start, size)| (name, (start, size)))
            .collect();
        let witness: BTreeMap<String, (u64, u64)> = readelf_symbols(&path)
            .into_iter()
            .filter(|symbol| symbol.kind == "FUNC")
            .map(|symbol| (symbol.name, (symbol.value & !1, symbol.size)))
            .collect();
        assert!(witness.len() >= 2);
        assert!(with(name, |image| image.architecture == Architecture::Arm));
        assert_eq!(found, witness, "{name}");
    }
}

#[test]
fn the_exception_index_of_arm_is_an_unwind_table() {
    let text = output("readelf", &["-u", specimen("exidx.elf").to_str().unwrap()]);
    // `0x8000 <main>: @0x8044`, `0x802c <end_>: 0x1 [cantunwind]`.
    let witness: Vec<(u64, Option<u64>)> = text
        .lines()
        .filter_map(|line| {
            let (function, rest) = line.strip_prefix("0x")?.split_once(" <")?;
            let table = rest.split_once(": @0x").map(|(_, table)| table);
            let hex = |text: &str| u64::from_str_radix(text.trim(), 16).unwrap();
            Some((hex(function), table.map(hex)))
        })
        .collect();
    assert_eq!(witness.len(), 3, "{text}");
    with("exidx.elf", |image| {
        let unwind = image.unwind_tables();
        let found: Vec<_> = unwind
            .entries
            .iter()
            .map(|entry| (entry.function.start.0, entry.lsda.map(|table| table.0)))
            .collect();
        assert_eq!(found, witness);
        let (_, index) = image.section(".ARM.exidx").unwrap();
        let (_, tables) = image.section(".ARM.extab").unwrap();
        assert_eq!(index.kind.as_str(), "unwind");
        assert_eq!(tables.kind.as_str(), "unwind");
        // Entry by entry the whole table.
        let bytes: u64 = unwind.entries.iter().map(|entry| entry.file.size).sum();
        assert_eq!(bytes, index.file.size);
        let (_, attributes) = image.section(".ARM.attributes").unwrap();
        assert_eq!(attributes.kind, SectionKind::Comment);
    });
}

#[test]
fn mapping_symbols_name_nothing_and_exports_belong_to_the_unit_that_they_stand_in() {
    let path = specimen("mapping.elf");
    let marks = readelf_symbols(&path);
    let marks = marks.iter().filter(|symbol| symbol.name.starts_with('$'));
    let marks = marks.count();
    assert_eq!(marks, 5);
    with("mapping.elf", |image| {
        let symbols = image.symbols().symbols;
        let found = symbols.iter().filter(|it| it.kind == SymbolKind::Mapping);
        assert_eq!(found.count(), marks);
    });
    let found = functions(&path);
    let owners: Vec<_> = found.iter().map(|row| (&*row.0, &*row.1)).collect();
    let one = "_RNvCsays1c1dBQDG_4tiny3one";
    assert_eq!(owners, [(one, "tiny"), ("start", "tiny")]);
}

#[test]
fn descriptors_lead_to_the_code() {
    let path = specimen("descriptors.so");
    // By `powerpc64-linux-gnu-objdump -d`: `.twice` at 2a0, `.thrice` at 2b8.
    let expected = [("thrice", 0x2b8, 68), ("twice", 0x2a0, 24)];
    let found = functions(&path);
    // Besides there are the linker's stubs.
    let named = |name: &str| expected.iter().any(|row| row.0 == name);
    let named: Vec<_> = found.iter().filter(|row| named(&row.0)).collect();
    let named: Vec<_> = named.iter().map(|row| (&*row.0, row.2, row.3)).collect();
    assert_eq!(named, expected);
    // The loader's table, whose descriptors are the same.
    with("descriptors.so", |image| {
        let symbols = image.dynamic_symbols().symbols;
        let twice = symbols
            .iter()
            .find(|symbol| symbol.name == "twice")
            .unwrap();
        assert_eq!(twice.address.0, 0x2a0);
    });
}

#[test]
fn a_version_of_libgcc_is_not_one_of_glibc() {
    with("libgcc-version.so", |image| {
        let needs = image.loader_needs().unwrap();
        let versions: Vec<_> = needs
            .versions
            .iter()
            .map(|need| (&*need.library, &*need.version))
            .collect();
        assert_eq!(versions, [("libgcc_s.so.1", "GLIBC_2.0")]);
        assert_eq!(needs.oldest_glibc, None);
    });
}

/// What each pointer points to: (symbol, first byte of the text or nothing).
fn pointers(name: &str) -> Vec<(Option<u32>, Option<u8>)> {
    with(name, |image| {
        let tables = image.relocations(&image.dynamic_symbols());
        let relocations = tables.iter().flat_map(|table| &table.relocations);
        let mut found: Vec<_> = relocations
            .map(|relocation| {
                let text = relocation.target.and_then(|to| image.bytes_at(to)?.first());
                (relocation.symbol, text.copied())
            })
            .collect();
        found.sort_unstable();
        found
    })
}

#[test]
fn androids_packed_relocations_are_those_of_the_same_program_unpacked() {
    with("packed-android.so", |image| {
        let (_, table) = image.section(".rela.dyn").unwrap();
        assert_eq!(table.kind, SectionKind::Relocations);
        assert!(image.section_bytes(table).starts_with(b"APS2"));
    });
    let packed = pointers("packed-android.so");
    let texts: Vec<u8> = packed.iter().filter_map(|it| it.1).collect();
    assert_eq!(texts, *b"abcdef");
    assert_eq!(packed, pointers("packed-none.so"));
    // GNU strip does not know the section's type and makes it another.
    with("packed-stripped.so", |image| {
        let (_, table) = image.section(".rela.dyn").unwrap();
        assert_eq!(table.relocations, Some(RelocationFormat::Rela));
    });
    assert_eq!(packed, pointers("packed-stripped.so"));
}

#[test]
fn names_are_read_from_gnu_debugdata() {
    with("mini.so", |image| {
        assert!(image.symbols().symbols.is_empty());
        let inside = separate::inside(image).unwrap();
        let path = specimen("mini.so");
        let inner = Image::parse(&path, &inside).unwrap();
        let symbols = inner.symbols().symbols;
        let named = |symbol: &&codecost::image::Symbol<'_>| symbol.kind == SymbolKind::Function;
        let names = symbols.iter().filter(named).map(|symbol| &*symbol.name);
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        assert_eq!(names, ["inner_one", "inner_two"]);
    });
    // Damage is no reason to fail, nor is a size that cannot be.
    let path = specimen("mini.so");
    let bytes = std::fs::read(&path).unwrap();
    let at = with("mini.so", |image| {
        let (_, section) = image.section(".gnu_debugdata").unwrap();
        section.file.start.0 as usize..section.file.end().0 as usize
    });
    for place in at.step_by(7) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0xff;
        let image = Image::parse(&path, &damaged).unwrap();
        let size = separate::inside(&image).map_or(0, |inside| inside.len());
        assert!(size < 1 << 20);
    }
}

#[test]
fn strings_that_dwz_moved_are_found_in_the_shared_file() {
    let path = specimen("dwz-a.elf");
    let file = Mapping::open(&path).unwrap();
    let image = Image::parse(&path, &file).unwrap();
    let link = separate::SharedLink::of(&image).unwrap();
    assert_eq!(link.path, b"dwz-common.debug");
    let found = link.candidates(&path);
    let shared_path = found.first().unwrap();
    let shared_file = Mapping::open(shared_path).unwrap();
    let shared = Image::parse(shared_path, &shared_file).unwrap();
    assert_eq!(shared.build_id(), Some(link.build_id));

    let mut sections = DwarfSections::new(false);
    for section in &image.sections {
        sections.add(&section.name, image.section_bytes(section));
    }
    // Without the file the unit has no name.
    assert!(DebugInfo::load(sections).units()[0].name.is_none());
    let (_, strings) = shared.section(DebugSection::Str.name()).unwrap();
    sections.add(
        DebugSection::SharedStr.name(),
        shared.section_bytes(strings),
    );
    let info = DebugInfo::load(sections);
    assert_eq!(info.units()[0].name, Some(&b"main.c"[..]));
    let catalogue = Catalogue::empty();
    let mut crates = Crates::new(&catalogue);
    let owner = UnitOwners::new(&info, &mut crates).of(0);
    assert_eq!(crates.info(owner.defined).name, "[native]");
}
