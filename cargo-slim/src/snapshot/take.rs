//! Taking a snapshot of a file or of what cargo builds.
//!
//! Cargo builds an artifact twice: the rows come from the analysis build, and the measures from the
//! artifact as the user's own profile builds it.

use super::{
    measure::{self, Compressors},
    model::{Measures, Snapshot},
    read, survey,
};
use crate::analysis::{self, Depth, Input, Subject, package};
use codecost::{
    Error, Result,
    cargo::{Additions, Build, Context, Selection, TargetChoice, Workspace},
    image::Mapping,
};
use std::path::Path;

/// What to take a snapshot of.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file, or what cargo is to build.
    pub input: Input,
    /// Whether to measure gzip, zstd and brotli of a file that exists.
    pub compressed: bool,
    /// The target whose absence is an answer, too.
    pub may_be_absent: Option<NamedTarget>,
}

/// A target that the flags name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTarget {
    /// Its package.
    pub package: Option<String>,
    /// `bin`, `example` or `lib`.
    pub kind: &'static str,
    /// Its name; a library has its package's.
    pub name: String,
}

impl NamedTarget {
    /// The target that `selection` names, if it names one.
    pub fn of(selection: &Selection) -> Option<Self> {
        let package = match selection.packages.as_slice() {
            // `name@version`: another version is the same package.
            [one] => one.split('@').next().map(str::to_owned),
            _ => None,
        };
        let (kind, name) = match &selection.target {
            TargetChoice::Bin(Some(name)) => ("bin", name.clone()),
            TargetChoice::Example(Some(name)) => ("example", name.clone()),
            TargetChoice::Lib => ("lib", package.clone()?),
            _ => return None,
        };
        Some(Self {
            package,
            kind,
            name,
        })
    }
}

/// What is being done, for those who wait.
#[derive(Clone, Copy, Debug)]
pub enum Step<'s> {
    /// The artifact is built with these additions; as in [`Build::one_announced`].
    Building(&'s [String]),
    /// It is built once more, as the user's own profile says.
    BuildingAgain,
}

/// Takes the snapshot that the options ask for.
///
/// # Errors
///
/// The build failed, or a file cannot be read.
pub fn take(
    context: &Context,
    options: &Options,
    begin: &mut dyn FnMut(Step<'_>),
) -> Result<Snapshot> {
    if let (Input::Build(selection), Some(target)) = (&options.input, &options.may_be_absent)
        && is_absent(context, selection)?
    {
        let NamedTarget {
            package,
            kind,
            name,
        } = target.clone();
        return Ok(Snapshot::absent(package, kind, name));
    }
    let mut announce = |added: &[String]| begin(Step::Building(added));
    let mut snapshot = snapshot_of(context, &options.input, &mut announce)?;
    match &options.input {
        Input::Build(selection) => {
            begin(Step::BuildingAgain);
            // Said above, whether or not it is the first of its kind.
            let announce = &mut |_: &[String]| {};
            let compressors = Compressors::OF_BUILD;
            snapshot.measures = measures_as_built(context, selection, compressors, announce)?;
        }
        Input::File {
            path, member, arch, ..
        } if options.compressed => {
            let file = analysis::mapped(path, member.as_deref(), arch.as_deref())?;
            snapshot.measures = measure::of(path, &file, Compressors::ALL)?;
            file.check_unchanged()?;
        }
        Input::File { .. } => {}
    }
    Ok(snapshot)
}

/// Whether no package has the target. A directory without a project is an error even
/// then: it is more likely the wrong directory than a new artifact.
fn is_absent(context: &Context, selection: &Selection) -> Result<bool> {
    let mut everywhere = selection.clone();
    if everywhere.packages.is_empty() {
        // A member that is not a default one has it, too.
        everywhere.packages = vec!["*".into()];
    }
    match Workspace::load(context, selection)?.candidates(&everywhere) {
        Err(Error::Usage { .. }) => Ok(true),
        found => found.map(|_| false),
    }
}

/// The snapshot in the file `path`, or the survey of the binary that it is; of a universal file that of
/// the image for `arch`, where it is given.
///
/// # Errors
///
/// The file cannot be read, is neither, or is for another architecture.
pub fn open_or_survey(context: &Context, path: &Path, arch: Option<&str>) -> Result<Snapshot> {
    let file = Mapping::open(package::split(path).0)?;
    if read::is_snapshot(&file) {
        let mut snapshot = read::parse(path, &file)?;
        snapshot.read_from = Some(path.to_string_lossy().into_owned());
        file.check_unchanged()?;
        let is = &snapshot.artifact.architecture;
        return match arch.filter(|arch| analysis::architecture_name(arch) != is) {
            None => Ok(snapshot),
            Some(arch) => Err(Error::usage(
                format_args!(
                    "the snapshot `{}` is not of an image for `{arch}`, but for {is}",
                    path.display()
                ),
                "take it again, with `--arch`",
            )),
        };
    }
    drop(file);
    let mut input = Input::file(path);
    if let Input::File { arch: own, .. } = &mut input {
        *own = arch.map(str::to_owned);
    }
    snapshot_of(context, &input, &mut |_| {})
}

/// A surveyed artifact.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// The survey.
    pub snapshot: Snapshot,
    /// Names of functions that share their code with another one.
    pub aliases: Vec<String>,
    /// Whether there are no symbols.
    pub stripped: bool,
}

