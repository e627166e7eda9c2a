//! Choices among recorded figures.

use std::path::PathBuf;

use super::*;
use crate::knob::Assignment;
use crate::trial::outcome::Weighed;
use crate::trial::variant::{Role, Variant};

const SIZE: Taste = Taste {
    prefer: Some(Prefer::Size),
    max_slowdown: None,
};
const SPEED: Taste = Taste {
    prefer: Some(Prefer::Speed),
    max_slowdown: None,
};
const KNEE: Taste = Taste {
    prefer: None,
    max_slowdown: None,
};

/// A row of a table of figures: name, size, and where it was timed the ratio, give or take 2 %.
fn row(name: &str, size: u64, ratio: Option<f64>) -> Outcome {
    let level = match name {
        "plan" => Some(Value::String("z".into())),
        name => name.strip_prefix("opt-level ").map(Value::from_variable),
    };
    let level = level.map(|level| Assignment::key(Key::OptLevel, level));
    let lto = Assignment::key(Key::Lto, Value::Bool(true));
    let assignments = match name {
        "baseline" => Vec::new(),
        _ => level.into_iter().chain([lto]).collect(),
    };
    Outcome {
        variant: Variant::new(Role::parse(name), assignments),
        weighed: Some(Weighed {
            path: PathBuf::new(),
            file_size: size,
            shipped_size: Some(size),
            text_size: None,
            compressed_size: None,
            build_ns: Some(1_000_000_000),
            build_cpu_ns: None,
            units: 0,
            peak_memory: None,
            compiled: 1,
            hash: size,
        }),
        time: ratio.map(|ratio| Interval {
            ratio,
            low: ratio * 0.98,
            high: ratio * 1.02,
            p_faster: if ratio < 0.98 { 0.0003 } else { 0.9 },
        }),
        status: Status::Kept,
        reason: None,
    }
}

fn picked(taste: Taste, goal: Goal, rows: &[(&str, u64, Option<f64>)]) -> String {
    let all: Vec<Outcome> = rows.iter().map(|(n, s, t)| row(n, *s, *t)).collect();
    let (baseline, rows) = all.split_first().expect("a baseline");
    let index = taste.pick(goal, baseline, rows);
    index.map_or("baseline".to_owned(), |index| rows[index].variant.name())
}

/// the shape of diffr, with made-up sizes: `z` is 1.8 KiB smaller than `s`, and takes 1.9 times its time.
const DIFFR: &[(&str, u64, Option<f64>)] = &[
    ("baseline", 1_012_344, Some(1.0)),
    ("plan", 629_352, Some(2.4)),
    ("opt-level s", 631_195, Some(1.263)),
    ("opt-level 2", 745_880, Some(1.01)),
    ("opt-level 3", 760_216, Some(0.97)),
];

#[test]
fn two_kibibytes_are_not_worth_twice_the_time() {
    // From `s` to `z`: 0.3 % of size for 90 % of time. From `s` to 2: 18 % of size for 20 % of time.
    assert_eq!(picked(SIZE, Goal::Size, DIFFR), "plan");
    assert_eq!(picked(SPEED, Goal::Size, DIFFR), "opt-level 3");
    assert_eq!(picked(KNEE, Goal::Size, DIFFR), "opt-level s");
}

#[test]
fn a_limit_on_the_slowdown_takes_the_smallest_within_it() {
    let within = |most: f64| Taste {
        max_slowdown: Some(most),
        ..KNEE
    };
    assert_eq!(picked(within(0.30), Goal::Size, DIFFR), "opt-level s");
    assert_eq!(picked(within(0.05), Goal::Size, DIFFR), "opt-level 2");
    assert_eq!(picked(within(0.0), Goal::Size, DIFFR), "opt-level 3");
    assert_eq!(picked(within(2.0), Goal::Size, DIFFR), "plan");
}

