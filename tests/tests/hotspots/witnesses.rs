//! The same recording, read by perf itself.

use crate::hotspots;
use integration_tests::command::{command, succeed};
use integration_tests::fixture::Fixture;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One point of the whole.
const TOLERANCE: f64 = 0.01;

/// Records the program with known shares, and returns its `perf.data` and the view's JSON.
fn record(fixture: &Fixture, recorder: &str, view: &str) -> (PathBuf, Value) {
    let run = hotspots().in_directory(fixture.path()).run([
        view,
        "--bin",
        "shares",
        "--recorder",
        recorder,
        "--message-format",
        "json",
        "--",
        "1000",
    ]);
    assert_eq!(run.code, Some(0), "{recorder}: {}", run.stderr);
    let recordings = fixture.path().join("target/codecost/hotspots");
    let latest = std::fs::read_to_string(recordings.join("latest")).unwrap();
    let data = recordings.join(latest.trim()).join("perf.data");
    assert!(data.is_file(), "{}", data.display());
    (data, serde_json::from_str(&run.stdout).unwrap())
}

fn perf(arguments: &[&str], data: &Path) -> String {
    succeed(command("perf").args(arguments).arg("-i").arg(data))
}

/// Shares by symbol, as perf counts them.
fn reported(data: &Path) -> BTreeMap<String, f64> {
    let arguments = ["report", "--no-children", "-g", "none", "--stdio"];
    let fields = ["-F", "overhead,sym", "--percent-limit", "0"];
    let text = perf(&[&arguments[..], &fields[..]].concat(), data);
    let mut shares = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((share, symbol)) = line.trim().split_once('%') else {
            continue;
        };
        let symbol = symbol.trim_start();
        let name = symbol.strip_prefix("[.] ").unwrap_or(symbol).trim_end();
        *shares.entry(name.to_owned()).or_insert(0.0) += share.parse::<f64>().unwrap() / 100.0;
    }
    assert!(shares.len() > 4, "{text}");
    shares
}

/// `a::f` of `a::f::<u64>`: legacy symbols, which perf goes by, do not name the arguments.
fn without_arguments(name: &str) -> &str {
    let mut depth = 0;
    for (at, letter) in name.char_indices().rev() {
        match letter {
            '>' if !name[..at].ends_with('-') => depth += 1,
            '<' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let front = name[..at].strip_suffix("::");
            return front.filter(|_| letter == '<').unwrap_or(name);
        }
    }
    name
}

fn symbol_self_is_that_of_perf_report(recorder: &str) {
    let fixture = Fixture::new("shares");
    let (data, report) = record(&fixture, recorder, "functions");
    let mut ours: BTreeMap<&str, f64> = BTreeMap::new();
    for row in report["rows"].as_array().unwrap() {
        let share = row["symbol_self"].as_f64().unwrap();
        let name = without_arguments(row["name"].as_str().unwrap());
        *ours.entry(name).or_default() += share;
    }
    let mut compared = 0.0;
    for (name, theirs) in reported(&data) {
        // The kernel's symbols have names for root only.
        if name.starts_with("[k]") || theirs < 0.001 {
            continue;
        }
        let share = ours.get(name.as_str()).copied().unwrap_or_default();
        assert!(
            (share - theirs).abs() <= TOLERANCE,
            "{recorder}: {name}: {share:.4}, perf report says {theirs:.4}; ours: {ours:.4?}"
        );
        compared += theirs;
    }
    assert!(compared > 0.9, "only {compared} of the time was compared");
}

#[test]
fn symbol_self_is_that_of_perf_report_for_a_recording_of_perf() {
    symbol_self_is_that_of_perf_report("perf");
}

/// Our own recorder writes what perf reads.
#[test]
fn symbol_self_is_that_of_perf_report_for_a_recording_of_our_own() {
    symbol_self_is_that_of_perf_report("builtin");
}

#[test]
fn perf_script_counts_the_samples_that_we_count() {
    for recorder in ["perf", "builtin"] {
        let fixture = Fixture::new("shares");
        let (data, report) = record(&fixture, recorder, "threads");
        let script = perf(
            &["script", "--no-inline", "-G", "-F", "tid,time,period"],
            &data,
        );
        let theirs = script
            .lines()
            .filter(|line| !line.trim().is_empty())
            .count();
        let ours = report["recording"]["samples"].as_u64().unwrap();
        assert_eq!(ours, theirs as u64, "{recorder}");
        assert!(ours > 200, "{recorder}: {ours} samples in a second");
    }
}

/// A view of the latest recording needs neither the program nor another run.
#[test]
fn the_latest_recording_opens_again_after_a_rebuild_with_the_same_answer() {
    let fixture = Fixture::new("shares");
    let (_, first) = record(&fixture, "perf", "crates");
    // The next build puts another program at the same path.
    let program = fixture
        .path()
        .join("target/codecost/profiling/release/shares");
    let recorded = std::fs::read(&program).unwrap();
    let main = fixture.path().join("src/main.rs");
    std::fs::write(&main, "fn main() { println!(\"another\") }").unwrap();
    let target = ["--target-dir", "target/codecost/profiling"];
    fixture.cargo(&[&["build", "--release"], &target[..]].concat());
    assert!(recorded != std::fs::read(&program).unwrap());
    let again = hotspots()
        .in_directory(fixture.path())
        .run(["crates", "--message-format", "json"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    let shares = |report: &Value| -> BTreeMap<String, (f64, f64)> {
        let rows = report["rows"].as_array().unwrap().iter();
        rows.map(|row| {
            let name = row["id"].as_str().unwrap().to_owned();
            let share = |key: &str| row[key].as_f64().unwrap();
            (name, (share("self"), share("charged")))
        })
        .collect()
    };
    assert_eq!(shares(&first), shares(&again));
    assert_eq!(first["recording"]["samples"], again["recording"]["samples"]);
}
