//! `cargo slim why`.

use crate::{
    analysis::{self, Depth, Wanted},
    cli::{AnalysisFlags, INPUT, Needs},
    report,
};
use clap::Args;
use codecost::{Result, console::Console, front};

/// Why something is in the binary: the shortest chains of references to it
///
/// Each chain starts at what the loader asks for (the entry point, an export, a constructor) and
/// says step by step which function or constant refers to the next one, and how. A step marked
/// with `*` is on every way: without it, what was asked about goes.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Why {
    /// A function by its name or a part of it, all that match /REGEX/, or all of crate:NAME
    #[arg(value_name = "NAME|/REGEX/|crate:NAME")]
    name: String,
    /// Show at most N chains
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = INPUT)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    chains: u32,
    #[command(flatten)]
    flags: AnalysisFlags,
}

impl front::Command for Why {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            name,
            chains,
            flags,
        } = self;
        let wanted = Wanted::parse(&name)?;
        // Debug information names the lines and what was inlined.
        let needs = Needs {
            depth: Depth::References,
            debug_information: true,
        };
        flags.run(needs, console, |opened, subject, options, console| {
            let ledger = subject.ledger(&[]);
            let analysis = analysis::why(opened, subject, &ledger, &wanted, chains as usize)?;
            report::why::write(&analysis, options, console)
        })
    }
}
