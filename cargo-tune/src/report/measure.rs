//! `cargo tune measure`.

use codecost::Result;
use codecost::console::Console;
use codecost::report::{Emphasis, OutputOptions, Page, Report};

use super::json::{SCHEMA, VERSION, warnings};
use super::trials;
use crate::plan::{Goal, Plan, Request};
use crate::project::Project;
use crate::trial::measure::Measured;
use crate::trial::price::OwnPart;

/// Writes what was measured; `timed` says whether there was a workload.
pub(crate) fn write(
    project: &Project,
    request: &Request,
    plan: &Plan,
    measured: &Measured,
    timed: bool,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Measured {
        baseline,
        rows,
        builds,
        noise,
        notices,
        parts,
    } = measured;
    let by_build = request.goal == Goal::CompileTime;
    let table = trials::table(rows, baseline, by_build);
    let report = Report::new(SCHEMA, VERSION, "measure", table)
        .member("target", &request.goal.as_str())
        .member("profile", &project.selection.profile())
        .member("baseline", &trials::row(baseline))
        .member("builds", builds)
        .member("noise", &noise.map(|n| [n.low, n.high]))
        .before(trials::baseline_page(baseline))
        .member("parts", parts)
        .after(trials::reasons(rows))
        .after(own_parts(parts))
        .warnings(trials::time_warnings(*noise, timed))
        .warnings(warnings(notices))
        .warnings(warnings(&plan.notices));
    console.write_report(&report, options, trials::row)
}

/// What each knob does for the plan, in words.
fn own_parts(parts: &[OwnPart]) -> Page {
    if parts.is_empty() {
        return Page::new();
    }
    let lines = parts.iter().fold(
        Page::new().heading("What each knob does for the plan"),
        |page, part| {
            let emphasis = match part.hurts_both {
                true => Emphasis::Strong,
                false => Emphasis::Plain,
            };
            page.line(part.words.clone(), emphasis)
        },
    );
    let hurting: Vec<&str> = parts
        .iter()
        .filter(|part| part.hurts_both)
        .map(|part| part.knob.as_str())
        .collect();
    match hurting.as_slice() {
        [] => lines,
        knobs => lines.line(
            format!(
                "larger and slower with it: {}; leave it out",
                knobs.join(", ")
            ),
            Emphasis::Strong,
        ),
    }
}
