//! The workspace as `cargo metadata --no-deps` describes it, and the choice of one target in it.
//!
//! The choice follows `cargo run`: the packages asked for, else the default members; of these the
//! binary named, else `default-run`, else the only one. Where several are left the error lists
//! them as flags to paste. `--no-deps` resolves nothing: it needs neither the network nor a lock
//! file and writes neither.

mod testing;

use super::{
    context::{Context, stdout_of},
    selection::{Selection, TargetChoice},
};
use crate::error::{Error, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package, Target, TargetKind as Kind};
use std::{
    fmt,
    path::{Path, PathBuf},
    process::Stdio,
};

/// What kind of target an artifact was built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// A binary.
    Bin,
    /// An example.
    Example,
    /// An integration test.
    Test,
    /// A benchmark.
    Bench,
    /// A dynamic library for other languages.
    Cdylib,
    /// A dynamic Rust library.
    Dylib,
    /// A static library for other languages.
    Staticlib,
    /// A Rust library: an archive that nothing has linked yet.
    Rlib,
    /// A procedural macro.
    ProcMacro,
}

impl TargetKind {
    /// The name that cargo's JSON uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::Example => "example",
            Self::Test => "test",
            Self::Bench => "bench",
            Self::Cdylib => "cdylib",
            Self::Dylib => "dylib",
            Self::Staticlib => "staticlib",
            Self::Rlib => "rlib",
            Self::ProcMacro => "proc-macro",
        }
    }

    /// Whether it is one of the forms of a package's library.
    pub fn is_library(self) -> bool {
        !matches!(self, Self::Bin | Self::Example | Self::Test | Self::Bench)
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One target that could be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The package's name.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// The package's id.
    pub package_id: String,
    /// The target's name.
    pub name: String,
    /// What it is; of a library's several crate types the one that is analysed: the linked ones
    /// first.
    pub kind: TargetKind,
    /// All crate types of a library.
    pub crate_types: Vec<String>,
    /// Features without which cargo does not build it.
    pub required_features: Vec<String>,
    /// Of a program of unit tests (`kind` is then [`TargetKind::Test`]): the library, binary, example or
    /// benchmark that they are of.
    pub tests_of: Option<TargetKind>,
}

impl Candidate {
    /// `-p X --bin Y`: the flags that choose it.
    pub fn flags(&self) -> String {
        if self.kind.is_library() || self.tests_of.is_some_and(TargetKind::is_library) {
            format!("-p {} --lib", self.package)
        } else {
            format!("-p {} --{} {}", self.package, self.kind, self.name)
        }
    }
}

/// A workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    metadata: Metadata,
}

impl Workspace {
    /// Asks cargo; its own error goes to standard error.
    pub fn load(context: &Context, selection: &Selection) -> Result<Self> {
        let mut command = context.cargo();
        command.args(["metadata", "--no-deps", "--format-version=1"]);
        command.args(selection.common_args());
        let output = stdout_of(&mut command, "cargo metadata")?;
        Self::parse(&output)
    }

