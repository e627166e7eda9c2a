//! The profile that is kept beside the sources, and the note that says where it comes from.
//!
//! `pgo/NAME.profdata` and `pgo/NAME.json` can be committed: `cargo clean` does not touch them, and
//! a checkout in another directory builds with them, because the names that cargo and rustc give
//! to functions do not depend on the directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codecost::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::receipt::fnv1a;

/// The way on where a profile is of no use.
const AGAIN: &str = "train again: `cargo tune pgo --workload CMD`";
/// The same where the two files do not belong together.
const BOTH: &str =
    "restore both files from one commit, or train again: `cargo tune pgo --workload CMD`";
/// The format of the note.
const SCHEMA: &str = "cargo-tune-pgo/1";

/// What is known of a kept profile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// `SCHEMA`.
    pub schema: String,
    /// The version of this tool.
    pub tool_version: String,
    /// The package.
    pub package: String,
    /// The program.
    pub name: String,
    /// The cargo profile.
    pub profile: String,
    /// Settings that belong to the profile, as `--config` arguments.
    pub settings: Vec<String>,
    /// The compiler's release.
    pub rustc: String,
    /// The compiler's commit.
    pub rustc_commit: Option<String>,
    /// The version of LLVM in it.
    pub llvm: Option<String>,
    /// The machine that it was trained on.
    pub host: String,
    /// The commit of the sources, where there is one.
    pub commit: Option<String>,
    /// Whether the sources had changes that are not in the commit.
    pub dirty: bool,
    /// The commands that trained.
    pub train: Vec<String>,
    /// Functions in the profile.
    pub functions: u64,
    /// Of these, functions that ran.
    pub covered: u64,
    /// Functions of the program that the profile did not have when it was made.
    pub missing: u64,
    /// The version of the raw profiles.
    pub raw_version: Option<u64>,
    /// What merged them.
    pub merged_by: Option<String>,
    /// The time with the profile to that of the best variant without it, by the fresh runs that
    /// confirm a gain where there were any, and its interval.
    pub time_ratio: Option<f64>,
    /// The interval's ends.
    pub time_ci: Option<[f64; 2]>,
    /// That other variant: `plan` or `plain`.
    #[serde(default)]
    pub time_against: Option<String>,
    /// Whether the gain was proven; without one a profile is kept only by `--keep`.
    #[serde(default)]
    pub gains: bool,
    /// Whether BOLT belongs to it, with the counts in `NAME.fdata`.
    pub bolt: bool,
    /// A hash of the profile.
    pub hash: String,
}

impl Note {
    /// One of this version of the tool.
    pub fn new() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Self::default()
        }
    }

    /// Fails if it is the note of another program: rustc would take the profile, and find nothing
    /// in it.
    ///
    /// # Errors
    ///
    /// It is.
    pub fn check(&self, place: &Place, package: &str, name: &str) -> Result<()> {
        if self.package == package && self.name == name {
            return Ok(());
        }
        Err(Error::failed(
            format!(
                "`{}` describes a profile of `{}` of the package `{}`, and this is `{name}` of \
                 `{package}`",
                place.note().display(),
                self.name,
                self.package,
            ),
            AGAIN,
        ))
    }
}

/// Where the profile of one program is kept.
#[derive(Debug, Clone)]
pub struct Place {
    directory: PathBuf,
    name: String,
}

