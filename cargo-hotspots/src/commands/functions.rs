//! `cargo hotspots functions`.

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

/// Time by function, inlined ones too
///
/// All copies of a function are one row. `symbol_self` is the time in the symbol of that name with
/// all that was inlined into it, as `perf report` counts it. `inlined` is the part of `inclusive`
/// in which the function was inlined into its caller.
#[derive(Args, Debug)]
pub(crate) struct Functions {
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Functions {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            recording,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let request = recording.request(Unless::Latest, console)?;
        let opened = request.open(console)?;
        let analysis = analysis::functions(&opened.subject())?;
        report::functions::write(&analysis, &options, console)?;
        request.verdict(&analysis.facts, console)
    }
}
