//! The command line, validated once. No clap type gets past here.

use codecost::{
    cargo::Selection,
    console::{ColorWhen, Verbosity},
    manual::Shell,
    report::OutputOptions,
};
use std::{ffi::OsString, path::PathBuf};

/// What to do.
#[derive(Clone, Debug)]
pub enum Task {
    /// Show a view of a recording.
    View(Box<Options>),
    /// Compare two recordings.
    Diff(Box<DiffOptions>),
    /// Say what would be worse than it could be.
    Doctor(Box<Common>),
    /// Print a completion script.
    Completions(Shell),
    /// Print the man pages.
    Man,
}

/// What to show, of what, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The view.
    pub view: View,
    /// The recording.
    pub source: Source,
    /// Whether data of poor quality is a failure.
    pub strict: bool,
    /// Format, destination and the like.
    pub common: Common,
}

/// What all commands have in common.
#[derive(Clone, Debug)]
pub struct Common {
    /// Format, destination and choice of rows.
    pub output: OutputOptions,
    /// What `--color` said.
    pub color: Option<ColorWhen>,
    /// What `-q` and `-v` said.
    pub verbosity: Verbosity,
}

/// Two recordings.
#[derive(Clone, Debug)]
pub struct DiffOptions {
    /// The earlier one.
    pub before: PathBuf,
    /// The later one.
    pub after: PathBuf,
    /// What all commands have.
    pub common: Common,
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// The default.
    Overview,
    /// By crate.
    Crates,
    /// By function.
    Functions,
    /// By source line.
    Lines,
    /// The machine code of a function.
    Asm(String),
    /// Who calls a function.
    Callers(String),
    /// What a function calls.
    Callees(String),
    /// By thread.
    Threads,
    /// A picture.
    Flamegraph,
    /// A file for another tool.
    Export(ExportFormat),
}

/// A format of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// The Firefox Profiler's processed profile.
    Firefox,
    /// pprof's protocol buffer, compressed with gzip.
    Pprof,
    /// One line for each stack, as Brendan Gregg's scripts take it.
    Folded,
}

/// Where a recording comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file that exists.
    Input(PathBuf),
    /// The latest one of this workspace.
    Latest(Box<Selection>),
    /// It is made now.
    Record(Box<RecordOptions>),
}

/// What to record, and how.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// The program.
    pub what: What,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Samples a second; each CPU's.
    pub frequency: u32,
    /// How to record stacks; `None` for the best that works.
    pub call_graph: Option<CallGraphChoice>,
    /// The event; `None` for cycles, or the clock where there is no PMU.
    pub event: Option<String>,
    /// The recorder; `None` for perf where it is there.
    pub recorder: Option<Recorder>,
    /// Cargo's flags: of the build, and of where recordings are kept.
    pub selection: Selection,
}

/// Which program to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// What cargo builds by the selection; of `--bench` without a name, all.
    Target,
    /// A program that exists.
    Program(PathBuf),
    /// A process that runs.
    Process(i32),
}

/// How to record stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallGraphChoice {
    /// Copies of the stack.
    Dwarf,
    /// Frame pointers, for which the build gets a flag.
    FramePointers,
    /// None.
    None,
}

/// Who takes the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorder {
    /// `perf record`.
    Perf,
    /// `perf_event_open`, from this process.
    Builtin,
}
