//! From an attribute's value to what it stands for: strings, addresses, ranges of addresses.
//!
//! Truth: DWARF 5, sections 2.17 (code addresses) and 7.26 to 7.29 (indexed sections). Range lists
//! are decoded by `gimli`.

use gimli::{EndianSlice, RunTimeEndian};

use super::{
    DebugInfo, DebugSection,
    attribute::{CodeRef, TextRef, Value},
    entries::Damaged,
    reader::{Budget, Reader},
    unit::Unit,
};

/// What one pass may spend on lists and strings that a hostile file refers to again and again.
#[derive(Debug)]
pub(super) struct Limits {
    ranges: Budget,
    text: Budget,
}

/// Strings up to this length are free; longer ones are paid for.
const SHORT_TEXT: usize = 1024;

impl<'d> DebugInfo<'d> {
    /// The budget of one pass over all units.
    pub(super) fn limits(&self) -> Limits {
        let size = |kinds: &[DebugSection]| -> usize {
            let files = [Some(self), self.shared.as_deref()].into_iter().flatten();
            files
                .flat_map(|file| kinds.iter().map(|kind| file.sections.get(*kind).len()))
                .sum()
        };
        use DebugSection::{Info, LineStr, Ranges, RngLists, Str};
        Limits {
            ranges: Budget::new(size(&[Info, Ranges, RngLists])),
            text: Budget::new(
                size(&[Str, LineStr, Info])
                    .saturating_mul(4)
                    .saturating_add(1 << 20),
            ),
        }
    }

