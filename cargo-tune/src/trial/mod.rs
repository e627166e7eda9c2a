//! Variants of a build: making them, weighing them, timing them.
//!
//! A variant is an assignment of values to knobs. Nothing is edited: values are given as `--config`
//! arguments and as flags after those in force.

pub mod adopt;
pub mod bench;
pub mod choice;
pub mod heat;
pub mod measure;
pub mod outcome;
pub mod paired;
pub mod part;
mod proposals;
pub mod search;
mod settle;
mod timing;
pub mod variant;
pub mod workload;
