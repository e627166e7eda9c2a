//! The rows of all commands, as the analysis hands them to `report`: plain values, largest first,
//! complete (cutting, filtering and rendering are the report's work). Times are sums of periods;
//! what they are a share of is [`Analysis::total`].

use crate::{
    allocations::{ThreadCounts, Totals},
    profile::{CallGraph, LeftOut, Losses, StackLimit},
    recording::{Account, Degradation, Program},
};
use codecost::{attribution::Evidence, report::Warning, units::Share};
use std::path::PathBuf;

pub use codecost::attribution::CrateInfo;

pub use super::shares::Weight;

/// What a command shows.
#[derive(Debug)]
pub struct Analysis<R> {
    /// What was recorded, and how well.
    pub facts: Facts,
    /// All samples.
    pub total: Weight,
    /// The rows.
    pub rows: R,
    /// What makes the figures less than they seem.
    pub warnings: Vec<Warning>,
}

/// What was recorded, and how well.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The flag that opens the recording again, with a space in front (` --input perf.data`);
    /// empty for the latest recording.
    pub input_flag: String,
    /// Its number among the recordings that are kept.
    pub number: Option<u64>,
    /// The file with the samples.
    pub source: PathBuf,
    /// The event.
    pub event: String,
    /// `perf` or `builtin`, when the tool made the recording.
    pub recorder: Option<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The programs that ran.
    pub programs: Vec<Program>,
    /// The build profile in use, when cargo built it.
    pub build_profile: Option<String>,
    /// What was added for this one build, in words.
    pub build_notes: Vec<String>,
    /// What is worse than it could be.
    pub degradations: Vec<Degradation>,
    /// How call stacks were recorded.
    pub call_graph: CallGraph,
    /// How much of a stack there can be.
    pub stack_limit: StackLimit,
    /// Samples that are left out, because other processes or threads are shown; periods are
    /// nanoseconds where `cpu_ns` is known.
    pub left_out: Vec<LeftOut>,
    /// Samples.
    pub samples: u64,
    /// From start to end of the run; where the recording does not say, from the first sample to the
    /// last; `None` where samples have no time.
    pub duration_ns: Option<u64>,
    /// Whether whole CPUs were sampled.
    pub whole_cpus: bool,
    /// Threads that started meanwhile.
    pub started: u64,
    /// CPU time of all samples, where the event counts it or cycles were counted beside it.
    pub cpu_ns: Option<u64>,
    /// How long all threads together had no processor, where that is what was recorded.
    pub waited_ns: Option<u64>,
    /// What the kernel says that the programs used, where the recording has it.
    pub account: Option<Account>,
    /// What was allocated, where the recording is one of allocations: its periods are bytes.
    pub allocated: Option<Totals>,
    /// Threads that have samples.
    pub threads: u64,
    /// Processes that have samples.
    pub processes: u64,
    /// What is missing or doubtful.
    pub quality: Quality,
}

/// How good the data is, in samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// What the reader counted.
    pub losses: Losses,
    /// Samples in code of which nothing is known.
    pub unknown: u64,
    /// Samples whose line is borrowed, because there is line 0.
    pub line_zero: u64,
    /// Of allocations the bytes whose stacks have no end, where that is known.
    pub unrooted_bytes: Option<Share>,
}

/// The shares of a crate or function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// In its own innermost frames.
    pub own: u64,
    /// With all it asked of std and the system.
    pub charged: Weight,
    /// As the innermost of the workspace.
    pub caused: u64,
    /// Anywhere in the stack, once for each sample.
    pub inclusive: u64,
}

impl Times {
    /// Whether there is nothing to show.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A crate.
#[derive(Clone, Debug)]
pub struct CrateRow {
    /// The crate.
    pub label: CrateInfo,
    /// Its time.
    pub times: Times,
}

/// A function: all its copies, inlined or not.
#[derive(Clone, Debug)]
pub struct FunctionRow {
    /// The name in full, without hashes.
    pub name: String,
    /// The names of other functions whose code is the same.
    pub merged: Vec<String>,
    /// The crate.
    pub label: CrateInfo,
    /// Its time.
    pub times: Times,
    /// Time in the symbol of this name, with all that was inlined into it.
    pub symbol: u64,
    /// The part of `times.inclusive` in which its outermost call was inlined.
    pub inlined: u64,
    /// Where it is declared.
    pub file: Option<String>,
    /// The line of its declaration.
    pub line: Option<u32>,
    /// How the crate is known.
    pub evidence: Evidence,
}

/// A line of a function.
#[derive(Clone, Debug)]
pub struct LineRow {
    /// The source file, where known.
    pub file: Option<String>,
    /// The line, where known.
    pub line: Option<u32>,
    /// The function that the line is executed for.
    pub function: String,
    /// Its crate.
    pub label: CrateInfo,
    /// In the line's own instructions.
    pub own: Weight,
    /// With all that it asked of std and the system.
    pub charged: u64,
}

/// A thread.
#[derive(Clone, Debug)]
pub struct ThreadRow {
    /// What it calls itself.
    pub name: String,
    /// Its process.
    pub pid: i32,
    /// Its number.
    pub tid: i32,
    /// Its time; in recordings of allocations its bytes, in the measure of all samples.
    pub own: Weight,
    /// What it allocated, exactly, where the recording is one of allocations.
    pub allocated: Option<ThreadCounts>,
    /// The crate that most of its time is charged to, and how much.
    pub busiest: Option<(CrateInfo, u64)>,
    /// The function that most of its time is charged to, its crate, and how much.
    pub hottest: Option<(String, CrateInfo, u64)>,
}

/// The callers or callees of a function.
#[derive(Clone, Debug)]
pub struct Calls {
    /// The function; several copies of a generic function share the part before their arguments.
    pub function: String,
    /// Its crate.
    pub label: CrateInfo,
    /// All time in which it occurs: what the rows of depth 1 sum to.
    pub inclusive: Weight,
    /// Its callers or callees, each followed by its own.
    pub rows: Vec<CallRow>,
}

/// A caller or callee.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// 1 for a direct one.
    pub depth: u32,
    /// The function; in brackets what is none: `[self]`, `[root]`.
    pub name: String,
    /// Its crate.
    pub label: CrateInfo,
    /// The time that passes by this way.
    pub inclusive: Weight,
}

