//! `cargo tune measure`.

use codecost::Result;
use codecost::console::Console;
use codecost::report::Report;

use crate::options::Options;
use crate::plan::{self, Request};
use crate::project::Project;
use crate::report::{SCHEMA, VERSION, trials, warnings};
use crate::trial::measure::{self, Measured};

pub(crate) fn run(
    options: Options,
    request: &Request,
    workload: Option<&str>,
    console: &mut Console,
) -> Result<u8> {
    let project = Project::load(options.context, options.selection)?;
    let plan = plan::plan(&project, request)?;
    let Measured {
        baseline,
        rows,
        builds,
        noise,
    } = measure::measure(&project, request, &plan, workload, console)?;
    let report = Report::new(SCHEMA, VERSION, "measure", trials::table(&rows, &baseline))
        .member("target", &request.goal.as_str())
        .member("profile", &project.selection.profile())
        .member("baseline", &trials::row(&baseline))
        .member("builds", &builds)
        .member("noise", &noise.map(|n| [n.low, n.high]))
        .before(trials::baseline_page(&baseline))
        .after(trials::reasons(&rows))
        .warnings(trials::time_warnings(noise, workload.is_some()))
        .warnings(warnings(&plan.notices));
    console.write_report(&report, &options.output, trials::row)?;
    Ok(0)
}
