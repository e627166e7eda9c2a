//! The command line as clap reads it. Nothing past [`options`](crate::options) sees these types.

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser},
};
use codecost::manual::Shell;
use codecost::{
    cargo::{CargoFlags, TripleFlag},
    console::ColorWhen,
    report::{Format, OutputFlags},
};
use std::{ffi::OsString, path::PathBuf};

const ANALYSE: &str = "What to analyse";
const BUILD: &str = "How to build it";
const OUTPUT: &str = "Output";
const BUDGET: &str = "Budgets";

/// What is in my binary, byte for byte, and whose is it?
#[derive(Debug, Parser)]
#[command(name = "cargo-slim", bin_name = "cargo slim", version)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_help_heading = "Views"
)]
#[command(subcommand_value_name = "VIEW", disable_help_subcommand = true)]
#[command(override_usage = "cargo slim [VIEW] [FLAGS]\n       cargo slim [VIEW] --file PATH")]
#[command(
    after_help = "`cargo slim --help` lists all flags, `cargo slim VIEW --help` explains a view."
)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) view: Option<ViewCommand>,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

const AFTER_HELP: &str = "\
Without --file, cargo builds the artifact first, beside your own build: what your `cargo build` \
made stays as it is. Symbols are kept and v0 names asked for in that one build; the header says so.

Examples:
  cargo slim                                  the page to start from
  cargo slim crates -p ripgrep --bin rg       bytes by crate
  cargo slim functions --filter 'fmt' -n 50   the 50 largest functions that match
  cargo slim crates --file ./rg --message-format json
  cargo slim diff --rev main..HEAD            what this branch costs, and why
  cargo slim check                            hold the budgets of slim.toml

Exit codes: 0 done; 2 wrong usage; 100 a budget is exceeded; 101 the work could not be done.";

/// The views, and what is made of the command line itself.
#[derive(Debug, Subcommand)]
pub(crate) enum ViewCommand {
    /// Where the bytes go, and what to do about it (the default)
    Overview {
        #[command(flatten)]
        flags: Flags,
    },
    /// Sections, headers and padding
    ///
    /// Every byte of the file is in exactly one row: sections, header tables, gaps between them.
    Sections {
        #[command(flatten)]
        flags: Flags,
    },
    /// Bytes by crate
    ///
    /// Every byte of the file belongs to one crate or to a bucket in brackets, such as [padding].
    /// Two versions of one crate are two rows. Data that several crates use is shared out among
    /// them in proportion.
    Crates {
        /// Whose a copy of a function is
        #[arg(long, value_enum, value_name = "QUESTION", default_value_t)]
        #[arg(help_heading = ANALYSE)]
        by: ByFlag,
        #[command(flatten)]
        flags: Flags,
    },
    /// Functions by size
    Functions {
        #[command(flatten)]
        flags: Flags,
    },
    /// Generic functions with all their copies
    ///
    /// One row for each generic function: how many copies were made, what they sum to, and how
    /// many bytes are in copies that are equal byte for byte.
    Generics {
        #[command(flatten)]
        flags: Flags,
    },
    /// Constants, variables and tables
    Data {
        #[command(flatten)]
        flags: Flags,
    },
    /// Segments, needed libraries and the oldest glibc
    Loads {
        #[command(flatten)]
        flags: Flags,
    },
    /// What grew between two builds, and why
    ///
    /// OLD and NEW are each a binary or a snapshot; with --rev both are built from git. Crates,
    /// and sections, add up to the difference of the files exactly. Code that only moved (a
    /// renamed module, a split crate) is not growth. Symbol tables are one row, not part of their
    /// crates as in the view `crates`; padding is one row, too.
    #[command(
        override_usage = "cargo slim diff OLD NEW [FLAGS]\n       cargo slim diff --rev A..B [FLAGS]"
    )]
    Diff {
        /// The binary or snapshot to compare with
        #[arg(required_unless_present = "rev", requires = "new")]
        #[arg(value_hint = ValueHint::FilePath)]
        old: Option<PathBuf>,
        /// The binary or snapshot that may have grown
        #[arg(value_hint = ValueHint::FilePath)]
        new: Option<PathBuf>,
        /// Build two git revisions, each in a worktree of its own, and compare them
        #[arg(long, value_name = "A..B", conflicts_with_all = ["old", "new"])]
        #[arg(help_heading = ANALYSE)]
        rev: Option<String>,
        #[command(flatten)]
        flags: Flags,
    },
    /// Hold the budgets of slim.toml; 100 when one is exceeded
    ///
    /// `file`, `shipped`, `gzip`, `zstd`, `flash` and `ram` are measured on the artifact as your
    /// own profile builds it (gzip at level 9 by zlib-rs, zstd at level 19 by the zstd library),
    /// sections, crates and functions on the analysis build. A budget that matches nothing fails.
    Check {
        /// The file with the budgets [default: the nearest slim.toml from here upward]
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        #[arg(help_heading = BUDGET)]
        config_file: Option<PathBuf>,
        /// A snapshot that `growth` is measured against, or a directory of them; one for each
        /// artifact, repeat the flag for more
        #[arg(long, value_name = "SNAPSHOT", value_hint = ValueHint::AnyPath)]
        #[arg(help_heading = BUDGET)]
        baseline: Vec<PathBuf>,
        /// Rewrite the limits to today's values; `warn` keeps its ratio to `limit`
        #[arg(long, requires = "reason", help_heading = BUDGET)]
        update: bool,
        /// Why the limits change; written beside them
        #[arg(long, value_name = "TEXT", requires = "update", help_heading = BUDGET)]
        reason: Option<String>,
        #[command(flatten)]
        flags: Flags,
    },
    /// Write a small file that later diffs and checks compare with
    ///
    /// The file is JSON without hashes, addresses or absolute paths, meant to be committed.
    Snapshot {
        /// Of a file that exists, measure gzip and zstd too (a build always has them)
        #[arg(long, requires = "file", help_heading = ANALYSE)]
        compressed: bool,
        /// Where no package has such a target, write a snapshot that says so: the growth of what is
        /// new is not judged
        #[arg(long, conflicts_with = "file", help_heading = ANALYSE)]
        allow_absent: bool,
        #[command(flatten)]
        flags: Flags,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the man pages
    Man,
}

