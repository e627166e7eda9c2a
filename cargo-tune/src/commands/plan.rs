//! `cargo tune --target …`: show the plan, ask, write.

use clap::Args;
use codecost::Result;
use codecost::console::Console;
use codecost::front;
use codecost::report::{FormatFlags, RowFlags};

use crate::apply;
use crate::cli::{GoalFlags, SettingsFlags, TargetDirFlag, hide_cargo_flags};
use crate::offer::offer;
use crate::plan;
use crate::report;

/// Show the plan for a goal, ask, and write it
#[derive(Debug, Args)]
#[command(mut_args(hide_cargo_flags))]
pub(crate) struct Plan {
    #[command(flatten)]
    goal: GoalFlags,
    /// Write without asking
    #[arg(short, long, help_heading = "Writing")]
    yes: bool,
    /// Only show the plan
    #[arg(long, conflicts_with = "yes", help_heading = "Writing")]
    dry_run: bool,
    /// Add a short comment to each value that is written
    #[arg(long, help_heading = "Writing", hide_short_help = true)]
    comments: bool,
    #[command(flatten)]
    settings: SettingsFlags,
    #[command(flatten)]
    place: TargetDirFlag,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl front::Command for Plan {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            goal,
            yes,
            dry_run,
            comments,
            settings,
            place,
            format,
            rows,
        } = self;
        let request = goal.request()?;
        let options = format.options(rows)?;
        let project = settings.project_to_plan(place, request.goal, console)?;
        let plan = plan::plan(&project, &request)?;
        let edits = apply::edits(&plan, comments)?;
        report::plan::write(&project, &request, &plan, &edits, &options, console)?;
        if !dry_run && !plan.changes.is_empty() {
            let profile = project.selection.profile();
            let title = format!("--target {} --profile {profile}", request.goal);
            offer(&project, &edits, plan.changes.len(), yes, &title, console)?;
        }
        Ok(0)
    }
}
