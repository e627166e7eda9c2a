//! `cargo slim`: what is in my binary, byte for byte, and whose is it?
//!
//! Raw arguments (`cli`) become validated [`options`]; the [`analysis`] computes the rows of a
//! view; [`report`] shows them.

pub mod analysis;
pub mod budget;
mod cli;
pub mod compare;
pub mod jobs;
pub mod ledger;
pub mod options;
pub mod report;
pub mod snapshot;

use analysis::{Depth, Subject};
use cli::Cli;
use codecost::{Error, Result, console::Console, error::exit_code, manual, report::write_file};
use options::{By, Options, Task, View};
use std::{ffi::OsString, process::ExitCode};

/// Runs the tool with `args`, the program's name first, over `console`.
pub fn run(args: impl Iterator<Item = OsString>, console: &mut Console) -> ExitCode {
    let done = match Cli::read(args) {
        Ok(cli) => Task::from_cli(cli).and_then(|task| perform(task, console)),
        Err(error) => {
            let hint = cli::hint(&error);
            return ExitCode::from(console.explain(&error, hint.as_deref()));
        }
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
            console.obey(&options.common);
            if let Some(hint) = &options.hint {
                console.help(hint);
            }
            show(&options, console)?;
        }
        Task::Diff(options) => {
            console.obey(&options.common);
            let compared = jobs::diff(&options, console)?;
            report::write_diff(&compared, &options.common, console)?;
        }
        Task::Check(options) => {
            console.obey(&options.common);
            let checked = jobs::check(&options, console)?;
            report::write_check(&checked, &options.common, console)?;
            if checked.verdict.fails() {
                return Ok(exit_code::GATE);
            }
        }
        Task::Snapshot(options) => {
            console.obey(&options.common);
            let snapshot = jobs::snapshot(&options, console)?;
            match &options.common.output.output {
                Some(path) => write_file(path, |to| snapshot.write(to))?,
                None => snapshot.write(console.stdout()).map_err(failed)?,
            }
        }
    }
    Ok(exit_code::OK)
}

fn show(options: &Options, console: &mut Console) -> Result<()> {
    let with_debug = options.view == View::Crates(By::Inlined);
    let opened = analysis::open(&options.input, with_debug, &mut |added| {
        announce(console, added);
    })?;
    let mut subject = Subject::new(&opened.files, Depth::of(options.view))?;
    let analysis = analysis::analyse(&opened, &mut subject, options.view)?;
    opened.files.check_unchanged()?;
    report::write(&analysis, options, console)
}

/// Why the first build takes long: it is one of our own.
fn announce(console: &mut Console, added: &[String]) {
    let how = match added {
        [] => "as your profile says".to_owned(),
        added => format!("with {}", added.join(", ")),
    };
    console.status(
        "Building",
        &format!("{how}, beside your own build: the first run rebuilds the dependencies"),
    );
}
