//! `cargo hotspots callers FUNCTION`.

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

/// Who calls a function
#[derive(Args, Debug)]
pub(crate) struct Callers {
    /// Function name, or any part of it that matches exactly one function
    pub(crate) function: String,
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Callers {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            function,
            recording,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let request = recording.request(Unless::Latest, console)?;
        let opened = request.open(console)?;
        let analysis = analysis::callers(&opened.subject(), &function)?;
        report::calls::write_callers(&analysis, &options, console)?;
        request.verdict(&analysis.facts, console)
    }
}
