//! Helpers of the integration tests in `tests/`: fixtures, published programs, the tool as users
//! run it, and the independent witnesses of its figures.
//!
//! Helpers panic with a message when they cannot do their work: a test must not pass by skipping.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod bound;
pub mod directions;
pub mod fixture;
pub mod forge;
pub mod linker_map;
pub mod llvm;
pub mod merged;
pub mod npm;
pub mod relink;
pub mod replay;
pub mod tool;
pub mod truth;
pub mod wheels;
pub mod witness;

pub use published_programs::{command, programs as published};
