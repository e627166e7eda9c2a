//! ELF: the file header, program headers and section headers, after the gABI.

use super::{
    Architecture, Format, Image, MissingPart, RelocationFormat, Section, SectionKind, Segment,
    TableRange,
    section::{is_debug_name, is_gnu_compressed},
    segments,
    symbol::Names,
};
use crate::address::{FileOffset, FileRange, Range, VirtualAddress};
use object::{
    Endianness, elf,
    read::elf::{FileHeader, ProgramHeader, SectionHeader},
};

pub(super) fn parse<E: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Result<Image<'_>, String> {
    let header = E::parse(bytes).map_err(|error| error.to_string())?;
    let endian = header.endian().map_err(|error| error.to_string())?;
    let machine = header.e_machine(endian);
    let file_type = header.e_type(endian);
    let is_64 = header.is_type_64();

    let mut tables = vec![TableRange {
        name: "ELF header",
        range: clip(
            bytes,
            0,
            u64::from(header.e_ehsize(endian)).max(size_of::<E>() as u64),
        ),
    }];
    let program_headers = header
        .program_headers(endian, bytes)
        .map_err(|error| error.to_string())?;
    if !program_headers.is_empty() {
        tables.push(TableRange {
            name: "program headers",
            range: clip(
                bytes,
                header.e_phoff(endian).into(),
                size_of_val(program_headers) as u64,
            ),
        });
    }
    let mut missing = Vec::new();
    // The kernel does not look at the section table: what it points to may be anything.
    let section_headers = match header.section_headers(endian, bytes) {
        Ok(headers) => headers,
        Err(error) if program_headers.is_empty() => return Err(error.to_string()),
        Err(_) => {
            let entry = u64::from(header.e_shentsize(endian));
            let size = entry * u64::from(header.e_shnum(endian)).max(1);
            let there = clip(bytes, header.e_shoff(endian).into(), size);
            missing.push(MissingPart {
                name: "section headers".into(),
                bytes: size - there.size,
            });
            &[]
        }
    };
    if !section_headers.is_empty() {
        tables.push(TableRange {
            name: "section headers",
            range: clip(
                bytes,
                header.e_shoff(endian).into(),
                size_of_val(section_headers) as u64,
            ),
        });
    }
    if program_headers.is_empty() && section_headers.is_empty() {
        return Err("it has neither sections nor segments".into());
    }

    let strings = header
        .section_strings_index(endian, bytes)
        .ok()
        .and_then(|index| section_headers.get(index.0))
        .map(|section| {
            let range = file_range::<E>(bytes, section, endian);
            bytes
                .get(range.start.0 as usize..range.end().0 as usize)
                .unwrap_or_default()
        });
    let mut names = Names::new(strings);
    let mut sections: Vec<_> = section_headers
        .iter()
        .map(|section| {
            let name = names.at(section.sh_name(endian));
            let flags = section.sh_flags(endian);
            let loaded = flags.contains(elf::SHF_ALLOC);
            let kind = kind::<E>(&name, section, endian);
            let file = file_range::<E>(bytes, section, endian);
            Section {
                kind,
                address: VirtualAddress(section.sh_addr(endian).into()),
                // What a cut file no longer holds cannot be loaded either.
                memory: match () {
                    () if !loaded => 0,
                    () if section.sh_type(endian) == elf::SHT_NOBITS => {
                        section.sh_size(endian).into()
                    }
                    () => file.size,
                },
                file,
                align: section.sh_addralign(endian).into(),
                loaded,
                writable: flags.contains(elf::SHF_WRITE),
                compressed: flags.contains(elf::SHF_COMPRESSED)
                    || is_gnu_compressed(&name, bytes_of(bytes, file)),
                link: section.sh_link(endian),
                entry_size: section.sh_entsize(endian).into(),
                relocations: relocation_format(section.sh_type(endian)),
                name,
            }
        })
        .collect();
    let segments: Vec<_> = program_headers
        .iter()
        .map(|segment| {
            let flags = segment.p_flags(endian);
            let kind = segment.p_type(endian);
            Segment {
                name: segment_name(kind),
                loaded: kind == elf::PT_LOAD,
                readable: flags.contains(elf::PF_R),
                writable: flags.contains(elf::PF_W),
                executable: flags.contains(elf::PF_X),
                address: VirtualAddress(segment.p_vaddr(endian).into()),
                memory: segment.p_memsz(endian).into(),
                file: clip(
                    bytes,
                    segment.p_offset(endian).into(),
                    segment.p_filesz(endian).into(),
                ),
                align: segment.p_align(endian).into(),
            }
        })
        .collect();

    unmap(&mut sections, &segments);
    let mut image = Image {
        bytes,
        format: if file_type == elf::ET_REL {
            Format::Object
        } else {
            Format::Elf
        },
        architecture: Architecture::from_elf(machine, is_64, endian),
        is_64,
        little_endian: endian == Endianness::Little,
        position_independent: file_type == elf::ET_DYN,
        entry: VirtualAddress(header.e_entry(endian).into()),
        sections,
        segments,
        tables,
        library: false,
        parts: Vec::new(),
        by_address: Vec::new(),
        missing,
        native: super::Native::None,
    };
    image.library = image.position_independent && !segments::is_program(&image);
    if image.sections.is_empty() {
        segments::stand_in(&mut image);
    }
    Ok(image)
}

