//! The catalogue of a build that we made: cargo's messages name every crate and its files.

use super::{Catalogue, CrateInfo, archive, source::normalized, sysroot, toolchain_origin};
use crate::{
    attribution::Origin,
    cargo::{Build, BuiltCrate, PackageSource, ScriptOutput},
};
use rayon::prelude::*;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

impl Catalogue {
    /// All crates that `build` compiled or found up to date, and the toolchain's.
    ///
    /// Reads the tables of their archives, in parallel: some ten milliseconds for sixty crates.
    pub fn for_build(build: &Build) -> Self {
        let crates: Vec<&BuiltCrate> = build
            .crates
            .iter()
            .filter(|built| !built.compile_time)
            .collect();
        let learn =
            || -> Vec<archive::Learned> { crates.par_iter().map(|built| learn(built)).collect() };
        let native = || -> Vec<(String, archive::Learned)> {
            build
                .scripts
                .par_iter()
                .map(|script| (script.package_id.clone(), linked(script)))
                .collect()
        };
        let (learned, (native, toolchain)) = rayon::join(learn, || {
            rayon::join(native, || sysroot::read(&build.toolchain, &build.triple))
        });

        let mut catalogue = Self {
            complete: true,
            ..Self::default()
        };
        catalogue.base = Some(slashed(&build.workspace_root));
        catalogue.remapped = build
            .rustflags
            .remapped_prefixes()
            .into_iter()
            .rev()
            .map(|(real, shown)| (normalized(&shown), normalized(&real)))
            .collect();
        catalogue.add_toolchain(&build.toolchain, toolchain);
        catalogue.libraries = Some(build.toolchain.libraries(&build.triple));
        let mut of_package: HashMap<&str, usize> = HashMap::new();
        for (built, learned) in crates.iter().zip(learned) {
            let index = catalogue.add(info(built, &build.toolchain.release));
            catalogue.learn(index, learned);
            catalogue.add_root(&built.root, &built.src_path, index, built.library);
            if built.library {
                of_package.insert(&built.package_id, index);
            } else {
                catalogue.add_program(index);
                of_package.entry(&built.package_id).or_insert(index);
            }
        }
        for script in &build.scripts {
            if let Some(&index) = of_package.get(script.package_id.as_str()) {
                let root = catalogue.roots.entry(slashed(&script.out_dir)).or_default();
                root.default = Some(index);
            }
        }
        for (package, learned) in native {
            if let Some(&index) = of_package.get(package.as_str()) {
                catalogue.learn(index, learned);
            }
        }
        catalogue
    }

    /// A program was compiled from this crate's package under its name.
    pub(super) fn add_program(&mut self, index: usize) {
        if let Some(known) = self.crates.get_mut(index) {
            known.program = true;
        }
    }

    /// Sources below `directory` belong to the package whose crate this is.
    pub(super) fn add_root(
        &mut self,
        directory: &Path,
        source: &Path,
        index: usize,
        library: bool,
    ) {
        let root = self.roots.entry(slashed(directory)).or_default();
        root.crates.push((slashed(source), index));
        if library || root.default.is_none() {
            root.default = Some(index);
        }
    }
}

fn learn(built: &BuiltCrate) -> archive::Learned {
    let rlib = |file: &&PathBuf| file.extension().is_some_and(|own| own == "rlib");
    match built.files.iter().find(rlib) {
        Some(file) => archive::learn(file, &built.name),
        None => archive::Learned::default(),
    }
}

/// What the static libraries define that a build script made or names by their directory.
///
/// Of directories outside `OUT_DIR` only those libraries count that it asked to link.
fn linked(script: &ScriptOutput) -> archive::Learned {
    let mut directories = vec![script.out_dir.clone()];
    directories.extend(script.search.iter().cloned());
    directories.dedup();
    let mut learned = archive::Learned::default();
    for library in &script.libraries {
        for directory in &directories {
            let names = [format!("lib{library}.a"), format!("{library}.lib")];
            let found = names
                .iter()
                .map(|name| directory.join(name))
                .find(|path| path.is_file());
            if let Some(path) = found {
                let found = archive::native(&path);
                learned.native_symbols.extend(found.native_symbols);
                learned.native_locals.extend(found.native_locals);
                break;
            }
        }
    }
    learned
}

fn info(built: &BuiltCrate, release: &str) -> CrateInfo {
    // `-Zbuild-std` compiles std and its dependencies from the toolchain's own sources.
    let of_toolchain = slashed(&built.root).contains("/lib/rustlib/src/rust/library/");
    if of_toolchain && toolchain_origin(&built.name) == Origin::Std {
        return CrateInfo {
            role: Default::default(),
            name: built.name.clone(),
            package: None,
            version: Some(release.to_owned()),
            origin: Origin::Std,
        };
    }
    let origin = if of_toolchain {
        Origin::StdDependency
    } else if built.member {
        Origin::Workspace
    } else {
        match built.source {
            PackageSource::Registry => Origin::Registry,
            PackageSource::Git => Origin::Git,
            PackageSource::Path => Origin::Path,
        }
    };
    CrateInfo {
        role: Default::default(),
        name: built.name.clone(),
        package: Some(built.package.clone()),
        version: Some(built.version.clone()),
        origin,
    }
}

pub(super) fn slashed(path: &Path) -> String {
    normalized(&path.to_string_lossy())
}
