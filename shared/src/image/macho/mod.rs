//! Mach-O: programs, libraries, bundles and dSYM companions of macOS and iOS.
//!
//! Sources: `mach-o/loader.h`, `mach-o/nlist.h`, `mach-o/fixup-chains.h` and
//! `mach-o/compact_unwind_encoding.h` of Apple's SDK, and LLVM's readers of the same.
//!
//! The segment `__LINKEDIT` has no sections. Its parts are named by load commands, so each gets a
//! section of its own, named after its command. Relocatable files are read elsewhere (`other`).

mod commands;
mod facts;
mod functions;
mod linkedit;
mod pointers;
mod strip;
mod symbols;
mod trie;
mod unwind;

pub(super) use commands::Commands;
pub(super) use facts::{facts, install_name};
pub(super) use pointers::relocations;
pub(super) use strip::stripped;
pub(super) use symbols::symbols;
pub(super) use trie::exports;
pub(super) use unwind::read as unwind;

use super::{
    Architecture, Format, Image, MissingPart, Native, Section, SectionKind, Segment, TableRange,
    bounds, debug_info::DebugSection, fields::Fields, missing, other,
};
use crate::address::{FileOffset, Range, VirtualAddress};
use std::borrow::Cow;

/// A program without a dynamic loader, a library, a bundle: what a linker has made.
const DSYM: u32 = 10;

/// Reads a file that a linker has made; `None` where it is a relocatable one.
pub(super) fn parse(bytes: &[u8]) -> Option<Result<Image<'_>, String>> {
    let (little_endian, is_64) = match bytes.first_chunk::<4>()? {
        [0xcf, 0xfa, 0xed, 0xfe] => (true, true),
        [0xce, 0xfa, 0xed, 0xfe] => (true, false),
        [0xfe, 0xed, 0xfa, 0xcf] => (false, true),
        [0xfe, 0xed, 0xfa, 0xce] => (false, false),
        _ => return None,
    };
    let fields = Fields {
        bytes,
        little_endian,
    };
    let kind = fields.u32(12)?;
    // MH_OBJECT
    if kind == 1 {
        return None;
    }
    Some(linked(fields, is_64, kind).ok_or_else(|| "its header is cut off".to_owned()))
}

fn linked<'d>(fields: Fields<'d>, is_64: bool, kind: u32) -> Option<Image<'d>> {
    let bytes = fields.bytes;
    let mut image = other::empty(bytes, Format::MachO);
    image.is_64 = is_64;
    image.little_endian = fields.little_endian;
    image.architecture = Architecture::from_macho(fields.u32(4)?);
    // MH_DYLIB, MH_BUNDLE, MH_DYLIB_STUB.
    image.library = matches!(kind, 6 | 8 | 9);
    let commands = Commands::read(fields, is_64)?;
    image.tables.push(TableRange {
        name: "headers",
        range: bounds::clip(bytes, 0, commands.end),
    });
    let mut names = bounds::NameBudget::new(bytes);
    for segment in &commands.segments {
        let name = names.read(|| fields.text(segment.at + 8, 16));
        // A dSYM keeps the headers of what it describes; only its own segments have bytes.
        let hollow = kind == DSYM && name != "__DWARF" && name != "__LINKEDIT";
        let held = match hollow {
            true => 0,
            false => segment.file_size,
        };
        for number in 0..segment.sections {
            let at = segment.first + u64::from(number) * if is_64 { 80 } else { 68 };
            let missing = &mut image.missing;
            if let Some(section) = section(fields, is_64, at, hollow, (&mut names, missing)) {
                image.sections.push(section);
            }
        }
        image.segments.push(Segment {
            name,
            // The zero page is no memory.
            loaded: segment.initial != 0 && !hollow,
            readable: segment.initial & 1 != 0,
            writable: segment.initial & 2 != 0,
            executable: segment.initial & 4 != 0,
            address: VirtualAddress(segment.address),
            memory: segment.memory,
            file: bounds::clip(bytes, segment.file, held),
            align: 1,
        });
    }
    linkedit::cut(&mut image, &commands);
    if let Some(offset) = commands.entry {
        let text = image.segments.iter().find(|one| one.name == "__TEXT");
        let base = text.map_or(0, |text| text.address.0);
        image.entry = VirtualAddress(base.wrapping_add(offset));
    }
    image.native = Native::MachO(Box::new(commands));
    Some(image)
}

