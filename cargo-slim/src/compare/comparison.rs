//! All that changed between two builds.

use super::{
    causes::{self, Cause},
    change::{Change, Kind},
    crates, families, functions, matching, pairs,
};
use crate::snapshot::Snapshot;
use std::collections::BTreeMap;

/// All that changed.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The changes, by kind, each kind with the largest change first.
    pub changes: Vec<Change>,
    /// What can have caused them.
    pub causes: Vec<Cause>,
    /// Those that hold for every crate, in one.
    pub cause_of_all: Option<String>,
}

impl Comparison {
    /// Compares two builds. O(n log n) in the number of functions.
    pub fn new(before: &Snapshot, after: &Snapshot) -> Self {
        let causes = causes::find(before, after);
        let pairs = pairs::pair(before, after);
        let matched = matching::functions(before, after, &pairs);
        let mut changes = crates::changes(before, after, &pairs, &matched);
        for change in &mut changes {
            change.cause = causes::of_crate(&causes, change);
        }
        changes.extend(sections(before, after));
        changes.extend(functions::changes(before, after, &pairs, &matched));
        changes.extend(families::changes(before, after, &pairs, &matched));
        changes.sort_by(|a, b| {
            (a.kind, std::cmp::Reverse(a.delta().unsigned_abs()), &a.name).cmp(&(
                b.kind,
                std::cmp::Reverse(b.delta().unsigned_abs()),
                &b.name,
            ))
        });
        Self {
            changes,
            cause_of_all: causes::of_all(&causes),
            causes,
        }
    }

    /// The rows of one kind.
    pub fn of(&self, kind: Kind) -> &[Change] {
        let start = self.changes.partition_point(|change| change.kind < kind);
        let end = self.changes.partition_point(|change| change.kind <= kind);
        self.changes.get(start..end).unwrap_or_default()
    }
}

/// By name; sections of one name count together.
fn sections(before: &Snapshot, after: &Snapshot) -> Vec<Change> {
    let mut sizes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for section in &before.sections {
        let size = &mut sizes.entry(&section.name).or_default().0;
        *size = size.saturating_add(section.file);
    }
    for section in &after.sections {
        let size = &mut sizes.entry(&section.name).or_default().1;
        *size = size.saturating_add(section.file);
    }
    sizes
        .into_iter()
        .filter(|(_, (before, after))| before != after)
        .map(|(name, (before, after))| Change::new(Kind::Section, name.into(), before, after))
        .collect()
}

#[cfg(test)]
mod tests;
