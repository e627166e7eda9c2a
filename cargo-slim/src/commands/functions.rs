//! `cargo slim functions`.

use crate::{
    analysis::{self, Depth},
    cli::{AnalysisFlags, Needs},
    report,
};
use clap::Args;
use codecost::{Result, console::Console, front};

/// Functions by size
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Functions {
    #[command(flatten)]
    flags: AnalysisFlags,
}

impl front::Command for Functions {
    fn run(self, console: &mut Console) -> Result<u8> {
        let needs = Needs {
            depth: Depth::Functions,
            debug_information: false,
        };
        self.flags
            .run(needs, console, |opened, subject, options, console| {
                let analysis = analysis::functions(opened, subject)?;
                report::functions::write(&analysis, options, console)
            })
    }
}
