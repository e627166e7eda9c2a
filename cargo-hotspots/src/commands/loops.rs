//! `cargo hotspots loops`.

use crate::{
    analysis::asm::{self, LoopQuery},
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

/// The hottest loops of all functions, with what makes them slow
///
/// For each loop: its source lines, bounds checks, vector arithmetic, divisions, and calls that were
/// not inlined. A loop's time is without the loops inside it. Where `llvm-mca` is installed, its
/// model of this processor says how many cycles the hottest loops take.
#[derive(Args, Debug)]
pub(crate) struct Loops {
    #[command(flatten)]
    syntax: SyntaxFlag,
    /// Do not ask llvm-mca
    #[arg(long, help_heading = "Output", hide_short_help = true)]
    no_model: bool,
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Loops {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            syntax,
            no_model,
            recording,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let request = recording.request(Unless::Latest, console)?;
        let opened = request.open(console)?;
        let query = LoopQuery {
            roots: opened.source_roots(),
            syntax: syntax.syntax(),
            model: !no_model,
            functions: asm::FUNCTIONS,
            own: false,
        };
        let analysis = asm::loops(&opened.subject(), &query)?;
        report::loops::write(&analysis, &options, console)?;
        request.verdict(&analysis.facts, console)
    }
}
