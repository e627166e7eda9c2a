//! How an artifact came to be: the lock file, features, profile, compiler.
//!
//! Features come from the messages of the build, so they are the ones that were compiled in. For a file
//! that somebody else built only the lock file above it is known, and only if there is one.

use super::model::{Build, Package};
use crate::analysis::Opened;
use codecost::cargo::{self, BuiltCrate};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use toml_edit::{Document, Item, TableLike};

/// What can be known.
pub(super) fn of(opened: &Opened) -> Option<Build> {
    match &opened.facts.build {
        Some(build) => Some(of_build(build, &opened.facts.settings.all)),
        None => {
            let packages = lock_above(opened.files.file.path())?;
            Some(Build {
                packages,
                ..Build::default()
            })
        }
    }
}

fn of_build(build: &cargo::Build, settings: &BTreeMap<String, String>) -> Build {
    let mut packages = locked(&build.workspace_root.join("Cargo.lock")).unwrap_or_default();
    let mut features: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    let compiled = |built: &&BuiltCrate| !built.compile_time;
    for built in build.crates.iter().filter(compiled) {
        features
            .entry((&built.package, &built.version))
            .or_default()
            .extend(built.features.iter().cloned());
    }
    for package in &mut packages {
        package.features = features.remove(&(package.name.as_str(), package.version.as_str()));
    }
    Build {
        toolchain: Some(build.toolchain.release_and_commit()),
        triple: Some(build.triple.clone()),
        profile: settings.clone(),
        rustflags: build.rustflags.flags.clone(),
        packages,
    }
}

/// The lock file of the workspace that `file` was most likely built in: the nearest above it.
fn lock_above(file: &Path) -> Option<Vec<Package>> {
    let file = fs::canonicalize(file).ok()?;
    let found = file.ancestors().skip(1).find(|directory| {
        directory.join("Cargo.lock").is_file() && directory.join("Cargo.toml").is_file()
    })?;
    locked(&found.join("Cargo.lock"))
}

fn locked(path: &Path) -> Option<Vec<Package>> {
    let text = fs::read_to_string(path).ok()?;
    let document = Document::parse(text).ok()?;
    let packages = document.get("package")?.as_array_of_tables()?;
    let text = |table: &dyn TableLike, key: &str| -> Option<String> {
        Some(table.get(key)?.as_str()?.to_owned())
    };
    let packages = packages.iter().filter_map(|table| {
        let dependencies = table.get("dependencies").and_then(Item::as_array);
        let dependencies = dependencies.into_iter().flat_map(|array| array.iter());
        Some(Package {
            name: text(table, "name")?,
            version: text(table, "version")?,
            features: None,
            // `name version (source)` where the name and version are not enough.
            dependencies: dependencies
                .filter_map(|item| Some(item.as_str()?.split(" (").next()?.to_owned()))
                .collect(),
        })
    });
    Some(packages.collect())
}
