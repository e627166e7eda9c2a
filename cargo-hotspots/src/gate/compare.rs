//! A gate from its options to its rows: build, open the baseline, prepare, run, judge.

mod said;

use super::{
    baseline::{self, Opened},
    config::Config,
    harness::{self, Harness},
    host,
    prepare::{self, Deadline, Numbers, Preparation, Prepared},
    random::Random,
    row::{self, Against, Gate, Row, by_gravity},
    runner::{self, Estimate, Observer, Plan},
    sides::{self, Side, Subject},
    verdict::{Limits, Status},
};
use codecost::{
    Error, Result,
    cargo::{Additions, Build, Context, Selection, TargetChoice, Workspace},
    pattern::Pattern,
    report::Warning,
    units::{Time, counted},
};
use said::{differences, other_arguments, other_input, unmatched, warnings};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// What to compare, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The current side.
    pub current: Current,
    /// The name or path of the baseline.
    pub baseline: String,
    /// The configuration file; the nearest `hotspots.toml` without.
    pub config_file: Option<PathBuf>,
    /// `--concern`.
    pub concern: Option<f64>,
    /// `--action`.
    pub action: Option<f64>,
    /// `--time-budget`.
    pub time_budget: Option<Duration>,
    /// `--fail-on`.
    pub fail_on: Vec<Status>,
    /// Which benchmarks.
    pub filter: Option<Pattern>,
    /// Whether allocations and instructions are compared beside time.
    pub work: bool,
    /// Which part of the benchmarks, of how many: `--shard 1/3`.
    pub shard: Option<(usize, usize)>,
}

/// The current side.
#[derive(Clone, Debug)]
pub struct Current {
    /// What cargo builds, and where things are.
    pub selection: Selection,
    /// A program that exists, in place of a build.
    pub program: Option<PathBuf>,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// Who is told what happens before and while a gate runs.
pub trait Talk: Observer {
    /// How long it will take, before it starts.
    fn estimate(&mut self, benchmarks: usize, estimate: Estimate, budget: Option<Duration>);
    /// A stage of the work begins.
    fn begin(&mut self, verb: &str, what: &str);
}

/// Builds what the options name.
///
/// # Errors
///
/// The build fails, or something of it does not run by itself.
pub fn current_side(
    context: &Context,
    current: &Current,
    talk: &mut dyn Talk,
) -> Result<(Vec<Side>, Option<Build>, PathBuf)> {
    let Current {
        selection,
        program,
        arguments,
    } = current;
    if let Some(path) = program {
        let side = sides::of_program(context, path, arguments);
        let target = target_directory(context, selection);
        return Ok((vec![side], None, target));
    }
    if selection.target == TargetChoice::Lib {
        return Err(Error::usage(
            "a library does not run by itself",
            "compare what calls it: `--bench`, `--bin` or `--example`",
        ));
    }
    let mut announce = |additions: &[String]| {
        let text = format!(
            "all dependencies once, beside your own build, with {}",
            additions.join(", ")
        );
        talk.begin("Building", &text);
    };
    let build = match selection.target {
        TargetChoice::Bench(None) => Build::all(context, selection, &Additions::PROFILING)?,
        _ => Build::one_announced(context, selection, &Additions::PROFILING, &mut announce)?,
    };
    let sides = sides::of_build(context, &build, arguments, &Harness::of)?;
    let target = build.target_directory.clone();
    Ok((sides, Some(build), target))
}

/// Where things are kept without a build: of the workspace where there is one.
fn target_directory(context: &Context, selection: &Selection) -> PathBuf {
    if let Some(directory) = &selection.target_dir {
        return context.absolute(directory);
    }
    if let Some(workspace) = Workspace::find(context) {
        return workspace.target_directory().to_path_buf();
    }
    // Outside of a workspace cargo is not asked, and what moves its directory still does.
    let moved = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];
    let moved = moved.iter().filter_map(|name| context.var_os(name));
    let target = moved.into_iter().find(|value| !value.is_empty());
    context.absolute(Path::new(target.as_deref().unwrap_or("target".as_ref())))
}

