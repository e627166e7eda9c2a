//! The snapshots that `--baseline` gives, and which of them belongs to an artifact.

use super::{
    baseline::{Identity, words},
    config::Config,
};
use crate::snapshot::{self, Snapshot};
use codecost::{Error, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// How many baselines one message names.
const SHOWN: usize = 3;

/// All baselines, each with its file.
pub(super) struct Given(Vec<(PathBuf, Snapshot)>);

/// What the growth of one artifact is measured against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// No baseline was given.
    NotGiven,
    /// The baseline says that the artifact was not there.
    New,
    /// None of the baselines is of this artifact: why.
    Other(String),
    /// The baseline with this number.
    Of(usize),
}

impl Given {
    /// Reads the files, and the files in the directories.
    ///
    /// # Errors
    ///
    /// One is no snapshot, or a directory has none.
    pub(super) fn load(paths: &[PathBuf]) -> Result<Self> {
        let mut given = Vec::new();
        for path in paths {
            for path in snapshots(path)? {
                let snapshot = snapshot::open(&path)?;
                given.push((path, snapshot));
            }
        }
        Ok(Self(given))
    }

    /// The baseline of this choice.
    pub(super) fn get(&self, choice: &Choice) -> Option<&Snapshot> {
        match choice {
            Choice::Of(at) => self.0.get(*at).map(|(_, snapshot)| snapshot),
            Choice::NotGiven | Choice::New | Choice::Other(_) => None,
        }
    }

    /// The only one.
    pub(super) fn only(&self) -> Option<&Snapshot> {
        match self.0.as_slice() {
            [(_, only)] => Some(only),
            _ => None,
        }
    }

    /// The one baseline of an artifact.
    ///
    /// # Errors
    ///
    /// A usage error: there are two, and either could be meant.
    pub(super) fn choose(&self, identity: &Identity<'_>) -> Result<Choice> {
        let fits = |own: &(usize, &(PathBuf, Snapshot))| identity.fits(&own.1.1.artifact);
        let mut fitting = self.0.iter().enumerate().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some((_, (first, _))), Some((_, (second, _)))) => Err(Error::usage(
                format_args!(
                    "`{}` and `{}` are both a baseline of {identity}",
                    first.display(),
                    second.display()
                ),
                "give one baseline for each artifact",
            )),
            (Some((_, (_, only))), None) if only.artifact.absent => Ok(Choice::New),
            (Some((at, _)), None) => Ok(Choice::Of(at)),
            (None, _) if self.0.is_empty() => Ok(Choice::NotGiven),
            (None, _) => Ok(Choice::Other(self.none_of(identity))),
        }
    }

    fn none_of(&self, identity: &Identity<'_>) -> String {
        let mut given: Vec<_> = self.0.iter().map(in_words).collect();
        let more = given.len().saturating_sub(SHOWN);
        given.truncate(SHOWN);
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "none of the baselines is a snapshot of {identity}: given {} {}{more}",
            if given.len() == 1 { "is" } else { "are" },
            given.join(", ")
        )
    }

    /// The baselines that belong to none of the rules, in words. Rules that the command line leaves
    /// out count too. `file`: the file that is measured, where cargo builds none.
    pub(super) fn unused(&self, config: &Config, file: Option<&Path>) -> Vec<String> {
        let used = |snapshot: &Snapshot| {
            config.rules.iter().any(|rule| {
                let identity = Identity {
                    target: &rule.target,
                    package: rule.package.as_deref(),
                    file,
                };
                identity.fits(&snapshot.artifact)
            })
        };
        let unused = self.0.iter().filter(|(_, snapshot)| !used(snapshot));
        unused.map(in_words).collect()
    }
}

fn in_words((path, snapshot): &(PathBuf, Snapshot)) -> String {
    format!("`{}` of {}", path.display(), words(&snapshot.artifact))
}

/// The file, or the JSON files of the directory, by name.
///
/// # Errors
///
/// The directory cannot be read or has none: a gate without its baselines must not pass.
fn snapshots(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| Error::read(path, error))? {
        let file = entry.map_err(|error| Error::read(path, error))?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Error::failed(
            format_args!("there is no snapshot in `{}`", path.display()),
            format_args!(
                "take one for each artifact: `cargo slim snapshot --bin NAME -o {}`",
                path.join("NAME.json").display()
            ),
        ));
    }
    files.sort();
    Ok(files)
}
