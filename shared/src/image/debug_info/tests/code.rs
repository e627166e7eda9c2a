//! Functions and inlined frames against symbols, demanglers and GNU `addr2line`.

use std::collections::HashMap;

use object::ObjectSymbol;

use super::*;

fn text(bytes: Option<&[u8]>) -> Option<&str> {
    bytes.map(|bytes| std::str::from_utf8(bytes).unwrap())
}

#[test]
fn functions_are_the_symbols_of_the_linker() {
    for flags in [
        &["-g", "-Copt-level=0"][..],
        &["-g", "-O", "-Cdwarf-version=5"],
        &["-Cdebuginfo=1", "-Copt-level=3", "-Clto=fat"],
    ] {
        let program = Program::rust(flags);
        let sections = program.sections();
        let info = load(&sections);
        let map = info.functions(&program.code());
        assert_eq!(map.damaged_units, 0);
        assert!(
            map.ranges
                .is_sorted_by(|a, b| a.range.end() <= b.range.start)
        );
        let file = program.file();
        let mut names: HashMap<u64, Vec<(&str, u64)>> = HashMap::new();
        for symbol in file
            .symbols()
            .filter(|symbol| symbol.kind() == object::SymbolKind::Text)
        {
            let entry = names.entry(symbol.address()).or_default();
            entry.push((symbol.name().unwrap(), symbol.size()));
        }
        let mut checked = 0;
        for range in &map.ranges {
            let function = &map.functions[range.function as usize];
            let Some(symbols) = names.get(&range.range.start.0) else {
                continue;
            };
            // Where functions were folded into one, any of them may be meant.
            let folded = symbols.len() > 1;
            if let Some(name) = text(function.linkage_name) {
                // LTO tells local symbols of the same name apart by a number behind a dot.
                let same_name = |symbol: &str| {
                    symbol
                        .strip_prefix(name)
                        .is_some_and(|more| more.is_empty() || more.starts_with('.'))
                };
                let found = symbols.iter().find(|(symbol, _)| same_name(symbol));
                assert!(found.is_some() || folded, "{name} {symbols:?}");
                if let Some((_, size)) = found {
                    assert_eq!(range.range.size, *size, "{name}");
                    checked += 1;
                }
            }
        }
        assert!(checked > 300, "{checked}");
        // The other way round: each Rust symbol of these crates is found.
        let ours = |name: &str| {
            let name = format!("{:#}", rustc_demangle::demangle(name));
            name.starts_with("outer::") || name.starts_with("inner::")
        };
        for (address, symbols) in names.iter().filter(|(_, s)| s.iter().any(|(n, _)| ours(n))) {
            assert!(map.at(VirtualAddress(*address)).is_some(), "{symbols:?}");
        }
    }
}

/// The crate in which a v0 symbol's path is rooted, read off the symbol itself. Only paths that
/// start with the crate: `<A as B>::f` has two.
fn v0_root(symbol: &str) -> Option<String> {
    if !symbol.starts_with("_R") {
        return None;
    }
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    let root = name.split("::").next()?;
    (!root.starts_with(['<', '{'])).then(|| root.to_owned())
}

#[test]
fn the_outermost_namespace_is_the_defining_crate() {
    let program = Program::rust(&["-g", "-O", "-Csymbol-mangling-version=v0"]);
    let sections = program.sections();
    let info = load(&sections);
    let map = info.inlined(&program.code());
    let mut checked = 0;
    for function in &map.functions {
        let Some(root) = text(function.linkage_name).and_then(v0_root) else {
            continue;
        };
        if root != "__rustc" {
            assert_eq!(
                text(function.crate_name),
                Some(&*root),
                "{}",
                map.path(function)
            );
            checked += 1;
        }
    }
    assert!(checked > 1000, "{checked}");
}

#[test]
fn legacy_names_that_hide_their_crate_do_not_hide_it_here() {
    // Stable Rust before 1.97 makes legacy names unless told otherwise.
    let program = Program::rust(&["-g", "-Copt-level=1"]);
    let sections = program.sections();
    let info = load(&sections);
    let map = info.functions(&program.code());
    let find = |part: &str| {
        let range = map.ranges.iter().find(|range| {
            let function = &map.functions[range.function as usize];
            map.path(function).contains(part)
        });
        let range = range.unwrap_or_else(|| panic!("no {part}"));
        let function = &map.functions[range.function as usize];
        let unit = info.units()[range.unit as usize]
            .rust_name()
            .unwrap()
            .crate_name
            .unwrap();
        (
            text(function.crate_name).unwrap(),
            unit.to_owned(),
            map.source_file(function).unwrap(),
        )
    };
    // A generic of one crate, compiled by the other.
    let (defined, made_by, source) = find("inner::largest<u32>");
    assert_eq!((defined, &*made_by), ("inner", "outer"));
    assert!(source.ends_with("/inner.rs"), "{source}");
    // `<alloc::vec::Vec<u32> as inner::Area>::area` is of neither alloc nor core.
    let (defined, made_by, _) = find("::area");
    assert_eq!((defined, &*made_by), ("inner", "inner"));
    let (defined, _, source) = find("outer::deep::er::wind");
    assert_eq!(defined, "outer");
    assert!(source.ends_with("/outer.rs"), "{source}");
    let (defined, made_by, _) = find("core::ptr::drop_in_place<inner::Shape>");
    assert_eq!((defined, &*made_by), ("core", "outer"));
}

