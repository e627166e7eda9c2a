//! From results to what a user sees: one module for each command. Each describes its columns for
//! people and CSV, and its JSON row; `codecost::report` renders. Nothing is computed here beyond
//! shares.

pub mod check;
pub mod crates;
pub mod data;
pub mod deps;
pub mod diff;
pub mod functions;
pub mod generics;
pub mod inlined;
pub mod language;
pub mod loads;
pub mod overview;
pub mod retained;
pub mod sections;
pub mod why;

mod budgets;
mod changes;
mod comment;
mod envelope;
mod header;
mod lead;
mod listed;
mod names;
mod sizes;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
