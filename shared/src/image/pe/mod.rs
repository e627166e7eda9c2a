//! PE: programs and libraries of Windows.
//!
//! Sources: Microsoft's "PE Format" and "x64 exception handling" and "ARM64 exception handling"; the
//! debug directory's COFF groups (type 13) as link.exe writes and LLVM's tools read them.
//!
//! Headers name few sections, and linkers put unwind data, imports and exports into `.rdata`. So the
//! sections are cut further: by COFF groups where the linker left them, else by what the data
//! directories and the unwind tables lead to. The symbol table of COFF, its strings and the
//! certificate have no header; they become sections, too.

mod cut;
mod directories;
mod facts;
mod gaps;
mod handlers;
mod listed;
mod pointers;
mod strip;
mod symbols;
mod unwind;

pub(super) use directories::identity;
pub(super) use facts::facts;
pub(super) use listed::{funclets, starts};
pub(super) use pointers::relocations;
pub(super) use strip::stripped;
pub(super) use symbols::{exports, symbols};
pub(super) use unwind::{functions, read as unwind};

use super::{
    Architecture, Format, Image, MissingPart, Native, Section, SectionKind, Segment, TableRange,
    bounds, debug_info::DebugSection, fields::Fields, missing, other, section::is_debug_name,
};
use crate::address::{FileOffset, FileRange, Range, VirtualAddress};
use std::borrow::Cow;

/// What they are called among the tables, with the list of sections.
const HEADERS: &str = "headers";

/// What the headers say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    pub(super) image_base: u64,
    /// Whether addresses have 64 bits.
    pub(super) wide: bool,
    pub(super) entry: u32,
    pub(super) subsystem: u16,
    pub(super) least_system: (u16, u16),
    pub(super) characteristics: u16,
    pub(super) dll_characteristics: u16,
    /// The data directories: address from the image's start, and size.
    pub(super) directories: Vec<(u32, u32)>,
    /// The symbol table of COFF: place in the file, and how many entries.
    pub(super) symbols: (u32, u32),
    /// The sections of the headers as they were before they were cut.
    pub(super) raw: Vec<RawSection>,
}

/// A section of the headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawSection {
    pub(super) address: u32,
    pub(super) memory: u32,
    pub(super) file: FileRange,
}

/// No file has more data directories.
const MAX_DIRECTORIES: u32 = 16;

impl Header {
    /// A data directory that is there.
    pub(super) fn directory(&self, number: usize) -> Option<(u32, u32)> {
        let directory = self.directories.get(number).copied();
        directory.filter(|(address, size)| *address > 0 && *size > 0)
    }

    /// Where the bytes at an address from the image's start stand in the file, up to the end of
    /// their section.
    pub(super) fn place(&self, address: u32) -> Option<FileRange> {
        let mut sections = self.raw.iter();
        let section = sections.find(|section| {
            u64::from(address.wrapping_sub(section.address)) < section.file.size
                && address >= section.address
        })?;
        let skip = u64::from(address - section.address);
        Some(Range::<FileOffset>::new(
            FileOffset(section.file.start.0 + skip),
            section.file.size - skip,
        ))
    }

    /// The bytes at an address from the image's start, up to the end of their section.
    pub(super) fn at<'d>(&self, bytes: &'d [u8], address: u32) -> Option<Fields<'d>> {
        let place = self.place(address)?;
        let bytes = bytes.get(place.start.0 as usize..place.end().0 as usize)?;
        Some(Fields::little(bytes))
    }

    pub(super) fn address(&self, from_start: u32) -> VirtualAddress {
        VirtualAddress(self.image_base.wrapping_add(from_start.into()))
    }

    /// What debug information counts from the start of a section.
    pub(super) fn in_section(&self, section: u16, offset: u32) -> Option<u32> {
        let raw = self.raw.get(usize::from(section).checked_sub(1)?)?;
        raw.address.checked_add(offset)
    }

    /// Counted from the image's start.
    pub(super) fn distance_to(&self, address: VirtualAddress) -> Option<u32> {
        u32::try_from(address.0.checked_sub(self.image_base)?).ok()
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Image<'_>, String> {
    read(bytes).ok_or_else(|| "its headers are damaged".to_owned())
}

