//! `cargo tune` as users run it, against what rustc really gets.
//!
//! The witness is cargo's own `-v` output: the command lines of rustc, which neither the tool nor
//! its model of the configuration has a hand in.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod abort;
mod conflicts;
mod contract;
mod corpus;
mod docs;
mod holds;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod linkers;
#[cfg(unix)]
mod matrix;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod pgo;
mod precedence;
mod programs;
mod project;
mod property;
mod reach;
mod selection;
mod sources;
mod trials;
