//! From two sides to a plan: which benchmarks there are, how each is measured, how long it takes.
//!
//! All four programs of a pair are copies in one directory, under paths of equal length. The length
//! of a program's own name moves its stack, and with it its speed, by more than what is looked for
//! (Mytkowicz and others 2009, "Producing wrong data without doing anything obviously wrong"). Two
//! copies of each side average over the placing of a file in memory, and those of the baseline are
//! the control.

mod deadline;
mod numbers;
mod once;

pub use deadline::Deadline;
pub use numbers::Numbers;
pub use once::measure_once;

use super::{
    config::{Config, Settings},
    harness::{self, Harness, Measured, Program, Tuning},
    process::{Failure, Patience},
    runner::{self, Instrument, Observer, Planned},
    sides::{Side, Subject},
    verdict::{Limits, Status},
};
use codecost::{Error, Result, cargo::Context};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a process may take before anything is known of it.
const FIRST_PATIENCE: Duration = Duration::from_secs(120);
/// What is known may be late by this factor, on a busy machine, and by at least so much.
const LATE: u32 = 20;
const LEAST_PATIENCE: Duration = Duration::from_secs(20);

/// A benchmark of both sides, ready to be run.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The harness's id.
    pub id: String,
    /// The target.
    pub target: String,
    /// Its package.
    pub package: Option<String>,
    /// What drives it.
    pub harness: Harness,
    /// The copies of the baseline, or numbers where only those were kept.
    pub baseline: Before,
    /// The copies of the current side.
    pub current: [Program; 2],
    /// What holds for it.
    pub settings: Settings,
    /// The gravest that can be said of it.
    pub at_most: Status,
    tuning: Tuning,
    block: Duration,
    patience: Duration,
}

impl Pair {
    /// The programs of both sides, where both are there.
    pub fn programs(&self) -> Option<[&Program; 2]> {
        match &self.baseline {
            Before::Programs([before, _]) => Some([before, &self.current[0]]),
            Before::Numbers(_) => None,
        }
    }
}

/// What there is of the earlier side.
#[derive(Clone, Debug)]
pub enum Before {
    /// The program, to be run again.
    Programs([Program; 2]),
    /// What it measured once.
    Numbers(Measured),
}

/// A benchmark that cannot be compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Unpaired {
    /// The harness's id, or the target's name where there is none.
    pub id: String,
    /// The target.
    pub target: String,
    /// Its package.
    pub package: Option<String>,
    /// `missing` or `new`.
    pub status: Status,
    /// Why.
    pub reason: String,
}

/// All that is to be run, and what cannot be.
pub struct Prepared {
    /// What is run.
    pub pairs: Vec<Pair>,
    /// What is not.
    pub unpaired: Vec<Unpaired>,
    /// How many benchmarks the correction is over: those of all shards.
    pub family: usize,
    /// What the baseline has numbers of, and nothing that is run here is called.
    pub not_run: Vec<String>,
    /// When it has to be done.
    pub deadline: Deadline,
    /// Where the copies are; deleted with this value.
    stage: tempfile::TempDir,
}

/// What preparing needs to know.
pub struct Preparation<'a> {
    /// Where and how programs run.
    pub context: &'a Context,
    /// The target directory, for the copies.
    pub target_directory: &'a Path,
    /// The configuration.
    pub config: &'a Config,
    /// The limits where the configuration says nothing.
    pub limits: Limits,
    /// `--concern`, which wins over the configuration.
    pub override_concern: Option<f64>,
    /// `--action`, likewise.
    pub override_action: Option<f64>,
    /// Which part of the benchmarks, of how many; all without.
    pub shard: Option<(usize, usize)>,
    /// Which benchmarks are asked for, by id.
    pub wanted: &'a dyn Fn(&str) -> bool,
    /// Whether the user wants to stop.
    pub stopped: &'a dyn Fn() -> bool,
    /// When the comparison has to be done.
    pub deadline: Deadline,
}

