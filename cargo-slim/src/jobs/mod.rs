//! The commands that look at more than one build: what they open, build and compare. Each yields
//! plain data, which `report` shows.

mod check;
mod diff;
mod revisions;

pub use check::{Checked, Judged, check};
pub use diff::{Compared, Sizes, diff};

use crate::{
    analysis::{self, Depth, Subject, measure, survey},
    announce,
    options::{Input, SnapshotOptions},
    snapshot::{Measures, Snapshot},
};
use codecost::{
    Error, Result,
    cargo::{Additions, Build, Context, Selection, Workspace},
    console::Console,
    image::Mapping,
};

/// Takes the snapshot that the options ask for.
///
/// # Errors
///
/// The build failed, or a file cannot be read.
pub fn snapshot(options: &SnapshotOptions, console: &mut Console) -> Result<Snapshot> {
    let context = Context::current()?;
    if options.allow_absent
        && let Some(absent) = absent(&context, options)?
    {
        return Ok(absent);
    }
    let mut first = |added: &[String]| announce(console, added);
    let mut snapshot = snapshot_of(&context, &options.input, &mut first)?;
    match &options.input {
        Input::Build(selection) => {
            snapshot.measures = plain(&context, selection, (true, true), &mut first)?;
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

/// The snapshot of a target that no package has, where that is so. A directory without a project is
/// an error all the same: nobody may take the wrong directory for a new artifact.
fn absent(context: &Context, options: &SnapshotOptions) -> Result<Option<Snapshot>> {
    let (Input::Build(selection), Some((package, kind, name))) = (&options.input, options.named())
    else {
        return Ok(None);
    };
    let mut everywhere = selection.clone();
    if everywhere.packages.is_empty() {
        // A member that is not a default one has it, too.
        everywhere.packages = vec!["*".into()];
    }
    match Workspace::load(context, selection)?.candidates(&everywhere) {
        Err(Error::Usage { .. }) => Ok(Some(Snapshot::absent(package, kind, name))),
        found => found.map(|_| None),
    }
}

/// A surveyed artifact.
struct Surveyed {
    snapshot: Snapshot,
    /// Names of functions that share their code with another one.
    aliases: Vec<String>,
    stripped: bool,
}

fn survey_of(
    context: &Context,
    input: &Input,
    first: &mut dyn FnMut(&[String]),
) -> Result<Surveyed> {
    surveyed(context, input, first, |subject, snapshot| Surveyed {
        snapshot,
        aliases: subject.aliases(),
        stripped: subject.stripped,
    })
}

fn snapshot_of(
    context: &Context,
    input: &Input,
    first: &mut dyn FnMut(&[String]),
) -> Result<Snapshot> {
    surveyed(context, input, first, |_, snapshot| snapshot)
}

fn surveyed<T>(
    context: &Context,
    input: &Input,
    first: &mut dyn FnMut(&[String]),
    keep: impl FnOnce(&Subject<'_>, Snapshot) -> T,
) -> Result<T> {
    let opened = analysis::open_in(context, input, false, first)?;
    let mut subject = Subject::new(&opened.files, Depth::Bytes)?;
    let mut snapshot = survey(&opened, &mut subject);
    if matches!(input, Input::Build(_)) {
        // Those of the analysis build are not what the user's profile makes.
        snapshot.measures = Measures::default();
    }
    let kept = keep(&subject, snapshot);
    opened.files.check_unchanged()?;
    drop(subject);
    // It takes as long as writing a large snapshot does, and nobody waits for it.
    rayon::spawn(|| drop(opened));
    Ok(kept)
}

/// The artifact as the user's own profile builds it, measured; whether as gzip and as zstd, too.
fn plain(
    context: &Context,
    selection: &Selection,
    (gzip, zstd): (bool, bool),
    first: &mut dyn FnMut(&[String]),
) -> Result<Measures> {
    let build = Build::one_announced(context, selection, &Additions::NONE, first)?;
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
