//! What to record and how: the validated options of a recording.

use crate::work::ProgramInput;
use codecost::cargo::Selection;
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// The default number of samples a second: a prime, so that it does not run in step with anything.
pub const FREQUENCY: u32 = 997;

/// Bytes of the user's stack in each sample, unless another size is asked for. 8 KiB would unwind
/// 5 % of a deep program's samples, 16 KiB 70 %.
pub const STACK_BYTES: u32 = 16 * 1024;
/// The largest copy that fits a record.
pub const MOST_STACK_BYTES: u32 = 65_528;

/// What to record, and how.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// The program.
    pub what: What,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Samples a second, on each CPU.
    pub frequency: u32,
    /// How to record call stacks; `None` for the best way that works.
    pub call_graph: Option<CallGraphChoice>,
    /// Bytes of the stack that each sample has a copy of, with [`CallGraphChoice::Dwarf`].
    pub stack_bytes: u32,
    /// The event; `None` for cycles, or for the CPU clock on a machine without a PMU.
    pub event: Option<String>,
    /// The recorder; `None` for perf where it is installed.
    pub recorder: Option<RecorderChoice>,
    /// What of allocations to record, in place of time.
    pub allocations: Option<AllocationOptions>,
    /// End the recording after this time; `None` for when the program ends.
    pub duration: Option<Duration>,
    /// Where the program's standard output goes.
    pub output: ProgramOutput,
    /// Where its standard input comes from.
    pub input: ProgramInput,
    /// Cargo's flags: they choose the build, and where recordings are kept.
    pub selection: Selection,
}

/// Of which allocations to keep the call stack; all are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocationOptions {
    /// The mean number of bytes between two stacks; 0 for the stack of each allocation.
    pub interval: Option<u64>,
    /// The stack of each allocation, where they are followed by frame pointers.
    pub every: bool,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self {
            what: What::Target,
            arguments: Vec::new(),
            frequency: FREQUENCY,
            call_graph: None,
            stack_bytes: STACK_BYTES,
            event: None,
            recorder: None,
            allocations: None,
            duration: None,
            output: ProgramOutput::default(),
            input: ProgramInput::default(),
            selection: Selection::default(),
        }
    }
}

/// Where the program's standard output goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProgramOutput {
    /// To standard error, because standard output has the report.
    #[default]
    Inherit,
    /// Nowhere.
    Null,
    /// Into a file.
    File(PathBuf),
}

/// Which program to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// What cargo builds for the selection; for `--bench` without a name, all benchmarks.
    Target,
    /// A program that exists.
    Program(PathBuf),
    /// A process that runs.
    Process(i32),
}

/// How to record call stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallGraphChoice {
    /// Each sample has a copy of the stack.
    Dwarf,
    /// The kernel follows frame pointers, which the build is told to keep.
    FramePointers,
    /// No call stacks.
    None,
}

impl CallGraphChoice {
    /// The name on the command line and in `recording.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dwarf => "dwarf",
            Self::FramePointers => "fp",
            Self::None => "none",
        }
    }
}

/// Which program takes the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecorderChoice {
    /// `perf record`.
    Perf,
    /// This process, by `perf_event_open`.
    Builtin,
}

impl RecorderChoice {
    /// The name on the command line and in `recording.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::Builtin => "builtin",
        }
    }
}
