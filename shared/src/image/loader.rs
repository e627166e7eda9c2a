//! The loader's view: needed libraries, required symbol versions, and so the oldest system that
//! the file runs on. ELF is read by `goblin`.
//!
//! Sources: the gABI's dynamic section, the LSB's symbol versioning.

use super::{
    Image, hardening,
    needs::{LoaderNeeds, VersionNeed},
    symbol::Names,
};
use crate::{
    address::{FileOffset, FileRange},
    error::{Error, Result},
};
use goblin::{
    container::Ctx,
    elf::{
        Elf, ProgramHeader, SectionHeader,
        dynamic::{DT_NEEDED, DT_RPATH, DT_RUNPATH, Dynamic},
        program_header::PT_INTERP,
        symver::{VerneedSection, VersymSection},
    },
};
use std::collections::BTreeMap;

/// Program headers that are read: Linux runs no file with more than 64 KiB of them.
const MAX_PROGRAM_HEADERS: usize = 1170;

pub(super) fn needs(image: &Image<'_>) -> Result<LoaderNeeds> {
    parse_elf(image).map_err(|error| {
        Error::failed(
            format_args!("cannot read what the loader needs: {error}"),
            "the file's dynamic tables are damaged; `cargo slim sections` still shows its parts",
        )
    })
}

/// Reads only what is asked for, table by table: `Elf::parse` reads all symbol and string tables,
/// which takes long for large files, and for hostile ones time that grows with the square of their
/// size.
fn parse_elf(image: &Image<'_>) -> goblin::error::Result<LoaderNeeds> {
    let header = Elf::parse_header(image.bytes)?;
    let ctx = Ctx::new(header.container()?, header.endianness()?);
    let count = usize::from(header.e_phnum).min(MAX_PROGRAM_HEADERS);
    let offset = usize::try_from(header.e_phoff).unwrap_or(usize::MAX);
    let program_headers = match count {
        0 => Vec::new(),
        count => ProgramHeader::parse(image.bytes, offset, count, ctx)?,
    };
    let mut needs = LoaderNeeds {
        interpreter: interpreter(image, &program_headers),
        hardening: hardening::facts(image),
        ..LoaderNeeds::default()
    };
    let Some(dynamic) = Dynamic::parse(image.bytes, &program_headers, ctx)? else {
        return Ok(needs);
    };
    let strings = FileRange::new(
        FileOffset(dynamic.info.strtab as u64),
        dynamic.info.strsz as u64,
    );
    let mut names = Names::new(Some(image.bytes_in(strings)));
    for entry in &dynamic.dyns {
        let mut name = || {
            let offset = u32::try_from(entry.d_val).unwrap_or(u32::MAX);
            names.at(offset).into_owned()
        };
        match entry.d_tag {
            DT_NEEDED => needs.libraries.push(name()),
            DT_RPATH | DT_RUNPATH => needs.run_paths.extend(name().split(':').map(str::to_owned)),
            _ => {}
        }
    }
    let offset = usize::try_from(header.e_shoff).unwrap_or(usize::MAX);
    let sections = match offset {
        0 => Vec::new(),
        // They cannot be read, as is said elsewhere.
        _ if !image.missing.is_empty() => Vec::new(),
        offset => SectionHeader::parse(image.bytes, offset, header.e_shnum.into(), ctx)?,
    };
    // Version number -> (library, version).
    let mut wanted: BTreeMap<u16, usize> = BTreeMap::new();
    if let Some(verneed) = VerneedSection::parse(image.bytes, &sections, ctx)? {
        collect(&verneed, &mut names, &mut needs, &mut wanted);
    }
    if let Some(versym) = VersymSection::parse(image.bytes, &sections, ctx)? {
        // The first of each is for the empty symbol.
        for (symbol, version) in image
            .dynamic_symbols()
            .symbols
            .iter()
            .zip(versym.iter().skip(1))
        {
            let version = wanted
                .get(&version.version())
                .and_then(|index| needs.versions.get_mut(*index));
            if let (Some(version), None) = (version, symbol.section) {
                version.symbols.push(symbol.name.to_string());
            }
        }
    }
    for version in &mut needs.versions {
        version.symbols.sort_unstable();
        version.symbols.dedup();
    }
    needs
        .versions
        .sort_by_cached_key(|need| (need.library.clone(), numbers(&need.version)));
    // A loader that does not know RELR starts the program with its pointers unset, so linkers ask
    // for `GLIBC_ABI_DT_RELR`, which came with 2.36.
    let relr = dynamic.dyns.iter().any(|entry| entry.d_tag == DT_RELR);
    let glibc = || {
        let mut needs = needs.versions.iter();
        needs.any(|need| need.is_of_glibc())
    };
    let is_glibc = glibc();
    needs.oldest_glibc = needs
        .versions
        .iter()
        .filter(|need| need.is_of_glibc() && !need.weak)
        .filter_map(|need| need.version.strip_prefix("GLIBC_"))
        .filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
        .chain((relr && is_glibc).then_some("2.36"))
        .max_by_key(|version| numbers(version))
        .map(str::to_owned);
    Ok(needs)
}

