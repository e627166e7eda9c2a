//! `cargo slim overview`.

use crate::{
    analysis::{self, Depth},
    cli::{AnalysisFlags, Needs},
    report,
};
use clap::Args;
use codecost::{Result, console::Console, front};

/// Where the bytes go, and what to do about it (the default)
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Overview {
    #[command(flatten)]
    flags: AnalysisFlags,
}

impl front::Command for Overview {
    fn run(self, console: &mut Console) -> Result<u8> {
        let needs = Needs {
            depth: Depth::Bytes,
            debug_information: false,
        };
        self.flags
            .run(needs, console, |opened, subject, options, console| {
                let analysis =
                    analysis::overview(opened, subject, report::overview::named(options))?;
                report::overview::write(&analysis, options, console)
            })
    }
}
