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
/// bytes are in copies that are equal byte for byte. With NAME, the copies one by one, by their
/// generic arguments.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Generics {
    /// List the copies of this generic function: its full name, or any part of it
    name: Option<String>,
    #[command(flatten)]
    flags: AnalysisFlags,
}

impl front::Command for Generics {
    fn run(self, console: &mut Console) -> Result<u8> {
        let needs = Needs {
            depth: Depth::Functions,
            debug_information: false,
        };
        let Self { name, flags } = self;
        flags.run(needs, console, |opened, subject, options, console| {
            let mut analysis = analysis::generics(opened, subject)?;
            let Some(name) = name else {
                return report::generics::write(&analysis, options, console);
            };
            analysis::only_named(&mut analysis.rows, &name)?;
            report::generics::write_copies(&analysis, options, console)
        })
    }
}
