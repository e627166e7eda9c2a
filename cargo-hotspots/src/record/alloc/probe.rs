//! Whether a program's `#[global_allocator]` passes on to the C library's allocator, as one does that
//! only counts, or is an allocator of its own. No symbol tells, so the program is asked: it is started
//! with the recorder preloaded, which calls the program's `__rust_alloc` before anything of the program
//! has run, looks whether that arrives, and ends the process.

use super::{super::plan::Job, seen};
use codecost::{
    Result,
    cargo::Context,
    image::{Image, Mapping, SymbolKind},
};
use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

/// Exit codes of the program that was asked; `shim/life.rs` has them, too.
const PASSES_ON: i32 = 81;
const OWN: i32 = 82;
/// It has nothing to do but to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where what Rust code allocates comes from in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The C library's allocator, or this is no Rust program.
    Library,
    /// An allocator of the program's own.
    Own,
    /// Not known: the program has no symbols, or its allocator is inlined.
    Unknown,
}

/// Where the allocations of the program come from.
pub(super) fn source(context: &Context, job: &Job, library: &Path) -> Result<Source> {
    let file = Mapping::open(&job.path)?;
    let image = Image::parse(&job.path, &file)?;
    if seen::has_default_allocator(&image) {
        return Ok(Source::Library);
    }
    let table = image.symbols();
    let defined = || {
        table
            .symbols
            .iter()
            .filter(|symbol| symbol.section.is_some())
    };
    let mut functions = defined().filter(|symbol| symbol.kind == SymbolKind::Function);
    let Some(alloc) = functions.find(|symbol| symbol.name.ends_with("__rust_alloc")) else {
        let is_stripped = defined().next().is_none();
        // `rust_begin_unwind`, `__rust_panic_cleanup` and others, of which each has one.
        let is_rust = defined().any(|symbol| symbol.name.contains("rust_"));
        return Ok(match is_stripped || is_rust {
            true => Source::Unknown,
            false => Source::Library,
        });
    };
    let mut command = job.command(context);
    let distance = alloc.address.0.wrapping_sub(image.entry.0);
    command
        .env("LD_PRELOAD", library)
        .env("CARGO_HOTSPOTS_ALLOC_PROBE", distance.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // What cannot be started fails with a better message later.
    let Ok(mut child) = command.spawn() else {
        return Ok(Source::Unknown);
    };
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Ok(Some(status)) = child.try_wait() {
            return Ok(match status.code() {
                Some(PASSES_ON) => Source::Library,
                Some(OWN) => Source::Own,
                _ => Source::Unknown,
            });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    let _ = child.wait();
    Ok(Source::Unknown)
}
