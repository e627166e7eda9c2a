//! Records allocations: a library of our own, compiled by the user's rustc, is preloaded into the
//! program and counts from inside it; what it counted becomes a recording like any other.
//!
//! ```text
//! seen     can a preloaded library see this program's allocations at all?
//! probe    does the program's own allocator pass on to the C library's?
//! library  the recorder: compiled once for each toolchain
//! linked   where nothing can be preloaded: the recorder linked into what cargo builds
//! preload  how it is told what to do
//! image    the file that it counts in
//! convert  that file as a perf.data
//! ```
//!
//! Neither the user's source nor root is needed. Limits: 64 bits; what is preloaded needs glibc. A
//! program that nothing can be preloaded into, or that has an allocator of its own, is linked once more
//! with the recorder in it, so cargo must build it; else it is refused with the reason.

mod convert;
pub(super) mod image;
pub(super) mod library;
mod linked;
pub(super) mod preload;
mod probe;
pub(super) mod seen;

use super::{
    linux,
    options::{CallGraphChoice, RecordOptions, STACK_BYTES, What},
    plan::{self, Job, Plan},
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
use probe::Source;
use seen::Unseen;
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
    linux::say_runner(console, &plan);
    let ways = make_seen(context, options, call_graph, &mut plan, &library, console)?;
    let store = match &plan.build {
        Some(build) => Store::of_target(&build.target_directory),
        None => Store::find(context, &options.selection)?,
    };
    let unfinished = store.create()?;
    let mut programs = linux::keep(&unfinished, &plan, options)?;
    let data = unfinished.data();
    let mut files = Vec::new();
    for (nth, (job, way)) in plan.jobs.iter_mut().zip(&ways).enumerate() {
        let file = data.with_file_name(format!("allocations.{nth}"));
        image::create(&file)?;
        job.environment.extend(preload::variables(
            context,
            (*way != Way::Linked).then_some(library.as_path()),
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
    let mut degradations = degradations(&counted);
    degradations.extend(partly_seen(&plan.jobs, &ways));
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
        copies: Vec::new(),
        account: linux::account(&outcome),
    })
}

/// How the recorder comes into a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Preloaded,
    /// And it is not known whether it sees all that Rust code allocates.
    PreloadedBlindly,
    Linked,
}

/// Sees to it that the allocations of each program can be counted.
fn make_seen(
    context: &Context,
    options: &RecordOptions,
    call_graph: CallGraphChoice,
    plan: &mut Plan,
    library: &Path,
    console: &mut Console,
) -> Result<Vec<Way>> {
    let mut ways = Vec::new();
    let mut build_now = None;
    for job in &mut plan.jobs {
        let mut unseen = seen::check(&job.path)?;
        if unseen.is_none() {
            unseen = match probe::source(context, job, library)? {
                Source::Library => None,
                Source::Own => Some(Unseen::own_allocator(None)),
                Source::Unknown if plan.build.is_some() => Some(Unseen::unknown_allocator()),
                Source::Unknown => {
                    ways.push(Way::PreloadedBlindly);
                    continue;
                }
            };
        }
        let Some(unseen) = unseen else {
            ways.push(Way::Preloaded);
            continue;
        };
        let (Some(build), true) = (&plan.build, unseen.can_be_linked()) else {
            return Err(unseen.error(&job.path));
        };
        ways.push(Way::Linked);
        let text = format!(
            "`{}` with the allocation recorder: {}",
            job.name,
            unseen.why()
        );
        console.status("Linking", &text);
        let additions = plan::additions(call_graph);
        let made = linked::link(context, options, &additions, build, job, &mut || ())?;
        job.program.path = plan::real(&made.artifact.path)?;
        job.path = made.artifact.path;
        build_now = Some(made.build.additions);
    }
    if let (Some(build), Some(additions)) = (&mut plan.build, build_now) {
        build.additions = additions;
    }
    Ok(ways)
}

/// What of the programs is not counted, or may not be.
fn partly_seen(jobs: &[Job], ways: &[Way]) -> Vec<Degradation> {
    let parts = jobs.iter().zip(ways).filter_map(|(job, way)| match way {
        Way::Preloaded => None,
        Way::PreloadedBlindly => Some(Degradation {
            code: "allocator-unknown".into(),
            what: format!(
                "nothing tells whether `{}` has an allocator of its own: the figures are what the C \
                 library's allocator was asked for",
                job.name
            ),
            remedy: "record a program with its symbols (`strip = \"none\"`), or let cargo build it: \
                     `--bin`"
                .into(),
        }),
        Way::Linked => Some(Degradation {
            code: "rust-only".into(),
            what: format!(
                "`{}` is counted where Rust code asks for memory (`__rust_alloc`): what C code \
                 allocates is not in the figures",
                job.name
            ),
            remedy: "for C code, build for a target with a shared C library and without the \
                     `#[global_allocator]`"
                .into(),
        }),
    });
    parts.collect()
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
