use super::*;
use std::collections::HashMap;

/// A machine with skewed noise: each benchmark has a true change and a spread.
struct Simulated {
    random: Random,
    changes: Vec<f64>,
    spread: f64,
    /// The second copy of the baseline is this much slower than the first.
    copies_differ: f64,
    seen: Vec<(usize, Side, usize)>,
    fail: HashMap<(usize, Side), (usize, Failure)>,
    modes: HashMap<(usize, Side), &'static str>,
}

impl Simulated {
    fn new(seed: u64, changes: &[f64]) -> Self {
        Self {
            random: Random::new(seed),
            changes: changes.to_vec(),
            spread: 0.03,
            copies_differ: 0.0,
            seen: Vec::new(),
            fail: HashMap::new(),
            modes: HashMap::new(),
        }
    }
}

fn measured(time: f64) -> Measured {
    Measured {
        minimum: time,
        median: time * 1.02,
        p90: None,
        samples: 100,
        mode: None,
        throughput: None,
        elapsed: Duration::from_millis(1),
        step: 0.0,
    }
}

impl Instrument for Simulated {
    fn measure(&mut self, benchmark: usize, side: Side, copy: usize) -> Result<Measured, Failure> {
        self.seen.push((benchmark, side, copy));
        if let Some((left, failure)) = self.fail.get_mut(&(benchmark, side)) {
            if *left == 0 {
                return Err(failure.clone());
            }
            *left -= 1;
        }
        let mut time = 1000.0 * (1.0 - self.random.fraction().ln() * self.spread);
        if side == Side::Current {
            time *= 1.0 + self.changes[benchmark];
        } else if copy == 1 {
            time *= 1.0 + self.copies_differ;
        }
        let mode = self.modes.get(&(benchmark, side));
        Ok(Measured {
            mode: mode.map(ToString::to_string),
            ..measured(time)
        })
    }
}

#[derive(Default)]
struct Silent {
    last: (u64, u64),
    notes: Vec<String>,
}

impl Observer for Silent {
    fn progress(&mut self, done: u64, planned: u64) {
        self.last = (done, planned);
    }
    fn note(&mut self, text: &str) {
        self.notes.push(text.into());
    }
}

fn plan(count: usize) -> Plan {
    let planned = Planned {
        limits: Limits::default(),
        at_most: Status::Fail,
        block: Duration::from_millis(100),
    };
    Plan {
        benchmarks: vec![planned; count],
        family: count,
        budget: None,
        seed: 7,
    }
}

fn statuses(results: &Results) -> Vec<Status> {
    results.outcomes.iter().map(|one| one.status).collect()
}

#[test]
fn what_is_slower_fails_and_its_neighbours_pass() {
    let mut machine = Simulated::new(1, &[0.0, 0.15, -0.2]);
    let mut observer = Silent::default();
    let results = run(&plan(3), &mut machine, &mut observer);
    assert_eq!(
        statuses(&results),
        [Status::Pass, Status::Fail, Status::Pass]
    );
    assert!(!results.stopped && results.controls.is_empty());
    let slower = &results.outcomes[1];
    assert!((slower.verdict.as_ref().unwrap().estimate.unwrap() - 0.15).abs() < 0.03);
    assert!(slower.first.is_some(), "an alarm is run a second time");
    assert!(results.outcomes[2].verdict.as_ref().unwrap().improved);
    assert!(results.outcomes[0].first.is_none());
    assert!(
        observer.notes[0].contains("1 alarm"),
        "{:?}",
        observer.notes
    );
    assert_eq!(observer.last.0, observer.last.1);
}

/// Without this the gate would be one that is switched off: whatever the sides are, it would pass.
#[test]
fn the_two_sides_are_really_compared() {
    let mut machine = Simulated::new(1, &[0.15]);
    let results = run(&plan(1), &mut machine, &mut Silent::default());
    let outcome = &results.outcomes[0];
    let sides = |side: Side| {
        machine
            .seen
            .iter()
            .filter(|(_, own, _)| *own == side)
            .count()
    };
    assert_eq!(sides(Side::Baseline), sides(Side::Current));
    let (baseline, current) = outcome.blocks[0].pair();
    assert!(current > baseline * 1.05, "{baseline} {current}");
    assert_eq!(outcome.status, Status::Fail);
}

