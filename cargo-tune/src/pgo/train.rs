//! Trains, builds with the profile, measures what it gains, and keeps it if it gains.

use std::path::{Path, PathBuf};

use codecost::cargo::config::Notice;
use codecost::cargo::{Candidate, TargetKind};
use codecost::console::Console;
use codecost::{Error, Result};

use super::bolt::Bolt;
use super::coverage::{Coverage, Functions};
use super::judge::{Confirmed, choose, confirm, verified};
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
use crate::trial::paired::Interval;
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
    let Counted {
        raw,
        merged,
        functions,
    } = made.counted(&name, options, console)?;

    console.status("Building", &format!("{name} as it is"));
    let mut baseline = Outcome {
        variant: Variant::new(Role::Plain, Vec::new()),
        ..Outcome::baseline()
    };
    let plain = bench.build(&baseline.variant)?;
    // What the plain build does not pass, no other one need be built for.
    if let Some(verify) = &verify {
        verify.output(project, &plain.path)?;
    }
    baseline.weighed = Some(plain);
    let mut rows = Vec::new();
    if !planned.assignments.is_empty() {
        console.status("Building", &format!("{name} with the plan for speed"));
        rows.push(bench.outcome(planned.clone()));
    }
    let (optimised, fdata) = made.rows(bolt.as_ref(), &planned, &merged, &mut rows, console)?;
    let coverage = functions.by_crate(&optimised.said);
    if let Some(verify) = &verify {
        verified(project, verify, &mut rows);
    }
    let timed = timing::time(project, &workload, &mut baseline, &mut rows, console)?;
    let mut notices = notices(options, &raw, timed.as_ref());
    let mut confirmed = Vec::new();
    if let Some(timed) = &timed {
        choose(timed, &mut baseline, &mut rows);
        confirmed = confirm(project, &workload, &mut baseline, &mut rows, console);
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
            gain: gain_of(row, &baseline, &rows, &confirmed, timed.as_ref()),
        };
        let note = made.note(project, row);
        let fdata = fdata
            .as_deref()
            .filter(|_| row.variant.role == Role::PgoBolt);
        place.keep(&merged.path, fdata, note)?;
        profile.path = place.profile();
        kept = Some(place);
    }
    notices.extend(earlier_builds(bench.resumed));
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

/// What the runs counted.
struct Counted {
    raw: Raw,
    merged: Merged,
    functions: Functions,
}

/// The runs that count.
struct Training<'a, 'p> {
    project: &'a Project,
    programs: &'a Programs<'p>,
    training: &'a Workloads,
}

impl Training<'_, '_> {
    /// Builds the program that counts, trains it and merges its counts.
    fn counted(&self, name: &str, options: &Options, console: &mut Console) -> Result<Counted> {
        let (toolchain, tool) = (&self.project.toolchain, options.tool.as_deref());
        let empty = self.programs.emptied("empty")?;
        profdata::try_out(&self.project.context, toolchain, tool, &empty)?;
        console.status("Building", &format!("{name} that counts"));
        let instrumented = self.programs.instrumented()?;
        console.status("Training", &options.training().join("; "));
        let (raw, directory) = self.run(&instrumented)?;
        let to = self.programs.directory().join("merged.profdata");
        let merged = profdata::merge(toolchain, tool, &directory, &raw, &to)?;
        let functions = profdata::functions(toolchain, Some(&merged.tool), &merged.path)?;
        if functions.covered() == 0 {
            return Err(Error::failed(
                format!("no function of `{name}` ran while it was trained"),
                "name commands that run the program with --workload or --train",
            ));
        }
        Ok(Counted {
            raw,
            merged,
            functions,
        })
    }

    /// Builds the program with its profile, and with BOLT where that is given: a row for each. The
    /// first, and BOLT's counts.
    fn rows(
        &self,
        bolt: Option<&Bolt>,
        planned: &Variant,
        merged: &Merged,
        rows: &mut Vec<Outcome>,
        console: &mut Console,
    ) -> Result<(Optimised, Option<PathBuf>)> {
        console.status("Building", "with the profile");
        let optimised = self.programs.optimised(&merged.path)?;
        rows.push(outcome(Role::Pgo, planned, &optimised));
        let Some(bolt) = bolt else {
            return Ok((optimised, None));
        };
        console.status("Building", "with the profile, for BOLT");
        let (row, counts) = match self.bolted(bolt, &merged.path) {
            Ok((laid_out, counts)) => (outcome(Role::PgoBolt, planned, &laid_out), Some(counts)),
            Err(error) => (failed(Role::PgoBolt, planned, &error), None),
        };
        rows.push(row);
        Ok((optimised, counts))
    }

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
        weighed.built_as(&base.weighed);
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
        reason: Some(match error.hint() {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        }),
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
        let help = "let the workload end by itself, so that it writes its whole profile";
        say("damaged-profiles", message, Some(help));
    }
    notices.extend(timed.map(Timed::notices).unwrap_or_default());
    notices
}

/// What to say of variants that an earlier run built.
fn earlier_builds(count: usize) -> Option<Notice> {
    let variants = codecost::units::counted(count as u64, "variant");
    (count > 0).then(|| Notice {
        code: "earlier-builds",
        message: format!(
            "the build times of {variants} are of an earlier run: nothing had to be built again"
        ),
        help: Some("do not compare them with those of this run".to_owned()),
    })
}

/// What a note is made of.
struct Made<'a> {
    candidate: &'a Candidate,
    options: &'a Options,
    profile: &'a Facts,
    merged: &'a Merged,
    said: &'a Said,
    settings: Vec<String>,
    gain: Option<Confirmed>,
}

/// What the profile gains beside the best that does without it: by the fresh runs, where it came to
/// them. A figure against the plain build would hold what the plan gains, too.
fn gain_of(
    row: &Outcome,
    baseline: &Outcome,
    rows: &[Outcome],
    confirmed: &[Confirmed],
    timed: Option<&Timed>,
) -> Option<Confirmed> {
    let name = row.variant.name();
    if let Some(found) = confirmed.iter().find(|c| c.name == name) {
        return Some(found.clone());
    }
    let at = |role: &Role| rows.iter().position(|row| row.variant.role == *role);
    let is_good = |row: &&Outcome| matches!(row.status, Status::Chosen | Status::Kept);
    let plan = at(&Role::Plan).filter(|at| rows.get(*at).as_ref().is_some_and(is_good));
    let against = plan.and_then(|plan| rows.get(plan)).unwrap_or(baseline);
    let time = timed?.compare(at(&row.variant.role)?, plan)?;
    Some(Confirmed {
        name,
        against: against.variant.name(),
        time,
    })
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
            time_ratio: self.gain.as_ref().map(|gain| gain.time.ratio),
            time_ci: self
                .gain
                .as_ref()
                .map(|gain| [gain.time.low, gain.time.high]),
            time_against: self.gain.as_ref().map(|gain| gain.against.clone()),
            gains: row.status == Status::Chosen,
            ..Note::new()
        }
    }
}
