//! The flag groups that the commands of this tool declare in addition to cargo's and the report's.
//! No clap type gets past here and `commands`.

mod alloc;
mod listing;
mod stat;

pub(crate) use alloc::AllocationFlags;
pub(crate) use listing::{FrameFlags, SyntaxFlag};
pub(crate) use stat::StatFlags;

use crate::{
    gate::compare::Current,
    open::{Request, Shown, Source},
    record::{
        CallGraphChoice, FREQUENCY, MOST_STACK_BYTES, ProgramOutput, RecordOptions, RecorderChoice,
        STACK_BYTES, What,
    },
    work::ProgramInput,
};
use clap::{Args, ValueEnum, ValueHint, value_parser};
use codecost::{
    Error, Result,
    cargo::{BUILD_ARGUMENTS, CargoFlags, LOOKUP_ARGUMENTS, Selection, TargetChoice, TripleFlag},
    console::Console,
    units::Time,
};
use std::{ffi::OsString, path::PathBuf, time::Duration};

const RUN: &str = "Program or recording";
const RECORD: &str = "Recording options";

/// Which recording a command shows, and how one is made.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RecordingFlags {
    /// Open a recording: a file, `-`, or the number of a kept one
    ///
    /// A perf.data file, `-` for one on standard input, or a kept recording by its directory or number.
    /// Files of samply (Firefox Profiler), callgrind, DHAT and heaptrack open, too.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = RUN)]
    #[arg(conflicts_with_all = RECORDING)]
    #[arg(conflicts_with_all = BUILD_ARGUMENTS, conflicts_with_all = LOOKUP_ARGUMENTS)]
    input: Option<PathBuf>,
    #[command(flatten)]
    program: ProgramFlags,
    #[command(flatten)]
    recorder: RecorderFlags,
    #[command(flatten)]
    shown: ShownFlags,
    /// Exit with 100 if the recording is unreliable
    ///
    /// A recording is unreliable if more than 1 % of its samples were lost, more than 10 % of its
    /// stacks do not reach the program's start, were truncated or have a hole, or more than 5 % of its samples
    /// are in code of which nothing is known, or if less than 80 % of the CPU time was sampled.
    #[arg(long, help_heading = RUN, hide_short_help = true)]
    strict: bool,
    #[command(flatten)]
    cargo: CargoFlags,
    #[command(flatten)]
    triple: TripleFlag,
}

/// Which samples of a recording are shown.
#[derive(Args, Clone, Debug, Default)]
struct ShownFlags {
    /// Show only threads of this name or number (repeatable; `*` stands for any text)
    #[arg(long, alias = "comm", value_name = "NAME", help_heading = RUN, hide_short_help = true)]
    thread: Vec<String>,
    /// Show only processes of this name or number (repeatable; `*` stands for any text)
    ///
    /// What a Criterion benchmark starts, such as `cargo metadata`, is left out unless it is named
    /// here.
    #[arg(long, value_name = "NAME", help_heading = RUN, hide_short_help = true)]
    process: Vec<String>,
    /// Show also what a benchmark spends on making its inputs and dropping them
    ///
    /// Criterion's `iter_batched` and divan's `with_inputs` do so while their clock does not run, so by
    /// default it is left out, and the report says how much it was.
    #[arg(long, help_heading = RUN, hide_short_help = true)]
    set_up: bool,
}

impl From<ShownFlags> for Shown {
    fn from(flags: ShownFlags) -> Self {
        let ShownFlags {
            thread,
            process,
            set_up,
        } = flags;
        Self {
            threads: thread,
            processes: process,
            set_up,
        }
    }
}

/// What to run when cargo does not build it, and with which arguments.
#[derive(Args, Clone, Debug, Default)]
struct ProgramFlags {
    /// Run and record this program instead of building one
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath, help_heading = RUN)]
    #[arg(conflicts_with_all = BUILD_ARGUMENTS)]
    exec: Option<PathBuf>,
    /// Record this running process until Ctrl-C
    ///
    /// SIGTERM and SIGHUP end the recording, too, and the process goes on.
    #[arg(long, value_name = "PID", value_parser = value_parser!(i32).range(1..))]
    #[arg(help_heading = RUN, conflicts_with_all = BUILD_ARGUMENTS, conflicts_with_all = ["exec", "arguments"])]
    pid: Option<i32>,
    /// End the recording after this time (`10s`, `2m`), and the program with it
    ///
    /// A program that was started for the recording gets SIGTERM then; a process that ran already
    /// (`--pid`) runs on.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = RUN)]
    #[arg(hide_short_help = true)]
    duration: Option<Duration>,
    /// Where the program's standard output goes [default: inherit, to standard error]
    #[arg(long, value_name = "inherit|null|FILE", value_parser = program_output)]
    #[arg(help_heading = RUN, hide_short_help = true, conflicts_with = "pid")]
    stdout: Option<ProgramOutput>,
    /// Arguments of the program
    #[arg(last = true, value_name = "ARGS", help_heading = RUN, hide_short_help = true)]
    arguments: Vec<OsString>,
}