fn read(bytes: &[u8]) -> Option<Image<'_>> {
    let fields = Fields::little(bytes);
    let start = u64::from(fields.u32(0x3c)?);
    let coff = start + 4;
    let machine = fields.u16(coff)?;
    let count = fields.u16(coff + 2)?;
    let optional = coff + 20;
    let optional_size = u64::from(fields.u16(coff + 16)?);
    let is_64 = match fields.u16(optional)? {
        0x20b => true,
        0x10b => false,
        _ => return None,
    };
    let directories_at = optional + if is_64 { 112 } else { 96 };
    let directory_count = fields.u32(directories_at - 4)?.min(MAX_DIRECTORIES);
    let directory = |number: u32| {
        let at = directories_at + 8 * u64::from(number);
        let inside = at + 8 <= optional + optional_size;
        Some((fields.u32(at)?, fields.u32(at + 4)?)).filter(|_| inside)
    };
    let mut header = Header {
        image_base: match is_64 {
            true => fields.u64(optional + 24)?,
            false => fields.u32(optional + 28)?.into(),
        },
        wide: is_64,
        entry: fields.u32(optional + 16)?,
        subsystem: fields.u16(optional + 68)?,
        least_system: (fields.u16(optional + 48)?, fields.u16(optional + 50)?),
        characteristics: fields.u16(coff + 18)?,
        dll_characteristics: fields.u16(optional + 70)?,
        directories: (0..directory_count).map_while(directory).collect(),
        symbols: (fields.u32(coff + 8)?, fields.u32(coff + 12)?),
        raw: Vec::new(),
    };
    let mut image = other::empty(bytes, Format::Pe);
    image.is_64 = is_64;
    image.architecture = Architecture::from_coff(machine);
    // IMAGE_FILE_DLL
    image.library = header.characteristics & 0x2000 != 0;
    // Code of 32 bits holds absolute addresses, which the loader corrects.
    image.position_independent = is_64;
    image.entry = match header.entry {
        0 => VirtualAddress(0),
        entry => header.address(entry),
    };
    let table = optional + optional_size;
    image.tables.push(TableRange {
        name: HEADERS,
        range: bounds::clip(bytes, 0, table + 40 * u64::from(count)),
    });
    let strings = string_table(fields, &header);
    let mut names = bounds::NameBudget::new(bytes);
    for number in 0..u64::from(count) {
        let Some(section) = section(
            fields,
            table + 40 * number,
            strings,
            &mut header,
            (&mut names, &mut image.missing),
        ) else {
            break;
        };
        image.segments.extend(segment(&section));
        image.sections.push(section);
    }
    headerless(&mut image, &header, strings);
    cut::cut(&mut image, &header);
    image.native = Native::Pe(Box::new(header));
    Some(image)
}

/// The strings behind the symbol table: their place in the file.
fn string_table(fields: Fields<'_>, header: &Header) -> Option<FileRange> {
    let (at, count) = header.symbols;
    if at == 0 {
        return None;
    }
    let start = u64::from(at) + u64::from(count) * 18;
    let size = fields.u32(start)?;
    Some(bounds::clip(fields.bytes, start, size.into()))
}

fn section<'d>(
    fields: Fields<'d>,
    at: u64,
    strings: Option<FileRange>,
    header: &mut Header,
    (names, missing): (&mut bounds::NameBudget, &mut Vec<MissingPart>),
) -> Option<Section<'d>> {
    let short = fields.text(at, 8)?;
    // `/4` stands for a long name at 4 in the string table.
    let long = || {
        let digits = std::str::from_utf8(short.strip_prefix(b"/")?).ok()?;
        let strings = strings?;
        fields.terminated(strings.start.0.checked_add(digits.parse().ok()?)?)
    };
    let name = names.read(|| Some(long().unwrap_or(short)));
    let (memory, address) = (fields.u32(at + 8)?, fields.u32(at + 12)?);
    let (held, offset) = (fields.u32(at + 16)?, fields.u32(at + 20)?);
    let flags = fields.u32(at + 36)?;
    let kind = kind_of(&name, flags);
    // Some linkers leave the size in memory at zero.
    let memory = if memory == 0 { held } else { memory };
    if kind != SectionKind::Bss {
        // The rest of `held` fills the section up.
        missing::note(
            missing,
            &name,
            fields.bytes,
            (offset.into(), held.min(memory).into()),
        );
    }
    let mut file = bounds::clip(fields.bytes, offset.into(), held.min(memory).into());
    if kind == SectionKind::Code {
        // Linkers fill code up with instructions that trap, which is still the section's.
        let whole = bounds::clip(fields.bytes, offset.into(), held.into());
        let tail = fields
            .bytes
            .get(file.end().0 as usize..whole.end().0 as usize);
        if tail.is_some_and(|tail| tail.iter().any(|byte| *byte != 0)) {
            file = whole;
        }
    }
    let debug = kind == SectionKind::Debug;
    header.raw.push(RawSection {
        address,
        memory,
        file,
    });
    Some(Section {
        kind,
        address: header.address(address),
        memory: if debug { 0 } else { memory.into() },
        file: match kind {
            SectionKind::Bss => bounds::clip(fields.bytes, offset.into(), 0),
            _ => file,
        },
        align: 16,
        loaded: !debug,
        writable: flags & 0x8000_0000 != 0,
        compressed: false,
        link: 0,
        entry_size: 0,
        relocations: None,
        name: Cow::Owned(name),
    })
}

