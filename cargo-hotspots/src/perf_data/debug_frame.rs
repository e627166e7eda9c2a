//! Functions whose unwind tables are in `.debug_frame` only, the section for debuggers.
//!
//! A program can have both kinds: Rust's musl target links a C library that was compiled without
//! `.eh_frame`. An unwinder that asks one section for all functions does not get past its functions.
//!
//! Truth: DWARF 5, section 6.4.1, and the Linux Standard Base for `.eh_frame`. Limits: 64-bit
//! addresses, little endian.

use super::rules::Row;
use codecost::{
    address::{AddressRange, Range, VirtualAddress},
    image::Image,
};
use gimli::{
    BaseAddresses, CieOrFde, DebugFrame, EhFrame, EndianSlice, Format, LittleEndian, UnwindContext,
    UnwindOffset, UnwindSection,
};
use std::{collections::HashMap, sync::Arc};

type Bytes<'b> = EndianSlice<'b, LittleEndian>;

/// The section, and what it is needed for.
#[derive(Debug)]
pub(super) struct ForDebuggers {
    /// The section's content, in which functions that the linker dropped are empty.
    pub(super) bytes: Arc<Vec<u8>>,
    /// The functions that no other section describes, sorted.
    pub(super) functions: Vec<Described>,
}

/// A function and the entry of the section that describes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Described {
    pub(super) function: AddressRange,
    /// Where the entry is in the section.
    pub(super) entry: usize,
}

/// What of `.debug_frame` is needed: the functions that `.eh_frame` does not describe. `None` where
/// there are none.
///
/// Takes time linear in the size of both sections, but for sorting.
pub(super) fn needed(image: &Image<'_>) -> Option<ForDebuggers> {
    let (_, section) = image.section(".debug_frame")?;
    if !image.little_endian {
        return None;
    }
    let mut bytes = image.section_content(section)?.into_owned();
    let lowest = image.segments.iter().filter(|segment| segment.loaded);
    let lowest = lowest.map(|segment| segment.address).min()?;
    let described = described(image);
    let is_code = |at: VirtualAddress| {
        image.segments.iter().any(|segment| {
            let range = Range::<VirtualAddress>::new(segment.address, segment.memory);
            segment.loaded && segment.executable && range.contains(at)
        })
    };
    let mut functions = Vec::new();
    let mut dropped = Vec::new();
    let mut section = DebugFrame::new(&bytes, LittleEndian);
    section.set_address_size(8);
    read(
        &section,
        &BaseAddresses::default(),
        |entry, place, function| {
            // Of functions that the linker dropped the entries stay, at addresses without code.
            if !is_code(function.start) {
                dropped.push(place);
            } else if function.size > 0 && find(&described, function.start).is_none() {
                functions.push(Described { function, entry });
            }
        },
    );
    for place in dropped {
        // The unwinder refuses a section with an address below the file's.
        if let Some(bytes) = bytes.get_mut(place..place.saturating_add(16)) {
            let empty = [lowest.0.to_le_bytes(), [0; 8]];
            bytes.copy_from_slice(empty.as_flattened());
        }
    }
    functions.sort_unstable_by_key(|it| it.function.start);
    (!functions.is_empty()).then_some(ForDebuggers {
        bytes: Arc::new(bytes),
        functions,
    })
}

/// What `.eh_frame` describes, sorted.
fn described(image: &Image<'_>) -> Vec<Described> {
    let Some((_, section)) = image.section(".eh_frame") else {
        return Vec::new();
    };
    let Some(bytes) = image.section_content(section) else {
        return Vec::new();
    };
    let bases = BaseAddresses::default().set_eh_frame(section.addresses().start.0);
    let mut tables = EhFrame::new(&bytes, LittleEndian);
    tables.set_address_size(8);
    let mut functions = Vec::new();
    read(&tables, &bases, |entry, _, function| {
        functions.push(Described { function, entry });
    });
    functions.sort_unstable_by_key(|it| it.function.start);
    functions
}

/// Hands out the functions of a section, each with where its entry and its address are in the
/// section.
fn read<'b, S: UnwindSection<Bytes<'b>>>(
    section: &S,
    bases: &BaseAddresses,
    mut take: impl FnMut(usize, usize, AddressRange),
) {
    // Each entry names its common part, which may be long: it is read once.
    let mut common = HashMap::new();
    let mut entries = section.entries(bases);
    // What was read before damage counts.
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else {
            continue;
        };
        let parsed = partial.parse(|section, bases, offset| {
            let place: usize = UnwindOffset::into(offset);
            if let Some(known) = common.get(&place) {
                return Ok(Clone::clone(known));
            }
            let read = section.cie_from_offset(bases, offset)?;
            common.insert(place, read.clone());
            Ok(read)
        });
        let Ok(entry) = parsed else { continue };
        let header = match entry.cie().encoding().format {
            Format::Dwarf32 => 8,
            Format::Dwarf64 => 20,
        };
        let start = VirtualAddress(entry.initial_address());
        let function = Range::<VirtualAddress>::new(start, entry.len());
        take(
            entry.offset(),
            entry.offset().saturating_add(header),
            function,
        );
    }
}

/// The one of these sorted functions that is at an address.
pub(super) fn find(functions: &[Described], address: VirtualAddress) -> Option<&Described> {
    let after = functions.partition_point(|it| it.function.start <= address);
    let found = functions.get(after.checked_sub(1)?)?;
    found.function.contains(address).then_some(found)
}

/// What the section says of an address of a function.
pub(super) fn row(
    bytes: &[u8],
    found: &Described,
    address: VirtualAddress,
    context: &mut UnwindContext<usize>,
) -> Option<Row> {
    let mut section = DebugFrame::new(bytes, LittleEndian);
    section.set_address_size(8);
    let bases = BaseAddresses::default();
    let entry = section.fde_from_offset(&bases, found.entry.into(), DebugFrame::cie_from_offset);
    Row::of(&section, &bases, &entry.ok()?, address.0, context)
}
