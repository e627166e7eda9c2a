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
pub mod doctor;
pub mod export;
pub mod machine;
pub mod options;
pub mod perf_data;
pub mod profile;
pub mod record;
pub mod recording;
pub mod report;
pub mod symbolize;
pub mod symbols;

use cli::Cli;
use codecost::{Error, Result, console::Console, error::exit_code, manual};
use options::{Common, Options, Task};
use std::{ffi::OsString, process::ExitCode};

/// Runs the tool with `args`, the program's name first, over `console`.
pub fn run(args: impl Iterator<Item = OsString>, console: &mut Console) -> ExitCode {
    let done = match Cli::read(args) {
        Ok(cli) => Task::from_cli(cli).and_then(|task| perform(task, console)),
        Err(error) => return ExitCode::from(explain(&error, console)),
    };
    ExitCode::from(match done {
        Ok(code) => code,
        Err(error) => console.fail(&error),
    })
}

/// Does it, and returns the exit code.
fn perform(task: Task, console: &mut Console) -> Result<u8> {
    let failed = |error| Error::write("standard output", error);
    match task {
        Task::Completions(shell) => {
            manual::completions(cli::command(), shell, console.stdout()).map_err(failed)?;
        }
        Task::Man => manual::man(cli::command(), console.stdout()).map_err(failed)?,
        Task::View(options) => {
            obey(&options.common, console);
            if let Some(hint) = &options.hint {
                console.help(hint);
            }
            return show(&options, console);
        }
        Task::Diff(options) => {
            obey(&options.common, console);
        }
        Task::Doctor(common) => {
            obey(&common, console);
        }
    }
    Ok(exit_code::OK)
}

fn obey(common: &Common, console: &mut Console) {
    console.set_color(common.color);
    console.set_verbosity(common.verbosity);
}

fn show(_options: &Options, _console: &mut Console) -> Result<u8> {
    Ok(exit_code::OK)
}

/// Help and version go to standard output, wrong usage to standard error.
fn explain(error: &clap::Error, console: &mut Console) -> u8 {
    let text = error.render();
    if error.use_stderr() {
        console.usage(&text.ansi().to_string());
        if let Some(hint) = cli::hint(error) {
            console.help(&hint);
        }
        return exit_code::USAGE;
    }
    match console.print(&text.ansi().to_string()) {
        Ok(()) => exit_code::OK,
        Err(error) => console.fail(&error),
    }
}
