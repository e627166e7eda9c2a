//! The commands of `cargo tune`, one file for each: arguments, options, work and report.

mod check;
mod explain;
mod measure;
mod pgo;
mod plan;
mod search;
mod show;
mod undo;

use crate::cli;
use codecost::front;

codecost::commands! {
    /// All commands.
    pub(crate) enum Cli {
        Show(show::Show),
        Explain(explain::Explain),
        Measure(measure::Measure),
        Search(search::Search),
        Pgo(pgo::Pgo),
        Check(check::Check),
        Undo(undo::Undo),
    }
}

impl front::Commands for Cli {
    type Unnamed = plan::Plan;
    const NAME: &'static str = "tune";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe(command: clap::Command) -> clap::Command {
        cli::describe(command)
    }

    fn hint_for_word(word: &str) -> String {
        cli::hint_for_word(word)
    }
}
