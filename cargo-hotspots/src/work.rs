//! What one operation is: words that counting and judging share.

use codecost::{Result, stdin::Stdin};
use std::{
    process::{Command, Stdio},
    time::Duration,
};

/// Where the program's standard input comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgramInput {
    /// From this process's own, which can be read once.
    #[default]
    Inherit,
    /// The program runs more than once, and each run reads all of this process's own.
    Repeated,
    /// Nowhere.
    Null,
}

impl ProgramInput {
    /// That of the runs after a first that had this one.
    #[must_use]
    pub fn again(self) -> Self {
        match self {
            Self::Inherit => Self::Repeated,
            other => other,
        }
    }

    /// That of one run.
    ///
    /// # Errors
    ///
    /// This process's own cannot be kept or opened again.
    pub fn next(self) -> Result<Stdio> {
        match self {
            Self::Inherit => Ok(Stdio::inherit()),
            Self::Repeated => Stdin::shared()?.next(),
            Self::Null => Ok(Stdio::null()),
        }
    }
}

/// What is counted of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the process.
    Process,
    /// What a harness's benchmark does in one iteration.
    Benchmark,
}

impl Scope {
    /// What the runs read: a benchmark reads nothing.
    pub fn input(self) -> ProgramInput {
        match self {
            Self::Process => ProgramInput::Repeated,
            Self::Benchmark => ProgramInput::Null,
        }
    }
}

/// What is run to count an operation.
#[derive(Debug)]
pub struct Runs {
    /// What is counted of it.
    pub scope: Scope,
    /// The run.
    pub command: Command,
    /// A run of so many iterations more, where the harness can be asked for them. What it counts
    /// beyond the first run is the operation's; the rest is the harness's own.
    pub more: Option<(Command, u64)>,
    /// A run in which the harness times the operation, and by which clock: its calls of the operation's
    /// loop have 1, 2, 4 and so on iterations, or there is one call of one.
    pub timed: Option<(Command, Clock)>,
    /// How long each may take: one that hangs must not hang what counts.
    pub patience: Duration,
}

/// The functions by which a harness takes the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// `Measurement::start` and `end`.
    Criterion,
    /// `Instant::now` and `elapsed`.
    Libtest,
}

/// What an operation allocates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// Blocks made.
    pub allocations: u64,
    /// Blocks that got another length.
    pub reallocations: u64,
    /// The bytes that both ask for.
    pub bytes: u64,
}
