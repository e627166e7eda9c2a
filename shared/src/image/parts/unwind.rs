//! The unwind tables of objects. Which function an entry is for, and where its language-specific data
//! is, only the relocations say: the places themselves are empty.

use super::{
    Image,
    listed::{self, is_specific},
};
use crate::{
    address::{FileOffset, Range, VirtualAddress},
    image::{Relocation, RelocationTable, Section, SectionKind, UnwindEntry, UnwindTables},
};

use std::collections::HashSet;

/// The entries that have relocations. Linear in these and in the tables.
pub(in crate::image) fn read(image: &Image<'_>, relocations: &[RelocationTable]) -> UnwindTables {
    let mut tables = UnwindTables::default();
    // Each section once, whatever number of tables a damaged file has for it.
    let mut read = HashSet::new();
    let mut leads = listed::Leads::new();
    for table in relocations {
        let Some(first) = table.relocations.first() else {
            continue;
        };
        let Some((index, section)) = image.section_at(first.slot) else {
            continue;
        };
        let unwinds = matches!(
            section.kind,
            SectionKind::EhFrame | SectionKind::UnwindIndex
        );
        if !unwinds || !read.insert(index) {
            continue;
        }
        let mut fixed: Vec<Relocation> = table.relocations.clone();
        fixed.sort_by_key(|relocation| relocation.slot);
        match (section.kind, plain_name(&section.name)) {
            (SectionKind::EhFrame, _) => frames(image, section, &fixed, &mut tables),
            (_, ".pdata") => listed::pdata(image, section, &fixed, &mut tables, &mut leads),
            (_, "__compact_unwind") => listed::compact(image, section, &fixed, &mut tables),
            (_, name) if name.starts_with(".ARM.exidx") => {
                exception_index(image, section, &fixed, &mut tables);
            }
            _ => {}
        }
    }
    listed::xdata(image, leads, &mut tables);
    tables.sort();
    tables
}

/// The name without what COFF's compilers put behind it so that the linker can leave a part out.
pub(super) fn plain_name(name: &str) -> &str {
    name.split_once('$').map_or(name, |(name, _)| name)
}

/// Bytes of a function's place in a frame of Mach-O with 64 bits; of others it is as long as the length.
const LONG_PLACE: usize = 8;

/// `.eh_frame`: records of a length, a number that is 0 for common ones, and the function's place and
/// length.
fn frames(
    image: &Image<'_>,
    section: &Section<'_>,
    fixed: &[Relocation],
    tables: &mut UnwindTables,
) {
    let bytes = image.section_bytes(section);
    let word = |at: usize| {
        let field = bytes.get(at..)?.first_chunk::<4>()?;
        Some(image.u32(*field))
    };
    let place = match image.is_64 && section.name.starts_with("__") {
        true => LONG_PLACE,
        false => 4,
    };
    let mut at = 0_usize;
    let mut next = 0;
    while let (Some(length), Some(number)) = (word(at), word(at + 4)) {
        // The form with 64 bits is for tables of four gigabytes.
        let end = at.saturating_add(4).saturating_add(length as usize);
        if length < 4 || end > bytes.len() {
            tables.damaged += u64::from(length != 0);
            break;
        }
        let last = section.address.0.saturating_add(end as u64);
        let count = fixed[next..]
            .iter()
            .take_while(|relocation| relocation.slot.0 < last)
            .count();
        let own = &fixed[next..next + count];
        next += count;
        if number != 0
            && let Some((start, rest)) = own.split_first()
            && let Some(function) = start.target
        {
            let size = word(at + 8 + place).unwrap_or_default();
            let mut data = rest.iter().filter_map(|relocation| relocation.target);
            tables.entries.push(UnwindEntry {
                file: Range::<FileOffset>::new(
                    FileOffset(section.file.start.0 + at as u64),
                    (end - at) as u64,
                ),
                function: Range::<VirtualAddress>::new(function, size.into()),
                lsda: data.find(|to| is_specific(image, *to)),
            });
        }
        at = end;
    }
}

/// Arm's index: pairs of words, the first of which leads to the function and the second maybe to its
/// table.
fn exception_index(
    image: &Image<'_>,
    section: &Section<'_>,
    fixed: &[Relocation],
    tables: &mut UnwindTables,
) {
    for same in fixed.chunk_by(|a, b| entry_of(section, a) == entry_of(section, b)) {
        let Some(entry) = same.first().and_then(|one| entry_of(section, one)) else {
            continue;
        };
        let mut targets = same.iter().filter_map(|relocation| relocation.target);
        let code = |to: &VirtualAddress| {
            let at = image.section_at(*to);
            at.is_some_and(|(_, section)| section.kind == SectionKind::Code)
        };
        let Some(function) = targets.clone().find(code) else {
            continue;
        };
        tables.entries.push(UnwindEntry {
            file: Range::<FileOffset>::new(FileOffset(section.file.start.0 + entry * 8), 8),
            // Its symbol says how long it is.
            function: Range::<VirtualAddress>::new(function, 0),
            lsda: targets.find(|to| is_specific(image, *to)),
        });
    }
}

/// Which entry of eight bytes a place is in.
fn entry_of(section: &Section<'_>, relocation: &Relocation) -> Option<u64> {
    Some(relocation.slot.checked_since(section.address)? / 8)
}
