//! What each view does: load, compute, report.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod measure;
pub(crate) mod plan;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod undo;
