//! Runs what is to be measured, with counters and nothing else.

use super::{
    linux,
    options::{CallGraphChoice, RecordOptions, What},
    plan,
    session::{self, Failure, Recorder},
    setup::Setup,
};
use crate::{
    recording::Program,
    stat::model::{Measured, Usage},
};
use codecost::{Error, Result, cargo::Context, console::Console};
use std::{path::PathBuf, process::Command};

/// Runs it once; and how to run the first program once more.
pub(super) fn measure(
    context: &Context,
    options: &RecordOptions,
    console: &mut Console,
) -> Result<(Measured, Option<Command>)> {
    if let What::Process(pid) = options.what {
        return Err(Error::usage(
            format_args!("process {pid} runs already: what it cost so far was not counted"),
            "let it be started: `cargo hotspots stat --exec PATH -- ARGS`",
        ));
    }
    let mut announce = |additions: &[String]| linux::announce(console, additions);
    let plan = plan::plan(context, options, CallGraphChoice::Dwarf, &mut announce)?;
    linux::say_runner(console, &plan);
    let words: Vec<String> = plan
        .jobs
        .iter()
        .map(|job| format!("`{}`", job.words().join(" ")))
        .collect();
    console.status("Measuring", &words.join(", "));
    let setup = Setup {
        event: String::new(),
        frequency: 0,
        call_graph: CallGraphChoice::None,
        stack_bytes: 0,
        whole_cpus: false,
        // Nothing is written.
        data: PathBuf::new(),
        command: linux::command(&plan, options),
        mlock_kb: None,
        root: false,
    };
    let outcome = session::run(context, &plan.jobs, &Recorder::Counters, &setup, options);
    let outcome = outcome.map_err(|failure| match failure {
        Failure::Other(error) => error,
        // There is no such recorder here.
        Failure::Perf(_) | Failure::Builtin(_) => {
            Error::failed("the program could not be started", "see what it says above")
        }
    })?;
    let mut programs: Vec<Program> = plan.jobs.iter().map(|job| job.program.clone()).collect();
    linux::note_ends(&mut programs, options, &outcome);
    linux::say_ends(console, &plan.jobs, &programs, &outcome);
    let nanoseconds =
        |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let mut usage = Usage::default();
    if let Some(used) = outcome.used {
        usage = Usage {
            user_ns: nanoseconds(used.user),
            system_ns: nanoseconds(used.system),
            minor_faults: used.minor_faults,
            major_faults: used.major_faults,
            voluntary: used.voluntary,
            involuntary: used.involuntary,
            peak_bytes: used.peak_bytes,
            queued_ns: used.queued.map(nanoseconds),
        };
    }
    let build = plan.build.as_ref();
    let counted = outcome.counted.unwrap_or_default();
    let measured = Measured {
        programs,
        command: setup.command,
        build_profile: build.map(|build| build.profile.clone()),
        build_notes: build
            .map(|build| build.additions.clone())
            .unwrap_or_default(),
        duration_ns: nanoseconds(outcome.duration),
        usage,
        counters: counted.counters,
        per_operation: Vec::new(),
        problems: counted.problems,
        of_recording: false,
    };
    let again = plan.jobs.first().map(|job| job.command(context));
    Ok((measured, again))
}