    /// A string without its NUL.
    pub(super) fn text(&self, limits: &Limits, text: TextRef) -> Option<&'d [u8]> {
        let (section, offset) = text.place()?;
        let data = self.sections.get(section);
        let start = usize::try_from(offset).ok()?;
        let head = data.get(start..data.len().min(start.saturating_add(SHORT_TEXT)))?;
        if let Some(text) = Reader::at(head, 0, false).string() {
            return Some(text);
        }
        let text = Reader::at(data, offset, false).string();
        let cost = text.map_or(data.len() - start, <[u8]>::len);
        // The search is paid for after it was made: at most once too often per thread.
        if !limits.text.spend(cost) {
            return None;
        }
        text
    }

    /// Where a string value's string is.
    pub(super) fn text_ref(&self, unit: &Unit<'_>, value: Value) -> TextRef {
        let found = match value {
            Value::Text(text) => return text,
            Value::Strx(index) => self.str_offset(unit, index),
            _ => None,
        };
        found.map_or(TextRef::NONE, |(_, offset)| {
            TextRef::new(DebugSection::Str, offset)
        })
    }

    /// Where the entry of a unit's string index is, and the offset into `.debug_str` there.
    pub(super) fn str_offset(&self, unit: &Unit<'_>, index: u64) -> Option<(u64, u64)> {
        // Without a base the first contribution is meant; before DWARF 5 that has no header.
        let header = if unit.version < 5 {
            0
        } else {
            u64::from(unit.offset_size) * 2
        };
        let base = unit.bases.str_offsets.unwrap_or(header);
        let place = base.checked_add(index.checked_mul(u64::from(unit.offset_size))?)?;
        let offset = self
            .reader(DebugSection::StrOffsets, place)
            .uint(unit.offset_size)?;
        Some((place, offset))
    }

    /// Where the entry of a unit's address index is.
    pub(super) fn addr_place(&self, unit: &Unit<'_>, index: u64) -> Option<u64> {
        let header = if unit.version < 5 { 0 } else { 8 };
        let base = unit.bases.addr.unwrap_or(header);
        base.checked_add(index.checked_mul(u64::from(unit.address_size))?)
    }

    fn address(&self, unit: &Unit<'_>, value: Value) -> Option<u64> {
        match value {
            Value::Address(address) => Some(address),
            Value::Addrx(index) => {
                let place = self.addr_place(unit, index)?;
                self.reader(DebugSection::Addr, place)
                    .uint(unit.address_size)
            }
            _ => None,
        }
    }

    /// Where the list with this index starts: in `.debug_rnglists` or `.debug_loclists`, whose
    /// parts both start with a table of offsets.
    pub(super) fn list_place(
        &self,
        unit: &Unit<'_>,
        section: DebugSection,
        base: Option<u64>,
        index: u64,
    ) -> Option<(u64, u64)> {
        let header = if unit.offset_size == 8 { 20 } else { 12 };
        let base = base.unwrap_or(header);
        let place = base.checked_add(index.checked_mul(u64::from(unit.offset_size))?)?;
        let offset = self.reader(section, place).uint(unit.offset_size)?;
        Some((place, base.checked_add(offset)?))
    }

    /// Hands each non-empty address range of an entry to `found`.
    pub(super) fn ranges_of(
        &self,
        limits: &Limits,
        unit: &Unit<'_>,
        code: CodeRef,
        mut found: impl FnMut(u64, u64),
    ) -> Result<(), Damaged> {
        let base = self.sections.code_base;
        let mut found = |start: u64, end: u64| {
            // No function of WebAssembly starts at 0, where the linker's dropped ones are put.
            if base == 0 {
                found(start, end);
            } else if start > 0 {
                found(start.saturating_add(base), end.saturating_add(base));
            }
        };
        if let Some(list) = code.ranges {
            return self.range_list(limits, unit, list, found);
        }
        let Some(low) = code.low.and_then(|low| self.address(unit, low)) else {
            return Ok(());
        };
        let high = match code.high {
            Some(Value::Number(size)) => low.checked_add(size),
            Some(address) => self.address(unit, address),
            None => None,
        };
        if let Some(high) = high
            && low < high
        {
            found(low, high);
        }
        Ok(())
    }

    fn range_list(
        &self,
        limits: &Limits,
        unit: &Unit<'_>,
        list: Value,
        mut found: impl FnMut(u64, u64),
    ) -> Result<(), Damaged> {
        let offset = match list {
            Value::Rnglistx(index) => {
                let base = unit.bases.rnglists;
                self.list_place(unit, DebugSection::RngLists, base, index)
                    .map(|(_, list)| list)
            }
            other => other.offset(),
        };
        let offset = offset
            .and_then(|offset| usize::try_from(offset).ok())
            .ok_or(Damaged)?;
        let encoding = gimli::Encoding {
            address_size: unit.address_size,
            format: if unit.offset_size == 8 {
                gimli::Format::Dwarf64
            } else {
                gimli::Format::Dwarf32
            },
            version: unit.version,
        };
        let base = unit
            .code
            .low
            .and_then(|low| self.address(unit, low))
            .unwrap_or(0);
        let addresses = gimli::DebugAddr::from(self.slice(DebugSection::Addr));
        let lists = gimli::RangeLists::new(
            gimli::DebugRanges::new(self.sections.get(DebugSection::Ranges), self.endian()),
            gimli::DebugRngLists::new(self.sections.get(DebugSection::RngLists), self.endian()),
        );
        let addr_base = unit
            .bases
            .addr
            .and_then(|base| usize::try_from(base).ok())
            .unwrap_or(8);
        let mut ranges = lists
            .ranges(
                gimli::RangeListsOffset(offset),
                encoding,
                base,
                &addresses,
                gimli::DebugAddrBase(addr_base),
            )
            .map_err(|_| Damaged)?;
        while let Some(raw) = ranges.next_raw().map_err(|_| Damaged)? {
            if !limits.ranges.spend(1) {
                return Err(Damaged);
            }
            if let Some(range) = ranges.convert_raw(raw).map_err(|_| Damaged)?
                && range.begin < range.end
            {
                found(range.begin, range.end);
            }
        }
        Ok(())
    }

    pub(super) fn reader(&self, section: DebugSection, offset: u64) -> Reader<'d> {
        Reader::at(self.sections.get(section), offset, self.sections.big_endian)
    }

    fn endian(&self) -> RunTimeEndian {
        if self.sections.big_endian {
            RunTimeEndian::Big
        } else {
            RunTimeEndian::Little
        }
    }

    fn slice(&self, section: DebugSection) -> EndianSlice<'d, RunTimeEndian> {
        EndianSlice::new(self.sections.get(section), self.endian())
    }
}
