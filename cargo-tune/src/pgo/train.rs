//! Trains, builds with the profile, measures what it gains, and keeps it if it gains.

use std::path::{Path, PathBuf};

use codecost::cargo::config::Notice;
use codecost::cargo::{Candidate, TargetKind};
use codecost::console::Console;
use codecost::{Error, Result};

use super::bolt::Bolt;
use super::coverage::Coverage;
use super::kept::{self, Note, Place};
use super::profdata::{self, Merged};
use super::programs::{Optimised, Programs};
use super::raw::Raw;
use super::said::Said;
use crate::knob::Assignment;
use crate::plan::Plan;
use crate::project::Project;
use crate::receipt::fnv1a;
use crate::trial::bench::{Bench, settings, weigh};
use crate::trial::outcome::{Outcome, Status};
use crate::trial::paired::{Interval, holm};
use crate::trial::settle::is_faster_again;
use crate::trial::timing::{self, Timed};
use crate::trial::variant::{Role, Variant};
use crate::trial::workload::{Workload, Workloads};

/// What to train with, and what to measure.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Commands to time.
    pub workload: Vec<String>,
    /// Commands that train; those of the workload if there are none.
    pub train: Vec<String>,
    /// A command that must succeed with every variant.
    pub verify: Option<String>,
    /// Whether BOLT is tried, too.
    pub bolt: bool,
    /// The only `llvm-profdata` to try.
    pub tool: Option<PathBuf>,
    /// The directory to keep the profile in.
    pub keep: PathBuf,
    /// Whether it is kept without a gain, too.
    pub always: bool,
}

impl Options {
    /// The commands that train.
    pub fn training(&self) -> &[String] {
        match self.train.is_empty() {
            true => &self.workload,
            false => &self.train,
        }
    }
}

/// What is known of the profile.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Where it is: kept, or in the private directory.
    pub path: PathBuf,
    /// By crate.
    pub coverage: Coverage,
    /// The version of the raw profiles.
    pub raw_version: Option<u64>,
    /// What merged them.
    pub tool: Option<PathBuf>,
}

/// What came of it.
pub struct Trained {
    /// The program.
    pub name: String,
    /// The build as it is.
    pub baseline: Outcome,
    /// The plan for speed, the profile, and BOLT.
    pub rows: Vec<Outcome>,
    /// The baseline against itself.
    pub noise: Option<Interval>,
    /// The profile.
    pub profile: Facts,
    /// Where it was kept; `None` if it gains nothing.
    pub kept: Option<Place>,
    /// What the reader must know.
    pub notices: Vec<Notice>,
}

