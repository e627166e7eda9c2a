//! `cargo slim crates`.

use crate::{
    analysis::{self, Depth, model::By},
    cli::{AnalysisFlags, INPUT, Needs},
    report,
};
use clap::{Args, ValueEnum};
use codecost::{Result, console::Console, front};

/// Bytes by crate
///
/// Every byte of the file belongs to one crate or to a bucket in brackets, such as [padding]. Two
/// versions of one crate are two rows. Data that several crates use is shared out among them in
/// proportion.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Crates {
    /// Which crate each function is counted for
    #[arg(long, value_enum, value_name = "QUESTION", default_value_t)]
    #[arg(help_heading = INPUT)]
    by: ByFlag,
    #[command(flatten)]
    flags: AnalysisFlags,
}

/// `--by`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ByFlag {
    /// The crate that wrote the function
    #[default]
    Defined,
    /// The crate whose compilation made this copy
    Instantiated,
    /// The crate of the innermost inlined function; needs debug info
    Inlined,
}

impl From<ByFlag> for By {
    fn from(by: ByFlag) -> Self {
        match by {
            ByFlag::Defined => Self::Defined,
            ByFlag::Instantiated => Self::Instantiated,
            ByFlag::Inlined => Self::Inlined,
        }
    }
}

impl front::Command for Crates {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self { by, flags } = self;
        let by = By::from(by);
        let needs = Needs {
            depth: Depth::Bytes,
            debug_information: by == By::Inlined,
        };
        flags.run(needs, console, |opened, subject, options, console| {
            let analysis = analysis::crates(opened, subject, by)?;
            report::crates::write(&analysis, by, options, console)
        })
    }
}
