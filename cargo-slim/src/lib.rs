//! `cargo slim`: what is in my binary, byte for byte, and whose is it?
//!
//! A command (`commands`) turns its arguments into options, has the work done by [`analysis`],
//! [`compare`], [`budget`] or [`snapshot`], and shows what comes of it with [`report`].

mod about;
pub mod analysis;
mod announce;
pub mod budget;
mod cli;
mod commands;
pub mod compare;
pub mod dependencies;
pub mod graph;
pub mod inference;
pub mod ledger;
pub mod report;
pub mod snapshot;

use codecost::{console::Console, front};
use commands::Cli;
use std::{ffi::OsString, process::ExitCode};

/// Runs the tool with `args`, the program's name first, over `console`.
pub fn run(args: impl IntoIterator<Item = OsString>, console: &mut Console) -> ExitCode {
    front::run::<Cli>(args, console)
}

/// The definition of the command line, from which help, completions and man pages are made.
pub fn definition() -> clap::Command {
    front::definition::<Cli>()
}