/// Does it all.
///
/// # Errors
///
/// The program cannot be built or run, the training writes no profile, or no tool reads it.
pub fn train(
    project: &Project,
    plan: &Plan,
    options: &Options,
    console: &mut Console,
) -> Result<Trained> {
    let mut bench = Bench::new(project)?;
    let candidate = project.workspace.candidate(&project.selection)?;
    runnable(project, &candidate)?;
    let name = candidate.name.clone();
    let workload = Workloads::new(project, &options.workload, &name)?;
    let training = Workloads::new(project, options.training(), &name)?;
    let verify = options.verify.as_deref();
    let verify = verify.map(|text| Workload::any(project, text, &name));
    let place = Place::new(&options.keep, &name);
    place.check()?;
    let bolt = options.bolt.then(Bolt::find).transpose()?;

    let assignments: Vec<Assignment> = plan.changes.iter().map(|c| c.assignment.clone()).collect();
    let planned = Variant::new(Role::Plan, assignments);
    let programs = Programs::new(project, &candidate, settings(project, &planned));
    let made = Training {
        project,
        programs: &programs,
        training: &training,
    };
    console.status("Building", &format!("{name} that counts"));
    let instrumented = programs.instrumented()?;
    console.status("Training", &options.training().join("; "));
    let (raw, directory) = made.run(&instrumented)?;
    let to = programs.directory().join("merged.profdata");
    let tool = options.tool.as_deref();
    let merged = profdata::merge(&project.toolchain, tool, &directory, &raw, &to)?;
    let functions = profdata::functions(&merged.tool, &merged.path)?;
    if functions.covered() == 0 {
        return Err(Error::failed(
            format!("no function of `{name}` ran while it was trained"),
            "name commands that run the program with --workload or --train",
        ));
    }

    console.status("Building", &format!("{name} as it is"));
    let mut baseline = Outcome {
        variant: Variant::new(Role::Plain, Vec::new()),
        ..Outcome::baseline()
    };
    baseline.weighed = Some(bench.build(&baseline.variant)?);
    let mut rows = Vec::new();
    if !planned.assignments.is_empty() {
        console.status("Building", &format!("{name} with the plan for speed"));
        rows.push(bench.outcome(planned.clone()));
    }
    console.status("Building", &format!("{name} with the profile"));
    let optimised = programs.optimised(&merged.path)?;
    rows.push(outcome(Role::Pgo, &planned, &optimised));
    let coverage = functions.by_crate(&optimised.said);
    let mut fdata = None;
    if let Some(bolt) = &bolt {
        console.status("Building", &format!("{name} with the profile, for BOLT"));
        let (row, counts) = match made.bolted(bolt, &merged.path) {
            Ok((optimised, counts)) => (outcome(Role::PgoBolt, &planned, &optimised), Some(counts)),
            Err(error) => (failed(Role::PgoBolt, &planned, &error), None),
        };
        rows.push(row);
        fdata = counts;
    }
    verified(project, verify.as_ref(), &baseline, &mut rows)?;
    let timed = timing::time(project, &workload, &mut baseline, &mut rows, console)?;
    let mut notices = notices(options, &raw, timed.as_ref());
    if let Some(timed) = &timed {
        choose(timed, &mut baseline, &mut rows);
        confirm(project, &workload, &mut baseline, &mut rows, console);
    }
    let chosen = rows.iter().find(|row| row.status == Status::Chosen);
    let with_profile = chosen.filter(|row| matches!(row.variant.role, Role::Pgo | Role::PgoBolt));
    let wanted = rows.iter().find(|row| row.variant.role == Role::Pgo);
    let with_profile = with_profile.or(wanted.filter(|_| options.always));
    let mut profile = Facts {
        path: merged.path.clone(),
        coverage,
        raw_version: raw.version,
        tool: Some(merged.tool.clone()),
    };
    let mut kept = None;
    if let Some(row) = with_profile {
        let made = Made {
            candidate: &candidate,
            options,
            profile: &profile,
            merged: &merged,
            said: &optimised.said,
            settings: settings(project, &planned).config,
        };
        let note = made.note(project, row);
        let fdata = fdata
            .as_deref()
            .filter(|_| row.variant.role == Role::PgoBolt);
        place.keep(&merged.path, fdata, note)?;
        profile.path = place.profile();
        kept = Some(place);
    }
    notices.extend(plan.notices.iter().cloned());
    Ok(Trained {
        name,
        baseline,
        rows,
        noise: timed.and_then(|timed| timed.noise()),
        profile,
        kept,
        notices,
    })
}

/// Only what this machine can run can be trained.
pub(super) fn runnable(project: &Project, candidate: &Candidate) -> Result<()> {
    if !matches!(candidate.kind, TargetKind::Bin | TargetKind::Example) {
        return Err(Error::usage(
            format!(
                "`{}` is no program, and only a program can be trained",
                candidate.name
            ),
            "choose one with --bin or --example",
        ));
    }
    let (triple, host) = (&project.effective.triple, &project.toolchain.host);
    if triple != host {
        return Err(Error::usage(
            format!("programs for {triple} cannot be trained on {host}"),
            "train on such a machine; the kept profile can then be used with \
             `cargo tune pgo --use --triple …`",
        ));
    }
    Ok(())
}

/// The runs that count.
struct Training<'a, 'p> {
    project: &'a Project,
    programs: &'a Programs<'p>,
    training: &'a Workloads,
}

impl Training<'_, '_> {
    /// Runs the instrumented program; the raw profiles and their directory.
    fn run(&self, instrumented: &Path) -> Result<(Raw, PathBuf)> {
        let directory = self.programs.emptied("raw")?;
        // Four files, which all processes join their counts with: `%p` would be a file for each.
        let pattern = directory.join("%4m.profraw");
        let variable = ("LLVM_PROFILE_FILE", pattern.as_os_str());
        let ran = self
            .training
            .0
            .iter()
            .try_for_each(|command| command.train(self.project, instrumented, variable));
        let raw = Raw::read(&directory)?;
        ran?;
        if raw.whole.is_empty() {
            return Err(Error::failed(
                "the training wrote no profile",
                "a profile is written when the program returns from `main` or calls `exit`: not \
                 when it aborts, is killed by a signal or calls `_exit`; let the commands end it",
            ));
        }
        Ok((raw, directory))
    }

