//! Size over time, as users run it: `cargo slim snapshot`, `diff` and `check`.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_macros)]

mod baselines;
mod budgets;
mod changes;
mod formats;
mod project;
mod revisions;
mod snapshots;
mod submodules;
mod workflows;

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
