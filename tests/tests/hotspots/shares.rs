//! A program whose crates burn CPU time and say how much: the shares must be those.

use crate::hotspots;
use integration_tests::fixture::Fixture;
use integration_tests::tool::Run;
use serde_json::Value;
use std::collections::BTreeMap;

/// Two points of the whole.
const TOLERANCE: f64 = 0.02;

fn record(fixture: &Fixture, recorder: &str, call_graph: &str) -> Run {
    let run = hotspots().in_directory(fixture.path()).run([
        "crates",
        "--bin",
        "shares",
        "--recorder",
        recorder,
        "--call-graph",
        call_graph,
        "--message-format",
        "json",
        "--",
        "2000",
    ]);
    assert_eq!(
        run.code,
        Some(0),
        "{recorder}, {call_graph}: {}",
        run.stderr
    );
    run
}

/// What the program says: its output is on our standard error, unaltered.
fn told(run: &Run) -> BTreeMap<&str, f64> {
    let times: BTreeMap<&str, f64> = run
        .stderr
        .lines()
        .filter_map(|line| {
            let (name, time) = line.split_once(' ')?;
            let known = ["alpha", "beta", "gamma", "delta", "shares"].contains(&name);
            Some((name, time.parse().ok()?)).filter(|_| known)
        })
        .collect();
    assert_eq!(times.len(), 5, "{}", run.stderr);
    let sum: f64 = times.values().sum();
    times
        .into_iter()
        .map(|(name, time)| (name, time / sum))
        .collect()
}

fn column(report: &Value, key: &str) -> BTreeMap<String, f64> {
    let rows = report["rows"].as_array().expect("rows");
    rows.iter()
        .map(|row| {
            (
                row["name"].as_str().unwrap().to_owned(),
                row[key].as_f64().unwrap(),
            )
        })
        .fold(BTreeMap::new(), |mut sums, (name, share)| {
            *sums.entry(name).or_default() += share;
            sums
        })
}

fn assert_near(of: &str, shares: &BTreeMap<String, f64>, expected: &[(&str, f64)]) {
    for (name, expected) in expected {
        let share = shares.get(*name).copied().unwrap_or_default();
        assert!(
            (share - expected).abs() <= TOLERANCE,
            "{of} {name}: {share:.4}, the program says {expected:.4}; all: {shares:.4?}"
        );
    }
    let sum: f64 = shares.values().sum();
    assert!((sum - 1.0).abs() < 1e-6, "{of} sums to {sum}");
}

fn shares_are_what_the_program_says(recorder: &str, call_graph: &str) {
    let fixture = Fixture::new("shares");
    let run = record(&fixture, recorder, call_graph);
    let told = told(&run);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let charged: Vec<(&str, f64)> = told.iter().map(|(name, share)| (*name, *share)).collect();
    let of = format!("{recorder}, {call_graph}: charged");
    assert_near(&of, &column(&report, "charged"), &charged);
    // `delta` is not of the workspace: the program's own crate caused it.
    let caused = [
        ("alpha", told["alpha"]),
        ("beta", told["beta"]),
        ("gamma", told["gamma"]),
        ("delta", 0.0),
        ("shares", told["shares"] + told["delta"]),
    ];
    let of = format!("{recorder}, {call_graph}: caused");
    assert_near(&of, &column(&report, "caused"), &caused);
    let own = column(&report, "self");
    let sum: f64 = own.values().sum();
    assert!((sum - 1.0).abs() < 1e-6, "self sums to {sum}");
    // All of the program's time is below its own crate.
    let inclusive = column(&report, "inclusive")["shares"];
    assert!(inclusive > 0.95, "{of} inclusive: {inclusive}");
    let samples = report["recording"]["samples"].as_u64().unwrap();
    assert!(samples > 500, "{samples} samples in two seconds");
}

#[test]
fn perf_with_copied_stacks() {
    shares_are_what_the_program_says("perf", "dwarf");
}

#[test]
fn perf_with_frame_pointers() {
    shares_are_what_the_program_says("perf", "fp");
}

#[test]
fn the_builtin_recorder_with_copied_stacks() {
    shares_are_what_the_program_says("builtin", "dwarf");
}

#[test]
fn the_builtin_recorder_with_frame_pointers() {
    shares_are_what_the_program_says("builtin", "fp");
}

/// Without stacks nobody knows who asked std to sort; what was inlined is still known.
#[test]
fn without_stacks_the_shares_end_at_the_inline_chain_and_say_so() {
    for recorder in ["perf", "builtin"] {
        let fixture = Fixture::new("shares");
        let run = record(&fixture, recorder, "none");
        let told = told(&run);
        let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        let inlined: Vec<(&str, f64)> = ["alpha", "beta", "gamma", "delta"]
            .iter()
            .map(|name| (*name, told[name]))
            .collect();
        let charged = column(&report, "charged");
        assert_near(&format!("{recorder}, none: charged"), &charged, &inlined);
        let warnings = report["warnings"].as_array().unwrap();
        let says = warnings
            .iter()
            .any(|warning| warning["code"] == "no-stacks");
        assert!(says, "{warnings:?}");
        // What was not recorded is not 0.
        let quality = &report["recording"]["quality"];
        assert!(quality["unrooted"].is_null() && quality["truncated"].is_null());
        assert!(quality["unknown"].is_number(), "{quality}");
    }
}
