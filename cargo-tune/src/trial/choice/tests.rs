//! Who wins, who is dropped, and what makes no difference.

use super::*;
use crate::knob::{Assignment, Key};
use crate::trial::outcome::Weighed;
use crate::trial::paired::Interval;
use crate::trial::variant::{Role, Variant};
use codecost::cargo::config::Value;
use std::path::PathBuf;

fn request(goal: Goal) -> Request {
    Request {
        goal,
        allow: Vec::new(),
        no_config: false,
        nightly: false,
        glibc: None,
    }
}

fn row(name: &str, knobs: usize, size: u64, hash: u64, time: Option<(f64, f64, f64)>) -> Outcome {
    let keys = [
        Key::OptLevel,
        Key::Lto,
        Key::CodegenUnits,
        Key::Panic,
        Key::Strip,
    ];
    let assign = |key: &Key| Assignment::key(*key, Value::Bool(true));
    let assignments = keys.iter().take(knobs).map(assign).collect();
    Outcome {
        variant: Variant::new(Role::parse(name), assignments),
        weighed: Some(Weighed {
            path: PathBuf::new(),
            file_size: size,
            shipped_size: Some(size),
            text_size: None,
            compressed_size: None,
            build_ns: Some(size),
            build_cpu_ns: None,
            units: 0,
            peak_memory: None,
            compiled: 1,
            hash,
        }),
        time: time.map(|(low, ratio, high)| Interval {
            ratio,
            low,
            high,
            p_faster: if high < 1.0 { 0.0003 } else { 0.4 },
        }),
        status: Status::Kept,
        reason: None,
    }
}

fn statuses(goal: Goal, mut baseline: Outcome, mut rows: Vec<Outcome>) -> Vec<&'static str> {
    choose(&request(goal), Taste::default(), &mut baseline, &mut rows);
    std::iter::once(&baseline)
        .chain(&rows)
        .map(|r| r.status.as_str())
        .collect()
}

#[test]
fn the_smallest_wins_and_identical_bytes_are_no_effect() {
    let rows = vec![
        row("plan", 5, 600_000, 1, None),
        row("opt-level s", 5, 610_000, 2, None),
        row("without panic", 4, 650_000, 3, None),
        row("without lto", 4, 600_100, 4, None),
        row("without codegen-units", 4, 600_000, 1, None),
    ];
    // Of those as small as the smallest, the one with the fewest knobs and then bytes.
    assert_eq!(
        statuses(Goal::Size, row("baseline", 0, 1_000_000, 0, None), rows),
        ["kept", "dropped", "dropped", "kept", "dropped", "chosen"]
    );
}

#[test]
fn a_gain_under_the_threshold_is_no_gain() {
    let rows = vec![row("plan", 5, 999_500, 1, None)];
    assert_eq!(
        statuses(Goal::Size, row("baseline", 0, 1_000_000, 0, None), rows),
        ["chosen", "dropped"]
    );
}

#[test]
fn speed_is_claimed_only_outside_the_noise() {
    let baseline = || row("baseline", 0, 1000, 0, Some((1.0, 1.0, 1.0)));
    let noisy = vec![row("plan", 3, 900, 1, Some((0.90, 0.96, 1.02)))];
    assert_eq!(
        statuses(Goal::Speed, baseline(), noisy),
        ["chosen", "dropped"]
    );
    let clear = vec![
        row("plan", 3, 900, 1, Some((0.85, 0.90, 0.95))),
        row("thin lto", 3, 900, 2, Some((0.86, 0.92, 0.97))),
    ];
    assert_eq!(
        statuses(Goal::Speed, baseline(), clear),
        ["kept", "chosen", "dropped"]
    );
}

#[test]
fn the_pareto_set_is_what_nothing_beats() {
    let baseline = row("baseline", 0, 1000, 0, Some((1.0, 1.0, 1.0)));
    let rows = [
        row("small and slow", 1, 500, 1, Some((1.1, 1.2, 1.3))),
        row("beaten", 2, 600, 2, Some((1.2, 1.3, 1.4))),
        row("fast", 3, 1100, 3, Some((0.8, 0.9, 0.95))),
    ];
    assert_eq!(
        pareto(&baseline, &rows),
        ["baseline", "small and slow", "fast"]
    );
}

#[test]
fn without_times_a_lower_level_beats_no_higher_one() {
    let level = |name: &str, size, build, level: &str| {
        let mut row = row(name, 1, size, build, None);
        let value = Value::String(level.to_owned());
        row.variant.assignments = vec![Assignment::key(Key::OptLevel, value)];
        row
    };
    let baseline = row("baseline", 0, 1000, 1, None);
    let rows = [
        level("plan", 700, 8, "z"),
        level("s", 701, 9, "s"),
        level("worse", 702, 10, "s"),
    ];
    assert_eq!(pareto(&baseline, &rows), ["baseline", "plan", "s"]);
}

#[test]
fn variants_that_failed_are_the_reason_for_the_baseline() {
    let mut baseline = row("baseline", 0, 1_000_000, 1, None);
    let failed = |size, hash| Outcome {
        status: Status::Failed,
        reason: Some("--verify: exit status: 7".to_owned()),
        ..row("plan", 5, size, hash, None)
    };
    let mut reason = |goal, rows: &mut [Outcome]| {
        choose(&request(goal), Taste::default(), &mut baseline, rows);
        baseline.reason.clone().unwrap_or_default()
    };
    let words = "every smaller variant failed: --verify: exit status: 7";
    assert_eq!(reason(Goal::Size, &mut [failed(800_000, 2)]), words);
    // What failed was no smaller.
    let other = reason(Goal::Size, &mut [failed(1_200_000, 2)]);
    assert!(other.starts_with("no variant is smaller"), "{other}");
    let speed = reason(Goal::Speed, &mut [failed(1_200_000, 2)]);
    assert!(speed.starts_with("every variant failed"), "{speed}");
    let mut rows = [failed(800_000, 2), row("opt-level s", 5, 999_000, 3, None)];
    let some = reason(Goal::Size, &mut rows);
    assert!(some.starts_with("every smaller variant failed"), "{some}");
}
