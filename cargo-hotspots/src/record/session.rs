//! One recording from its first program to its last: start the recorder, let the programs run one
//! after the other, heed Ctrl-C and the time that was asked for, end the
//! recorder.

use super::{
    builtin::{self, Counts},
    counters::{Counted, Counters, Total},
    elsewhere::Elsewhere,
    held::{End, Held},
    options::{ProgramOutput, RecordOptions},
    perf,
    plan::Job,
    setup::{Setup, Whom},
    system::{self, Interrupts, Used},
};
use crate::machine::Perf;
use codecost::{Error, Result, cargo::Context};
use std::{
    fs::File,
    io,
    os::fd::AsFd as _,
    process::Stdio,
    time::{Duration, Instant},
};

/// How often the end of a program and Ctrl-C are looked for.
const STEP: Duration = Duration::from_millis(100);
/// How long a program may take to end after Ctrl-C.
const GRACE: Duration = Duration::from_secs(5);

/// Who records.
#[derive(Clone, Debug)]
pub(super) enum Recorder<'a> {
    Perf(&'a Perf),
    Builtin,
    /// A library that is preloaded into the programs.
    Within,
    /// Nobody: events are counted.
    Counters,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// For each program that was started, in their order.
    pub(super) ends: Vec<End>,
    pub(super) interrupted: bool,
    /// Whether the time was up that was asked for.
    pub(super) timed_out: bool,
    /// From the first program's start to the end of the recording.
    pub(super) duration: Duration,
    /// The CPU time that was used meanwhile, where the kernel says it.
    pub(super) used: Option<Used>,
    /// Of the built-in recorder.
    pub(super) counts: Option<Counts>,
    /// How often the sampled event happened, where it can be counted beside.
    pub(super) event_count: Option<u64>,
    /// Of events that were counted.
    pub(super) counted: Option<Counted>,
    /// What perf said.
    pub(super) said: String,
    /// What leads to files that are not at their path here.
    pub(super) elsewhere: Elsewhere,
}

impl Outcome {
    /// Whether the recording ended before the programs did.
    pub(super) fn is_cut_short(&self) -> bool {
        self.interrupted || self.timed_out
    }
}

/// Why there is no recording.
#[derive(Debug)]
pub(super) enum Failure {
    /// perf could not begin; nothing has run.
    Perf(perf::Refusal),
    /// The built-in recorder could not begin; nothing has run.
    Builtin(builtin::Refusal),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

enum Active {
    Perf(perf::Session),
    Builtin(builtin::Session),
    Within,
    Counters(Counters),
}

impl Active {
    fn start(recorder: &Recorder<'_>, setup: &Setup, whom: &Whom) -> Result<Self, Failure> {
        match recorder {
            Recorder::Perf(perf) => perf::Session::start(setup, perf, whom)
                .map(Self::Perf)
                .map_err(Failure::Perf),
            Recorder::Builtin => builtin::Session::start(setup, whom)
                .map(Self::Builtin)
                .map_err(Failure::Builtin),
            Recorder::Within => Ok(Self::Within),
            Recorder::Counters => Ok(Self::Counters(match whom {
                Whom::Held(pids) => Counters::open(pids),
                Whom::Running(pid) => Counters::open(&[*pid]),
            })),
        }
    }

    fn has_ended(&mut self) -> bool {
        match self {
            Self::Perf(session) => session.has_ended(),
            Self::Builtin(session) => session.has_ended(),
            Self::Within | Self::Counters(_) => false,
        }
    }

