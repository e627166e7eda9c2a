//! The command line as clap reads it. Nothing past [`options`](crate::options) sees these types.

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint, value_parser,
};
use codecost::{
    cargo::{CargoFlags, TripleFlag},
    console::ColorWhen,
    manual::Shell,
    report::OutputFlags,
};
use std::{ffi::OsString, path::PathBuf};

const RUN: &str = "What to run, or to open";
const RECORD: &str = "How to record it";
const BUILD: &str = "How to build it";
const OUTPUT: &str = "Output";

/// Where does the time go, by crate, function, line and instruction?
#[derive(Debug, Parser)]
#[command(name = "cargo-hotspots", bin_name = "cargo hotspots", version)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_help_heading = "Views"
)]
#[command(subcommand_value_name = "VIEW", disable_help_subcommand = true)]
#[command(
    override_usage = "cargo hotspots [VIEW] [--bin X | --bench [X] | …] [FLAGS] [-- ARGS]\n       \
                      cargo hotspots VIEW                   the latest recording again\n       \
                      cargo hotspots [VIEW] --input FILE"
)]
#[command(
    after_help = "`cargo hotspots --help` lists all flags, `cargo hotspots VIEW --help` explains a view."
)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) view: Option<ViewCommand>,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

const AFTER_HELP: &str = "\
Cargo builds the target with debug information for this one build, beside your own build: what \
your `cargo build` made stays as it is. Then it runs, its output on standard error, and is sampled \
until it ends or you press Ctrl-C. The recording is kept: a VIEW without a target opens it again.

Shares are parts of the whole recording:
  self       in the crate's or function's own instructions
  charged    with all that it asked of std, libc, the allocator and the kernel (the default order)
  caused     the innermost of your workspace
  inclusive  anywhere in the call stack

Examples:
  cargo hotspots                               build, run and record the default binary
  cargo hotspots --bench parse                 a benchmark
  cargo hotspots functions                     the same recording, by function
  cargo hotspots crates --bin rg -- TODO src   record again, by crate
  cargo hotspots asm my_crate::hot             its machine code, source between, samples beside
  cargo hotspots overview --input perf.data

Exit codes: 0 done; 2 wrong usage; 100 --strict says no; 101 the work could not be done.";

/// The views, and what is made of the command line itself.
#[derive(Debug, Subcommand)]
pub(crate) enum ViewCommand {
    /// Where the time goes, and what to do about it (the default)
    Overview {
        #[command(flatten)]
        flags: Flags,
    },
    /// Time by crate
    ///
    /// `self`, `charged` and `caused` each sum to the whole. Two versions of one crate are two
    /// rows; the kernel, libc and code without a name are rows in brackets.
    Crates {
        #[command(flatten)]
        flags: Flags,
    },
    /// Time by function, inlined ones too
    ///
    /// All copies of a function are one row. `symbol_self` is the time in the symbol of that name
    /// with all that was inlined into it, as `perf report` counts it. `inlined` is the part of
    /// `inclusive` in which the function was inlined into its caller.
    Functions {
        #[command(flatten)]
        flags: Flags,
    },
    /// Time by source line
    ///
    /// `charged` counts for the line of your code that called std; `self` for the line in std.
    Lines {
        #[command(flatten)]
        flags: Flags,
    },
    /// The machine code of a function as it ran, source between, samples beside
    Asm {
        #[command(flatten)]
        of: FunctionOperand,
        #[command(flatten)]
        flags: Flags,
    },
    /// Who calls a function
    Callers {
        #[command(flatten)]
        of: FunctionOperand,
        #[command(flatten)]
        flags: Flags,
    },
    /// What a function calls
    Callees {
        #[command(flatten)]
        of: FunctionOperand,
        #[command(flatten)]
        flags: Flags,
    },
    /// Time by thread
    Threads {
        #[command(flatten)]
        flags: Flags,
    },
    /// A flame graph, coloured by crate
    ///
    /// An SVG file to open in a browser. Inlined functions are marked.
    Flamegraph {
        #[command(flatten)]
        flags: Flags,
    },
    /// What became slower or faster between two recordings
    ///
    /// BEFORE and AFTER are each a perf.data, the directory of a recording, or its number (the last
    /// ten are kept in `codecost/hotspots` below the target directory).
    Diff {
        /// The earlier recording
        #[arg(value_hint = ValueHint::AnyPath)]
        before: PathBuf,
        /// The later recording
        #[arg(value_hint = ValueHint::AnyPath)]
        after: PathBuf,
        #[command(flatten)]
        flags: Flags,
    },
    /// A file for another tool
    Export {
        /// The format
        #[arg(long, value_enum, value_name = "FORMAT", help_heading = OUTPUT)]
        to: ExportFlag,
        #[command(flatten)]
        flags: Flags,
    },
    /// What would make recordings worse here, and the remedy
    Doctor {
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

/// FUNCTION.
#[derive(Args, Clone, Debug)]
pub(crate) struct FunctionOperand {
    /// A function: its name in full, as a table shows it, or any part that only one has
    pub(crate) function: String,
}

/// `--to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFlag {
    /// For <https://profiler.firefox.com>
    Firefox,
    /// For `go tool pprof` and what reads its files
    Pprof,
    /// One line for each stack, for flame graph scripts
    Folded,
}

/// `--call-graph`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CallGraphFlag {
    /// By frame pointers, which the build then keeps
    Fp,
    /// By copies of the stack and unwind tables
    Dwarf,
    /// Not at all
    None,
}

/// `--recorder`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecorderFlag {
    /// `perf record`
    Perf,
    /// This program itself; needs neither perf nor root
    Builtin,
}

