//! `cargo slim retained`.

use crate::{
    analysis::{self, Depth, RetainedOptions, Wanted, model::RetainedBy},
    cli::{AnalysisFlags, INPUT, Needs},
    report,
};
use clap::{Args, ValueEnum};
use codecost::{Result, console::Console, front};

/// What goes if a function, crate or generic function goes
///
/// A function keeps more in the file than its own bytes: all that only it refers to, directly or
/// through others. RETAINED is what a linker would drop without it. UNCERTAIN is how much of that
/// may stay after all, because something refers to it that cannot be seen in the file.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Retained {
    /// What each row is about
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    #[arg(help_heading = INPUT)]
    by: ByFlag,
    /// Take these out first, and show what the rest retains: functions by name, /regex/ or crate:NAME
    #[arg(long, value_name = "NAME", num_args = 1.., help_heading = INPUT)]
    without: Vec<String>,
    #[command(flatten)]
    flags: AnalysisFlags,
}

/// `--by`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ByFlag {
    /// Each function, and each constant that keeps more than itself
    #[default]
    Function,
    /// Each crate, with all that it wrote
    Crate,
    /// Each generic function, with all its copies
    Generic,
}

impl From<ByFlag> for RetainedBy {
    fn from(by: ByFlag) -> Self {
        match by {
            ByFlag::Function => Self::Function,
            ByFlag::Crate => Self::Crate,
            ByFlag::Generic => Self::Generic,
        }
    }
}

impl front::Command for Retained {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self { by, without, flags } = self;
        let without: Result<Vec<Wanted>> = without.iter().map(|one| Wanted::parse(one)).collect();
        let mut wanted = RetainedOptions {
            by: by.into(),
            without: without?,
            numbers: false,
        };
        let needs = Needs {
            depth: Depth::References,
            debug_information: false,
        };
        flags.run(needs, console, |opened, subject, options, console| {
            let ledger = subject.ledger(&[]);
            // Identities are for machines.
            wanted.numbers = options.format.is_for_machines();
            let analysis = analysis::retained(opened, subject, &ledger, &wanted)?;
            report::retained::write(&analysis, wanted.by, options, console)
        })
    }
}
