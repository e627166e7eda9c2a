//! Prices and parts in words, from recorded figures.

use std::path::PathBuf;

use codecost::cargo::config::Value;

use super::*;
use crate::knob::{Assignment, Key};
use crate::trial::outcome::{Status, Weighed};
use crate::trial::variant::{Role, Variant};

fn time(ratio: f64) -> Interval {
    Interval {
        ratio,
        low: ratio * 0.98,
        high: ratio * 1.02,
        p_faster: 0.5,
    }
}

fn row(name: &str, size: u64, ratio: Option<f64>, seconds: u64) -> Outcome {
    let level = Assignment::key(Key::OptLevel, Value::String("z".into()));
    let assignments = match name {
        "baseline" => Vec::new(),
        _ => vec![level],
    };
    Outcome {
        variant: Variant::new(Role::parse(name), assignments),
        weighed: Some(Weighed {
            path: PathBuf::new(),
            file_size: size,
            shipped_size: Some(size),
            text_size: None,
            compressed_size: None,
            build_ns: Some(seconds * 1_000_000_000),
            build_cpu_ns: None,
            units: 7,
            peak_memory: None,
            compiled: 1,
            hash: size,
        }),
        time: ratio.map(time),
        status: Status::Kept,
        reason: None,
    }
}

#[test]
fn the_ends_of_the_front_are_named_with_their_flags() {
    let baseline = row("baseline", 1_012_344, Some(1.0), 10);
    let rows = [
        row("plan", 629_352, Some(2.4), 20),
        row("opt-level s", 631_195, Some(1.263), 20),
    ];
    let front: Vec<String> = ["baseline", "plan", "opt-level s"]
        .map(str::to_owned)
        .into();
    let words = |rows: &[Outcome]| -> Vec<String> {
        let prices = prices(&rows[1], &baseline, rows, &front, |_, _| true);
        prices.iter().map(Price::words).collect()
    };
    assert_eq!(
        words(&rows),
        [
            "plan is 1.8 KiB smaller and takes 1.90 times the time (--prefer size)",
            "baseline is 372.2 KiB larger and takes 0.79 times the time; its build takes 0.50 times as long",
        ]
    );
    // Builds that compiled other crates are not compared.
    let mut fewer = rows.clone();
    fewer[1].weighed.as_mut().unwrap().units = 3;
    let price = Price::of(&fewer[1], &baseline, &baseline).unwrap();
    assert_eq!(price.build_ratio, None);
    let untimed = rows.map(|row| Outcome { time: None, ..row });
    let words = prices(
        &untimed[1],
        &Outcome {
            time: None,
            ..baseline.clone()
        },
        &untimed,
        &front,
        |prefer, end| prefer == Prefer::Size && end.variant.name() == "plan",
    );
    assert_eq!(words[0].words(), "plan is 1.8 KiB smaller (--prefer size)");
    assert_eq!(words.len(), 2);
    // A flag that was given already, or takes another variant, is not offered.
    let without = prices(&untimed[1], &baseline, &untimed, &front, |_, _| false);
    assert!(without.iter().all(|price| price.flag.is_none()));
}

fn side(size: u64, ratio: Option<f64>, seconds: f64) -> Side {
    Side {
        size,
        time: ratio.map(time),
        build: cost(seconds, 7),
    }
}

fn cost(seconds: f64, units: u64) -> Cost {
    Cost {
        wall_ns: Some(1),
        cpu_ns: Some((seconds * 1e9) as u64),
        units,
    }
}

#[test]
fn only_builds_of_the_same_crates_are_compared() {
    let goal = Goal::CompileTime;
    let of = |with: Side, without: Side| OwnPart::of("debug".to_owned(), goal, with, without);
    let (short, long) = (side(5_000, None, 8.0), side(5_000, None, 10.0));
    assert_eq!(
        of(short, long).words,
        "debug: the build takes 2.0 s (20.0%) less processor time, no change of size, speed not \
         measured"
    );
    assert_eq!(of(short, long).build_ns, Some(-2_000_000_000));
    // One crate of five took less time than all five: that says nothing of the knob.
    for units in [8, 0] {
        let other = Side {
            build: cost(0.1, units),
            ..short
        };
        assert_eq!(of(other, long).build_ns, None);
        assert!(!of(other, long).words.contains("build"));
    }
    let same = of(side(5_000, None, 10.1), long);
    assert!(
        same.words.contains("as much processor time, within 3 %"),
        "{}",
        same.words
    );
    // Without processor time, wall time counts, with more noise.
    let wall = |ns| Cost {
        wall_ns: Some(ns),
        cpu_ns: None,
        units: 7,
    };
    assert!(!wall(95).beside(&wall(100)).unwrap().is_shorter());
    assert!(wall(80).beside(&wall(100)).unwrap().is_shorter());
    assert!(
        !wall(100)
            .beside(&wall(100))
            .unwrap()
            .words()
            .contains("0 ns")
    );
}

#[test]
fn a_knobs_own_part_is_said_in_words() {
    let of = |with: Side, without: Side| OwnPart::of("lto".to_owned(), Goal::Size, with, without);
    let gain = of(
        side(900_000, Some(0.9), 30.0),
        side(1_000_000, Some(1.0), 20.0),
    );
    assert_eq!(
        gain.words,
        "lto: 97.7 KiB (10.0%) smaller, 10.0 % faster, the build takes 10.0 s (50.0%) more processor time"
    );
    assert!(!gain.hurts_both);
    let harm = of(
        side(1_010_000, Some(1.2), 19.0),
        side(1_000_000, Some(1.0), 20.0),
    );
    assert!(harm.hurts_both);
    assert_eq!(
        harm.words,
        "lto: 9.8 KiB (1.0%) larger, 20.0 % slower, the build takes 1.0 s (5.0%) less processor time: it hurts both"
    );
    // Larger, but not proven slower; and larger, with no time measured.
    for ratio in [Some(1.01), None] {
        let without = side(1_000_000, ratio.map(|_| 1.0), 20.0);
        assert!(!of(side(1_010_000, ratio, 19.0), without).hurts_both);
    }
    let none = of(side(5_000, None, 1.0), side(5_000, None, 1.0));
    assert!(
        none.words
            .starts_with("lto: no change of size, speed not measured")
    );
}
