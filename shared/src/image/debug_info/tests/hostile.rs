//! Damaged and hostile sections: no panic, no endless work, always a partition.

use super::*;

/// Everything that can be asked of it.
fn read_all(sections: &[(DebugSection, Cow<'_, [u8]>)], code: &[AddressRange]) -> usize {
    let info = load(sections);
    let owners: Vec<u32> = (0..info.units().len() as u32)
        .map(|unit| unit % 5)
        .collect();
    let ledger = info.ledger(&owners);
    assert_partition(&ledger, sections);
    for unit in 0..info.units().len() {
        let _ = info.unit_ranges(unit);
        let _ = info.units()[unit].rust_name();
    }
    for map in [info.functions(code), info.inlined(code)] {
        assert!(
            map.ranges
                .is_sorted_by(|a, b| a.range.end() <= b.range.start)
        );
        for range in &map.ranges {
            assert!(
                code.iter()
                    .any(|code| code.intersection(range.range) == range.range)
            );
        }
        for function in map.functions.iter().take(500) {
            let _ = (map.path(function), map.source_file(function));
        }
    }
    ledger.damaged_units
}

/// Xorshift: the same damage in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

fn damage(program: &Program, rounds: usize) {
    let whole = program.sections();
    let code = program.code();
    assert_eq!(read_all(&whole, &code), 0);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut damaged = 0;
    for _ in 0..rounds {
        let mut sections = whole.clone();
        for _ in 0..=random.below(8) {
            let number = random.below(sections.len());
            let data = sections[number].1.to_mut();
            let at = random.below(data.len());
            let value = [0, 0xff, 0x80, 0x7f, 1 << random.below(8)][random.below(5)];
            match random.below(8) {
                0 => data.truncate(at),
                1 => data[at..].iter_mut().take(8).for_each(|byte| *byte = value),
                _ => {
                    if let Some(byte) = data.get_mut(at) {
                        *byte ^= value;
                    }
                }
            }
        }
        damaged += usize::from(read_all(&sections, &code) > 0);
    }
    // Otherwise the damage would not have reached anything.
    assert!(damaged > rounds / 10, "{damaged} of {rounds}");
}

#[test]
fn damaged_sections_of_rust() {
    damage(&Program::rust(&["-g", "-O", "-Cprefer-dynamic"]), 150);
    damage(
        &Program::rust(&["-g", "-O", "-Cprefer-dynamic", "-Cdwarf-version=5"]),
        150,
    );
}

#[test]
fn damaged_sections_of_c() {
    damage(&Program::c(&["-g3", "-O2", "-gdwarf-4"]), 400);
    damage(
        &Program::c(&["-g", "-O2", "-gdwarf-5", "-fdebug-types-section"]),
        400,
    );
}

fn owned(sections: Vec<(DebugSection, Vec<u8>)>) -> Vec<(DebugSection, Cow<'static, [u8]>)> {
    sections
        .into_iter()
        .map(|(kind, data)| (kind, Cow::Owned(data)))
        .collect()
}

/// A unit of DWARF 4 with these bytes of entries.
fn unit(entries: &[u8]) -> Vec<u8> {
    let mut unit = ((entries.len() + 7) as u32).to_le_bytes().to_vec();
    unit.extend([4, 0, 0, 0, 0, 0, 8]);
    unit.extend(entries);
    unit
}

const CODE: [AddressRange; 1] = [AddressRange {
    start: VirtualAddress(0x1000),
    size: 0x100_0000,
}];

#[test]
fn many_entries_with_many_attributes_that_have_no_bytes() {
    // Abbreviation 1: a subprogram, 200,000 times DW_AT_name as DW_FORM_flag_present. Read one by
    // one, the 200,000 entries of a byte would take 40 thousand million steps.
    let mut abbrev = vec![1, 0x2e, 0];
    abbrev.extend([0x03, 0x19].repeat(200_000));
    abbrev.extend([0, 0, 0]);
    let info = unit(&vec![1; 200_000]);
    let sections = owned(vec![
        (DebugSection::Info, info),
        (DebugSection::Abbrev, abbrev),
    ]);
    assert_eq!(read_all(&sections, &CODE), 0);
}

#[test]
fn the_same_long_list_and_string_for_every_entry() {
    // Abbreviation 1: an inlined subroutine with a range list (sec_offset) in a subprogram with a
    // name (strp). All refer to the same list of 60,000 ranges and to a string of a megabyte.
    let abbrev = vec![
        1, 0x2e, 0, 0x03, 0x0e, 0x55, 0x17, 0, 0, // subprogram: name, ranges
        2, 0x1d, 0, 0x55, 0x17, 0, 0, // inlined subroutine: ranges
        0,
    ];
    let mut ranges = Vec::new();
    for number in 0..60_000u64 {
        ranges.extend((0x1000 + number * 16).to_le_bytes());
        ranges.extend((0x1008 + number * 16).to_le_bytes());
    }
    ranges.extend([0; 16]);
    let mut entries = Vec::new();
    for _ in 0..60_000 {
        entries.extend([1, 0, 0, 0, 0, 0, 0, 0, 0]);
        entries.extend([2, 0, 0, 0, 0]);
    }
    let sections = owned(vec![
        (DebugSection::Info, unit(&entries)),
        (DebugSection::Abbrev, abbrev),
        (DebugSection::Ranges, ranges),
        (DebugSection::Str, vec![b'x'; 1 << 20]),
    ]);
    let info = load(&sections);
    assert_eq!(info.ledger(&[0]).damaged_units, 0);
    assert_eq!(info.inlined(&CODE).damaged_units, 1);
}

#[test]
fn a_tower_of_entries() {
    // A namespace in a namespace, 100,000 deep, with a subprogram in each.
    let abbrev = vec![
        1, 0x39, 1, 0x03, 0x08, 0, 0, // namespace with children: name (string)
        2, 0x2e, 0, 0x03, 0x08, 0x11, 0x01, 0x12, 0x0b, 0, 0, // subprogram: name, low, high
        0,
    ];
    let mut entries = Vec::new();
    for number in 0..100_000u64 {
        entries.extend([1, b'n', 0, 2, b'f', 0]);
        entries.extend((0x1000 + number * 16).to_le_bytes());
        entries.push(8);
    }
    let sections = owned(vec![
        (DebugSection::Info, unit(&entries)),
        (DebugSection::Abbrev, abbrev),
    ]);
    let info = load(&sections);
    let map = info.functions(&CODE);
    assert_eq!(map.functions.len(), 100_000);
    let longest = map
        .functions
        .iter()
        .map(|function| map.path(function).len())
        .max();
    assert!(longest < Some(1000), "{longest:?}");
}

#[test]
fn functions_that_refer_to_each_other() {
    // Two subprograms, each the abstract origin of the other (DW_FORM_ref4).
    let abbrev = vec![1, 0x2e, 0, 0x31, 0x13, 0x11, 0x01, 0x12, 0x0b, 0, 0, 0];
    let entry = |origin: u8, low: u64| {
        let mut entry = vec![1, origin, 0, 0, 0];
        entry.extend(low.to_le_bytes());
        entry.push(8);
        entry
    };
    let entries = [entry(25, 0x1000), entry(11, 0x2000)].concat();
    let sections = owned(vec![
        (DebugSection::Info, unit(&entries)),
        (DebugSection::Abbrev, abbrev),
    ]);
    let info = load(&sections);
    let map = info.functions(&CODE);
    assert_eq!(map.ranges.len(), 2);
    assert!(map.functions.iter().all(|function| function.name.is_none()));
}

#[test]
fn a_line_table_with_a_count_of_entries_without_bytes() {
    // DWARF 5: one column, DW_LNCT_path as DW_FORM_flag_present, 2^62 rows.
    let mut header = vec![1, 1, 1, 0, 14, 1];
    header.extend([1, 0x19]);
    header.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f]);
    let mut line = ((header.len() + 8) as u32).to_le_bytes().to_vec();
    line.extend([5, 0, 8, 0]);
    line.extend((header.len() as u32).to_le_bytes());
    line.extend(&header);
    let abbrev = vec![1, 0x11, 0, 0x10, 0x17, 0, 0, 0];
    let sections = owned(vec![
        (DebugSection::Info, unit(&[1, 0, 0, 0, 0])),
        (DebugSection::Abbrev, abbrev),
        (DebugSection::Line, line),
    ]);
    assert_eq!(read_all(&sections, &CODE), 0);
}

