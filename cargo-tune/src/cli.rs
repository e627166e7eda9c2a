//! The command line as clap reads it. No clap type goes past `options`.

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use codecost::cargo::CargoFlags;
use codecost::console::ColorWhen;
use codecost::report::OutputFlags;

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
    after_help = "Exit codes: 0 done; 2 wrong usage; 100 a check says no; 101 the work could not be done."
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
    #[command(flatten)]
    pub(crate) common: Common,
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
    crate::plan::parse_version(text).ok_or_else(|| format!("`{text}` is not a version such as 2.31"))
}