/// Lists, copies and tries out the benchmarks of all subjects.
///
/// # Errors
///
/// The copies cannot be made, no benchmark is asked for, or the user stopped it.
pub fn prepare(
    preparation: &Preparation<'_>,
    subjects: Vec<Subject>,
    numbers: Option<&Numbers>,
    observer: &mut dyn Observer,
) -> Result<Prepared> {
    let root = preparation.target_directory.join("codecost");
    fs::create_dir_all(&root).map_err(|source| Error::write(&root, source))?;
    let stage = tempfile::Builder::new()
        .prefix("gate-")
        .tempdir_in(&root)
        .map_err(|source| Error::write(&root, source))?;
    let mut work = Work {
        preparation,
        stage: stage.path().to_path_buf(),
        pairs: Vec::new(),
        unpaired: Vec::new(),
        left_out: BTreeSet::new(),
        found: BTreeSet::new(),
    };
    for (index, subject) in subjects.into_iter().enumerate() {
        match (subject.baseline, subject.current, numbers) {
            (Some(baseline), Some(current), _) => work.both(index, baseline, current)?,
            (None, Some(current), Some(numbers)) => work.numbers(index, current, numbers)?,
            (None, Some(current), None) => work.only(&current, Status::New)?,
            (Some(baseline), None, _) => work.only(&baseline, Status::Missing)?,
            (None, None, _) => {}
        }
    }
    let not_run = match numbers {
        Some(numbers) => work.without_successor(numbers)?,
        None => Vec::new(),
    };
    let family = work.pairs.len();
    work.keep_shard();
    work.try_out(observer)?;
    let Work {
        pairs,
        unpaired,
        left_out,
        ..
    } = work;
    if pairs.is_empty() && unpaired.is_empty() && family == 0 {
        return Err(match left_out.len() as u64 {
            0 => Error::failed("there is no benchmark to compare", "name another target"),
            count => Error::usage(
                format_args!(
                    "none of {} is asked for",
                    codecost::units::counted(count, "benchmark")
                ),
                "change or leave out `--filter`",
            ),
        });
    }
    Ok(Prepared {
        pairs,
        unpaired,
        family,
        not_run,
        deadline: preparation.deadline,
        stage,
    })
}

struct Work<'a> {
    preparation: &'a Preparation<'a>,
    stage: PathBuf,
    pairs: Vec<Pair>,
    unpaired: Vec<Unpaired>,
    /// Benchmarks that are not asked for, by target and id: each is on both sides.
    left_out: BTreeSet<(String, String)>,
    /// Which of the baseline's numbers are of a benchmark here.
    found: BTreeSet<usize>,
}

