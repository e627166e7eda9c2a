//! From the rows of an analysis to what a user sees. Each command describes its columns for people
//! and CSV, and its JSON row; `codecost::report` renders. Nothing is computed here beyond shares.
//! Every report opens with the quality of its data.

pub mod alloc;
pub mod asked;
pub mod asm;
pub mod calls;
pub mod check;
mod common;
pub mod crates;
pub mod diff;
pub mod doctor;
pub mod functions;
pub mod lines;
pub mod loops;
mod names;
pub mod overview;
pub mod recording;
pub mod recordings;
pub mod stat;
pub mod summary;
pub mod threads;

#[cfg(test)]
mod tests;
