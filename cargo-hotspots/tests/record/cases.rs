//! Programs on which recordings go wrong, one of each kind, with what is right for each: the shares
//! that the program's own loops have, `perf report`, or that nothing is claimed that is not known.

use super::names;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A copy of the project `tests/fixtures/cases`.
pub(super) struct Cases {
    directory: tempfile::TempDir,
}

impl Cases {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cases");
        copy_tree(&from, directory.path());
        Self { directory }
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn cargo(&self, arguments: &[&str]) {
        let mut command = Command::new("cargo");
        command.args(arguments).arg("--quiet");
        let built = command
            .current_dir(self.path())
            .env_remove("CARGO_TARGET_DIR")
            .status();
        assert!(built.unwrap().success(), "{arguments:?}");
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cargo-hotspots"))
            .arg("hotspots")
            .args(arguments)
            .current_dir(self.path())
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What a command reports.
    pub(super) fn view(&self, arguments: &[&str]) -> Value {
        let (command, rest) = arguments.split_at(1);
        let output = self.run(&[command, &["--message-format", "json"], rest].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Records a binary as it is.
    pub(super) fn record(&self, program: &str, flags: &[&str], arguments: &[&str]) -> Value {
        let program = format!("target/release/{program}");
        let words = ["crates", "--exec", &program, "--event", "cpu-clock"];
        self.view(&[&words, flags, &["--"], arguments].concat())
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match from.is_dir() {
            true => copy_tree(&from, &to),
            false => drop(fs::copy(from, to).unwrap()),
        }
    }
}

pub(super) fn quality(report: &Value, key: &str) -> f64 {
    report["recording"]["quality"][key].as_f64().unwrap()
}

fn rows(report: &Value) -> &[Value] {
    report["rows"].as_array().unwrap()
}

fn row<'r>(report: &'r Value, name: &str) -> Option<&'r Value> {
    rows(report).iter().find(|row| row["name"] == name)
}

/// The message and the help of a warning.
pub(super) fn warning(report: &Value, code: &str) -> Option<(String, String)> {
    let warnings = report["warnings"].as_array().unwrap();
    let found = warnings.iter().find(|warning| warning["code"] == code)?;
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    Some((text("message"), text("help")))
}

#[test]
fn stacks_say_what_they_do_not_have() {
    let cases = Cases::new();
    cases.cargo(&["build", "--release", "--bins"]);
    deep(&cases);
    hole(&cases);
    code_without_unwind_tables(&cases);
}

/// Cut off is neither unrooted nor at the root, and the remedy is what cuts.
fn deep(cases: &Cases) {
    let copied = cases.record("deep", &["--call-graph", "dwarf,4096"], &[]);
    assert!(quality(&copied, "truncated") > 0.9 && quality(&copied, "unrooted") < 0.05);
    let (said, help) = warning(&copied, "truncated-stacks").unwrap();
    assert!(
        said.contains("4.0 KiB") && help.contains("dwarf,65528"),
        "{said} {help}"
    );
    let callers = cases.view(&["callers", "deep::down"]);
    assert!(row(&callers, "[callers missing]").is_some() && row(&callers, "[root]").is_none());
    // What it says helps.
    let whole = cases.record("deep", &["--call-graph", "dwarf,65528"], &[]);
    assert!(quality(&whole, "truncated") < 0.01, "{whole}");
    let callers = cases.view(&["callers", "deep::down", "-n", "0"]);
    assert!(row(&callers, "[callers missing]").is_none(), "{callers}");

    let followed = cases.view(&[
        "crates",
        "--bin",
        "deep",
        "--event",
        "cpu-clock",
        "--call-graph",
        "fp",
    ]);
    assert!(quality(&followed, "truncated") > 0.9 && quality(&followed, "unrooted") < 0.05);
    let (_, help) = warning(&followed, "truncated-stacks").unwrap();
    assert!(help.contains("kernel.perf_event_max_stack="), "{help}");
    assert!(warning(&followed, "unrooted-stacks").is_none());
    let missing = row(&followed, "[callers missing]").unwrap();
    assert!(missing["inclusive"].as_f64().unwrap() > 0.9, "{missing}");
    let folded = cases.run(&["export", "--to", "folded"]);
    let folded = String::from_utf8_lossy(&folded.stdout).into_owned();
    assert!(
        folded.contains("deep;[callers missing];deep::down;"),
        "{folded}"
    );
}

/// Frame pointers pass over `middle` and the closure, and that is said.
fn hole(cases: &Cases) {
    let report = cases.record("gap", &["--call-graph", "fp"], &[]);
    assert!(quality(&report, "broken") > 0.9, "{report}");
    let (said, help) = warning(&report, "broken-stacks").unwrap();
    assert!(
        said.contains("of `gap`") && help.contains("`--call-graph dwarf`"),
        "{said} {help}"
    );
    let exceeded = report["recording"]["exceeded"].to_string();
    assert!(exceeded.contains("broken"), "{exceeded}");
    let whole = cases.record("gap", &["--call-graph", "dwarf"], &[]);
    assert_eq!(quality(&whole, "broken"), 0.0);
    let callers = cases.view(&["callers", "gap::spin"]);
    assert!(row(&callers, "gap::middle").is_some(), "{callers}");
    let kept = cases.view(&[
        "crates",
        "--bin",
        "gap",
        "--event",
        "cpu-clock",
        "--call-graph",
        "fp",
    ]);
    assert!(quality(&kept, "broken") < 0.05, "{kept}");
}

fn code_without_unwind_tables(cases: &Cases) {
    let report = cases.record("bare", &[], &[]);
    assert!(quality(&report, "unrooted") < 0.02, "{report}");
    for function in ["bare_leaf", "bare::tabled"] {
        let callers = cases.view(&["callers", function, "-n", "0"]);
        let main = row(&callers, "bare::main").unwrap_or_else(|| panic!("{callers}"));
        assert!(main["of_function"].as_f64().unwrap() > 0.98, "{main}");
    }
    // Where nothing is proven, it is named, and the end is none.
    let report = cases.record("bare", &[], &["lost"]);
    assert!(quality(&report, "unrooted") > 0.9, "{report}");
    let (said, help) = warning(&report, "no-unwind-tables").unwrap();
    assert!(
        said.contains("`bare_lost` of `bare`") && help.contains(".cfi_startproc"),
        "{said}"
    );
    let callers = cases.view(&["callers", "bare_lost"]);
    assert!(row(&callers, "[root]").is_none() && row(&callers, "[callers missing]").is_some());
}

#[test]
fn a_function_is_its_address_whatever_table_named_it() {
    let cases = Cases::new();
    cases.cargo(&["build", "--release", "--bins"]);
    let crates = cases.record("names", &["--frequency", "3000"], &[]);
    let functions = cases.view(&["functions", "-n", "0"]);
    let named = |part: &str| {
        let found = rows(&functions).iter().filter(|row| {
            let name = row["name"].as_str().unwrap();
            name.contains(part)
        });
        found.collect::<Vec<_>>()
    };
    // Two instances, by what they were made for: one does twice as much.
    let totals = named("names::total");
    assert_eq!(totals.len(), 2, "{totals:?}");
    let share = |row: &Value, key: &str| row[key].as_f64().unwrap();
    let of = |name: &str| share(row(&functions, name).unwrap(), "charged");
    let (wide, narrow) = (of("names::total::<u32>"), of("names::total::<u8>"));
    assert!((1.6..2.5).contains(&(wide / narrow)), "{wide} {narrow}");
    let asm = cases.view(&["asm", "total::<u8>"]);
    assert_eq!(asm["function"], "names::total::<u8>");
    let samples: u64 = rows(&asm)
        .iter()
        .map(|row| row["samples"].as_u64().unwrap())
        .sum();
    let all = crates["recording"]["samples"].as_u64().unwrap();
    let shown = samples as f64 / all as f64;
    assert!((shown - narrow).abs() < 0.02, "{shown} {narrow}");

    // One row, by either name, with the share that perf gives the symbol.
    let plain = named("plain_name");
    assert_eq!(plain.len(), 1, "{plain:?}");
    assert_eq!(plain[0]["crate"], "names");
    assert!(share(plain[0], "self") > 0.0);
    let data = crates["recording"]["source"].as_str().unwrap();
    let perf = perf_share(data, "plain_name");
    let own = share(plain[0], "symbol_self");
    assert!((own - perf).abs() < 0.02, "{own}, perf says {perf}");
    for name in ["plain_name", "names::plain_name"] {
        for view in ["asm", "callers", "callees"] {
            cases.view(&[view, name]);
        }
    }
    names::every_name_is_understood(Path::new(data));
}

/// The share of a symbol by `perf report`.
fn perf_share(data: &str, symbol: &str) -> f64 {
    let output = Command::new("perf")
        .args([
            "report",
            "--stdio",
            "--no-children",
            "-g",
            "none",
            "-F",
            "overhead,sym",
            "-i",
            data,
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.contains(symbol));
    let share = line.and_then(|line| line.trim().split('%').next());
    share
        .unwrap_or_else(|| panic!("{text}"))
        .parse::<f64>()
        .unwrap()
        / 100.0
}

#[test]
fn targets_are_cargos() {
    let cases = Cases::new();
    let charged = |report: &Value, name: &str| {
        let row = row(report, name);
        row.map_or(0.0, |row| row["charged"].as_f64().unwrap())
    };
    for target in [&["--lib"][..], &["--test", "cases"], &["--test", "deep"]] {
        let report = cases.view(&[&["crates"], target].concat());
        assert!(charged(&report, "cases") > 0.9, "{target:?}: {report}");
        assert_eq!(report["recording"]["programs"][0]["kind"], "test");
    }
    // The library and all five binaries have unit tests, as `cargo test` runs them.
    let all = cases.view(&["crates", "--test"]);
    let programs = all["recording"]["programs"].as_array().unwrap();
    assert_eq!(programs.len(), 6, "{programs:?}");

    // What needs a feature that is not active is left out and said.
    let output = cases.run(&["crates", "--bench", "--message-format", "json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("`gated` requires features that are not active: fast"),
        "{said}"
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let programs = report["recording"]["programs"].as_array().unwrap();
    let mut names: Vec<_> = programs
        .iter()
        .map(|program| program["target"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["beside", "open"]);

    // What Criterion starts beside the benchmark is not the benchmark.
    let words = ["threads", "--bench", "beside", "--event", "cpu-clock"];
    let threads = cases.view(&words);
    assert!(
        rows(&threads).iter().all(|row| row["name"] != "cargo"),
        "{threads}"
    );
    assert_eq!(threads["recording"]["processes"], 1);
    let left_out = &threads["recording"]["left_out"][0];
    assert_eq!(left_out["process"], "cargo");
    assert!(left_out["samples"].as_u64().unwrap() > 20, "{left_out}");
    let coverage = threads["recording"]["coverage"].as_f64().unwrap();
    assert!((0.9..1.1).contains(&coverage), "{coverage}");
    let cargo = cases.view(&["threads", "--process", "cargo"]);
    assert!(
        rows(&cargo).iter().all(|row| row["name"] == "cargo"),
        "{cargo}"
    );
    assert_eq!(cargo["recording"]["samples"], left_out["samples"]);
    let output = cases.run(&["threads", "--thread", "nobody"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_recording_ends_and_its_output_goes_where_it_is_told() {
    let cases = Cases::new();
    cases.cargo(&["build", "--release", "--bin", "gap"]);
    let file = cases.path().join("out.txt");
    let to = file.to_str().unwrap();
    cases.record("gap", &["--stdout", to], &[]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.trim().parse::<u64>().is_ok(), "{text}");
    let program = cases.path().join("target/release/gap");
    let loops = cases.path().join("loop.sh");
    let script = format!("while :; do {} >/dev/null; done", program.display());
    fs::write(&loops, script).unwrap();
    let words = [
        "crates",
        "--exec",
        "/bin/sh",
        "--duration",
        "500ms",
        "--stdout",
        "null",
    ];
    let report = cases.view(&[&words[..], &["--", loops.to_str().unwrap()]].concat());
    assert_eq!(report["recording"]["programs"][0]["interrupted"], true);
    assert!(report["recording"]["samples"].as_u64().unwrap() > 0);
    // The file again, as standard input.
    let data = PathBuf::from(report["recording"]["source"].as_str().unwrap());
    let piped = Command::new(env!("CARGO_BIN_EXE_cargo-hotspots"))
        .args([
            "hotspots",
            "threads",
            "--input",
            "-",
            "--message-format",
            "json",
        ])
        .stdin(fs::File::open(&data).unwrap())
        .output()
        .unwrap();
    assert_eq!(piped.status.code(), Some(0), "{piped:?}");
    let piped: Value = serde_json::from_slice(&piped.stdout).unwrap();
    assert_eq!(
        piped["recording"]["samples"],
        report["recording"]["samples"]
    );
}

/// What is kept beside a recording is made anew when a debug file comes or goes.
#[test]
fn a_debug_file_that_is_installed_later_is_used() {
    let cases = Cases::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/names/plain.c");
    let run = |command: &[&str]| {
        let status = Command::new(command[0])
            .args(&command[1..])
            .current_dir(cases.path())
            .status();
        assert!(status.unwrap().success(), "{command:?}");
    };
    run(&["gcc", "-O2", "-g", "-o", "plain", source.to_str().unwrap()]);
    run(&["objcopy", "--only-keep-debug", "plain", "plain.debug"]);
    run(&[
        "objcopy",
        "--strip-all",
        "--add-gnu-debuglink=plain.debug",
        "plain",
    ]);
    run(&["mv", "plain.debug", "elsewhere"]);
    cases.view(&["functions", "--exec", "./plain", "--event", "cpu-clock"]);
    let knows = || row(&cases.view(&["functions", "-n", "0"]), "by_value").is_some();
    assert!(!knows());
    run(&["mv", "elsewhere", "plain.debug"]);
    assert!(knows());
    run(&["mv", "plain.debug", "elsewhere"]);
    assert!(!knows());
}
