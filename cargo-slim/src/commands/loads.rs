//! `cargo slim loads`.

use crate::{
    analysis::{self, Depth},
    cli::{AnalysisFlags, Needs},
    report,
};
use clap::Args;
use codecost::{Result, console::Console, front};

/// Segments, needed libraries and the oldest glibc
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Loads {
    #[command(flatten)]
    flags: AnalysisFlags,
}

impl front::Command for Loads {
    fn run(self, console: &mut Console) -> Result<u8> {
        let needs = Needs {
            depth: Depth::Functions,
            debug_information: false,
        };
        self.flags
            .run(needs, console, |opened, subject, options, console| {
                let analysis = analysis::loads(opened, subject)?;
                report::loads::write(&analysis, options, console)
            })
    }
}
