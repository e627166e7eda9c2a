//! `cargo slim data`.

use crate::{
    analysis::{self, Depth},
    cli::{AnalysisFlags, Needs},
    report,
};
use clap::Args;
use codecost::{Result, console::Console, front};

/// Constants, variables and tables
///
/// With NAME, those whose name or text contains it, each with the functions and constants that use
/// it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Data {
    /// Show who uses the constants whose name or text contains this, or the one at this address
    name: Option<String>,
    #[command(flatten)]
    flags: AnalysisFlags,
}

impl front::Command for Data {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self { name, flags } = self;
        let needs = Needs {
            depth: match name {
                Some(_) => Depth::References,
                None => Depth::Bytes,
            },
            debug_information: false,
        };
        flags.run(needs, console, |opened, subject, options, console| {
            let analysis = match name {
                Some(name) => analysis::data_named(opened, subject, &name)?,
                None => analysis::data(opened, subject, report::data::named(options))?,
            };
            report::data::write(&analysis, options, console)
        })
    }
}
