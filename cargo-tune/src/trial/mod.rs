//! Variants of a build: making them, weighing them, timing them.
//!
//! A variant is an assignment of values to knobs. Nothing is edited: values are given as `--config`
//! arguments and as flags after those in force.

pub mod adopt;
pub mod bench;
mod bulk;
pub mod choice;
pub mod heat;
pub mod measure;
pub mod outcome;
pub mod paired;
pub mod part;
pub mod price;
mod proposals;
pub mod prune;
pub mod search;
pub mod settle;
pub mod taste;
pub mod timing;
pub mod variant;
pub mod workload;
