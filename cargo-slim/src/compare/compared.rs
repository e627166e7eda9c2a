//! Two builds side by side: two files, or two commits.

use super::{comparison::Comparison, likeness};
use crate::{
    analysis::Input,
    snapshot::{self, Compressors, Snapshot},
};
use codecost::{
    Error, Result,
    cargo::{Context, Selection},
    report::Warning,
    revisions::{self, Revision},
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
    /// What the reader must know about how the two sides were built.
    pub warnings: Vec<Warning>,
}

impl Compared {
    /// Compares two snapshots.
    pub fn new(before: Snapshot, after: Snapshot) -> Self {
        Self {
            comparison: Comparison::new(&before, &after),
            warnings: likeness::warnings(&before, &after),
            before,
            after,
        }
    }

    /// The sizes of both artifacts as their own profiles build them, where both are known. The
    /// rows are about what ships of the analysed files, which may be others.
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
        let same = match self.as_built() {
            Some([was, is]) => was == is,
            None => self.before.artifact.file_size == self.after.artifact.file_size,
        };
        self.comparison.changes.is_empty() && same
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

/// Compares two files, each a binary or a snapshot; of universal files the images for `arch`, where it
/// is given.
///
/// # Errors
///
/// A file cannot be read, is neither, or has no such image.
pub fn files(context: &Context, old: &Path, new: &Path, arch: Option<&str>) -> Result<Compared> {
    // A thread, not a job of the pool: each side waits for threads that use the pool, and as jobs
    // the two would hold all of its workers on a machine with two cores.
    let (before, after) = thread::scope(|scope| {
        let after = scope.spawn(|| snapshot::open_or_survey(context, new, arch));
        let before = snapshot::open_or_survey(context, old, arch)?;
        let after = after.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        Ok::<_, Error>((before, after))
    })?;
    Ok(Compared::new(before, after))
}

/// Builds two commits, one after the other, and compares them. `begin` is told which one is built.
///
/// Each is built twice: for the analysis, and as the user's profile builds it, as settings that
/// the analysis overrides (`strip`) are among what a commit can change.
///
/// # Errors
///
/// There is no such commit, or one cannot be built.
pub fn revisions(
    context: &Context,
    names: [&str; 2],
    selection: &Selection,
    begin: &mut dyn FnMut(&str),
) -> Result<Compared> {
    let mut known: Option<(String, Snapshot)> = None;
    let ([before, after], warnings) =
        revisions::each(context, names, selection, begin, &mut |one| {
            // Two names of one commit are built once.
            let same = known.take().filter(|(commit, _)| commit == one.commit);
            let snapshot = match same {
                Some((_, snapshot)) => snapshot,
                None => revision(one)?,
            };
            known = Some((one.commit.to_owned(), snapshot.clone()));
            Ok(named(snapshot, one))
        })?;
    let mut compared = Compared::new(before, after);
    compared.warnings.splice(0..0, warnings);
    Ok(compared)
}

fn revision(revision: &Revision<'_>) -> Result<Snapshot> {
    let Revision {
        name: _,
        commit: _,
        context,
        selection,
    } = revision;
    let input = Input::Build(selection.clone());
    let mut snapshot = snapshot::snapshot_of(context, &input, &mut |_| {})?;
    snapshot.measures =
        snapshot::measures_as_built(context, selection, Compressors::NONE, &mut |_| {})?;
    Ok(snapshot)
}

fn named(mut snapshot: Snapshot, revision: &Revision<'_>) -> Snapshot {
    snapshot.artifact.path = format!("{} at {}", snapshot.title(), revision.name);
    snapshot.commit = Some(revision.commit.to_owned());
    snapshot
}
