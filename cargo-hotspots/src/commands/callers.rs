//! `cargo hotspots callers FUNCTION`.

use crate::{
    analysis::{self, By},
    cli::{FrameFlags, RecordingFlags, Unless},
    report,
};
use clap::{Args, ValueEnum};
use codecost::{
    Result,
    console::Console,
    front::Command,
    report::{FormatFlags, RowFlags},
};

/// Who calls a function
///
/// Functions that only start the program are left out, and each recursion is one row. A finding's
/// code in brackets, such as '[allocator]', stands for all that the finding counted.
#[derive(Args, Debug)]
pub(crate) struct Callers {
    /// Function name, any part of it that matches exactly one function, or a finding such as
    /// '[allocator]'
    pub(crate) function: String,
    /// One flat table: which functions or crates ask for it, instead of the ways that lead to it
    ///
    /// By function, each sample counts for the nearest caller in the workspace, or for the nearest
    /// caller outside the system where there is none. By crate, it counts for the nearest crate
    /// outside the system.
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Output")]
    by: Option<ByFlag>,
    #[command(flatten)]
    frames: FrameFlags,
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// `--by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ByFlag {
    /// Which crates ask for it
    Crate,
    /// Which of your functions ask for it
    Function,
}

impl From<ByFlag> for By {
    fn from(by: ByFlag) -> Self {
        match by {
            ByFlag::Crate => Self::Crate,
            ByFlag::Function => Self::Function,
        }
    }
}

impl Command for Callers {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            function,
            by,
            frames,
            recording,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let request = recording.request(Unless::Latest, console)?;
        let opened = request.open(console)?;
        // What a finding counted is no function, and has no ways that lead to it.
        let of_finding = analysis::is_finding(&function).then_some(By::Function);
        if let Some(by) = by.map(By::from).or(of_finding) {
            let analysis = analysis::asked(&opened.subject(), &function, by)?;
            report::asked::write(&analysis, by, &options, console)?;
            return request.verdict(&analysis.facts, console);
        }
        let frames = frames.frames();
        let analysis = analysis::callers(&opened.subject(), &function, frames)?;
        report::calls::write_callers(&analysis, &options, console)?;
        request.verdict(&analysis.facts, console)
    }
}