/// The innermost function at each address, as GNU `addr2line` says.
fn addr2line(program: &Program, addresses: &[u64]) -> Vec<String> {
    let mut found = Vec::new();
    for chunk in addresses.chunks(500) {
        let mut args = vec!["-a", "-f", "-i", "-e", program.path()];
        let texts: Vec<String> = chunk
            .iter()
            .map(|address| format!("{address:#x}"))
            .collect();
        args.extend(texts.iter().map(String::as_str));
        let output = run("addr2line", &args);
        let mut lines = output.lines().peekable();
        while let Some(line) = lines.next() {
            if line.starts_with("0x") {
                found.push((*lines.peek().unwrap()).to_owned());
            }
        }
    }
    assert_eq!(found.len(), addresses.len());
    found
}

fn same_as_addr2line(program: &Program) -> (usize, usize) {
    let sections = program.sections();
    let info = load(&sections);
    let map = info.inlined(&program.code());
    assert_eq!(map.damaged_units, 0);
    assert!(
        map.ranges
            .is_sorted_by(|a, b| a.range.end() <= b.range.start)
    );
    // Both make the same of the addresses that have any debug information.
    let functions = info.functions(&program.code());
    let total =
        |map: &CodeMap<'_, '_>| map.ranges.iter().map(|found| found.range.size).sum::<u64>();
    assert_eq!(total(&map), total(&functions));
    let step = map.ranges.len() / 1500 + 1;
    let sampled: Vec<&CodeRange> = map.ranges.iter().step_by(step).collect();
    let addresses: Vec<u64> = sampled
        .iter()
        .map(|found| found.range.start.0 + found.range.size / 2)
        .collect();
    let mut wrong = Vec::new();
    for (found, name) in sampled.iter().zip(addr2line(program, &addresses)) {
        let function = &map.functions[found.function as usize];
        let names = [text(function.linkage_name), text(function.name)];
        if !names.contains(&Some(&*name)) {
            wrong.push((found.range.start, found.inlined, map.path(function), name));
        }
    }
    let inlined = sampled.iter().filter(|found| found.inlined).count();
    assert!(
        wrong.len() * 100 <= sampled.len(),
        "{} of {}: {wrong:#?}",
        wrong.len(),
        sampled.len()
    );
    (sampled.len(), inlined)
}

#[test]
fn innermost_frames_are_those_of_addr2line() {
    for flags in [
        &["-g", "-Copt-level=3"][..],
        &["-Cdebuginfo=1", "-Copt-level=2", "-Clto=fat"],
        &["-g", "-Copt-level=2", "-Cdwarf-version=5"],
    ] {
        let (sampled, inlined) = same_as_addr2line(&Program::rust(flags));
        assert!(sampled > 800 && inlined > 500, "{sampled} {inlined}");
    }
    let (sampled, inlined) = same_as_addr2line(&Program::c(&["-g", "-O2"]));
    assert!(sampled > 2 && inlined > 0, "{sampled} {inlined}");
}

/// The file of the line at each address, as GNU `addr2line` says. A function's lines may be of
/// several files (macros), so this holds for most bytes only.
#[test]
fn line_tables_alone_name_the_file() {
    let program = Program::rust(&["-Cdebuginfo=line-tables-only", "-Copt-level=2"]);
    let sections = program.sections();
    let info = load(&sections);
    let map = info.inlined(&program.code());
    let (mut same, mut all) = (0, 0);
    for range in &map.ranges {
        let function = &map.functions[range.function as usize];
        if function.crate_name.is_some() {
            continue;
        }
        let file = map.source_file(function).unwrap();
        let middle = range.range.start.0 + range.range.size / 2;
        let address = format!("{middle:#x}");
        let output = run("addr2line", &["-e", program.path(), &address]);
        let (expected, _line) = output.trim().rsplit_once(':').unwrap();
        // `addr2line` tidies up paths.
        let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        all += range.range.size;
        same += if name(&file) == name(expected) {
            range.range.size
        } else {
            0
        };
    }
    assert!(all > 1000 && same * 100 >= all * 90, "{same} of {all}");
    let files: std::collections::BTreeSet<String> = map
        .functions
        .iter()
        .filter_map(|function| map.source_file(function))
        .collect();
    assert!(
        files.iter().any(|file| file.ends_with("/inner.rs")),
        "{files:?}"
    );
    assert!(
        files.iter().any(|file| file.ends_with("/outer.rs")),
        "{files:?}"
    );
}

#[test]
fn namespaces_of_cxx_are_no_crates() {
    let program = Program::cxx(&["-g", "-O1", "-fdebug-types-section", "-gdwarf-4"]);
    let sections = program.sections();
    let info = load(&sections);
    let map = info.functions(&program.code());
    let paths: Vec<String> = map
        .functions
        .iter()
        .map(|function| map.path(function))
        .collect();
    assert!(
        paths.iter().any(|path| path == "geo::most<int>"),
        "{paths:?}"
    );
    assert!(
        map.functions
            .iter()
            .all(|function| function.crate_name.is_none())
    );
    let norm = map
        .functions
        .iter()
        .find(|function| function.name == Some(b"norm"))
        .unwrap();
    assert!(map.source_file(norm).unwrap().ends_with("/outer.cc"));
    // Its type is in a unit of its own, to which only a signature leads.
    assert_eq!(text(norm.linkage_name), Some("_ZNK3geo5point4normEv"));
}