/// Of a version that only weak references ask for (`elf.h`; glibc's `dl-version.c` goes on without it).
const VER_FLG_WEAK: u16 = 2;

/// Generic-ABI RELR: the address of the table.
const DT_RELR: u64 = 36;

/// The path in the first `PT_INTERP`.
fn interpreter(image: &Image<'_>, headers: &[ProgramHeader]) -> Option<String> {
    let header = headers.iter().find(|header| header.p_type == PT_INTERP)?;
    let range = FileRange::new(FileOffset(header.p_offset), header.p_filesz);
    let path = std::ffi::CStr::from_bytes_until_nul(image.bytes_in(range)).ok()?;
    Some(path.to_string_lossy().into_owned())
}

fn collect(
    verneed: &VerneedSection<'_>,
    names: &mut Names<'_>,
    needs: &mut LoaderNeeds,
    wanted: &mut BTreeMap<u16, usize>,
) {
    for library in verneed {
        let name = u32::try_from(library.vn_file).unwrap_or(u32::MAX);
        for version in &library {
            // Versions are numbered with 15 bits; a table that claims more links to itself.
            if needs.versions.len() > usize::from(u16::MAX >> 1) {
                return;
            }
            wanted.insert(version.vna_other, needs.versions.len());
            let need_flags = version.vna_flags;
            let version = u32::try_from(version.vna_name).unwrap_or(u32::MAX);
            needs.versions.push(VersionNeed {
                library: names.at(name).into_owned(),
                version: names.at(version).into_owned(),
                symbols: Vec::new(),
                weak: need_flags & VER_FLG_WEAK != 0,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("GLIBC_2.9") < numbers("GLIBC_2.34"));
        assert!(numbers("GLIBC_2.2.5") < numbers("GLIBC_2.3"));
    }

    #[test]
    fn versions_of_glibc_are_what_is_asked_of_its_own_libraries() {
        let need = |library: &str, version: &str| VersionNeed {
            library: library.into(),
            version: version.into(),
            symbols: Vec::new(),
            weak: false,
        };
        for library in [
            "libc.so.6",
            "libc.so.6.1",
            "libm.so.6",
            "ld-linux-x86-64.so.2",
            "ld64.so.1",
        ] {
            assert!(need(library, "GLIBC_2.17").is_of_glibc(), "{library}");
        }
        for library in [
            "libgcc_s.so.1",
            "libstdc++.so.6",
            "libc.musl-x86_64.so.1",
            "libcap.so.2",
        ] {
            assert!(!need(library, "GLIBC_2.0").is_of_glibc(), "{library}");
        }
        assert!(!need("libm.so.6", "GCC_3.0").is_of_glibc());
    }
}
