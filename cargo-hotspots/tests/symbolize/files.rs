//! Debug information in other files, and none at all. The witness is the whole file: what is found
//! must be the same.

use crate::programs::{Line, Program, Resolved, V0, addresses, code, tool};
use cargo_hotspots::symbols::Chain;
use std::fs;

const DEBUG: [&str; 2] = [V0, "-Cdebuginfo=2"];

fn split(kind: &str) -> (Program, Program) {
    let whole = Program::build(&DEBUG);
    let flag = format!("-Csplit-debuginfo={kind}");
    let split = Program::build(&[V0, "-Cdebuginfo=2", &flag]);
    assert_eq!(code(&whole.file), code(&split.file), "other code");
    (whole, split)
}

/// As words, without the directory that differs between two builds.
fn words(program: &Program, addresses: &[u64]) -> Vec<String> {
    let directory = program.directory.path().display().to_string();
    Resolved::of(&program.file, addresses)
        .words()
        .iter()
        .map(|words| format!("{words:?}").replace(&directory, ""))
        .collect()
}

fn same(ours: &[String], whole: &[String]) {
    assert_eq!(ours.len(), whole.len());
    let differ: Vec<_> = ours.iter().zip(whole).filter(|(a, b)| a != b).collect();
    assert!(
        differ.is_empty(),
        "{} of {}: {:#?}",
        differ.len(),
        ours.len(),
        &differ[..differ.len().min(3)]
    );
}

fn inlined(words: &Resolved) -> usize {
    words
        .symbols
        .chains
        .iter()
        .filter(|chain| chain.len > 1)
        .count()
}

#[test]
fn split_debug_information_unpacked() {
    let (whole, split) = split("unpacked");
    let addresses = addresses(&split.file, 5);
    same(&words(&split, &addresses), &words(&whole, &addresses));

    // The files of another build have other ids; with theirs in place nothing may be made up.
    let own = Resolved::of(&split.file, &addresses);
    let other = Program::build(&[
        V0,
        "-Cdebuginfo=2",
        "-Csplit-debuginfo=unpacked",
        "-Copt-level=1",
    ]);
    let dwo = |program: &Program| -> Vec<_> {
        let entries = fs::read_dir(program.directory.path()).unwrap();
        let mut found: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|own| own == "dwo"))
            .collect();
        found.sort();
        found
    };
    let (ours, theirs) = (dwo(&split), dwo(&other));
    assert!(!ours.is_empty() && !theirs.is_empty());
    for (at, path) in ours.iter().enumerate() {
        fs::copy(&theirs[at % theirs.len()], path).unwrap();
    }
    let refused = Resolved::of(&split.file, &addresses);
    assert!(refused.functions("helper::mix").is_empty());
    assert!(!own.functions("helper::mix").is_empty());
    assert!(refused.symbols.gaps.no_debug_info[0].1 > 0);

    // Gone: symbols and, from the program's own line table, lines.
    for path in ours {
        fs::remove_file(path).unwrap();
    }
    let gone = Resolved::of(&split.file, &addresses);
    assert!(inlined(&gone) < inlined(&own));
    let lines = |resolved: &Resolved| {
        let row = |(address, chain, lines): (u64, &Chain, Vec<Line>)| {
            (!chain.line_zero).then(|| (address, lines[0].file.clone(), lines[0].line))
        };
        resolved.each().filter_map(row).collect::<Vec<_>>()
    };
    assert_eq!(lines(&gone), lines(&own));
    assert!(!gone.functions("inner::Wrapper>::total").is_empty());
}

#[test]
fn split_debug_information_packed() {
    let (whole, split) = split("packed");
    assert!(split.path("program.dwp").exists());
    let addresses = addresses(&split.file, 5);
    same(&words(&split, &addresses), &words(&whole, &addresses));
}

#[test]
fn separate_debug_files() {
    let program = Program::build(&DEBUG);
    let directory = program.directory.path();
    let addresses = addresses(&program.file, 5);
    let whole = words(&program, &addresses);
    let symbols = |program: &Program| {
        let resolved = Resolved::of(&program.file, &addresses);
        let chains = resolved.symbols.chains.iter();
        chains
            .map(|chain| {
                let name = &resolved.symbols.functions[chain.symbol.0 as usize].name;
                (name.clone(), chain.extent)
            })
            .collect::<Vec<_>>()
    };
    let whole_symbols = symbols(&program);
    tool(
        "objcopy",
        &["--only-keep-debug", "program", "program.debug"],
        directory,
    );
    tool("strip", &["program"], directory);

    // Stripped, and nothing leads to the debug file: no crate is guessed, all is counted.
    let stripped = Resolved::of(&program.file, &addresses);
    let gaps = &stripped.symbols.gaps;
    assert_eq!(gaps.no_debug_info[0].1, addresses.len() as u64);
    assert!(gaps.no_symbol[0].1 > addresses.len() as u64 / 2);
    assert!(!stripped.functions("[unknown]").is_empty());

    tool(
        "objcopy",
        &["--add-gnu-debuglink=program.debug", "program"],
        directory,
    );
    same(&words(&program, &addresses), &whole);
    assert_eq!(symbols(&program), whole_symbols);

    // The debug file of another build.
    let other = Program::build(&[V0, "-Cdebuginfo=2", "-Copt-level=1"]);
    tool(
        "objcopy",
        &["--only-keep-debug", "program", "program.debug"],
        other.directory.path(),
    );
    fs::copy(other.path("program.debug"), program.path("program.debug")).unwrap();
    let refused = Resolved::of(&program.file, &addresses);
    assert_eq!(refused.symbols.gaps, stripped.symbols.gaps);
}

