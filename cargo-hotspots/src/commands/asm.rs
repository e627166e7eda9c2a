//! `cargo hotspots asm FUNCTION`.

use crate::{
    analysis::asm::{self, Query},
    cli::{RecordingFlags, SyntaxFlag, Unless},
    report,
};
use clap::Args;
use codecost::{
    Result,
    console::Console,
    front::Command,
    report::{FormatFlags, RowFlags},
};

/// Annotated assembly of a function, with source lines and sample counts
#[derive(Args, Debug)]
pub(crate) struct Asm {
    /// Function name, or any part of it that matches exactly one function
    pub(crate) function: String,
    #[command(flatten)]
    syntax: SyntaxFlag,
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Asm {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            function,
            syntax,
            recording,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let request = recording.request(Unless::Latest, console)?;
        let opened = request.open(console)?;
        let query = Query {
            name: &function,
            input_flag: &opened.input_flag,
            roots: opened.source_roots(),
            syntax: syntax.syntax(),
        };
        let analysis = asm::analyse(&opened.subject(), &query)?;
        report::asm::write(&analysis, &options, console)?;
        request.verdict(&analysis.facts, console)
    }
}
