//! Which snapshot is the baseline of an artifact, and what of the two may be compared.
//!
//! An artifact that cargo builds is its target: package, kind and name. A file is its name without
//! directories: yesterday's `rg` lies elsewhere than today's, and is still `rg`; where there is one
//! file and one baseline of a file, whoever gave both has paired them. Growth against another
//! program, or against the same one built in another way, would be a number without a meaning, and
//! mostly a pass: so it is not judged, and a budget that asks for it is `missing`.

use super::config::{Measure, Target};
use crate::snapshot::{Artifact, Snapshot};
use std::{fmt, path::Path};

/// What is known of the artifact of a budget.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// What the budget names.
    pub target: &'a Target,
    /// The package: the budget's own word, else where cargo found the target.
    pub package: Option<&'a str>,
    /// The file that is measured, where cargo does not build it.
    pub file: Option<&'a Path>,
}

impl Identity<'_> {
    /// Whether a file of this name can be this artifact.
    pub fn is_called(&self, file: &Path) -> bool {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let artifact = Artifact {
            path: name.into_owned(),
            ..Artifact::default()
        };
        Identity {
            file: None,
            ..*self
        }
        .fits(&artifact)
    }

    /// Whether both are files whose cargo targets are unknown, so that only their names tell them
    /// apart.
    pub fn is_file_as(&self, artifact: &Artifact) -> bool {
        let file = self.file.is_some() || matches!(self.target, Target::File(_));
        file && artifact.target_name.is_none()
    }

    /// Whether a snapshot of `artifact` is one of this.
    pub fn fits(&self, artifact: &Artifact) -> bool {
        let file = artifact.path.rsplit(['/', '\\']).next().unwrap_or_default();
        let same_file = |path: &Path| path.file_name().is_some_and(|name| *name == *file);
        let Some(name) = &artifact.target_name else {
            // The cargo target of a file that was not built here is unknown: its name decides.
            return match self.target {
                Target::File(path) => same_file(path),
                Target::Bin(own) | Target::Example(own) => file == own || stem(file) == own,
                Target::Lib(own) => {
                    let own = plain(own);
                    let stem = plain(stem(file));
                    stem == own || stem.strip_prefix("lib") == Some(&own)
                }
            } || self.file.is_some_and(same_file);
        };
        let kind = artifact.target_kind.as_deref();
        let library = kind.is_none_or(|kind| !["bin", "example", "test", "bench"].contains(&kind));
        let package = match (self.package, artifact.package.as_deref()) {
            // `name@version` is a name, too.
            (Some(own), Some(other)) => own.split('@').next() == Some(other),
            _ => true,
        };
        package
            && match self.target {
                Target::Bin(own) => own == name && kind.is_none_or(|kind| kind == "bin"),
                Target::Example(own) => own == name && kind.is_none_or(|kind| kind == "example"),
                // A package has one library, which may have another name.
                Target::Lib(own) => {
                    library
                        && (plain(own) == plain(name)
                            || artifact.package.as_ref() == Some(own)
                            || self.package.is_some()
                                && self.package == artifact.package.as_deref())
                }
                // What cargo built, measured where it lies.
                Target::File(path) => same_file(path),
            }
    }
}

fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// The file's name without its last extension.
fn stem(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => file,
    }
}

impl fmt::Display for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.target {
            Target::Bin(name) => write!(f, "binary `{name}`")?,
            Target::Lib(name) => write!(f, "library `{name}`")?,
            Target::Example(name) => write!(f, "example `{name}`")?,
            Target::File(path) => {
                let name = path.file_name().map(|name| name.to_string_lossy());
                return write!(f, "file `{}`", name.unwrap_or_default());
            }
        }
        match self.package {
            Some(package) => write!(f, " of package `{package}`"),
            None => Ok(()),
        }
    }
}

/// What a snapshot is of, in the words of [`Identity`].
pub fn words(artifact: &Artifact) -> String {
    let Some(name) = &artifact.target_name else {
        let file = artifact.path.rsplit(['/', '\\']).next();
        return format!("file `{}`", file.unwrap_or_default());
    };
    let kind = match artifact.target_kind.as_deref() {
        Some("bin") => "binary",
        Some("example") => "example",
        Some("test") => "test",
        Some("bench") => "benchmark",
        Some(_) => "library",
        None => "target",
    };
    match &artifact.package {
        Some(package) => format!("{kind} `{name}` of package `{package}`"),
        None => format!("{kind} `{name}`"),
    }
}

/// What growth is measured against.
#[derive(Clone, Debug)]
pub enum Baseline<'a> {
    /// No baseline was given for any artifact.
    NotGiven,
    /// The artifact was not there then: a snapshot says so.
    New,
    /// All that were given are of other artifacts: which.
    OfOthers(String),
    /// This one.
    Of(&'a Snapshot, &'a Unlike),
}

/// How two snapshots of one artifact were made in different ways: reasons not to compare some of
/// their figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlike {
    /// Nothing can be compared.
    pub whole: Option<String>,
    /// Neither sections nor crates nor functions can.
    pub parts: Option<String>,
    /// Crates and functions cannot: they are told by symbols.
    pub names: Option<String>,
}

impl Unlike {
    /// Compares the baseline with the snapshot of today.
    pub fn between(before: &Snapshot, now: &Snapshot) -> Self {
        let (was, is) = (&before.artifact, &now.artifact);
        let machine =
            |artifact: &Artifact| format!("{} {}", artifact.format, artifact.architecture);
        let mut unlike = Self::default();
        if machine(was) != machine(is) {
            let (was, is) = (machine(was), machine(is));
            unlike.whole = Some(format!("the baseline is {was}, and this is {is}"));
        } else if let (Some(was), Some(is)) = (&was.profile, &is.profile)
            && was != is
        {
            unlike.whole = Some(format!(
                "the baseline is of profile `{was}`, and this of `{is}`"
            ));
        }
        let ours = |artifact: &Artifact| match artifact.build_notes.as_slice() {
            [] => "built for analysis".to_owned(),
            notes => format!("built for analysis ({})", notes.join(", ")),
        };
        unlike.parts = match (was.target_name.is_some(), is.target_name.is_some()) {
            (true, false) => Some(format!(
                "built differently: the baseline was {}, this is a file as it is",
                ours(was)
            )),
            (false, true) => Some(format!(
                "built differently: the baseline is of a file as it was, this was {}",
                ours(is)
            )),
            _ => None,
        };
        unlike.names = match (was.stripped, is.stripped) {
            (Some(true), Some(false)) => {
                Some("the baseline is of a stripped file, and this has symbols".into())
            }
            (Some(false), Some(true)) => {
                Some("the baseline has symbols, and this file is stripped".into())
            }
            _ => None,
        };
        unlike
    }

    /// Why this measure cannot be compared.
    pub fn reason(&self, measure: &Measure) -> Option<&str> {
        match measure {
            Measure::Crate(_) | Measure::CrateFile(_) | Measure::Function(_) => self.any(),
            Measure::Section(_) => self.whole.as_deref().or(self.parts.as_deref()),
            Measure::File
            | Measure::Shipped
            | Measure::Gzip
            | Measure::Zstd
            | Measure::Brotli
            | Measure::Flash
            | Measure::Ram
            | Measure::Region(_) => self.whole.as_deref(),
        }
    }

    /// Why not everything can be compared.
    pub fn any(&self) -> Option<&str> {
        let reasons = [&self.whole, &self.parts, &self.names];
        reasons.into_iter().flatten().next().map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
