//! What both recorders are told.

use super::options::CallGraphChoice;
use std::path::PathBuf;

/// What to sample, and where to write it.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// As perf names it: `cycles`, `cpu-clock:u`.
    pub(crate) event: String,
    /// Samples a second.
    pub(crate) frequency: u32,
    pub(crate) call_graph: CallGraphChoice,
    /// Bytes of the stack in each sample, where stacks are copied.
    pub(crate) stack_bytes: u32,
    /// The file to write; its directory exists and is the recording's own.
    pub(crate) data: PathBuf,
    /// Whether whole CPUs are sampled, and what is not the programs' is dropped.
    pub(crate) whole_cpus: bool,
    /// For the file's header.
    pub(crate) command: Vec<String>,
    /// `kernel.perf_event_mlock_kb`.
    pub(crate) mlock_kb: Option<u64>,
    /// Whether that limit does not hold.
    pub(crate) root: bool,
}

/// Which processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// They wait before their `exec`; sampling begins with it.
    Held(Vec<i32>),
    /// It runs.
    Running(i32),
}
