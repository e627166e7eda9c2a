//! Confirming the winner: by compiling it once more, the verify command and, for speed, fresh runs.

use std::path::{Path, PathBuf};

use codecost::console::Console;

use super::bench::Bench;
use super::choice::choose;
use super::outcome::{Outcome, Status};
use super::paired::{self, Interval};
use super::taste::Taste;
use super::workload::{Workload, Workloads};
use crate::plan::{Goal, Request};
use crate::project::Project;

/// The checks that a winner must pass.
pub(super) struct Confirmation<'a> {
    pub(super) project: &'a Project,
    pub(super) request: &'a Request,
    pub(super) taste: Taste,
    /// A command that must succeed with the winner.
    pub(super) verify: Option<&'a Workload>,
    /// The command whose time the search is about.
    pub(super) workload: Option<&'a Workloads>,
}

impl Confirmation<'_> {
    /// Confirms the row that is chosen. A winner that does not hold becomes a failed row, and the
    /// next best is tried. Returns whether the winner, compiled once more, was the same, byte for byte.
    pub(super) fn settle(
        &self,
        bench: &mut Bench<'_>,
        baseline: &mut Outcome,
        rows: &mut [Outcome],
        console: &mut Console,
    ) -> Option<bool> {
        for attempt in 0..rows.len() {
            let winner = rows.iter_mut().find(|r| r.status == Status::Chosen)?;
            console.status("Confirming", &winner.variant.name());
            // The budget has one build for this; a second best is confirmed as it was built.
            let confirmed = match attempt {
                0 => built_anew(bench, winner),
                _ => Ok((path_of(winner), None)),
            };
            let holds = confirmed.and_then(|(path, reproducible)| {
                self.verified(&path)?;
                self.timed_again(baseline, &path)?;
                Ok(reproducible)
            });
            match holds {
                Ok(reproducible) => return reproducible,
                Err(fault) => {
                    winner.status = Status::Failed;
                    winner.reason = Some(fault);
                }
            }
            choose(self.request, self.taste, baseline, rows);
        }
        None
    }

    fn verified(&self, path: &Path) -> Result<(), String> {
        let Some(verify) = self.verify else {
            return Ok(());
        };
        let output = verify.output(self.project, path);
        output.map_or_else(|error| Err(format!("--verify: {error}")), |_| Ok(()))
    }

    /// Times the winner against the baseline once more, where the search is for speed: the best of
    /// several noisy figures is likely to be too good.
    fn timed_again(&self, baseline: &Outcome, path: &Path) -> Result<(), String> {
        if self.request.goal != Goal::Speed {
            return Ok(());
        }
        let unproven = || "the gain did not show again on fresh runs".to_owned();
        let workload = self.workload.ok_or_else(unproven)?;
        let again = again(self.project, workload, &path_of(baseline), path);
        let again = again.is_some_and(|interval| interval.high < 1.0);
        again.then_some(()).ok_or_else(unproven)
    }
}

/// The time of `path` to that of `reference` on fresh runs; `None` where one fails.
pub fn again(
    project: &Project,
    workload: &Workloads,
    reference: &Path,
    path: &Path,
) -> Option<Interval> {
    let times = paired::blocks(2, paired::BLOCKS, paired::seed(), |variant| {
        let program = if variant == 0 { reference } else { path };
        workload.time(project, program)
    });
    times.ok().and_then(|times| times.compare(1, 0))
}

fn path_of(outcome: &Outcome) -> PathBuf {
    let weighed = outcome.weighed.as_ref();
    weighed.map(|w| w.path.clone()).unwrap_or_default()
}

/// The program compiled once more, and whether it is the same, byte for byte.
fn built_anew(bench: &mut Bench<'_>, winner: &Outcome) -> Result<(PathBuf, Option<bool>), String> {
    let again = bench.confirm(&winner.variant);
    let again = again.map_err(|error| format!("compiled once more: {error}"))?;
    let same = winner.weighed.as_ref().map(|w| w.hash) == Some(again.hash);
    Ok((again.path, Some(same)))
}
