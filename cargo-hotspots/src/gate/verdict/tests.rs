use super::*;
use crate::gate::random::Random;

/// Twelve blocks with these changes in percent.
fn blocks(percent: [f64; 12]) -> Evidence {
    let logs = percent.map(|percent| (percent / 100.0).ln_1p());
    Evidence::new(Change::of_logs(logs), Limits::default())
}

fn alone(percent: [f64; 12]) -> Verdict {
    judge(&[blocks(percent)], 1).remove(0)
}

/// +12 %, of the same recorded run as below: all twelve are over 5 %, p = 1/4096 ≤ 0.025, and
/// the tenth block (13.0) reaches 9.5 %.
const SLOWER: [f64; 12] = [
    11.2, 12.4, 12.9, 10.8, 13.0, 12.2, 11.9, 13.4, 12.0, 12.6, 9.9, 14.8,
];

#[test]
fn a_clear_slowdown_fails() {
    let verdict = alone(SLOWER);
    assert_eq!(verdict.status, Status::Fail);
    assert!((verdict.p_concern.unwrap() - 1.0 / 4096.0).abs() < 1e-12);
    assert!((verdict.estimate.unwrap() - 0.123).abs() < 1e-3);
    let Interval { low, high } = verdict.interval.unwrap();
    // Sorted: 9.9 10.8 11.2 11.9 12.0 12.2 12.4 12.6 12.9 13.0 13.4 14.8.
    assert!((low - 0.112).abs() < 1e-9 && (high - 0.130).abs() < 1e-9);
    assert!(!verdict.improved);
}

/// Three blocks at or under 5 % leave nine: p = 299/4096 = 0.073 > 0.025, so it is not
/// significantly over the concern; over 2 % are eleven, p = 13/4096 = 0.0032.
#[test]
fn a_slowdown_that_is_not_significantly_over_the_concern_needs_attention() {
    let verdict = alone([
        11.2, 12.4, 12.9, 1.0, 13.0, 12.2, 11.9, 13.4, 12.0, 12.6, 4.0, 5.0,
    ]);
    assert!((verdict.p_concern.unwrap() - 299.0 / 4096.0).abs() < 1e-12);
    assert!((verdict.p_floor - 13.0 / 4096.0).abs() < 1e-12);
    assert_eq!(verdict.status, Status::Attention);
    // The tenth block is 12.9 %: it may be a failure.
    assert!(verdict.wants_second_look(Limits::default()));
}

/// The tenth block decides: at 9.5 % it reaches the action less half a point, at 9.4 % not.
#[test]
fn half_a_point_below_the_action_still_reaches_it() {
    let at = |tenth: f64| alone([8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, tenth, 9.6, 9.7]);
    assert_eq!(at(9.51).status, Status::Fail);
    assert_eq!(at(9.4).status, Status::Attention);
    assert!(!at(9.4).wants_second_look(Limits::default()));
}

#[test]
fn significant_but_far_below_the_concern_passes() {
    let verdict = alone([3.0, 3.1, 2.9, 3.0, 3.2, 2.8, 3.0, 3.1, 3.0, 3.3, 2.7, 3.0]);
    assert!((verdict.p_floor - 1.0 / 4096.0).abs() < 1e-12);
    assert_eq!(verdict.status, Status::Pass);
    // The tenth at 4.6 % reaches the concern less half a point.
    let near = alone([3.0, 3.1, 2.9, 3.0, 3.2, 2.8, 3.0, 3.1, 3.0, 4.6, 4.7, 4.8]);
    assert_eq!(near.status, Status::Attention);
}

#[test]
fn noise_that_may_hide_a_failure_is_inconclusive() {
    let verdict = alone([
        -9.0, 12.0, -3.0, 14.0, 1.0, 11.0, -7.0, 0.0, 13.0, 2.0, -1.0, 3.0,
    ]);
    assert_eq!(verdict.status, Status::Inconclusive);
    assert!(verdict.wants_second_look(Limits::default()));
    assert!(verdict.minimum_detectable.unwrap() > 0.10);
}

#[test]
fn the_same_program_passes_and_a_faster_one_passes_as_an_improvement() {
    let same = alone([
        0.1, -0.2, 0.3, 0.0, -0.1, 0.2, 0.1, -0.3, 0.0, 0.4, -0.4, 0.1,
    ]);
    assert_eq!((same.status, same.improved), (Status::Pass, false));
    let faster = alone(SLOWER.map(|percent| -percent));
    assert_eq!((faster.status, faster.improved), (Status::Pass, true));
}

/// Ten of twelve over 5 %: p = 79/4096 = 0.0193. Alone it is below 0.025; of two benchmarks it
/// would have to be below 0.0125.
#[test]
fn the_correction_is_over_all_benchmarks_of_the_run() {
    let ten = [
        11.2, 12.4, 12.9, 1.0, 13.0, 12.2, 11.9, 13.4, 12.0, 12.6, 4.0, 14.0,
    ];
    let flat = [0.0; 12];
    assert_eq!(alone(ten).status, Status::Fail);
    let both = judge(&[blocks(ten), blocks(flat)], 2);
    assert_eq!(both[0].status, Status::Attention);
    assert_eq!(both[1].status, Status::Pass);
    // Also when the others are not decided at this look.
    assert_eq!(judge(&[blocks(ten)], 2)[0].status, Status::Attention);
    let closed = Evidence {
        open: false,
        ..blocks(SLOWER)
    };
    let verdicts = judge(&[blocks(ten), closed], 2);
    assert_eq!(verdicts[0].status, Status::Attention);
    // Holm: where the first is rejected, the second is tested at the full level.
    assert_eq!(
        judge(&[blocks(SLOWER), blocks(ten)], 2)[1].status,
        Status::Fail
    );
}

