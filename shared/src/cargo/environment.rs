//! How cargo starts what it has built: the environment and the working directory of `cargo run`,
//! `cargo test` and `cargo bench`.
//!
//! Source: "Environment variables" and "`[env]`" in the cargo reference; the order of the dynamic
//! library path is what cargo 1.95 does, which a test compares. Limits: `target.*.runner` is not
//! applied (whoever starts the program needs the program itself), and with several build scripts
//! only the last run's variables count, as in cargo.

use super::{
    context::Context,
    lookup::Lookup,
    messages::{BuiltExecutable, ScriptOutput},
    toolchain::Toolchain,
    workspace::{Candidate, TargetKind, Workspace},
};
use cargo_metadata::Package;
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// What [`environment`] depends on.
pub(super) struct Facts<'a> {
    pub(super) context: &'a Context,
    pub(super) lookup: &'a Lookup,
    pub(super) toolchain: &'a Toolchain,
    pub(super) workspace: &'a Workspace,
    pub(super) triple: &'a str,
    pub(super) scripts: &'a [ScriptOutput],
    pub(super) executables: &'a [BuiltExecutable],
    /// Where the profile's artifacts are: `target/release`.
    pub(super) output: &'a Path,
}

/// The variables that cargo sets for a program, in the order in which it sets them.
pub(super) fn environment(facts: &Facts<'_>, candidate: &Candidate) -> Vec<(OsString, OsString)> {
    let mut found: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: &str, value: OsString| found.push((name.into(), value));
    set(library_variable(), library_path(facts));
    if let Some(cargo) = facts.context.var_os("CARGO") {
        set("CARGO", cargo);
    }
    let members = facts.workspace.members();
    let package = members
        .iter()
        .find(|package| package.id.repr == candidate.package_id);
    if let Some(package) = package {
        let path = |path: Option<&cargo_metadata::camino::Utf8PathBuf>| {
            path.map(|path| path.to_string()).unwrap_or_default()
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let version = &package.version;
        let directory = package.manifest_path.parent().map(ToString::to_string);
        for (name, value) in [
            ("MANIFEST_DIR", directory.unwrap_or_default()),
            ("MANIFEST_PATH", package.manifest_path.to_string()),
            ("PKG_VERSION_MAJOR", version.major.to_string()),
            ("PKG_VERSION_MINOR", version.minor.to_string()),
            ("PKG_VERSION_PATCH", version.patch.to_string()),
            ("PKG_VERSION_PRE", version.pre.to_string()),
            ("PKG_VERSION", version.to_string()),
            ("PKG_NAME", package.name.to_string()),
            ("PKG_DESCRIPTION", text(&package.description)),
            ("PKG_HOMEPAGE", text(&package.homepage)),
            ("PKG_REPOSITORY", text(&package.repository)),
            ("PKG_LICENSE", text(&package.license)),
            ("PKG_LICENSE_FILE", path(package.license_file.as_ref())),
            ("PKG_AUTHORS", package.authors.join(":")),
            ("PKG_RUST_VERSION", rust_version(facts, package)),
            ("PKG_README", path(package.readme.as_ref())),
        ] {
            set(&format!("CARGO_{name}"), value.into());
        }
    }
    if matches!(candidate.kind, TargetKind::Test | TargetKind::Bench) {
        let own = facts.executables.iter().filter(|executable| {
            executable.package_id == candidate.package_id && executable.kind == TargetKind::Bin
        });
        for executable in own {
            let name = format!("CARGO_BIN_EXE_{}", executable.name);
            set(&name, executable.path.clone().into());
        }
    }
    let script = |script: &&ScriptOutput| script.package_id == candidate.package_id;
    if let Some(script) = facts.scripts.iter().rev().find(script) {
        for (name, value) in &script.environment {
            set(name, value.into());
        }
        set("OUT_DIR", script.out_dir.clone().into());
    }
    for variable in facts.lookup.environment() {
        // What the user exported wins unless the table insists.
        if variable.force || facts.context.var_os(&variable.name).is_none() {
            set(&variable.name, variable.value.into());
        }
    }
    found
}

/// As the manifest spells it: `cargo metadata` knows `1.70`, and its reader makes that `1.70.0`.
fn rust_version(facts: &Facts<'_>, package: &Package) -> String {
    let Some(version) = package.rust_version.as_ref() else {
        return String::new();
    };
    let full = version.to_string();
    let root = facts.workspace.root().join("Cargo.toml");
    let spelt = |path: &Path, text: &str| {
        fs::read_to_string(path).is_ok_and(|manifest| manifest.contains(&format!("\"{text}\"")))
    };
    let is_spelt =
        |text: &str| spelt(package.manifest_path.as_std_path(), text) || spelt(&root, text);
    let short = full.strip_suffix(".0").unwrap_or(&full);
    if !is_spelt(&full) && is_spelt(short) {
        return short.to_owned();
    }
    full
}

fn library_variable() -> &'static str {
    if cfg!(windows) {
        "PATH"
    } else if cfg!(target_os = "macos") {
        "DYLD_FALLBACK_LIBRARY_PATH"
    } else {
        "LD_LIBRARY_PATH"
    }
}

/// Build scripts' directories below the output, the output itself, the compiler's libraries, and
/// behind them what the user has.
fn library_path(facts: &Facts<'_>) -> OsString {
    let scripts = facts.scripts.iter().flat_map(|script| &script.search);
    let mut directories: Vec<PathBuf> = Vec::new();
    for directory in scripts.filter(|directory| directory.starts_with(facts.output)) {
        if !directories.contains(directory) {
            directories.push(directory.clone());
        }
    }
    directories.sort();
    directories.push(facts.output.to_path_buf());
    directories.push(facts.output.join("deps"));
    directories.push(facts.toolchain.libraries(facts.triple));
    let inherited = facts.context.var_os(library_variable()).unwrap_or_default();
    if !inherited.is_empty() {
        directories.extend(env::split_paths(&inherited));
    }
    env::join_paths(directories).unwrap_or_default()
}
