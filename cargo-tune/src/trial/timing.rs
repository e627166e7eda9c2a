//! Timing the baseline and every variant that was built.

use codecost::Result;
use codecost::console::Console;

use super::outcome::{Outcome, Status};
use super::paired::{self, Interval};
use super::workload::Workload;
use crate::project::Project;

/// Times the baseline, the baseline again, and every variant that was built.
pub(super) fn time(
    project: &Project,
    workload: &Workload,
    baseline: &mut Outcome,
    rows: &mut [Outcome],
    console: &mut Console,
) -> Result<Option<Interval>> {
    let Some(reference) = baseline.weighed.as_ref().map(|w| w.path.clone()) else {
        return Ok(None);
    };
    let expected = workload.output(project, &reference)?;
    let deterministic = workload.output(project, &reference)? == expected;
    let once = workload.time(project, &reference)?;
    for row in rows.iter_mut() {
        let Some(weighed) = &row.weighed else {
            continue;
        };
        match workload.output(project, &weighed.path) {
            Ok(output) if output == expected || !deterministic => {}
            Ok(_) => {
                row.status = Status::Failed;
                row.reason = Some("the workload's output differs from the baseline's".to_owned());
            }
            Err(error) => {
                row.status = Status::Failed;
                row.reason = Some(error.to_string());
            }
        }
    }
    let hash = baseline.weighed.as_ref().map(|w| w.hash);
    let timed: Vec<usize> = (0..rows.len())
        .filter(|i| {
            rows.get(*i).is_some_and(|r| {
                r.status != Status::Failed && r.weighed.as_ref().map(|w| w.hash) != hash
            })
        })
        .collect();
    let runs = 2 * paired::BLOCKS * (timed.len() + 2);
    let estimate = once.as_secs_f64() * runs as f64;
    console.status("Timing", &format!("{runs} runs, about {estimate:.0} s"));
    let mut paths = vec![reference.clone(), reference];
    paths.extend(
        timed
            .iter()
            .filter_map(|i| rows.get(*i)?.weighed.as_ref().map(|w| w.path.clone())),
    );
    let times = paired::blocks(paths.len(), paired::BLOCKS, paired::seed(), |variant| {
        let path = paths.get(variant).cloned().unwrap_or_default();
        workload.time(project, &path)
    })?;
    for (position, index) in timed.iter().enumerate() {
        if let Some(row) = rows.get_mut(*index) {
            row.time = times.compare(position + 2, 0);
        }
    }
    baseline.time = Some(Interval {
        ratio: 1.0,
        low: 1.0,
        high: 1.0,
        p_faster: 1.0,
    });
    Ok(times.compare(1, 0))
}