fn section<'d>(
    fields: Fields<'d>,
    is_64: bool,
    at: u64,
    hollow: bool,
    (names, missing): (&mut bounds::NameBudget, &mut Vec<MissingPart>),
) -> Option<Section<'d>> {
    let name = names.read(|| fields.text(at, 16));
    let segment = fields.text(at + 16, 16)?;
    let word = if is_64 { 8 } else { 4 };
    let address = fields.word(at + 32, is_64)?;
    let size = fields.word(at + 32 + word, is_64)?;
    let rest = at + 32 + 2 * word;
    let (offset, align) = (fields.u32(rest)?, fields.u32(rest + 4)?);
    let flags = fields.u32(rest + 16)?;
    let kind = kind_of(&name, segment, flags);
    let loaded = kind != SectionKind::Debug;
    let zeroes = kind == SectionKind::Bss;
    let held = if zeroes || hollow { 0 } else { size };
    missing::note(missing, &name, fields.bytes, (offset.into(), held));
    let compressed = name.starts_with("__zdebug_");
    Some(Section {
        kind,
        address: VirtualAddress(address),
        memory: if loaded { size } else { 0 },
        file: bounds::clip(fields.bytes, offset.into(), held),
        align: 1_u64.checked_shl(align).unwrap_or(1),
        loaded,
        writable: segment.starts_with(b"__DATA") && segment != b"__DATA_CONST",
        compressed,
        link: 0,
        entry_size: 0,
        relocations: None,
        name: Cow::Owned(name),
    })
}

/// Unwind tables by their names, which linkers agree on; the rest by type and attributes.
fn kind_of(name: &str, segment: &[u8], flags: u32) -> SectionKind {
    if DebugSection::from_name(name).is_some() || segment == b"__DWARF" {
        return SectionKind::Debug;
    }
    match name {
        "__eh_frame" => return SectionKind::EhFrame,
        "__gcc_except_tab" => return SectionKind::ExceptTable,
        "__unwind_info" => return SectionKind::UnwindIndex,
        "__stub_helper" => return SectionKind::Plt,
        "__rustc" | ".rustc" | "__dep-v0" | ".dep-v0" => return SectionKind::Metadata,
        _ => {}
    }
    match flags & 0xff {
        // S_ZEROFILL, S_GB_ZEROFILL; S_THREAD_LOCAL_ZEROFILL, which other than ELF's `.tbss` has
        // addresses and memory of its own, from where each thread's is copied.
        0x01 | 0x0c | 0x12 => SectionKind::Bss,
        // S_THREAD_LOCAL_REGULAR
        0x11 => SectionKind::Tls,
        // S_NON_LAZY_SYMBOL_POINTERS, S_LAZY_SYMBOL_POINTERS, S_THREAD_LOCAL_VARIABLE_POINTERS
        0x06 | 0x07 | 0x14 => SectionKind::Got,
        // S_SYMBOL_STUBS
        0x08 => SectionKind::Plt,
        // S_ATTR_PURE_INSTRUCTIONS
        _ if flags & 0x8000_0000 != 0 => SectionKind::Code,
        _ if segment == b"__TEXT" => SectionKind::ReadOnlyData,
        _ => SectionKind::Data,
    }
}

impl Image<'_> {
    /// A part of `__LINKEDIT`, or of a segment that a load command speaks of: by its bytes.
    fn linked_at(&self, file: crate::address::FileRange) -> Option<VirtualAddress> {
        let holds = |segment: &&Segment| {
            segment.file.contains(file.start) && segment.file.size > 0 && segment.loaded
        };
        let segment = self.segments.iter().find(holds)?;
        let skip = file.start.0 - segment.file.start.0;
        segment.address.checked_add(skip)
    }
}

/// `size` bytes of the file from `offset`, clipped to it.
fn range(image: &Image<'_>, offset: u64, size: u64) -> crate::address::FileRange {
    let end = FileOffset(image.bytes.len() as u64);
    Range::<FileOffset>::new(FileOffset(offset).min(end), size)
        .intersection(Range::<FileOffset>::between(FileOffset(0), end))
}
