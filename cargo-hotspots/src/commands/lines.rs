//! `cargo hotspots lines`.

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

/// Time by source line
///
/// `charged` counts for the line of your code that called std; `self` counts for the line in std.
#[derive(Args, Debug)]
pub(crate) struct Lines {
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Lines {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            recording,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let request = recording.request(Unless::Latest, console)?;
        let opened = request.open(console)?;
        let analysis = analysis::lines(&opened.subject())?;
        report::lines::write(&analysis, &options, console)?;
        request.verdict(&analysis.facts, console)
    }
}
