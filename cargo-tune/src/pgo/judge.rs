//! Which of the variants is taken: each step must be proven faster than the best one before it.

use codecost::console::Console;

use crate::project::Project;
use crate::trial::outcome::{Outcome, Status};
use crate::trial::paired::{Interval, holm};
use crate::trial::settle::again;
use crate::trial::timing::Timed;
use crate::trial::workload::{Workload, Workloads};

/// Marks the variants that the command does not take.
pub(super) fn verified(project: &Project, verify: &Workload, rows: &mut [Outcome]) {
    for row in rows.iter_mut() {
        if let Some(weighed) = row
            .weighed
            .as_ref()
            .filter(|_| row.status != Status::Failed)
            && let Err(error) = verify.output(project, &weighed.path)
        {
            row.status = Status::Failed;
            row.reason = Some(format!("--verify: {error}"));
        }
    }
}

/// Takes the last step that is proven faster than the best one before it; Holm's method corrects
/// for the number of steps.
pub(super) fn choose(timed: &Timed, baseline: &mut Outcome, rows: &mut [Outcome]) {
    let mut best: Option<usize> = None;
    let compared: Vec<Option<Interval>> = rows
        .iter()
        .enumerate()
        .map(|(row, outcome)| {
            let built = outcome.status != Status::Failed;
            built.then(|| {
                timed
                    .compare(row, row.checked_sub(1))
                    .or_else(|| timed.compare(row, None))
            })?
        })
        .collect();
    let p: Vec<f64> = compared
        .iter()
        .map(|interval| interval.map_or(1.0, |interval| interval.p_faster))
        .collect();
    for (index, holds) in holm(&p).into_iter().enumerate() {
        let Some(row) = rows
            .get_mut(index)
            .filter(|row| row.status != Status::Failed)
        else {
            continue;
        };
        // Against the best before it, which need not be the step before it.
        let gain = match best {
            Some(best) if best + 1 == index => compared.get(index).copied().flatten(),
            other => timed.compare(index, other),
        };
        let faster = gain.is_some_and(|gain| gain.high < 1.0) && holds;
        if faster {
            row.status = Status::Kept;
            best = Some(index);
        } else {
            row.status = Status::Dropped;
            row.reason = Some(match gain {
                Some(gain) if gain.low > 1.0 => "it is slower".to_owned(),
                Some(_) => "no gain was shown beside what comes before it".to_owned(),
                None => "the program is the same".to_owned(),
            });
        }
    }
    match best.and_then(|best| rows.get_mut(best)) {
        Some(best) => best.status = Status::Chosen,
        None => baseline.status = Status::Chosen,
    }
}

/// What fresh runs say of one variant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Confirmed {
    /// The variant.
    pub name: String,
    /// What it was compared with: the best before it.
    pub against: String,
    /// Its time to the other's.
    pub time: Interval,
}

/// Times the chosen variant once more against what comes before it: the best of several noisy
/// figures is likely to be too good. Returns what was seen of each variant that was timed again.
pub(super) fn confirm(
    project: &Project,
    workload: &Workloads,
    baseline: &mut Outcome,
    rows: &mut [Outcome],
    console: &mut Console,
) -> Vec<Confirmed> {
    let mut seen = Vec::new();
    while let Some(chosen) = rows.iter().position(|row| row.status == Status::Chosen) {
        let path = |row: &Outcome| row.weighed.as_ref().map(|weighed| weighed.path.clone());
        let before = rows.iter().take(chosen).collect::<Vec<_>>();
        let before = before.iter().rposition(|row| row.status == Status::Kept);
        let reference = before.and_then(|index| rows.get(index)).unwrap_or(baseline);
        let Some(row) = rows.get(chosen) else { break };
        console.status("Confirming", &row.variant.name());
        let paths = path(reference).zip(path(row));
        let time = paths.and_then(|(from, to)| again(project, workload, &from, &to));
        let confirmed = time.map(|time| Confirmed {
            name: row.variant.name(),
            against: reference.variant.name(),
            time,
        });
        seen.extend(confirmed.clone());
        if time.is_some_and(|time| time.high < 1.0) {
            break;
        }
        if let Some(row) = rows.get_mut(chosen) {
            row.status = Status::Dropped;
            row.reason = Some(not_again(confirmed.as_ref()));
        }
        match before.and_then(|index| rows.get_mut(index)) {
            Some(before) => before.status = Status::Chosen,
            None => baseline.status = Status::Chosen,
        }
    }
    seen
}

/// Why a variant is dropped after fresh runs, with their figures: those of the table are from the
/// runs before.
fn not_again(confirmed: Option<&Confirmed>) -> String {
    let figures = confirmed.map(|Confirmed { against, time, .. }| {
        let percent = |ratio: f64| format!("{:+.1}", (ratio - 1.0) * 100.0);
        format!(
            ": {} % [{}, {}] against {against}",
            percent(time.ratio),
            percent(time.low),
            percent(time.high)
        )
    });
    format!(
        "the gain did not show again on fresh runs{}",
        figures.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_that_does_not_show_again_is_dropped_with_its_figures() {
        let confirmed = Confirmed {
            name: "pgo".to_owned(),
            against: "plan".to_owned(),
            time: Interval {
                ratio: 1.004,
                low: 0.98,
                high: 1.02,
                ..Interval::SAME
            },
        };
        assert_eq!(
            not_again(Some(&confirmed)),
            "the gain did not show again on fresh runs: +0.4 % [-2.0, +2.0] against plan"
        );
    }
}
