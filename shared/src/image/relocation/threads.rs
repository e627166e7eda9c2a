//! What the loader writes about thread-local variables: slots that code reads to find one.
//!
//! Source: Drepper's "ELF Handling For Thread-Local Storage", and the processor supplements.

use super::super::{Architecture, Image, RelocationFormat, SectionKind, SymbolKind, SymbolTable};
use crate::address::VirtualAddress;
use object::{
    Endianness, elf,
    read::elf::{FileHeader, Rela},
};

/// The slots that lead to thread-local variables of this image.
#[derive(Clone, Debug, Default)]
pub struct ThreadSlots {
    /// Each slot, by address, with the distance of its variable from the first one.
    pub variables: Vec<(VirtualAddress, u64)>,
    /// Slots for the first variable: `__tls_get_addr` returns where it is, and code adds the distance of
    /// the one that it wants. Sorted.
    pub firsts: Vec<VirtualAddress>,
}

/// What a relocation asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// The number of the module that the variable is in; the distance follows in the next slot.
    Module,
    /// The distance, from whatever.
    Distance,
}

fn asks(architecture: Architecture, kind: elf::RelocationType) -> Option<Asks> {
    match (architecture, kind) {
        (Architecture::X86_64, elf::R_X86_64_DTPMOD64)
        | (Architecture::Aarch64, elf::R_AARCH64_TLS_DTPMOD) => Some(Asks::Module),
        (
            Architecture::X86_64,
            elf::R_X86_64_DTPOFF64 | elf::R_X86_64_TPOFF64 | elf::R_X86_64_TLSDESC,
        )
        | (
            Architecture::Aarch64,
            elf::R_AARCH64_TLS_DTPREL | elf::R_AARCH64_TLS_TPREL | elf::R_AARCH64_TLSDESC,
        ) => Some(Asks::Distance),
        _ => None,
    }
}

/// The slots of an ELF file for a processor whose code is decoded; both have 64 bits and RELA. Linear in
/// the relocations.
pub(in super::super) fn read(image: &Image<'_>, symbols: &SymbolTable<'_>) -> ThreadSlots {
    let mut found = ThreadSlots::default();
    if !image.is_64 || image.format != super::super::Format::Elf || !image.parts.is_empty() {
        return found;
    }
    let endian = match image.little_endian {
        true => Endianness::Little,
        false => Endianness::Big,
    };
    let mut modules = Vec::new();
    for section in &image.sections {
        let listed = section.relocations == Some(RelocationFormat::Rela);
        if section.kind != SectionKind::Relocations || !section.loaded || !listed {
            continue;
        }
        type Entry = <elf::FileHeader64<Endianness> as FileHeader>::Rela;
        let bytes = image.section_bytes(section);
        let entries = object::slice_from_bytes(bytes, bytes.len() / size_of::<Entry>());
        let entries: &[Entry] = entries.map_or(&[], |(entries, _)| entries);
        for entry in entries {
            let Some(asks) = asks(image.architecture, entry.r_type(endian, false)) else {
                continue;
            };
            let addend: i64 = entry.r_addend(endian);
            let distance = match entry.r_sym(endian, false).checked_sub(1) {
                None => Some(addend.cast_unsigned()),
                Some(symbol) => {
                    let symbol = symbols.symbols.get(symbol as usize);
                    let own = symbol.filter(|symbol| {
                        symbol.kind == SymbolKind::Tls && symbol.section.is_some()
                    });
                    own.map(|symbol| symbol.address.0.wrapping_add_signed(addend))
                }
            };
            let slot = VirtualAddress(entry.r_offset(endian));
            match (asks, entry.r_sym(endian, false)) {
                (Asks::Module, 0) => modules.push(slot),
                _ => found
                    .variables
                    .extend(distance.map(|distance| (slot, distance))),
            }
        }
    }
    found.variables.sort_unstable();
    // Of a variable that nobody else sees the linker knows the distance.
    for slot in modules {
        let Some(next) = slot.checked_add(8) else {
            continue;
        };
        let listed = found
            .variables
            .binary_search_by_key(&next, |(slot, _)| *slot);
        let distance = match listed {
            Ok(at) => Some(found.variables[at].1),
            Err(_) => image.word_at(next),
        };
        match distance {
            Some(0) | None => found.firsts.push(slot),
            Some(distance) => found.variables.push((slot, distance)),
        }
    }
    found.variables.sort_unstable();
    found.firsts.sort_unstable();
    found
}
