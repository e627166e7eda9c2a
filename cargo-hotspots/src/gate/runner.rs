//! The paired runner: blocks, looks, stages and what comes of them.
//!
//! ```text
//! block    ABBA or BAAB by a coin: two processes of each side, each of another copy of its program
//! round    one block of every open benchmark, in random order, so that drift meets all alike
//! look     12 rounds, then once 12 more for what is not decided (more where so many benchmarks
//!          are corrected for that 12 could never reject)
//! stage    one or two looks; what alarms is run again in a second, independent stage
//! ```
//!
//! A block's number of a side is the lower of its two minima, because noise only adds. The two
//! copies of the baseline are also compared with each other: that is the control, which must show
//! nothing. The runner knows no processes: an [`Instrument`] measures.

use super::{
    change::Change,
    harness::Measured,
    process::Failure,
    random::Random,
    verdict::{self, Evidence, Limits, Status, Verdict},
};
use std::time::{Duration, Instant, SystemTime};

/// A side of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Before.
    Baseline,
    /// After.
    Current,
}

impl Side {
    /// As messages name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Current => "current side",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Baseline => Self::Current,
            Self::Current => Self::Baseline,
        }
    }
}

/// What measures.
pub trait Instrument {
    /// Runs the benchmark of this index once, in a process of its own.
    ///
    /// # Errors
    ///
    /// There is no number.
    fn measure(&mut self, benchmark: usize, side: Side, copy: usize) -> Result<Measured, Failure>;
}

/// Who is told how far the run is.
pub trait Observer {
    /// So many processes are done, of so many that are planned until now.
    fn progress(&mut self, done: u64, planned: u64);
    /// Something that the user should know while it runs.
    fn note(&mut self, text: &str);
}

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The benchmarks.
    pub benchmarks: Vec<Planned>,
    /// How many benchmarks the correction is over: at least these, more where they are a part.
    pub family: usize,
    /// How long it may take; `None` for as long as it takes.
    pub budget: Option<Duration>,
    /// Where the order of runs comes from.
    pub seed: u64,
}

/// A benchmark to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planned {
    /// Its limits.
    pub limits: Limits,
    /// The gravest that can be said of it.
    pub at_most: Status,
    /// How long one block takes, as far as that is known.
    pub block: Duration,
}

/// Both sides of one block.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The two copies of the baseline.
    pub baseline: [Measured; 2],
    /// The two copies of the current side.
    pub current: [Measured; 2],
}

impl Block {
    /// The block's number of each side.
    pub fn pair(&self) -> (f64, f64) {
        (lower(&self.baseline), lower(&self.current))
    }

    /// The same of the medians, which are reported beside the minima.
    pub fn medians(&self) -> (f64, f64) {
        let mean = |of: &[Measured; 2]| f64::midpoint(of[0].median, of[1].median);
        (mean(&self.baseline), mean(&self.current))
    }

    /// The same of the ninetieth percentiles, where the harness has them.
    pub fn p90s(&self) -> Option<(f64, f64)> {
        let mean = |of: &[Measured; 2]| Some(f64::midpoint(of[0].p90?, of[1].p90?));
        mean(&self.baseline).zip(mean(&self.current))
    }

    fn control(&self) -> (f64, f64) {
        (self.baseline[0].minimum, self.baseline[1].minimum)
    }

    /// Whether all four processes took their samples in the same way.
    fn is_alike(&self) -> bool {
        let mut modes = self.baseline.iter().chain(&self.current);
        let first = modes.next().and_then(|measured| measured.mode.as_ref());
        modes.all(|measured| measured.mode.as_ref() == first)
    }
}

fn lower(of: &[Measured; 2]) -> f64 {
    of[0].minimum.min(of[1].minimum)
}

