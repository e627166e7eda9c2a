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
pub mod gate;
pub mod machine;
pub mod open;
pub mod options;
mod paths;
pub mod perf_data;
pub mod profile;
pub mod record;
pub mod recording;
pub mod report;
mod shell;
pub mod symbolize;
pub mod symbols;

use analysis::{
    Question, Subject,
    asm::{Query, asm},
    model::Facts,
};
use cli::Cli;
use codecost::{
    Error, Result,
    console::Console,
    error::exit_code,
    manual,
    report::{OutputOptions, write_file},
};
use export::Named;
use open::Opened;
use options::{DiffOptions, DoctorOptions, ExportFormat, Options, Source, Task, View};
use shell::quoted;
use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

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
            return show(&options, console);
        }
        Task::Diff(options) => {
            let DiffOptions {
                before,
                after,
                common,
            } = *options;
            console.obey(&common);
            let read = |path| Opened::read(record::open(path)?, String::new(), false);
            let (before, after) = (read(&before)?, read(&after)?);
            let comparison = analysis::compare(&subject(&before), &subject(&after))?;
            report::write_diff(&comparison, &common.output, console)?;
        }
        Task::Doctor(options) => {
            let DoctorOptions { selection, common } = *options;
            console.obey(&common);
            let findings = doctor::examine(&selection)?;
            report::write_doctor(&findings, &common.output, console)?;
        }
    }
    Ok(exit_code::OK)
}

/// Shows a view; the exit code says what `--strict` says.
fn show(options: &Options, console: &mut Console) -> Result<u8> {
    let (recording, again) = match &options.source {
        Source::Input(path) => {
            let again = format!(" --input {}", quoted(&path.display().to_string()));
            (record::open(path)?, again)
        }
        Source::Latest(selection) => (record::latest(selection)?, String::new()),
        Source::Record(options) => {
            let made = record::record(options, console)?;
            let kept = made.data.parent().unwrap_or(&made.data);
            console.status("Recorded", &format!("to {}", kept.display()));
            (made, String::new())
        }
    };
    let timeline = options.view == View::Export(ExportFormat::Firefox);
    let progress = console.progress("reading the recording", None);
    let opened = Opened::read(recording, again, timeline)?;
    drop(progress);
    let facts = match question(&options.view) {
        Some(question) => rows(&opened, question, &options.common.output, console)?,
        None => whole(&opened, &options.view, &options.common.output, console)?,
    };
    let exceeded = facts.exceeded();
    if options.strict && !exceeded.is_empty() {
        console.fail(&Error::failed(
            format_args!("the recording is doubtful: {}", exceeded.join("; ")),
            "see the warnings for what to do about it, or leave out `--strict`",
        ));
        return Ok(exit_code::GATE);
    }
    Ok(exit_code::OK)
}

/// The views that are rows.
fn question(view: &View) -> Option<Question<'_>> {
    Some(match view {
        View::Overview => Question::Overview,
        View::Crates => Question::Crates,
        View::Functions => Question::Functions,
        View::Lines => Question::Lines,
        View::Callers(name) => Question::Callers(name),
        View::Callees(name) => Question::Callees(name),
        View::Threads => Question::Threads,
        View::Asm(_) | View::Flamegraph | View::Export(_) => return None,
    })
}

fn rows(
    opened: &Opened,
    question: Question<'_>,
    output: &OutputOptions,
    console: &mut Console,
) -> Result<Facts> {
    // Only findings ask for them.
    let settings = match question {
        Question::Overview => opened.settings(),
        _ => None,
    };
    let subject = Subject {
        settings: settings.as_ref(),
        ..subject(opened)
    };
    let analysis = analysis::analyse(&subject, question)?;
    report::write(&analysis, &opened.again, output, console)?;
    Ok(analysis.facts)
}

fn not_for_a_terminal(output: &OutputOptions) -> Result<()> {
    if output.output.is_none() && io::stdout().is_terminal() {
        return Err(Error::usage(
            "this format is not for a terminal",
            "name a file with `-o FILE`",
        ));
    }
    Ok(())
}

fn subject(opened: &Opened) -> Subject<'_> {
    Subject {
        profile: &opened.profile,
        symbols: &opened.symbols,
        recording: &opened.recording,
        settings: None,
        again: opened.again.clone(),
    }
}

/// The views that show or write the whole recording.
fn whole(
    opened: &Opened,
    view: &View,
    output: &OutputOptions,
    console: &mut Console,
) -> Result<Facts> {
    let (facts, warnings) = analysis::describe(&subject(opened))?;
    let named = Named {
        profile: &opened.profile,
        symbols: &opened.symbols,
    };
    let title = report::title(&facts);
    match view {
        View::Asm(name) => {
            let query = Query {
                again: &opened.again,
                ..Query::of(name)
            };
            let mut found = asm(&opened.profile, &opened.symbols, &query)?;
            let known: Vec<_> = found.warnings.iter().map(|warning| warning.code).collect();
            let others = warnings.into_iter();
            found
                .warnings
                .extend(others.filter(|warning| !known.contains(&warning.code)));
            report::asm::write(&found, &facts, output, console)?;
            return Ok(facts);
        }
        View::Flamegraph => {
            not_for_a_terminal(output)?;
            let subtitle = report::subtitle(&facts);
            write(output, console, |to| {
                export::flamegraph(named, &title, &subtitle, to)
            })?;
        }
        View::Export(ExportFormat::Folded) => {
            write(output, console, |to| export::folded(named, to))?;
        }
        View::Export(format) => {
            not_for_a_terminal(output)?;
            write(output, console, |to| match format {
                ExportFormat::Firefox => export::firefox(named, &title, to),
                _ => export::pprof(named, to),
            })?;
        }
        _ => {}
    }
    for warning in &warnings {
        console.warning(warning);
    }
    Ok(facts)
}

/// To the file that the options name, or to standard output.
fn write(
    output: &OutputOptions,
    console: &mut Console,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    match &output.output {
        Some(path) => write_file(path, content),
        None => content(console.stdout()).map_err(|error| Error::write("standard output", error)),
    }
}
