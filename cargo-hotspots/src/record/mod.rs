//! Recording: cargo builds, a recorder samples, and the result is kept.
//!
//! ```text
//! plan      which programs, how they are started, what drives a benchmark
//! held      each is forked and waits before its exec
//! perf      `perf record` attaches, or
//! builtin   our own recorder does
//! session   runs one program after the other, heeds Ctrl-C, ends the recorder
//! store     where recordings are kept
//! ```
//!
//! Recording needs Linux. The store is opened anywhere.

#[cfg(target_os = "linux")]
mod builtin;
#[cfg(target_os = "linux")]
mod event;
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "elsewhere only the harness itself is of interest")
)]
pub(crate) mod harness;
#[cfg(target_os = "linux")]
mod held;
#[cfg(target_os = "linux")]
mod linux;
mod options;
#[cfg(target_os = "linux")]
mod perf;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod refused;
#[cfg(target_os = "linux")]
mod session;
#[cfg(target_os = "linux")]
mod setup;
mod store;
#[cfg(target_os = "linux")]
pub(crate) mod system;
#[cfg(target_os = "linux")]
pub(crate) mod trial;

pub use options::{
    CallGraphChoice, FREQUENCY, MOST_STACK_BYTES, ProgramOutput, RecordOptions, RecorderChoice,
    STACK_BYTES, What,
};

use crate::recording::Recording;
use codecost::{
    Result,
    cargo::{Context, Selection},
    console::Console,
};
use std::path::Path;
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
    linux::record(context, options, console)
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
            store::open(&store.numbered(number))
        }
        None => store::open(operand),
    }
}