#[test]
fn blocks_are_abba_or_baab_with_both_copies_of_each_side() {
    let mut machine = Simulated::new(3, &[0.0; 4]);
    let results = run(&plan(4), &mut machine, &mut Silent::default());
    let blocks: Vec<&[(usize, Side, usize)]> = machine.seen.chunks(4).collect();
    assert!(blocks.len() >= 4 * 12);
    let (mut abba, mut first_copies) = (0, 0);
    for block in &blocks {
        let [a, b, c, d] = block else {
            panic!("{block:?}")
        };
        assert!(block.iter().all(|(benchmark, _, _)| *benchmark == a.0));
        assert_eq!((a.1, b.1), (d.1, c.1));
        assert_ne!(a.1, b.1);
        assert_eq!((a.2 + d.2, b.2 + c.2), (1, 1));
        abba += usize::from(a.1 == Side::Baseline);
        first_copies += usize::from(a.2 == 0);
    }
    // Both orders, about equally often.
    let n = blocks.len();
    assert!((n / 4..n * 3 / 4).contains(&abba), "{abba} of {n}");
    assert!(
        (n / 4..n * 3 / 4).contains(&first_copies),
        "{first_copies} of {n}"
    );
    // The benchmarks take turns in different orders.
    let orders: std::collections::HashSet<Vec<usize>> = blocks
        .chunks(4)
        .take(12)
        .map(|round| round.iter().map(|block| block[0].0).collect())
        .collect();
    assert!(orders.len() > 4);
    assert_eq!(statuses(&results), [Status::Pass; 4]);
}

#[test]
fn one_that_cannot_tell_gets_one_second_look_and_no_third() {
    let mut machine = Simulated::new(9, &[0.0]);
    machine.spread = 0.6;
    let results = run(&plan(1), &mut machine, &mut Silent::default());
    assert_eq!(machine.seen.len(), 24 * 4);
    let outcome = &results.outcomes[0];
    assert_eq!(outcome.status, Status::Inconclusive);
    assert_eq!(outcome.blocks.len(), 24);
    assert!(
        outcome
            .verdict
            .as_ref()
            .unwrap()
            .minimum_detectable
            .unwrap()
            > 0.1
    );
}

#[test]
fn without_time_the_second_look_is_left_out_and_that_is_said() {
    let mut machine = Simulated::new(9, &[0.0]);
    machine.spread = 0.6;
    let short = Plan {
        budget: Some(Duration::from_millis(1)),
        ..plan(1)
    };
    let results = run(&short, &mut machine, &mut Silent::default());
    assert_eq!(machine.seen.len(), 12 * 4);
    assert!(results.out_of_time);
    assert_eq!(statuses(&results), [Status::Inconclusive]);
}

#[test]
fn an_alarm_that_the_time_budget_leaves_unconfirmed_is_not_missing() {
    let mut machine = Simulated::new(9, &[0.5]);
    // The first stage takes two processes of each side in each of its twelve blocks.
    let late = (12 * 2 + 3, Failure::OutOfTime);
    machine.fail.insert((0, Side::Current), late);
    let results = run(&plan(1), &mut machine, &mut Silent::default());
    assert!(results.out_of_time);
    let [outcome] = results.outcomes.as_slice() else {
        panic!("{results:?}")
    };
    assert_eq!(outcome.status, Status::Inconclusive);
    let reason = outcome.reason.as_deref().unwrap();
    assert!(reason.contains("time budget"), "{reason}");
    // What was measured is still said.
    assert_eq!(outcome.verdict.as_ref().unwrap().status, Status::Fail);
    assert_eq!(outcome.blocks.len(), 12);
}

