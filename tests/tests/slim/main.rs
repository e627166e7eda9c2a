//! `cargo slim` as users run it, on real programs, against witnesses that share no code with it:
//! the linker's map, binutils, rustc's own strip.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
// A fixture that cannot be made fails its test; figures are printed for `--nocapture`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_macros)]

mod archives;
mod builds;
mod contract;
mod data;
mod deps;
mod findings;
mod firmware;
mod foreign;
mod foreign_forms;
mod generics;
mod hostile;
mod kinds;
mod language;
mod map;
mod marks;
mod names;
mod objects;
mod parts;
mod references;
mod required;
mod rows;
mod rules;
mod sources;
mod spaces;
mod split;
mod starts;
mod stripped;
mod sums;
mod tables;
mod threads;
mod variables;
mod wasm;
mod witnesses;

use integration_tests::tool::Tool;
use std::path::Path;

/// The tool, from the very `main.rs` that users run.
fn slim() -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_slim-under-test"), "slim")
}

/// Where published programs are kept between runs.
fn cache() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}
