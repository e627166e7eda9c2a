//! `cargo slim sections`.

use crate::{
    analysis::{self, Depth},
    cli::{AnalysisFlags, Needs},
    report,
};
use clap::Args;
use codecost::{Result, console::Console, front};

/// Sections, headers and padding
///
/// Every byte of the file is in exactly one row: sections, header tables, gaps between them.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Sections {
    #[command(flatten)]
    flags: AnalysisFlags,
}

impl front::Command for Sections {
    fn run(self, console: &mut Console) -> Result<u8> {
        let needs = Needs {
            depth: Depth::Tables,
            debug_information: false,
        };
        self.flags
            .run(needs, console, |opened, subject, options, console| {
                let analysis = analysis::sections(opened, subject)?;
                report::sections::write(&analysis, options, console)
            })
    }
}