/// What no segment covers is not in memory, whatever its flags say: `objcopy --add-section` makes such
/// sections. The zeroes of thread-local variables are outside of all segments that are mapped.
fn unmap(sections: &mut [Section<'_>], segments: &[Segment]) {
    let mapped = segments.iter().filter(|segment| segment.loaded);
    let mapped: Vec<_> = mapped.take(MAX_MAPPED).collect();
    if mapped.is_empty() {
        return;
    }
    for section in sections {
        // An address of zero is in the first segment of most programs, but the bytes are not.
        let covered = |segment: &&Segment| {
            let (start, within) = (section.file.start, segment.file);
            within.start <= start && start < within.end()
        };
        let is_bytes = section.loaded && !section.file.is_empty();
        if is_bytes && !mapped.iter().any(covered) {
            section.loaded = false;
            section.memory = 0;
        }
    }
}

/// No program has more segments; a damaged file may claim many, and many sections.
const MAX_MAPPED: usize = 64;

fn bytes_of(bytes: &[u8], range: FileRange) -> &[u8] {
    bytes
        .get(range.start.0 as usize..range.end().0 as usize)
        .unwrap_or_default()
}

fn relocation_format(kind: elf::SectionType) -> Option<RelocationFormat> {
    match kind {
        elf::SHT_REL => Some(RelocationFormat::Rel),
        elf::SHT_RELA => Some(RelocationFormat::Rela),
        elf::SHT_RELR | SHT_ANDROID_RELR => Some(RelocationFormat::Relr),
        SHT_ANDROID_REL => Some(RelocationFormat::AndroidRel),
        SHT_ANDROID_RELA => Some(RelocationFormat::AndroidRela),
        _ => None,
    }
}

/// Android's section types, from its linker's headers (`elf.h` of bionic).
const SHT_ANDROID_REL: elf::SectionType = elf::SectionType(0x6000_0001);
const SHT_ANDROID_RELA: elf::SectionType = elf::SectionType(0x6000_0002);
const SHT_ANDROID_RELR: elf::SectionType = elf::SectionType(0x6fff_ff00);
/// Where 32-bit Arm and RISC-V files say for which processor they are; the number is the same.
const SHT_ATTRIBUTES: elf::SectionType = elf::SectionType(0x7000_0003);
/// The same for other processors.
const SHT_GNU_ATTRIBUTES: elf::SectionType = elf::SectionType(0x6fff_fff5);

/// A range of the file, cut where it reaches past the end.
fn clip(bytes: &[u8], offset: u64, size: u64) -> FileRange {
    let end = FileOffset(bytes.len() as u64);
    let start = FileOffset(offset).min(end);
    Range::<FileOffset>::new(start, size).intersection(Range::<FileOffset>::between(start, end))
}

fn file_range<E: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
    section: &E::SectionHeader,
    endian: Endianness,
) -> FileRange {
    match section.file_range(endian) {
        Some((offset, size)) if section.sh_type(endian) != elf::SHT_NULL => {
            clip(bytes, offset, size)
        }
        _ => clip(bytes, section.sh_offset(endian).into(), 0),
    }
}

