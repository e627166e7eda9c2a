//! Rows, never losses: libc, kernel, vdso, code made at run time, files that are gone.

use crate::programs::{Program, Resolved, V0, addresses, module, tool};
use cargo_hotspots::{
    profile::{
        Frame, FrameId, Module, ModuleId, ModuleKind, Place, Profile, RuntimeAddress, Thread,
    },
    symbolize::symbolize,
};
use codecost::{
    address::FileOffset,
    attribution::{Catalogue, Origin},
    image::Mapping,
};
use std::{fs, path::PathBuf};

fn bare(name: &str, kind: ModuleKind) -> Module {
    Module {
        name: name.into(),
        kind,
        build_id: None,
        file: None,
        problem: None,
    }
}

/// This process's libc.
fn libc() -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let path = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .find(|path| path.contains("/libc.so") || path.contains("/libc-"));
    path.unwrap().into()
}

#[test]
fn functions_of_libc() {
    let libc = libc();
    let nm = tool(
        "nm",
        &["-D", "-S", "--defined-only", libc.to_str().unwrap()],
        libc.parent().unwrap(),
    );
    let number = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let wanted: Vec<(u64, &str)> = nm
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let [start, size, "T", name] = fields[..] else {
                return None;
            };
            let name = name.split('@').next()?;
            ["malloc", "free", "qsort", "printf"]
                .contains(&name)
                .then(|| (number(start) + number(size) / 2, name))
        })
        .collect();
    assert_eq!(wanted.len(), 4, "{wanted:?}");
    let places: Vec<u64> = wanted.iter().map(|(address, _)| *address).collect();
    let resolved = Resolved::of(&libc, &places);
    for ((_, _, lines), (_, name)) in resolved.each().zip(&wanted) {
        let outer = lines.last().unwrap();
        assert!(outer.function.contains(name), "{lines:?} {name}");
    }
    for owner in &resolved.symbols.crates {
        assert_eq!(
            (owner.name.as_str(), owner.origin),
            ("[libc]", Origin::Native)
        );
        assert!(owner.system);
    }
    // What no table names is the library's, all the same.
    let everywhere = Resolved::of(&libc, &addresses(&libc, 997));
    assert!(
        everywhere
            .symbols
            .crates
            .iter()
            .all(|owner| owner.name == "[libc]")
    );
}

#[test]
fn what_is_in_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let map = PathBuf::from(format!("/tmp/perf-{}.map", std::process::id()));
    fs::write(&map, "7f0000001000 40 jitted::function\n").unwrap();
    let modules = vec![
        bare("[kernel.kallsyms]", ModuleKind::Kernel),
        bare("[vdso]", ModuleKind::Vdso),
        bare("//anon", ModuleKind::Jit),
        bare("[unknown]", ModuleKind::Unknown),
        bare("/gone/libm.so.6", ModuleKind::File),
        bare("/gone/program", ModuleKind::File),
    ];
    let memory = |module, address| Frame {
        module: ModuleId(module),
        place: Place::Memory(RuntimeAddress(address)),
    };
    let offset = |module| Frame {
        module: ModuleId(module),
        place: Place::Offset(FileOffset(0x1234)),
    };
    let profile = Profile {
        modules,
        frames: vec![
            memory(0, 0xffff_ffff_8100_0000),
            memory(1, 0x7fff_0000_0100),
            memory(2, 0x7f00_0000_1020),
            memory(2, 0x7f00_0000_2000),
            memory(3, 7),
            offset(4),
            offset(5),
            // A module that is not there: only a broken reader makes it.
            memory(99, 1),
        ],
        threads: vec![Thread {
            pid: std::process::id() as i32,
            tid: 1,
            name: "x".into(),
            process: "x".into(),
        }],
        ..Profile::default()
    };
    let symbols = symbolize(&profile, &Catalogue::empty());
    fs::remove_file(&map).unwrap();
    drop(directory);
    let found: Vec<(&str, &str, Origin, bool)> = (0..profile.frames.len() as u32)
        .map(|frame| {
            let [scope] = symbols.scopes_of(FrameId(frame)) else {
                panic!("not one scope")
            };
            let function = &symbols.functions[scope.function.0 as usize];
            let owner = &symbols.crates[function.owner.0 as usize];
            (&*function.name, &*owner.name, owner.origin, owner.system)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("[kernel]", "[kernel]", Origin::Kernel, true),
            ("[vdso]", "[vdso]", Origin::Vdso, true),
            ("jitted::function", "[jit]", Origin::Jit, false),
            ("[jit]", "[jit]", Origin::Jit, false),
            ("[unknown]", "[unknown]", Origin::Unknown, false),
            ("[libc]", "[libc]", Origin::Native, true),
            ("[unknown]", "[unknown]", Origin::Unknown, false),
            ("[unknown]", "[unknown]", Origin::Unknown, false),
        ]
    );
    assert_eq!(
        symbols.gaps.no_symbol,
        [
            ("/gone/libm.so.6".to_owned(), 1),
            ("/gone/program".to_owned(), 1)
        ]
    );
}

#[test]
fn libc_inside_a_static_program() {
    let program = Program::build(&[V0, "-Cdebuginfo=1", "-Ctarget-feature=+crt-static"]);
    let resolved = Resolved::of(&program.file, &addresses(&program.file, 3));
    let owner = |name: &str| {
        let functions = resolved.symbols.functions.iter();
        let mut found = functions.filter(|function| function.name == name);
        let function = found.next().unwrap_or_else(|| panic!("no {name}"));
        let owner = &resolved.symbols.crates[function.owner.0 as usize];
        (owner.name.clone(), owner.system)
    };
    for name in ["_int_malloc", "__libc_start_main_impl", "qsort"] {
        let has = resolved
            .symbols
            .functions
            .iter()
            .any(|function| function.name == name);
        if name == "qsort" && !has {
            continue;
        }
        assert_eq!(owner(name), ("[libc]".to_owned(), true), "{name}");
    }
    assert_eq!(owner("<program::inner::Wrapper>::total").0, "program");
}

#[test]
fn a_file_that_is_no_program() {
    let mapping = Mapping::of_bytes("/somewhere/data", b"not a program at all").unwrap();
    let resolved = Resolved::with(module(mapping), &[0, 1, u64::MAX]);
    assert!(
        resolved
            .each()
            .all(|(_, _, lines)| lines[0].function == "[unknown]")
    );
    let empty = Resolved::with(module(Mapping::of_bytes("/empty", b"").unwrap()), &[5]);
    assert_eq!(empty.symbols.chains.len(), 1);
}
