//! `cargo hotspots`: where does the time go, by crate, function, line and instruction?
//!
//! ```text
//! cli -> options -> record      cargo builds, perf or the built-in recorder samples: a Recording
//!                   perf_data   reads and unwinds it, streaming, folded: a Profile
//!                   symbolize   each distinct address once: Symbols
//!                   analysis    the four shares and the rows of a view
//!                   report      shows them
//! ```
//!
//! What only Linux has is in `record`. Everything else opens recordings anywhere.

pub mod analysis;
mod cli;
pub mod export;
pub mod options;
pub mod profile;
pub mod recording;
pub mod symbols;

use codecost::console::Console;
use std::{ffi::OsString, process::ExitCode};

/// Runs the tool with `args`, the program's name first, over `console`.
pub fn run(_args: impl Iterator<Item = OsString>, _console: &mut Console) -> ExitCode {
    ExitCode::SUCCESS
}
