//! `cargo slim data`.

use crate::{
    analysis::{self, Depth},
    cli::{AnalysisFlags, Needs},
    report,
};
use clap::Args;
use codecost::{Result, console::Console, front};

/// Constants, variables and tables
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Data {
    #[command(flatten)]
    flags: AnalysisFlags,
}

impl front::Command for Data {
    fn run(self, console: &mut Console) -> Result<u8> {
        let needs = Needs {
            depth: Depth::Bytes,
            debug_information: false,
        };
        self.flags
            .run(needs, console, |opened, subject, options, console| {
                let analysis = analysis::data(opened, subject)?;
                report::data::write(&analysis, options, console)
            })
    }
}