impl Work<'_> {
    /// With a process of which nothing is known.
    fn patience(&self) -> Patience<'_> {
        Patience {
            limit: self.preparation.deadline.first(FIRST_PATIENCE),
            stopped: self.preparation.stopped,
        }
    }

    fn list(&self, side: &Side) -> Result<std::result::Result<Vec<String>, Failure>> {
        let patience = self.patience();
        match side.program.list(self.preparation.context, &patience) {
            Err(Failure::Stopped) => Err(stopped()),
            listed => Ok(listed),
        }
    }

    /// Keeps those that are asked for.
    fn wanted(&mut self, target: &str, ids: Vec<String>) -> Vec<String> {
        let wanted = self.preparation.wanted;
        let (kept, left_out): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| wanted(id));
        let left_out = left_out.into_iter().map(|id| (target.to_owned(), id));
        self.left_out.extend(left_out);
        kept
    }

    fn unpaired(&mut self, side: &Side, id: &str, status: Status, reason: impl Into<String>) {
        self.unpaired.push(Unpaired {
            id: id.to_owned(),
            target: side.target.clone(),
            package: side.package.clone(),
            status,
            reason: reason.into(),
        });
    }

    /// A program of one side only.
    fn only(&mut self, side: &Side, status: Status) -> Result<()> {
        let reason = match status {
            Status::New => "the baseline has no such target",
            _ => "the current side has no such target",
        };
        let ids = match self.list(side)? {
            Ok(ids) => ids,
            Err(_) if !side.known.is_empty() => side.known.clone(),
            Err(failure) => {
                let reason = format!("{reason}; it {failure}");
                self.unpaired(side, &side.target, status, reason);
                return Ok(());
            }
        };
        for id in self.wanted(&side.target, ids) {
            self.unpaired(side, &id, status, reason);
        }
        Ok(())
    }

    fn both(&mut self, index: usize, baseline: Side, current: Side) -> Result<()> {
        let after = match self.list(&current)? {
            Ok(ids) => ids,
            Err(failure) => {
                // What was there and cannot be run any more is missing, each by its name.
                let mut known = baseline.known.clone();
                if known.is_empty() {
                    known.push(current.target.clone());
                }
                for id in self.wanted(&current.target, known) {
                    self.unpaired(
                        &current,
                        &id,
                        Status::Missing,
                        format!("the current side {failure}"),
                    );
                }
                return Ok(());
            }
        };
        let before = match self.list(&baseline)? {
            Ok(ids) => ids,
            Err(failure) => {
                for id in self.wanted(&current.target, after) {
                    self.unpaired(
                        &current,
                        &id,
                        Status::Missing,
                        format!("the baseline {failure}"),
                    );
                }
                return Ok(());
            }
        };
        let after = self.wanted(&current.target, after);
        let before = self.wanted(&current.target, before);
        for id in before.iter().filter(|id| !after.contains(id)) {
            let reason = "the current side has no such benchmark; it may have been renamed";
            self.unpaired(&baseline, id, Status::Missing, reason);
        }
        if after.iter().any(|id| before.contains(id)) {
            let copies = [
                self.copy(index, 0, &baseline.program)?,
                self.copy(index, 1, &baseline.program)?,
                self.copy(index, 2, &current.program)?,
                self.copy(index, 3, &current.program)?,
            ];
            let [a, b, c, d] = copies;
            for id in &after {
                if before.contains(id) {
                    let before = Before::Programs([a.clone(), b.clone()]);
                    self.add(id, &current, before, [c.clone(), d.clone()], Status::Fail);
                }
            }
        }
        for id in after.iter().filter(|id| !before.contains(id)) {
            self.unpaired(
                &current,
                id,
                Status::New,
                "the baseline has no such benchmark",
            );
        }
        Ok(())
    }

    fn add(
        &mut self,
        id: &str,
        side: &Side,
        baseline: Before,
        current: [Program; 2],
        at_most: Status,
    ) {
        let harness = side.program.harness;
        let cap = match harness.has_minimum() {
            true => Status::Fail,
            false => Status::Attention,
        };
        let preparation = self.preparation;
        let settings = preparation.config.settings_under(
            id,
            side.package.as_deref(),
            preparation.limits,
            [preparation.override_concern, preparation.override_action],
        );
        self.pairs.push(Pair {
            id: id.to_owned(),
            target: side.target.clone(),
            package: side.package.clone(),
            harness,
            baseline,
            current,
            settings,
            at_most: at_most.min(cap),
            tuning: Tuning::None,
            block: Duration::ZERO,
            patience: FIRST_PATIENCE,
        });
    }

    /// Leaves what other shards run to them; what is not run is said by the first.
    fn keep_shard(&mut self) {
        let Some((own, of)) = self.preparation.shard else {
            return;
        };
        let mut index = 0;
        self.pairs.retain(|_| {
            index += 1;
            (index - 1) % of.max(1) + 1 == own
        });
        if own != 1 {
            self.unpaired.clear();
        }
    }

    /// A copy of a program; `slot` says of which side and the how-manieth.
    fn copy(&self, index: usize, slot: usize, program: &Program) -> Result<Program> {
        let directory = self.stage.join(format!("{slot}")).join(format!("{index}"));
        fs::create_dir_all(&directory).map_err(|source| Error::write(&directory, source))?;
        // By the target's name: cargo's own has a hash that differs between the sides.
        let extension = program.path.extension().filter(|_| cfg!(windows));
        let mut copy = directory.join(&program.name);
        if let Some(extension) = extension {
            copy.set_extension(extension);
        }
        fs::copy(&program.path, &copy).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::read(&program.path, source),
            _ => Error::write(&copy, source),
        })?;
        Ok(Program {
            path: copy,
            ..program.clone()
        })
    }

    /// Finds out how slow each benchmark is, sets both sides alike, and times a process of each.
    fn try_out(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let count = self.pairs.len() as u64;
        let mut pairs = std::mem::take(&mut self.pairs);
        let mut usable = Vec::new();
        for (index, mut pair) in pairs.drain(..).enumerate() {
            observer.progress(index as u64, count);
            match self.try_one(&mut pair) {
                Ok(()) => usable.push(pair),
                Err((_, Failure::Stopped)) => return Err(stopped()),
                Err((side, failure)) => self.unpaired.push(Unpaired {
                    id: pair.id,
                    target: pair.target,
                    package: pair.package,
                    status: failure.status(),
                    reason: format!("the {} {failure}", side.as_str()),
                }),
            }
        }
        self.pairs = usable;
        Ok(())
    }

    fn try_one(&self, pair: &mut Pair) -> std::result::Result<(), (runner::Side, Failure)> {
        use runner::Side::{Baseline, Current};
        let scratch = self.stage.join("h");
        let context = self.preparation.context;
        let probe = |program: &Program| {
            clean(&scratch)?;
            program.probe(context, &pair.id, &scratch, &self.patience())
        };
        let after = probe(&pair.current[0]).map_err(|failure| (Current, failure))?;
        let before = match &pair.baseline {
            Before::Programs(programs) => {
                probe(&programs[0]).map_err(|failure| (Baseline, failure))?
            }
            Before::Numbers(measured) => measured.clone(),
        };
        let limits = pair.settings.limits;
        harness::fine_enough([&before, &after], limits).map_err(|failure| (Current, failure))?;
        pair.tuning = pair.current[0].tuning([before.minimum, after.minimum]);
        let time = |program: &Program, probed: &Measured| {
            if pair.tuning == Tuning::None {
                return Ok(probed.elapsed);
            }
            clean(&scratch)?;
            let patience = self.patience();
            let measured = program.measure(context, &pair.id, pair.tuning, &scratch, &patience)?;
            Ok(measured.elapsed)
        };
        let after = time(&pair.current[1], &after).map_err(|failure| (Current, failure))?;
        let before = match &pair.baseline {
            Before::Programs(programs) => {
                time(&programs[1], &before).map_err(|failure| (Baseline, failure))?
            }
            Before::Numbers(_) => Duration::ZERO,
        };
        pair.block = (before + after) * 2;
        pair.patience = (before.max(after) * LATE).max(LEAST_PATIENCE);
        Ok(())
    }
}