/// What a section is for: by its type where the type says it, else by its name, which compilers
/// and linkers agree on (`.text.hot`, BOLT's `.bolt.org.text`).
fn kind<E: FileHeader<Endian = Endianness>>(
    name: &str,
    section: &E::SectionHeader,
    endian: Endianness,
) -> SectionKind {
    let flags = section.sh_flags(endian);
    let plain = name.strip_prefix(".bolt.org").unwrap_or(name);
    match section.sh_type(endian) {
        elf::SHT_NOBITS if plain == ".relro_padding" => SectionKind::Padding,
        elf::SHT_NOBITS if flags.contains(elf::SHF_TLS) => SectionKind::TlsBss,
        elf::SHT_NOBITS => SectionKind::Bss,
        elf::SHT_SYMTAB | elf::SHT_SYMTAB_SHNDX => {
            if plain == ".symtab_shndx" {
                SectionKind::Strings
            } else {
                SectionKind::Symbols
            }
        }
        elf::SHT_DYNSYM => SectionKind::DynamicSymbols,
        elf::SHT_STRTAB => SectionKind::Strings,
        elf::SHT_HASH | elf::SHT_GNU_HASH => SectionKind::Hash,
        elf::SHT_GNU_VERSYM | elf::SHT_GNU_VERNEED | elf::SHT_GNU_VERDEF => SectionKind::Versions,
        elf::SHT_CREL => SectionKind::Relocations,
        kind if relocation_format(kind).is_some() => SectionKind::Relocations,
        // The number of SHT_ARM_EXIDX is SHT_X86_64_UNWIND on x86-64, the type of `.eh_frame` there.
        elf::SHT_ARM_EXIDX if plain.starts_with(".ARM.exidx") => SectionKind::UnwindIndex,
        SHT_ATTRIBUTES if plain.ends_with(".attributes") => SectionKind::Comment,
        SHT_GNU_ATTRIBUTES => SectionKind::Comment,
        elf::SHT_DYNAMIC | elf::SHT_NOTE => SectionKind::Loader,
        _ if plain == ".interp" => SectionKind::Loader,
        // How a file for MIPS is to be run.
        _ if matches!(plain, ".MIPS.abiflags" | ".MIPS.options" | ".reginfo") => {
            SectionKind::Loader
        }
        elf::SHT_GNU_SFRAME => SectionKind::UnwindIndex,
        _ if plain == ".sframe" => SectionKind::UnwindIndex,
        _ if plain == ".eh_frame" => SectionKind::EhFrame,
        _ if plain == ".eh_frame_hdr" => SectionKind::EhFrameHeader,
        _ if plain.starts_with(".gcc_except_table") || plain.starts_with(".ARM.extab") => {
            SectionKind::ExceptTable
        }
        _ if plain.starts_with(".plt") || plain == ".iplt" => SectionKind::Plt,
        _ if plain.starts_with(".got") => SectionKind::Got,
        _ if flags.contains(elf::SHF_EXECINSTR) => SectionKind::Code,
        _ if flags.contains(elf::SHF_ALLOC) => {
            if flags.contains(elf::SHF_TLS) {
                SectionKind::Tls
            } else if flags.contains(elf::SHF_WRITE) {
                SectionKind::Data
            } else {
                SectionKind::ReadOnlyData
            }
        }
        _ if is_debug_name(plain) => SectionKind::Debug,
        _ if plain == ".rustc" || is_metadata(plain) => SectionKind::Metadata,
        _ if plain == ".comment" || plain.starts_with(".gnu_debug") => SectionKind::Comment,
        // Xtensa's property tables tell its linker what it may shorten.
        _ if plain.starts_with(".xt.") || plain == ".xtensa.info" => SectionKind::Comment,
        _ => SectionKind::Other,
    }
}

/// What tools for firmware read from a program: defmt's messages, how to find them, the frames of its
/// functions, what a chip's loader or a debugger is told.
fn is_metadata(name: &str) -> bool {
    const BEGINNINGS: [&str; 6] = [
        ".defmt",
        ".stack_sizes",
        ".espressif",
        ".esp.",
        ".embassy",
        ".probe-rs",
    ];
    let mut beginnings = BEGINNINGS.iter();
    beginnings.any(|beginning| name.starts_with(beginning))
}

fn segment_name(kind: elf::ProgramType) -> String {
    match kind {
        elf::PT_NULL => "NULL".into(),
        elf::PT_LOAD => "LOAD".into(),
        elf::PT_DYNAMIC => "DYNAMIC".into(),
        elf::PT_INTERP => "INTERP".into(),
        elf::PT_NOTE => "NOTE".into(),
        elf::PT_PHDR => "PHDR".into(),
        elf::PT_TLS => "TLS".into(),
        elf::PT_GNU_EH_FRAME => "GNU_EH_FRAME".into(),
        elf::PT_GNU_STACK => "GNU_STACK".into(),
        elf::PT_GNU_RELRO => "GNU_RELRO".into(),
        elf::PT_GNU_PROPERTY => "GNU_PROPERTY".into(),
        kind => format!("{:#x}", kind.0),
    }
}