/// The flags that all views share.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Flags {
    /// Open this perf.data, or directory of a recording
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = RUN)]
    pub(crate) input: Option<PathBuf>,
    /// Fail (100) when the recording is doubtful
    ///
    /// More than 1 % lost, 10 % unrooted or truncated, or 5 % unknown.
    #[arg(long, help_heading = RUN)]
    pub(crate) strict: bool,
    /// Run and record this program instead of building one
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath, help_heading = RUN)]
    pub(crate) exec: Option<PathBuf>,
    /// Record this process while it runs; Ctrl-C ends it
    #[arg(long, value_name = "PID", value_parser = value_parser!(i32).range(1..))]
    #[arg(help_heading = RUN, conflicts_with = "exec")]
    pub(crate) pid: Option<i32>,
    /// Arguments of the program
    #[arg(last = true, value_name = "ARGS", help_heading = RUN)]
    pub(crate) arguments: Vec<OsString>,
    /// Samples a second of each CPU [default: 997]
    #[arg(long, value_name = "HZ", value_parser = value_parser!(u32).range(1..=100_000))]
    #[arg(help_heading = RECORD)]
    pub(crate) frequency: Option<u32>,
    /// How to record call stacks [default: dwarf]
    #[arg(long, value_enum, value_name = "HOW", help_heading = RECORD)]
    pub(crate) call_graph: Option<CallGraphFlag>,
    /// The event to sample, as perf names it [default: cycles, or cpu-clock without a PMU]
    #[arg(long, value_name = "EVENT", help_heading = RECORD)]
    pub(crate) event: Option<String>,
    /// Who takes the samples [default: perf where it is installed]
    #[arg(long, value_enum, value_name = "WHO", help_heading = RECORD)]
    pub(crate) recorder: Option<RecorderFlag>,
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

/// Flags that mean nothing for a recording that is there already.
const RECORD_ONLY: [&str; 22] = [
    "exec",
    "pid",
    "arguments",
    "frequency",
    "call_graph",
    "event",
    "recorder",
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
    "config",
    "unstable",
    "triple",
];

/// Flags that mean nothing when cargo builds nothing.
const BUILD_ONLY: [&str; 15] = [
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
    "config",
    "unstable",
    "triple",
];

/// What `-h` leaves to `--help`, so that it fits a screen.
const RARE: [&str; 29] = [
    "strict",
    "call_graph",
    "profile",
    "arguments",
    "frequency",
    "event",
    "recorder",
    "all_features",
    "no_default_features",
    "features",
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
    "example",
    "test",
    "filter",
    "limit",
];

/// The command with its flags under headings that say what they are for.
pub(crate) fn command() -> clap::Command {
    let arrange = |arg: clap::Arg| {
        let id = arg.get_id().as_str().to_owned();
        let rare = RARE.contains(&id.as_str());
        let arg = match id.as_str() {
            // A library does not run; the flag is there to say so.
            "lib" => arg.hide(true),
            "package" | "bin" | "example" | "test" | "bench" => arg.help_heading(RUN),
            "verbose" | "quiet" => arg.help_heading(OUTPUT),
            "target_dir" | "manifest_path" | "locked" | "offline" | "frozen" => {
                arg.help_heading(BUILD)
            }
            id if BUILD_ONLY.contains(&id) => arg.help_heading(BUILD),
            _ => arg,
        };
        let arg = match id.as_str() {
            "input" => arg.conflicts_with_all(RECORD_ONLY),
            "exec" => arg.conflicts_with_all(BUILD_ONLY),
            "pid" => arg
                .conflicts_with_all(BUILD_ONLY)
                .conflicts_with("arguments"),
            _ => arg,
        };
        if rare { arg.hide_short_help(true) } else { arg }
    };
    let hide_all = |arg: clap::Arg| match arg.get_id().as_str() {
        id if RECORD_ONLY.contains(&id) || id == "input" || id == "strict" => arg.hide(true),
        _ => arg,
    };
    Cli::command()
        .mut_args(arrange)
        .mut_subcommands(|view| view.mut_args(arrange))
        // Two files are its operands.
        .mut_subcommand("diff", |view| view.mut_args(hide_all))
        .mut_subcommand("doctor", |view| view.mut_args(hide_all))
}

impl Cli {
    /// Reads the arguments; cargo's own `hotspots` behind the program's name is optional.
    pub(crate) fn read(args: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut args: Vec<_> = args.collect();
        if args.get(1).is_some_and(|arg| arg == "hotspots") {
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
        ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument | ErrorKind::ArgumentConflict => {
            let name = value(ContextKind::InvalidSubcommand).or(value(ContextKind::InvalidArg))?;
            if name == "--input <FILE>" {
                return Some(
                    "`--input` opens a recording that is there; nothing is built or run for it"
                        .into(),
                );
            }
            if name.starts_with('-') {
                return None;
            }
            Some(if is_view(name) {
                format!("the view comes first: `cargo hotspots {name} …`")
            } else if name.contains(['/', '\\', '.']) {
                format!("to open a recording, write `cargo hotspots overview --input {name}`")
            } else if let Some(view) = similar_view(name) {
                format!("a similar view exists: '{view}'")
            } else {
                format!(
                    "to record a binary of that name, write `cargo hotspots --bin {name}`; \
                     arguments for it go behind `--`"
                )
            })
        }
        _ => None,
    }
}

/// The view that was probably meant.
fn similar_view(name: &str) -> Option<String> {
    let command = Cli::command();
    let views = command.get_subcommands().map(clap::Command::get_name);
    let near = views.map(|view| (distance(name, view), view)).min()?;
    // A third of the letters may be wrong.
    (near.0 * 3 <= name.chars().count()).then(|| near.1.to_owned())
}

/// How many letters to insert, delete or change to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (nth, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = nth + 1;
        for (at, to) in b.chars().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