/// Compares the current side with a baseline.
///
/// # Errors
///
/// Whatever keeps the comparison from being made; a benchmark that fails is a row, and no error.
pub fn compare(
    context: &Context,
    options: &Options,
    stopped: &dyn Fn() -> bool,
    talk: &mut dyn Talk,
) -> Result<Comparison> {
    let config = Config::load(options.config_file.as_deref(), context.directory())?;
    let (current, build, target) = current_side(context, &options.current, talk)?;
    let place = baseline::place(&target, context.directory(), &options.baseline)?;
    let cpu = host::cpu(context);
    let mut warnings = Vec::new();
    let opened = open(&place, &options.baseline, &target)?;
    let (subjects, numbers, against) = match opened {
        Baselined::Programs(opened) => {
            let triple = build.as_ref().map(|build| build.triple.as_str());
            opened.check(cpu.as_deref(), triple)?;
            warnings.extend(other_arguments(
                &opened.baseline,
                &current,
                &options.current.arguments,
            ));
            warnings.extend(other_input(&opened.baseline, &current)?);
            warnings.extend(differences(
                &opened.baseline,
                build.as_ref(),
                cpu.as_deref(),
            ));
            let against = Against {
                name: options.baseline.clone(),
                commit: opened.baseline.commit.clone(),
                cpu: opened.baseline.cpu.clone(),
                age: Some(opened.baseline.age()),
            };
            let selection = &options.current.selection;
            let asked = |kept: &baseline::Kept| is_asked_for(selection, kept, &current);
            let subjects = sides::pair(&opened, current.clone(), context, &asked)?;
            (subjects, None, against)
        }
        Baselined::Numbers(mut numbers) => {
            numbers.complete &=
                matches!(options.current.selection.target, TargetChoice::Bench(None));
            warnings.push(
                Warning::new(
                    "numbers-only",
                    "the baseline has numbers and no program, so no more than `attention` can \
                     be said",
                )
                .help("keep the program with `--save-baseline`"),
            );
            let subjects = current.into_iter().map(|side| Subject {
                baseline: None,
                current: Some(side),
            });
            let against = Against {
                name: options.baseline.clone(),
                ..Against::default()
            };
            (subjects.collect(), Some(numbers), against)
        }
    };
    let mut comparison = run(
        context,
        options,
        &config,
        &target,
        (subjects, numbers),
        stopped,
        talk,
    )?;
    comparison.gate.against = against;
    comparison.gate.warnings.splice(0..0, warnings);
    Ok(comparison)
}

/// Copies of the programs of an earlier commit, which the build of the next one replaces.
#[derive(Debug)]
pub struct KeptSides {
    sides: Vec<Side>,
    commit: String,
    // Deleted with this value.
    _directory: tempfile::TempDir,
}

/// Keeps the programs of `sides`, which were built from `commit`, below `target`.
///
/// # Errors
///
/// They cannot be copied.
pub fn keep(sides: Vec<Side>, commit: &str, target: &Path) -> Result<KeptSides> {
    let directory = tempfile::Builder::new()
        .prefix("gate-before-")
        .tempdir_in(target)
        .map_err(|source| Error::write(target, source))?;
    let mut kept = Vec::new();
    for (index, mut side) in sides.into_iter().enumerate() {
        let copy = directory.path().join(format!("{index}"));
        std::fs::copy(&side.program.path, &copy)
            .map_err(|source| Error::read(&side.program.path, source))?;
        side.program.path = copy;
        kept.push(side);
    }
    Ok(KeptSides {
        sides: kept,
        commit: commit.to_owned(),
        _directory: directory,
    })
}

/// Compares two commits: `before` was kept, `after` is what `context` has checked out.
///
/// # Errors
///
/// As [`compare`].
pub fn compare_commits(
    context: &Context,
    options: &Options,
    config: &Config,
    before: &KeptSides,
    stopped: &dyn Fn() -> bool,
    talk: &mut dyn Talk,
) -> Result<Comparison> {
    let (after, _, target) = current_side(context, &options.current, talk)?;
    let subjects = sides::pair_builds(before.sides.clone(), after);
    let mut comparison = run(
        context,
        options,
        config,
        &target,
        (subjects, None),
        stopped,
        talk,
    )?;
    comparison.gate.against = Against {
        name: options.baseline.clone(),
        commit: Some(before.commit.clone()),
        // Both were built and run here.
        cpu: host::cpu(context),
        age: None,
    };
    Ok(comparison)
}

/// A gate with the programs that it ran, so that its alarms can be explained.
pub struct Comparison {
    /// The verdicts.
    pub gate: Gate,
    /// The benchmarks that were run, with their programs.
    pub prepared: Prepared,
    /// The target directory.
    pub target_directory: PathBuf,
}

