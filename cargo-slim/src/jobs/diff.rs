//! `cargo slim diff`: two sides, each a binary, a snapshot or a git revision.

use super::{revisions, survey_of};
use crate::{
    compare::Comparison,
    options::{DiffOptions, Input, Sides},
    snapshot::{self, Snapshot},
};
use codecost::{
    Error, Result,
    cargo::{Context, Selection},
    console::Console,
    image::Mapping,
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
}

impl Compared {
    /// Compares two snapshots.
    pub fn new(before: Snapshot, after: Snapshot) -> Self {
        let comparison = Comparison::new(&before, &after);
        Self {
            before,
            after,
            comparison,
        }
    }
}

/// Opens or builds both sides and compares them.
///
/// # Errors
///
/// A side cannot be read or built.
pub fn diff(options: &DiffOptions, console: &mut Console) -> Result<Compared> {
    let context = Context::current()?;
    let (before, after) = match &options.sides {
        Sides::Files { old, new } => {
            // A thread, not a job of the pool: each side waits for threads that use the pool, and
            // as jobs the two would hold all of its workers on a machine with two cores.
            thread::scope(|scope| {
                let after = scope.spawn(|| load(&context, new));
                let before = load(&context, old)?;
                let after = after.join().unwrap_or_else(|panic| resume_unwind(panic))?;
                Ok::<_, Error>((before, after))
            })?
        }
        Sides::Revisions {
            old,
            new,
            selection,
        } => revisions::build(&context, [old, new], selection, console)?,
    };
    Ok(Compared::new(before, after))
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
    Ok(survey_of(context, &input, &mut |_| {})?.snapshot)
}
