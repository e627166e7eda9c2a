//! What is known of the user's project before anything is built.
//!
//! From `cargo metadata --no-deps`, the lock file (read, never made: planning writes nothing) and
//! the effective configuration. Packages that a program ships are found through the lock file from
//! the members' normal dependencies; a lock file does not tell features and platforms apart, so a
//! dependency named here may be inactive.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_platform::Cfg;
use codecost::cargo::config::{self, Effective, Inputs, Notice, OriginKind};
use codecost::cargo::{Candidate, Context, Selection, TargetChoice, Toolchain, Workspace};
use codecost::{Error, Result};

/// The project, the toolchain and the configuration in force.
pub struct Project {
    /// Where and with which environment cargo runs.
    pub context: Context,
    /// Which artifact and how.
    pub selection: Selection,
    /// The members.
    pub workspace: Workspace,
    /// The compiler.
    pub toolchain: Toolchain,
    /// The environment, where it is Unicode.
    pub environment: BTreeMap<String, String>,
    /// The locked packages.
    pub lock: Lock,
    /// The configuration in force.
    pub effective: Effective,
}

impl Project {
    /// Asks cargo and rustc, and reads the configuration for the selection's profile.
    ///
    /// # Errors
    ///
    /// What cargo says to a broken manifest, a profile that does not exist, unreadable files.
    pub fn load(context: Context, selection: Selection) -> Result<Self> {
        let (workspace, toolchain) = std::thread::scope(|scope| {
            let toolchain = scope.spawn(|| Toolchain::load(&context, &selection));
            let workspace = Workspace::load(&context, &selection);
            let toolchain = toolchain.join().unwrap_or_else(|_| {
                Err(Error::failed("asking rustc failed", "please report this"))
            });
            (workspace, toolchain)
        });
        let (workspace, toolchain) = (workspace?, toolchain?);
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        let lock = Lock::load(&workspace)?;
        let effective = resolve(
            &context,
            &selection,
            &workspace,
            &toolchain,
            &environment,
            &lock,
        )?;
        let mut effective = effective;
        void_lto(&workspace, &selection, &mut effective);
        Ok(Self {
            context,
            selection,
            workspace,
            toolchain,
            environment,
            lock,
            effective,
        })
    }

    /// The workspace's root manifest.
    pub fn root_manifest(&self) -> PathBuf {
        self.workspace.root().join("Cargo.toml")
    }

    /// A path as people want to see it: below the current directory without it.
    pub fn shown(&self, path: &Path) -> String {
        let relative = path.strip_prefix(self.context.directory()).unwrap_or(path);
        relative.display().to_string()
    }
}

fn resolve(
    context: &Context,
    selection: &Selection,
    workspace: &Workspace,
    toolchain: &Toolchain,
    environment: &BTreeMap<String, String>,
    lock: &Lock,
) -> Result<Effective> {
    let members: Vec<PathBuf> = workspace
        .members()
        .iter()
        .map(|p| p.manifest_path.clone().into_std_path_buf())
        .collect();
    let cargo_home = context.cargo_home();
    let cfgs = |triple: &str| print_cfg(context, toolchain, triple);
    let names: BTreeSet<String> = lock.packages.iter().map(|p| p.name.clone()).collect();
    config::effective(&Inputs {
        cwd: context.directory(),
        workspace_root: workspace.root(),
        member_manifests: &members,
        cargo_home: cargo_home.as_deref(),
        environment,
        cli: &selection.config,
        profile: selection.profile(),
        host: &toolchain.host,
        triple: selection.triple.as_deref(),
        cfgs: &cfgs,
        packages: lock.found.then_some(&names),
    })
}

/// Marks an `lto` that somebody wrote and that cargo uses for nothing.
fn void_lto(workspace: &Workspace, selection: &Selection, effective: &mut Effective) {
    let table = format!("profile.{}", effective.profile);
    let found = effective.settings.iter_mut().find(|s| {
        s.key == "lto" && s.table == table && s.in_force() && s.origin.kind != OriginKind::Default
    });
    let Some(setting) = found else { return };
    if config::canonical("lto", &setting.value) == "off" {
        return;
    }
    let Some(evidence) = lto_is_skipped(workspace, selection) else {
        return;
    };
    let reason = format!("{LTO_SKIPPED} ({evidence})");
    effective.notices.push(Notice {
        code: "void-setting",
        message: format!(
            "`{}.lto = {}` ({}) has no effect: {reason}",
            setting.table, setting.value, setting.origin
        ),
        help: Some("build the rlib from a package of its own".to_owned()),
    });
    setting.void = Some(reason);
}

/// Why.
pub(crate) const LTO_SKIPPED: &str =
    "cargo skips LTO for a library with an rlib beside its cdylib or staticlib, and for dylibs";

/// Whether every linked target of the selected packages is one that cargo builds without LTO.
pub(crate) fn lto_is_skipped(workspace: &Workspace, selection: &Selection) -> Option<String> {
    let mut evidence = None;
    for candidate in linked(workspace, selection) {
        if !skips_lto(&candidate.crate_types) {
            return None;
        }
        evidence = Some(format!(
            "{}: crate-type = {:?}",
            candidate.package, candidate.crate_types
        ));
    }
    evidence
}

/// Everything in the workspace that the profile links.
pub(crate) fn linked(workspace: &Workspace, selection: &Selection) -> Vec<Candidate> {
    let mut selection = selection.clone();
    let mut all = Vec::new();
    for choice in [TargetChoice::Bin(None), TargetChoice::Lib] {
        selection.target = choice;
        selection.packages = workspace
            .members()
            .iter()
            .map(|p| p.id.repr.clone())
            .collect();
        all.extend(workspace.candidates(&selection).unwrap_or_default());
    }
    all.retain(|c| {
        !c.kind.is_library()
            || c.crate_types
                .iter()
                .any(|t| matches!(t.as_str(), "cdylib" | "staticlib" | "dylib"))
    });
    all
}

/// Whether cargo leaves LTO out for a library of these types.
pub(crate) fn skips_lto(crate_types: &[String]) -> bool {
    let has = |name: &str| crate_types.iter().any(|t| t == name);
    has("dylib") || ((has("rlib") || has("lib")) && (has("cdylib") || has("staticlib")))
}

/// `rustc --print cfg`; without an answer no `cfg(…)` table matches.
fn print_cfg(context: &Context, toolchain: &Toolchain, triple: &str) -> Vec<Cfg> {
    let output = context
        .command(&toolchain.rustc)
        .args(["--print", "cfg", "--target", triple])
        .output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect(),
        _ => Vec::new(),
    }
}

/// One locked package.
#[derive(Debug, Clone)]
pub struct LockedPackage {
    /// The package's name.
    pub name: String,
    version: String,
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
    fn load(workspace: &Workspace) -> Result<Self> {
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

    /// Reads the lines that matter; the format is fixed and written by cargo alone.
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
