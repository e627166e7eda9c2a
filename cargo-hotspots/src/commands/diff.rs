//! `cargo hotspots diff`.

use crate::{
    analysis::{self, Measured},
    open::Opened,
    record, report,
};
use clap::{Args, ValueHint};
use codecost::{
    Error, Result,
    console::Console,
    error::exit_code,
    front::Command,
    report::{FormatFlags, RowFlags},
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Compare two recordings: where CPU time was saved or lost, or allocated bytes
///
/// BEFORE and AFTER are each a perf.data file, the directory of a recording, or its number
/// (`cargo hotspots recordings` lists them); several, separated by commas, give the interval of the
/// runs. Times are compared as they are. Benchmarks that run for a set time are compared by shares.
/// Two recordings of allocations are compared in bytes and blocks.
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// The earlier recording, or several: 1,2,3
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) before: PathBuf,
    /// The later recording, or several: 4,5,6
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) after: PathBuf,
    /// Compare shares instead of times
    ///
    /// For recordings of different length.
    #[arg(long, help_heading = "Output")]
    per_share: bool,
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
            per_share,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let (before, after) = (measure(&before)?, measure(&after)?);
        let comparison = analysis::compare(&before, &after, per_share)?;
        report::diff::write(&comparison, &options, console)?;
        Ok(exit_code::OK)
    }
}

/// The recordings of one side, one after the other: only what is compared of each is kept.
fn measure(operand: &Path) -> Result<Vec<Measured>> {
    let read = |path: &PathBuf| {
        let opened = Opened::read(record::open(path)?, String::new(), false)?;
        Measured::new(&opened.subject())
    };
    several(operand)?.iter().map(read).collect()
}

/// The parts of a list with commas, unless there is a file of this very name.
fn several(operand: &Path) -> Result<Vec<PathBuf>> {
    let text = operand.to_str().filter(|text| text.contains(','));
    let Some(text) = text.filter(|_| !operand.exists()) else {
        return Ok(vec![operand.to_path_buf()]);
    };
    if text.split(',').any(|part| part.trim().is_empty()) {
        return Err(Error::usage(
            format_args!("`{text}` has an empty part"),
            "separate recordings by single commas: `1,2,3`",
        ));
    }
    let parts = text.split(',').map(|part| OsString::from(part.trim()));
    Ok(parts.map(PathBuf::from).collect())
}
