//! `cargo hotspots check`.

use crate::{
    cli::GateTarget,
    gate::{
        bisect::{self, Step},
        compare::{self, Options},
        config::Config,
        grew,
        row::{Gate, Metric, Row},
        shares::{self, Condition},
        stop,
        verdict::Status,
    },
    gating::{self, ConsoleTalk},
    open::{Request, Shown, Source},
    record::{RecordOptions, What},
    report,
    work::ProgramInput,
};
use clap::{Args, ValueHint};
use codecost::{
    Error, Result,
    cargo::Context,
    console::Console,
    front::Command,
    pattern::{self, Pattern},
    report::{GateFormatFlags, RowFlags},
    revisions::{self, Revision},
    units::{Share, Time},
};
use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const GATE: &str = "Gate options";

/// Check whether benchmarks became slower than a baseline (exits with 100 if so)
///
/// Both programs are run again, here and now: in random pairs, one benchmark to a process. The
/// change of a benchmark is the median over the pairs, with its exact 95 % interval. A benchmark
/// fails if it is significantly slower than `--concern` and the interval reaches `--action`; an
/// alarm is raised only if a second, independent run repeats it. `hotspots.toml` sets limits for
/// single benchmarks and crates. --filter chooses the benchmarks that are compared.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The baseline to compare with, from --save-baseline
    ///
    /// A directory of Criterion's results or a JSON file of hyperfine's is a baseline with numbers
    /// only, by which no more than `attention` can be said.
    #[arg(long, value_name = "NAME|PATH", help_heading = GATE)]
    #[arg(required_unless_present_any = ["fail_if", "merge", "rev"])]
    baseline: Option<String>,
    /// Build and compare two git revisions
    ///
    /// Each is built in a worktree of its own.
    #[arg(long, value_name = "A..B", value_parser = revisions, help_heading = GATE)]
    #[arg(conflicts_with_all = ["baseline", "exec"])]
    rev: Option<(String, String)>,
    /// With --rev, find the commit that made a benchmark slower
    // What conflicts with `--rev` would waive the demand for it.
    #[arg(long, help_heading = GATE, hide_short_help = true, requires = "rev")]
    #[arg(conflicts_with_all = ["baseline", "exec"])]
    bisect: bool,
    /// The slowdown that needs attention [default: 5%]
    #[arg(long, value_name = "PERCENT", value_parser = percent, help_heading = GATE)]
    concern: Option<f64>,
    /// The slowdown that fails a benchmark [default: 10%]
    #[arg(long, value_name = "PERCENT", value_parser = percent, help_heading = GATE)]
    action: Option<f64>,
    /// How long the comparison may take, such as 3m
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = GATE)]
    time_budget: Option<Duration>,
    /// Also fail on attention, inconclusive or new
    ///
    /// It can be given more than once.
    #[arg(long, value_name = "STATUS", value_parser = status, value_delimiter = ',')]
    #[arg(help_heading = GATE)]
    fail_on: Vec<Status>,
    /// Fail if a share of the time is over this limit
    ///
    /// The program is recorded for it. A limit is written as 'crate:serde_json > 15%', and it can be
    /// given more than once.
    #[arg(long, value_name = "CONDITION", help_heading = GATE)]
    fail_if: Vec<Condition>,
    /// Read this configuration file [default: the nearest hotspots.toml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = GATE)]
    #[arg(hide_short_help = true)]
    config_file: Option<PathBuf>,
    /// Compare only this part of the benchmarks, such as 1/3; merge the JSON of all parts with
    /// --merge
    #[arg(long, value_name = "I/N", value_parser = shard, help_heading = GATE)]
    #[arg(hide_short_help = true)]
    shard: Option<(usize, usize)>,
    /// Merge the JSON reports of all shards into one verdict; nothing is built or run
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = GATE, hide_short_help = true)]
    #[arg(conflicts_with_all = ["baseline", "rev", "fail_if", "shard", "concern", "action", "time_budget"])]
    merge: Vec<PathBuf>,
    /// Also write a Markdown comment that another job can post on a pull request
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = GATE)]
    #[arg(hide_short_help = true)]
    comment: Option<PathBuf>,
    /// Also write the results in Bencher Metric Format
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = GATE)]
    #[arg(hide_short_help = true)]
    bencher: Option<PathBuf>,
    /// Also draw the change of each pair as SVG
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = GATE)]
    #[arg(hide_short_help = true)]
    plot: Option<PathBuf>,
    #[command(flatten)]
    target: GateTarget,
    #[command(flatten)]
    format: GateFormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Check {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            baseline,
            rev,
            bisect,
            concern,
            action,
            time_budget,
            fail_on,
            fail_if,
            config_file,
            shard,
            merge,
            comment,
            bencher,
            plot,
            target,
            format,
            rows,
        } = self;
        let mut output = format.options(rows)?;
        // It chooses what is run; of that, all is shown.
        let filter = output.filter.take();
        let extra = report::check::Extra {
            comment,
            bencher,
            plot,
        };
        if !merge.is_empty() {
            without_filter(filter.as_ref(), "--merge", "give it to the shards")?;
            let mut gate = report::check::merge(&merge)?;
            fail_as_asked(&mut gate, &fail_on, config_file.as_deref())?;
            report::check::write(&gate, &output, &extra, console)?;
            return gating::end(&gate);
        }
        in_order(concern, action)?;
        if !fail_if.is_empty() {
            let help = "name what is to be recorded as the program takes it, after `--`; compare \
                        benchmarks with `--filter` in a command of its own";
            without_filter(filter.as_ref(), "--fail-if", help)?;
        }
        let start = Instant::now();
        let current = target.current(console)?;
        let held = match fail_if.is_empty() {
            true => Vec::new(),
            false => hold(&fail_if, &current, console)?,
        };
        let against = rev.as_ref().map(|(before, _)| before.clone());
        let Some(baseline) = baseline.or(against) else {
            let mut gate = Gate {
                shares: held,
                elapsed: start.elapsed(),
                ..Gate::empty()
            };
            fail_as_asked(&mut gate, &fail_on, config_file.as_deref())?;
            report::check::write_shares(&gate, &output, &extra, console)?;
            return gating::end(&gate);
        };
        let options = Options {
            current,
            baseline,
            config_file,
            concern,
            action,
            time_budget,
            fail_on,
            filter,
            work: true,
            shard,
        };
        let mut gate = match &rev {
            None => gating::gate(&options, console)?,
            Some((before, after)) => {
                let mut gate = gate_of_commits(&options, [before, after], console)?;
                if bisect && gate.rows.iter().any(is_slower) {
                    find_commit(&options, [before, after], &mut gate, console)?;
                }
                gate
            }
        };
        gate.shares = held;
        gate.elapsed = start.elapsed();
        report::check::write(&gate, &output, &extra, console)?;
        gating::end(&gate)
    }
}

