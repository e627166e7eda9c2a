//! The command line, validated once.

use std::path::PathBuf;

use codecost::cargo::{Context, Selection};
use codecost::console::{Console, Manners, Verbosity};
use codecost::report::{Format, OutputOptions};
use codecost::{Error, Result};

use crate::cli::{Common, GoalArgs, PlanArgs, SearchArgs};
use crate::plan::{Goal, Request};
use crate::trial::search;

/// What every view needs.
pub(crate) struct Options {
    pub(crate) context: Context,
    pub(crate) selection: Selection,
    pub(crate) output: OutputOptions,
}

/// The format that only a gate has.
pub(crate) fn refuse_github(output: &OutputOptions) -> Result<()> {
    if output.format == Format::Github {
        return Err(Error::usage(
            "`--message-format github` is for `cargo tune check`",
            "for a job summary, write `--message-format markdown`",
        ));
    }
    Ok(())
}

impl Options {
    /// Validates, and makes the console obey `--color`, `-q` and `-v`.
    pub(crate) fn new(common: Common, goal: Option<Goal>, console: &mut Console) -> Result<Self> {
        let Common {
            cargo,
            triple,
            output,
            color,
        } = common;
        let manners = Manners {
            output: output.validate()?,
            color,
            verbosity: Verbosity::asked(cargo.quiet, cargo.verbose),
        };
        console.obey(&manners);
        let mut selection = cargo.selection(triple, console.color().as_choice());
        if selection.profile.is_none() {
            selection.profile = goal.and_then(Goal::default_profile).map(str::to_owned);
        }
        Ok(Self {
            context: Context::current()?,
            selection,
            output: manners.output,
        })
    }
}

/// What a plan needs besides.
pub(crate) struct PlanOptions {
    pub(crate) request: Request,
    pub(crate) yes: bool,
    pub(crate) dry_run: bool,
    pub(crate) comments: bool,
    pub(crate) options: Options,
}

impl PlanOptions {
    pub(crate) fn new(args: PlanArgs, console: &mut Console) -> Result<Self> {
        let PlanArgs {
            goal,
            yes,
            dry_run,
            comments,
            common,
        } = args;
        let request = request(goal)?;
        Ok(Self {
            options: Options::new(common, Some(request.goal), console)?,
            request,
            yes,
            dry_run,
            comments,
        })
    }
}

/// What a search needs besides.
pub(crate) struct SearchOptions {
    pub(crate) request: Request,
    pub(crate) search: search::Options,
    pub(crate) hotspots: Option<PathBuf>,
    pub(crate) merge: Vec<PathBuf>,
    pub(crate) yes: bool,
    pub(crate) options: Options,
}

impl SearchOptions {
    pub(crate) fn new(args: SearchArgs, console: &mut Console) -> Result<Self> {
        let SearchArgs {
            goal,
            workload,
            budget,
            verify,
            hotspots,
            shard,
            merge,
            yes,
            common,
        } = args;
        let request = request(goal)?;
        match request.goal {
            Goal::Size => {}
            Goal::Speed if workload.is_some() || !merge.is_empty() => {}
            Goal::Speed => {
                return Err(Error::usage(
                    "a search for speed needs something to time",
                    "give a command with --workload; speed is never estimated",
                ));
            }
            other => {
                return Err(Error::usage(
                    format!("there is no search for {other}"),
                    "search for size or speed; `cargo tune --target` has a plan for the others",
                ));
            }
        }
        Ok(Self {
            options: Options::new(common, Some(request.goal), console)?,
            request,
            search: search::Options {
                workload,
                verify,
                budget: usize::from(budget),
                heat: None,
                shard,
            },
            hotspots,
            merge,
            yes,
        })
    }
}

/// The request; a goal is needed.
pub(crate) fn request(args: GoalArgs) -> Result<Request> {
    let GoalArgs {
        target,
        allow,
        no_config,
        nightly,
        glibc,
    } = args;
    let goal = target.ok_or_else(|| {
        Error::usage(
            "no goal was given",
            "name one with --target size, speed, compile-time or balanced; `cargo tune show` shows what is in force",
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
