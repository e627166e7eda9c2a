//! The loader's view: needed libraries, required symbol versions, and so the oldest system that
//! the file runs on. Read by `goblin`.
//!
//! Sources: the gABI's dynamic section, the LSB's symbol versioning.

use super::{Format, Image};
use crate::error::{Error, Result};
use goblin::elf::{Elf, symver::VerneedSection};
use std::collections::BTreeMap;

/// What must be there at run time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoaderNeeds {
    /// Shared libraries.
    pub libraries: Vec<String>,
    /// Versions that these must offer, by library and version.
    pub versions: Vec<VersionNeed>,
    /// The oldest glibc that offers all of them.
    pub oldest_glibc: Option<String>,
    /// The program interpreter (dynamic loader).
    pub interpreter: Option<String>,
    /// Where the loader looks for libraries first.
    pub run_paths: Vec<String>,
}

/// A version that a library must offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionNeed {
    /// The library.
    pub library: String,
    /// `GLIBC_2.34`, …
    pub version: String,
    /// The imported symbols that ask for it, sorted.
    pub symbols: Vec<String>,
}

pub(super) fn needs(image: &Image<'_>) -> Result<LoaderNeeds> {
    match image.format {
        Format::Elf => elf(image),
        Format::Pe => Ok(LoaderNeeds {
            libraries: libraries_of_pe(image),
            ..Default::default()
        }),
        Format::MachO => Ok(LoaderNeeds {
            libraries: libraries_of_macho(image),
            ..Default::default()
        }),
        _ => Ok(LoaderNeeds::default()),
    }
}

fn elf(image: &Image<'_>) -> Result<LoaderNeeds> {
    // Permissive: what is damaged is left out instead of ending the answer.
    let options = goblin::options::ParseOptions::permissive();
    let elf = Elf::parse_with_opts(image.bytes, &options).map_err(|error| {
        Error::failed(
            format_args!("cannot read what the loader needs: {error}"),
            "the file's dynamic tables are damaged; `cargo slim sections` still shows its parts",
        )
    })?;
    let mut needs = LoaderNeeds {
        libraries: elf
            .libraries
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        interpreter: elf.interpreter.map(str::to_owned),
        run_paths: Vec::new(),
        ..LoaderNeeds::default()
    };
    for paths in elf.rpaths.iter().chain(&elf.runpaths) {
        needs.run_paths.extend(paths.split(':').map(str::to_owned));
    }
    // Version number -> (library, version).
    let mut wanted: BTreeMap<u16, usize> = BTreeMap::new();
    if let Some(verneed) = &elf.verneed {
        collect(verneed, &elf, &mut needs, &mut wanted);
    }
    if let Some(versym) = &elf.versym {
        for (symbol, version) in elf.dynsyms.iter().zip(versym.iter()) {
            let Some(index) = wanted.get(&version.version()) else {
                continue;
            };
            if let (true, Some(name)) = (symbol.is_import(), elf.dynstrtab.get_at(symbol.st_name)) {
                needs.versions[*index].symbols.push(name.to_owned());
            }
        }
    }
    for version in &mut needs.versions {
        version.symbols.sort_unstable();
        version.symbols.dedup();
    }
    needs
        .versions
        .sort_by(|a, b| (&a.library, numbers(&a.version)).cmp(&(&b.library, numbers(&b.version))));
    // A loader that does not know RELR starts the program with its pointers unset, so linkers ask
    // for `GLIBC_ABI_DT_RELR`, which came with 2.36.
    let relr = elf
        .dynamic
        .iter()
        .flat_map(|d| &d.dyns)
        .any(|entry| entry.d_tag == DT_RELR);
    let is_glibc = needs
        .versions
        .iter()
        .any(|need| need.version.starts_with("GLIBC_"));
    needs.oldest_glibc = needs
        .versions
        .iter()
        .filter_map(|need| need.version.strip_prefix("GLIBC_"))
        .filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
        .chain((relr && is_glibc).then_some("2.36"))
        .max_by_key(|version| numbers(version))
        .map(str::to_owned);
    Ok(needs)
}

/// Generic-ABI RELR: the address of the table.
const DT_RELR: u64 = 36;

fn collect(
    verneed: &VerneedSection<'_>,
    elf: &Elf<'_>,
    needs: &mut LoaderNeeds,
    wanted: &mut BTreeMap<u16, usize>,
) {
    // A table that links to itself would never end; no real one has this many entries.
    for library in verneed.iter().take(1 << 12) {
        let name = elf.dynstrtab.get_at(library.vn_file).unwrap_or_default();
        for version in library.iter().take(1 << 12) {
            wanted.insert(version.vna_other, needs.versions.len());
            needs.versions.push(VersionNeed {
                library: name.to_owned(),
                version: elf
                    .dynstrtab
                    .get_at(version.vna_name)
                    .unwrap_or_default()
                    .to_owned(),
                symbols: Vec::new(),
            });
        }
    }
}

/// The numbers of a version, so that 2.9 comes before 2.34.
fn numbers(version: &str) -> Vec<u64> {
    version
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

fn libraries_of_pe(image: &Image<'_>) -> Vec<String> {
    let Ok(pe) = goblin::pe::PE::parse(image.bytes) else {
        return Vec::new();
    };
    pe.libraries.iter().map(|name| (*name).to_owned()).collect()
}

fn libraries_of_macho(image: &Image<'_>) -> Vec<String> {
    let Ok(macho) = goblin::mach::MachO::parse(image.bytes, 0) else {
        return Vec::new();
    };
    // The first entry is the image itself.
    macho
        .libs
        .iter()
        .skip(1)
        .map(|name| (*name).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("GLIBC_2.9") < numbers("GLIBC_2.34"));
        assert!(numbers("GLIBC_2.2.5") < numbers("GLIBC_2.3"));
    }
}
