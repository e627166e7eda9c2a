//! `cargo hotspots doctor`.

use crate::{doctor, report};
use clap::Args;
use codecost::{
    Result,
    cargo::LookupFlags,
    console::Console,
    error::exit_code,
    front::Command,
    report::{FormatFlags, RowFlags},
};

/// Check whether this machine can record well, and how to fix it
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    #[command(flatten)]
    lookup: LookupFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Doctor {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            lookup,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let mut selection = lookup.selection();
        console.configure_cargo(&mut selection);
        let findings = doctor::examine(&selection)?;
        report::doctor::write(&findings, &options, console)?;
        Ok(exit_code::OK)
    }
}
