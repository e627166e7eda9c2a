//! `cargo tune show`.

use clap::Args;
use codecost::Result;
use codecost::console::Console;
use codecost::front;
use codecost::report::{FormatFlags, RowFlags};

use crate::cli::{NoGoalFlag, SettingsFlags};
use crate::report;

/// Show every setting in effect, where it is set, and which settings it overrides
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    settings: SettingsFlags,
    #[command(flatten)]
    no_goal: NoGoalFlag,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl front::Command for Show {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            settings,
            no_goal,
            format,
            rows,
        } = self;
        no_goal.discard();
        let options = format.options(rows)?;
        let project = settings.project(None, console)?;
        report::show::write(&project, &options, console)?;
        Ok(0)
    }
}
