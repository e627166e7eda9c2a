//! From a recording and its names to rows. Knows neither `report` nor `commands`.
//!
//! Each analysis is a function of a [`Subject`] that returns its rows with the facts of the
//! recording. What they share is in `subject` (quality, errors) and `shares` (who a sample counts
//! for).

mod advice;
pub mod alloc;
mod ask;
pub mod asm;
mod calls;
mod coverage;
mod crates;
mod diff;
mod findings;
pub mod fold;
mod functions;
mod label;
mod lines;
mod merged;
pub mod model;
mod overview;
mod quality;
mod select;
mod shares;
mod subject;
mod threads;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use ask::{By, asked, is_finding};
pub use calls::{Frames, callees, callers};
pub use crates::crates;
pub use diff::{Measured, compare};
pub use functions::functions;
pub use lines::lines;
pub use model::Analysis;
pub use overview::overview;
pub use select::{Selected, path_of, select};
pub use subject::{Subject, describe};
pub use threads::threads;
