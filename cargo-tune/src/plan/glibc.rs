//! The oldest glibc that the program must start with, and where that is said.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::project::Project;

/// A version of glibc. Its numbers are compared one after the other: 2.9 is older than 2.36.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc {
    major: u32,
    minor: u32,
}

impl Glibc {
    /// The first version that understands packed relative relocations.
    pub const WITH_RELR: Self = Self {
        major: 2,
        minor: 36,
    };

    /// The version that the user names, else the one that a manifest states, else this machine's;
    /// with the place that says so. `None` if none does.
    pub(super) fn oldest(project: &Project, named: Option<Self>) -> Option<(Self, String)> {
        if let Some(version) = named {
            return Some((version, "--glibc".to_owned()));
        }
        let root = project.root_manifest();
        let members = project.workspace.members();
        let members = members.iter().map(|package| {
            let manifest = package.manifest_path.as_std_path();
            stated(manifest, &["package"])
        });
        [stated(&root, &["workspace", "package"])]
            .into_iter()
            .chain(members)
            .find_map(|stated| stated)
            .or_else(|| installed(project))
    }
}

/// What `[TABLE.metadata.cargo-tune] glibc` of a manifest says.
fn stated(manifest: &Path, tables: &[&str]) -> Option<(Glibc, String)> {
    let text = std::fs::read_to_string(manifest).ok()?;
    let document: toml_edit::DocumentMut = text.parse().ok()?;
    tables.iter().find_map(|table| {
        let metadata = document.get(table)?.get("metadata")?;
        let version = metadata.get("cargo-tune")?.get("glibc")?.as_str()?;
        let source = format!("{}: [{table}.metadata.cargo-tune]", manifest.display());
        Some((version.parse().ok()?, source))
    })
}

/// The version on this machine.
fn installed(project: &Project) -> Option<(Glibc, String)> {
    let mut command = project.context.command("getconf");
    let output = command.arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version: Glibc = text.trim().strip_prefix("glibc ")?.parse().ok()?;
    Some((version, format!("this machine's glibc {version}")))
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Glibc {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('.').and_then(|(major, rest)| {
            let minor = rest.split('.').next()?;
            Some(Self {
                major: major.parse().ok()?,
                minor: minor.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| format!("`{text}` is not a version such as 2.31"))
    }
}

#[cfg(test)]
mod tests {
    use super::Glibc;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!("2.36".parse(), Ok(Glibc::WITH_RELR));
        assert_eq!("2.36.1".parse(), Ok(Glibc::WITH_RELR));
        assert!("2.9".parse::<Glibc>().unwrap() < Glibc::WITH_RELR);
        assert!("x".parse::<Glibc>().is_err() && "2".parse::<Glibc>().is_err());
        assert_eq!(Glibc::WITH_RELR.to_string(), "2.36");
    }
}
