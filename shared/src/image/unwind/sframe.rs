//! `.sframe`: for each function how to find its callers, more tersely than `.eh_frame`.
//!
//! Source: "The SFrame Format" of GNU binutils, versions 1 and 2; readelf's `--sframe` is the witness.

use super::{Image, Section, UnwindPart, UnwindTables};
use crate::address::{FileOffset, Range, VirtualAddress};

/// Bytes of the header, without what its own field says follows.
const HEADER: usize = 28;

/// Function starts count from their own place instead of from the section's start.
const FROM_OWN_PLACE: u8 = 4;

/// Adds the entries of all functions and the rows that belong to them; what is left is common.
pub(super) fn read(image: &Image<'_>, section: &Section<'_>, tables: &mut UnwindTables) {
    if whole(image, section, tables).is_none() {
        tables.damaged += 1;
    }
}

fn whole(image: &Image<'_>, section: &Section<'_>, tables: &mut UnwindTables) -> Option<()> {
    let bytes = image.section_bytes(section);
    let word = |at: usize| {
        let field = bytes.get(at..at.checked_add(4)?)?;
        Some(image.u32(*field.first_chunk()?))
    };
    let [first, second, version, flags, _, _, _, more, ..] = *bytes.first_chunk::<HEADER>()?;
    let magic = match image.little_endian {
        true => [first, second],
        false => [second, first],
    };
    let entry = match version {
        1 => 17,
        2 => 20,
        _ => return None,
    };
    if magic != [0xe2, 0xde] {
        return None;
    }
    let header = HEADER + usize::from(more);
    let count = word(8)? as usize;
    let index = header.checked_add(word(20)? as usize)?;
    let rows = header.checked_add(word(24)? as usize)?;
    let rows_end = rows.checked_add(word(16)? as usize)?.min(bytes.len());
    let entries = bytes.get(index..)?.chunks_exact(entry).take(count);
    if entries.len() < count {
        return None;
    }
    let range = |start: usize, end: usize| {
        let at = FileOffset(section.file.start.0 + start as u64);
        Range::<FileOffset>::new(at, end.saturating_sub(start) as u64)
    };
    tables.common.push(range(0, header));
    // Where each function's rows start; they end where the next ones do.
    let mut starts = Vec::with_capacity(count);
    for number in 0..count {
        let at = index + number * entry;
        let distance = i64::from(word(at)?.cast_signed());
        let from = match flags & FROM_OWN_PLACE != 0 {
            true => at as u64,
            false => 0,
        };
        let base = section.address.0.wrapping_add(from);
        let function = VirtualAddress(base.wrapping_add_signed(distance));
        tables.parts.push(UnwindPart {
            file: range(at, at + entry),
            function,
        });
        // A function may have none.
        if word(at + 12)? > 0 {
            starts.push((rows.saturating_add(word(at + 8)? as usize), function));
        }
    }
    starts.sort_unstable();
    let ends = starts.iter().skip(1).map(|(start, _)| *start);
    let ends: Vec<usize> = ends.chain([rows_end]).collect();
    for ((start, function), end) in starts.into_iter().zip(ends) {
        let end = end.min(rows_end);
        if start < end {
            tables.parts.push(UnwindPart {
                file: range(start, end),
                function,
            });
        }
    }
    Some(())
}
