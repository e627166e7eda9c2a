//! What is found, as plain values. Sizes are bytes.

use std::collections::BTreeSet;

/// What a package has in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Bytes that ship; those of the file where the format does not tell.
    pub bytes: u64,
    /// Its bytes in all figures.
    pub sizes: PackageSizes,
}

/// The bytes of a package's own crates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackageSizes {
    /// Bytes that ship; `None` where the format does not tell.
    pub shipped: Option<u64>,
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of memory.
    pub memory: u64,
}

/// Packages by name and version.
pub type PackageNames = BTreeSet<(String, String)>;

/// What a package is to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependencyKind {
    /// It is linked in.
    Normal,
    /// It runs while others are compiled.
    Build,
    /// It is linked in, but the debug information knows no code of it, nor of what it uses, neither a
    /// function nor what was inlined into others.
    Unused,
    /// It is linked in, and all that is known of it was inlined into functions of others.
    Inlined,
    /// It is linked in, and no byte is known to be its, nor of what it uses: all of it may have been
    /// inlined, with its constants, or it is unused. Without debug information nothing tells which.
    NoBytes,
    /// It is linked in, and so is another version of it.
    Duplicate,
}

impl DependencyKind {
    /// The name for programs, which tell apart only what was charged: without a byte of its own a package
    /// is unused, unless it is known to be inlined. [`presence`](Self::presence) says how sure that is.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Inlined => Self::Normal.as_str(),
            Self::NoBytes => Self::Unused.as_str(),
            kind => kind.as_str(),
        }
    }

    /// Whether anything of a package that has no byte is in the file: `none`, `inlined` into functions of
    /// others, or `unknown`; `None` where it is not asked.
    pub fn presence(self) -> Option<&'static str> {
        match self {
            Self::Unused => Some("none"),
            Self::Inlined => Some("inlined"),
            Self::NoBytes => Some("unknown"),
            Self::Normal | Self::Build | Self::Duplicate => None,
        }
    }

    /// The name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Build => "build",
            Self::Unused => "unused",
            Self::Inlined => "inlined",
            Self::NoBytes => "no-bytes",
            Self::Duplicate => "duplicate",
        }
    }
}

/// One package of the tree.
#[derive(Clone, Debug)]
pub struct DependencyRow {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The package that it is listed under, with its version; `None` for the program's own.
    pub parent: Option<String>,
    /// All packages that depend on it.
    pub parents: Vec<String>,
    /// How many steps it is away from the program's own package.
    pub depth: u32,
    /// The figures of the crates of this package.
    pub sizes: PackageSizes,
    /// Bytes of the crates of this package: those that ship, where that is known.
    pub own: u64,
    /// Bytes of this package and of all that only it brings.
    pub exclusive: u64,
    /// Bytes of what it uses and others use too.
    pub shared: u64,
    /// Through which of the program's direct dependencies others use it too.
    pub shared_with: Vec<String>,
    /// What it is to the program.
    pub kind: DependencyKind,
    /// Its features in force.
    pub features: Vec<FeatureRow>,
    /// Whether it is a member of the workspace.
    pub member: bool,
}

/// A feature in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureRow {
    /// Its name.
    pub name: String,
    /// Who turned it on.
    pub enabled_by: Vec<String>,
    /// What a build without it saves, where that was measured.
    pub bytes: Option<i64>,
}

/// The tree of a program's packages.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The packages, each below the first that depends on it, those first that bring most.
    pub rows: Vec<DependencyRow>,
    /// Bytes of the file that are no package's: the standard library, the linker, what is unknown.
    pub others: Vec<(String, u64)>,
}

/// What a feature links in that nothing else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// The feature.
    pub feature: String,
    /// The place of the package that it is a feature of; `None` for the program's own.
    pub of: Option<usize>,
    /// Whether it is on by default.
    pub by_default: bool,
    /// The places of the packages that only it links in and that have bytes, the largest first.
    pub packages: Vec<usize>,
    /// Their bytes.
    pub bytes: u64,
}

/// How a build without a feature ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its bytes are known.
    Measured,
    /// It was measured in an earlier run.
    Remembered,
    /// The build failed, for this reason.
    Failed(String),
    /// The budget was used up before.
    Left,
}

impl Status {
    /// The name in reports and JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Remembered => "remembered",
            Self::Failed(_) => "failed",
            Self::Left => "left-out",
        }
    }
}

/// What the program's features cost.
#[derive(Clone, Debug, Default)]
pub struct Features {
    /// One for each feature in force that can be switched off.
    pub rows: Vec<Proven>,
}

/// A feature that was switched off.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The package.
    pub package: String,
    /// The feature.
    pub name: String,
    /// Who turned it on.
    pub enabled_by: Vec<String>,
    /// Features that went with it, because they turn it on.
    pub with: Vec<String>,
    /// What ships without it.
    pub shipped: Option<u64>,
    /// What it costs: what ships with all features less what ships without it.
    pub bytes: Option<i64>,
    /// Whether it could be measured.
    pub status: Status,
}