    /// Counts and lays out anew what was compiled with the profile.
    fn bolted(&self, bolt: &Bolt, profile: &Path) -> Result<(Optimised, PathBuf)> {
        let base = self.programs.relocatable(profile)?;
        let program = &base.weighed.path;
        let name = program.file_name().map(PathBuf::from).unwrap_or_default();
        let counts = self.programs.emptied("counts")?;
        let instrumented = self.programs.emptied("bolt-instrumented")?.join(&name);
        bolt.instrument(program, &instrumented, &counts.join("counts"))?;
        for command in &self.training.0 {
            command.train(
                self.project,
                &instrumented,
                ("CARGO_TUNE_BOLT", "1".as_ref()),
            )?;
        }
        let merged = self.programs.directory().join("merged.fdata");
        bolt.merge(&counts, &merged)?;
        let laid_out = self.programs.emptied("bolt")?.join(&name);
        bolt.optimise(program, &merged, &laid_out)?;
        let bytes = std::fs::read(&laid_out).map_err(|e| Error::read(&laid_out, e))?;
        let mut weighed = weigh(&laid_out, &bytes, fnv1a(&bytes));
        weighed.build_ns = base.weighed.build_ns;
        weighed.peak_memory = base.weighed.peak_memory;
        weighed.compiled = base.weighed.compiled;
        let optimised = Optimised {
            weighed,
            said: base.said,
        };
        Ok((optimised, merged))
    }
}

fn outcome(role: Role, planned: &Variant, optimised: &Optimised) -> Outcome {
    Outcome {
        variant: Variant::new(role, planned.assignments.clone()),
        weighed: Some(optimised.weighed.clone()),
        time: None,
        status: Status::Kept,
        reason: None,
    }
}

fn failed(role: Role, planned: &Variant, error: &Error) -> Outcome {
    Outcome {
        variant: Variant::new(role, planned.assignments.clone()),
        weighed: None,
        time: None,
        status: Status::Failed,
        reason: Some(error.to_string()),
    }
}

/// Marks the variants that the command does not take. That the plain build passes is a condition.
fn verified(
    project: &Project,
    verify: Option<&Workload>,
    baseline: &Outcome,
    rows: &mut [Outcome],
) -> Result<()> {
    let Some(verify) = verify else { return Ok(()) };
    if let Some(plain) = &baseline.weighed {
        verify.output(project, &plain.path)?;
    }
    for row in rows.iter_mut() {
        if let Some(weighed) = row
            .weighed
            .as_ref()
            .filter(|_| row.status != Status::Failed)
            && let Err(error) = verify.output(project, &weighed.path)
        {
            row.status = Status::Failed;
            row.reason = Some(format!("--verify: {error}"));
        }
    }
    Ok(())
}

/// Takes the last step that is proven faster than the best one before it; Holm's method corrects
/// for the number of steps.
fn choose(timed: &Timed, baseline: &mut Outcome, rows: &mut [Outcome]) {
    let mut best: Option<usize> = None;
    let compared: Vec<Option<Interval>> = rows
        .iter()
        .enumerate()
        .map(|(row, outcome)| {
            let built = outcome.status != Status::Failed;
            built.then(|| {
                timed
                    .compare(row, row.checked_sub(1))
                    .or_else(|| timed.compare(row, None))
            })?
        })
        .collect();
    let p: Vec<f64> = compared
        .iter()
        .map(|interval| interval.map_or(1.0, |interval| interval.p_faster))
        .collect();
    for (index, holds) in holm(&p).into_iter().enumerate() {
        let Some(row) = rows
            .get_mut(index)
            .filter(|row| row.status != Status::Failed)
        else {
            continue;
        };
        // Against the best before it, which need not be the step before it.
        let gain = match best {
            Some(best) if best + 1 == index => compared.get(index).copied().flatten(),
            other => timed.compare(index, other),
        };
        let faster = gain.is_some_and(|gain| gain.high < 1.0) && holds;
        if faster {
            row.status = Status::Kept;
            best = Some(index);
        } else {
            row.status = Status::Dropped;
            row.reason = Some(match gain {
                Some(gain) if gain.low > 1.0 => "it is slower".to_owned(),
                Some(_) => "no gain was shown beside what comes before it".to_owned(),
                None => "the program is the same".to_owned(),
            });
        }
    }
    match best.and_then(|best| rows.get_mut(best)) {
        Some(best) => best.status = Status::Chosen,
        None => baseline.status = Status::Chosen,
    }
}