#[test]
fn a_bound_that_is_not_shown_takes_nothing_and_says_so() {
    let within = |most: f64| Taste {
        max_slowdown: Some(most),
        ..KNEE
    };
    // 1.9 % slower by the figure, and up to 51 % by the interval.
    let mut all: Vec<Outcome> = DIFFR.iter().map(|(n, s, t)| row(n, *s, *t)).collect();
    all[2].time = Some(Interval {
        ratio: 1.019,
        low: 0.642,
        high: 1.511,
        p_faster: 0.4,
    });
    let (baseline, rows) = all.split_first().unwrap();
    let picked = |most| {
        within(most)
            .pick(Goal::Size, baseline, rows)
            .map(|i| &rows[i])
    };
    let name = |row: Option<&Outcome>| row.map(|row| row.variant.name());
    assert_eq!(name(picked(0.05)).as_deref(), Some("opt-level 2"));
    assert_eq!(name(picked(0.52)).as_deref(), Some("opt-level s"));
    assert_eq!(name(picked(-0.04)), None);
    let unshown = |most: f64, chosen: &Outcome| -> Vec<String> {
        let found = within(most).unshown(chosen, baseline, rows);
        found.iter().map(|row| row.variant.name()).collect()
    };
    assert_eq!(unshown(0.05, picked(0.05).unwrap()), ["opt-level s"]);
    assert!(unshown(0.05, &rows[0]).is_empty(), "smaller than all");
    assert!(
        unshown(0.01, picked(0.05).unwrap()).is_empty(),
        "not by the figure"
    );
    assert!(KNEE.unshown(baseline, baseline, rows).is_empty());
}

#[test]
fn a_much_smaller_program_is_worth_some_time() {
    // A program of 32 packages: half the size, 30 % more time.
    let rows = [
        ("baseline", 3_471_272, Some(1.0)),
        ("plan", 1_723_464, Some(1.3)),
    ];
    assert_eq!(picked(KNEE, Goal::Size, &rows), "plan");
    // And one where it is not.
    let rows = [
        ("baseline", 1_000_000, Some(1.0)),
        ("plan", 950_000, Some(1.5)),
    ];
    assert_eq!(picked(KNEE, Goal::Size, &rows), "baseline");
    assert_eq!(picked(SIZE, Goal::Size, &rows), "plan");
}

#[test]
fn what_is_not_proven_does_not_move_the_choice() {
    // Intervals overlap, or the difference can be the luck of code layout.
    let rows = [
        ("baseline", 1_000_000, Some(1.0)),
        ("plan", 600_000, Some(1.10)),
        ("opt-level s", 602_000, Some(1.08)),
    ];
    assert_eq!(picked(KNEE, Goal::Size, &rows), "plan");
}

#[test]
fn a_search_for_speed_gives_little_time_for_much_size() {
    let rows = [
        ("baseline", 1_000_000, Some(1.0)),
        ("plan", 1_400_000, Some(0.80)),
        ("thin lto", 1_050_000, Some(0.82)),
    ];
    assert_eq!(picked(KNEE, Goal::Speed, &rows), "thin lto");
    assert_eq!(picked(SPEED, Goal::Speed, &rows), "plan");
    assert_eq!(picked(SIZE, Goal::Speed, &rows), "thin lto");
}

#[test]
fn without_times_the_faster_level_wins_within_a_percent() {
    let untimed: Vec<_> = DIFFR.iter().map(|(n, s, _)| (*n, *s, None)).collect();
    assert_eq!(picked(KNEE, Goal::Size, &untimed), "opt-level s");
    assert_eq!(picked(SIZE, Goal::Size, &untimed), "plan");
    let far = [
        ("baseline", 1_000_000, None),
        ("plan", 600_000, None),
        ("opt-level s", 610_000, None),
    ];
    assert_eq!(picked(KNEE, Goal::Size, &far), "plan");
}

#[test]
fn identical_bytes_take_the_baselines_time() {
    let baseline = row("baseline", 1_000, Some(1.0));
    let twin = row("plan", 1_000, None);
    assert_eq!(pace(&twin, &baseline).map(|t| t.ratio), Some(1.0));
    assert_eq!(pace(&row("plan", 999, None), &baseline), None);
}
