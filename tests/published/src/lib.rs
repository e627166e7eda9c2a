//! Programs of the registry that the tests measure, and commands that build them the same way
//! wherever they are started.
//!
//! Helpers panic with a message when they cannot do their work: a test must not pass by skipping.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod command;
pub mod programs;