/// What fails besides, by the flags and the configuration, where no comparison has taken them in.
fn fail_as_asked(gate: &mut Gate, fail_on: &[Status], config: Option<&Path>) -> Result<()> {
    let context = Context::current()?;
    gate.also_fail_on(fail_on);
    gate.also_fail_on(&Config::load(config, context.directory())?.fail_on);
    Ok(())
}

fn in_order(concern: Option<f64>, action: Option<f64>) -> Result<()> {
    match concern.zip(action) {
        Some((concern, action)) if action < concern => Err(Error::usage(
            "`--action` is below `--concern`",
            "make `--action` at least as large",
        )),
        _ => Ok(()),
    }
}

/// `--filter` chooses benchmarks to compare; where none are compared it would do nothing.
fn without_filter(filter: Option<&Pattern>, flag: &str, help: &str) -> Result<()> {
    match filter {
        None => Ok(()),
        Some(_) => Err(Error::usage(
            format_args!(
                "`--filter` chooses the benchmarks to compare, and has no effect on `{flag}`"
            ),
            help,
        )),
    }
}

/// Builds both commits and compares them while the second is checked out.
fn gate_of_commits(options: &Options, names: [&str; 2], console: &mut Console) -> Result<Gate> {
    stop::watch();
    let context = Context::current()?;
    let config = Config::load(options.config_file.as_deref(), context.directory())?;
    let console = RefCell::new(console);
    let (mut before, mut done) = (None, None);
    let mut begin = |named: &str| console.borrow_mut().status("Building", named);
    let mut work = |revision: &Revision<'_>| {
        let mut console = console.borrow_mut();
        let there = &revision.context;
        let options = Options {
            current: compare::Current {
                selection: revision.selection.clone(),
                ..options.current.clone()
            },
            ..options.clone()
        };
        let mut talk = ConsoleTalk::new(&mut console, names[0]);
        let Some(kept) = &before else {
            let (sides, _, target) = compare::current_side(there, &options.current, &mut talk)?;
            before = Some(compare::keep(sides, revision.commit, &target)?);
            return Ok(());
        };
        let mut comparison =
            compare::compare_commits(there, &options, &config, kept, &stop::is_wanted, &mut talk)?;
        if !comparison.gate.stopped {
            gating::count_work(&mut comparison, there, &options, &mut console)?;
            grew::explain(&mut comparison, there, &mut console);
        }
        done = Some(comparison.gate);
        Ok(())
    };
    let selection = &options.current.selection;
    let (_, warnings) = revisions::each(&context, names, selection, &mut begin, &mut work)?;
    let mut gate =
        done.ok_or_else(|| Error::failed("the second revision was not compared", "run it again"))?;
    gate.warnings.splice(0..0, warnings);
    Ok(gate)
}

