//! The command line as users type it.

use super::*;
use crate::commands::Cli;
use clap::FromArgMatches;
use codecost::console::Captured;
use std::process::ExitCode;

fn words(line: &str) -> impl Iterator<Item = OsString> {
    line.split_whitespace().map(OsString::from)
}

fn matches(line: &str) -> clap::ArgMatches {
    let matches = crate::definition().try_get_matches_from(words(line));
    matches.unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn command(line: &str) -> Cli {
    Cli::from_arg_matches(&matches(line)).unwrap()
}

/// What the flags ask for, whichever command declares them.
fn request(line: &str) -> Request {
    let matches = matches(line);
    let (matches, otherwise) = match matches.subcommand() {
        Some((_, matches)) => (matches, Unless::Latest),
        None => (&matches, Unless::Recorded),
    };
    let flags = RecordingFlags::from_arg_matches(matches).unwrap();
    let (console, _) = Console::in_memory();
    let request = flags.request(otherwise, &console);
    request.unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn recorded(line: &str) -> RecordOptions {
    match request(line).source {
        Source::Record(options) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

fn run(line: &str) -> (ExitCode, Captured) {
    let (mut console, captured) = Console::in_memory();
    let code = crate::run(words(line), &mut console);
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
    crate::definition().debug_assert();
}

#[test]
fn help_texts() {
    let shown = |line: &str| {
        let (code, captured) = run(line);
        assert_code(line, code, 0);
        assert_eq!(captured.stderr(), "", "{line}");
        captured.stdout()
    };
    insta::assert_snapshot!("h", shown("cargo-hotspots -h"));
    insta::assert_snapshot!("help", shown("cargo-hotspots --help"));
    for command in crate::definition().get_subcommands() {
        let name = command.get_name();
        let short = shown(&format!("cargo-hotspots {name} -h"));
        insta::assert_snapshot!(format!("{name}-h"), short);
        let long = shown(&format!("cargo-hotspots {name} --help"));
        insta::assert_snapshot!(format!("{name}-help"), long);
    }
}

#[test]
fn short_help_fits_a_screen() {
    let lines = run("cargo-hotspots -h").1.stdout().lines().count();
    assert!((24..=44).contains(&lines), "{lines} lines");
}

#[test]
fn what_comes_later_is_not_there() {
    let help = run("cargo-hotspots --help").1.stdout();
    for later in ["bundle", "speedscope"] {
        let listed = help
            .lines()
            .any(|line| line.trim_start().starts_with(later));
        assert!(!listed, "{later}");
    }
}

#[test]
fn bare_it_records_the_default_target() {
    for line in ["cargo-hotspots", "cargo-hotspots --release"] {
        let record = recorded(line);
        assert_eq!(record.what, What::Target);
        assert_eq!(record.selection.target, TargetChoice::Default);
        assert_eq!(record.frequency, 997);
    }
}

#[test]
fn how_to_record_and_what_to_show() {
    let record = recorded(
        "cargo-hotspots crates --lib --call-graph dwarf,65528 --duration 10s --stdout null -- slow",
    );
    assert_eq!(record.selection.target, TargetChoice::Lib);
    assert_eq!(record.call_graph, Some(CallGraphChoice::Dwarf));
    assert_eq!(record.stack_bytes, 65_528);
    assert_eq!(record.duration, Some(Duration::from_secs(10)));
    assert_eq!(record.output, ProgramOutput::Null);
    let record = recorded("cargo-hotspots --call-graph dwarf --stdout out.txt");
    assert_eq!(record.stack_bytes, STACK_BYTES);
    assert_eq!(record.output, ProgramOutput::File("out.txt".into()));
    let shown = request("cargo-hotspots crates --thread a --comm b-* --process 7").shown;
    assert_eq!(shown.threads, ["a", "b-*"]);
    assert_eq!(shown.processes, ["7"]);
    match request("cargo-hotspots crates --input - --event cycles").source {
        Source::Input(path, event) => {
            assert_eq!(path.to_str(), Some("-"));
            assert_eq!(event.as_deref(), Some("cycles"));
        }
        other => panic!("{other:?}"),
    }
    for line in [
        "cargo-hotspots --call-graph dwarf,65529",
        "cargo-hotspots --call-graph fp,4096",
        "cargo-hotspots --call-graph lbr",
        "cargo-hotspots --duration 0s",
        "cargo-hotspots crates --input x --duration 5s",
    ] {
        let parsed = crate::definition().try_get_matches_from(words(line));
        assert!(parsed.is_err(), "{line}");
    }
}

#[test]
fn a_command_without_a_target_opens_the_latest_recording() {
    for line in [
        "cargo-hotspots overview",
        "cargo-hotspots crates --manifest-path a/Cargo.toml --strict",
        "cargo-hotspots asm my::function -n 5",
    ] {
        assert!(matches!(request(line).source, Source::Latest(_)), "{line}");
    }
    assert!(request("cargo-hotspots crates --strict").strict);
}

#[test]
fn a_command_with_a_target_or_arguments_records_first() {
    for line in [
        "cargo-hotspots crates --bin rg",
        "cargo-hotspots crates --bench",
        "cargo-hotspots functions --exec ./a.out",
        "cargo-hotspots functions --pid 12",
        "cargo-hotspots lines -- needle",
    ] {
        assert!(matches!(request(line).source, Source::Record(_)), "{line}");
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
    assert_eq!(record.recorder, Some(RecorderChoice::Builtin));
    assert_eq!(record.arguments, ["--exact", "a"]);
    let record = recorded("cargo-hotspots --exec ./prog -- crates");
    assert_eq!(record.what, What::Program("./prog".into()));
    assert_eq!(record.arguments, ["crates"]);
    assert_eq!(recorded("cargo-hotspots --pid 7").what, What::Process(7));
}

#[test]
fn operands() {
    for line in [
        "cargo-hotspots callers a::b",
        "cargo-hotspots callees a::b",
        "cargo-hotspots asm a::b",
    ] {
        let function = match command(line) {
            Cli::Callers(command) => command.function,
            Cli::Callees(command) => command.function,
            Cli::Asm(command) => command.function,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(function, "a::b", "{line}");
    }
    assert!(matches!(
        command("cargo-hotspots diff a b -n 3"),
        Cli::Diff(diff) if diff.before.ends_with("a") && diff.after.ends_with("b")
    ));
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
        ("cargo-hotspots crate", "'crates'"),
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
            "help: `--input` opens a recording that exists",
        ),
        (
            "cargo-hotspots crates --input a --offline",
            "help: `--input` opens a recording that exists",
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
            "`--message-format` means nothing to `cargo hotspots flamegraph`",
        ),
        (
            "cargo-hotspots export --to folded -n 3",
            "`-n` means nothing to `cargo hotspots export`",
        ),
        (
            "cargo-hotspots diff a b --release",
            "`--release` means nothing to `cargo hotspots diff`",
        ),
        (
            "cargo-hotspots doctor --features x",
            "`--features` means nothing to `cargo hotspots doctor`",
        ),
        (
            "cargo-hotspots doctor --strict",
            "`--strict` means nothing to `cargo hotspots doctor`",
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

/// What a flag is given with: nothing, or a value that its type takes.
fn typed(arg: &clap::Arg) -> Option<Vec<String>> {
    let flag = match (arg.get_long(), arg.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => return None,
    };
    let values = arg.get_possible_values();
    let value = values.first().map_or("1", |value| value.get_name());
    let takes = arg
        .get_num_args()
        .is_some_and(|count| count.min_values() > 0);
    let value = takes.then(|| value.to_owned());
    Some([flag].into_iter().chain(value).collect())
}

#[test]
fn each_command_takes_the_flags_that_its_help_shows_and_refuses_all_others() {
    let mut definition = crate::definition();
    definition.build();
    let mut all: Vec<&clap::Arg> = definition
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .collect();
    // The same flag is the same everywhere.
    all.sort_by_key(|arg| arg.get_id().as_str());
    all.dedup_by_key(|arg| arg.get_id().as_str());
    let operands = [
        ("asm", vec!["f"]),
        ("callers", vec!["f"]),
        ("callees", vec!["f"]),
        ("diff", vec!["a", "b"]),
        ("export", vec!["--to", "folded"]),
        ("completions", vec!["bash"]),
    ];
    let mut refused = 0;
    for command in definition.get_subcommands() {
        let name = command.get_name();
        let operands = operands.iter().find(|(of, _)| *of == name);
        let operands = operands.map_or(&[][..], |(_, operands)| operands);
        for arg in &all {
            let own = command
                .get_arguments()
                .any(|own| own.get_id() == arg.get_id());
            let Some(typed) = typed(arg) else { continue };
            // Help ends the reading, and `--to` is among the operands.
            if ["help", "to"].contains(&arg.get_id().as_str()) {
                continue;
            }
            let words = ["cargo-hotspots", name]
                .into_iter()
                .chain(operands.iter().copied());
            let words: Vec<&str> = words.chain(typed.iter().map(String::as_str)).collect();
            let read = definition.clone().try_get_matches_from(&words);
            // A flag of the command may want another value or another flag beside it.
            let unknown = read
                .as_ref()
                .is_err_and(|error| error.kind() == clap::error::ErrorKind::UnknownArgument);
            assert_eq!(unknown, !own, "{words:?}: {:?}", read.err());
            if !own {
                refused += 1;
                let (code, captured) = run(&words.join(" "));
                assert_code(name, code, 2);
                let said = captured.stderr();
                let reason = format!("means nothing to `cargo hotspots {name}`");
                assert!(said.contains(&reason), "{words:?}: {said}");
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn a_target_named_like_a_command_gets_a_hint() {
    // Nothing is built: there is no such manifest.
    let nowhere = "--manifest-path /nowhere/Cargo.toml";
    let hint = "`cargo hotspots crates --bench`";
    for (line, expected) in [
        ("--bench crates", true),
        ("crates --bench crates", false),
        ("--bin rg", false),
    ] {
        let (code, captured) = run(&format!("cargo-hotspots {line} {nowhere}"));
        assert_code(line, code, 101);
        assert_eq!(captured.stderr().contains(hint), expected, "{line}");
    }
}

#[test]
fn completions_and_man_pages_know_every_command() {
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
        1 + crate::definition().get_subcommands().count()
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