/// What the run says of a benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The status.
    pub status: Status,
    /// Why the status is not what the figures alone say, or why there are none.
    pub reason: Option<String>,
    /// The figures: of the second stage where there was one, because those of the first were
    /// chosen for being large.
    pub verdict: Option<Verdict>,
    /// What the first stage said, where there was a second.
    pub first: Option<Verdict>,
    /// The blocks behind the figures.
    pub blocks: Vec<Block>,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// One for each benchmark of the plan.
    pub outcomes: Vec<Outcome>,
    /// The indices of benchmarks whose controls alarmed.
    pub controls: Vec<usize>,
    /// Whether the user stopped it.
    pub stopped: bool,
    /// Whether the second look was left out, as there was no time for it.
    pub out_of_time: bool,
    /// How often the machine slept during a block, which was then repeated.
    pub suspended: u32,
    /// How long it took.
    pub elapsed: Duration,
}

/// How long a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The first look, which is always taken.
    pub first: Duration,
    /// Both looks and a second stage of every benchmark.
    pub most: Duration,
}

/// The estimate before the run starts.
pub fn estimate(plan: &Plan) -> Estimate {
    let round: Duration = plan.benchmarks.iter().map(|one| one.block).sum();
    let (first, second) = verdict::looks(plan.family.max(plan.benchmarks.len()));
    let times = |n: usize| round.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX));
    Estimate {
        first: times(first),
        most: times(2 * second),
    }
}

/// Runs the plan.
pub fn run(plan: &Plan, instrument: &mut dyn Instrument, observer: &mut dyn Observer) -> Results {
    let mut run = Run {
        plan,
        instrument,
        observer,
        random: Random::new(plan.seed),
        start: Instant::now(),
        done: 0,
        planned: 0,
        stopped: false,
        out_of_time: false,
        suspended: 0,
        controls: Vec::new(),
    };
    let everything: Vec<usize> = (0..plan.benchmarks.len()).collect();
    let family = plan.family.max(everything.len());
    let first = run.stage(&everything, family);
    let alarms: Vec<usize> = everything
        .iter()
        .zip(&first)
        .filter(|(_, state)| state.status().is_alarm())
        .map(|(index, _)| *index)
        .collect();
    let mut second = Vec::new();
    if !alarms.is_empty() && !run.stopped && run.controls.is_empty() {
        run.observer.note(&format!(
            "running {} once more, in an independent second stage",
            codecost::units::counted(alarms.len() as u64, "alarm")
        ));
        // The first stage has bounded the family error; here each alarm is one of those left.
        second = run.stage(&alarms, alarms.len());
    }
    let mut outcomes: Vec<Outcome> = first.into_iter().map(State::outcome).collect();
    for (index, state) in alarms.iter().zip(second) {
        if let Some(outcome) = outcomes.get_mut(*index) {
            outcome.confirm(state.outcome());
        }
    }
    if run.stopped {
        outcomes.iter_mut().for_each(Outcome::interrupt);
    }
    if !run.controls.is_empty() {
        outcomes.iter_mut().for_each(Outcome::distrust);
    }
    run.controls.sort_unstable();
    run.controls.dedup();
    Results {
        outcomes,
        controls: run.controls,
        stopped: run.stopped,
        out_of_time: run.out_of_time,
        suspended: run.suspended,
        elapsed: run.start.elapsed(),
    }
}

impl Outcome {
    /// Takes in what the second stage says of an alarm.
    fn confirm(&mut self, second: Self) {
        if second.status == Status::Inconclusive && second.reason.is_some() {
            // It did not come to its end: the first stage's figures are all there are.
            (self.status, self.reason) = (second.status, second.reason);
            return;
        }
        let status = match second.status {
            // It could be measured before: what happened now is what there is to say.
            Status::Missing => Status::Missing,
            other => verdict::confirmed(self.status, other),
        };
        let reason = match (status.is_alarm(), second.reason) {
            (_, Some(reason)) => Some(reason),
            (true, None) => None,
            (false, None) => Some(format!(
                "the first stage said {}, which the second did not confirm",
                self.status.as_str()
            )),
        };
        *self = Self {
            status,
            reason,
            first: self.verdict.take(),
            verdict: second.verdict,
            blocks: second.blocks,
        };
    }

