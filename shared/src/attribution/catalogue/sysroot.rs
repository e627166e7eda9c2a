//! The crates of the toolchain's prebuilt standard library.
//!
//! Versions of std's own dependencies stand in no file name; their metadata names their sources,
//! `/rust/deps/NAME-VERSION/` (before Rust 1.8x `…/registry/src/<index>/NAME-VERSION/`), close to
//! its end.

use super::{Catalogue, CrateInfo, archive, source::name_and_version, toolchain_origin};
use crate::{attribution::Origin, cargo::Toolchain};
use rayon::prelude::*;
use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// How much of a metadata file's end is read for source paths, before all of it.
const TAIL: u64 = 256 * 1024;
/// No dependency of std comes near this; a file beyond it is not searched.
const MOST: u64 = 64 * 1024 * 1024;

pub(super) struct SysrootCrate {
    info: CrateInfo,
    learned: archive::Learned,
}

/// Reads the libraries for `triple`, in parallel.
pub(super) fn read(toolchain: &Toolchain, triple: &str) -> Vec<SysrootCrate> {
    let Ok(entries) = fs::read_dir(toolchain.libraries(triple)) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.retain(|path| path.extension().is_some_and(|own| own == "rlib"));
    paths.sort();
    paths
        .par_iter()
        .filter_map(|path| {
            let name = crate_name(path)?;
            let origin = toolchain_origin(&name);
            let source = match origin {
                Origin::Std => None,
                _ => source_of(path, &name),
            };
            let (package, version) = match source {
                Some((package, version)) => (Some(package), Some(version)),
                None if origin == Origin::Std => (None, Some(toolchain.release.clone())),
                None => (None, None),
            };
            let learned = archive::learn(path, &name);
            Some(SysrootCrate {
                info: CrateInfo {
                    role: Default::default(),
                    name,
                    package,
                    version,
                    origin,
                },
                learned,
            })
        })
        .collect()
}

impl Catalogue {
    pub(super) fn add_toolchain(&mut self, toolchain: &Toolchain, crates: Vec<SysrootCrate>) {
        self.release = Some(toolchain.release.clone()).filter(|_| !self.foreign);
        self.commit = toolchain.commit_hash.clone();
        for SysrootCrate { info, mut learned } in crates {
            if self.foreign {
                // What a C library defines under the same names is its own.
                learned.exported.clear();
                learned.native_symbols.clear();
            }
            if let (Origin::StdDependency, Some(version)) = (info.origin, &info.version) {
                self.std_versions.insert(info.name.clone(), version.clone());
            }
            let index = self.add(info);
            self.learn(index, learned);
            if let Some(known) = self.crates.get_mut(index) {
                known.of_toolchain = true;
            }
        }
    }
}

/// `memchr` of `libmemchr-ea71fa85f6699d6b.rlib`.
pub(super) fn crate_name(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?.strip_prefix("lib")?;
    let name = stem.rsplit_once('-').map_or(stem, |(name, _)| name);
    Some(name.replace('-', "_"))
}

/// Package and version, from the source paths in the metadata beside or inside the archive.
fn source_of(path: &Path, name: &str) -> Option<(String, String)> {
    let metadata = path.with_extension("rmeta");
    for file in [metadata.as_path(), path] {
        let Ok(mut file) = File::open(file) else {
            continue;
        };
        let Ok(size) = file.metadata().map(|metadata| metadata.len()) else {
            continue;
        };
        if size > MOST {
            continue;
        }
        for from in [size.saturating_sub(TAIL), 0] {
            let mut bytes = Vec::new();
            if file.seek(SeekFrom::Start(from)).is_err() || file.read_to_end(&mut bytes).is_err() {
                continue;
            }
            if let Some(found) = find_source(&bytes, name) {
                return Some(found);
            }
        }
    }
    None
}

fn find_source(bytes: &[u8], name: &str) -> Option<(String, String)> {
    const DEPS: &[u8] = b"/rust/deps/";
    const REGISTRY: &[u8] = b"/registry/src/";
    let mut rest = bytes;
    while let Some(slash) = rest.iter().position(|&byte| byte == b'/') {
        let at = rest.get(slash..)?;
        rest = at.get(1..)?;
        let directory = if let Some(after) = at.strip_prefix(DEPS) {
            after
        } else if let Some(after) = at.strip_prefix(REGISTRY) {
            let index = after.iter().position(|&byte| byte == b'/')?;
            after.get(index + 1..)?
        } else {
            continue;
        };
        let end = directory.iter().take(256).position(|&byte| byte == b'/');
        let Some(text) = end.and_then(|end| std::str::from_utf8(directory.get(..end)?).ok()) else {
            continue;
        };
        if let Some((package, version)) = name_and_version(text)
            && package.replace('-', "_") == name
        {
            return Some((package.into(), version.into()));
        }
    }
    None
}