/// Where the output of a program that is run goes.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct OutputFlag {
    /// Where the program's standard output goes [default: inherit, to standard error]
    #[arg(long, value_name = "inherit|null|FILE", value_parser = program_output)]
    #[arg(help_heading = RUN, hide_short_help = true)]
    stdout: Option<ProgramOutput>,
}

impl OutputFlag {
    /// The flag as the user wrote it, where it is given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        self.stdout.as_ref().map(|_| "--stdout")
    }

    /// Where it goes.
    pub(crate) fn output(self) -> ProgramOutput {
        self.stdout.unwrap_or_default()
    }
}

/// Whether the command line says what to run: a target, a program or its arguments. Without any of
/// these a command shows the latest recording again, and neither builds nor runs anything.
///
/// # Errors
///
/// A usage error: `flag`, or a flag of cargo's build, is for a run that nothing names.
pub(crate) fn names_run(current: &Current, flag: Option<&'static str>) -> Result<bool> {
    let Current {
        selection,
        program,
        arguments,
    } = current;
    let named =
        selection.target != TargetChoice::Default || program.is_some() || !arguments.is_empty();
    match flag.or_else(|| build_flag(selection)) {
        Some(flag) if !named => Err(without_run(flag)),
        _ => Ok(named),
    }
}

fn without_run(flag: &str) -> Error {
    Error::usage(
        format_args!("`{flag}` is for a new recording, and nothing says what to run"),
        format_args!(
            "name it (`--bin NAME`, `--bench NAME`, `-- ARGS`), \
             or leave out `{flag}` to open the latest recording again"
        ),
    )
}

/// The current side of a comparison with a baseline.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct GateTarget {
    /// Run this program, as a whole, instead of building one
    ///
    /// What counts is the time of the whole process.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath, help_heading = RUN)]
    #[arg(conflicts_with_all = BUILD_ARGUMENTS)]
    exec: Option<PathBuf>,
    /// Arguments of the program
    #[arg(last = true, value_name = "ARGS", help_heading = RUN, hide_short_help = true)]
    arguments: Vec<OsString>,
    #[command(flatten)]
    cargo: CargoFlags,
    #[command(flatten)]
    triple: TripleFlag,
}

/// How to record.
#[derive(Args, Clone, Debug, Default)]
struct RecorderFlags {
    /// Samples a second on each CPU [default: 997]
    #[arg(long, value_name = "HZ", value_parser = value_parser!(u32).range(1..=100_000))]
    #[arg(help_heading = RECORD, hide_short_help = true)]
    frequency: Option<u32>,
    /// How to record call stacks: `fp`, `dwarf[,BYTES]` or `none` [default: dwarf]
    ///
    /// `fp`: by frame pointers, which the build is told to keep. `dwarf`: by copies of the stack of
    /// so many bytes (16384; at most 65528) and unwind tables. `none`: no call stacks.
    #[arg(long, value_name = "HOW", value_parser = call_graph, help_heading = RECORD)]
    #[arg(hide_short_help = true)]
    call_graph: Option<CallGraphFlag>,
    /// The event to sample, as perf names it [default: cycles, or cpu-clock without a PMU]; with
    /// --input, the event of the recording to show
    ///
    /// `waiting` records where threads wait (for a lock, a disk, a timer), how often and how long.
    #[arg(long, value_name = "EVENT", help_heading = RECORD, hide_short_help = true)]
    event: Option<String>,
    /// Which program takes the samples [default: perf if it is installed]
    #[arg(long, value_enum, value_name = "RECORDER", help_heading = RECORD, hide_short_help = true)]
    recorder: Option<RecorderFlag>,
}