    /// A run that was stopped has not decided anything.
    fn interrupt(&mut self) {
        if self.status != Status::Missing {
            self.status = Status::Inconclusive;
            self.reason = Some("the run was stopped before its end".into());
        }
    }

    /// In a run whose controls alarm, no difference can be believed, and none denied.
    fn distrust(&mut self) {
        if matches!(self.status, Status::Missing | Status::New) {
            return;
        }
        self.status = Status::Inconclusive;
        self.reason = Some("a control alarmed: two copies of one program differ here".into());
    }
}

/// A benchmark in a stage.
struct State {
    index: usize,
    blocks: Vec<Block>,
    /// Why there is no verdict by the figures, and what the status is instead.
    failure: Option<(Status, String)>,
    verdict: Option<Verdict>,
    /// Whether it is run and judged at the present look.
    open: bool,
    at_most: Status,
    odd: usize,
}

impl State {
    fn status(&self) -> Status {
        match (&self.failure, &self.verdict) {
            (Some((status, _)), _) => *status,
            (None, Some(verdict)) => verdict.status,
            (None, None) => Status::Inconclusive,
        }
    }

    fn change(&self) -> Change {
        Change::of_pairs(self.blocks.iter().map(Block::pair))
    }

    fn outcome(self) -> Outcome {
        Outcome {
            status: self.status(),
            reason: self.failure.map(|(_, reason)| reason),
            verdict: self.verdict,
            first: None,
            blocks: self.blocks,
        }
    }
}

struct Run<'a> {
    plan: &'a Plan,
    instrument: &'a mut dyn Instrument,
    observer: &'a mut dyn Observer,
    random: Random,
    start: Instant,
    done: u64,
    planned: u64,
    stopped: bool,
    out_of_time: bool,
    suspended: u32,
    controls: Vec<usize>,
}

/// The clock of the day goes on while the machine sleeps, and the monotonic one does not.
const SLEPT: Duration = Duration::from_secs(2);

