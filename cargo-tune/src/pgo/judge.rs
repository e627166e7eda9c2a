//! Which of the variants is taken: each step must be proven faster than the best one before it.

use codecost::console::Console;

use crate::project::Project;
use crate::trial::outcome::{Outcome, Status};
use crate::trial::paired::{Interval, holm};
use crate::trial::settle::is_faster_again;
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

/// Times the chosen variant once more against what comes before it: the best of several noisy
/// figures is likely to be too good.
pub(super) fn confirm(
    project: &Project,
    workload: &Workloads,
    baseline: &mut Outcome,
    rows: &mut [Outcome],
    console: &mut Console,
) {
    while let Some(chosen) = rows.iter().position(|row| row.status == Status::Chosen) {
        let path = |row: &Outcome| row.weighed.as_ref().map(|weighed| weighed.path.clone());
        let before = rows.iter().take(chosen);
        let before = before.collect::<Vec<_>>();
        let before = before.iter().rposition(|row| row.status == Status::Kept);
        let reference = before.and_then(|index| rows.get(index)).unwrap_or(baseline);
        let paths = path(reference).zip(rows.get(chosen).and_then(path));
        let Some(row) = rows.get(chosen) else { return };
        console.status("Confirming", &row.variant.name());
        if paths.is_some_and(|(from, to)| is_faster_again(project, workload, &from, &to)) {
            return;
        }
        if let Some(row) = rows.get_mut(chosen) {
            row.status = Status::Dropped;
            row.reason = Some("the gain did not show again on fresh runs".to_owned());
        }
        match before.and_then(|index| rows.get_mut(index)) {
            Some(before) => before.status = Status::Chosen,
            None => baseline.status = Status::Chosen,
        }
    }
}
