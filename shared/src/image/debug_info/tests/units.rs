//! Units against `readelf`.

use super::*;

/// Offset, version and name of each unit, as `readelf` prints them.
fn readelf_units(program: &Program) -> Vec<(u64, u16, Option<String>)> {
    let text = run(
        "readelf",
        &["-W", "--debug-dump=info", "--dwarf-depth=1", program.path()],
    );
    let mut units: Vec<(u64, u16, Option<String>)> = Vec::new();
    for line in text.lines() {
        if let Some(offset) = line.trim().strip_prefix("Compilation Unit @ offset ") {
            let digits = offset.trim_end_matches(':').trim_start_matches("0x");
            units.push((u64::from_str_radix(digits, 16).unwrap(), 0, None));
        } else if let Some(version) = line.trim().strip_prefix("Version:") {
            units.last_mut().unwrap().1 = version.trim().parse().unwrap();
        } else if let Some((_, name)) = line.split_once("DW_AT_name        : ") {
            let name = match name.split_once("): ") {
                Some((_, name)) => name,
                None => name,
            };
            units.last_mut().unwrap().2 = Some(name.trim().to_owned());
        }
    }
    units
}

fn same_as_readelf(program: &Program) -> usize {
    let sections = program.sections();
    let info = load(&sections);
    assert_eq!(info.damaged_units(), 0);
    let found: Vec<(u64, u16, Option<String>)> = info
        .units()
        .iter()
        .filter(|unit| unit.section == DebugSection::Info)
        .map(|unit| {
            let name = unit
                .name
                .map(|name| String::from_utf8_lossy(name).into_owned());
            (unit.start, unit.version, name)
        })
        .collect();
    let expected = readelf_units(program);
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
    expected.len()
}

#[test]
fn units_are_those_that_readelf_lists() {
    assert!(same_as_readelf(&Program::rust(&["-g", "-Copt-level=0"])) > 5);
    assert!(
        same_as_readelf(&Program::rust(&[
            "-Cdebuginfo=1",
            "-O",
            "-Cdwarf-version=5"
        ])) > 5
    );
    same_as_readelf(&Program::c(&["-g", "-gdwarf-4"]));
    same_as_readelf(&Program::c(&["-g", "-gdwarf-5", "-O2"]));
    same_as_readelf(&Program::c(&["-g", "-gdwarf-3", "-O2", "-gdwarf64"]));
}

#[test]
fn rust_units_name_their_crate_and_its_id() {
    let program = Program::rust(&["-g", "-O", "-Csymbol-mangling-version=v0"]);
    let sections = program.sections();
    let info = load(&sections);
    let crates: std::collections::BTreeSet<_> = info
        .units()
        .iter()
        .filter_map(|unit| unit.rust_name()?.crate_name)
        .collect();
    for name in ["outer", "inner", "std", "core", "alloc"] {
        assert!(crates.contains(name), "{crates:?}");
    }
    // The id is the disambiguator of the crate in v0 symbols, here written in hexadecimal by
    // another implementation: `rustc_demangle` prints `core[c1f1a4ba060b9bfa]`.
    let symbols = run("nm", &[program.path()]);
    let demangled: String = symbols
        .lines()
        .filter_map(|line| line.split(' ').next_back())
        .map(|symbol| format!("{:?}\n", rustc_demangle::demangle(symbol)))
        .collect();
    for unit in info.units().iter().filter(|unit| unit.is_rust()) {
        let name = unit.rust_name().unwrap();
        if matches!(
            name.crate_name,
            Some("outer" | "inner" | "std" | "core" | "alloc")
        ) {
            let id = format!("{}[{:x}]", name.crate_name.unwrap(), name.crate_id.unwrap());
            assert!(demangled.contains(&id), "{id}");
            assert!(name.root.ends_with(".rs"));
        }
    }
}

#[test]
fn incremental_units_name_their_root_only() {
    let directory = tempfile::tempdir().unwrap();
    let flag = format!("-Cincremental={}", directory.path().to_str().unwrap());
    let program = Program::rust(&["-g", "-Cprefer-dynamic", &flag]);
    let sections = program.sections();
    let info = load(&sections);
    let names: Vec<_> = info.units().iter().filter_map(Unit::rust_name).collect();
    assert!(
        names
            .iter()
            .any(|name| name.crate_name.is_none() && name.root.ends_with("outer.rs"))
    );
}

#[test]
fn split_units_are_counted_and_named_after_their_file() {
    let program = Program::rust(&["-g", "-Csplit-debuginfo=unpacked", "-Cprefer-dynamic"]);
    let sections = program.sections();
    let info = load(&sections);
    assert!(info.split_units() > 0);
    for unit in info
        .units()
        .iter()
        .filter(|unit| unit.kind == UnitKind::Skeleton)
    {
        let name = unit.rust_name().unwrap();
        assert!(
            matches!(name.crate_name, Some("outer" | "inner")),
            "{name:?}"
        );
    }
}

#[test]
fn unit_ranges_are_those_of_the_first_entry() {
    // Against `.debug_aranges`, which LLVM derives from the code and not from the entry.
    let program = Program::rust(&["-g", "-O"]);
    let sections = program.sections();
    let info = load(&sections);
    let text = run("readelf", &["-W", "--debug-dump=aranges", program.path()]);
    let mut unit = 0;
    let mut checked = 0;
    for line in text.lines() {
        if let Some(offset) = line.trim().strip_prefix("Offset into .debug_info:") {
            let digits = offset.trim().trim_start_matches("0x");
            unit = info
                .unit_at(u64::from_str_radix(digits, 16).unwrap())
                .unwrap();
        }
        let mut words = line.split_whitespace();
        let (Some(start), Some(size)) = (words.next(), words.next()) else {
            continue;
        };
        let hex = |text: &str| (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok())?;
        let (Some(start), Some(size)) = (hex(start), hex(size)) else {
            continue;
        };
        // Code that the linker dropped stays in one of both tables at address 0.
        if size > 0
            && start > 1
            && program
                .code()
                .iter()
                .any(|code| code.contains(VirtualAddress(start)))
        {
            let ranges = info.unit_ranges(unit);
            let inside = ranges
                .iter()
                .any(|range| range.start.0 <= start && start + size <= range.end().0);
            assert!(inside, "{start:#x}+{size:#x} of {unit} not in {ranges:?}");
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}
