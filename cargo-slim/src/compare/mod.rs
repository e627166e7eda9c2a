//! What changed between two snapshots, and why.
//!
//! Crates partition the file, and so do sections: their deltas add up to the difference of the
//! files exactly. Code that only moved (a renamed module, a split crate, another crate that made
//! the copy) is found by matching functions in passes from strict to loose, and is not growth.
//! Symbol tables are a row of their own, because other names for the same code change them and
//! nothing else; padding is one row, because it follows from everything else.

mod causes;
mod crates;
mod families;
mod functions;
mod likeness;
mod matching;
mod names;
mod renames;
mod unknown;

pub use causes::Cause;
pub use likeness::warnings;

use crate::snapshot::{Names, Snapshot};
use std::collections::BTreeMap;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A crate or a bucket; these rows add up to the file.
    Crate,
    /// A section; these rows add up to the file.
    Section,
    /// A function.
    Function,
    /// All copies of a generic function.
    Generic,
}

impl Kind {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crate => "crate",
            Self::Section => "section",
            Self::Function => "function",
            Self::Generic => "generic",
        }
    }
}

/// What happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is larger.
    Grown,
    /// It is smaller.
    Shrunk,
    /// The same bytes under another name, in another crate or from another crate.
    Moved,
}

impl Status {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Grown => "grown",
            Self::Shrunk => "shrunk",
            Self::Moved => "moved",
        }
    }

    /// From two sizes that differ.
    fn of(before: u64, after: u64) -> Self {
        match (before, after) {
            (0, 1..) => Self::Added,
            (1.., 0) => Self::Removed,
            (before, after) if after > before => Self::Grown,
            (before, after) if after < before => Self::Shrunk,
            _ => Self::Moved,
        }
    }
}

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is.
    pub kind: Kind,
    /// Its name: the new one where it has two.
    pub name: String,
    /// The defining crate of a function or generic.
    pub owner: Option<String>,
    /// The version of the crate, now; the old one of a crate that is gone.
    pub version: Option<String>,
    /// The version before, where it is another.
    pub version_before: Option<String>,
    /// Bytes before.
    pub before: u64,
    /// Bytes now.
    pub after: u64,
    /// What happened.
    pub status: Status,
    /// How much of the change is code that moved between crates (negative: out of this one).
    pub moved: i64,
    /// What it was called, or where it stood, before.
    pub from: Option<String>,
    /// Copies of a generic function before and now.
    pub copies: Option<(u64, u64)>,
    /// Why, where its own package says so; see [`Change::why`].
    pub cause: Option<String>,
}

impl Change {
    /// Bytes now minus bytes before.
    pub fn delta(&self) -> i64 {
        delta(self.before, self.after)
    }

    /// Why it changed: its own cause, else, for a crate, what holds for `all` of them.
    pub fn why<'c>(&'c self, all: Option<&'c str>) -> Option<&'c str> {
        let is_crate = self.kind == Kind::Crate && !self.name.starts_with('[');
        self.cause.as_deref().or(all.filter(|_| is_crate))
    }

    fn new(kind: Kind, name: String, before: u64, after: u64) -> Self {
        Self {
            kind,
            name,
            owner: None,
            version: None,
            version_before: None,
            before,
            after,
            status: Status::of(before, after),
            moved: 0,
            from: None,
            copies: None,
            cause: None,
        }
    }
}

/// `after - before`.
pub fn delta(before: u64, after: u64) -> i64 {
    let delta = i128::from(after) - i128::from(before);
    delta.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

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
        let pairs = crates::pair(before, after);
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

/// The name of a family.
fn family(families: &Names, index: Option<u32>) -> Option<&str> {
    index.map(|index| families.get(index as usize))
}

#[cfg(test)]
mod tests;
