//! What the tool says about itself: the head of its help, and the next step after wrong usage.

use crate::commands::{Cli, Overview};
use codecost::front::{self, Commands};

const USAGE: &str = "cargo slim [COMMAND] [FLAGS]\n       cargo slim [COMMAND] --file PATH";

const MORE: &str = "\
Without --file, cargo builds the artifact first. That build does not replace what your own \
`cargo build` made. It keeps symbols and uses v0 symbol names; the header of the report says so.

Examples:
  cargo slim                                  the page to start from
  cargo slim crates -p ripgrep --bin rg       bytes by crate
  cargo slim functions --filter 'fmt' -n 50   the 50 largest functions that match
  cargo slim crates --file ./rg --message-format json
  cargo slim diff --rev main..HEAD            what this branch costs, and why
  cargo slim why serde_json::from_str         the chain of references that keeps it
  cargo slim check                            check the budgets in slim.toml

Exit codes: 0 success; 2 wrong usage; 100 check failed; 101 error.";

/// What `-h` leaves to `--help`, so that it fits a screen.
const RARE: [&str; 6] = ["example", "profile", "features", "filter", "output", "arch"];

impl Commands for Cli {
    type Unnamed = Overview;
    const NAME: &'static str = "slim";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe(command: clap::Command) -> clap::Command {
        let command = command
            .about("What is in my binary, byte for byte, and whose is it?")
            .long_about(None)
            .override_usage(USAGE)
            .after_long_help(MORE);
        front::hide_in_short_help(command, &RARE)
    }

    fn hint_for_word(word: &str) -> String {
        match word.contains(['/', '\\', '.']) {
            true => format!("to analyse a file, write `cargo slim --file {word}`"),
            false => format!("to analyse a binary of that name, write `cargo slim --bin {word}`"),
        }
    }

    fn hint_for_conflict(flag: &str) -> Option<String> {
        let hint = match flag {
            "--file" => {
                "`--file` analyses what is there; without it cargo builds what the flags choose"
            }
            "OLD" => "two files are compared as they are; cargo builds with `--rev A..B` only",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests;
