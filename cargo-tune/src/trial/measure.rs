//! Before, after, and each knob's own part.

use codecost::Result;
use codecost::cargo::config::{Notice, Value};
use codecost::console::Console;

use super::bench::Bench;
use super::outcome::{Outcome, Status, Weighed, worthwhile};
use super::paired::Interval;
use super::price::{Cost, OwnPart, Side};
use super::taste::pace;
use super::timing::{Timed, time};
use super::variant::{Role, Variant, without};
use super::workload::Workloads;
use crate::knob::{Assignment, Key, KeySetting, Knob, Subject};
use crate::plan::{Goal, Plan, Request};
use crate::project::Project;

/// What was measured.
pub struct Measured {
    /// The build as it is.
    pub baseline: Outcome,
    /// `plan` and, for each knob, `without KNOB`.
    pub rows: Vec<Outcome>,
    /// How many builds it took.
    pub builds: usize,
    /// The baseline against itself: the floor of what time can show.
    pub noise: Option<Interval>,
    /// What the times and outputs do not say.
    pub notices: Vec<Notice>,
    /// Each knob's own part of what the plan changes.
    pub parts: Vec<OwnPart>,
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
    // Cargo builds again only what a variant changes, so that two builds in one directory need not
    // compile the same crates.
    if request.goal == Goal::CompileTime {
        bench = bench.clean();
    }
    let workload = workload
        .map(|text| Workloads::new(project, &[text.to_owned()], bench.name()))
        .transpose()?;
    let variants = variants(project, plan);
    console.status("Building", &format!("{} as it is", bench.name()));
    let mut baseline = Outcome::baseline();
    baseline.weighed = Some(bench.build(&baseline.variant)?);
    let mut rows = Vec::new();
    let total = variants.len();
    for (index, variant) in variants.into_iter().enumerate() {
        console.status(
            "Building",
            &format!("{} ({} of {total})", variant.name(), index + 1),
        );
        rows.push(bench.outcome(variant));
    }
    let timed = match &workload {
        Some(workload) => time(project, workload, &mut baseline, &mut rows, console)?,
        None => None,
    };
    judge(request, &mut rows);
    let parts = parts(request.goal, &baseline, &rows);
    Ok(Measured {
        parts,
        baseline,
        rows,
        builds: bench.builds,
        noise: timed.as_ref().and_then(Timed::noise),
        notices: timed.as_ref().map(Timed::notices).unwrap_or_default(),
    })
}

/// The whole plan, and the plan without each of its knobs.
fn variants(project: &Project, plan: &Plan) -> Vec<Variant> {
    let all: Vec<Assignment> = plan.changes.iter().map(|c| c.assignment.clone()).collect();
    let mut variants = vec![Variant::new(Role::Plan, all.clone())];
    for assignment in &all {
        let subject = assignment.subject();
        let others = without(&all, &subject);
        variants.push(Variant::new(Role::Without(subject), others));
    }
    variants.extend(without_what_is_in_force(project, plan, &all));
    variants
}

/// For what the goal wants and is in force already: the whole plan with that key at its default.
fn without_what_is_in_force(project: &Project, plan: &Plan, all: &[Assignment]) -> Vec<Variant> {
    let root = match project.effective.get("debug-assertions").map(|s| &s.value) {
        Some(Value::Bool(true)) => "dev",
        _ => "release",
    };
    let at_default = |key: Key, value: &Value| {
        let default = key.default_value(root)?;
        if key.canonical(value) == key.canonical(&default) {
            return None;
        }
        let mut assignments = all.to_vec();
        // rustc treats its own default otherwise than the same number from somebody else.
        assignments.push(match key {
            Key::CodegenUnits => Assignment::Key(KeySetting::unset(key)),
            _ => Assignment::key(key, default),
        });
        let role = Role::Without(Subject::key(key));
        Some(Variant::new(role, assignments))
    };
    let in_force = plan.skipped.iter().filter_map(|skipped| {
        let value = skipped.in_force.as_ref()?;
        match skipped.knob {
            // Without an override its packages have what the profile says.
            Knob::Key(_) if skipped.package.is_some() => None,
            Knob::Key(key) => at_default(key, value),
            // A flag that is in force cannot be taken back by another one.
            Knob::Flag(_) | Knob::Topic(_) => None,
        }
    });
    in_force.collect()
}

/// Each knob's own part: the plan as a whole beside the plan without it.
fn parts(goal: Goal, baseline: &Outcome, rows: &[Outcome]) -> Vec<OwnPart> {
    let Some((after, others)) = rows.split_first() else {
        return Vec::new();
    };
    let part = |row: &Outcome| {
        let Role::Without(subject) = &row.variant.role else {
            return None;
        };
        let size = weight_for(subject);
        let side = |outcome: &Outcome| {
            let weighed = outcome.weighed.as_ref()?;
            Some(Side {
                size: size(weighed),
                time: pace(outcome, baseline),
                build: Cost::of(weighed),
            })
        };
        let failed = after.status == Status::Failed || row.status == Status::Failed;
        let (with, without) = side(after).zip(side(row)).filter(|_| !failed)?;
        Some(OwnPart::of(subject.to_string(), goal, with, without))
    };
    others.iter().filter_map(part).collect()
}

/// Shipped sizes are without symbols already: what `strip` takes away shows in the file.
fn weight_for(subject: &Subject) -> fn(&Weighed) -> u64 {
    if *subject == Subject::key(Key::Strip) {
        |weighed| weighed.file_size
    } else {
        Weighed::size
    }
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
        if request.goal == Goal::CompileTime {
            let (status, reason) = by_build(&row.variant.role, weighed, &whole);
            row.status = status;
            row.reason = Some(reason);
            continue;
        }
        if weighed.hash == whole.hash {
            row.status = Status::NoEffect;
            row.reason = Some("the output is the same with and without it".to_owned());
            continue;
        }
        let size = match &row.variant.role {
            Role::Without(subject) => weight_for(subject),
            _ => Weighed::size,
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
            _ => Status::Kept,
        };
        if row.status == Status::Dropped {
            let reason = match request.goal {
                Goal::Speed => "without it the program is not slower by more than the noise",
                _ => "it saves less than the threshold for size",
            };
            row.reason = Some(reason.to_owned());
        }
    }
}

/// The verdict on a knob of a plan for short builds.
fn by_build(role: &Role, without: &Weighed, with: &Weighed) -> (Status, String) {
    if *role == Role::Without(Subject::key(Key::Incremental)) {
        let reason = "it pays where a crate is built again, which clean builds do not show";
        return (Status::Kept, reason.to_owned());
    }
    match Cost::of(with).beside(&Cost::of(without)) {
        None => (Status::Kept, "its build was not measured".to_owned()),
        Some(beside) if beside.is_shorter() => {
            (Status::Kept, format!("{} with it", beside.words()))
        }
        Some(beside) => (Status::Dropped, format!("{} with it", beside.words())),
    }
}

fn keep(worth_it: bool) -> Status {
    if worth_it {
        Status::Kept
    } else {
        Status::Dropped
    }
}
