//! The command line as users type it.

use super::*;
use crate::options::{By, Input, Options, Task, View};
use codecost::console::{Captured, Console};
use std::process::ExitCode;

fn read(line: &str) -> Result<Options, String> {
    let args = line.split_whitespace().map(OsString::from);
    let cli = Cli::read(args).map_err(|error| error.to_string())?;
    match Task::from_cli(cli).map_err(|error| error.to_string())? {
        Task::View(options) => Ok(*options),
        other => Err(format!("{other:?}")),
    }
}

fn run(line: &str) -> (ExitCode, Captured) {
    let (mut console, captured) = Console::in_memory();
    let code = crate::run(line.split_whitespace().map(OsString::from), &mut console);
    (code, captured)
}

fn assert_code(code: ExitCode, expected: u8) {
    // ExitCode has no equality; its debug form has the number.
    assert_eq!(
        format!("{code:?}"),
        format!("{:?}", ExitCode::from(expected))
    );
}

#[test]
fn the_definitions_are_sound() {
    command().debug_assert();
}

#[test]
fn help_texts() {
    for (name, line) in [
        ("h", "cargo-slim -h"),
        ("help", "cargo-slim --help"),
        ("crates-help", "cargo-slim crates --help"),
        ("functions-h", "cargo-slim functions -h"),
    ] {
        let (code, captured) = run(line);
        assert_code(code, 0);
        assert_eq!(captured.stderr(), "");
        insta::assert_snapshot!(name, captured.stdout());
    }
}

#[test]
fn short_help_fits_a_screen() {
    let lines = run("cargo-slim -h").1.stdout().lines().count();
    assert!((24..=40).contains(&lines), "{lines} lines");
}

#[test]
fn cargos_own_slim_is_optional() {
    for line in ["cargo-slim slim crates", "cargo-slim crates"] {
        assert_eq!(
            read(line).unwrap().view,
            View::Crates(By::Defined),
            "{line}"
        );
    }
    assert_eq!(read("cargo-slim slim").unwrap().view, View::Overview);
    assert_eq!(
        read("cargo-slim slim --release").unwrap().view,
        View::Overview
    );
}

#[test]
fn views_take_their_flags_behind_them() {
    let options = read("cargo-slim crates --by instantiated --bin rg -n 5 -v").unwrap();
    assert_eq!(options.view, View::Crates(By::Instantiated));
    assert_eq!(options.common.output.limit, Some(5));
    assert!(matches!(options.input, Input::Build(_)));
    let options = read("cargo-slim sections --file a --debug-file b").unwrap();
    assert!(matches!(
        options.input,
        Input::File { path, debug_file: Some(debug), .. }
            if path == std::path::Path::new("a") && debug == std::path::Path::new("b")
    ));
}

#[test]
fn wrong_usage_is_2_with_a_way_on() {
    for (line, hint) in [
        (
            "cargo-slim rg",
            "help: to analyse a binary of that name, write `cargo slim --bin rg`",
        ),
        (
            "cargo-slim ./rg",
            "help: to analyse a file, write `cargo slim --file ./rg`",
        ),
        (
            "cargo-slim --bin rg crates",
            "help: the view comes first: `cargo slim crates …`",
        ),
        (
            "cargo-slim --file a --bin b",
            "help: `--file` analyses what is there",
        ),
        ("cargo-slim crate", "'crates'"),
        ("cargo-slim --debug-file a", "--file <PATH>"),
        ("cargo-slim --filter a[", "help: escape a literal character"),
        (
            "cargo-slim crates --by nobody",
            "possible values: defined, instantiated, inlined",
        ),
        (
            "cargo-slim sections --by defined",
            "unexpected argument '--by'",
        ),
    ] {
        let (code, captured) = run(line);
        assert_code(code, 2);
        assert_eq!(captured.stdout(), "", "{line}");
        let stderr = captured.stderr();
        assert!(
            stderr.starts_with("error: ") && stderr.contains(hint),
            "{line}: {stderr}"
        );
    }
}

#[test]
fn a_target_named_like_a_view_gets_a_hint() {
    let hint = read("cargo-slim --bin crates").unwrap().hint.unwrap();
    assert!(hint.contains("`cargo slim crates --bin`"), "{hint}");
    assert!(read("cargo-slim --bench data").unwrap().hint.is_some());
    assert_eq!(
        read("cargo-slim crates --bin crates").unwrap().hint,
        None,
        "a view was named"
    );
    assert_eq!(read("cargo-slim --bin rg").unwrap().hint, None);
}

#[test]
fn completions_and_man_pages_know_every_view() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, captured) = run(&format!("cargo-slim completions {shell}"));
        assert_code(code, 0);
        let script = captured.stdout();
        assert!(
            script.contains("generics") && script.contains("message-format"),
            "{shell}"
        );
    }
    let (code, captured) = run("cargo-slim man");
    assert_code(code, 0);
    let pages = captured.stdout();
    assert_eq!(
        pages.matches(".TH ").count(),
        1 + command().get_subcommands().count()
    );
    assert!(pages.contains("instantiated"));
}

#[test]
fn version_names_the_tool() {
    let (code, captured) = run("cargo-slim slim --version");
    assert_code(code, 0);
    assert_eq!(
        captured.stdout(),
        concat!("cargo-slim ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