fn segment(section: &Section<'_>) -> Option<Segment> {
    section.loaded.then(|| Segment {
        name: section.name.to_string(),
        loaded: true,
        readable: true,
        writable: section.writable,
        executable: section.kind == SectionKind::Code,
        address: section.address,
        memory: section.memory,
        file: section.file,
        align: 1,
    })
}

/// By name where names are agreed on, else by flags.
fn kind_of(name: &str, flags: u32) -> SectionKind {
    match name {
        ".pdata" => return SectionKind::UnwindIndex,
        ".xdata" => return SectionKind::ExceptTable,
        // Without a table of strings, GNU's linker cuts names at eight bytes.
        ".eh_frame" | ".eh_fram" => return SectionKind::EhFrame,
        ".gcc_except_table" | ".gcc_exc" => return SectionKind::ExceptTable,
        ".idata" | ".didat" => return SectionKind::Loader,
        ".edata" => return SectionKind::DynamicSymbols,
        ".reloc" => return SectionKind::Relocations,
        ".tls" => return SectionKind::Tls,
        ".rmeta" | ".rustc" | ".dep-v0" => return SectionKind::Metadata,
        ".buildid" => return SectionKind::Comment,
        // Also what DWARF has and nothing here reads, such as `.debug_frame`.
        _ if name.starts_with(".debug_") || DebugSection::from_name(name).is_some() => {
            return SectionKind::Debug;
        }
        _ => {}
    }
    match () {
        // IMAGE_SCN_MEM_DISCARDABLE: what is loaded, `.debug_gdb_scripts` for one, lacks it.
        () if flags & 0x0200_0000 != 0 && is_debug_name(name) => SectionKind::Debug,
        // IMAGE_SCN_CNT_CODE, IMAGE_SCN_MEM_EXECUTE
        () if flags & 0x2000_0020 != 0 => SectionKind::Code,
        // IMAGE_SCN_CNT_UNINITIALIZED_DATA
        () if flags & 0x80 != 0 && flags & 0x40 == 0 => SectionKind::Bss,
        // IMAGE_SCN_MEM_WRITE
        () if flags & 0x8000_0000 != 0 => SectionKind::Data,
        () => SectionKind::ReadOnlyData,
    }
}

/// What stands in the file without a section's header.
fn headerless(image: &mut Image<'_>, header: &Header, strings: Option<FileRange>) {
    let bytes = image.bytes;
    let mut add = |name: &'static str, kind, given: (u64, u64)| {
        missing::note(&mut image.missing, name, bytes, given);
        let file = bounds::clip(bytes, given.0, given.1);
        if !file.is_empty() {
            image.sections.push(Section {
                kind,
                name: Cow::Borrowed(name),
                ..other::member(String::new(), file)
            });
        }
    };
    let (at, count) = header.symbols;
    if at > 0 {
        let size = u64::from(count) * 18;
        add("COFF symbols", SectionKind::Symbols, (at.into(), size));
        if let Some(strings) = strings {
            let given = (strings.start.0, strings.size);
            add("COFF strings", SectionKind::Strings, given);
        }
    }
    // The one directory that gives a place in the file.
    if let Some((at, size)) = header.directory(4) {
        let given = (at.into(), size.into());
        add("certificate", SectionKind::Signature, given);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_cut_have_their_kind() {
        // IMAGE_SCN_CNT_INITIALIZED_DATA, IMAGE_SCN_MEM_READ
        let kind = |name| kind_of(name, 0x4000_0040);
        assert_eq!(kind(".eh_fram"), kind(".eh_frame"));
        assert_eq!(kind(".eh_fram"), SectionKind::EhFrame);
        assert_eq!(kind(".gcc_exc"), SectionKind::ExceptTable);
        assert_eq!(kind(".rdata"), SectionKind::ReadOnlyData);
    }
}
