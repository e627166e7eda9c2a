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
