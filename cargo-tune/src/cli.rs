//! What help says of the tool as a whole, and the groups of flags that its commands declare. Each
//! group has a method that validates it into plain options.

use std::path::PathBuf;

use clap::{Arg, Args, ValueHint};
use codecost::cargo::{CargoFlags, Context, ManifestFlags, ProfileFlags, Selection, TargetFlags};
use codecost::console::Console;
use codecost::{Error, Result};

use crate::plan::{Allow, Glibc, Goal, Request};
use crate::project::Project;

/// The heading of the flags that say what a plan is for.
const GOAL: &str = "Goal";
/// The heading of the flags that say which settings are meant.
const SETTINGS: &str = "Settings";
/// The heading of the flags that say what is tried.
pub(crate) const TRIALS: &str = "Trials";

const ABOUT: &str = "Choose the cargo profile that fits the goal of your program";
const LONG_ABOUT: &str = "Choose the cargo profile that fits the goal of your program\n\n\
    Without a command, the plan for --target is shown as a diff, and written if you agree. \
    `cargo tune undo` restores the files byte for byte.";
const EXAMPLES: &str = "\
Examples:
  cargo tune --target size             Show the plan for the smallest program, ask, and write it
  cargo tune undo                      Restore the files
  cargo tune show                      Show which settings are in effect, and why
  cargo tune search --target size      Find the settings that make your program smallest
  cargo tune check --target size       Check in CI that the settings are still as planned

Exit codes: 0 success; 2 wrong usage; 100 check failed; 101 error.";

/// Adds it to the definition.
pub(crate) fn describe(command: clap::Command) -> clap::Command {
    let after = command.get_after_help().map(ToString::to_string);
    let after = after.unwrap_or_default();
    command
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .override_usage("cargo tune --target GOAL [OPTIONS]\n       cargo tune COMMAND [OPTIONS]")
        .max_term_width(100)
        .after_long_help(format!("{EXAMPLES}\n\n{after}"))
}

/// What to do about a word that is no command.
pub(crate) fn hint_for_word(word: &str) -> String {
    if word.parse::<Goal>().is_ok() {
        format!("write `cargo tune --target {word}`")
    } else {
        "`cargo tune --help` lists the commands; a plan needs `--target GOAL`".to_owned()
    }
}

/// What a plan is made for.
#[derive(Debug, Args)]
pub(crate) struct GoalFlags {
    /// What to tune for: size, speed, compile-time or balanced
    #[arg(long, value_name = "GOAL", value_parser = goal, help_heading = GOAL)]
    target: Option<Goal>,
    #[arg(long, value_name = "KNOB", help_heading = GOAL, help = allow_help())]
    allow: Vec<Allow>,
    /// Change only the manifest, never a config file
    #[arg(long, help_heading = GOAL)]
    no_config: bool,
    /// Include options that need a nightly toolchain
    #[arg(long, help_heading = GOAL)]
    nightly: bool,
    /// The oldest glibc that the program must start with, such as 2.31
    #[arg(long, value_name = "VERSION", value_parser = str::parse::<Glibc>, help_heading = GOAL)]
    #[arg(hide_short_help = true)]
    glibc: Option<Glibc>,
}

impl GoalFlags {
    /// The request.
    ///
    /// # Errors
    ///
    /// A usage error without a goal.
    pub(crate) fn request(self) -> Result<Request> {
        self.request_for(&Goal::ALL)
    }

    /// The request, where a command is for some goals only.
    ///
    /// # Errors
    ///
    /// A usage error without a goal, which names those that there are.
    pub(crate) fn request_for(self, goals: &[Goal]) -> Result<Request> {
        let Self {
            target,
            allow,
            no_config,
            nightly,
            glibc,
        } = self;
        let goal = target.ok_or_else(|| {
            let names: Vec<&str> = goals.iter().map(|goal| goal.as_str()).collect();
            let (last, others) = names.split_last().map_or(("", &[][..]), |(l, o)| (l, o));
            let names = format!("{} or {last}", others.join(", "));
            Error::usage(
                "no goal was given",
                format!(
                    "name one with --target {names}; `cargo tune show` shows which settings are \
                     in effect"
                ),
            )
        })?;
        Ok(Request {
            goal,
            allow,
            no_config,
            nightly,
            glibc,
        })
    }
}

fn allow_help() -> String {
    format!(
        "Accept the risk of a knob (repeatable): {}",
        Allow::names().join(", ")
    )
}

fn goal(text: &str) -> Result<Goal, String> {
    text.parse().map_err(|error: String| {
        if is_triple(text) {
            format!("`{text}` is a target triple; here --target is the goal, write --triple {text}")
        } else {
            error
        }
    })
}

/// No goal has two hyphens or names an architecture; every triple does.
fn is_triple(text: &str) -> bool {
    text.matches('-').count() >= 2 || text.starts_with("wasm32")
}

/// `--target` where there is no goal: refused with what was probably meant.
#[derive(Debug, Args)]
pub(crate) struct NoGoalFlag {
    #[arg(long, value_name = "GOAL", value_parser = no_goal, hide = true)]
    target: Option<String>,
}