#[test]
fn strings_that_are_tails_of_each_other() {
    // A unit for each byte of one string: exact sets would take memory like the square.
    let units: Vec<u8> = (0..5000u32)
        .flat_map(|offset| {
            let mut entries = vec![1];
            entries.extend(offset.to_le_bytes());
            unit(&entries)
        })
        .collect();
    let abbrev = vec![1, 0x11, 0, 0x03, 0x0e, 0, 0, 0];
    let sections = owned(vec![
        (DebugSection::Info, units),
        (DebugSection::Abbrev, abbrev),
        (DebugSection::Str, [vec![b'x'; 4999], vec![0]].concat()),
    ]);
    let info = load(&sections);
    let owners: Vec<u32> = (0..5000).collect();
    let ledger = info.ledger(&owners);
    assert_partition(&ledger, &sections);
    let members: usize = (0..ledger.sets.len() as u32)
        .map(|set| ledger.sets.get(set).len())
        .sum();
    assert!(members <= 2 * 5000, "{members}");
}

#[test]
fn units_of_an_unknown_version_are_stepped_over() {
    let mut info = unit(&[1]);
    let second = info.len() as u64;
    info.extend(unit(&[1]));
    info[4] = 9;
    let abbrev = vec![1, 0x11, 0, 0, 0, 0];
    let sections = owned(vec![
        (DebugSection::Info, info),
        (DebugSection::Abbrev, abbrev),
    ]);
    let info = load(&sections);
    assert_eq!(info.damaged_units(), 1);
    assert_eq!(
        info.units()
            .iter()
            .map(|unit| unit.start)
            .collect::<Vec<_>>(),
        [second]
    );
}

#[test]
fn the_most_significant_byte_first() {
    let mut data = vec![0, 0, 0, 15, 0, 4, 0, 0, 0, 0, 4];
    data.extend([1, 0, 28, b'a', b'.', b'r', b's', 0]);
    let abbrev = vec![1, 0x11, 0, 0x13, 0x05, 0x03, 0x08, 0, 0, 0];
    let mut sections = DwarfSections::new(true);
    sections.add(".debug_info", &data);
    sections.add(".debug_abbrev", &abbrev);
    let info = DebugInfo::load(sections);
    assert_eq!(info.damaged_units(), 0);
    let unit = &info.units()[0];
    assert_eq!(
        (unit.name, unit.address_size, unit.is_rust()),
        (Some(&b"a.rs"[..]), 4, true)
    );
}
