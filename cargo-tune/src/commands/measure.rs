//! `cargo tune measure`.

use clap::Args;
use codecost::Result;
use codecost::console::Console;
use codecost::front;
use codecost::report::{FormatFlags, RowFlags};

use crate::cli::{BuiltFlags, GoalFlags, WorkloadFlag, hide_cargo_flags};
use crate::plan;
use crate::report;
use crate::trial::measure;

/// Measure what the plan, and each of its knobs, gains for your program
#[derive(Debug, Args)]
#[command(override_usage = "cargo tune measure --target GOAL [OPTIONS]")]
#[command(mut_args(hide_cargo_flags))]
pub(crate) struct Measure {
    #[command(flatten)]
    goal: GoalFlags,
    #[command(flatten)]
    workload: WorkloadFlag,
    #[command(flatten)]
    built: BuiltFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl front::Command for Measure {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            goal,
            workload: WorkloadFlag { workload },
            built,
            format,
            rows,
        } = self;
        let request = goal.request()?;
        let options = format.options(rows)?;
        let project = built.project(request.goal, console)?;
        let plan = plan::plan(&project, &request)?;
        let measured = measure::measure(&project, &request, &plan, workload.as_deref(), console)?;
        report::measure::write(
            &project,
            &request,
            &plan,
            &measured,
            workload.is_some(),
            &options,
            console,
        )?;
        Ok(0)
    }
}
