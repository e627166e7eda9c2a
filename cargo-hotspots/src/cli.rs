//! The flag groups that the commands of this tool declare in addition to cargo's and the report's.
//! No clap type gets past here and `commands`.

mod alloc;
mod stat;

pub(crate) use alloc::AllocationFlags;
pub(crate) use stat::StatFlags;

use crate::{
    analysis::Frames,
    gate::compare::Current,
    open::{Request, Source},
    record::{CallGraphChoice, FREQUENCY, RecordOptions, RecorderChoice, What},
};
use clap::{Args, ValueEnum, ValueHint, value_parser};
use codecost::{
    Error, Result,
    cargo::{CargoFlags, Selection, TargetChoice, TripleFlag},
    console::Console,
    disasm::Syntax,
};
use std::{ffi::OsString, path::PathBuf};

const RUN: &str = "Program or recording";
const RECORD: &str = "Recording options";

/// Which recording a command shows, and how one is made.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RecordingFlags {
    /// Open a recording: a perf.data file, or the directory or number of a kept one
    ///
    /// Files of samply (Firefox Profiler), callgrind, DHAT and heaptrack open, too.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = RUN)]
    #[arg(conflicts_with_all = NOT_WITH_INPUT)]
    input: Option<PathBuf>,
    #[command(flatten)]
    program: ProgramFlags,
    #[command(flatten)]
    recorder: RecorderFlags,
    /// Exit with 100 if the recording is unreliable
    ///
    /// A recording is unreliable if more than 1 % of its samples were lost, more than 10 % of its
    /// stacks do not reach the program's start or were truncated, or more than 5 % of its samples
    /// are in code of which nothing is known, or if less than 80 % of the CPU time was sampled.
    #[arg(long, help_heading = RUN, hide_short_help = true)]
    strict: bool,
    #[command(flatten)]
    cargo: CargoFlags,
    #[command(flatten)]
    triple: TripleFlag,
}

/// What to run when cargo does not build it, and with which arguments.
#[derive(Args, Clone, Debug, Default)]
struct ProgramFlags {
    /// Run and record this program instead of building one
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath, help_heading = RUN)]
    #[arg(conflicts_with_all = BUILD)]
    exec: Option<PathBuf>,
    /// Record this running process until Ctrl-C
    #[arg(long, value_name = "PID", value_parser = value_parser!(i32).range(1..))]
    #[arg(help_heading = RUN, conflicts_with_all = BUILD, conflicts_with_all = ["exec", "arguments"])]
    pid: Option<i32>,
    /// Arguments of the program
    #[arg(last = true, value_name = "ARGS", help_heading = RUN, hide_short_help = true)]
    arguments: Vec<OsString>,
}

/// The current side of a comparison with a baseline.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct GateTarget {
    /// Compare this program, as whole-process time, instead of building one
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath, help_heading = RUN)]
    #[arg(conflicts_with_all = BUILD)]
    exec: Option<PathBuf>,
    /// Arguments of the program
    #[arg(last = true, value_name = "ARGS", help_heading = RUN, hide_short_help = true)]
    arguments: Vec<OsString>,
    #[command(flatten)]
    cargo: CargoFlags,
    #[command(flatten)]
    triple: TripleFlag,
}

/// Which functions of a stack are shown.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct FrameFlags {
    /// Show the functions that only start the program, and every level of a recursion
    #[arg(long, help_heading = "Output", hide_short_help = true)]
    all_frames: bool,
}

impl FrameFlags {
    /// As the analysis takes it.
    pub(crate) fn frames(self) -> Frames {
        match self.all_frames {
            true => Frames::All,
            false => Frames::Folded,
        }
    }
}

/// How instructions are written.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct SyntaxFlag {
    /// How instructions are written
    #[arg(
        long,
        value_enum,
        value_name = "SYNTAX",
        default_value_t,
        hide_default_value = true
    )]
    #[arg(help_heading = "Output", hide_short_help = true)]
    syntax: SyntaxChoice,
}

/// `--syntax`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum SyntaxChoice {
    /// `mov rax, [rdi + 8]`, as in the manuals of the processors (the default)
    #[default]
    Intel,
    /// `mov 8(%rdi), %rax`, as GNU tools write it
    Att,
}

impl SyntaxFlag {
    /// As the disassembler takes it.
    pub(crate) fn syntax(self) -> Syntax {
        match self.syntax {
            SyntaxChoice::Intel => Syntax::Intel,
            SyntaxChoice::Att => Syntax::Att,
        }
    }
}

