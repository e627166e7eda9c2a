//! What a run cost, as it was measured, and the rows that the report shows.

use crate::recording::Program;
use codecost::report::Warning;

/// What takes most of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Instructions.
    Cpu,
    /// Waiting for memory.
    Memory,
    /// The kernel's work on its behalf.
    Kernel,
    /// It did not run: a lock, a disk, a device, another process.
    Waiting,
    /// It ran, and what it ran for was not measured.
    Running,
}

impl Bound {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Kernel => "kernel",
            Self::Waiting => "waiting",
            Self::Running => "running",
        }
    }
}

impl Bound {
    /// As a sentence has it: `bound by …`.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Cpu => "computing",
            Self::Memory => "memory",
            Self::Kernel => "the kernel",
            Self::Waiting => "waiting",
            Self::Running => "nothing that was measured",
        }
    }
}

/// What takes most of the time, and why that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `None` when too little was measured.
    pub bound: Option<Bound>,
    /// The figures that it rests on.
    pub because: String,
}

impl Verdict {
    /// As all reports say it: `bound by` only where what bounds it was measured.
    pub fn sentence(&self) -> String {
        match self.bound {
            Some(Bound::Running) | None => self.because.clone(),
            Some(bound) => format!("bound by {}: {}", bound.in_words(), self.because),
        }
    }
}

/// What was measured while the programs ran.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The programs, with how they ended.
    pub programs: Vec<Program>,
    /// The command line of the first.
    pub command: Vec<String>,
    /// The build profile in use, when cargo built it.
    pub build_profile: Option<String>,
    /// What was added to the user's build, in words.
    pub build_notes: Vec<String>,
    /// From start to end.
    pub duration_ns: u64,
    /// The kernel's account of the processes.
    pub usage: Usage,
    /// What could be counted.
    pub counters: Vec<Counter>,
    /// What one operation costs by the name of the metric, where there is one benchmark.
    pub per_operation: Vec<(&'static str, f64)>,
    /// What makes the figures less than they seem.
    pub problems: Vec<Warning>,
    /// Whether this is what a recording says of its run: its duration and CPU time, and nothing else.
    pub of_recording: bool,
}

impl Measured {
    /// For how long it waited for something: it neither ran nor was ready to. Several threads at once may
    /// have waited longer; and what of the queue was not seen (`queued_ns`) counts as waiting.
    pub fn waiting_ns(&self) -> u64 {
        let busy = self
            .usage
            .cpu_ns()
            .saturating_add(self.usage.queued_ns.unwrap_or(0));
        self.duration_ns.saturating_sub(busy)
    }

    /// A metric of one operation.
    pub fn of_operation(&self, metric: &str) -> Option<f64> {
        let found = self.per_operation.iter().find(|(name, _)| *name == metric);
        found.map(|(_, value)| *value)
    }

    /// A counter by its name.
    pub fn counter(&self, name: &str) -> Option<u64> {
        let counter = self.counters.iter().find(|counter| counter.name == name);
        counter.map(|counter| counter.value)
    }
}

/// The kernel's account of processes and of those of their children that they waited for
/// ("getrusage(2)").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in the programs' own code.
    pub user_ns: u64,
    /// CPU time in the kernel on their behalf.
    pub system_ns: u64,
    /// Page faults that needed no input.
    pub minor_faults: u64,
    /// Page faults that did.
    pub major_faults: u64,
    /// Switches to another thread because this one waited.
    pub voluntary: u64,
    /// Switches because its time was up.
    pub involuntary: u64,
    /// The largest resident memory of one process.
    pub peak_bytes: u64,
    /// How long the threads were ready and had no processor, because others had them; all together, as
    /// CPU time is.
    pub queued_ns: Option<u64>,
}

impl Usage {
    /// All CPU time.
    pub fn cpu_ns(&self) -> u64 {
        self.user_ns.saturating_add(self.system_ns)
    }
}

/// A counter of the kernel's or the processor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// As perf names it.
    pub name: &'static str,
    /// The count.
    pub value: u64,
}

/// Where a figure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The kernel counted it.
    Kernel,
    /// The processor counted it.
    Pmu,
    /// A simulation of another run.
    Simulated,
}

impl Source {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Pmu => "pmu",
            Self::Simulated => "simulated",
        }
    }
}

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// It could not be had.
    Unknown,
    /// A number of whole things.
    Whole(u64),
    /// A quotient.
    Ratio(f64),
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Processors.
    Cpus,
    /// One thing for another.
    Ratio,
}

impl Unit {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::Cpus => "cpus",
            Self::Ratio => "ratio",
        }
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name, as perf has it where it has.
    pub name: &'static str,
    /// The figure.
    pub value: Value,
    /// What it counts.
    pub unit: Unit,
    /// Who counted.
    pub source: Source,
}

impl Metric {
    pub(super) fn new(name: &'static str, value: Value, unit: Unit, source: Source) -> Self {
        Self {
            name,
            value,
            unit,
            source,
        }
    }
}

/// All that is said of a run.
#[derive(Debug)]
pub struct Stat {
    /// The rows.
    pub metrics: Vec<Metric>,
    /// What the program is bound by, as far as that was measured.
    pub verdict: Verdict,
    /// What could not be had.
    pub warnings: Vec<Warning>,
    /// What was measured.
    pub measured: Measured,
}

pub(super) fn nanoseconds(value: u64) -> Value {
    Value::Whole(value)
}

pub(super) fn known(value: u64) -> Value {
    Value::Whole(value)
}

pub(super) fn counted(value: u64) -> Value {
    Value::Whole(value)
}