    fn finish(self, outcome: &mut Outcome, setup: &Setup, interrupts: &Interrupts) -> Result<()> {
        match self {
            Self::Perf(session) => {
                let given_up = interrupts.count().max(1);
                let said = session.finish(|| interrupts.count() > given_up);
                outcome.said = said.map_err(|said| {
                    Error::failed(
                        format_args!("perf left no complete recording: {said}"),
                        "make room on the disk, or record with --recorder builtin",
                    )
                })?;
            }
            Self::Builtin(session) => {
                let counts = session.finish();
                outcome.counts = Some(counts.map_err(|source| Error::write(&setup.data, source))?);
            }
            Self::Within => {}
            Self::Counters(counters) => outcome.counted = Some(counters.read()),
        }
        Ok(())
    }
}

/// Runs the programs under the recorder.
pub(super) fn run(
    context: &Context,
    jobs: &[Job],
    recorder: &Recorder<'_>,
    setup: &Setup,
    options: &RecordOptions,
) -> Result<Outcome, Failure> {
    let interrupts = Interrupts::watch();
    let mut programs = Vec::new();
    let outputs = Outputs::open(context, &options.output)?;
    for job in jobs {
        let mut command = job.command(context);
        command.stdin(options.input.next()?).stdout(outputs.next());
        programs.push(Held::start(command).map_err(|source| cannot_run(job, source))?);
    }
    let whom = Whom::Held(programs.iter().map(Held::pid).collect());
    let mut total = Total::open(&setup.event, &whom);
    let mut active = Some(Active::start(recorder, setup, &whom)?);
    let start = Instant::now();
    let mut outcome = Outcome::default();
    let mut used = Used::default();
    for (program, job) in programs.iter_mut().zip(jobs) {
        if interrupts.count() > 0 || outcome.timed_out {
            break;
        }
        let failed = |source| cannot_run(job, source);
        program.release().map_err(failed)?;
        let end = loop {
            let left = options.duration.map(|duration| {
                let left = duration.saturating_sub(start.elapsed());
                // Zero would not look for the end at all.
                left.max(Duration::from_millis(1))
            });
            let patience = left.map_or(STEP, |left| left.min(STEP));
            outcome.elsewhere.look(program.pid());
            if let Some(end) = program.wait(patience).map_err(failed)? {
                used += end.used;
                break end;
            }
            outcome.timed_out = is_over(start, options.duration);
            if interrupts.count() > 0 || outcome.timed_out {
                // Only what ran until now was asked for.
                used += system::used(program.pid()).unwrap_or_default();
                outcome.duration = start.elapsed();
                outcome.event_count = total.take().and_then(Total::read);
                if let Some(active) = active.take() {
                    active.finish(&mut outcome, setup, &interrupts)?;
                }
                break let_end(program, &interrupts).map_err(failed)?;
            }
        };
        outcome.ends.push(end);
    }
    if outcome.duration.is_zero() {
        outcome.duration = start.elapsed();
    }
    outcome.used = Some(used);
    outcome.event_count = total.and_then(Total::read).or(outcome.event_count);
    outcome.interrupted = interrupts.count() > 0;
    if let Some(active) = active {
        active.finish(&mut outcome, setup, &interrupts)?;
    }
    Ok(outcome)
}

/// Whether the time that was asked for is up.
fn is_over(start: Instant, duration: Option<Duration>) -> bool {
    duration.is_some_and(|duration| start.elapsed() >= duration)
}

/// Where the programs' standard output goes.
enum Outputs {
    Stderr,
    Null,
    File(File),
}

impl Outputs {
    fn open(context: &Context, output: &ProgramOutput) -> Result<Self> {
        Ok(match output {
            // Our own output is data.
            ProgramOutput::Inherit => Self::Stderr,
            ProgramOutput::Null => Self::Null,
            ProgramOutput::File(path) => {
                let path = context.absolute(path);
                let file = File::create(&path);
                Self::File(file.map_err(|source| Error::write(path, source))?)
            }
        })
    }

    /// That of one more program.
    fn next(&self) -> Stdio {
        let copy = match self {
            Self::Stderr => io::stderr().as_fd().try_clone_to_owned().map(Stdio::from),
            Self::Null => Ok(Stdio::null()),
            Self::File(file) => file.try_clone().map(Stdio::from),
        };
        copy.unwrap_or_else(|_| Stdio::inherit())
    }
}

/// After Ctrl-C, or when the time is up: gives the program time to end as it wants, then less.
fn let_end(program: &mut Held, interrupts: &Interrupts) -> io::Result<End> {
    let signal = match interrupts.count() {
        0 => Some(libc::SIGTERM),
        _ => interrupts.to_pass_on(),
    };
    if let Some(signal) = signal {
        program.send(signal);
    }
    let first = interrupts.count();
    let start = Instant::now();
    let mut asked = false;
    loop {
        if let Some(end) = program.wait(STEP)? {
            return Ok(end);
        }
        if interrupts.count() > first || start.elapsed() > GRACE * 2 {
            program.send(libc::SIGKILL);
        } else if start.elapsed() > GRACE && !asked {
            asked = true;
            program.send(libc::SIGTERM);
        }
    }
}

/// Records a process that runs, until it or the user ends that. It is never signalled.
pub(super) fn attach(
    pid: i32,
    recorder: &Recorder<'_>,
    setup: &Setup,
    duration: Option<Duration>,
) -> Result<Outcome, Failure> {
    let interrupts = Interrupts::watch();
    let mut active = Active::start(recorder, setup, &Whom::Running(pid))?;
    let total = Total::open(&setup.event, &Whom::Running(pid));
    let start = Instant::now();
    let before = system::used(pid);
    // When it ends by itself, the last look is at most one step old.
    let mut now = before;
    let mut elsewhere = Elsewhere::default();
    while interrupts.count() == 0
        && !is_over(start, duration)
        && system::exists(pid)
        && !active.has_ended()
    {
        elsewhere.look(pid);
        let left = duration.map(|duration| duration.saturating_sub(start.elapsed()));
        std::thread::sleep(left.map_or(STEP, |left| left.min(STEP)));
        now = system::used(pid).or(now);
    }
    let mut outcome = Outcome {
        duration: start.elapsed(),
        used: now.zip(before).map(|(now, before)| now.since(before)),
        interrupted: interrupts.count() > 0,
        timed_out: is_over(start, duration),
        event_count: total.and_then(Total::read),
        elsewhere,
        ..Outcome::default()
    };
    active.finish(&mut outcome, setup, &interrupts)?;
    Ok(outcome)
}

fn cannot_run(job: &Job, source: io::Error) -> Error {
    Error::Spawn {
        command: job.words().join(" "),
        source,
    }
}
