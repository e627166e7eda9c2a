//! How each command's result is shown: rows for machines, pages for people.

pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod explain;
mod front;
mod json;
pub(crate) mod measure;
pub(crate) mod pgo;
pub(crate) mod plan;
pub(crate) mod search;
pub(crate) mod show;
mod trials;
pub(crate) mod undo;