/// `--call-graph`, and the bytes that are copied of each stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CallGraphFlag {
    how: CallGraphChoice,
    bytes: u32,
}

fn call_graph(text: &str) -> Result<CallGraphFlag, String> {
    let (how, bytes) = match text.split_once(',') {
        Some((how, bytes)) => (how, Some(bytes)),
        None => (text, None),
    };
    let how = match how {
        "fp" => CallGraphChoice::FramePointers,
        "dwarf" => CallGraphChoice::Dwarf,
        "none" => CallGraphChoice::None,
        _ => return Err("write `fp`, `dwarf`, `dwarf,BYTES` or `none`".into()),
    };
    let Some(bytes) = bytes else {
        let bytes = STACK_BYTES;
        return Ok(CallGraphFlag { how, bytes });
    };
    let asked = bytes.parse::<u32>().ok();
    // The kernel takes multiples of eight.
    let asked = asked.filter(|bytes| (8..=MOST_STACK_BYTES).contains(bytes));
    match asked {
        Some(bytes) if how == CallGraphChoice::Dwarf => Ok(CallGraphFlag {
            how,
            bytes: bytes / 8 * 8,
        }),
        Some(_) => Err("only `dwarf` copies stacks".into()),
        None => Err(format!(
            "give the bytes that are copied of each stack, at most {MOST_STACK_BYTES}"
        )),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let time: Time = text.parse().map_err(|error| format!("{error}"))?;
    match time.0.is_zero() {
        true => Err("nothing is recorded in no time".into()),
        false => Ok(time.0),
    }
}

fn program_output(text: &str) -> Result<ProgramOutput, std::convert::Infallible> {
    Ok(match text {
        "inherit" => ProgramOutput::Inherit,
        "null" => ProgramOutput::Null,
        path => ProgramOutput::File(path.into()),
    })
}

/// `--recorder`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RecorderFlag {
    /// `perf record`
    Perf,
    /// This program itself; needs neither perf nor root
    Builtin,
}

/// Flags of a new recording, which have no effect on a file that exists.
const RECORDING: [&str; 8] = [
    "exec",
    "pid",
    "arguments",
    "duration",
    "stdout",
    "frequency",
    "call_graph",
    "recorder",
];

/// What a command opens when nothing says which recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unless {
    /// The latest recording again.
    Latest,
    /// A new one of the default target.
    Recorded,
}

impl RecordingFlags {
    /// Which recording the flags ask for. `otherwise` is what they mean when they say neither what
    /// to open nor what to run.
    ///
    /// # Errors
    ///
    /// A usage error: flags of a recording are given without a program.
    pub(crate) fn request(self, otherwise: Unless, console: &Console) -> Result<Request> {
        let Self {
            input,
            program,
            recorder,
            shown,
            strict,
            cargo,
            triple,
        } = self;
        let mut selection = cargo.selection(triple.triple);
        console.configure_cargo(&mut selection);
        let request = |source| Request {
            source,
            shown: shown.into(),
            strict,
        };
        if let Some(path) = input {
            return Ok(request(Source::Input(path, recorder.event)));
        }
        let names_target = selection.target != TargetChoice::Default;
        if otherwise == Unless::Latest && !names_target && !program.is_given() {
            let given = recorder.given().or_else(|| program.given());
            if let Some(flag) = given.or_else(|| build_flag(&selection)) {
                return Err(without_run(flag));
            }
            return Ok(request(Source::Latest(Box::new(selection))));
        }
        let options = record_options(program, recorder, selection);
        Ok(request(Source::Record(Box::new(options))))
    }
}

impl GateTarget {
    /// What is compared with the baseline.
    ///
    /// # Errors
    ///
    /// A usage error: a library does not run by itself.
    pub(crate) fn current(self, console: &Console) -> Result<Current> {
        let Self {
            exec,
            arguments,
            cargo,
            triple,
        } = self;
        let how = "compare what calls it: `--bench`, `--example` or `--bin`";
        Ok(Current {
            selection: runnable(cargo, triple, how, console)?,
            program: exec,
            arguments,
        })
    }
}

/// What cargo is to build, where that can run; `how` says what can instead of a library.
fn runnable(
    cargo: CargoFlags,
    triple: TripleFlag,
    how: &str,
    console: &Console,
) -> Result<Selection> {
    let mut selection = cargo.selection(triple.triple);
    console.configure_cargo(&mut selection);
    if selection.target == TargetChoice::Lib {
        return Err(Error::usage("a library does not run by itself", how));
    }
    Ok(selection)
}

