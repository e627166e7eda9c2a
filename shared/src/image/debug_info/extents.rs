//! How long the things are that units refer to: abbreviation tables, lists, line programs, macros.
//!
//! Truth: DWARF 5, sections 7.25 (range lists), 7.7.3 (location lists), 7.23 (macros); DWARF 4,
//! sections 2.6.2, 2.17.3 and 7.22. A list never reaches into the next referenced one, so that
//! all of them together cost one pass over the section.

use super::{DebugInfo, DebugSection, reader::Reader};

impl DebugInfo<'_> {
    /// Where what starts at `start` ends, at most `limit`.
    pub(super) fn extent(&self, section: DebugSection, start: u64, limit: u64) -> u64 {
        let mut reader = self
            .reader(section, start)
            .clip(usize::try_from(limit).unwrap_or(usize::MAX));
        match section {
            DebugSection::Abbrev => {
                let table = self
                    .tables
                    .find(start)
                    .and_then(|table| self.tables.get(table));
                return table.map_or(start, |table| (table.end as u64).min(limit));
            }
            DebugSection::Ranges => {
                let size = self.address_size();
                while let Some((first, second)) = pair(&mut reader, size) {
                    if first == 0 && second == 0 {
                        break;
                    }
                }
            }
            DebugSection::Loc => {
                let size = self.address_size();
                let base = u64::MAX >> (64 - 8 * u32::from(size));
                while let Some((first, second)) = pair(&mut reader, size) {
                    if first == 0 && second == 0 {
                        break;
                    }
                    let expression = first == base || skip_counted(&mut reader, 2).is_some();
                    if !expression {
                        break;
                    }
                }
            }
            DebugSection::RngLists => while let Some(true) = self.range_entry(&mut reader) {},
            DebugSection::LocLists => while let Some(true) = self.location_entry(&mut reader) {},
            DebugSection::Macinfo => while let Some(true) = macinfo_entry(&mut reader) {},
            _ => {
                // Line programs and index tables say their length.
                let end = reader
                    .initial_length()
                    .and_then(|(length, _)| (reader.pos() as u64).checked_add(length));
                return end.unwrap_or(start).min(limit);
            }
        }
        reader.pos() as u64
    }

    /// The parts of a section of which each starts with its length.
    pub(super) fn contributions(&self, section: DebugSection) -> Vec<(u64, u64)> {
        let len = self.sections.get(section).len() as u64;
        let mut parts = Vec::new();
        let mut start = 0;
        while start < len {
            let mut reader = self.reader(section, start);
            let Some((length, _)) = reader.initial_length() else {
                break;
            };
            let end = (reader.pos() as u64).saturating_add(length);
            if end > len {
                break;
            }
            parts.push((start, end));
            start = end;
        }
        parts
    }

    fn range_entry(&self, reader: &mut Reader<'_>) -> Option<bool> {
        match reader.u8()? {
            0 => return Some(false),
            1 => reader.skip_leb()?,
            2..=4 => {
                reader.skip_leb()?;
                reader.skip_leb()?;
            }
            5 => self.skip_address(reader)?,
            6 => {
                self.skip_address(reader)?;
                self.skip_address(reader)?;
            }
            7 => {
                self.skip_address(reader)?;
                reader.skip_leb()?;
            }
            _ => return None,
        }
        Some(true)
    }

    fn location_entry(&self, reader: &mut Reader<'_>) -> Option<bool> {
        let kind = reader.u8()?;
        match kind {
            0 => return Some(false),
            1 => reader.skip_leb()?,
            // 9: GNU's pair of view numbers.
            2..=4 | 9 => {
                reader.skip_leb()?;
                reader.skip_leb()?;
            }
            5 => {}
            6 => self.skip_address(reader)?,
            7 => {
                self.skip_address(reader)?;
                self.skip_address(reader)?;
            }
            8 => {
                self.skip_address(reader)?;
                reader.skip_leb()?;
            }
            _ => return None,
        }
        if !matches!(kind, 1 | 6 | 9) {
            skip_counted(reader, 0)?;
        }
        Some(true)
    }

    fn skip_address(&self, reader: &mut Reader<'_>) -> Option<()> {
        reader.skip(u64::from(self.address_size()))
    }

    /// Lists do not say their address size; all units of a file have the same.
    fn address_size(&self) -> u8 {
        self.units.first().map_or(8, |unit| unit.address_size)
    }
}

fn pair(reader: &mut Reader<'_>, size: u8) -> Option<(u64, u64)> {
    Some((reader.uint(size)?, reader.uint(size)?))
}

fn skip_counted(reader: &mut Reader<'_>, size: u8) -> Option<()> {
    let length = if size == 0 {
        reader.uleb()?
    } else {
        reader.uint(size)?
    };
    reader.skip(length)
}

fn macinfo_entry(reader: &mut Reader<'_>) -> Option<bool> {
    match reader.u8()? {
        0 => return Some(false),
        1 | 2 | 255 => {
            reader.skip_leb()?;
            reader.string()?;
        }
        3 => {
            reader.skip_leb()?;
            reader.skip_leb()?;
        }
        4 => {}
        _ => return None,
    }
    Some(true)
}

/// What a macro unit refers to.
#[derive(Debug)]
pub(super) enum MacroRef {
    /// A string of `.debug_str`.
    Str(u64),
    /// Another macro unit.
    Import(u64),
}