/// Whether it takes more time than before.
fn is_slower(row: &Row) -> bool {
    row.metric == Metric::Time && row.status.is_alarm()
}

/// Finds the commit that made the worst benchmark slower, by the same comparison at each step.
fn find_commit(
    options: &Options,
    [before, after]: [&str; 2],
    gate: &mut Gate,
    console: &mut Console,
) -> Result<()> {
    let Some(worst) = gate.rows.iter().find(|row| is_slower(row)) else {
        return Ok(());
    };
    let benchmark = worst.benchmark.clone();
    let exact = Pattern::new(&format!("^{}$", pattern::escape(&benchmark)));
    let options = Options {
        filter: exact.ok(),
        work: false,
        ..options.clone()
    };
    let commits = revisions::between(&Context::current()?, before, after)?;
    let mut judge = |commit: &str| {
        if stop::is_wanted() {
            return Ok(Step::Unknown);
        }
        // A commit that cannot be built or compared says nothing of itself.
        let Ok(gate) = gate_of_commits(&options, [before, commit], console) else {
            return Ok(Step::Unknown);
        };
        let row = gate.rows.iter().find(|row| row.benchmark == benchmark);
        Ok(match row.map(|row| row.status) {
            Some(status) if status.is_alarm() => Step::Slower,
            Some(Status::Pass) => Step::NotSlower,
            _ => Step::Unknown,
        })
    };
    if let Some(found) = bisect::search(&commits, &mut judge)? {
        let short = |commit: &str| commit.get(..12).unwrap_or(commit).to_owned();
        gate.culprit = Some(match found.left {
            1 => format!("{benchmark} became slower with {}", short(&found.bad)),
            left => format!(
                "{benchmark} became slower after {} and not after {}; noise forbids to say with \
                 which of {left} commits",
                short(&found.good),
                short(&found.bad),
            ),
        });
    }
    Ok(())
}

/// Records the current side and holds the conditions against it.
fn hold(
    conditions: &[Condition],
    current: &compare::Current,
    console: &mut Console,
) -> Result<Vec<shares::Held>> {
    let request = Request {
        source: Source::Record(Box::new(RecordOptions {
            what: match &current.program {
                Some(path) => What::Program(path.clone()),
                None => What::Target,
            },
            arguments: current.arguments.clone(),
            selection: current.selection.clone(),
            // What it is compared with reads the same.
            input: ProgramInput::Repeated,
            ..RecordOptions::default()
        })),
        shown: Shown::default(),
        strict: false,
    };
    let opened = request.open(console)?;
    shares::check(conditions, &opened.subject())
}

fn percent(text: &str) -> std::result::Result<f64, String> {
    let share: Share = text.parse().map_err(|error| format!("{error}"))?;
    let is_sensible = share.0 > 0.0 && share.0 <= 10.0;
    match is_sensible {
        true => Ok(share.0),
        false => Err("give a share above 0% and at most 1000%".into()),
    }
}

fn duration(text: &str) -> std::result::Result<Duration, String> {
    let time: Time = text.parse().map_err(|error| format!("{error}"))?;
    Ok(time.0)
}

fn status(text: &str) -> std::result::Result<Status, String> {
    Status::of_name(text)
        .filter(|status| *status != Status::Pass)
        .ok_or_else(|| "the statuses are attention, inconclusive and new".into())
}

fn revisions(text: &str) -> std::result::Result<(String, String), String> {
    let parts = text
        .split_once("..")
        .filter(|(before, after)| !before.is_empty() && !after.starts_with('.'));
    let (before, after) = parts.ok_or("write two revisions: `A..B`, or `A..` for up to HEAD")?;
    let after = if after.is_empty() { "HEAD" } else { after };
    Ok((before.to_owned(), after.to_owned()))
}

fn shard(text: &str) -> std::result::Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(own, of)| {
        let (own, of): (usize, usize) = (own.parse().ok()?, of.parse().ok()?);
        (1..=of).contains(&own).then_some((own, of))
    });
    parts.ok_or_else(|| "write which part of how many: `1/3`".into())
}
