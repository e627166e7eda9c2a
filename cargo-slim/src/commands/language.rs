//! `cargo slim language`.

use crate::{
    analysis::{self, Depth},
    cli::{AnalysisFlags, Needs},
    report,
};
use clap::Args;
use codecost::{Result, console::Console, front};

/// What panics, formatting, drop glue, unwinding and generics cost
///
/// Each row is what goes if all of it goes: an upper bound. Rows overlap, because panics are
/// formatted and drop glue is generic. Beside them, the functions of the workspace that refer to it
/// most often.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Language {
    #[command(flatten)]
    flags: AnalysisFlags,
}

impl front::Command for Language {
    fn run(self, console: &mut Console) -> Result<u8> {
        let needs = Needs {
            depth: Depth::References,
            debug_information: false,
        };
        self.flags
            .run(needs, console, |opened, subject, options, console| {
                let ledger = subject.ledger(&[]);
                let analysis = analysis::language(opened, subject, &ledger)?;
                report::language::write(&analysis, options, console)
            })
    }
}