/// Surveys a file, or the analysis build of what cargo is to build, with what a snapshot leaves
/// out.
///
/// # Errors
///
/// The build failed, or a file cannot be read.
pub fn survey_of(
    context: &Context,
    input: &Input,
    announce: &mut dyn FnMut(&[String]),
) -> Result<Surveyed> {
    surveyed(context, input, announce, |subject, snapshot| Surveyed {
        snapshot,
        aliases: subject.aliases(),
        stripped: subject.stripped,
    })
}

/// The survey alone.
///
/// # Errors
///
/// As [`survey_of`].
pub fn snapshot_of(
    context: &Context,
    input: &Input,
    announce: &mut dyn FnMut(&[String]),
) -> Result<Snapshot> {
    surveyed(context, input, announce, |_, snapshot| snapshot)
}

fn surveyed<T>(
    context: &Context,
    input: &Input,
    announce: &mut dyn FnMut(&[String]),
    keep: impl FnOnce(&Subject<'_>, Snapshot) -> T,
) -> Result<T> {
    let opened = analysis::open_in(context, input, false, announce)?;
    let mut subject = Subject::new(&opened.files, Depth::Bytes)?;
    let mut snapshot = survey::survey(&opened, &mut subject);
    if matches!(input, Input::Build(_)) {
        // Those of the analysis build are not what the user's profile makes.
        snapshot.measures = Measures::default();
    }
    let kept = keep(&subject, snapshot);
    opened.files.check_unchanged()?;
    drop(subject);
    // Freeing it takes as long as writing a large snapshot, so it is done in the background.
    rayon::spawn(|| drop(opened));
    Ok(kept)
}

/// The measures of the artifact as the user's own profile builds it.
///
/// # Errors
///
/// The build failed, or the file cannot be read.
pub fn measures_as_built(
    context: &Context,
    selection: &Selection,
    compressors: Compressors,
    announce: &mut dyn FnMut(&[String]),
) -> Result<Measures> {
    let build = Build::one_announced(context, selection, &Additions::NONE, announce)?;
    let Some(artifact) = build.artifacts.first() else {
        return Err(Error::failed(
            "cargo built no artifact",
            "name the target with `--bin`, `--example` or `--lib`",
        ));
    };
    let file = Mapping::open(&artifact.path)?;
    let measures = measure::of(&artifact.path, &file, compressors)?;
    file.check_unchanged()?;
    Ok(measures)
}