#[test]
fn what_cannot_reject_never_passes() {
    let six = Evidence::new(Change::of_logs([0.2; 6]), Limits::default());
    assert_eq!(judge(std::slice::from_ref(&six), 1)[0].status, Status::Fail);
    assert_eq!(
        judge(&[six.clone(), six], 2)[0].status,
        Status::Inconclusive
    );
    let none = Evidence::new(Change::of_logs([]), Limits::default());
    let verdict = judge(&[none], 1).remove(0);
    assert_eq!(verdict.status, Status::Inconclusive);
    assert_eq!((verdict.estimate, verdict.interval), (None, None));
    assert_eq!(verdict.minimum_detectable, None);
}

#[test]
fn the_looks_grow_with_the_number_of_benchmarks() {
    assert_eq!(looks(1), (12, 24));
    assert_eq!(looks(102), (12, 24));
    assert_eq!(looks(103), (13, 26));
    assert_eq!(looks(1000), (16, 32));
}

#[test]
fn numbers_without_their_program_are_capped() {
    let capped = Evidence {
        at_most: Status::Attention,
        ..blocks(SLOWER)
    };
    assert_eq!(judge(&[capped], 1)[0].status, Status::Attention);
    let silent = Evidence {
        at_most: Status::Inconclusive,
        ..blocks(SLOWER)
    };
    assert_eq!(judge(&[silent], 1)[0].status, Status::Inconclusive);
}

#[test]
fn an_alarm_holds_when_both_stages_raise_it() {
    use Status::{Attention, Fail, Inconclusive, Pass};
    assert_eq!(confirmed(Fail, Fail), Fail);
    assert_eq!(confirmed(Fail, Attention), Attention);
    assert_eq!(confirmed(Attention, Fail), Attention);
    assert_eq!(confirmed(Fail, Inconclusive), Inconclusive);
    assert_eq!(confirmed(Attention, Pass), Pass);
    assert_eq!(confirmed(Pass, Fail), Pass);
}

#[test]
fn a_control_alarms_in_either_direction() {
    let logs = |change: f64| Change::of_logs([f64::ln_1p(change); 12]);
    assert_eq!(
        alarming_controls(&[logs(0.03), logs(-0.03), logs(0.01)], 3),
        [true, true, false]
    );
}

/// The family error, simulated: runs of five benchmarks without any change, with skewed noise of
/// about 4 %, decided at two looks. Each kind of alarm may be raised in 5 % of runs.
#[test]
fn runs_without_a_change_alarm_at_most_as_often_as_promised() {
    let mut random = Random::new(5);
    let noise =
        |random: &mut Random| -> f64 { (random.fraction().ln() - random.fraction().ln()) * 0.04 };
    let runs = 400;
    let mut alarms = 0;
    for _ in 0..runs {
        let logs: Vec<Vec<f64>> = (0..5)
            .map(|_| {
                (0..24)
                    .map(|_| noise(&mut random) + FLOOR.ln_1p())
                    .collect()
            })
            .collect();
        let look = |n: usize, open: &[bool]| -> Vec<Verdict> {
            let evidence: Vec<Evidence> = logs
                .iter()
                .zip(open)
                .map(|(logs, open)| Evidence {
                    open: *open,
                    ..Evidence::new(
                        Change::of_logs(logs.iter().take(n).copied()),
                        Limits::default(),
                    )
                })
                .collect();
            judge(&evidence, 5)
        };
        let first = look(12, &[true; 5]);
        let open: Vec<bool> = first
            .iter()
            .map(|verdict| verdict.wants_second_look(Limits::default()))
            .collect();
        let second = look(24, &open);
        let any = first
            .iter()
            .chain(
                second
                    .iter()
                    .zip(&open)
                    .filter(|(_, open)| **open)
                    .map(|(v, _)| v),
            )
            .any(|verdict| verdict.status.is_alarm());
        alarms += u32::from(any);
    }
    let share = f64::from(alarms) / f64::from(runs);
    assert!(share <= 0.05, "{share}");
    // The test sees alarms at all: the bound is not met by never alarming.
    assert!(alarms > 0);
}

/// The promise itself: runs are simulated with exactly the change that another run with the
/// same noise called detectable, and the rule finds it in both stages in four of five.
#[test]
fn the_rule_finds_the_detectable_change_in_four_of_five_runs() {
    let mut random = Random::new(3);
    let noise = |random: &mut Random| (-random.fraction().ln() + random.fraction().ln()) * 0.02;
    let run = |random: &mut Random, shift: f64| {
        Change::of_logs((0..12).map(|_| shift + noise(random)).collect::<Vec<_>>())
    };
    let limits = Limits::default();
    let (mut found, trials) = (0, 400);
    for _ in 0..trials {
        let least = detect::minimum_detectable(&run(&mut random, 0.0), 0.05, LOOK_LEVEL).unwrap();
        let alarms = |random: &mut Random| {
            let change = run(random, least.ln_1p());
            let evidence = [Evidence::new(change, limits)];
            judge(&evidence, 1)[0].status >= Status::Attention
        };
        found += u32::from(alarms(&mut random) && alarms(&mut random));
    }
    let share = f64::from(found) / f64::from(trials);
    assert!((0.7..0.9).contains(&share), "{share}");
}