/// Reads a unit of `.debug_macro` and returns where it ends.
pub(super) fn read_macros(mut reader: Reader<'_>, found: &mut impl FnMut(MacroRef)) -> u64 {
    let mut end = reader.pos();
    if let Some(offset_size) = macro_header(&mut reader) {
        while let Some(more) = macro_entry(&mut reader, offset_size, found) {
            end = reader.pos();
            if !more {
                break;
            }
        }
    }
    end as u64
}

fn macro_header(reader: &mut Reader<'_>) -> Option<u8> {
    reader.skip(2)?;
    let flags = reader.u8()?;
    let offset_size = if flags & 1 == 0 { 4 } else { 8 };
    if flags & 2 != 0 {
        reader.skip(u64::from(offset_size))?;
    }
    // Vendors' own entries, which would be described next, are not understood.
    (flags & 4 == 0).then_some(offset_size)
}

fn macro_entry(
    reader: &mut Reader<'_>,
    offset_size: u8,
    found: &mut impl FnMut(MacroRef),
) -> Option<bool> {
    match reader.u8()? {
        0 => return Some(false),
        1 | 2 => {
            reader.skip_leb()?;
            reader.string()?;
        }
        3 | 11 | 12 => {
            reader.skip_leb()?;
            reader.skip_leb()?;
        }
        4 => {}
        5 | 6 => {
            reader.skip_leb()?;
            found(MacroRef::Str(reader.uint(offset_size)?));
        }
        7 => found(MacroRef::Import(reader.uint(offset_size)?)),
        8 | 9 => {
            reader.skip_leb()?;
            reader.skip(u64::from(offset_size))?;
        }
        10 => reader.skip(u64::from(offset_size))?,
        _ => return None,
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::super::DwarfSections;
    use super::*;

    /// Where the list at the start of these bytes ends, with others behind it.
    fn end_of(kind: DebugSection, entries: &[&[u8]]) -> (u64, u64) {
        let list = entries.concat();
        let data = [&list[..], &[7; 40]].concat();
        let mut sections = DwarfSections::new(false);
        sections.add(kind.name(), &data);
        let info = DebugInfo::load(sections);
        (info.extent(kind, 0, data.len() as u64), list.len() as u64)
    }

    const ADDRESS: &[u8] = &[8, 7, 6, 5, 4, 3, 2, 1];

    #[test]
    fn lists_end_behind_their_terminator() {
        // Every kind of entry of DWARF 5, tables 7.10 and 7.11, with LEB128 numbers of two bytes.
        let leb: &[u8] = &[0x80, 1];
        let (found, expected) = end_of(
            DebugSection::RngLists,
            &[
                &[1],
                leb,
                &[2],
                leb,
                leb,
                &[3],
                leb,
                leb,
                &[4],
                leb,
                leb,
                &[5],
                ADDRESS,
                &[6],
                ADDRESS,
                ADDRESS,
                &[7],
                ADDRESS,
                leb,
                &[0],
            ],
        );
        assert_eq!(found, expected);
        let block: &[u8] = &[3, 9, 9, 9];
        let (found, expected) = end_of(
            DebugSection::LocLists,
            &[
                &[1],
                leb,
                &[2],
                leb,
                leb,
                block,
                &[3],
                leb,
                leb,
                block,
                &[4],
                leb,
                leb,
                block,
                &[5],
                block,
                &[6],
                ADDRESS,
                &[7],
                ADDRESS,
                ADDRESS,
                block,
                &[8],
                ADDRESS,
                leb,
                block,
                &[9],
                leb,
                leb,
                &[0],
            ],
        );
        assert_eq!(found, expected);
        // Before DWARF 5: pairs of addresses, a base address, the end.
        let base: &[u8] = &[0xff; 8];
        let end: &[u8] = &[0; 16];
        let ranges = [ADDRESS, ADDRESS, base, ADDRESS, end];
        let (found, expected) = end_of(DebugSection::Ranges, &ranges);
        assert_eq!(found, expected);
        let (found, expected) = end_of(
            DebugSection::Loc,
            &[ADDRESS, ADDRESS, &[2, 0, 9, 9], base, ADDRESS, end],
        );
        assert_eq!(found, expected);
        let (found, expected) = end_of(
            DebugSection::Macinfo,
            &[&[3], leb, leb, &[1], leb, b"A 1\0", &[4, 0]],
        );
        assert_eq!(found, expected);
    }

    #[test]
    fn macro_units_tell_what_they_refer_to() {
        // DWARF 5, section 6.3: version 5, no flags, then entries and the end.
        let data = [
            &[5, 0, 0][..],
            &[3, 0, 1],
            &[5, 1, 0x44, 0x33, 0x22, 0x11],
            &[7, 0x99, 0, 0, 0],
            &[11, 1, 2, 4, 0],
            &[1, 1],
            b"behind\0",
        ]
        .concat();
        let mut found = Vec::new();
        let end = read_macros(Reader::at(&data, 0, false), &mut |reference| {
            found.push(match reference {
                MacroRef::Str(offset) => ("string", offset),
                MacroRef::Import(offset) => ("import", offset),
            });
        });
        assert_eq!(end, data.len() as u64 - 9);
        assert_eq!(found, [("string", 0x1122_3344), ("import", 0x99)]);
    }
}