/// `--by`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ByFlag {
    /// The crate that wrote the function
    #[default]
    Defined,
    /// The crate whose compilation made this copy
    Instantiated,
    /// The crate of the innermost inlined function; needs debug info
    Inlined,
}

/// The flags that all views share.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Flags {
    /// Analyse this file instead of building one
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = ANALYSE)]
    #[arg(conflicts_with_all = BUILD_ONLY)]
    pub(crate) file: Option<PathBuf>,
    /// The file's separate debug file, dSYM or PDB
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath, help_heading = ANALYSE)]
    #[arg(requires = "file")]
    pub(crate) debug_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cargo: CargoFlags,
    #[command(flatten)]
    pub(crate) triple: TripleFlag,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
    /// When to colour
    #[arg(long, value_enum, value_name = "WHEN", help_heading = OUTPUT)]
    pub(crate) color: Option<ColorWhen>,
}

/// Flags that mean nothing for a file that is there already.
const BUILD_ONLY: [&str; 16] = [
    "package",
    "lib",
    "bin",
    "example",
    "test",
    "bench",
    "features",
    "all_features",
    "no_default_features",
    "release",
    "profile",
    "jobs",
    "target_dir",
    "config",
    "unstable",
    "triple",
];

/// What `-h` leaves to `--help`, so that it fits a screen.
const RARE: [&str; 21] = [
    "debug_file",
    "lib",
    "test",
    "bench",
    "all_features",
    "no_default_features",
    "release",
    "jobs",
    "target_dir",
    "config",
    "unstable",
    "manifest_path",
    "locked",
    "offline",
    "frozen",
    "verbose",
    "quiet",
    "color",
    "triple",
    "sort",
    "full_names",
];

/// The command with its flags under headings that say what they are for.
pub(crate) fn command() -> clap::Command {
    let arrange = |arg: clap::Arg| {
        let id = arg.get_id().as_str();
        let heading = match id {
            "package" | "lib" | "bin" | "example" | "test" | "bench" => ANALYSE,
            "verbose" | "quiet" => OUTPUT,
            _ if BUILD_ONLY.contains(&id) => BUILD,
            "manifest_path" | "locked" | "offline" | "frozen" => BUILD,
            _ => {
                return if RARE.contains(&id) {
                    arg.hide_short_help(true)
                } else {
                    arg
                };
            }
        };
        let rare = RARE.contains(&id);
        arg.help_heading(heading).hide_short_help(rare)
    };
    Cli::command()
        .mut_args(arrange)
        .mut_subcommands(|view| view.mut_args(arrange))
        .mut_subcommand("diff", |view| {
            // Two files are its operands.
            with_github(view).mut_args(|arg| match arg.get_id().as_str() {
                "file" | "debug_file" => arg.hide(true),
                _ => arg,
            })
        })
        .mut_subcommand("check", with_github)
}

/// The gates have a format that other views have not.
fn with_github(view: clap::Command) -> clap::Command {
    view.mut_arg("message_format", |arg| {
        let formats = Format::value_variants().iter();
        let shown = formats.filter_map(|format| Some(format.to_possible_value()?.hide(false)));
        let parser = PossibleValuesParser::new(shown.collect::<Vec<_>>());
        arg.value_parser(parser.try_map(|name| Format::from_str(&name, false)))
    })
}

impl Cli {
    /// Reads the arguments; cargo's own `slim` behind the program's name is optional.
    pub(crate) fn read(args: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut args: Vec<_> = args.collect();
        if args.get(1).is_some_and(|arg| arg == "slim") {
            args.remove(1);
        }
        let matches = command().try_get_matches_from(args)?;
        Self::from_arg_matches(&matches)
    }
}

/// Whether a view has this name.
pub(crate) fn is_view(name: &str) -> bool {
    Cli::command()
        .get_subcommands()
        .any(|view| view.get_name() == name)
}

/// What the user may have meant, beyond what clap suggests.
pub(crate) fn hint(error: &clap::Error) -> Option<String> {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let value = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let name = value(ContextKind::InvalidSubcommand)?;
            Some(match name.contains(['/', '\\', '.']) {
                true => format!("to analyse a file, write `cargo slim --file {name}`"),
                false => {
                    format!("to analyse a binary of that name, write `cargo slim --bin {name}`")
                }
            })
        }
        ErrorKind::ArgumentConflict if value(ContextKind::InvalidArg) == Some("--file <PATH>") => {
            Some(
                "`--file` analyses what is there; without it cargo builds what the flags choose"
                    .into(),
            )
        }
        ErrorKind::UnknownArgument | ErrorKind::ArgumentConflict => {
            let name = value(ContextKind::InvalidArg).or(value(ContextKind::InvalidSubcommand))?;
            is_view(name).then(|| format!("the view comes first: `cargo slim {name} …`"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
