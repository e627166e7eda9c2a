//! Budgets: what an artifact may weigh, how much it may grow, and what must not be in it.
//!
//! A ceiling and growth are different gates, and a budget may hold both. What could not be
//! measured fails: a gate that measures nothing must not look like one that passed.

mod baseline;
mod check;
mod config;
mod given;
mod judge;
mod measure;
mod scope;
mod update;

pub use baseline::{Baseline, Identity, Unlike, words};
pub use check::{Checked, Judged, Options, Step, check};
pub use config::{Budget, Config, Forbid, Measure, Pattern, Rule, Target, Wanted};
pub use judge::{Row, Status, Verdict, judge};
pub use measure::{Images, Measured, Reading};
pub use update::{Edit, update};
