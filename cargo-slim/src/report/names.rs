//! Names short enough to read in a table.

use crate::analysis::model::CrateInfo;
use codecost::{
    attribution::Role,
    report::{self, Nth},
};
use std::{borrow::Cow, collections::HashMap, hash::Hash};

/// `name` without what the crate column says already; see [`report::short_name`].
pub(super) fn short<'a>(name: &'a str, label: &CrateInfo) -> Cow<'a, str> {
    report::short_name(name, label.as_name())
}

/// Names that more than one crate of a report has, so that only these need their version.
#[derive(Debug, Default)]
pub(super) struct Ambiguous<'a>(report::Ambiguous<'a>);

impl<'a> Ambiguous<'a> {
    pub(super) fn among(labels: impl Iterator<Item = &'a CrateInfo>) -> Self {
        Self(report::Ambiguous::among(labels.map(CrateInfo::as_name)))
    }

    /// `regex`, or where there are several `regex 1.12.2`, `memchr 2.7.6 (std)`, `grex (program)`.
    pub(super) fn name<'l>(&self, label: &'l CrateInfo) -> Cow<'l, str> {
        with_role(self.0.name(label.as_name()), label.role)
    }
}

/// The name of a crate, and what tells it from another one of which all else is the same.
pub(super) fn with_role(name: Cow<'_, str>, role: Role) -> Cow<'_, str> {
    match role {
        Role::First => name,
        Role::Nth(nth) => format!("{name} #{nth}").into(),
        Role::Outer => format!("{name} (outer)").into(),
        Role::Program => format!("{name} (program)").into(),
    }
}

/// Counts the rows of one name. Crates of one name are counted by their roles, whichever is larger: the
/// next build may change that.
pub(super) fn numbered_by_role<'r, R, K: Eq + Hash>(
    rows: &'r [R],
    key: impl Fn(&'r R) -> K,
    role: impl Fn(&R) -> Role,
) -> Vec<Nth<'r, R>> {
    let mut same: HashMap<K, Vec<(Role, usize)>> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        same.entry(key(row)).or_default().push((role(row), at));
    }
    let mut numbers = vec![1; rows.len()];
    for rows in same.values_mut() {
        rows.sort_unstable();
        for (nth, (_, at)) in (1..).zip(rows) {
            numbers[*at] = nth;
        }
    }
    let rows = rows.iter().zip(numbers);
    rows.map(|(row, nth)| Nth { row, nth }).collect()
}