/// Times the chosen variant once more against what comes before it: the best of several noisy
/// figures is likely to be too good.
fn confirm(
    project: &Project,
    workload: &Workloads,
    baseline: &mut Outcome,
    rows: &mut [Outcome],
    console: &mut Console,
) {
    while let Some(chosen) = rows.iter().position(|row| row.status == Status::Chosen) {
        let path = |row: &Outcome| row.weighed.as_ref().map(|weighed| weighed.path.clone());
        let before = rows.iter().take(chosen);
        let before = before.collect::<Vec<_>>();
        let before = before.iter().rposition(|row| row.status == Status::Kept);
        let reference = before.and_then(|index| rows.get(index)).unwrap_or(baseline);
        let paths = path(reference).zip(rows.get(chosen).and_then(path));
        let Some(row) = rows.get(chosen) else { return };
        console.status("Confirming", &row.variant.name());
        if paths.is_some_and(|(from, to)| is_faster_again(project, workload, &from, &to)) {
            return;
        }
        if let Some(row) = rows.get_mut(chosen) {
            row.status = Status::Dropped;
            row.reason = Some("the gain did not show again on fresh runs".to_owned());
        }
        match before.and_then(|index| rows.get_mut(index)) {
            Some(before) => before.status = Status::Chosen,
            None => baseline.status = Status::Chosen,
        }
    }
}

fn notices(options: &Options, raw: &Raw, timed: Option<&Timed>) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut say = |code, message: String, help: Option<&str>| {
        notices.push(Notice {
            code,
            message,
            help: help.map(str::to_owned),
        });
    };
    if options.training() == options.workload {
        say(
            "trained-on-what-is-measured",
            "the commands that are timed are those that trained, so the gain on other work may be \
             smaller"
                .to_owned(),
            Some("train with --train on work of its own"),
        );
    }
    if raw.damaged > 0 {
        let count = codecost::units::counted(raw.damaged as u64, "raw profile");
        let message = format!("{count} incomplete: a process was ended while it wrote");
        say("damaged-profiles", message, None);
    }
    if timed.is_some_and(|timed| timed.silent) {
        let message = "a command writes nothing to standard output, so only its success was \
                       compared between the variants";
        let help = "let it print a result, or check it with --verify";
        say("no-output", message.to_owned(), Some(help));
    }
    notices
}

/// What a note is made of.
struct Made<'a> {
    candidate: &'a Candidate,
    options: &'a Options,
    profile: &'a Facts,
    merged: &'a Merged,
    said: &'a Said,
    settings: Vec<String>,
}

impl Made<'_> {
    fn note(&self, project: &Project, row: &Outcome) -> Note {
        let total = self.profile.coverage.total();
        let toolchain = &project.toolchain;
        let commit = kept::commit(project.workspace.root());
        let tool = self.merged.tool_version.as_deref();
        Note {
            package: self.candidate.package.clone(),
            name: self.candidate.name.clone(),
            profile: project.selection.profile().to_owned(),
            settings: self.settings.clone(),
            rustc: toolchain.release.clone(),
            rustc_commit: toolchain.commit_hash.clone(),
            llvm: toolchain.llvm.clone(),
            host: toolchain.host.clone(),
            dirty: commit.as_ref().is_some_and(|(_, dirty)| *dirty),
            commit: commit.map(|(commit, _)| commit),
            train: self.options.training().to_vec(),
            functions: total.functions,
            covered: total.covered,
            missing: self.said.missing.len() as u64,
            raw_version: self.profile.raw_version,
            merged_by: tool.map(|version| format!("llvm-profdata of LLVM {version}")),
            time_ratio: row.time.map(|time| time.ratio),
            time_ci: row.time.map(|time| [time.low, time.high]),
            ..Note::new()
        }
    }
}
