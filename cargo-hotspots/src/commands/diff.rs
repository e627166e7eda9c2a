//! `cargo hotspots diff`.

use crate::{analysis, open::Opened, record, report};
use clap::{Args, ValueHint};
use codecost::{
    Result,
    console::Console,
    error::exit_code,
    front::Command,
    report::{FormatFlags, RowFlags},
};
use std::path::{Path, PathBuf};

/// Compare two recordings: what became slower or faster
///
/// BEFORE and AFTER are each a perf.data file, the directory of a recording, or its number (the
/// last ten are kept in `codecost/hotspots` below the target directory).
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// The earlier recording
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) before: PathBuf,
    /// The later recording
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) after: PathBuf,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Diff {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            before,
            after,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let read = |path: &Path| Opened::read(record::open(path)?, String::new(), false);
        let (before, after) = (read(&before)?, read(&after)?);
        let comparison = analysis::compare(&before.subject(), &after.subject())?;
        report::diff::write(&comparison, &options, console)?;
        Ok(exit_code::OK)
    }
}
