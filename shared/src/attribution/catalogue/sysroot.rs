//! The crates of the toolchain's prebuilt standard library.
//!
//! Versions of std's own dependencies stand in no file name; their metadata names their sources,
//! `/rust/deps/NAME-VERSION/` (before Rust 1.8x `…/registry/src/<index>/NAME-VERSION/`), close to
//! its end.

use super::{Catalogue, CrateInfo, archive, layout::name_and_version, toolchain_origin};
use crate::{
    attribution::Origin,
    cargo::Toolchain,
    image::{Format, Image, SectionKind},
};
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

/// Of the targets that a toolchain has libraries for, the one whose std is in a file: `first` unless
/// another one's is. A program may be copied anywhere, and for one processor there may be several
/// targets, as with glibc and with musl, whose libraries have hashes of their own.
pub(super) fn linked_into(
    toolchain: &Toolchain,
    first: String,
    image: Option<&Image<'_>>,
    bytes: &[u8],
) -> String {
    let Some(image) = image else { return first };
    let processor = image.architecture.to_string();
    let rustlib = toolchain.libraries(&first);
    let rustlib = rustlib.parent().and_then(Path::parent);
    let targets = rustlib.and_then(|rustlib| fs::read_dir(rustlib).ok());
    let names = targets.into_iter().flatten().take(MOST_TARGETS);
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut others: Vec<String> = names
        .filter(|name| *name != first && name.starts_with(&processor))
        .collect();
    others.sort();
    // In a module of WebAssembly only names hold it, and code and data are most of the module.
    let places: Vec<&[u8]> = match image.format {
        Format::Wasm => image
            .sections
            .iter()
            .filter(|section| matches!(section.kind, SectionKind::Symbols | SectionKind::Debug))
            .map(|section| image.section_bytes(section))
            .collect(),
        _ => vec![bytes],
    };
    let linked = |triple: &String| {
        let hash = std_hash(toolchain, triple);
        hash.is_some_and(|hash| places.iter().any(|place| names_std(place, hash)))
    };
    if others.is_empty() || linked(&first) {
        return first;
    }
    others.into_iter().find(linked).unwrap_or(first)
}

/// No toolchain has more targets.
const MOST_TARGETS: usize = 1024;

/// The hash of a target's std.
fn std_hash(toolchain: &Toolchain, triple: &str) -> Option<u64> {
    let entries = fs::read_dir(toolchain.libraries(triple)).ok()?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let path = paths.find(|path| {
        let is_archive = path.extension().is_some_and(|own| own == "rlib");
        is_archive && crate_name(path).is_some_and(|name| name == "std")
    })?;
    archive::learn(&path, "std").disambiguator
}

/// Whether a file has a symbol of the std with this hash, or one of its codegen units.
fn names_std(bytes: &[u8], hash: u64) -> bool {
    let unit = format!("std.{hash:x}-cgu.");
    let root = format!("Cs{}_3std", base_62(hash));
    let texts = [&unit, &root].map(|text| memchr::memmem::Finder::new(text.as_bytes()));
    // Both in one piece of the file before the next: a symbol's name comes early in most files, and
    // what is behind it is not read at all.
    let longest = unit.len().max(root.len());
    (0..bytes.len()).step_by(PIECE).any(|at| {
        let end = bytes.len().min(at + PIECE + longest);
        let piece = bytes.get(at..end).unwrap_or_default();
        texts.iter().any(|text| text.find(piece).is_some())
    })
}

/// Files are searched in pieces of this size.
const PIECE: usize = 256 * 1024;

/// A disambiguator as v0 names write it: 1 is no digit, 2 is `0`.
fn base_62(disambiguator: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let Some(mut rest) = disambiguator.checked_sub(2) else {
        return String::new();
    };
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(DIGITS[(rest % 62) as usize]));
        rest /= 62;
        if rest == 0 {
            break;
        }
    }
    digits.iter().rev().collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demangle::Name;

    #[test]
    fn hashes_are_written_as_in_names() {
        for hash in [1, 2, 63, 64, 0xc1f1_a4ba_060b_9bfa, u64::MAX] {
            let symbol = format!("_RNvCs{}_3std4exit", base_62(hash));
            let name = Name::parse(&symbol);
            let root = name.defining().unwrap();
            assert_eq!(root.disambiguator, Some(hash), "{symbol}");
            assert!(names_std(symbol.as_bytes(), hash));
        }
        assert!(names_std(
            b"\0std.c1f1a4ba060b9bfa-cgu.0\0",
            0xc1f1_a4ba_060b_9bfa
        ));
        assert!(!names_std(
            b"\0std.c1f1a4ba060b9bfa-cgu.0\0",
            0xc1f1_a4ba_060b_9bfb
        ));
        // Wherever it lies, across the pieces that are searched, too.
        let symbol = b"std.c1f1a4ba060b9bfa-cgu.0";
        for at in (PIECE - symbol.len()..=PIECE).chain([2 * PIECE - 1, 3 * PIECE]) {
            let mut file = vec![0; at];
            file.extend(symbol);
            assert!(names_std(&file, 0xc1f1_a4ba_060b_9bfa), "{at}");
        }
    }
}