/// `dwz` moves what is there twice to units of their own, and what two files share to a third file.
#[test]
fn debug_information_that_dwz_moved() {
    let program = Program::build(&DEBUG);
    let directory = program.directory.path();
    let addresses = addresses(&program.file, 40);
    let whole = words(&program, &addresses);
    let names = |program: &Program| {
        let resolved = Resolved::of(&program.file, &addresses);
        let outermost = |chain: &Chain| {
            let scopes = &resolved.symbols.scopes[chain.first as usize..][..chain.len as usize];
            let function = scopes.last().unwrap().function.0 as usize;
            resolved.symbols.functions[function].name.clone()
        };
        let names: Vec<String> = resolved.symbols.chains.iter().map(outermost).collect();
        names
    };
    let whole_names = names(&program);
    fs::copy(&program.file, program.path("original")).unwrap();
    tool("dwz", &["program"], directory);
    same(&words(&program, &addresses), &whole);

    fs::copy(program.path("original"), &program.file).unwrap();
    fs::copy(&program.file, program.path("other")).unwrap();
    tool("dwz", &["-m", "common.dwz", "program", "other"], directory);
    let sections = tool("readelf", &["-SW", "program"], directory);
    assert!(sections.contains(".gnu_debugaltlink"), "{sections}");
    same(&words(&program, &addresses), &whole);
    let found = Resolved::of(&program.file, &addresses);
    assert_eq!(found.symbols.gaps.no_shared_debug, []);

    // A copy that was kept with the recording, the shared file is where the program was.
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy");
    fs::copy(&program.file, &copy).unwrap();
    let mut module = crate::programs::module(codecost::image::Mapping::open(&copy).unwrap());
    module.name = program.file.display().to_string();
    let looked_at = Resolved::with(module, &addresses);
    assert_eq!(looked_at.symbols.gaps.no_shared_debug, []);

    // Gone, and in its place that of another build: symbols name the functions.
    let other = Program::build(&[V0, "-Cdebuginfo=2", "-Copt-level=1"]);
    fs::copy(&other.file, other.path("other")).unwrap();
    let directory = other.directory.path();
    tool("dwz", &["-m", "common.dwz", "program", "other"], directory);
    for replaced in [false, true] {
        match replaced {
            false => fs::remove_file(program.path("common.dwz")).unwrap(),
            true => {
                fs::copy(other.path("common.dwz"), program.path("common.dwz")).unwrap();
            }
        }
        let gone = Resolved::of(&program.file, &addresses);
        let file = program.file.display().to_string();
        let expected = [(file, "common.dwz".to_owned())];
        assert_eq!(gone.symbols.gaps.no_shared_debug, expected);
        let unnamed = |name: &&String| name.contains("{unnamed}");
        let functions = gone.symbols.functions.iter().map(|it| &it.name);
        assert_eq!(functions.filter(unnamed).count(), 0);
        let now = names(&program);
        let same = now
            .iter()
            .zip(&whole_names)
            .filter(|(now, whole)| now == whole);
        // Names of symbols have no generic arguments, and aliases choose another.
        let same = same.count() as f64 / now.len() as f64;
        assert!(same > 0.95, "{same}");
    }
}

/// Fedora's programs have the names of their functions in a packed file inside. `nm` names them where
/// they were before `strip`.
#[test]
fn names_that_are_packed_inside() {
    let program = Program::build(&[V0]);
    let directory = program.directory.path();
    // Debug information of std would say more than names.
    tool("strip", &["--strip-debug", "program"], directory);
    let addresses = addresses(&program.file, 50);
    let whole = words(&program, &addresses);
    let command = "objcopy --only-keep-debug program kept && \
                   nm program --format=posix --defined-only | cut -d' ' -f1 > names && \
                   objcopy -S --keep-symbols=names kept packed && xz packed && strip program && \
                   objcopy --add-section .gnu_debugdata=packed.xz program";
    tool("sh", &["-c", command], directory);
    let symbols = tool("readelf", &["-SW", "program"], directory);
    assert!(!symbols.contains(".symtab"), "{symbols}");
    same(&words(&program, &addresses), &whole);
    // Damaged, it is none.
    tool(
        "sh",
        &[
            "-c",
            "objcopy --update-section .gnu_debugdata=names program",
        ],
        directory,
    );
    let damaged = Resolved::of(&program.file, &addresses);
    assert!(damaged.symbols.gaps.no_symbol[0].1 > addresses.len() as u64 / 2);
}

#[test]
fn compressed_sections() {
    let program = Program::build(&DEBUG);
    let addresses = addresses(&program.file, 5);
    let whole = words(&program, &addresses);
    let directory = program.directory.path();
    tool(
        "objcopy",
        &["--compress-debug-sections=zlib", "program"],
        directory,
    );
    same(&words(&program, &addresses), &whole);
}

/// A copy that was kept with the recording: what was beside the original is found.
#[test]
fn files_beside_the_original() {
    let program = Program::build(&[V0, "-Cdebuginfo=2", "-Csplit-debuginfo=packed"]);
    let addresses = addresses(&program.file, 5);
    let whole = words(&program, &addresses);
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy");
    fs::copy(&program.file, &copy).unwrap();
    let mut module = crate::programs::module(codecost::image::Mapping::open(&copy).unwrap());
    module.name = program.file.display().to_string();
    let resolved = Resolved::with(module, &addresses);
    let directory = program.directory.path().display().to_string();
    let copied: Vec<String> = resolved
        .words()
        .iter()
        .map(|words| format!("{words:?}").replace(&directory, ""))
        .collect();
    same(&copied, &whole);
}
