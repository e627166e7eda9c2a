//! The relocations of objects: what a linker fills in, and which symbol each place asks for.
//!
//! Source: the gABI on relocatable files; of the processors' ABIs only which types count from the
//! place itself. Only places that are loaded are read: debug information has the most relocations, and
//! what they refer to owns nothing.

use super::{Image, Part, fields::stored};
use crate::{
    address::VirtualAddress,
    image::{
        Architecture, PartTable, Relocation, RelocationTable, Section, SectionKind, Symbol,
        SymbolKind, SymbolTable, wasm,
    },
};
use object::{
    Endianness, Object as _, ObjectSection as _, RelocationKind, RelocationTarget, elf,
    read::elf::{FileHeader, Rel, Rela, SectionHeader},
};

/// One table for each section of relocations. `symbols`: those of the image. Linear in both.
pub(in crate::image) fn read(image: &Image<'_>, symbols: &SymbolTable<'_>) -> Vec<RelocationTable> {
    let mut tables = Vec::new();
    for (part, of) in image.parts.iter().zip(&symbols.parts) {
        let bytes = image.bytes_in(part.file);
        if wasm::is_wasm(bytes) {
            wasm::object_relocations(image, part.file, of, symbols, &mut tables);
            continue;
        }
        let reader = Reader {
            image,
            part,
            of,
            symbols,
            bytes,
        };
        match object::FileKind::parse(bytes) {
            Ok(object::FileKind::Elf64) => {
                reader.elf::<elf::FileHeader64<Endianness>>(&mut tables);
            }
            Ok(object::FileKind::Elf32) => {
                reader.elf::<elf::FileHeader32<Endianness>>(&mut tables);
            }
            Ok(_) => reader.others(&mut tables),
            Err(_) => {}
        }
    }
    tables
}

struct Reader<'a, 'd> {
    image: &'a Image<'d>,
    part: &'a Part,
    of: &'a PartTable,
    symbols: &'a SymbolTable<'d>,
    bytes: &'d [u8],
}

impl Reader<'_, '_> {
    fn elf<E: FileHeader<Endian = Endianness>>(&self, tables: &mut Vec<RelocationTable>) {
        let Ok(header) = E::parse(self.bytes) else {
            return;
        };
        let Ok(endian) = header.endian() else { return };
        let Ok(headers) = header.section_headers(endian, self.bytes) else {
            return;
        };
        let sections = self.part.sections.clone();
        for (header, index) in headers.iter().zip(sections.clone()) {
            let kind = header.sh_type(endian);
            if kind != elf::SHT_RELA && kind != elf::SHT_REL {
                continue;
            }
            let patched = sections.start.saturating_add(header.sh_info(endian));
            let section = |index: u32| self.image.sections.get(index as usize);
            let (Some(own), Some(patched)) = (section(index), section(patched)) else {
                continue;
            };
            if !patched.loaded {
                continue;
            }
            // Cut where the same bytes are listed again and again.
            let bytes = self.image.section_bytes(own);
            let code = patched.kind == SectionKind::Code;
            let (relocations, entry_size) = if kind == elf::SHT_RELA {
                let size = size_of::<E::Rela>();
                let entries: &[E::Rela] = object::slice_from_bytes(bytes, bytes.len() / size)
                    .map_or(&[], |(slice, _)| slice);
                let one = |(entry, relocation): (usize, &E::Rela)| {
                    let offset: u64 = relocation.r_offset(endian).into();
                    let slot = VirtualAddress(patched.address.0.wrapping_add(offset));
                    let addend: i64 = relocation.r_addend(endian).into();
                    let kind = relocation.r_type(endian, false);
                    let addend = self.distance(kind, addend, code);
                    self.one(slot, relocation.r_sym(endian, false), addend, entry)
                };
                (entries.iter().enumerate().map(one).collect(), size)
            } else {
                let size = size_of::<E::Rel>();
                let entries: &[E::Rel] = object::slice_from_bytes(bytes, bytes.len() / size)
                    .map_or(&[], |(slice, _)| slice);
                let one = |(entry, relocation): (usize, &E::Rel)| {
                    let offset: u64 = relocation.r_offset(endian).into();
                    let slot = VirtualAddress(patched.address.0.wrapping_add(offset));
                    let stored = || self.image.word_at(slot).unwrap_or_default() as u32;
                    // In code the addend is a part of the instruction.
                    let addend = match code {
                        true => 0,
                        false => i64::from(stored().cast_signed()),
                    };
                    self.one(slot, relocation.r_sym(endian), addend, entry)
                };
                (entries.iter().enumerate().map(one).collect(), size)
            };
            tables.push(RelocationTable {
                guessed: false,
                section: index,
                start: 0,
                entry_size: entry_size as u64,
                relocations,
            });
        }
    }

    /// COFF and Mach-O: their relocations have no section, so no bytes are claimed by them.
    fn others(&self, tables: &mut Vec<RelocationTable>) {
        let Ok(file) = object::File::parse(self.bytes) else {
            return;
        };
        let sections = self.part.sections.clone();
        // Sections of a damaged file may all list the same ones.
        let mut left = self.bytes.len() / 8;
        for (section, index) in file.sections().zip(sections.clone()) {
            let Some(patched) = self.image.sections.get(index as usize) else {
                continue;
            };
            if !patched.loaded {
                continue;
            }
            let mut relocations = Vec::new();
            for (offset, relocation) in section.relocations().take(left) {
                let slot = VirtualAddress(patched.address.0.wrapping_add(offset));
                let at = match relocation.target() {
                    RelocationTarget::Symbol(symbol) => self.by_number(symbol.0),
                    _ => None,
                };
                relocations.push(Relocation {
                    slot,
                    target: self.other_target((index, patched), slot, &relocation, at),
                    symbol: at,
                    entry: relocations.len() as u32,
                });
            }
            left -= relocations.len();
            tables.push(RelocationTable {
                guessed: false,
                section: index,
                start: 0,
                entry_size: 0,
                relocations,
            });
        }
    }

