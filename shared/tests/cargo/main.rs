//! Builds of real projects by the real cargo, and what is found out about them.

// A fixture that cannot be made fails its test.
#![allow(clippy::unwrap_used)]

mod build;
mod catalogue;
#[cfg(target_os = "linux")]
mod environment;
mod project;