impl Run<'_> {
    fn stage(&mut self, benchmarks: &[usize], family: usize) -> Vec<State> {
        let mut states: Vec<State> = benchmarks
            .iter()
            .filter_map(|index| {
                let planned = self.plan.benchmarks.get(*index)?;
                Some(State {
                    index: *index,
                    blocks: Vec::new(),
                    failure: None,
                    verdict: None,
                    open: true,
                    at_most: planned.at_most,
                    odd: 0,
                })
            })
            .collect();
        let (first, second) = verdict::looks(family);
        self.rounds(&mut states, first);
        self.look(&mut states, family);
        let wanting: Vec<bool> = states.iter().map(|state| self.wants_more(state)).collect();
        if wanting.contains(&true) && !self.stopped {
            for (state, wants) in states.iter_mut().zip(wanting) {
                state.open = wants;
            }
            if self.has_time(&states, second - first) {
                self.rounds(&mut states, second);
                self.look(&mut states, family);
            } else {
                self.out_of_time = true;
            }
        }
        if !self.stopped {
            self.control(&states, family);
        }
        states
    }

    fn wants_more(&self, state: &State) -> bool {
        let limits = self.plan.benchmarks.get(state.index).map(|one| one.limits);
        state.failure.is_none()
            && state
                .verdict
                .as_ref()
                .zip(limits)
                .is_some_and(|(verdict, limits)| verdict.wants_second_look(limits))
    }

    fn has_time(&self, states: &[State], rounds: usize) -> bool {
        let Some(budget) = self.plan.budget else {
            return true;
        };
        let open = states.iter().filter(|state| state.open);
        let round: Duration = open
            .filter_map(|state| self.plan.benchmarks.get(state.index))
            .map(|planned| planned.block)
            .sum();
        let more = round.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        self.start.elapsed() + more <= budget
    }

    /// Runs the open benchmarks until each has so many blocks.
    fn rounds(&mut self, states: &mut [State], blocks: usize) {
        let open = states.iter().filter(|state| state.open);
        let missing: usize = open
            .map(|state| blocks.saturating_sub(state.blocks.len()))
            .sum();
        self.planned += 4 * missing as u64;
        let mut order: Vec<usize> = (0..states.len()).collect();
        loop {
            let wants = |state: &State| {
                state.open && state.failure.is_none() && state.blocks.len() < blocks
            };
            self.random.shuffle(&mut order);
            let mut any = false;
            for index in &order {
                let Some(state) = states.get_mut(*index).filter(|state| wants(state)) else {
                    continue;
                };
                any = true;
                self.block(state, blocks);
                if self.stopped {
                    return;
                }
            }
            if !any {
                return;
            }
        }
    }

    fn block(&mut self, state: &mut State, wanted: usize) {
        let (monotonic, day) = (Instant::now(), SystemTime::now());
        let measured = self.four(state.index);
        let slept = day.elapsed().unwrap_or_default() > monotonic.elapsed() + SLEPT;
        match measured {
            Ok(_) if slept => self.suspended += 1,
            Ok(block) if block.is_alike() => state.blocks.push(block),
            Ok(_) => {
                state.odd += 1;
                if state.odd > wanted {
                    // Both sides have numbers, which cannot be compared.
                    let reason = "Criterion takes its samples in changing modes; set a \
                                  `sampling_mode` in the benchmark";
                    state.failure = Some((Status::Inconclusive, reason.into()));
                }
            }
            Err((_, Failure::Stopped)) => self.stopped = true,
            Err((side, failure)) => {
                self.out_of_time |= failure == Failure::OutOfTime;
                let reason = format!("the {} {failure}", side.as_str());
                state.failure = Some((failure.status(), reason));
            }
        }
    }

    /// ABBA or BAAB; which copy of a side comes first is random as well.
    fn four(&mut self, benchmark: usize) -> Result<Block, (Side, Failure)> {
        let outer = if self.random.coin() {
            Side::Baseline
        } else {
            Side::Current
        };
        let firsts = [self.random.coin(), self.random.coin()];
        let mut slots: [[Option<Measured>; 2]; 2] = Default::default();
        for (side, second) in [
            (outer, false),
            (outer.other(), false),
            (outer.other(), true),
            (outer, true),
        ] {
            let side_index = usize::from(side == Side::Current);
            let copy = usize::from(firsts[side_index] != second);
            let measured = self
                .instrument
                .measure(benchmark, side, copy)
                .map_err(|failure| (side, failure))?;
            slots[side_index][copy] = Some(measured);
            self.done += 1;
            self.observer
                .progress(self.done, self.planned.max(self.done));
        }
        match slots {
            [[Some(a), Some(b)], [Some(c), Some(d)]] => Ok(Block {
                baseline: [a, b],
                current: [c, d],
            }),
            // Each slot is filled once above.
            _ => Err((Side::Baseline, Failure::NoSamples)),
        }
    }

    fn look(&mut self, states: &mut [State], family: usize) {
        let evidence: Vec<Evidence> = states
            .iter()
            .map(|state| {
                let planned = self.plan.benchmarks.get(state.index);
                Evidence {
                    change: state.change(),
                    limits: planned.map(|one| one.limits).unwrap_or_default(),
                    open: state.open && state.failure.is_none(),
                    at_most: state.at_most,
                }
            })
            .collect();
        let verdicts = verdict::judge(&evidence, family);
        for (state, verdict) in states.iter_mut().zip(verdicts) {
            if state.open {
                state.verdict = Some(verdict);
            }
        }
    }

    fn control(&mut self, states: &[State], family: usize) {
        let controls: Vec<Change> = states
            .iter()
            .map(|state| Change::of_pairs(state.blocks.iter().map(Block::control)))
            .collect();
        let alarms = verdict::alarming_controls(&controls, family);
        let alarming = states.iter().zip(alarms).filter(|(_, alarms)| *alarms);
        self.controls.extend(alarming.map(|(state, _)| state.index));
    }
}

#[cfg(test)]
mod tests;
