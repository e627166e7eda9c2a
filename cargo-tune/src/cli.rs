//! The command line as clap reads it. No clap type goes past `options`.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum as _};
use clap_complete::Shell;
use codecost::cargo::CargoFlags;
use codecost::console::ColorWhen;
use codecost::report::{Format, OutputFlags};

use crate::plan::{Allow, Goal};

const GOAL: &str = "Goal";

/// The right cargo profile: shown, proven, measured, reversible
///
/// Without a view: shows the plan for --target as a diff, asks, and writes it. `cargo tune undo`
/// takes it back, byte for byte.
#[derive(Debug, Parser)]
#[command(
    name = "cargo-tune",
    bin_name = "cargo tune",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    subcommand_value_name = "VIEW",
    subcommand_help_heading = "Views",
    after_help = "Cargo's own flags (-p, --bin, --features, --locked, …) work as in cargo build: see --help.\n\
        Exit codes: 0 done; 2 wrong usage; 100 a check says no; 101 the work could not be done."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) view: Option<View>,
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum View {
    /// Every effective setting: value, where it comes from, what it shadows, what is void
    Show(ShowArgs),
    /// The whole story of a knob, or the table of all knobs
    Explain(ExplainArgs),
    /// Before and after, and what each knob gives by itself, on your program
    Measure(MeasureArgs),
    /// Find the best settings for your program in few builds
    Search(SearchArgs),
    /// Exit with 100 when the effective settings have drifted from the plan
    Check(CheckArgs),
    /// Take back the latest plan that was written in this workspace
    Undo(UndoArgs),
    /// Print a completion script
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, in roff
    Man,
}

/// What every view needs.
#[derive(Debug, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) cargo: CargoFlags,
    /// Build for this target triple (`--target` is the goal here)
    #[arg(long, value_name = "TRIPLE", help_heading = "Compilation")]
    pub(crate) triple: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: Option<ColorWhen>,
}

/// What makes a plan.
#[derive(Debug, Args)]
pub(crate) struct GoalArgs {
    /// What to tune for: size, speed, compile-time or balanced
    #[arg(long, value_name = "GOAL", value_parser = goal, help_heading = GOAL)]
    pub(crate) target: Option<Goal>,
    /// Accept one knob's named risk: relr, icf, static-relocation, target-cpu=CPU, abort
    #[arg(long, value_name = "KNOB", help_heading = GOAL)]
    pub(crate) allow: Vec<Allow>,
    /// Change the manifest only, never a config file
    #[arg(long, help_heading = GOAL)]
    pub(crate) no_config: bool,
    /// Offer what only a nightly toolchain has
    #[arg(long, help_heading = GOAL)]
    pub(crate) nightly: bool,
    /// The oldest glibc that the program must start with, such as 2.31
    #[arg(long, value_name = "VERSION", value_parser = glibc, help_heading = GOAL)]
    pub(crate) glibc: Option<(u32, u32)>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Write without asking
    #[arg(short, long, help_heading = GOAL)]
    pub(crate) yes: bool,
    /// Only show the plan
    #[arg(long, conflicts_with = "yes", help_heading = GOAL)]
    pub(crate) dry_run: bool,
    /// Give each value that is written a short trailing comment
    #[arg(long, help_heading = GOAL)]
    pub(crate) comments: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The knob; without it, all knobs in one table
    pub(crate) knob: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct MeasureArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// A shell command to time; it names the program as NAME, {} or $CARGO_TUNE_BIN
    #[arg(long, value_name = "CMD", help_heading = GOAL)]
    pub(crate) workload: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// A shell command to time; it names the program as NAME, {} or $CARGO_TUNE_BIN
    #[arg(long, value_name = "CMD", help_heading = GOAL)]
    pub(crate) workload: Option<String>,
    /// How many builds may be made
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(3..), help_heading = GOAL)]
    pub(crate) budget: u16,
    /// A shell command that must succeed with the winner
    #[arg(long, value_name = "CMD", help_heading = GOAL)]
    pub(crate) verify: Option<String>,
    /// Choose hot and cold crates from a profile (JSON of `cargo hotspots crates`)
    #[arg(long, value_name = "FILE", help_heading = GOAL)]
    pub(crate) hotspots: Option<std::path::PathBuf>,
    /// Make only every n-th trial; write them with -o and put them together with --merge
    #[arg(long, value_name = "I/N", value_parser = shard, help_heading = GOAL)]
    pub(crate) shard: Option<(usize, usize)>,
    /// Put the parts of a sharded search together
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["shard", "workload", "hotspots", "verify"], help_heading = GOAL)]
    pub(crate) merge: Vec<std::path::PathBuf>,
    /// Write the winner without asking
    #[arg(short, long, conflicts_with = "shard", help_heading = GOAL)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) goal: GoalArgs,
    /// Prove it from the arguments that rustc gets in a private build
    #[arg(long, help_heading = GOAL)]
    pub(crate) build: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// Nothing is asked, so there is nothing to agree to; taken so that a habit is no error
    #[arg(short, long, hide = true)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// The command with a `-h` that fits a screen: cargo's own flags are in `--help`.
pub(crate) fn command() -> clap::Command {
    let short = |arg: clap::Arg| {
        let own = arg.get_help_heading() == Some(GOAL);
        let shown = [
            "profile",
            "triple",
            "message_format",
            "output",
            "manifest_path",
        ];
        let hidden = !own && !shown.contains(&arg.get_id().as_str());
        let hidden =
            hidden && !matches!(arg.get_id().as_str(), "help" | "version" | "knob" | "shell");
        arg.hide_short_help(hidden)
    };
    let command = Cli::command().mut_subcommand("check", |check| {
        // The gate has a format that other views have not.
        check.mut_arg("message_format", |arg| {
            let formats = Format::value_variants().iter();
            let shown = formats.filter_map(|f| Some(f.to_possible_value()?.hide(false)));
            let parser = PossibleValuesParser::new(shown.collect::<Vec<_>>());
            arg.value_parser(parser.try_map(|name| Format::from_str(&name, false)))
        })
    });
    command.mut_args(short).mut_subcommands(|command| {
        let command = command.mut_args(short);
        if command.get_name() == "man" || command.get_name() == "completions" {
            command
        } else {
            command.after_help("Cargo's own flags (-p, --bin, --features, --locked, …) work as in cargo build: see --help.")
        }
    })
}

fn goal(text: &str) -> Result<Goal, String> {
    text.parse().map_err(|error: String| {
        // No goal has two hyphens or names an architecture; every triple does.
        if text.matches('-').count() >= 2 || text.starts_with("wasm32") {
            format!("`{text}` is a target triple; here --target is the goal, write --triple {text}")
        } else {
            error
        }
    })
}

fn glibc(text: &str) -> Result<(u32, u32), String> {
    crate::plan::parse_version(text)
        .ok_or_else(|| format!("`{text}` is not a version such as 2.31"))
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parsed = text.split_once('/').and_then(|(index, of)| {
        let (index, of): (usize, usize) = (index.parse().ok()?, of.parse().ok()?);
        (index >= 1 && index <= of).then_some((index, of))
    });
    parsed.ok_or_else(|| format!("`{text}` is not a part such as 1/4"))
}
