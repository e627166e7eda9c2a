//! Times, shares and intervals of small recordings.

use super::*;
use crate::{
    analysis::{fixture::Fixture, model::ChangeKind},
    recording::{About, Account, Program, Recording},
};
use codecost::{Result, attribution::Origin};

fn recording(alpha: u64, beta: u64, version: &str) -> Fixture {
    let mut fixture = Fixture::new();
    let core = fixture.krate("core", Origin::Std, true);
    let app = fixture.krate("app", Origin::Workspace, false);
    let other = fixture.krate("beta", Origin::Registry, false);
    fixture.symbols.crates[2].version = Some(version.into());
    let rotate = fixture.function("core::num::rotate", core);
    let alpha_function = fixture.function("app::alpha", app);
    let run = fixture.function("app::run", app);
    let beta_function = fixture.function("beta::work", other);
    let inlined = fixture.frame(&[rotate, alpha_function, run]);
    let called = fixture.frame(&[beta_function]);
    let first = fixture.stack(&[inlined]);
    let second = fixture.stack(&[inlined, called]);
    fixture.samples(first, alpha);
    fixture.samples(second, beta);
    fixture
}

fn compared(before: &Fixture, after: &Fixture) -> Comparison {
    let recording = Recording {
        data: "perf.data".into(),
        about: None,
    };
    compare_all(&[before], &[after], &recording, false)
}

fn compare_all(
    before: &[&Fixture],
    after: &[&Fixture],
    recording: &Recording,
    per_share: bool,
) -> Comparison {
    let measure = |side: &[&Fixture]| -> Vec<Measured> {
        let measured = side
            .iter()
            .map(|one| Measured::new(&one.subject(recording)));
        measured.map(Result::unwrap).collect()
    };
    compare(&measure(before), &measure(after), per_share).unwrap()
}

fn codes(comparison: &Comparison) -> Vec<&'static str> {
    comparison.warnings.iter().map(|w| w.code).collect()
}

fn shown(comparison: &Comparison) -> Vec<(&'static str, &str, u64, u64)> {
    let rows = comparison.rows.iter();
    rows.map(|row| {
        (
            row.kind.as_str(),
            row.name.as_str(),
            row.before.samples,
            row.after.samples,
        )
    })
    .collect()
}

#[test]
fn crates_functions_and_inline_paths_by_the_size_of_the_change() {
    let (before, after) = (recording(80, 20, "1.0.0"), recording(120, 80, "1.1.0"));
    let comparison = compared(&before, &after);
    assert_eq!(
        shown(&comparison),
        [
            ("crate", "beta", 20, 80),
            ("function", "beta::work", 20, 80),
            ("crate", "app", 80, 120),
            ("function", "app::alpha", 80, 120),
            ("inline", "app::alpha ← app::run", 80, 120),
        ]
    );
    let beta = &comparison.rows[0];
    assert_eq!(beta.version_before.as_deref(), Some("1.0.0"));
    assert_eq!(beta.version_after.as_deref(), Some("1.1.0"));
    // A sample is a millisecond.
    let cpu = comparison.cpu.unwrap();
    assert_eq!((cpu.before, cpu.after), (1e8, 2e8));
    let time = beta.time.unwrap();
    assert_eq!((time.before, time.after), (2e7, 8e7));
    // One sample more with it and one without, on each side.
    let (one, two) = (21.0 / 102.0, 81.0 / 202.0);
    let variance = one * (1.0 - one) / 102.0 * 1e16 + two * (1.0 - two) / 202.0 * 4e16;
    assert!((time.plus_minus - 1.96 * f64::sqrt(variance)).abs() < 1.0);
    // Nothing but that there is one recording on each side.
    assert_eq!(codes(&comparison), ["one-recording-each"]);
}

/// Of a row that had no sample the exact test is a coin: all `count` samples fall on one side in one of
/// 2^(count - 1) cases, either side counted.
#[test]
fn few_samples_beside_none_are_chance() {
    for count in 1..40 {
        let before = recording(4000, 0, "1");
        let after = recording(4000 - count, count, "1");
        let comparison = compared(&before, &after);
        let beta = comparison.rows.iter().find(|row| row.name == "beta");
        let is_change = beta.unwrap().time.unwrap().is_change();
        let chance = 0.5_f64.powi(count as i32 - 1);
        assert_eq!(is_change, chance < 0.05, "{count} samples: {chance}");
        let same = compared(&after, &before);
        let beta = same.rows.iter().find(|row| row.name == "beta");
        assert_eq!(beta.unwrap().time.unwrap().is_change(), is_change);
    }
}

#[test]
fn what_cannot_be_compared_is_said() {
    let before = recording(80, 20, "1.0.0");
    let mut after = recording(80, 20, "1.0.0");
    after.profile.event = "cycles".into();
    after.profile.call_graph = crate::profile::CallGraph::None;
    let comparison = compared(&before, &after);
    let expected = [
        "one-recording-each",
        "no-time",
        "different-events",
        "different-stacks",
        "no-stacks",
    ];
    assert_eq!(codes(&comparison), expected);
    assert!(comparison.cpu.is_none() && comparison.rows[0].time.is_none());
}

