//! `cargo hotspots recordings`.

use crate::{record, report};
use clap::Args;
use codecost::{
    Result,
    cargo::LookupFlags,
    console::Console,
    error::exit_code,
    front::Command,
    report::{FormatFlags, RowFlags},
};

/// List the recordings that are kept
///
/// Every command takes the number of a recording for `--input`, and `diff` for BEFORE and AFTER.
#[derive(Args, Debug)]
pub(crate) struct Recordings {
    #[command(flatten)]
    lookup: LookupFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Recordings {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            lookup,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let mut selection = lookup.selection();
        console.configure_cargo(&mut selection);
        report::recordings::write(&record::list(&selection)?, &options, console)?;
        Ok(exit_code::OK)
    }
}
