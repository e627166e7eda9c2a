//! Source files, and the evidence found in them.

use std::path::{Path, PathBuf};

/// One place that relies on unwinding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// The source file.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// What the code does there, in words.
    pub what: String,
    /// What becomes of it in a program that aborts.
    pub reliance: Reliance,
}

/// What becomes of code in a program that aborts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reliance {
    /// It no longer does what it is for.
    Breaks,
    /// It asks in a destructor whether a panic is being handled, which is never so then.
    Destructor,
    /// It goes on although a thread may have panicked; then it would not be reached.
    GoesOn,
    /// It handles a lock that a panic has poisoned, which never happens then.
    Poison,
}

/// A parsed file that holds a word of interest.
pub(super) struct Parsed {
    pub(super) path: PathBuf,
    pub(super) tree: syn::File,
    pub(super) mentions_threads: bool,
    /// Whether it can hold evidence, and not only definitions.
    pub(super) matters: bool,
}

/// A source file as a module: where its own submodules are.
#[derive(Debug, Clone)]
pub(super) struct Module {
    pub(super) file: PathBuf,
    /// The directory in which `mod x;` looks for `x.rs`.
    pub(super) directory: PathBuf,
    pub(super) is_root: bool,
}

impl Module {
    pub(super) fn root(path: &Path) -> Self {
        Self {
            directory: path.parent().unwrap_or(Path::new("")).to_owned(),
            file: path.to_owned(),
            is_root: true,
        }
    }

    /// The module `name` declared in `directory`, which is `name.rs` or `name/mod.rs`.
    pub(super) fn named(directory: &Path, name: &str) -> Self {
        let flat = directory.join(format!("{name}.rs"));
        let nested = directory.join(name);
        let file = if flat.is_file() {
            flat
        } else {
            nested.join("mod.rs")
        };
        Self {
            file,
            directory: nested,
            is_root: false,
        }
    }

    /// A module with `#[path]`, or a file that is included: its submodules are beside it.
    pub(super) fn at(file: PathBuf) -> Self {
        Self {
            directory: file.parent().unwrap_or(Path::new("")).to_owned(),
            file,
            is_root: false,
        }
    }
}