#[test]
fn a_control_that_alarms_makes_the_run_inconclusive() {
    let mut machine = Simulated::new(4, &[0.15, 0.0]);
    machine.copies_differ = 0.12;
    let results = run(&plan(2), &mut machine, &mut Silent::default());
    assert_eq!(results.controls, [0, 1]);
    assert_eq!(statuses(&results), [Status::Inconclusive; 2]);
    assert!(
        results.outcomes[0]
            .reason
            .as_ref()
            .unwrap()
            .contains("control")
    );
}

#[test]
fn a_crash_on_either_side_is_never_a_pass_and_ends_that_benchmark_only() {
    for side in [Side::Baseline, Side::Current] {
        let mut machine = Simulated::new(4, &[0.0, 0.0]);
        let crash = Failure::Crashed {
            status: "signal 6".into(),
            said: String::new(),
        };
        machine.fail.insert((0, side), (5, crash));
        let results = run(&plan(2), &mut machine, &mut Silent::default());
        assert_eq!(statuses(&results), [Status::Missing, Status::Pass]);
        let reason = results.outcomes[0].reason.as_ref().unwrap();
        assert_eq!(
            reason,
            &format!("the {} failed with signal 6", side.as_str())
        );
        let runs = machine.seen.iter().filter(|(index, _, _)| *index == 0);
        assert!(runs.count() < 16);
    }
}

#[test]
fn ctrl_c_leaves_a_partial_result_that_decides_nothing() {
    let mut machine = Simulated::new(4, &[0.15, 0.0]);
    machine
        .fail
        .insert((0, Side::Current), (14, Failure::Stopped));
    let results = run(&plan(2), &mut machine, &mut Silent::default());
    assert!(results.stopped);
    assert_eq!(statuses(&results), [Status::Inconclusive; 2]);
    let outcome = &results.outcomes[0];
    assert_eq!(outcome.blocks.len(), 7);
    assert!(outcome.verdict.as_ref().unwrap().estimate.is_some());
    assert!(outcome.reason.as_ref().unwrap().contains("stopped"));
    // Stopped in the second stage, the alarm is not confirmed either.
    let mut machine = Simulated::new(4, &[0.15]);
    machine
        .fail
        .insert((0, Side::Current), (30, Failure::Stopped));
    let results = run(&plan(1), &mut machine, &mut Silent::default());
    assert_eq!(statuses(&results), [Status::Inconclusive]);
}

#[test]
fn samples_of_different_modes_are_not_compared() {
    let mut machine = Simulated::new(4, &[0.0]);
    machine.modes.insert((0, Side::Baseline), "Linear");
    machine.modes.insert((0, Side::Current), "Flat");
    let results = run(&plan(1), &mut machine, &mut Silent::default());
    assert_eq!(statuses(&results), [Status::Inconclusive]);
    assert!(
        results.outcomes[0]
            .reason
            .as_ref()
            .unwrap()
            .contains("sampling_mode")
    );
}

#[test]
fn the_estimate_counts_looks_and_stages() {
    // Two benchmarks of 0.1 s a block: 12 rounds, and at most 24 in each of two stages.
    assert_eq!(
        estimate(&plan(2)),
        Estimate {
            first: Duration::from_millis(2400),
            most: Duration::from_millis(9600),
        }
    );
}

/// The whole procedure on 150 simulated runs of three benchmarks without any change, with noise
/// that is large, skewed, and drifts: no alarm. The bound that the method promises is 5 %.
#[test]
fn the_same_program_does_not_alarm() {
    let mut alarms = 0;
    for seed in 0..150 {
        let mut machine = Simulated::new(seed, &[0.0; 3]);
        machine.spread = 0.10;
        let results = run(
            &Plan { seed, ..plan(3) },
            &mut machine,
            &mut Silent::default(),
        );
        alarms += usize::from(statuses(&results).iter().any(|status| status.is_alarm()));
    }
    assert!(alarms <= 2, "{alarms}");
}
