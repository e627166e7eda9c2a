//! The command line as users type it.

use crate::definition;
use codecost::console::{Captured, Console};
use std::{ffi::OsString, process::ExitCode};

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

/// The smallest file of a known format: two headers for x86-64, which load themselves.
fn small_file() -> tempfile::NamedTempFile {
    let mut header = [0_u8; 120];
    header[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    // An executable for x86-64 of version 1, with one program header of 56 bytes behind 64.
    (header[16], header[18], header[20]) = (2, 62, 1);
    (header[32], header[52], header[54], header[56]) = (64, 64, 56, 1);
    // To load, readable, all of the file, aligned to a byte.
    (header[64], header[68]) = (1, 4);
    (header[96], header[104], header[112]) = (120, 120, 1);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), header).unwrap();
    file
}

/// The JSON report of a small file, which stands where the line has `{}`.
fn report(line: &str) -> serde_json::Value {
    let file = small_file();
    let line = line.replace("{}", &file.path().to_string_lossy());
    let (code, captured) = run(&format!("{line} --message-format json"));
    assert_eq!(captured.stderr(), "", "{line}");
    assert_code(code, 0);
    serde_json::from_str(&captured.stdout()).unwrap()
}

#[test]
fn the_definitions_are_sound() {
    definition().debug_assert();
}

/// The tool's own help, and that of every command, in both lengths.
#[test]
fn help_texts() {
    let mut names = vec![String::new()];
    let definition = definition();
    let commands = definition.get_subcommands();
    names.extend(commands.map(|command| command.get_name().to_owned()));
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        for flag in ["-h", "--help"] {
            let (code, captured) = run(&format!("cargo-slim {name} {flag}"));
            assert_code(code, 0);
            assert_eq!(captured.stderr(), "");
            let title = if name.is_empty() { "slim" } else { &name };
            let title = format!("{title}{}", if flag == "-h" { "-h" } else { "-help" });
            insta::assert_snapshot!(title, captured.stdout());
        }
    }
}

#[test]
fn short_help_fits_a_screen() {
    let lines = run("cargo-slim -h").1.stdout().lines().count();
    assert!((24..=40).contains(&lines), "{lines} lines");
}

#[test]
fn cargos_own_slim_is_optional() {
    for line in ["cargo-slim slim sections", "cargo-slim sections"] {
        assert_eq!(
            report(&format!("{line} --file {{}}"))["view"],
            "sections",
            "{line}"
        );
    }
    assert_eq!(report("cargo-slim slim --file {}")["view"], "overview");
}

#[test]
fn flags_stand_behind_the_command_or_before_it() {
    for line in [
        "cargo-slim crates --by instantiated --file {} -n 5 -v",
        "cargo-slim slim -v -n 5 --file {} crates --by=instantiated",
    ] {
        let report = report(line);
        assert_eq!(report["by"], "instantiated", "{line}");
        assert_eq!(report["total"]["file"], 120, "{line}");
        // Only a limit makes this.
        assert_eq!(report["cut"]["rows"], 0, "{line}");
    }
    let report = report("cargo-slim --file {} crates");
    assert_eq!(report["by"], "defined");
    assert!(report.get("cut").is_none());
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
        ("cargo-slim diff a", "<NEW>"),
        (
            "cargo-slim diff a b --rev main..",
            "help: two files are compared as they are",
        ),
        (
            "cargo-slim diff --rev main...",
            "help: write `--rev A..B`, for example",
        ),
        (
            "cargo-slim diff a b --debug-file c",
            "help: `--debug-file` means nothing to `cargo slim diff`",
        ),
        ("cargo-slim snapshot --compressed", "--file <PATH>"),
        (
            "cargo-slim snapshot --allow-absent",
            "help: add `--bin NAME`, `--example NAME`, or `-p PACKAGE --lib`",
        ),
        ("cargo-slim check --update", "--reason <TEXT>"),
    ] {
        refuses(line, hint);
    }
}

fn refuses(line: &str, hint: &str) {
    let (code, captured) = run(line);
    assert_eq!(captured.stdout(), "", "{line}");
    let stderr = captured.stderr();
    assert!(
        stderr.starts_with("error: ") && stderr.contains(hint),
        "{line}: {stderr}"
    );
    assert_code(code, 2);
}

/// Cargo's flags choose what is built, and two files are not built.
#[test]
fn two_files_refuse_cargos_flags() {
    for flag in [
        "--lib",
        "--bin",
        "-p x",
        "--example e",
        "--test t",
        "--bench b",
        "--features x",
        "--all-features",
        "--no-default-features",
        "--release",
        "--profile dev",
        "-j 1",
        "--target-dir d",
        "--manifest-path m",
        "--locked",
        "--offline",
        "--frozen",
        "--config a=1",
        "-Z x",
        "--target t",
    ] {
        refuses(
            &format!("cargo-slim diff a b {flag}"),
            "help: two files are compared as they are",
        );
    }
    // With commits they are cargo's, and what is refused is the commit.
    let (_, captured) = run("cargo-slim diff --rev nothing-of-that-name..HEAD --lib --release");
    let stderr = captured.stderr();
    assert!(
        stderr.contains("no commit `nothing-of-that-name`"),
        "{stderr}"
    );
}

/// A snapshot is one file, whole and always JSON.
#[test]
fn a_snapshot_takes_no_rows_and_no_format() {
    for flag in [
        "-n 5",
        "--filter x",
        "--sort file",
        "-w",
        "--message-format json",
    ] {
        let name = flag.split(' ').next().unwrap();
        refuses(
            &format!("cargo-slim snapshot {flag}"),
            &format!("help: `{name}` means nothing to `cargo slim snapshot`"),
        );
    }
}

#[test]
fn a_manifest_that_is_not_there_is_refused_for_a_file_too() {
    let file = small_file();
    let path = file.path().display();
    refuses(
        &format!("cargo-slim sections --file {path} --manifest-path no/Cargo.toml"),
        "help: name the `Cargo.toml` of the project",
    );
}

#[test]
fn a_target_named_like_a_command_gets_a_hint() {
    // There is no such target here, so nothing is built.
    let hint = |line: &str| run(line).1.stderr().contains("`cargo slim crates --bin`");
    assert!(hint("cargo-slim --bin crates"));
    assert!(
        !hint("cargo-slim crates --bin crates"),
        "a command was named"
    );
}

#[test]
fn completions_and_man_pages_know_every_command() {
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
        1 + definition().get_subcommands().count()
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
