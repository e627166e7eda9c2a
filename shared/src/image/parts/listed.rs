//! The tables in which objects for Windows and Apple's systems list their functions: `.pdata` with
//! `.xdata`, and `__compact_unwind`.
//!
//! Sources: Microsoft's "x64 exception handling" and "ARM64 exception handling"; for Apple's table, which
//! the linker makes `__unwind_info` from, what LLVM writes. As in all objects only the relocations say
//! which function an entry is for.

use super::Image;
use crate::{
    address::{FileOffset, FileRange, Range, VirtualAddress},
    image::{
        Architecture, Relocation, Section, SectionKind, UnwindEntry, UnwindPart, UnwindTables,
    },
};

/// Unwind data that an entry leads to, and the entry's function.
pub(super) type Leads = Vec<(VirtualAddress, VirtualAddress)>;

/// `.pdata`: where a function starts and ends and where its data is, or, on Arm, its start and either its
/// data or the place of that.
pub(super) fn pdata(
    image: &Image<'_>,
    section: &Section<'_>,
    fixed: &[Relocation],
    tables: &mut UnwindTables,
    leads: &mut Leads,
) {
    let arm = match image.architecture {
        Architecture::X86_64 => false,
        Architecture::Aarch64 => true,
        _ => return,
    };
    let entry_size = if arm { 8 } else { 12 };
    each(section, fixed, entry_size, |at, file, target| {
        let Some(start) = target(0) else { return };
        let second = target(4);
        let word = |place: u64| {
            let bytes = image.bytes_at(VirtualAddress(place))?;
            Some(image.u32(*bytes.first_chunk()?))
        };
        let (size, data) = if !arm {
            let end = second.filter(|end| *end > start);
            (end.map_or(0, |end| end.0 - start.0), target(8))
        } else if let Some(data) = second {
            let first = word(data.0).unwrap_or_default();
            (u64::from(first & 0x3_ffff) * 4, Some(data))
        } else {
            // Packed: two bits, the length in words.
            let packed = word(at.0 + 4).unwrap_or_default();
            (u64::from(packed >> 2 & 0x7ff) * 4, None)
        };
        let data = data.filter(|data| is_specific(image, *data));
        leads.extend(data.map(|data| (data, start)));
        tables.entries.push(UnwindEntry {
            file,
            function: Range::<VirtualAddress>::new(start, size),
            lsda: None,
        });
    });
}

/// `.xdata` has no table of contents: the data of a function reaches to that of the next one, or to the
/// end of its section. What several share is the first one's.
pub(super) fn xdata(image: &Image<'_>, mut leads: Leads, tables: &mut UnwindTables) {
    leads.sort_unstable();
    leads.dedup_by_key(|(data, _)| *data);
    for (number, (data, function)) in leads.iter().enumerate() {
        let Some((_, section)) = image.section_at(*data) else {
            continue;
        };
        let end = section.addresses().end();
        let next = leads.get(number + 1).map_or(end, |(next, _)| *next);
        let size = next.min(end).0 - data.0;
        let offset = data.0 - section.address.0;
        tables.parts.push(UnwindPart {
            file: Range::<FileOffset>::new(FileOffset(section.file.start.0 + offset), size),
            function: *function,
        });
    }
}

/// `__compact_unwind`: the function, its length and how to unwind it, its personality, its
/// language-specific data.
pub(super) fn compact(
    image: &Image<'_>,
    section: &Section<'_>,
    fixed: &[Relocation],
    tables: &mut UnwindTables,
) {
    let word = if image.is_64 { 8 } else { 4 };
    each(section, fixed, 3 * word + 8, |at, file, target| {
        let Some(start) = target(0) else { return };
        let length = image.bytes_at(VirtualAddress(at.0 + word));
        let length = length.and_then(<[u8]>::first_chunk);
        tables.entries.push(UnwindEntry {
            file,
            function: Range::<VirtualAddress>::new(
                start,
                length.map_or(0, |length| image.u32(*length).into()),
            ),
            lsda: target(2 * word + 8).filter(|data| is_specific(image, *data)),
        });
    });
}

/// Calls `then` with each entry of a table that has relocations: where it is loaded, where it is in the
/// file, and what its places ask for, by their distance from its start.
fn each(
    section: &Section<'_>,
    fixed: &[Relocation],
    size: u64,
    mut then: impl FnMut(VirtualAddress, FileRange, &dyn Fn(u64) -> Option<VirtualAddress>),
) {
    let entry_of = |one: &Relocation| Some(one.slot.checked_since(section.address)? / size);
    for own in fixed.chunk_by(|a, b| entry_of(a) == entry_of(b)) {
        let Some(entry) = own.first().and_then(entry_of) else {
            continue;
        };
        let start = entry * size;
        if start.saturating_add(size) > section.file.size {
            continue;
        }
        let at = VirtualAddress(section.address.0 + start);
        let file = Range::<FileOffset>::new(FileOffset(section.file.start.0 + start), size);
        let target = |place: u64| {
            let mut there = own.iter().filter(|one| one.slot.0 == at.0 + place);
            there.next()?.target
        };
        then(at, file, &target);
    }
}

/// Whether unwind data of a function is there.
pub(super) fn is_specific(image: &Image<'_>, address: VirtualAddress) -> bool {
    let at = image.section_at(address);
    at.is_some_and(|(_, section)| section.kind == SectionKind::ExceptTable)
}
