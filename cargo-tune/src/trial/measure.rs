//! Before, after, and each knob's own part.

use codecost::Result;
use codecost::cargo::config::{self, Value};
use codecost::console::Console;

use super::workload::Workload;
use super::{Bench, Outcome, Status, Turn, Variant, paired, worthwhile};
use crate::plan::{Goal, Plan, Request};
use crate::project::Project;

/// What was measured.
pub struct Measured {
    /// The build as it is.
    pub baseline: Outcome,
    /// `after` and, for each knob, `without KNOB`.
    pub rows: Vec<Outcome>,
    /// How many builds it took.
    pub builds: usize,
    /// The baseline against itself: the floor of what time can show.
    pub noise: Option<paired::Interval>,
}

/// Builds and times everything.
///
/// # Errors
///
/// The baseline does not build or the workload fails with it: then nothing can be compared.
pub fn measure(
    project: &Project,
    request: &Request,
    plan: &Plan,
    workload: Option<&str>,
    console: &mut Console,
) -> Result<Measured> {
    let mut bench = Bench::new(project)?;
    let workload = workload
        .map(|text| Workload::new(project, text, bench.name()))
        .transpose()?;
    let all: Vec<Turn> = plan.changes.iter().map(Turn::of).collect();
    let mut variants = vec![Variant {
        name: "after".to_owned(),
        turns: all.clone(),
    }];
    for turn in &all {
        variants.push(Variant {
            name: format!("without {}", turn.name()),
            turns: all.iter().filter(|t| *t != turn).cloned().collect(),
        });
    }
    variants.extend(without_what_is_in_force(project, plan, &all));
    console.status("Building", &format!("{} as it is", bench.name()));
    let mut baseline = Outcome {
        variant: Variant {
            name: "baseline".to_owned(),
            turns: Vec::new(),
        },
        weighed: None,
        time: None,
        status: Status::Kept,
        reason: None,
    };
    baseline.weighed = Some(bench.build(&baseline.variant)?);
    let mut rows = Vec::new();
    let total = variants.len();
    for (index, variant) in variants.into_iter().enumerate() {
        console.status(
            "Building",
            &format!("{} ({} of {total})", variant.name, index + 1),
        );
        rows.push(outcome(&mut bench, variant));
    }
    let noise = match &workload {
        Some(workload) => time(project, workload, &mut baseline, &mut rows, console)?,
        None => None,
    };
    judge(request, &mut rows);
    Ok(Measured {
        baseline,
        rows,
        builds: bench.builds,
        noise,
    })
}

/// Builds one variant; a failure is a row.
pub(super) fn outcome(bench: &mut Bench<'_>, variant: Variant) -> Outcome {
    let (weighed, reason, status) = match bench.build(&variant) {
        Ok(weighed) => (Some(weighed), None, Status::Kept),
        Err(error) => (None, Some(error.to_string()), Status::Failed),
    };
    Outcome {
        variant,
        weighed,
        time: None,
        status,
        reason,
    }
}

/// For what the goal wants and is in force already: the same with the key at its default.
fn without_what_is_in_force(project: &Project, plan: &Plan, all: &[Turn]) -> Vec<Variant> {
    let root = match project.effective.get("debug-assertions").map(|s| &s.value) {
        Some(Value::Bool(true)) => "dev",
        _ => "release",
    };
    let mut variants = Vec::new();
    for skipped in &plan.skipped {
        let Some(value) = &skipped.in_force else {
            continue;
        };
        let Some(default) = config::default_value(root, &skipped.key) else {
            continue;
        };
        if config::canonical(&skipped.key, value) != config::canonical(&skipped.key, &default) {
            let mut turns = all.to_vec();
            turns.push(Turn::key(&skipped.key, default));
            variants.push(Variant {
                name: format!("without {}", skipped.key),
                turns,
            });
        }
    }
    variants
}

/// Times the baseline, the baseline again, and every variant that was built.
pub(super) fn time(
    project: &Project,
    workload: &Workload,
    baseline: &mut Outcome,
    rows: &mut [Outcome],
    console: &mut Console,
) -> Result<Option<paired::Interval>> {
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
    baseline.time = Some(paired::Interval {
        ratio: 1.0,
        low: 1.0,
        high: 1.0,
        p_faster: 1.0,
    });
    Ok(times.compare(1, 0))
}

/// Says of each knob whether it is worth it.
fn judge(request: &Request, rows: &mut [Outcome]) {
    let Some((after, others)) = rows.split_first_mut() else {
        return;
    };
    if after.status != Status::Failed {
        after.status = Status::Chosen;
    }
    let Some(whole) = after.weighed.clone() else {
        return;
    };
    for row in others.iter_mut().filter(|r| r.status != Status::Failed) {
        let Some(weighed) = &row.weighed else {
            continue;
        };
        if weighed.hash == whole.hash {
            row.status = Status::NoEffect;
            row.reason = Some("the output is the same with and without it".to_owned());
            continue;
        }
        // Shipped sizes are without symbols already: what `strip` takes away shows in the file.
        let size = |w: &super::Weighed| match row.variant.name.as_str() {
            "without strip" => w.file_size,
            _ => w.size(),
        };
        let gain = i128::from(size(weighed)) - i128::from(size(&whole));
        let faster = match (row.time, after.time) {
            // The knob pays when leaving it out is slower by more than the noise.
            (Some(without), Some(with)) => without.low > with.high,
            _ => false,
        };
        row.status = match request.goal {
            Goal::Size => keep(worthwhile(gain, whole.size())),
            Goal::Speed if row.time.is_some() => keep(faster),
            Goal::CompileTime => keep(weighed.build_ns > whole.build_ns),
            _ => Status::Kept,
        };
        if row.status == Status::Dropped {
            row.reason = Some("its own part is under the threshold".to_owned());
        }
    }
}

fn keep(worth_it: bool) -> Status {
    if worth_it {
        Status::Kept
    } else {
        Status::Dropped
    }
}