impl RecordingFlags {
    /// The same flags for a comparison with a baseline, where nothing is recorded.
    ///
    /// # Errors
    ///
    /// A usage error: a flag is for a recording.
    pub(crate) fn gate_target(self) -> Result<GateTarget> {
        let Self {
            input,
            program,
            recorder,
            shown,
            strict,
            cargo,
            triple,
        } = self;
        let given = program.given();
        let ProgramFlags {
            exec,
            pid,
            duration: _,
            stdout: _,
            arguments,
        } = program;
        let of_recording = [
            ("--input", input.is_some()),
            ("--pid", pid.is_some()),
            ("--thread", !shown.thread.is_empty()),
            ("--process", !shown.process.is_empty()),
            ("--strict", strict),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
        .or(given)
        .or_else(|| recorder.given());
        if let Some(flag) = of_recording {
            return Err(Error::usage(
                format_args!("`{flag}` is for a recording, and a baseline is not recorded"),
                format_args!("leave out `{flag}`"),
            ));
        }
        Ok(GateTarget {
            exec,
            arguments,
            cargo,
            triple,
        })
    }
}

impl ProgramFlags {
    fn is_given(&self) -> bool {
        let Self {
            exec,
            pid,
            duration: _,
            stdout: _,
            arguments,
        } = self;
        exec.is_some() || pid.is_some() || !arguments.is_empty()
    }

    /// A flag that says how the program runs, as the user wrote it.
    fn given(&self) -> Option<&'static str> {
        let duration = self.duration.map(|_| "--duration");
        duration.or_else(|| self.stdout.as_ref().map(|_| "--stdout"))
    }
}

impl RecorderFlags {
    /// A flag that is given, as the user wrote it.
    fn given(&self) -> Option<&'static str> {
        let Self {
            frequency,
            call_graph,
            event,
            recorder,
        } = self;
        [
            ("--frequency", frequency.is_some()),
            ("--call-graph", call_graph.is_some()),
            ("--event", event.is_some()),
            ("--recorder", recorder.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }
}

fn record_options(
    program: ProgramFlags,
    recorder: RecorderFlags,
    selection: Selection,
) -> RecordOptions {
    let ProgramFlags {
        exec,
        pid,
        duration,
        stdout,
        arguments,
    } = program;
    let RecorderFlags {
        frequency,
        call_graph,
        event,
        recorder,
    } = recorder;
    RecordOptions {
        what: match (exec, pid) {
            (Some(path), _) => What::Program(path),
            (None, Some(pid)) => What::Process(pid),
            (None, None) => What::Target,
        },
        arguments,
        frequency: frequency.unwrap_or(FREQUENCY),
        call_graph: call_graph.map(|flag| flag.how),
        stack_bytes: call_graph.map_or(STACK_BYTES, |flag| flag.bytes),
        event,
        recorder: recorder.map(RecorderChoice::from),
        allocations: None,
        duration,
        output: stdout.unwrap_or_default(),
        // It runs once.
        input: ProgramInput::Inherit,
        selection,
    }
}

/// What is asked for of a build, as the user wrote it.
fn build_flag(selection: &Selection) -> Option<&'static str> {
    let Selection {
        packages,
        target: _,
        profile,
        features,
        all_features,
        no_default_features,
        triple,
        // Where recordings are kept, and how cargo looks things up.
        target_dir: _,
        manifest_path: _,
        locked: _,
        offline: _,
        frozen: _,
        config: _,
        unstable: _,
        jobs,
        verbose: _,
        quiet: _,
        color: _,
    } = selection;
    [
        ("--package", !packages.is_empty()),
        ("--profile", profile.is_some()),
        ("--features", !features.is_empty()),
        ("--all-features", *all_features),
        ("--no-default-features", *no_default_features),
        ("--target", triple.is_some()),
        ("--jobs", jobs.is_some()),
    ]
    .into_iter()
    .find_map(|(flag, given)| given.then_some(flag))
}

impl From<RecorderFlag> for RecorderChoice {
    fn from(flag: RecorderFlag) -> Self {
        match flag {
            RecorderFlag::Perf => Self::Perf,
            RecorderFlag::Builtin => Self::Builtin,
        }
    }
}

#[cfg(test)]
mod tests;