    /// The workspace around `context`'s directory, silently, where there is one.
    pub fn find(context: &Context) -> Option<Self> {
        // Cargo looks nowhere else; starting it costs as much as all of a small analysis.
        let mut above = context.directory().ancestors();
        if !above.any(|directory| directory.join("Cargo.toml").exists()) {
            return None;
        }
        let mut command = context.cargo();
        command.args(["metadata", "--no-deps", "--format-version=1", "--offline"]);
        let output = command
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| Self::parse(&output.stdout).ok())?
    }

    fn parse(output: &[u8]) -> Result<Self> {
        let text = String::from_utf8_lossy(output);
        let metadata = MetadataCommand::parse(text).map_err(|error| {
            Error::failed(
                format_args!("`cargo metadata` printed something else than metadata: {error}"),
                "check that CARGO and the `cargo` on PATH are cargo",
            )
        })?;
        Ok(Self { metadata })
    }

    /// The directory of the workspace's manifest.
    pub fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// The members.
    pub fn members(&self) -> Vec<&Package> {
        self.metadata.workspace_packages()
    }

    /// Whether a package id is a member's.
    pub fn is_member(&self, id: &str) -> bool {
        self.metadata
            .workspace_members
            .iter()
            .any(|member| member.repr == id)
    }

    /// The user's target directory.
    pub fn target_directory(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// The user's build directory (`build.build-dir`), where it is not the target directory.
    pub fn build_directory(&self) -> Option<PathBuf> {
        let directory = self.metadata.build_directory.as_ref()?;
        (directory != &self.metadata.target_directory).then(|| directory.into())
    }

    /// Every target that the selection leaves open, in cargo's order.
    ///
    /// Fails with a usage error when a package or a name does not exist.
    pub fn candidates(&self, selection: &Selection) -> Result<Vec<Candidate>> {
        let packages = self.packages(selection)?;
        let all = |kind: Kind| -> Vec<Candidate> {
            let targets = packages.iter().flat_map(|package| targets(package, &kind));
            targets.collect()
        };
        let (kind, name) = match &selection.target {
            TargetChoice::Default => return self.default_candidates(&packages),
            TargetChoice::Lib => {
                let libraries: Vec<_> = packages
                    .iter()
                    .filter_map(|package| library(package))
                    .collect();
                if libraries.is_empty() {
                    return Err(self.nothing("no library", &packages));
                }
                return Ok(libraries);
            }
            TargetChoice::Bin(name) => (Kind::Bin, name),
            TargetChoice::Example(name) => (Kind::Example, name),
            TargetChoice::Test(name) => (Kind::Test, name),
            TargetChoice::Bench(name) => (Kind::Bench, name),
        };
        let existing = all(kind.clone());
        let Some(name) = name else {
            // Cargo's metadata does not say what `cargo bench` leaves out.
            let existing = match kind {
                Kind::Bench => testing::benched(&packages, existing),
                _ => existing,
            };
            if existing.is_empty() {
                return Err(self.nothing(format_args!("no {kind} target"), &packages));
            }
            return Ok(existing);
        };
        let named: Vec<_> = existing
            .iter()
            .filter(|candidate| candidate.name == *name)
            .cloned()
            .collect();
        if named.is_empty() {
            return Err(self.not_found(&kind, name, existing, &packages));
        }
        Ok(named)
    }

    /// The one target that the selection means.
    pub fn candidate(&self, selection: &Selection) -> Result<Candidate> {
        let mut candidates = self.candidates(selection)?;
        // Among several binaries the package's own choice counts, as without a bare `--bin`.
        if selection.target == TargetChoice::Bin(None)
            && let Some(preferred) = default_run(&self.packages(selection)?, &candidates)
        {
            return Ok(preferred.clone());
        }
        // Of several cargo builds those whose features are on.
        if candidates.len() > 1 {
            let (built, _) = self.with_features(candidates.clone(), selection);
            if !built.is_empty() {
                candidates = built;
            }
        }
        match (candidates.pop(), candidates.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => {
                candidates.extend(last);
                Err(Error::usage(
                    format_args!("{} targets match, and one is wanted", candidates.len()),
                    format_args!("choose one of them:{}", listed(&candidates)),
                ))
            }
        }
    }

    fn default_candidates(&self, packages: &[&Package]) -> Result<Vec<Candidate>> {
        let binaries: Vec<_> = packages
            .iter()
            .flat_map(|package| targets(package, &Kind::Bin))
            .collect();
        if let Some(one) = default_run(packages, &binaries) {
            return Ok(vec![one.clone()]);
        }
        if !binaries.is_empty() {
            return Ok(binaries);
        }
        let linked: Vec<_> = packages
            .iter()
            .filter_map(|package| library(package))
            .filter(|library| {
                matches!(
                    library.kind,
                    TargetKind::Cdylib | TargetKind::Dylib | TargetKind::Staticlib
                )
            })
            .collect();
        if linked.is_empty() {
            return Err(self.nothing("neither a binary nor a linked library", packages));
        }
        Ok(linked)
    }

    /// The packages asked for, else the default members.
    ///
    /// # Errors
    ///
    /// A usage error when a package does not exist.
    pub fn packages(&self, selection: &Selection) -> Result<Vec<&Package>> {
        let members = self.members();
        if selection.packages.is_empty() {
            let default = &self.metadata.workspace_default_members;
            if default.is_missing() {
                return Ok(members);
            }
            return Ok(members
                .into_iter()
                .filter(|member| default.contains(&member.id))
                .collect());
        }
        let mut chosen: Vec<&Package> = Vec::new();
        for spec in &selection.packages {
            let found: Vec<_> = members
                .iter()
                .copied()
                .filter(|member| matches_spec(member, spec))
                .collect();
            if found.is_empty() {
                let names: Vec<_> = members
                    .iter()
                    .map(|member| format!("\n  -p {}", member.name))
                    .collect();
                return Err(Error::usage(
                    format_args!(
                        "no package `{spec}` in the workspace `{}`",
                        self.root().display()
                    ),
                    format_args!("its packages are:{}", names.concat()),
                ));
            }
            chosen.extend(found);
        }
        chosen.dedup_by(|a, b| a.id == b.id);
        Ok(chosen)
    }

    /// Nothing of the kind asked for: says what there is instead.
    fn nothing(&self, what: impl fmt::Display, packages: &[&Package]) -> Error {
        let names: Vec<_> = packages
            .iter()
            .map(|package| format!("`{}`", package.name))
            .collect();
        let message = match names.as_slice() {
            [] => format!(
                "the workspace `{}` has no default members",
                self.root().display()
            ),
            [one] => format!("the package {one} has {what}"),
            several => format!("the packages {} have {what}", several.join(", ")),
        };
        let mut others = Vec::new();
        for package in packages {
            others.extend(
                [Kind::Bin, Kind::Example, Kind::Test, Kind::Bench]
                    .iter()
                    .flat_map(|kind| targets(package, kind)),
            );
            others.extend(library(package));
        }
        let mut hint = if others.is_empty() {
            "run in another directory, or name a package with -p".to_owned()
        } else {
            format!("what can be analysed:{}", listed(&others))
        };
        if others.iter().any(|other| other.kind == TargetKind::Rlib) {
            hint.push_str(
                "\nan rlib is an archive that nothing has linked; `crate-type = [\"cdylib\"]` or \
                 \"staticlib\" in [lib] makes one that is",
            );
        }
        Error::usage(message, hint)
    }

    fn not_found(
        &self,
        kind: &Kind,
        name: &str,
        mut existing: Vec<Candidate>,
        packages: &[&Package],
    ) -> Error {
        // The name may be that of another package's target: the flags to paste then say so.
        let elsewhere = self
            .members()
            .into_iter()
            .flat_map(|member| targets(member, kind));
        let elsewhere: Vec<_> = elsewhere
            .filter(|candidate| candidate.name == name)
            .collect();
        if !elsewhere.is_empty() {
            existing = elsewhere;
        }
        if existing.is_empty() {
            return self.nothing(
                format_args!("no {kind} target `{name}`, nor any other"),
                packages,
            );
        }
        Error::usage(
            format_args!("no {kind} target `{name}` in the selected packages"),
            format_args!("there is:{}", listed(&existing)),
        )
    }
}

