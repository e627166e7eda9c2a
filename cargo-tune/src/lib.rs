//! `cargo tune`: the right profile, shown, proven, measured, reversible.
//!
//! A command (`commands`) reads its flags (`cli`), loads the project (`project`), makes a plan from
//! the knobs there are (`plan`, `knob`), and then writes it (`offer`, `apply`, `edit`, `receipt`),
//! compares it with what is in force (`drift`), or tries it (`trial`, in the private builds of
//! `rustc`); `pgo` trains the program and builds it with its profile. What comes of it is shown by `report`.

pub mod apply;
mod cli;
mod commands;
pub mod drift;
pub mod edit;
pub mod knob;
mod offer;
pub mod pgo;
pub mod plan;
pub mod project;
pub mod receipt;
mod report;
pub mod rustc;
pub mod trial;
pub mod unwind;

use codecost::{console::Console, front};
use std::{ffi::OsString, process::ExitCode};

/// Runs the tool with `args`, the program's name first, over `console`.
pub fn run(args: impl IntoIterator<Item = OsString>, console: &mut Console) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // In a private build cargo starts this program in place of rustc.
    if let Some(code) = rustc::wrapper::intercept(&args) {
        return code;
    }
    front::run::<commands::Cli>(args, console)
}

/// The clap definition of the tool.
pub fn definition() -> clap::Command {
    front::definition::<commands::Cli>()
}

#[cfg(test)]
mod tests;
