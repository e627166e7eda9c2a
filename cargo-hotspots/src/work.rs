//! What one operation is: words that counting and judging share.

use std::process::Command;

/// What is counted of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the process.
    Process,
    /// What a harness's benchmark does in one iteration.
    Benchmark,
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
}

/// What an operation allocates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// Allocations and reallocations.
    pub allocations: u64,
    /// The bytes that they ask for.
    pub bytes: u64,
}
