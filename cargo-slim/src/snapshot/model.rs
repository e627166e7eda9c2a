//! What a snapshot holds.

use super::names::Names;
use crate::{analysis::model::ReadDepth, ledger::ByCategory};
use codecost::{attribution::Origin, report::Warning};
use std::collections::{BTreeMap, BTreeSet};

/// The schema of the file; a breaking change raises the number.
pub(super) const SCHEMA: &str = "cargo-slim/1";
/// The `view` member that tells a snapshot from a report.
pub(super) const VIEW: &str = "snapshot";

/// The name of a function that only the unwind tables know. Its address would differ in each
/// build.
pub const NAMELESS: &str = "[function]";

/// One build's sizes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The analysed file.
    pub artifact: Artifact,
    /// Sizes of the artifact as the user's own profile builds it.
    pub measures: Measures,
    /// Bytes of memory once loaded.
    pub memory: u64,
    /// All crates and buckets; their `file` adds up to the file.
    pub crates: Vec<Crate>,
    /// All sections, headers and gaps; their `file` adds up to the file.
    pub sections: Vec<Section>,
    /// The names of generic families, sorted.
    pub families: Names,
    /// The functions' names, one for each entry of `functions`, sorted.
    pub names: Names,
    /// All functions in the order of their names.
    pub functions: Vec<Function>,
    /// How it was built, where that is known.
    pub build: Option<Build>,
    /// The file that it was read from, where it was.
    pub read_from: Option<String>,
    /// The commit that it was built from, where a commit was asked for; not part of the file.
    pub commit: Option<String>,
    /// What makes its figures less than they seem; of a snapshot that was read this is not known.
    pub warnings: Vec<Warning>,
}

/// The analysed file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    /// Its path as seen from the directory where it was analysed, else its name.
    pub path: String,
    /// `elf`, `mach-o`, …
    pub format: String,
    /// The processor.
    pub architecture: String,
    /// Bytes as analysed.
    pub file_size: u64,
    /// Bytes with `strip = "symbols"`, computed from the analysed file.
    pub shipped_size: Option<u64>,
    /// The package.
    pub package: Option<String>,
    /// The cargo target.
    pub target_name: Option<String>,
    /// `bin`, `example`, `cdylib`, …
    pub target_kind: Option<String>,
    /// The profile.
    pub profile: Option<String>,
    /// What was added for the analysis.
    pub build_notes: Vec<String>,
    /// Whether there were no symbols; `None` where an older tool did not say.
    pub stripped: Option<bool>,
    /// Whether there was no such artifact, and so nothing to measure.
    pub absent: bool,
    /// What was read of the file; `None` where an older tool did not say.
    pub depth: Option<ReadDepth>,
}

/// What a budget can measure of an artifact as a whole. `None`: not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// Bytes of the file.
    pub file: Option<u64>,
    /// Bytes with `strip = "symbols"`.
    pub shipped: Option<u64>,
    /// Bytes as gzip.
    pub gzip: Option<u64>,
    /// Bytes as zstd.
    pub zstd: Option<u64>,
    /// Bytes as brotli.
    pub brotli: Option<u64>,
    /// File bytes of the loaded segments.
    pub flash: Option<u64>,
    /// Memory bytes of the writable loaded segments.
    pub ram: Option<u64>,
}

/// A crate or a bucket in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crate {
    /// As rustc knows it.
    pub name: String,
    /// The package.
    pub package: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// Bytes of the file.
    pub file: u64,
    /// Bytes that stay with `strip = "symbols"`; `None` where the format gives no way to tell, or
    /// an older tool did not say.
    pub shipped: Option<u64>,
    /// Bytes of memory.
    pub memory: u64,
    /// The bytes of the file by what they are used for; they add up to `file`.
    pub parts: ByCategory,
}

/// A section, or a bucket such as `[headers]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: String,
    /// Bytes of the file.
    pub file: u64,
    /// As [`Crate::shipped`].
    pub shipped: Option<u64>,
    /// Bytes of memory.
    pub memory: u64,
}

/// One function; its name is in [`Snapshot::names`] at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Function {
    /// The defining crate, an index into [`Snapshot::crates`].
    pub owner: u32,
    /// The section, an index into [`Snapshot::sections`].
    pub section: u32,
    /// Bytes, without padding.
    pub size: u64,
    /// The crate that made the copy, where known.
    pub by: Option<u32>,
    /// The generic family, an index into [`Snapshot::families`].
    pub family: Option<u32>,
}

/// How it was built: what can be the cause of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// The compiler's release, `1.95.0`, with the commit of a nightly; `None` when only the lock file is known.
    pub toolchain: Option<String>,
    /// The triple that it was built for.
    pub triple: Option<String>,
    /// Settings of the profile in use, by key.
    pub profile: BTreeMap<String, String>,
    /// The user's rustflags in force.
    pub rustflags: Vec<String>,
    /// The packages of the lock file.
    pub packages: Vec<Package>,
}

/// A package of the lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it was compiled with; `None` when it was not compiled into the artifact, or when only
    /// the lock file is known.
    pub features: Option<BTreeSet<String>>,
    /// The packages that it may pull in: `name` or `name version`, as in the lock file.
    pub dependencies: Vec<String>,
}

impl Snapshot {
    /// Of an artifact that is not there: what a later check needs to know that it is new.
    pub fn absent(package: Option<String>, kind: &str, name: String) -> Self {
        Self {
            artifact: Artifact {
                package,
                target_kind: Some(kind.into()),
                path: name.clone(),
                target_name: Some(name),
                format: "absent".into(),
                absent: true,
                ..Artifact::default()
            },
            ..Self::default()
        }
    }

    /// Whether it says of every row what ships of it.
    pub fn says_what_ships(&self) -> bool {
        let mut crates = self.crates.iter();
        let mut sections = self.sections.iter();
        crates.all(|row| row.shipped.is_some()) && sections.all(|row| row.shipped.is_some())
    }

    /// The crate of a function.
    pub fn owner(&self, function: &Function) -> Option<&Crate> {
        self.crates.get(function.owner as usize)
    }

    /// The file that a user compares: the snapshot, else the artifact.
    pub fn file(&self) -> &str {
        self.read_from.as_deref().unwrap_or(&self.artifact.path)
    }

    /// The name that a user knows the artifact by: the cargo target, else the file's name.
    pub fn title(&self) -> &str {
        let path = self.artifact.path.rsplit(['/', '\\']).next();
        self.artifact
            .target_name
            .as_deref()
            .or(path)
            .unwrap_or_default()
    }
}
