//! From a recording and its names to the rows of a view. Knows neither `report` nor `cli`.

pub mod asm;
mod calls;
mod crates;
mod diff;
mod findings;
mod functions;
mod lines;
pub mod model;
mod quality;
mod select;
mod shares;
mod threads;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use diff::compare;
pub use model::{Analysis, Rows};
pub use select::{Selected, path_of, select};

use crate::{
    profile::Profile,
    recording::{About, Recording},
    symbols::{FunctionId, Owner, Symbols},
};
use codecost::{Error, Result, attribution::Origin, report::Warning};
use model::{CrateInfo, Facts, Overview};
use shares::Shares;
use std::collections::BTreeMap;

/// All that is known of a recording.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The samples.
    pub profile: &'a Profile,
    /// The names.
    pub symbols: &'a Symbols,
    /// The recording on disk.
    pub recording: &'a Recording,
    /// The user's own settings of the profile in use, where cargo built the program.
    pub settings: Option<&'a BTreeMap<String, String>>,
    /// The flags that open this recording again, such as `--input perf.data`; none for the latest.
    pub again: String,
}

/// Which rows are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'q> {
    /// The page to start from.
    Overview,
    /// By crate.
    Crates,
    /// By function.
    Functions,
    /// By line.
    Lines,
    /// Who calls this function.
    Callers(&'q str),
    /// What this function calls.
    Callees(&'q str),
    /// By thread.
    Threads,
}

/// Answers the question.
///
/// # Errors
///
/// There is not one sample, or no one function is meant.
pub fn analyse(subject: &Subject<'_>, question: Question<'_>) -> Result<Analysis> {
    let shares = Shares::new(subject.profile, subject.symbols);
    if shares.total.samples == 0 {
        return Err(no_samples(subject));
    }
    let facts = facts(subject, &shares);
    let rows = match question {
        Question::Overview => {
            let (crates, functions) = (crates::rows(&shares), functions::rows(&shares));
            let findings = findings::find(subject, &shares);
            Rows::Overview(Overview {
                crates,
                functions,
                lines: lines::rows(&shares),
                findings,
            })
        }
        Question::Crates => Rows::Crates(crates::rows(&shares)),
        Question::Functions => Rows::Functions(functions::rows(&shares)),
        Question::Lines => Rows::Lines(lines::rows(&shares)),
        Question::Threads => Rows::Threads(threads::rows(&shares)),
        Question::Callers(name) => Rows::Callers(calls::callers(&shares, &one(&shares, name)?)),
        Question::Callees(name) => Rows::Callees(calls::callees(&shares, &one(&shares, name)?)),
    };
    let warnings = quality::warnings(&shares, &facts);
    Ok(Analysis {
        facts,
        total: shares.total,
        rows,
        warnings,
    })
}

/// What was recorded, how well, and what the figures cannot say; for views without rows.
///
/// # Errors
///
/// There is not one sample.
pub fn describe(subject: &Subject<'_>) -> Result<(Facts, Vec<Warning>)> {
    let shares = Shares::new(subject.profile, subject.symbols);
    if shares.total.samples == 0 {
        return Err(no_samples(subject));
    }
    let facts = facts(subject, &shares);
    let warnings = quality::warnings(&shares, &facts);
    Ok((facts, warnings))
}

fn one(shares: &Shares<'_>, name: &str) -> Result<Selected> {
    let functions = shares.symbols.functions.len();
    let anywhere = shares.inclusive(functions, |scope| Some(scope.function.0 as usize));
    select(
        shares.symbols,
        name,
        shares.total.period,
        |FunctionId(at)| anywhere.inclusive[at as usize].period,
    )
}

fn facts(subject: &Subject<'_>, shares: &Shares<'_>) -> Facts {
    let profile = subject.profile;
    let About {
        format: _,
        recorder,
        command,
        programs,
        frequency: _,
        call_graph: _,
        build_notes,
        profile: build_profile,
        directory: _,
        degradations,
    } = subject.recording.about.clone().unwrap_or_default();
    Facts {
        source: subject.recording.data.clone(),
        event: profile.event.clone(),
        recorder: Some(recorder).filter(|recorder| !recorder.is_empty()),
        command,
        programs,
        profile: build_profile,
        build_notes,
        degradations,
        call_graph: profile.call_graph,
        samples: shares.total.samples,
        duration_ns: profile.duration_ns,
        cpu_ns: is_clock(&profile.event).then_some(shares.total.period),
        threads: profile.threads.len() as u64,
        quality: quality::measure(shares),
    }
}

/// Whether periods are nanoseconds of CPU time.
fn is_clock(event: &str) -> bool {
    let name = event.split(':').next().unwrap_or_default();
    matches!(name, "cpu-clock" | "task-clock")
}

/// Why there may be none, and what to do.
fn no_samples(subject: &Subject<'_>) -> Error {
    let path = subject.recording.data.display();
    let programs = subject
        .recording
        .about
        .iter()
        .flat_map(|about| &about.programs);
    let failed = programs.clone().find(|program| {
        program.signal.is_some() || program.exit_code.is_some_and(|code| code != 0)
    });
    if let Some(program) = failed {
        let name = program
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let how = match (program.signal, program.exit_code) {
            (Some(signal), _) => format!("signal {signal}"),
            (None, code) => format!("exit code {}", code.unwrap_or_default()),
        };
        return Error::failed(
            format_args!("`{path}` has no samples: `{name}` ended at once, with {how}"),
            "mend what it reported above; arguments for it go behind `--`",
        );
    }
    if subject.profile.losses.cut_off {
        return Error::failed(
            format_args!("`{path}` has no samples: it ends in the middle of a record"),
            "copy the whole file, or record again; perf must end by itself or by Ctrl-C",
        );
    }
    let lost = subject.profile.losses.lost;
    if lost > 0 {
        return Error::failed(
            format_args!("`{path}` has no samples: all {lost} were lost"),
            "lower `--frequency`, or record with `--call-graph fp`",
        );
    }
    Error::failed(
        format_args!("`{path}` has no samples: the program used no CPU time while it was recorded"),
        "give it more to do (arguments go behind `--`), raise `--frequency`, \
         or run `cargo hotspots doctor`",
    )
}

/// A bucket's label.
fn label(name: &str, origin: Origin) -> CrateInfo {
    CrateInfo {
        name: name.into(),
        package: None,
        version: None,
        origin,
    }
}

/// A crate's label.
fn label_of(owner: &Owner) -> CrateInfo {
    let Owner {
        name,
        package,
        version,
        origin,
        system: _,
    } = owner.clone();
    CrateInfo {
        name,
        package,
        version,
        origin,
    }
}
