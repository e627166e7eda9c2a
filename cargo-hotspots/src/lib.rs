//! `cargo hotspots`: where does the time go, by crate, function, line and instruction?
//!
//! ```text
//! commands    arguments -> options -> work -> report, one file for each command
//! record      cargo builds, perf or the built-in recorder samples: a Recording
//! input       files of other tools, told apart by their content
//! perf_data   reads and unwinds it, streaming, folded: a Profile
//! symbolize   each distinct address once: Symbols
//! analysis    the four shares, and rows of them
//! report      shows the rows; export writes the formats of other tools
//! ```
//!
//! What only Linux has is in `record`. Everything else opens recordings anywhere.

pub mod allocations;
pub mod analysis;
mod cli;
mod commands;
pub mod doctor;
pub mod export;
pub mod gate;
mod gating;
mod help;
pub mod input;
pub mod machine;
pub mod open;
mod operations;
mod paths;
pub mod perf_data;
pub mod profile;
pub mod record;
pub mod recording;
pub mod report;
pub mod stat;
pub mod summary;
pub mod symbolize;
pub mod symbols;
pub mod work;

use codecost::{console::Console, front};
use std::{ffi::OsString, process::ExitCode};

/// Runs the tool with `args`, the program's name first, over `console`.
pub fn run(args: impl IntoIterator<Item = OsString>, console: &mut Console) -> ExitCode {
    front::run::<commands::Cli>(args, console)
}

/// The command line, from which help, completions and man pages are made.
pub fn definition() -> clap::Command {
    front::definition::<commands::Cli>()
}
