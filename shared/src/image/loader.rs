//! The loader's view: needed libraries, required symbol versions, and so the oldest system that
//! the file runs on. ELF is read by `goblin`, PE and Mach-O by `object`.
//!
//! Sources: the gABI's dynamic section, the LSB's symbol versioning.

use super::{Format, Image, bounds::NameBudget, symbol::Names};
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
use object::{
    Endianness, LittleEndian,
    macho::{MachHeader32, MachHeader64},
    read::{
        macho::MachHeader,
        pe::{PeFile32, PeFile64},
    },
};
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
        // What is damaged is left out instead of ending the answer.
        Format::Pe => Ok(LoaderNeeds {
            libraries: libraries_of_pe(image).unwrap_or_default(),
            ..Default::default()
        }),
        Format::MachO => Ok(LoaderNeeds {
            libraries: libraries_of_macho(image).unwrap_or_default(),
            ..Default::default()
        }),
        _ => Ok(LoaderNeeds::default()),
    }
}

/// Program headers that are read: Linux runs no file with more than 64 KiB of them.
const MAX_PROGRAM_HEADERS: usize = 1170;

fn elf(image: &Image<'_>) -> Result<LoaderNeeds> {
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
        .filter(|need| need.is_of_glibc())
        .filter_map(|need| need.version.strip_prefix("GLIBC_"))
        .filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
        .chain((relr && is_glibc).then_some("2.36"))
        .max_by_key(|version| numbers(version))
        .map(str::to_owned);
    Ok(needs)
}

impl VersionNeed {
    /// Whether it is glibc that must offer this version. Its names begin with `GLIBC_`, but so do
    /// those of other libraries that took over what glibc once had: libgcc's
    /// `__register_frame_info` is `GLIBC_2.0`, and programs for musl ask libgcc for it too.
    pub fn is_of_glibc(&self) -> bool {
        // What glibc installs, from its `shlib-versions`; on some processors libc and the dynamic
        // loader have other numbers.
        const LIBRARIES: [&str; 17] = [
            "libc",
            "libm",
            "libmvec",
            "libpthread",
            "libdl",
            "librt",
            "libresolv",
            "libutil",
            "libanl",
            "libnsl",
            "libcrypt",
            "libBrokenLocale",
            "libthread_db",
            "libnss_files",
            "libnss_dns",
            "libnss_compat",
            "libc_malloc_debug",
        ];
        let (stem, _) = self
            .library
            .split_once(".so")
            .unwrap_or((&self.library, ""));
        // `ld-linux-x86-64.so.2`, `ld64.so.1`, `ld.so.1`; musl's loader is `ld-musl-*`.
        let loader = stem == "ld" || stem == "ld64" || stem.starts_with("ld-linux");
        self.version.starts_with("GLIBC_") && (loader || LIBRARIES.contains(&stem))
    }
}

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
            let version = u32::try_from(version.vna_name).unwrap_or(u32::MAX);
            needs.versions.push(VersionNeed {
                library: names.at(name).into_owned(),
                version: names.at(version).into_owned(),
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

/// By `object`, which reads one descriptor at a time; `goblin` reads all imported symbols of all
/// libraries first.
fn libraries_of_pe(image: &Image<'_>) -> object::Result<Vec<String>> {
    let table = if image.is_64 {
        PeFile64::parse(image.bytes)?.import_table()?
    } else {
        PeFile32::parse(image.bytes)?.import_table()?
    };
    let mut libraries = Vec::new();
    let Some(table) = table else {
        return Ok(libraries);
    };
    let mut names = NameBudget::new(image.bytes);
    let mut descriptors = table.descriptors()?;
    while let Some(descriptor) = descriptors.next()? {
        if names.is_spent() {
            break;
        }
        libraries.push(names.read(|| table.name(descriptor.name.get(LittleEndian)).ok()));
    }
    Ok(libraries)
}

fn libraries_of_macho(image: &Image<'_>) -> object::Result<Vec<String>> {
    match object::FileKind::parse(image.bytes)? {
        object::FileKind::MachO32 => dylibs::<MachHeader32<Endianness>>(image.bytes),
        object::FileKind::MachO64 => dylibs::<MachHeader64<Endianness>>(image.bytes),
        // Each image in a universal file has its own.
        _ => Ok(Vec::new()),
    }
}

fn dylibs<H: MachHeader<Endian = Endianness>>(bytes: &[u8]) -> object::Result<Vec<String>> {
    let header = H::parse(bytes, 0)?;
    let endian = header.endian()?;
    let mut libraries = Vec::new();
    let mut commands = header.load_commands(endian, bytes, 0)?;
    while let Some(command) = commands.next()? {
        if let Some(library) = command.dylib()? {
            // The name stands inside the command, so all names together fit the file.
            let name = command.string(endian, library.dylib.name)?;
            libraries.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(libraries)
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
