//! `cargo tune check`: for CI.

use clap::{Arg, Args};
use codecost::Result;
use codecost::console::Console;
use codecost::error::exit_code;
use codecost::front;
use codecost::report::{GateFormatFlags, RowFlags};

use crate::cli::{BuiltFlags, GoalFlags, hide_cargo_flags};
use crate::drift;
use crate::pgo::reuse;
use crate::plan::{self, Plan, Request};
use crate::project::Project;
use crate::report;

/// Check that the settings in effect are those of the plan (exits with 100 if not)
#[derive(Debug, Args)]
#[command(override_usage = "cargo tune check --target GOAL [OPTIONS]")]
#[command(mut_args(hide_cargo_flags), mut_args(with_builds))]
pub(crate) struct Check {
    #[command(flatten)]
    goal: GoalFlags,
    /// Prove it by a private build, from the arguments that rustc gets
    #[arg(long, help_heading = "Proof")]
    build: bool,
    #[command(flatten)]
    built: BuiltFlags,
    #[command(flatten)]
    format: GateFormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// Without a build nothing is compiled, and no file is written.
fn with_builds(arg: Arg) -> Arg {
    BuiltFlags::if_only_for_builds(arg, |arg| arg.requires("build"))
}

impl front::Command for Check {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            goal,
            build,
            built,
            format,
            rows,
        } = self;
        let request = goal.request()?;
        let options = format.options(rows)?;
        let project = built.project(request.goal, console)?;
        let plan = plan::plan(&project, &request)?;
        let mut drift = drift::drift(&project, &plan);
        if build {
            drift::prove(&project, &mut drift)?;
        }
        let profiles = project.workspace.root().join("pgo");
        let kept = reuse::ages(&project, &profiles, build)?;
        drift.extend(drift::profiles(&kept));
        report::check::write(&project, &request, &plan, &drift, &options, console)?;
        if drift.iter().all(|row| row.status == drift::Status::Pass) {
            Ok(exit_code::OK)
        } else {
            for help in next_steps(&project, &request, &plan, &drift) {
                console.help(&help);
            }
            Ok(exit_code::GATE)
        }
    }
}

/// What puts it right: the plan, where that has a change, and for each other row what its own
/// remedy is.
fn next_steps(
    project: &Project,
    request: &Request,
    plan: &Plan,
    rows: &[drift::Row],
) -> Vec<String> {
    let mut steps = Vec::new();
    if !plan.changes.is_empty() {
        let profile = project.selection.profile();
        let usual = request.goal.default_profile().unwrap_or("release");
        let profile = match profile == usual {
            true => String::new(),
            false => format!(" --profile {profile}"),
        };
        steps.push(format!("cargo tune --target {}{profile}", request.goal));
    }
    for remedy in rows.iter().filter_map(|row| row.remedy.as_ref()) {
        if !steps.contains(remedy) {
            steps.push(remedy.clone());
        }
    }
    steps
}
