//! Recording: cargo builds, a recorder samples, and the result is kept.
//!
//! ```text
//! plan      which programs, how they are started, what drives a benchmark
//! held      each is forked and waits before its exec
//! elsewhere files that are not at their path here
//! perf      `perf record` attaches, or
//! builtin   our own recorder does
//! alloc     a library in the program counts its allocations
//! session   runs one program after the other, heeds Ctrl-C, ends the recorder
//! store     where recordings are kept
//! ```
//!
//! Recording needs Linux. The store is opened anywhere.

#[cfg(target_os = "linux")]
mod alloc;
#[cfg(target_os = "linux")]
mod builtin;
#[cfg(target_os = "linux")]
mod choice;
#[cfg(target_os = "linux")]
mod counters;
#[cfg(target_os = "linux")]
mod elsewhere;
#[cfg(target_os = "linux")]
mod event;
#[cfg(target_os = "linux")]
mod exec;
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "elsewhere only the harness itself is of interest")
)]
pub(crate) mod harness;
#[cfg(target_os = "linux")]
mod held;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod operation;
mod options;
#[cfg(target_os = "linux")]
mod perf;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod queue;
#[cfg(target_os = "linux")]
mod refused;
#[cfg(target_os = "linux")]
mod session;
#[cfg(target_os = "linux")]
mod setup;
#[cfg(target_os = "linux")]
mod stat;
mod store;
#[cfg(target_os = "linux")]
pub(crate) mod system;
#[cfg(target_os = "linux")]
pub(crate) mod trial;

pub use options::{
    AllocationOptions, CallGraphChoice, FREQUENCY, MOST_STACK_BYTES, ProgramOutput, RecordOptions,
    RecorderChoice, STACK_BYTES, What,
};

use crate::{
    recording::{Kept, Recording},
    stat::model::Measured,
    work::{Operation, Runs},
};
use codecost::{
    Result,
    cargo::{Context, Selection},
    console::Console,
};
use std::{path::Path, process::Command};
use store::Store;

/// Records what the options name and keeps it as the latest recording.
///
/// # Errors
///
/// The build failed, the program cannot be started or failed before it was sampled, or nothing
/// may be sampled here; then the hint says what to do.
pub fn record(options: &RecordOptions, console: &mut Console) -> Result<Recording> {
    record_in(&Context::current()?, options, console)
}

/// As [`record`], in another directory or environment.
///
/// # Errors
///
/// As [`record`].
#[cfg(target_os = "linux")]
pub fn record_in(
    context: &Context,
    options: &RecordOptions,
    console: &mut Console,
) -> Result<Recording> {
    match &options.allocations {
        Some(how) => alloc::record(context, options, how, console),
        None => linux::record(context, options, console),
    }
}

/// As [`record`], in another directory or environment.
///
/// # Errors
///
/// Always: there is no recorder for this system.
#[cfg(not(target_os = "linux"))]
pub fn record_in(_: &Context, _: &RecordOptions, _: &mut Console) -> Result<Recording> {
    Err(codecost::Error::failed(
        "recording works on Linux only",
        "record on Linux, with `perf record --call-graph dwarf` or this tool, and open the file \
         here with --input",
    ))
}

/// What a run costs, and the command that runs the first program once more.
#[derive(Debug)]
pub struct Run {
    /// What was measured.
    pub measured: Measured,
    /// The command.
    pub again: Option<Command>,
}

/// Runs what the options name and counts what it costs.
///
/// # Errors
///
/// The build failed, or the program cannot be started.
#[cfg(target_os = "linux")]
pub fn measure(options: &RecordOptions, console: &mut Console) -> Result<Run> {
    let (measured, again) = stat::measure(&Context::current()?, options, console)?;
    Ok(Run { measured, again })
}

/// Runs what the options name and counts what it costs.
///
/// # Errors
///
/// Always: only Linux is known to count.
#[cfg(not(target_os = "linux"))]
pub fn measure(_: &RecordOptions, _: &mut Console) -> Result<Run> {
    Err(codecost::Error::failed(
        "measuring works on Linux only",
        "measure on Linux, or use this system's own tools",
    ))
}

/// What one operation allocates.
///
/// # Errors
///
/// Why it cannot be counted.
#[cfg(target_os = "linux")]
pub fn allocations_of(context: &Context, runs: &Runs) -> std::result::Result<Operation, String> {
    operation::allocations(context, runs)
}

/// What one operation allocates: not known on this system.
///
/// # Errors
///
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn allocations_of(_: &Context, _: &Runs) -> std::result::Result<Operation, String> {
    Err("they are counted on Linux only".into())
}

/// The instructions of one operation, by a simulation.
///
/// # Errors
///
/// Why there is none.
#[cfg(target_os = "linux")]
pub fn instructions_of(runs: &Runs) -> std::result::Result<u64, String> {
    operation::instructions(runs)
}

/// The instructions of one operation: not known on this system.
///
/// # Errors
///
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn instructions_of(_: &Runs) -> std::result::Result<u64, String> {
    Err("they are simulated on Linux only".into())
}

/// The latest recording of the workspace, or outside of any the user's latest.
///
/// # Errors
///
/// There is none, or it cannot be read.
pub fn latest(selection: &Selection) -> Result<Recording> {
    latest_in(&Context::current()?, selection)
}

/// As [`latest`], in another directory or environment.
///
/// # Errors
///
/// As [`latest`].
pub fn latest_in(context: &Context, selection: &Selection) -> Result<Recording> {
    Store::find_made(context, selection)?.latest()
}

/// The latest recording of allocations; `None` when there is none.
///
/// # Errors
///
/// It cannot be told where recordings are kept.
pub fn latest_of_allocations(selection: &Selection) -> Result<Option<Recording>> {
    let store = Store::find(&Context::current()?, selection)?;
    Ok(store.newest(|about| about.is_of_allocations()))
}

/// The latest recording of time of the same command line; `None` when there is none.
///
/// # Errors
///
/// It cannot be told where recordings are kept.
pub fn latest_of_time(selection: &Selection, command: &[String]) -> Result<Option<Recording>> {
    let store = Store::find(&Context::current()?, selection)?;
    Ok(store.newest(|about| !about.is_of_allocations() && about.command == command))
}

pub use crate::recording::ALLOCATIONS;

/// All recordings of the workspace that are kept, or outside of any the user's, newest first.
///
/// # Errors
///
/// The workspace cannot be read.
pub fn list(selection: &Selection) -> Result<Vec<Kept>> {
    Ok(Store::find(&Context::current()?, selection)?.list())
}

/// A recording by its path: a `perf.data`, or the directory of a recording that this tool made; or
/// by its number among those that are kept. What the tool wrote down beside the file is read too.
///
/// # Errors
///
/// There is no such file, or its description cannot be read.
pub fn open(operand: &Path) -> Result<Recording> {
    let number = operand.to_str().and_then(|text| text.parse::<u64>().ok());
    match number.filter(|_| !operand.exists()) {
        Some(number) => {
            let store = Store::find_made(&Context::current()?, &Selection::default())?;
            store.open_numbered(number)
        }
        None => store::open(operand),
    }
}
