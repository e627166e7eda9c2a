//! `cargo hotspots callees FUNCTION`.

use crate::{
    analysis,
    cli::{FrameFlags, RecordingFlags, Unless},
    report,
};
use clap::Args;
use codecost::{
    Result,
    console::Console,
    front::Command,
    report::{FormatFlags, RowFlags},
};

/// What a function calls
///
/// Each recursion is one row.
#[derive(Args, Debug)]
pub(crate) struct Callees {
    /// Function name, or any part of it that matches exactly one function
    pub(crate) function: String,
    #[command(flatten)]
    frames: FrameFlags,
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Callees {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            function,
            frames,
            recording,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let request = recording.request(Unless::Latest, console)?;
        let opened = request.open(console)?;
        let frames = frames.frames();
        let analysis = analysis::callees(&opened.subject(), &function, frames)?;
        report::calls::write_callees(&analysis, &options, console)?;
        request.verdict(&analysis.facts, console)
    }
}
