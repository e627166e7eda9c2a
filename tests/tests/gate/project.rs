//! The fixture `growing` and what the tests do to it.

use crate::slim;
use integration_tests::fixture::Fixture;
use integration_tests::tool::{Report, Run, number};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The project in its first state.
pub(crate) fn growing() -> Fixture {
    Fixture::new("growing")
}

/// Takes a snapshot of the project.
pub(crate) fn snapshot(fixture: &Fixture, name: &str, flags: &[&str]) -> PathBuf {
    let file = fixture.root().join(name);
    let output = file.to_str().unwrap();
    let fixed = ["snapshot", "-o", output];
    let arguments = fixed.iter().chain(flags);
    let run = slim().in_directory(fixture.path()).run(arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    file
}

/// Compares two files and demands that the sums are exact.
pub(crate) fn diff(before: &Path, after: &Path) -> Report {
    let arguments = [
        "diff",
        before.to_str().unwrap(),
        after.to_str().unwrap(),
        "--message-format",
        "json",
    ];
    let report = slim().run(arguments).report();
    assert_exact(&report);
    report
}

/// The deltas of crates, and of sections, add up to the change of what ships; the rest of the
/// difference of the files is beside them.
pub(crate) fn assert_exact(report: &Report) {
    let change = |of: &str| {
        let size = |side: &str| report.json[side][of].as_i64().unwrap();
        size("after") - size("before")
    };
    let difference = change("shipped_size");
    assert_eq!(report.json["delta"]["shipped"].as_i64(), Some(difference));
    let whole = change("file_size");
    assert_eq!(report.json["delta"]["file"].as_i64(), Some(whole));
    let rest = report.json["unshipped"]["delta"].as_i64();
    assert_eq!(rest, Some(whole - difference));
    for kind in ["crate", "section"] {
        assert_eq!(delta(report.rows_where("kind", kind)), difference, "{kind}");
    }
    for row in report.rows() {
        let change = number(row, "after") as i64 - number(row, "before") as i64;
        assert_eq!(row["delta"].as_i64(), Some(change), "{row}");
    }
    assert_moves(report);
}

/// What moved between crates left one and entered another, no crate gave more than it had or got
/// more than it has, and nothing moved within a crate.
fn assert_moves(report: &Report) {
    let crates = report.rows_where("kind", "crate");
    let moved = |row: &Value| row["moved"].as_i64().unwrap();
    assert_eq!(crates.iter().map(|row| moved(row)).sum::<i64>(), 0);
    for row in crates {
        let side = if moved(row) < 0 { "before" } else { "after" };
        let had = number(row, side);
        assert!(moved(row).unsigned_abs() <= had, "{row}");
        assert!(row["from"].is_null() || row["from"] != row["name"], "{row}");
    }
    let mut ids: Vec<_> = report.rows().iter().map(|row| row["id"].as_str()).collect();
    let rows = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows, "two rows have one id");
}

pub(crate) fn delta<'a>(rows: impl IntoIterator<Item = &'a Value>) -> i64 {
    rows.into_iter()
        .map(|row| row["delta"].as_i64().unwrap())
        .sum()
}

/// Replaces text in a file of the project; it must be there.
pub(crate) fn edit(fixture: &Fixture, file: &str, from: &str, to: &str) {
    let path = fixture.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "no `{from}` in {file}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// Runs `check` with these budgets in the project.
pub(crate) fn check(fixture: &Fixture, budgets: &str, flags: &[&str]) -> Run {
    fs::write(fixture.path().join("slim.toml"), budgets).unwrap();
    let arguments = ["check"].iter().chain(flags);
    slim().in_directory(fixture.path()).run(arguments)
}

/// The JSON of a check, whatever its verdict.
pub(crate) fn verdict(fixture: &Fixture, budgets: &str, flags: &[&str]) -> (i32, Value) {
    let flags: Vec<&str> = flags
        .iter()
        .copied()
        .chain(["--message-format", "json"])
        .collect();
    let run = check(fixture, budgets, &flags);
    run.assert_no_crash();
    let json = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", run.stdout, run.stderr));
    (run.code.unwrap(), json)
}
