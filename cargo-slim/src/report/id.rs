//! Stable identities of rows; see [`codecost::report::RowId`].

pub(super) use codecost::report::{CrateRowId, Nth, RowId, numbered as count};
