//! One thing that changed between two builds.

use codecost::attribution::Origin;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A crate or a bucket; these rows add up to what ships.
    Crate,
    /// A section; these rows add up to what ships.
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
    pub(super) fn of(before: u64, after: u64) -> Self {
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
    /// Where a crate comes from; `None` for what is no crate, and for `[symbols]`.
    pub origin: Option<Origin>,
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

    pub(super) fn new(kind: Kind, name: String, before: u64, after: u64) -> Self {
        Self {
            kind,
            name,
            owner: None,
            origin: None,
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