impl Place {
    /// In `directory`, for the program `name`.
    pub fn new(directory: &Path, name: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The profile.
    pub fn profile(&self) -> PathBuf {
        self.directory.join(format!("{}.profdata", self.name))
    }

    /// The note.
    pub fn note(&self) -> PathBuf {
        self.directory.join(format!("{}.json", self.name))
    }

    /// BOLT's counts.
    pub fn fdata(&self) -> PathBuf {
        self.directory.join(format!("{}.fdata", self.name))
    }

    /// Fails while nothing was built yet, if nothing could be written here. Leaves nothing behind.
    ///
    /// # Errors
    ///
    /// The directory cannot be made or written.
    pub fn check(&self) -> Result<()> {
        let mut at = self.directory.as_path();
        while !at.exists() {
            let Some(parent) = at.parent() else { break };
            at = parent;
        }
        // The nearest directory that exists tells whether the rest can be made.
        let probe = tempfile::NamedTempFile::new_in(at);
        probe
            .map(drop)
            .map_err(|source| Error::write(&self.directory, source))
    }

    /// Keeps a profile; each file appears whole or not at all, the note last.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or written.
    pub fn keep(&self, profile: &Path, fdata: Option<&Path>, mut note: Note) -> Result<()> {
        let bytes = fs::read(profile).map_err(|e| Error::read(profile, e))?;
        note.hash = hash(&bytes);
        note.bolt = fdata.is_some();
        let directory = &self.directory;
        fs::create_dir_all(directory).map_err(|e| Error::write(directory, e))?;
        codecost::report::write_file(&self.profile(), |to| to.write_all(&bytes))?;
        if let Some(fdata) = fdata {
            let bytes = fs::read(fdata).map_err(|e| Error::read(fdata, e))?;
            codecost::report::write_file(&self.fdata(), |to| to.write_all(&bytes))?;
        }
        let text = serde_json::to_string_pretty(&note).unwrap_or_default();
        codecost::report::write_file(&self.note(), |to| writeln!(to, "{text}"))
    }

    /// The note, if a profile is kept here.
    ///
    /// # Errors
    ///
    /// One of the two files is missing, damaged or of another tool.
    pub fn read(&self) -> Result<Option<Note>> {
        let (path, profile) = (self.note(), self.profile());
        if !path.exists() && !profile.exists() {
            return Ok(None);
        }
        for (here, other) in [(&path, &profile), (&profile, &path)] {
            if !here.exists() {
                let (here, other) = (here.display(), other.display());
                return Err(Error::failed(
                    format!("`{here}` is missing, which belongs to `{other}`"),
                    BOTH,
                ));
            }
        }
        let text = fs::read_to_string(&path).map_err(|e| Error::read(&path, e))?;
        let bad = |why: String| Error::failed(format!("`{}`: {why}", path.display()), AGAIN);
        let note: Note = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
        if note.schema != SCHEMA {
            let other = format!("expected {SCHEMA}, found {}", note.schema);
            return Err(bad(other));
        }
        let bytes = fs::read(&profile).map_err(|e| Error::read(&profile, e))?;
        if hash(&bytes) != note.hash {
            return Err(Error::failed(
                format!(
                    "`{}` is not the profile that `{}` describes",
                    profile.display(),
                    path.display()
                ),
                BOTH,
            ));
        }
        Ok(Some(note))
    }
}

fn hash(bytes: &[u8]) -> String {
    format!("{:016x}", fnv1a(bytes))
}

/// The commit that is checked out around `directory`, and whether files differ from it.
pub(super) fn commit(directory: &Path) -> Option<(String, bool)> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(directory).args(arguments);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let output = command.output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    };
    let commit = git(&["rev-parse", "--verify", "--quiet", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some((commit, !changed.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_profile_is_read_again_and_a_changed_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::new(&directory.path().join("pgo"), "app");
        place.check().unwrap();
        assert!(!directory.path().join("pgo").exists());
        assert_eq!(place.read().unwrap(), None);
        let made = directory.path().join("made");
        fs::write(&made, "a profile").unwrap();
        let note = Note {
            name: "app".to_owned(),
            functions: 7,
            ..Note::new()
        };
        place.keep(&made, None, note.clone()).unwrap();
        let kept = place.read().unwrap().unwrap();
        assert_eq!((kept.functions, kept.bolt), (7, false));
        fs::write(place.profile(), "another").unwrap();
        let error = place.read().unwrap_err().to_string();
        assert!(error.contains("is not the profile"), "{error}");
        fs::write(place.note(), "{").unwrap();
        assert!(place.read().is_err());
        fs::remove_file(place.note()).unwrap();
        let error = place.read().unwrap_err();
        assert!(
            error.to_string().contains("app.json` is missing"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("restore both files"));
        place.keep(&made, None, note.clone()).unwrap();
        fs::remove_file(place.profile()).unwrap();
        let error = place.read().unwrap_err().to_string();
        assert!(error.contains("app.profdata` is missing"), "{error}");
        // The note names its program.
        let note = Note {
            package: "app".to_owned(),
            ..note
        };
        assert!(note.check(&place, "app", "app").is_ok());
        let error = note.check(&place, "app", "other").unwrap_err().to_string();
        assert!(
            error.contains("profile of `app` of the package `app`"),
            "{error}"
        );
        assert!(note.check(&place, "other", "app").is_err());
    }
}
