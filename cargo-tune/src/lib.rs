//! `cargo tune`: the right profile, shown, proven, measured, reversible.
//!
//! Reads top-down: `cli` and `options` (what was asked), `project` (what is), `plan` (what to
//! change and why), `edit`, `apply` and `receipt` (changing it, all or nothing, and back), `report`
//! and `view` (showing it).

pub mod apply;
pub mod build;
pub mod check;
mod cli;
pub mod edit;
pub mod knobs;
mod options;
pub mod plan;
pub mod project;
pub mod receipt;
pub mod record;
mod report;
pub mod trial;
pub mod unwind;
mod view;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches as _;
use codecost::Result;
use codecost::console::Console;

use cli::{Cli, View};
use options::{Options, PlanOptions, SearchOptions};

/// Runs the tool with the process's arguments (the first is the program's name) and returns the
/// exit code of the interface contract.
pub fn run(args: impl IntoIterator<Item = OsString>, console: &mut Console) -> ExitCode {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if let Some(code) = record::intercept(&args) {
        return code;
    }
    // `cargo tune …` starts `cargo-tune tune …`.
    if args.get(1).is_some_and(|arg| arg == "tune") {
        args.remove(1);
    }
    let matches = cli::command().try_get_matches_from(args);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(console.explain(&error, None)),
    };
    match dispatch(cli, console) {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitCode::from(console.fail(&error)),
    }
}

fn dispatch(cli: Cli, console: &mut Console) -> Result<u8> {
    let Cli { view, plan } = cli;
    match view {
        None => {
            let options = PlanOptions::new(plan, console)?;
            options::refuse_github(&options.options.output)?;
            view::plan::run(options, console)
        }
        Some(View::Show(args)) => {
            let options = Options::new(args.common, None, console)?;
            options::refuse_github(&options.output)?;
            view::show::run(options, console)
        }
        Some(View::Explain(args)) => {
            let options = Options::new(args.common, None, console)?;
            options::refuse_github(&options.output)?;
            view::explain::run(&options, args.knob.as_deref(), console)
        }
        Some(View::Measure(args)) => {
            let request = options::request(args.goal)?;
            let options = Options::new(args.common, Some(request.goal), console)?;
            options::refuse_github(&options.output)?;
            view::measure::run(options, &request, args.workload.as_deref(), console)
        }
        Some(View::Search(args)) => {
            let options = SearchOptions::new(args, console)?;
            options::refuse_github(&options.options.output)?;
            view::search::run(options, console)
        }
        Some(View::Check(args)) => {
            let request = options::request(args.goal)?;
            let options = Options::new(args.common, Some(request.goal), console)?;
            view::check::run(options, &request, args.build, console)
        }
        Some(View::Undo(args)) => {
            let options = Options::new(args.common, None, console)?;
            view::undo::run(options, console)
        }
        Some(View::Completions { shell }) => {
            codecost::manual::completions(cli::command(), shell, console.stdout())
                .map_err(to_stdout)?;
            Ok(0)
        }
        Some(View::Man) => {
            codecost::manual::man(cli::command(), console.stdout()).map_err(to_stdout)?;
            Ok(0)
        }
    }
}

fn to_stdout(error: std::io::Error) -> codecost::Error {
    codecost::Error::write("standard output", error)
}
