//! `cargo tune search`: the whole search, a shard of it, or the parts put together.

use std::path::PathBuf;

use clap::{Arg, Args, ValueEnum, value_parser};
use codecost::console::Console;
use codecost::front;
use codecost::report::{FormatFlags, RowFlags};
use codecost::units::Share;
use codecost::{Error, Result};

use crate::apply;
use crate::cli::{BuiltFlags, GoalFlags, TRIALS, WorkloadFlag, hide_cargo_flags};
use crate::offer::offer;
use crate::plan::{self, Goal, Request};
use crate::report;
use crate::trial::adopt::plan_of;
use crate::trial::heat::Heat;
use crate::trial::part;
use crate::trial::search::{self, Options};
use crate::trial::taste::{Prefer, Taste};

/// Find the best settings for your program in few builds
#[derive(Debug, Args)]
#[command(override_usage = "cargo tune search --target GOAL [OPTIONS]")]
#[command(mut_args(hide_cargo_flags), mut_args(without_builds))]
#[command(mut_arg("target", |arg| arg.help("What to search for: size or speed")))]
pub(crate) struct Search {
    #[command(flatten)]
    goal: GoalFlags,
    #[command(flatten)]
    workload: WorkloadFlag,
    /// Maximum number of builds
    #[arg(long, value_name = "N", default_value_t = 12, help_heading = TRIALS)]
    #[arg(value_parser = value_parser!(u16).range(3..))]
    budget: u16,
    /// Shell command that must succeed with the best settings
    #[arg(long, value_name = "CMD", help_heading = TRIALS)]
    verify: Option<String>,
    /// Try hot crates fast or cold crates small (JSON of `cargo hotspots crates`)
    #[arg(long, value_name = "FILE", help_heading = TRIALS)]
    hotspots: Option<PathBuf>,
    /// Take the smallest that is at most so much slower, such as 5%
    #[arg(long, value_name = "PERCENT", value_parser = slowdown, help_heading = TRIALS)]
    #[arg(conflicts_with = "shard")]
    max_slowdown: Option<f64>,
    /// Take the smallest or the fastest, not the best balance
    #[arg(long, value_name = "WHAT", conflicts_with = "shard", help_heading = TRIALS)]
    prefer: Option<PreferFlag>,
    /// Draw the trials and their front to FILE (SVG)
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    #[arg(conflicts_with = "shard", help_heading = TRIALS)]
    svg: Option<PathBuf>,
    /// Make only part I of N of the trials; write them with -o
    #[arg(long, value_name = "I/N", value_parser = shard, help_heading = TRIALS)]
    shard: Option<(usize, usize)>,
    /// Combine the parts of a sharded search
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = TRIALS)]
    #[arg(conflicts_with_all = ["shard", "workload", "hotspots", "verify", "budget"])]
    merge: Vec<PathBuf>,
    /// Write the best settings without asking
    #[arg(short, long, conflicts_with = "shard", help_heading = "Writing")]
    yes: bool,
    #[command(flatten)]
    built: BuiltFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// Parts are put together without a build.
fn without_builds(arg: Arg) -> Arg {
    BuiltFlags::if_only_for_builds(arg, |arg| arg.conflicts_with("merge"))
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parsed = text.split_once('/').and_then(|(index, of)| {
        let (index, of): (usize, usize) = (index.parse().ok()?, of.parse().ok()?);
        (index >= 1 && index <= of).then_some((index, of))
    });
    parsed.ok_or_else(|| format!("`{text}` is not a part such as 1/4"))
}

/// A share of time such as `5%`.
fn slowdown(text: &str) -> Result<f64, String> {
    let share = text.parse::<Share>().ok().map(|share| share.0);
    let share = share.filter(|share| share.is_finite() && *share >= 0.0);
    share.ok_or_else(|| format!("`{text}` is not a share of the time such as 5%"))
}

/// An end of the front.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PreferFlag {
    Size,
    Speed,
}

impl From<PreferFlag> for Prefer {
    fn from(flag: PreferFlag) -> Self {
        match flag {
            PreferFlag::Size => Self::Size,
            PreferFlag::Speed => Self::Speed,
        }
    }
}

impl front::Command for Search {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            goal,
            workload: WorkloadFlag { workload },
            budget,
            verify,
            hotspots,
            max_slowdown,
            prefer,
            svg,
            shard,
            merge,
            yes,
            built,
            format,
            rows,
        } = self;
        let request = goal.request_for(&[Goal::Size, Goal::Speed])?;
        let can_time = workload.is_some() || !merge.is_empty();
        searchable(&request, can_time)?;
        let taste = Taste {
            prefer: prefer.map(Into::into),
            max_slowdown,
        };
        decidable(&request, taste, can_time)?;
        let output = format.options(rows)?;
        let project = built.project(request.goal, console)?;
        let plan = plan::plan(&project, &request)?;
        let heat = hotspots.map(|path| Heat::read(&path, &project));
        let options = Options {
            workload,
            verify,
            budget: usize::from(budget),
            taste,
            heat: heat.transpose()?,
            shard,
            drawing: svg,
        };
        let found = if merge.is_empty() {
            search::search(&project, &request, &plan, &options, console)?
        } else {
            part::merge(&request, taste, &merge)?
        };
        report::search::write(
            &project, &request, &plan, &options, &found, &output, console,
        )?;
        let Some(winner) = found.winner().filter(|_| shard.is_none()) else {
            return Ok(0);
        };
        let title = format!("search --target {}: {}", request.goal, winner.name());
        let plan = plan_of(&project, plan, winner);
        if plan.changes.is_empty() {
            return Ok(0);
        }
        let edits = apply::edits(&plan, false)?;
        if !output.format.is_for_machines() && output.output.is_none() {
            for edit in &edits {
                console.print(&format!("\n{}", report::diff::of_edit(&project, edit)))?;
            }
        }
        offer(&project, &edits, plan.changes.len(), yes, &title, console)?;
        Ok(0)
    }
}

/// Whether there is a search for the goal.
fn searchable(request: &Request, can_time: bool) -> Result<()> {
    match request.goal {
        Goal::Size => Ok(()),
        Goal::Speed if can_time => Ok(()),
        Goal::Speed => Err(Error::usage(
            "a search for speed needs something to time",
            "give a command with --workload; speed is never estimated",
        )),
        Goal::CompileTime | Goal::Balanced => Err(Error::usage(
            format!("there is no search for {}", request.goal),
            "search for size or speed; `cargo tune --target` has a plan for the others",
        )),
    }
}

/// Whether what the choice depends on is known.
fn decidable(request: &Request, taste: Taste, can_time: bool) -> Result<()> {
    if taste.needs_times() && !can_time {
        return Err(Error::usage(
            "--max-slowdown and --prefer speed need something to time",
            "give a command with --workload; speed is never estimated",
        ));
    }
    if request.goal == Goal::Speed && taste.max_slowdown.is_some() {
        return Err(Error::usage(
            "a search for speed takes nothing that is slower",
            "leave out --max-slowdown, or search with --target size",
        ));
    }
    Ok(())
}
