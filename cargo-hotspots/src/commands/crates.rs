//! `cargo hotspots crates`.

use crate::{
    analysis,
    cli::{RecordingFlags, Unless},
    report,
};
use clap::Args;
use codecost::{
    Result,
    console::Console,
    front::Command,
    report::{FormatFlags, RowFlags},
};

/// Time by crate
///
/// `self`, `charged` and `caused` each sum to the whole. Two versions of one crate are two rows;
/// the kernel, libc and code without a name are rows in brackets.
#[derive(Args, Debug)]
pub(crate) struct Crates {
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Crates {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            recording,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let request = recording.request(Unless::Latest, console)?;
        let opened = request.open(console)?;
        let analysis = analysis::crates(&opened.subject())?;
        report::crates::write(&analysis, &options, console)?;
        request.verdict(&analysis.facts, console)
    }
}
