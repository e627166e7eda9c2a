//! `cargo slim diff`: two sides, each a binary, a snapshot or a git revision.

use super::{revisions, snapshot_of};
use crate::{
    compare::{self, Comparison},
    options::{DiffOptions, Input, Sides},
    snapshot::{self, Snapshot},
};
use codecost::{
    Error, Result,
    cargo::{Context, Selection},
    console::Console,
    image::Mapping,
    report::Warning,
};
use std::{panic::resume_unwind, path::Path, thread};

/// Two builds and what changed between them.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The older build.
    pub before: Snapshot,
    /// The newer build.
    pub after: Snapshot,
    /// What changed.
    pub comparison: Comparison,
    /// What is to be known of how the two sides were built.
    pub warnings: Vec<Warning>,
}

impl Compared {
    /// Compares two snapshots.
    pub fn new(before: Snapshot, after: Snapshot) -> Self {
        Self {
            comparison: Comparison::new(&before, &after),
            warnings: compare::warnings(&before, &after),
            before,
            after,
        }
    }

    /// The sizes of both artifacts as their own profiles build them, where both are known. The
    /// rows are about the analysed files, which may be others.
    pub fn as_built(&self) -> Option<[Sizes; 2]> {
        let sizes = |side: &Snapshot| {
            Some(Sizes {
                file: side.measures.file?,
                shipped: side.measures.shipped,
            })
        };
        Some([sizes(&self.before)?, sizes(&self.after)?])
    }

    /// Whether no size is another: neither in the analysed files nor in those that users get.
    pub fn is_unchanged(&self) -> bool {
        let built = self.as_built();
        self.comparison.changes.is_empty() && built.is_none_or(|[was, is]| was == is)
    }
}

/// What users get of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes with `strip = "symbols"`.
    pub shipped: Option<u64>,
}

/// Opens or builds both sides and compares them.
///
/// # Errors
///
/// A side cannot be read or built.
pub fn diff(options: &DiffOptions, console: &mut Console) -> Result<Compared> {
    let context = Context::current()?;
    let ([before, after], warnings) = match &options.sides {
        Sides::Files { old, new } => {
            // A thread, not a job of the pool: each side waits for threads that use the pool, and
            // as jobs the two would hold all of its workers on a machine with two cores.
            thread::scope(|scope| {
                let after = scope.spawn(|| load(&context, new));
                let before = load(&context, old)?;
                let after = after.join().unwrap_or_else(|panic| resume_unwind(panic))?;
                Ok::<_, Error>(([before, after], Vec::new()))
            })?
        }
        Sides::Revisions {
            old,
            new,
            selection,
        } => revisions::build(&context, [old, new], selection, console)?,
    };
    let mut compared = Compared::new(before, after);
    compared.warnings.splice(0..0, warnings);
    Ok(compared)
}

/// A snapshot, or the survey of a binary.
fn load(context: &Context, path: &Path) -> Result<Snapshot> {
    let file = Mapping::open(path)?;
    if snapshot::is_snapshot(&file) {
        let snapshot = snapshot::parse(path, &file)?;
        file.check_unchanged()?;
        return Ok(snapshot);
    }
    drop(file);
    let input = Input::File {
        path: path.into(),
        debug_file: None,
        selection: Selection::default(),
    };
    snapshot_of(context, &input, &mut |_| {})
}
