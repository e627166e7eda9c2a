//! Records allocations: a library of our own, compiled by the user's rustc, is preloaded into the
//! program and counts from inside it; what it counted becomes a recording like any other.
//!
//! ```text
//! seen     can a preloaded library see this program's allocations at all?
//! library  the library: compiled once for each toolchain
//! preload  how it is told what to do
//! image    the file that it counts in
//! convert  that file as a perf.data
//! ```
//!
//! Neither the user's source nor root is needed. Limits: glibc, 64 bits, programs that are linked
//! dynamically and have no allocator of their own; all others are refused with the reason.

mod convert;
pub(super) mod image;
pub(super) mod library;
pub(super) mod preload;
pub(super) mod seen;

use super::{
    linux,
    options::{CallGraphChoice, RecordOptions, STACK_BYTES, What},
    plan::{self, Job},
    session::{self, Failure, Outcome, Recorder},
    setup::Setup,
    store::{FORMAT, Store},
};
use crate::{
    allocations::stacks,
    record::AllocationOptions,
    recording::{About, Degradation, Recording},
};
use codecost::{
    Error, Result,
    cargo::{Context, Toolchain},
    console::Console,
};
use image::Counted;
use preload::{BY_POINTERS, BY_TABLES, EXACT, EXACT_BY_TABLES};
use std::path::Path;

/// The event, as perf would name it: samples weigh the bytes that were asked for.
const EVENT: &str = "alloc-bytes:u";

/// Records the allocations of what the options name.
pub(super) fn record(
    context: &Context,
    options: &RecordOptions,
    how: &AllocationOptions,
    console: &mut Console,
) -> Result<Recording> {
    if let What::Process(pid) = options.what {
        return Err(Error::usage(
            format_args!("process {pid} runs already: its allocations so far were not counted"),
            "let it be started: `cargo hotspots alloc --exec PATH -- ARGS`",
        ));
    }
    let call_graph = options.call_graph.unwrap_or(match options.what {
        What::Target => CallGraphChoice::FramePointers,
        // Whoever built it may have left frame pointers out.
        _ => CallGraphChoice::Dwarf,
    });
    let toolchain = Toolchain::load(context, &options.selection)?;
    let mut compiling = || {
        console.status(
            "Compiling",
            "the allocation recorder, once for this toolchain",
        );
    };
    let library = library::library(context, &toolchain, &mut compiling)?;
    let mut announce = |additions: &[String]| linux::announce(console, additions);
    let mut plan = plan::plan(context, options, call_graph, &mut announce)?;
    for job in &plan.jobs {
        seen::check(&job.path)?;
    }
    let store = match &plan.build {
        Some(build) => Store::of_target(&build.target_directory),
        None => Store::find(context, &options.selection)?,
    };
    let unfinished = store.create()?;
    let mut programs = linux::keep(&unfinished, &plan, options)?;
    let data = unfinished.data();
    let mut files = Vec::new();
    for (nth, job) in plan.jobs.iter_mut().enumerate() {
        let file = data.with_file_name(format!("allocations.{nth}"));
        image::create(&file)?;
        job.environment.extend(preload::variables(
            context,
            &library,
            &file,
            how.interval,
            how.every,
            call_graph,
        ));
        files.push(file);
    }
    let setup = Setup {
        event: EVENT.into(),
        frequency: 0,
        call_graph,
        stack_bytes: STACK_BYTES,
        whole_cpus: false,
        data,
        command: linux::command(&plan, options),
        mlock_kb: None,
        root: false,
    };
    say_begin(console, &plan.jobs, how, call_graph);
    let outcome = session::run(context, &plan.jobs, &Recorder::Within, &setup, options)
        .map_err(|failure| error_of(failure, options))?;
    linux::note_ends(&mut programs, options, &outcome);
    linux::say_ends(console, &plan.jobs, &programs, &outcome);
    let mut counted = Vec::new();
    for (job, file) in plan.jobs.iter().zip(&files).take(outcome.ends.len()) {
        let mut of_program = read(job, file, &outcome)?;
        if of_program.totals.complete == 0 {
            of_program.totals.interval = preload::interval_of(how.interval, call_graph);
        }
        of_program.totals.stacks = match call_graph {
            CallGraphChoice::FramePointers => stacks::POINTERS,
            CallGraphChoice::Dwarf => stacks::TABLES,
            CallGraphChoice::None => stacks::NONE,
        };
        counted.push(of_program);
    }
    let degradations = degradations(&counted);
    convert::write(&setup, &plan.jobs, &counted)?;
    for file in &files {
        // What cannot be deleted only takes room.
        let _ = std::fs::remove_file(file);
    }
    let build = plan.build.as_ref();
    unfinished.finish(About {
        format: FORMAT,
        recorder: super::ALLOCATIONS.into(),
        command: setup.command,
        programs,
        frequency: 0,
        call_graph: call_graph.as_str().into(),
        build_notes: build
            .map(|build| build.additions.clone())
            .unwrap_or_default(),
        build_profile: build.map(|build| build.profile.clone()),
        directory: Some(context.directory().to_path_buf()),
        whole_cpus: false,
        degradations,
        account: linux::account(&outcome),
    })
}