    /// What a place of COFF or Mach-O asks for; `at`: its symbol, where it names one.
    fn other_target(
        &self,
        (index, patched): (u32, &Section<'_>),
        slot: VirtualAddress,
        relocation: &object::Relocation,
        at: Option<u32>,
    ) -> Option<VirtualAddress> {
        let stored = stored(self.image, slot, relocation);
        let sections = self.part.sections.clone();
        let own_address = |section: u32| {
            let place = section.checked_sub(sections.start)?;
            self.part.addresses.get(place as usize).copied()
        };
        match relocation.target() {
            RelocationTarget::Symbol(_) => {
                let symbol = self.symbols.symbols.get(at? as usize)?;
                let section = self.image.sections.get(symbol.section? as usize)?;
                // Entries of jump tables count from the table's start, which nothing names.
                let jumps = section.kind == SectionKind::Code && patched.kind != SectionKind::Code;
                let relative = matches!(relocation.kind(), RelocationKind::Relative);
                if jumps && relative && symbol.kind == SymbolKind::Section {
                    return None;
                }
                let distance = stored.number.max(0);
                Some(VirtualAddress(
                    symbol.address.0.wrapping_add_signed(distance),
                ))
            }
            RelocationTarget::Section(number) => {
                // Sections are counted from 1. Of Mach-O: what is stored is an address in the object.
                let number = u32::try_from(number.0.checked_sub(1)?).ok()?;
                let target = sections.start.checked_add(number)?;
                let target = Some(target).filter(|target| sections.contains(target))?;
                let section = self.image.sections.get(target as usize)?;
                let number = match stored.from {
                    Some(from) => {
                        let place = slot.0.wrapping_sub(patched.address.0);
                        let place = own_address(index)?.0.wrapping_add(place);
                        place.wrapping_add_signed(stored.number.wrapping_add(from))
                    }
                    None => stored.number.cast_unsigned(),
                };
                let distance = number.wrapping_sub(own_address(target)?.0);
                let inside = distance <= section.memory;
                Some(VirtualAddress(
                    section.address.0 + if inside { distance } else { 0 },
                ))
            }
            _ => None,
        }
    }

    /// The place in the table of the symbol with this number; numbers of COFF leave some out.
    fn by_number(&self, number: usize) -> Option<u32> {
        let range = self.of.symbols.start as usize..self.of.symbols.end as usize;
        let symbols = self.symbols.symbols.get(range)?;
        let number = u32::try_from(number).ok()?;
        let at = symbols
            .binary_search_by_key(&number, |symbol| symbol.index)
            .ok()?;
        symbols[at].section?;
        Some(self.of.symbols.start + at as u32)
    }

    /// How far from its symbol a relocation points. The displacements of x86-64's instructions count
    /// from the next instruction, which is four bytes on where no other operand follows.
    fn distance(&self, kind: elf::RelocationType, addend: i64, code: bool) -> i64 {
        let from_next = self.image.architecture == Architecture::X86_64 && code;
        match kind {
            elf::R_X86_64_PC32 | elf::R_X86_64_PLT32 if from_next => addend.saturating_add(4),
            // They ask for the symbol's entry in the table of addresses.
            elf::R_X86_64_GOTPCREL
            | elf::R_X86_64_GOTPCRELX
            | elf::R_X86_64_REX_GOTPCRELX
            | elf::R_X86_64_GOTTPOFF
            | elf::R_X86_64_TLSGD
            | elf::R_X86_64_TLSLD
                if from_next =>
            {
                0
            }
            _ => addend,
        }
    }

    fn one(&self, slot: VirtualAddress, symbol: u32, distance: i64, entry: usize) -> Relocation {
        let at = symbol.checked_sub(1);
        let at = at.and_then(|at| self.of.symbols.start.checked_add(at));
        let at = at.filter(|at| self.of.symbols.contains(at));
        let symbol = at.and_then(|at| self.symbols.symbols.get(at as usize));
        Relocation {
            slot,
            target: symbol.and_then(|symbol| self.target(symbol, distance)),
            symbol: at,
            entry: entry as u32,
        }
    }

    fn target(&self, symbol: &Symbol<'_>, distance: i64) -> Option<VirtualAddress> {
        let section = self.image.sections.get(symbol.section? as usize)?;
        let address =
            |distance: i64| VirtualAddress(symbol.address.0.wrapping_add_signed(distance));
        if symbol.kind != SymbolKind::Section {
            // An operand that follows makes it less than the start.
            return Some(address(distance.max(0)));
        }
        // Constants of one size in a section of their own: the operand may end before the next begins.
        let size = section.entry_size.cast_signed();
        let in_array = section.kind == SectionKind::ReadOnlyData && (8..=64).contains(&size);
        let distance = match in_array && distance.rem_euclid(size) >= size - 4 {
            true => distance - distance.rem_euclid(size) + size,
            false => distance.max(0),
        };
        Some(address(distance))
    }
}
