//! What one operation is: words that counting and judging share.

/// What is counted of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the process.
    Process,
    /// What a harness's benchmark does in one iteration.
    Benchmark,
}

/// What an operation allocates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// Allocations and reallocations.
    pub allocations: u64,
    /// The bytes that they ask for.
    pub bytes: u64,
}