impl NoGoalFlag {
    /// Nothing: the flag is never accepted.
    pub(crate) fn discard(self) {
        let Self { target: _ } = self;
    }
}

fn no_goal(text: &str) -> Result<String, String> {
    if is_triple(text) {
        goal(text).map(|goal| goal.to_string())
    } else {
        Err("this command has no goal; `cargo tune --target GOAL` makes a plan".to_owned())
    }
}

/// The triple, whose usual flag is the goal here.
#[derive(Debug, Args)]
pub(crate) struct TripleFlag {
    /// Build for this target triple (--target is the goal)
    #[arg(long, value_name = "TRIPLE", help_heading = "Build options")]
    triple: Option<String>,
}

/// Which settings are meant; for commands that build nothing.
#[derive(Debug, Args)]
#[command(mut_arg("profile", |arg| arg.help("The profile that is meant").help_heading(SETTINGS)))]
#[command(mut_arg("release", |arg| arg.help("The same as --profile release").help_heading(SETTINGS)))]
#[command(mut_arg("triple", |arg| arg.help_heading(SETTINGS)))]
pub(crate) struct SettingsFlags {
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    profile: ProfileFlags,
    #[command(flatten)]
    triple: TripleFlag,
    #[command(flatten)]
    manifest: ManifestFlags,
}

impl SettingsFlags {
    /// The selection; without a profile the one that `goal` is about.
    pub(crate) fn selection(self, goal: Option<Goal>, console: &Console) -> Selection {
        let Self {
            target,
            profile,
            triple,
            manifest,
        } = self;
        let mut selection = manifest.selection();
        target.choose(&mut selection);
        profile.choose(&mut selection);
        selection.triple = triple.triple;
        complete(selection, goal, console)
    }

    /// The project that they choose.
    ///
    /// # Errors
    ///
    /// What [`Project::load`] says.
    pub(crate) fn project(self, goal: Option<Goal>, console: &Console) -> Result<Project> {
        Project::load(Context::current()?, self.selection(goal, console))
    }

    /// The same for a plan, which may have to link something.
    ///
    /// # Errors
    ///
    /// What [`Project::load`] says.
    pub(crate) fn project_to_plan(
        self,
        place: TargetDirFlag,
        goal: Goal,
        console: &Console,
    ) -> Result<Project> {
        let TargetDirFlag { target_dir } = place;
        let selection = Selection {
            target_dir,
            ..self.selection(Some(goal), console)
        };
        Project::load(Context::current()?, selection)
    }
}

/// Where trial links are made, for commands that otherwise build nothing.
#[derive(Debug, Args)]
pub(crate) struct TargetDirFlag {
    /// Directory for what is linked to try a flag of the linker
    #[arg(long, value_name = "DIRECTORY", help_heading = "Manifest options")]
    #[arg(hide_short_help = true, value_hint = ValueHint::DirPath)]
    target_dir: Option<PathBuf>,
}

/// What is built, and how; for commands that build.
#[derive(Debug, Args)]
pub(crate) struct BuiltFlags {
    #[command(flatten)]
    cargo: CargoFlags,
    #[command(flatten)]
    triple: TripleFlag,
}

impl BuiltFlags {
    /// The ids of the flags that only a build has a use for.
    const ONLY_BUILDS: &'static [&'static str] =
        &["features", "all_features", "no_default_features", "jobs"];

    /// Changes `arg` if it is one that only a build has a use for.
    pub(crate) fn if_only_for_builds(arg: Arg, change: impl FnOnce(Arg) -> Arg) -> Arg {
        if Self::ONLY_BUILDS.contains(&arg.get_id().as_str()) {
            change(arg)
        } else {
            arg
        }
    }

    /// The project that they choose; without a profile, with the one that `goal` is about.
    ///
    /// # Errors
    ///
    /// What [`Project::load`] says.
    pub(crate) fn project(self, goal: Goal, console: &Console) -> Result<Project> {
        let Self { cargo, triple } = self;
        let selection = cargo.selection(triple.triple);
        Project::load(
            Context::current()?,
            complete(selection, Some(goal), console),
        )
    }
}

fn complete(mut selection: Selection, goal: Option<Goal>, console: &Console) -> Selection {
    console.configure_cargo(&mut selection);
    if selection.profile.is_none() {
        selection.profile = goal.and_then(Goal::default_profile).map(str::to_owned);
    }
    selection
}

/// A command to time.
#[derive(Debug, Args)]
pub(crate) struct WorkloadFlag {
    /// Shell command to time; it names the program as NAME, {} or $CARGO_TUNE_BIN
    #[arg(long, value_name = "CMD", help_heading = TRIALS)]
    pub(crate) workload: Option<String>,
}

/// Leaves cargo's own flags to `--help`, so that `-h` shows what is particular to this tool.
pub(crate) fn hide_cargo_flags(arg: Arg) -> Arg {
    let hidden = [
        "package", "bin", "example", "features", "profile", "limit", "filter",
    ];
    let hide = arg.is_hide_short_help_set() || hidden.contains(&arg.get_id().as_str());
    arg.hide_short_help(hide)
}