/// Who asked for a function.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The function; several copies of a generic function share the part before their arguments.
    pub function: String,
    /// Its crate.
    pub label: CrateInfo,
    /// All time in which it occurs: what the rows sum to.
    pub inclusive: Weight,
    /// Who asked, most time first.
    pub rows: Vec<AskRow>,
}

/// A function or crate that asked for another function.
#[derive(Clone, Debug)]
pub struct AskRow {
    /// Its name; in brackets where nobody is known.
    pub name: String,
    /// Its crate.
    pub label: CrateInfo,
    /// The time that was asked for.
    pub time: Weight,
    /// The file of the line that asked most.
    pub file: Option<String>,
    /// That line.
    pub line: Option<u32>,
}

/// A crate or function before and after, by the time that is charged to it.
#[derive(Clone, Debug)]
pub struct ChangeRow {
    /// What it is.
    pub kind: ChangeKind,
    /// Its name; of an inline path the functions from the innermost outward.
    pub name: String,
    /// The crate.
    pub label: CrateInfo,
    /// The crate's version in the earlier recordings.
    pub version_before: Option<String>,
    /// The crate's version in the later recordings.
    pub version_after: Option<String>,
    /// The samples of all earlier recordings.
    pub before: Weight,
    /// The samples of all later recordings.
    pub after: Weight,
    /// Its part of the whole.
    pub share: Changed,
    /// What chance alone makes of so many samples, in 19 of 20 cases, either way: of that part.
    pub sampling_error: f64,
    /// Its CPU time in nanoseconds, where it is known.
    pub time: Option<Changed>,
    /// What it allocated, in recordings of allocations.
    pub allocated: Option<AllocatedChange>,
}

/// Allocations before and after.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AllocatedChange {
    /// Bytes asked for.
    pub bytes: Changed,
    /// Blocks made.
    pub allocations: Changed,
    /// Blocks that got another length.
    pub reallocations: Changed,
}

/// A figure before and after: the means of the recordings of each side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Changed {
    /// The mean of the earlier recordings.
    pub before: f64,
    /// The mean of the later recordings.
    pub after: f64,
    /// Half the width of the difference's 95 % interval.
    pub plus_minus: f64,
}

impl Changed {
    /// After less before.
    pub fn delta(self) -> f64 {
        self.after - self.before
    }

    /// The interval of the difference.
    pub fn interval(self) -> (f64, f64) {
        (
            self.delta() - self.plus_minus,
            self.delta() + self.plus_minus,
        )
    }

    /// Whether the interval leaves out zero.
    pub fn is_change(self) -> bool {
        self.delta().abs() > self.plus_minus
    }
}

/// What a changed row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// A crate.
    Crate,
    /// A function.
    Function,
    /// A function with those that it was inlined into, within one symbol.
    Inline,
}

impl ChangeKind {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crate => "crate",
            Self::Function => "function",
            Self::Inline => "inline",
        }
    }
}

/// Two sides, each of one recording or several.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The earlier recordings; at least one.
    pub before: Vec<Facts>,
    /// The later recordings; at least one.
    pub after: Vec<Facts>,
    /// All CPU time in nanoseconds, where it is known.
    pub cpu: Option<Changed>,
    /// All that was allocated, where the recordings are of allocations.
    pub allocated: Option<AllocatedChange>,
    /// Whether the later side is scaled to the length of the earlier one, and why.
    pub scaled: Option<Scaled>,
    /// Where the intervals are from.
    pub interval: Interval,
    /// All that is in either, the largest change first.
    pub rows: Vec<ChangeRow>,
    /// What makes the figures less than they seem.
    pub warnings: Vec<Warning>,
}

/// Why shares are compared in place of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaled {
    /// The user asked for it.
    Asked,
    /// Both sides are benchmarks that run for a set time.
    FixedLength,
}

impl Scaled {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::FixedLength => "fixed-length",
        }
    }
}

/// Where an interval is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// What chance makes of so many samples: how much runs vary is not in it.
    Sampling,
    /// How much the runs vary.
    Runs,
}

impl Interval {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sampling => "sampling",
            Self::Runs => "runs",
        }
    }
}

/// Something worth acting on.
#[derive(Clone, Debug)]
pub struct Finding {
    /// A stable kebab-case code.
    pub code: &'static str,
    /// One sentence.
    pub title: String,
    /// The time at stake.
    pub time: u64,
    /// How sure it is that a change there saves a part of that time, from 0 to 1.
    pub sureness: f64,
    /// The function and line to look at, where there is one.
    pub place: Option<String>,
    /// The evidence, line by line.
    pub evidence: Vec<String>,
    /// What to do.
    pub advice: String,
    /// The command to look further or to act.
    pub command: String,
}

/// The page to start from.
#[derive(Debug)]
pub struct Overview {
    /// All crates.
    pub crates: Vec<CrateRow>,
    /// All functions.
    pub functions: Vec<FunctionRow>,
    /// All lines.
    pub lines: Vec<LineRow>,
    /// The few with the most time at stake times how sure they are.
    pub findings: Vec<Finding>,
}
