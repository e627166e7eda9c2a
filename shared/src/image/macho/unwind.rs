//! Compact unwind information: `__unwind_info`.
//!
//! An index of pages by function; in each page entries of four bytes (an offset and the number of an
//! encoding) or of eight. Neighbours with the same encoding share an entry, so it is no list of
//! functions. Functions with language-specific data stand in a list of their own besides.

use super::{
    super::{
        Image, Section, SectionKind,
        fields::Fields,
        unwind::{UnwindEntry, UnwindTables},
    },
    Commands, functions,
};
use crate::address::{FileOffset, FileRange, Range, VirtualAddress};

/// Bytes of an entry of the index, of the list of language-specific data, and of the header.
const INDEX: u64 = 12;
const SPECIFIC: u64 = 8;
const HEADER: u64 = 28;

/// Adds the functions, and the entries of all compact tables.
pub(crate) fn read(image: &Image<'_>, commands: &Commands, tables: &mut UnwindTables) {
    for section in &image.sections {
        if section.kind == SectionKind::UnwindIndex && section.name == "__unwind_info" {
            compact(image, section, tables);
        }
    }
    tables.functions = functions::functions(image, commands);
    tables.sort();
}

fn compact(image: &Image<'_>, section: &Section<'_>, tables: &mut UnwindTables) {
    let reader = Reader {
        section,
        base: {
            let text = image.segments.iter().find(|one| one.name == "__TEXT");
            text.map_or(0, |text| text.address.0)
        },
        fields: Fields {
            bytes: image.section_bytes(section),
            little_endian: image.little_endian,
        },
    };
    if reader.tables(tables).is_none() {
        tables.damaged += 1;
    }
}

struct Reader<'a, 'd> {
    section: &'a Section<'d>,
    /// What offsets count from.
    base: u64,
    fields: Fields<'d>,
}

impl Reader<'_, '_> {
    fn file(&self, at: u64, size: u64) -> FileRange {
        let start = FileOffset(self.section.file.start.0.saturating_add(at));
        Range::<FileOffset>::new(start, size).intersection(self.section.file)
    }

    fn entry(&self, at: u64, size: u64, function: u32, lsda: Option<u32>) -> UnwindEntry {
        let address = |offset: u32| VirtualAddress(self.base.wrapping_add(offset.into()));
        UnwindEntry {
            file: self.file(at, size),
            // How far it reaches is not said here.
            function: Range::<VirtualAddress>::new(address(function), 0),
            lsda: lsda.map(address),
        }
    }

    fn tables(&self, tables: &mut UnwindTables) -> Option<()> {
        let field = |number: u64| self.fields.u32(4 * number);
        let (common, common_count) = (u64::from(field(1)?), u64::from(field(2)?));
        let (personality, personalities) = (u64::from(field(3)?), u64::from(field(4)?));
        let (index, count) = (u64::from(field(5)?), u64::from(field(6)?));
        tables.common.push(self.file(0, HEADER));
        tables
            .common
            .push(self.file(common, common_count.saturating_mul(4)));
        tables
            .common
            .push(self.file(personality, personalities.saturating_mul(4)));
        tables
            .common
            .push(self.file(index, count.saturating_mul(INDEX)));
        let whole = self.fields.bytes.len() as u64;
        let count = count.min(whole / INDEX);
        // All pages together have no more entries than the section has words.
        let mut left = whole / 4;
        for number in 0..count {
            let at = index + number * INDEX;
            let (first, page) = (self.fields.u32(at)?, u64::from(self.fields.u32(at + 4)?));
            // The last stands for the end.
            if page > 0 {
                self.page(page, first, &mut left, tables)?;
            }
        }
        let last = |number: u64| self.fields.u32(index + number * INDEX + 8);
        let (from, to) = (last(0)?, last(count.checked_sub(1)?)?);
        let mut at = u64::from(from);
        while at + SPECIFIC <= u64::from(to).min(whole) {
            let (function, lsda) = (self.fields.u32(at)?, self.fields.u32(at + 4)?);
            tables
                .entries
                .push(self.entry(at, SPECIFIC, function, Some(lsda)));
            at += SPECIFIC;
        }
        Some(())
    }

    fn page(&self, page: u64, first: u32, left: &mut u64, tables: &mut UnwindTables) -> Option<()> {
        // UNWIND_SECOND_LEVEL_REGULAR, UNWIND_SECOND_LEVEL_COMPRESSED
        let (size, header) = match self.fields.u32(page)? {
            2 => (8, 8),
            3 => (4, 12),
            _ => return None,
        };
        let entries = u64::from(self.fields.u16(page + 4)?);
        let count = u64::from(self.fields.u16(page + 6)?);
        *left = left.checked_sub(count)?;
        tables.common.push(self.file(page, header));
        for number in 0..count {
            let at = page + entries + number * size;
            let value = self.fields.u32(at)?;
            let function = match size {
                4 => first.wrapping_add(value & 0x00ff_ffff),
                _ => value,
            };
            tables.entries.push(self.entry(at, size, function, None));
        }
        if size == 4 {
            let encodings = u64::from(self.fields.u16(page + 8)?);
            let encoding_count = u64::from(self.fields.u16(page + 10)?);
            tables
                .common
                .push(self.file(page + encodings, encoding_count * 4));
        }
        Some(())
    }
}
