//! `Cargo.lock`, as far as it says which packages a program ships.
//!
//! The format is cargo's own and has one spelling, so the lines that matter are read as text. A
//! lock file does not tell features and platforms apart: a package named here may be inactive.

use std::collections::BTreeSet;

use codecost::cargo::Workspace;
use codecost::{Error, Result};

/// One locked package.
#[derive(Debug, Clone)]
pub struct LockedPackage {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    dependencies: Vec<String>,
}

/// `Cargo.lock`.
#[derive(Debug, Clone, Default)]
pub struct Lock {
    /// Whether there is one.
    pub found: bool,
    /// Its packages.
    pub packages: Vec<LockedPackage>,
}

impl Lock {
    /// Reads the workspace's; there being none is no error.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn load(workspace: &Workspace) -> Result<Self> {
        let path = workspace.root().join("Cargo.lock");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Error::read(path, error)),
        };
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut packages: Vec<LockedPackage> = Vec::new();
        let mut in_list = false;
        for line in text.lines() {
            let quoted = |line: &str| {
                let inner = line.trim().trim_end_matches(',');
                inner
                    .strip_prefix('"')?
                    .strip_suffix('"')
                    .map(str::to_owned)
            };
            if line.trim() == "[[package]]" {
                packages.push(LockedPackage {
                    name: String::new(),
                    version: String::new(),
                    dependencies: Vec::new(),
                });
                in_list = false;
            }
            let Some(package) = packages.last_mut() else {
                continue;
            };
            if let Some(name) = line.strip_prefix("name = ") {
                package.name = quoted(name).unwrap_or_default();
            } else if let Some(version) = line.strip_prefix("version = ") {
                package.version = quoted(version).unwrap_or_default();
            } else if line.starts_with("dependencies = [") {
                in_list = !line.contains(']');
            } else if line.trim() == "]" {
                in_list = false;
            } else if in_list {
                package.dependencies.extend(quoted(line));
            }
        }
        Self {
            found: true,
            packages,
        }
    }

    /// Whether it has all that the members depend on, so that it is not from before a change.
    pub fn covers(&self, workspace: &Workspace) -> bool {
        let members = workspace.members();
        let mut dependencies = members.iter().flat_map(|member| &member.dependencies);
        let is_locked = |name: &String| self.packages.iter().any(|p| p.name == *name);
        self.found && dependencies.all(|dependency| is_locked(&dependency.name))
    }

    /// The packages that the members ship: everything that their normal dependencies lead to.
    pub fn shipped(&self, workspace: &Workspace) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
        let mut queue: Vec<String> = Vec::new();
        for member in workspace.members() {
            for dependency in &member.dependencies {
                if dependency.kind == cargo_metadata::DependencyKind::Normal {
                    names.insert(dependency.name.clone());
                    queue.push(dependency.name.clone());
                }
            }
        }
        while let Some(entry) = queue.pop() {
            let mut parts = entry.split(' ');
            let (name, version) = (parts.next().unwrap_or_default(), parts.next());
            let matching = self
                .packages
                .iter()
                .filter(|p| p.name == name && version.is_none_or(|v| v == p.version));
            for package in matching {
                if seen.insert((package.name.clone(), package.version.clone())) {
                    names.insert(package.name.clone());
                    queue.extend(package.dependencies.iter().cloned());
                }
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_files_are_read() {
        let text = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\ndependencies = [\n \"b\",\n \"c 1.0.0\",\n]\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n";
        let lock = Lock::parse(text);
        let names: Vec<&str> = lock.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(
            lock.packages.first().unwrap().dependencies,
            ["b", "c 1.0.0"]
        );
    }
}
