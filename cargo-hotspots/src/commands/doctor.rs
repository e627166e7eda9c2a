//! `cargo hotspots doctor`.

use crate::{doctor, report};
use clap::Args;
use codecost::{
    Result,
    cargo::Selection,
    console::Console,
    error::exit_code,
    front::Command,
    report::{FormatFlags, RowFlags},
};

/// Check whether this machine can record well, and how to fix it
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Doctor {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self { format, rows } = self;
        let options = format.options(rows)?;
        let findings = doctor::examine(&Selection::default())?;
        report::doctor::write(&findings, &options, console)?;
        Ok(exit_code::OK)
    }
}
