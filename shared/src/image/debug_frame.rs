//! `.debug_frame`: how debuggers unwind what has no other table, such as programs for chips, which abort.
//!
//! Source: DWARF 5, 6.4.1; `gimli` reads the entries. Each one describes a function and is its owner's.
//! Where a file has no other unwind table, they say as well where functions start and end.

use super::{
    Architecture, Image, SectionKind, UnwindPart, UnwindTables,
    unwind::{endian, entry_range},
};
use crate::{
    address::{AddressRange, Range, VirtualAddress},
    hashing::NumberMap,
};
use gimli::{
    BaseAddresses, CieOrFde, CommonInformationEntry, DebugFrame, EndianSlice, UnwindSection,
};

/// Stands for no function at all: that of entries which many share.
const NOBODY: VirtualAddress = VirtualAddress(u64::MAX);

/// Adds the entries to the tables of a linked file; what follows damage is left out. Linear in the section.
pub(super) fn read(image: &Image<'_>, tables: &mut UnwindTables) {
    let Some((_, section)) = image.section(".debug_frame") else {
        return;
    };
    if section.kind != SectionKind::Debug || section.compressed || !image.parts.is_empty() {
        return;
    }
    let bytes = image.section_bytes(section);
    let mut frames = DebugFrame::from(EndianSlice::new(bytes, endian(image)));
    frames.set_address_size(if image.is_64 { 8 } else { 4 });
    let bases = BaseAddresses::default();
    // Kept also where it is damaged, lest many entries read one long damaged one again and again.
    let mut common: NumberMap<usize, gimli::Result<CommonInformationEntry<_>>> =
        NumberMap::default();
    let mut functions: Vec<AddressRange> = Vec::new();
    let mut entries = frames.entries(&bases);
    while let Ok(Some(entry)) = entries.next() {
        let (offset, function) = match entry {
            CieOrFde::Cie(cie) => (cie.offset(), NOBODY),
            CieOrFde::Fde(partial) => {
                let fde = partial.parse(|frames: &DebugFrame<EndianSlice<'_, _>>, bases, at| {
                    let known = common.entry(gimli::UnwindOffset::into(at));
                    known
                        .or_insert_with(|| frames.cie_from_offset(bases, at))
                        .clone()
                });
                let Ok(fde) = fde else { continue };
                // Thumb's functions have an odd number in some tables.
                let thumb = u64::from(image.architecture == Architecture::Arm);
                let function = VirtualAddress(fde.initial_address() & !thumb);
                let range = Range::<VirtualAddress>::new(function, fde.len());
                // Linkers leave the entries of functions that they dropped, with an address of nothing.
                if image.section_at(function).is_some() && !range.is_empty() {
                    functions.push(range);
                }
                (fde.offset(), function)
            }
        };
        let file = entry_range(image, section.file, offset);
        tables.parts.push(UnwindPart { file, function });
    }
    if tables.entries.is_empty() && tables.functions.is_empty() {
        functions.sort_unstable();
        functions.dedup_by_key(|function| function.start);
        tables.functions = functions;
    }
}
