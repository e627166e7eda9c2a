//! The commands that look at more than one build: what they open, build and compare. Each yields
//! plain data, which `report` shows.

mod check;
mod diff;
mod revisions;

pub use check::{Checked, Judged, check};
pub use diff::{Compared, diff};

use crate::{
    analysis::{self, Subject, measure, survey},
    options::{Input, SnapshotOptions},
    snapshot::{Measures, Snapshot},
};
use codecost::{
    Error, Result,
    cargo::{Additions, Build, Context, Selection},
    image::Mapping,
};

/// Takes the snapshot that the options ask for.
///
/// # Errors
///
/// The build failed, or a file cannot be read.
pub fn snapshot(options: &SnapshotOptions) -> Result<Snapshot> {
    let context = Context::current()?;
    let mut snapshot = snapshot_of(&context, &options.input)?;
    match &options.input {
        Input::Build(selection) => {
            snapshot.measures = plain(&context, selection, true, true)?;
        }
        Input::File { path, .. } if options.compressed => {
            let file = Mapping::open(path)?;
            snapshot.measures = measure::of(path, &file, true, true)?;
            file.check_unchanged()?;
        }
        Input::File { .. } => {}
    }
    Ok(snapshot)
}

/// A surveyed artifact.
struct Surveyed {
    snapshot: Snapshot,
    /// Names of functions that share their code with another one.
    aliases: Vec<String>,
    stripped: bool,
}

fn survey_of(context: &Context, input: &Input) -> Result<Surveyed> {
    surveyed(context, input, |subject, snapshot| Surveyed {
        snapshot,
        aliases: subject.aliases(),
        stripped: subject.stripped,
    })
}

fn snapshot_of(context: &Context, input: &Input) -> Result<Snapshot> {
    surveyed(context, input, |_, snapshot| snapshot)
}

fn surveyed<T>(
    context: &Context,
    input: &Input,
    keep: impl FnOnce(&Subject<'_>, Snapshot) -> T,
) -> Result<T> {
    let opened = analysis::open_in(context, input, false)?;
    let mut subject = Subject::new(&opened.files)?;
    let snapshot = survey(&opened, &mut subject);
    let kept = keep(&subject, snapshot);
    opened.files.check_unchanged()?;
    Ok(kept)
}

/// The artifact as the user's own profile builds it, measured.
fn plain(context: &Context, selection: &Selection, gzip: bool, zstd: bool) -> Result<Measures> {
    let build = Build::one(context, selection, &Additions::NONE)?;
    let Some(artifact) = build.artifacts.first() else {
        return Err(Error::failed(
            "cargo built no artifact",
            "name the target with `--bin`, `--example` or `--lib`",
        ));
    };
    let file = Mapping::open(&artifact.path)?;
    let measures = measure::of(&artifact.path, &file, gzip, zstd)?;
    file.check_unchanged()?;
    Ok(measures)
}