/// The binary that `default-run` names, where just one of the packages names one.
fn default_run<'c>(packages: &[&Package], binaries: &'c [Candidate]) -> Option<&'c Candidate> {
    let mut preferred = packages.iter().filter_map(|package| {
        let name = package.default_run.as_ref()?;
        let of_package = |binary: &&Candidate| binary.package_id == package.id.repr;
        binaries
            .iter()
            .filter(of_package)
            .find(|binary| binary.name == *name)
    });
    preferred.next().filter(|_| preferred.next().is_none())
}

fn listed(candidates: &[Candidate]) -> String {
    candidates
        .iter()
        .map(|candidate| {
            let note = if candidate.kind.is_library() {
                format!("   ({})", candidate.crate_types.join(", "))
            } else {
                String::new()
            };
            format!("\n  {}{note}", candidate.flags())
        })
        .collect()
}

/// `name`, `name@1.0`, `name:1.0` or a full id; `*` and `?` as in cargo.
fn matches_spec(package: &Package, spec: &str) -> bool {
    if package.id.repr == spec {
        return true;
    }
    let (name, version) = match spec.split_once(['@', ':']) {
        Some((name, version)) if !version.starts_with("//") => (name, Some(version)),
        _ => (spec, None),
    };
    let own = package.version.to_string();
    let version_fits = version.is_none_or(|version| {
        own == version
            || own
                .strip_prefix(version)
                .is_some_and(|rest| rest.starts_with('.'))
    });
    version_fits && glob(name.as_bytes(), package.name.as_bytes())
}

/// Whether `text` is of the form `pattern`, where `*` stands for any text and `?` for any byte.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

fn targets<'a>(package: &'a Package, kind: &Kind) -> impl Iterator<Item = Candidate> + use<'a> {
    let own = match kind {
        Kind::Example => TargetKind::Example,
        Kind::Test => TargetKind::Test,
        Kind::Bench => TargetKind::Bench,
        _ => TargetKind::Bin,
    };
    let kind = kind.clone();
    package
        .targets
        .iter()
        .filter(move |target| target.kind.contains(&kind))
        .map(move |target| candidate(package, target, own))
}

/// The package's library, in the form that is analysed: linked ones first.
fn library(package: &Package) -> Option<Candidate> {
    const FORMS: [(&str, TargetKind); 6] = [
        ("cdylib", TargetKind::Cdylib),
        ("dylib", TargetKind::Dylib),
        ("staticlib", TargetKind::Staticlib),
        ("proc-macro", TargetKind::ProcMacro),
        ("rlib", TargetKind::Rlib),
        ("lib", TargetKind::Rlib),
    ];
    let not_library = |kind: &Kind| {
        matches!(
            kind,
            Kind::Bin | Kind::Example | Kind::Test | Kind::Bench | Kind::CustomBuild
        )
    };
    let target = package
        .targets
        .iter()
        .find(|target| !target.kind.iter().any(not_library))?;
    let types: Vec<String> = target.crate_types.iter().map(ToString::to_string).collect();
    let (_, kind) = FORMS
        .iter()
        .find(|(name, _)| types.iter().any(|own| own == name))?;
    Some(candidate(package, target, *kind))
}

fn candidate(package: &Package, target: &Target, kind: TargetKind) -> Candidate {
    Candidate {
        package: package.name.to_string(),
        version: package.version.to_string(),
        package_id: package.id.repr.clone(),
        name: target.name.clone(),
        kind,
        crate_types: target.crate_types.iter().map(ToString::to_string).collect(),
        required_features: target.required_features.clone(),
        tests_of: None,
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn globs_match_whole_names() {
        assert!(glob(b"a*c", b"abbc"));
        assert!(glob(b"*", b""));
        assert!(glob(b"a?c*", b"abc"));
        assert!(!glob(b"a", b"ab"));
        assert!(!glob(b"*b", b"ba"));
        assert!(glob(b"**a*", b"bab"));
    }
}
