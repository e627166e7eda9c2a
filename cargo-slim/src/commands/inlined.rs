//! `cargo slim inlined`.

use crate::{
    analysis::{self, Depth, model::InlinedBy},
    cli::{AnalysisFlags, INPUT, Needs},
    report,
};
use clap::{Args, ValueEnum};
use codecost::{Result, console::Console, front};

/// Code that was inlined, by function or by the line of the call
///
/// Each byte of code counts for the innermost function that was inlined there. A function that is
/// small and inlined in a thousand places can cost more than the largest function of the file.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Inlined {
    /// What each row is about
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    #[arg(help_heading = INPUT)]
    by: ByFlag,
    #[command(flatten)]
    flags: AnalysisFlags,
}

/// `--by`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ByFlag {
    /// The function that was inlined, with all its copies
    #[default]
    Callee,
    /// The line of the call
    Line,
}

impl front::Command for Inlined {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self { by, flags } = self;
        let by = match by {
            ByFlag::Callee => InlinedBy::Callee,
            ByFlag::Line => InlinedBy::Line,
        };
        let needs = Needs {
            depth: Depth::Functions,
            debug_information: true,
        };
        flags.run(needs, console, |opened, subject, options, console| {
            let analysis = analysis::inlined(opened, subject, by)?;
            report::inlined::write(&analysis, by, options, console)
        })
    }
}
