//! `cargo hotspots threads`.

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

/// Time by thread
#[derive(Args, Debug)]
pub(crate) struct Threads {
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Threads {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            recording,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let request = recording.request(Unless::Latest, console)?;
        let opened = request.open(console)?;
        let analysis = analysis::threads(&opened.subject())?;
        report::threads::write(&analysis, &options, console)?;
        request.verdict(&analysis.facts, console)
    }
}