/// What a program counted; an error when it counted nothing.
fn read(job: &Job, file: &Path, outcome: &Outcome) -> Result<Counted> {
    let counted = image::read(file)?;
    match counted {
        Some(counted) if counted.totals.allocations > 0 => Ok(counted),
        // Nothing is known of it, which is not the same as that it allocated nothing.
        _ => Err(seen::nothing(&job.path, outcome.ends.first())),
    }
}

/// What is less than it could be.
fn degradations(counted: &[Counted]) -> Vec<Degradation> {
    let mut found = Vec::new();
    let forks: u64 = counted.iter().map(|counted| counted.totals.forks).sum();
    if forks > 0 {
        found.push(Degradation {
            code: "children".into(),
            what: format!("the program forked {forks} times, and children are not counted"),
            remedy: "record what they run by itself: `cargo hotspots alloc --exec PATH`".into(),
        });
    }
    if counted.iter().any(|counted| !counted.sizes) {
        found.push(Degradation {
            code: "sizes".into(),
            what: "this C library keeps the sizes of blocks in a way of its own, so bytes at the \
                   peak and bytes never freed are not to be trusted"
                .into(),
            remedy: "compare with `valgrind --tool=dhat`".into(),
        });
    }
    let ended = |counted: &&Counted| counted.totals.ended == 0;
    if counted.iter().any(|counted| ended(&counted)) {
        found.push(Degradation {
            code: "no-exit".into(),
            what: "the program ended without its exit handlers (abort, a signal, `_exit` or \
                   `exec`): the figures are those until then"
                .into(),
            remedy: "none is needed, unless it should have ended otherwise".into(),
        });
    }
    found
}

fn say_begin(
    console: &mut Console,
    jobs: &[Job],
    how: &AllocationOptions,
    call_graph: CallGraphChoice,
) {
    let words: Vec<String> = jobs
        .iter()
        .map(|job| format!("`{}`", job.words().join(" ")))
        .collect();
    let stacks = match (call_graph, how.every, how.interval) {
        (CallGraphChoice::None, ..) => "no stacks".to_owned(),
        (_, _, Some(0)) | (CallGraphChoice::FramePointers, true, None) => {
            "the stack of each".to_owned()
        }
        (CallGraphChoice::FramePointers, false, None) => format!(
            "the stacks of the first {}, then one each {} KiB",
            codecost::units::thousands(EXACT),
            BY_POINTERS >> 10
        ),
        (CallGraphChoice::Dwarf, _, None) => format!(
            "the stacks of the first {}, then one each {} KiB",
            codecost::units::thousands(EXACT_BY_TABLES),
            BY_TABLES >> 10
        ),
        (_, _, Some(interval)) => {
            format!("a stack each {} B", codecost::units::thousands(interval))
        }
    };
    let text = format!("{} (allocations, {stacks})", words.join(", "));
    console.status("Recording", &text);
}

fn error_of(failure: Failure, _: &RecordOptions) -> Error {
    match failure {
        Failure::Other(error) => error,
        // There is no such recorder here.
        Failure::Perf(_) | Failure::Builtin(_) => {
            Error::failed("the program could not be started", "see what it says above")
        }
    }
}