/// Compares two sides that are known.
///
/// # Errors
///
/// As [`compare`].
pub fn run(
    context: &Context,
    options: &Options,
    config: &Config,
    target: &Path,
    (subjects, numbers): (Vec<Subject>, Option<Numbers>),
    stopped: &dyn Fn() -> bool,
    talk: &mut dyn Talk,
) -> Result<Comparison> {
    let defaults = Limits::default();
    let wanted = |id: &str| {
        options
            .filter
            .as_ref()
            .is_none_or(|regex| regex.is_match(id))
    };
    let budget = options.time_budget.or(config.time_budget);
    let (start, deadline) = (Instant::now(), Deadline::new(budget));
    let preparation = Preparation {
        context,
        target_directory: target,
        config,
        limits: defaults,
        override_concern: options.concern,
        override_action: options.action,
        wanted: &wanted,
        shard: options.shard,
        stopped,
        deadline,
    };
    talk.begin("Preparing", "the benchmarks of both sides");
    let prepared = prepare::prepare(&preparation, subjects, numbers.as_ref(), talk)?;
    let plan = Plan {
        benchmarks: prepared.planned(),
        family: prepared.family,
        budget: deadline.left(),
        seed: Random::seed(),
    };
    let estimate = runner::estimate(&plan);
    within(&plan, budget, estimate)?;
    talk.estimate(plan.benchmarks.len(), estimate, budget);
    let results = runner::run(&plan, &mut prepared.instrument(context, stopped), talk);
    let mut warnings = warnings(&results, &prepared);
    if options.filter.is_none() && options.shard.is_none() {
        warnings.extend(unmatched(config, &prepared));
    }
    let mut rows: Vec<Row> = prepared
        .pairs
        .iter()
        .zip(&results.outcomes)
        .map(|(pair, outcome)| row::row(pair, outcome))
        .chain(prepared.unpaired.iter().map(row::row_of_unpaired))
        .collect();
    rows.sort_by(by_gravity);
    let mut gate = Gate {
        rows,
        against: Against::default(),
        commit: host::git(context, &["rev-parse", "HEAD"]),
        fail_on: options.fail_on.clone(),
        stopped: results.stopped,
        elapsed: start.elapsed(),
        seed: plan.seed,
        family: plan.family,
        shard: options.shard,
        shares: Vec::new(),
        culprit: None,
        warnings,
    };
    gate.also_fail_on(&config.fail_on);
    Ok(Comparison {
        gate,
        prepared,
        target_directory: target.to_path_buf(),
    })
}

/// A budget that does not even hold the first look is no budget for a verdict.
fn within(plan: &Plan, budget: Option<Duration>, estimate: Estimate) -> Result<()> {
    match budget {
        Some(budget) if estimate.first > budget => Err(Error::usage(
            format_args!(
                "for the fewest runs that can decide anything, {} would take about {}, and the time \
                 budget is {}",
                counted(plan.benchmarks.len() as u64, "benchmark"),
                Time(estimate.first),
                Time(budget)
            ),
            "raise `--time-budget`, choose benchmarks with `--filter`, or share them among \
             machines with `--shard 1/2`",
        )),
        _ => Ok(()),
    }
}

enum Baselined {
    Programs(Box<Opened>),
    Numbers(Numbers),
}

/// Opens a baseline of ours, a directory of Criterion's, or a file of hyperfine's.
fn open(place: &Path, operand: &str, target: &Path) -> Result<Baselined> {
    if place.is_file()
        && place
            .extension()
            .is_some_and(|extension| extension == "json")
    {
        let timed = harness::hyperfine::open(place)?;
        let of = timed.into_iter().map(|timed| {
            let measured = harness::Measured {
                minimum: timed.minimum,
                median: timed.median,
                p90: None,
                samples: 1,
                mode: None,
                throughput: None,
                elapsed: Duration::ZERO,
                step: 0.0,
            };
            (timed.command, Ok(measured))
        });
        return Ok(Baselined::Numbers(Numbers {
            of: of.collect(),
            at_most: Status::Attention,
            // It may be of other programs.
            complete: false,
        }));
    }
    if place.join("baseline.json").is_file() {
        return Opened::open(place).map(|opened| Baselined::Programs(Box::new(opened)));
    }
    if !place.exists() {
        let names = baseline::names(target);
        let hint = match names.as_slice() {
            [] => "make one first: `cargo hotspots --bench --save-baseline NAME`".to_owned(),
            names => format!("the baselines here are: {}", names.join(", ")),
        };
        return Err(Error::failed(
            format_args!("there is no baseline `{operand}`"),
            hint,
        ));
    }
    if !place.is_dir() {
        return Err(Error::failed(
            format_args!("`{}` is not a baseline", place.display()),
            "name a baseline, a directory of Criterion's, or a JSON file of hyperfine's",
        ));
    }
    let kept = harness::criterion::open(place)?;
    Ok(Baselined::Numbers(Numbers {
        of: kept
            .into_iter()
            .map(|kept| (kept.id, kept.result))
            .collect(),
        at_most: Status::Attention,
        complete: true,
    }))
}

/// Whether a target of the baseline that is gone was asked for: with `--bench X` only X is.
fn is_asked_for(selection: &Selection, kept: &baseline::Kept, current: &[Side]) -> bool {
    let of_packages =
        selection.packages.is_empty() || current.iter().any(|side| side.package == kept.package);
    let all = matches!(selection.target, TargetChoice::Bench(None));
    all && of_packages && kept.kind.as_deref() == Some("bench")
}

#[cfg(test)]
mod tests;