/// An empty directory for what the harness writes.
fn clean(scratch: &Path) -> std::result::Result<(), Failure> {
    let emptied = match fs::remove_dir_all(scratch) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(scratch),
    };
    emptied.map_err(|error| {
        Failure::NotStarted(format!(
            "`{}` cannot be emptied: {error}",
            scratch.display()
        ))
    })
}

fn stopped() -> Error {
    Error::failed(
        "stopped before anything was compared",
        "let it run to its end",
    )
}

impl Prepared {
    /// The benchmarks as the runner plans them.
    pub fn planned(&self) -> Vec<Planned> {
        self.pairs
            .iter()
            .map(|pair| Planned {
                limits: pair.settings.limits,
                at_most: pair.at_most,
                block: pair.block,
            })
            .collect()
    }

    /// What measures them, by processes.
    pub fn instrument<'a>(
        &'a self,
        context: &'a Context,
        stopped: &'a dyn Fn() -> bool,
    ) -> Processes<'a> {
        Processes {
            prepared: self,
            context,
            stopped,
        }
    }
}

/// Measures by running processes.
pub struct Processes<'a> {
    prepared: &'a Prepared,
    context: &'a Context,
    stopped: &'a dyn Fn() -> bool,
}

impl Instrument for Processes<'_> {
    fn measure(
        &mut self,
        benchmark: usize,
        side: runner::Side,
        copy: usize,
    ) -> std::result::Result<Measured, Failure> {
        let pair = self
            .prepared
            .pairs
            .get(benchmark)
            .ok_or(Failure::NoSamples)?;
        let programs = match (side, &pair.baseline) {
            (runner::Side::Current, _) => &pair.current,
            (runner::Side::Baseline, Before::Programs(programs)) => programs,
            (runner::Side::Baseline, Before::Numbers(measured)) => return Ok(measured.clone()),
        };
        let program = programs.get(copy).ok_or(Failure::NoSamples)?;
        let scratch = self.prepared.stage.path().join("h");
        clean(&scratch)?;
        let patience = Patience {
            limit: (self.prepared.deadline).known(pair.patience, pair.block / 4),
            stopped: self.stopped,
        };
        let mut measured = program
            .measure(self.context, &pair.id, pair.tuning, &scratch, &patience)
            .map_err(|failure| failure.before(pair.patience))?;
        if let Before::Numbers(_) = pair.baseline {
            measured.mode = None;
        }
        Ok(measured)
    }
}

#[cfg(test)]
mod tests;