#[test]
fn events_that_are_not_shown_are_named() {
    let before = recording(80, 20, "1.0.0");
    let mut after = recording(80, 20, "1.0.0");
    after.profile.other_events = vec![("page-faults".into(), 4), ("cycles".into(), 1)];
    let comparison = compared(&before, &after);
    let warning = comparison
        .warnings
        .iter()
        .find(|warning| warning.code == "other-events")
        .unwrap();
    assert_eq!(
        warning.message,
        "only `cpu-clock` is shown; the recording also has `page-faults` (4 samples), \
         `cycles` (1 sample)"
    );
    assert_eq!(warning.count, Some(2));
}

fn described(about: About) -> Recording {
    Recording {
        data: "perf.data".into(),
        about: Some(about),
    }
}

fn accounted(user_ns: u64, system_ns: u64) -> Recording {
    described(About {
        account: Some(Account {
            duration_ns: 1,
            user_ns,
            system_ns,
            event_count: None,
            queued_ns: None,
            waits: None,
        }),
        ..About::default()
    })
}

fn of_crates(comparison: &Comparison) -> Vec<(&str, i64)> {
    let rows = comparison.rows.iter();
    let crates = rows.filter(|row| row.kind == ChangeKind::Crate);
    crates
        .map(|row| (row.name.as_str(), row.time.unwrap().after.round() as i64))
        .collect()
}

#[test]
fn times_sum_to_the_kernels_account_with_what_was_not_sampled() {
    let fixture = recording(80, 20, "1.0.0");
    // Two percent are lost to sampling: they belong to all.
    let near = accounted(102_000_000, 0);
    let comparison = compare_all(&[&fixture], &[&fixture], &near, false);
    assert_eq!(
        of_crates(&comparison),
        [("app", 81_600_000), ("beta", 20_400_000)]
    );
    // Half is missing: that is a row.
    let far = accounted(150_000_000, 50_000_000);
    let comparison = compare_all(&[&fixture], &[&fixture], &far, false);
    let expected = [
        ("app", 80_000_000),
        ("beta", 20_000_000),
        ("[not sampled]", 100_000_000),
    ];
    assert_eq!(of_crates(&comparison), expected);
    assert_eq!(comparison.cpu.unwrap().after, 2e8);
    // The kernel was not to be sampled.
    let mut user = recording(80, 20, "1.0.0");
    user.profile.event = "cpu-clock:u".into();
    let known = accounted(100_000_000, 50_000_000);
    let comparison = compare_all(&[&user], &[&user], &known, false);
    let expected = [
        ("app", 80_000_000),
        ("beta", 20_000_000),
        ("[not sampled]", 50_000_000),
    ];
    assert_eq!(of_crates(&comparison), expected);
}

#[test]
fn a_set_time_is_compared_by_shares_and_others_only_when_asked() {
    let (before, after) = (recording(80, 20, "1"), recording(40, 160, "1"));
    let bench = |arguments: &[&str]| {
        described(About {
            command: arguments.iter().map(|word| (*word).to_owned()).collect(),
            programs: vec![Program {
                harness: Some("criterion".into()),
                ..Program::default()
            }],
            ..About::default()
        })
    };
    let timed = bench(&["x", "--profile-time", "5", "--bench"]);
    let comparison = compare_all(&[&before], &[&after], &timed, false);
    assert_eq!(comparison.scaled, Some(Scaled::FixedLength));
    let beta = &comparison
        .rows
        .iter()
        .find(|row| row.name == "beta")
        .unwrap();
    // 20 of 100 ms before; four fifths of as much after.
    assert_eq!(beta.time.unwrap().after, 8e7);
    assert_eq!(comparison.cpu.unwrap().after, 2e8);
    let whole = bench(&["x", "--bench"]);
    let comparison = compare_all(&[&before], &[&after], &whole, false);
    assert_eq!(comparison.scaled, None);
    let comparison = compare_all(&[&before], &[&after], &whole, true);
    assert_eq!(comparison.scaled, Some(Scaled::Asked));
}

#[test]
fn several_recordings_have_the_interval_of_their_runs() {
    let sides = [(80, 20), (90, 20), (70, 20), (40, 20), (44, 20), (36, 20)]
        .map(|(alpha, beta)| recording(alpha, beta, "1"));
    let [a, b, c, d, e, f] = &sides;
    let recording = Recording {
        data: "perf.data".into(),
        about: None,
    };
    let comparison = compare_all(&[a, b, c], &[d, e, f], &recording, false);
    assert_eq!(comparison.interval, Interval::Runs);
    assert_eq!(codes(&comparison), ["few-samples"]);
    let app = comparison.rows.first().unwrap();
    assert_eq!((app.name.as_str(), app.kind), ("app", ChangeKind::Crate));
    let time = app.time.unwrap();
    assert!((time.delta() + 4e7).abs() < 1.0, "{time:?}");
    // Welch: variances 100 and 16 (ms squared), 3 runs each, 2.6 degrees of freedom.
    let half = 4.303e6 * f64::sqrt(116.0 / 3.0);
    assert!((time.plus_minus - half).abs() < 1e3, "{time:?} {half}");
    assert!(time.is_change());
    let cpu = comparison.cpu.unwrap();
    assert!((cpu.delta() + 4e7).abs() < 1.0 && cpu.plus_minus > 2e7);
}
