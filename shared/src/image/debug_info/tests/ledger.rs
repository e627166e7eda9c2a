//! The ledger against what `gimli` finds when it reads every attribute of every entry.

use std::collections::{BTreeMap, BTreeSet};

use gimli::{AttributeValue as A, EndianSlice, LittleEndian};

use super::*;

type Slice<'d> = EndianSlice<'d, LittleEndian>;
/// Places in sections, and the units that refer to them.
type Users = BTreeMap<(DebugSection, u64), BTreeSet<u32>>;

fn gimli_users(sections: &[(DebugSection, Cow<'_, [u8]>)]) -> Users {
    let section = |id: gimli::SectionId| -> Result<Slice<'_>, gimli::Error> {
        let kind = DebugSection::from_name(id.name());
        let data = sections.iter().find(|(found, _)| Some(*found) == kind);
        Ok(EndianSlice::new(
            data.map_or(&[][..], |(_, data)| data),
            LittleEndian,
        ))
    };
    let dwarf = gimli::Dwarf::load(section).unwrap();
    let mut users = Users::new();
    let mut headers = dwarf.units();
    let mut number = 0;
    while let Some(header) = headers.next().unwrap() {
        unit_users(&dwarf, header, number, &mut users);
        number += 1;
    }
    let mut headers = dwarf.type_units();
    while let Some(header) = headers.next().unwrap() {
        unit_users(&dwarf, header, number, &mut users);
        number += 1;
    }
    users
}

fn unit_users(
    dwarf: &gimli::Dwarf<Slice<'_>>,
    header: gimli::UnitHeader<Slice<'_>>,
    number: u32,
    users: &mut Users,
) {
    let mut add = |kind, offset: usize| {
        users
            .entry((kind, offset as u64))
            .or_default()
            .insert(number);
    };
    add(DebugSection::Abbrev, header.debug_abbrev_offset().0);
    let unit = dwarf.unit(header).unwrap();
    let version = header.version();
    let mut entries = unit.entries();
    while let Some(entry) = entries.next_dfs().unwrap() {
        for attr in entry.attrs() {
            match attr.value() {
                A::DebugStrRef(offset) => add(DebugSection::Str, offset.0),
                A::DebugLineStrRef(offset) => add(DebugSection::LineStr, offset.0),
                A::DebugStrOffsetsIndex(index) => {
                    add(
                        DebugSection::Str,
                        dwarf.string_offset(&unit, index).unwrap().0,
                    );
                }
                A::DebugLineRef(offset) => add(DebugSection::Line, offset.0),
                A::RangeListsRef(_) | A::DebugRngListsIndex(_) => {
                    let offset = dwarf
                        .attr_ranges_offset(&unit, attr.value())
                        .unwrap()
                        .unwrap();
                    let kind = if version < 5 {
                        DebugSection::Ranges
                    } else {
                        DebugSection::RngLists
                    };
                    add(kind, offset.0);
                }
                A::LocationListsRef(_) | A::DebugLocListsIndex(_) => {
                    let offset = dwarf
                        .attr_locations_offset(&unit, attr.value())
                        .unwrap()
                        .unwrap();
                    let kind = if version < 5 {
                        DebugSection::Loc
                    } else {
                        DebugSection::LocLists
                    };
                    add(kind, offset.0);
                }
                _ => {}
            }
        }
    }
    // Type units have the line table of their object; it counts for that object's unit.
    let is_type = matches!(
        header.type_(),
        gimli::UnitType::Type { .. } | gimli::UnitType::SplitType { .. }
    );
    if let Some(program) = unit.line_program.as_ref().filter(|_| !is_type) {
        let header = program.header();
        let files = header.file_names().iter().map(|file| file.path_name());
        for value in header.include_directories().iter().copied().chain(files) {
            match value {
                A::DebugLineStrRef(offset) => add(DebugSection::LineStr, offset.0),
                A::DebugStrRef(offset) => add(DebugSection::Str, offset.0),
                _ => {}
            }
        }
    }
}

/// With each unit its own owner, each place belongs to exactly the units that `gimli` names.
/// Returns how many places are shared.
fn same_as_gimli(program: &Program) -> usize {
    let sections = program.sections();
    let info = load(&sections);
    let owners: Vec<u32> = (0..info.units().len() as u32)
        .map(|unit| unit + 100)
        .collect();
    let ledger = info.ledger(&owners);
    assert_eq!(ledger.damaged_units, 0);
    assert_partition(&ledger, &sections);
    let mut users = gimli_users(&sections);
    // Type units stand for none in line tables here, but share them in the ledger.
    for unit in info
        .units()
        .iter()
        .zip(0u32..)
        .filter(|(unit, _)| unit.companion.is_some())
    {
        let line = unit.0.stmt_list.unwrap();
        users
            .get_mut(&(DebugSection::Line, line))
            .unwrap()
            .insert(unit.1);
    }
    let mut shared = 0;
    for ((kind, offset), expected) in &users {
        let section = ledger
            .sections
            .iter()
            .find(|section| section.kind == *kind)
            .unwrap();
        let piece = section
            .pieces
            .iter()
            .find(|piece| piece.end > *offset)
            .unwrap();
        let found: BTreeSet<u32> = match piece.owner {
            DebugOwner::Nobody => BTreeSet::new(),
            DebugOwner::One(owner) => [owner - 100].into(),
            DebugOwner::Shared(set) => {
                shared += 1;
                ledger
                    .sets
                    .get(set)
                    .iter()
                    .map(|owner| owner - 100)
                    .collect()
            }
        };
        if !matches!(kind, DebugSection::Str | DebugSection::LineStr) {
            assert_eq!(&found, expected, "{kind:?} {offset:#x}");
            continue;
        }
        // A string that is the tail of a longer one belongs to the users of both.
        assert!(
            found.is_superset(expected),
            "{kind:?} {offset:#x} {found:?} {expected:?}"
        );
        let data = &sections.iter().find(|(found, _)| found == kind).unwrap().1;
        let start = data[..*offset as usize].iter().rposition(|byte| *byte == 0);
        let start = start.map_or(0, |before| before as u64 + 1);
        let whole: BTreeSet<u32> = users
            .range((*kind, start)..=(*kind, *offset))
            .flat_map(|(_, units)| units.iter().copied())
            .collect();
        assert_eq!(found, whole, "{kind:?} {offset:#x}");
    }
    shared
}

/// Bytes that nobody owns, by section.
fn nobody(program: &Program) -> Vec<(DebugSection, u64)> {
    let sections = program.sections();
    let info = load(&sections);
    let owners: Vec<u32> = (0..info.units().len() as u32).collect();
    let ledger = info.ledger(&owners);
    let gaps = ledger
        .sections
        .iter()
        .filter(|section| section.kind != DebugSection::GdbScripts);
    gaps.flat_map(|section| {
        section
            .totals()
            .into_iter()
            .map(|total| (section.kind, total))
    })
    .filter(|(_, (owner, _))| *owner == DebugOwner::Nobody)
    .map(|(kind, (_, bytes))| (kind, bytes))
    .collect()
}

#[test]
fn owners_are_the_units_that_refer() {
    for program in [
        Program::rust(&["-g", "-Copt-level=1", "-Cprefer-dynamic"]),
        Program::rust(&["-g", "-Copt-level=3", "-Cdwarf-version=5"]),
        Program::rust(&["-g", "-Copt-level=3", "-Clto=fat"]),
    ] {
        assert!(same_as_gimli(&program) > 50);
    }
    for flags in [
        &["-g", "-O2", "-gdwarf-4"][..],
        &["-g", "-O2", "-gdwarf-5"],
        &["-g3", "-O2", "-gdwarf-5", "-gdwarf64"],
        &["-g", "-O2", "-gdwarf-4", "-fdebug-types-section"],
        &["-g", "-O2", "-gdwarf-5", "-fdebug-types-section"],
    ] {
        same_as_gimli(&Program::c(flags));
    }
    same_as_gimli(&Program::cxx(&["-g", "-O2", "-gdwarf-5"]));
    same_as_gimli(&Program::cxx(&[
        "-g",
        "-O2",
        "-gdwarf-4",
        "-fdebug-types-section",
    ]));
}

/// Compilers leave no byte of these sections unused: each gap would be a list, a table or a
/// string that was measured wrong.
#[test]
fn no_byte_is_left_over() {
    for program in [
        Program::rust(&["-g", "-Copt-level=2"]),
        Program::rust(&["-g", "-Copt-level=3", "-Cdwarf-version=5"]),
        Program::rust(&["-g", "-Copt-level=3", "-Clto=fat"]),
        Program::rust(&["-g", "-Csplit-debuginfo=unpacked"]),
        Program::c(&["-g3", "-O2", "-gdwarf-4", "-gpubnames"]),
        Program::c(&["-g3", "-O2", "-gdwarf-5", "-fdebug-types-section"]),
        Program::c(&[
            "-g3",
            "-O2",
            "-gdwarf-4",
            "-gstrict-dwarf",
            "-gno-variable-location-views",
        ]),
        Program::c(&["-g", "-O2", "-gdwarf-5", "-gz=zlib"]),
        Program::cxx(&["-g3", "-O2", "-gdwarf-5"]),
        Program::cxx(&[
            "-g",
            "-O2",
            "-gdwarf-4",
            "-fdebug-types-section",
            "-gpubnames",
        ]),
    ] {
        assert_eq!(
            nobody(&program),
            [],
            "{}",
            run("readelf", &["-SW", program.path()])
        );
    }
}

#[test]
fn sets_are_made_over_owners_not_units() {
    let program = Program::rust(&["-g", "-Ccodegen-units=4"]);
    let sections = program.sections();
    let info = load(&sections);
    let one = info.ledger(&vec![7; info.units().len()]);
    assert!(one.sets.is_empty());
    for section in &one.sections {
        let owner = if section.kind == DebugSection::GdbScripts {
            DebugOwner::Nobody
        } else {
            DebugOwner::One(7)
        };
        assert_eq!(section.pieces.len(), 1, "{:?}", section.kind);
        assert_eq!(section.pieces[0].owner, owner);
    }
    let two: Vec<u32> = info
        .units()
        .iter()
        .map(|unit| {
            unit.rust_name()
                .map_or(0, |name| u32::from(name.crate_name == Some("outer")))
        })
        .collect();
    let two = info.ledger(&two);
    assert_eq!(two.sets.len(), 1);
    assert_eq!(two.sets.get(0), [0, 1]);
}
