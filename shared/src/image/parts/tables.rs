//! Where COFF and Mach-O objects keep what ELF has sections for: relocations, symbols and their names.
//!
//! Sources: Microsoft's "PE Format" on the headers of object files, large ones included; Apple's
//! `mach-o/loader.h`.

use super::{Image, bounds, other};
use crate::image::{Section, SectionKind};
use object::{
    Endianness, pe,
    read::{
        coff::CoffHeader,
        macho::{MachHeader, Section as _, Segment as _},
    },
};
use std::borrow::Cow;

/// Bytes of an entry of relocations in both formats.
const COFF_RELOCATION: u64 = 10;
const MACHO_RELOCATION: u64 = 8;

/// Adds them to the sections of an object. Linear in its sections.
pub(in crate::image) fn add(image: &mut Image<'_>) {
    let mut found = Found(Vec::new());
    let Ok(kind) = object::FileKind::parse(image.bytes) else {
        return;
    };
    // What is damaged is left out.
    let _ = match kind {
        object::FileKind::Coff => found.coff::<pe::ImageFileHeader>(image.bytes),
        object::FileKind::CoffBig => found.coff::<pe::AnonObjectHeaderBigobj>(image.bytes),
        object::FileKind::MachO32 => {
            found.macho::<object::macho::MachHeader32<Endianness>>(image.bytes)
        }
        object::FileKind::MachO64 => {
            found.macho::<object::macho::MachHeader64<Endianness>>(image.bytes)
        }
        _ => None,
    };
    for (name, kind, offset, size) in found.0 {
        let file = bounds::clip(image.bytes, offset, size);
        if !file.is_empty() {
            image.sections.push(Section {
                kind,
                name: Cow::Borrowed(name),
                ..other::member(String::new(), file)
            });
        }
    }
    super::common::add(image);
}

struct Found(Vec<(&'static str, SectionKind, u64, u64)>);

impl Found {
    fn relocations(&mut self, offset: u32, size: u64) {
        let found = (
            "[relocations]",
            SectionKind::Relocations,
            offset.into(),
            size,
        );
        self.0.push(found);
    }

    fn symbols(&mut self, offset: u64, size: u64) {
        self.0
            .push(("[symbols]", SectionKind::Symbols, offset, size));
    }

    fn strings(&mut self, offset: u64, size: u64) {
        self.0
            .push(("[symbol names]", SectionKind::Strings, offset, size));
    }

    fn coff<H: CoffHeader>(&mut self, bytes: &[u8]) -> Option<()> {
        let mut offset = 0;
        let header = H::parse(bytes, &mut offset).ok()?;
        let sections = header.sections(bytes, offset).ok()?;
        for section in sections.iter() {
            let count = section.coff_relocations(bytes).map_or(0, <[_]>::len) as u64;
            let at = section.pointer_to_relocations.get(object::LittleEndian);
            self.relocations(at, count * COFF_RELOCATION);
        }
        let at = u64::from(header.pointer_to_symbol_table());
        let entry = if H::is_type_bigobj() { 20 } else { 18 };
        let size = u64::from(header.number_of_symbols()) * entry;
        if at == 0 {
            return None;
        }
        self.symbols(at, size);
        let names = usize::try_from(at + size).ok()?;
        let length = bytes.get(names..)?.first_chunk::<4>()?;
        self.strings(at + size, u32::from_le_bytes(*length).into());
        Some(())
    }

    fn macho<H: MachHeader<Endian = Endianness>>(&mut self, bytes: &[u8]) -> Option<()> {
        let header = H::parse(bytes, 0).ok()?;
        let endian = header.endian().ok()?;
        let mut commands = header.load_commands(endian, bytes, 0).ok()?;
        while let Some(command) = commands.next().ok()? {
            if let Some((segment, data)) = H::Segment::from_command(command).ok()? {
                for section in segment.sections(endian, data).ok()? {
                    let size = u64::from(section.nreloc(endian)) * MACHO_RELOCATION;
                    self.relocations(section.reloff(endian), size);
                }
            } else if let Some(table) = command.symtab().ok()? {
                let entry = if header.is_type_64() { 16 } else { 12 };
                let size = u64::from(table.nsyms.get(endian)) * entry;
                self.symbols(table.symoff.get(endian).into(), size);
                let size = table.strsize.get(endian).into();
                self.strings(table.stroff.get(endian).into(), size);
            }
        }
        Some(())
    }
}