/// How to record.
#[derive(Args, Clone, Debug, Default)]
struct RecorderFlags {
    /// Samples a second on each CPU [default: 997]
    #[arg(long, value_name = "HZ", value_parser = value_parser!(u32).range(1..=100_000))]
    #[arg(help_heading = RECORD, hide_short_help = true)]
    frequency: Option<u32>,
    /// How to record call stacks [default: dwarf]
    #[arg(long, value_enum, value_name = "HOW", help_heading = RECORD, hide_short_help = true)]
    call_graph: Option<CallGraphFlag>,
    /// The event to sample, as perf names it [default: cycles, or cpu-clock without a PMU]
    #[arg(long, value_name = "EVENT", help_heading = RECORD, hide_short_help = true)]
    event: Option<String>,
    /// Which program takes the samples [default: perf if it is installed]
    #[arg(long, value_enum, value_name = "RECORDER", help_heading = RECORD, hide_short_help = true)]
    recorder: Option<RecorderFlag>,
}

/// `--call-graph`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CallGraphFlag {
    /// By frame pointers, which the build is told to keep
    Fp,
    /// By copies of the stack and unwind tables
    Dwarf,
    /// No call stacks
    None,
}

/// `--recorder`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RecorderFlag {
    /// `perf record`
    Perf,
    /// This program itself; needs neither perf nor root
    Builtin,
}

/// Flags that say what cargo builds and how.
const BUILD: [&str; 15] = [
    "package",
    "lib",
    "bin",
    "example",
    "test",
    "bench",
    "features",
    "all_features",
    "no_default_features",
    "release",
    "profile",
    "jobs",
    "config",
    "unstable",
    "triple",
];

/// Flags that have no effect on a file that exists: those of a new recording, of a build, and of
/// where cargo looks things up.
const NOT_WITH_INPUT: [&str; 27] = [
    "exec",
    "pid",
    "arguments",
    "frequency",
    "call_graph",
    "event",
    "recorder",
    "package",
    "lib",
    "bin",
    "example",
    "test",
    "bench",
    "features",
    "all_features",
    "no_default_features",
    "release",
    "profile",
    "jobs",
    "config",
    "unstable",
    "triple",
    "manifest_path",
    "target_dir",
    "locked",
    "offline",
    "frozen",
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
    /// A usage error: a library is to be run, or flags of a recording are given without a program.
    pub(crate) fn request(self, otherwise: Unless, console: &Console) -> Result<Request> {
        let Self {
            input,
            program,
            recorder,
            strict,
            cargo,
            triple,
        } = self;
        let mut selection = cargo.selection(triple.triple);
        console.configure_cargo(&mut selection);
        if selection.target == TargetChoice::Lib {
            return Err(Error::usage(
                "a library does not run by itself",
                "record what calls it: `--bench`, `--test`, `--example` or `--bin`",
            ));
        }
        if let Some(path) = input {
            let source = Source::Input(path);
            return Ok(Request { source, strict });
        }
        let names_target = selection.target != TargetChoice::Default;
        if otherwise == Unless::Latest && !names_target && !program.is_given() {
            if let Some(flag) = recorder.given().or_else(|| build_flag(&selection)) {
                return Err(Error::usage(
                    format_args!("`{flag}` is for a new recording, and nothing says what to run"),
                    format_args!(
                        "name it (`--bin NAME`, `--bench NAME`, `-- ARGS`), \
                         or leave out `{flag}` to open the latest recording again"
                    ),
                ));
            }
            let source = Source::Latest(Box::new(selection));
            return Ok(Request { source, strict });
        }
        let options = record_options(program, recorder, selection);
        let source = Source::Record(Box::new(options));
        Ok(Request { source, strict })
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
        let mut selection = cargo.selection(triple.triple);
        console.configure_cargo(&mut selection);
        if selection.target == TargetChoice::Lib {
            return Err(Error::usage(
                "a library does not run by itself",
                "compare what calls it: `--bench`, `--example` or `--bin`",
            ));
        }
        Ok(Current {
            selection,
            program: exec,
            arguments,
        })
    }
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
            strict,
            cargo,
            triple,
        } = self;
        let ProgramFlags {
            exec,
            pid,
            arguments,
        } = program;
        let of_recording = [
            ("--input", input.is_some()),
            ("--pid", pid.is_some()),
            ("--strict", strict),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
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
            arguments,
        } = self;
        exec.is_some() || pid.is_some() || !arguments.is_empty()
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
        call_graph: call_graph.map(CallGraphChoice::from),
        event,
        recorder: recorder.map(RecorderChoice::from),
        allocations: None,
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

impl From<CallGraphFlag> for CallGraphChoice {
    fn from(flag: CallGraphFlag) -> Self {
        match flag {
            CallGraphFlag::Fp => Self::FramePointers,
            CallGraphFlag::Dwarf => Self::Dwarf,
            CallGraphFlag::None => Self::None,
        }
    }
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
