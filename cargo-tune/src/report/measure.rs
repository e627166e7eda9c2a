//! `cargo tune measure`.

use codecost::Result;
use codecost::console::Console;
use codecost::report::{OutputOptions, Report};

use super::json::{SCHEMA, VERSION, warnings};
use super::trials;
use crate::plan::{Plan, Request};
use crate::project::Project;
use crate::trial::measure::Measured;

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
    } = measured;
    let report = Report::new(SCHEMA, VERSION, "measure", trials::table(rows, baseline))
        .member("target", &request.goal.as_str())
        .member("profile", &project.selection.profile())
        .member("baseline", &trials::row(baseline))
        .member("builds", builds)
        .member("noise", &noise.map(|n| [n.low, n.high]))
        .before(trials::baseline_page(baseline))
        .after(trials::reasons(rows))
        .warnings(trials::time_warnings(*noise, timed))
        .warnings(warnings(&plan.notices));
    console.write_report(&report, options, trials::row)
}
