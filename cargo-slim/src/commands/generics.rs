//! `cargo slim generics`.

use crate::{
    analysis::{self, Depth},
    cli::{AnalysisFlags, Needs},
    report,
};
use clap::Args;
use codecost::{Result, console::Console, front};

/// Generic functions with all their copies
///
/// One row for each generic function: how many copies were made, what they sum to, and how many
/// bytes are in copies that are equal byte for byte.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Generics {
    #[command(flatten)]
    flags: AnalysisFlags,
}

impl front::Command for Generics {
    fn run(self, console: &mut Console) -> Result<u8> {
        let needs = Needs {
            depth: Depth::Functions,
            debug_information: false,
        };
        self.flags
            .run(needs, console, |opened, subject, options, console| {
                let analysis = analysis::generics(opened, subject)?;
                report::generics::write(&analysis, options, console)
            })
    }
}
