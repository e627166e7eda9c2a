//! The command line as users type it.

use super::*;
use crate::options::{
    CallGraphChoice, ExportFormat, Options, RecordOptions, Recorder, Source, Task, View, What,
};
use codecost::{
    cargo::TargetChoice,
    console::{Captured, Console},
};
use std::process::ExitCode;

fn task(line: &str) -> Result<Task, String> {
    let args = line.split_whitespace().map(OsString::from);
    let cli = Cli::read(args).map_err(|error| error.to_string())?;
    Task::from_cli(cli).map_err(|error| error.to_string())
}

fn read(line: &str) -> Options {
    match task(line) {
        Ok(Task::View(options)) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

fn recorded(line: &str) -> RecordOptions {
    match read(line).source {
        Source::Record(options) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

fn run(line: &str) -> (ExitCode, Captured) {
    let (mut console, captured) = Console::in_memory();
    let code = crate::run(line.split_whitespace().map(OsString::from), &mut console);
    (code, captured)
}

fn assert_code(line: &str, code: ExitCode, expected: u8) {
    // ExitCode has no equality; its debug form has the number.
    assert_eq!(
        format!("{code:?}"),
        format!("{:?}", ExitCode::from(expected)),
        "{line}"
    );
}

#[test]
fn the_definitions_are_sound() {
    command().debug_assert();
}

#[test]
fn help_texts() {
    for (name, line) in [
        ("h", "cargo-hotspots -h"),
        ("help", "cargo-hotspots --help"),
        ("functions-help", "cargo-hotspots functions --help"),
        ("diff-h", "cargo-hotspots diff -h"),
    ] {
        let (code, captured) = run(line);
        assert_code(line, code, 0);
        assert_eq!(captured.stderr(), "");
        insta::assert_snapshot!(name, captured.stdout());
    }
}

#[test]
fn short_help_fits_a_screen() {
    let lines = run("cargo-hotspots -h").1.stdout().lines().count();
    assert!((24..=40).contains(&lines), "{lines} lines");
}

#[test]
fn what_comes_later_is_not_there() {
    let help = run("cargo-hotspots --help").1.stdout();
    for later in [
        "stat",
        "alloc",
        "report",
        "check",
        "--save-baseline",
        "--baseline",
    ] {
        let listed = help
            .lines()
            .any(|line| line.trim_start().starts_with(later));
        assert!(!listed, "{later}");
    }
    assert!(!help.contains("--lib"));
}

#[test]
fn cargos_own_hotspots_is_optional() {
    for line in ["cargo-hotspots hotspots crates", "cargo-hotspots crates"] {
        assert_eq!(read(line).view, View::Crates, "{line}");
    }
}

#[test]
fn bare_it_records_the_default_target() {
    for line in ["cargo-hotspots", "cargo-hotspots hotspots --release"] {
        let options = read(line);
        assert_eq!(options.view, View::Overview);
        let Source::Record(record) = options.source else {
            panic!("{line}");
        };
        assert_eq!(record.what, What::Target);
        assert_eq!(record.selection.target, TargetChoice::Default);
        assert_eq!(record.frequency, 997);
    }
}

#[test]
fn a_view_without_a_target_opens_the_latest_recording() {
    for line in [
        "cargo-hotspots overview",
        "cargo-hotspots crates --manifest-path a/Cargo.toml --strict",
        "cargo-hotspots asm my::function -n 5",
    ] {
        assert!(matches!(read(line).source, Source::Latest(_)), "{line}");
    }
    assert!(read("cargo-hotspots crates --strict").strict);
}

#[test]
fn a_view_with_a_target_or_arguments_records_first() {
    for line in [
        "cargo-hotspots crates --bin rg",
        "cargo-hotspots crates --bench",
        "cargo-hotspots functions --exec ./a.out",
        "cargo-hotspots functions --pid 12",
        "cargo-hotspots lines -- needle",
    ] {
        assert!(matches!(read(line).source, Source::Record(_)), "{line}");
    }
    let record = recorded(
        "cargo-hotspots crates --bench parse --frequency 99 --call-graph fp --event cycles:u \
         --recorder builtin --target x86_64-unknown-linux-gnu -- --exact a",
    );
    assert_eq!(
        record.selection.target,
        TargetChoice::Bench(Some("parse".into()))
    );
    assert_eq!(
        record.selection.triple.as_deref(),
        Some("x86_64-unknown-linux-gnu")
    );
    assert_eq!(record.frequency, 99);
    assert_eq!(record.call_graph, Some(CallGraphChoice::FramePointers));
    assert_eq!(record.event.as_deref(), Some("cycles:u"));
    assert_eq!(record.recorder, Some(Recorder::Builtin));
    assert_eq!(record.arguments, ["--exact", "a"]);
    let record = recorded("cargo-hotspots --exec ./prog -- crates");
    assert_eq!(record.what, What::Program("./prog".into()));
    assert_eq!(record.arguments, ["crates"]);
    assert_eq!(recorded("cargo-hotspots --pid 7").what, What::Process(7));
}

#[test]
fn operands_and_exports() {
    let view = |line: &str| read(line).view;
    assert_eq!(
        view("cargo-hotspots callers a::b"),
        View::Callers("a::b".into())
    );
    assert_eq!(
        view("cargo-hotspots callees a::b"),
        View::Callees("a::b".into())
    );
    assert_eq!(
        view("cargo-hotspots export --to pprof -o a.pb.gz"),
        View::Export(ExportFormat::Pprof)
    );
    assert_eq!(view("cargo-hotspots flamegraph -o a.svg"), View::Flamegraph);
    assert!(matches!(
        task("cargo-hotspots diff a b -n 3"),
        Ok(Task::Diff(options)) if options.before.ends_with("a") && options.after.ends_with("b")
    ));
    assert!(matches!(task("cargo-hotspots doctor"), Ok(Task::Doctor(_))));
}

#[test]
fn wrong_usage_is_2_with_a_way_on() {
    for (line, hint) in [
        (
            "cargo-hotspots perf.data",
            "help: to open a recording, write `cargo hotspots overview --input perf.data`",
        ),
        (
            "cargo-hotspots ./dir/perf.data",
            "`cargo hotspots overview --input ./dir/perf.data`",
        ),
        (
            "cargo-hotspots rg",
            "help: to record a binary of that name, write `cargo hotspots --bin rg`",
        ),
        (
            "cargo-hotspots --bin rg crates",
            "help: the view comes first: `cargo hotspots crates …`",
        ),
        ("cargo-hotspots crate", "'crates'"),
        ("cargo-hotspots --lib", "help: record what calls it"),
        (
            "cargo-hotspots crates --frequency 99",
            "leave out `--frequency` to open the latest recording again",
        ),
        (
            "cargo-hotspots crates -p app",
            "leave out `--package` to open the latest recording again",
        ),
        (
            "cargo-hotspots crates --input a --bin b",
            "help: `--input` opens a recording that is there",
        ),
        ("cargo-hotspots --exec a --bin b", "cannot be used with"),
        ("cargo-hotspots --pid 0", "0 is not in 1"),
        ("cargo-hotspots --frequency 0 --bin a", "0 is not in 1"),
        ("cargo-hotspots asm", "<FUNCTION>"),
        ("cargo-hotspots export", "--to <FORMAT>"),
        (
            "cargo-hotspots export --to svg",
            "possible values: firefox, pprof, folded",
        ),
        ("cargo-hotspots diff a", "<AFTER>"),
        (
            "cargo-hotspots diff a b --bin c",
            "means nothing to `cargo hotspots diff`",
        ),
        (
            "cargo-hotspots crates --filter a[",
            "help: escape a literal character",
        ),
        (
            "cargo-hotspots flamegraph --message-format json",
            "format of its own",
        ),
        ("cargo-hotspots crates --message-format github", "for gates"),
    ] {
        let (code, captured) = run(line);
        assert_code(line, code, 2);
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
    let hint = read("cargo-hotspots --bench crates").hint.unwrap();
    assert!(hint.contains("`cargo hotspots crates --bench`"), "{hint}");
    assert_eq!(read("cargo-hotspots crates --bin crates").hint, None);
    assert_eq!(read("cargo-hotspots --bin rg").hint, None);
}

#[test]
fn completions_and_man_pages_know_every_view() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let line = format!("cargo-hotspots completions {shell}");
        let (code, captured) = run(&line);
        assert_code(&line, code, 0);
        let script = captured.stdout();
        assert!(
            script.contains("flamegraph") && script.contains("call-graph"),
            "{shell}"
        );
    }
    let (code, captured) = run("cargo-hotspots man");
    assert_code("man", code, 0);
    let pages = captured.stdout();
    assert_eq!(
        pages.matches(".TH ").count(),
        1 + command().get_subcommands().count()
    );
}

#[test]
fn version_names_the_tool() {
    let (code, captured) = run("cargo-hotspots hotspots --version");
    assert_code("version", code, 0);
    assert_eq!(
        captured.stdout(),
        concat!("cargo-hotspots ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
