//! `cargo hotspots` as users run it.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_macros)]

mod alloc;
mod answers;
mod costs;
mod foreign_files;
mod forms;
mod inputs;
mod shares;
mod views;
mod waits;
mod witnesses;

use integration_tests::tool::Tool;

/// The tool, from the very `main.rs` that users run.
fn hotspots() -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_hotspots-under-test"), "hotspots")
}
