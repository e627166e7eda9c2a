//! The ledger of the debug sections: whose each byte is.
//!
//! Entries belong to their unit. Everything else belongs to the units that refer to it: a string
//! that units of one owner use is theirs alone, one that several use is shared, one that nobody
//! uses is nobody's. Sets are made over owners (crates), not units, so that what the sixteen
//! units of one crate share is not shared.

use rayon::prelude::*;

use super::{
    DebugInfo, DebugSection,
    extents::{MacroRef, read_macros},
    owners::{DebugOwner, Extent, Key, OwnerSets, Piece, Pieces},
    reader::Budget,
    references::{References, SharedParts, is_reference, parts},
};

/// Whose the bytes of the debug sections are.
#[derive(Debug)]
pub struct DebugLedger {
    /// The sections that have any bytes, in the order of [`DebugSection::ALL`].
    pub sections: Vec<SectionLedger>,
    /// The sets of owners that pieces speak of.
    pub sets: OwnerSets,
    /// How many units could not be read to their end; what they refer to there is nobody's.
    pub damaged_units: usize,
}

/// Whose the bytes of one section are.
#[derive(Debug)]
pub struct SectionLedger {
    /// Which section.
    pub kind: DebugSection,
    /// Its partition: the first piece starts at 0, each starts where the last one ended, and the
    /// last one ends with the (uncompressed) section. Neighbours differ in their owner.
    pub pieces: Vec<Piece>,
}

impl SectionLedger {
    /// Bytes by owner, sorted by owner.
    pub fn totals(&self) -> Vec<(DebugOwner, u64)> {
        let mut totals = std::collections::BTreeMap::new();
        for piece in &self.pieces {
            *totals.entry(piece.owner).or_insert(0) += piece.end - piece.start;
        }
        totals.into_iter().collect()
    }
}

/// In how many places a string that others are tails of is cut before it counts as one.
const MAX_TAILS: usize = 16;

struct Builder<'a, 'd> {
    info: &'a DebugInfo<'d>,
    /// The caller's number of each rank.
    owners: Vec<u32>,
    /// The rank of each unit's owner.
    ranks: Vec<u32>,
    sets: OwnerSets,
}

impl DebugInfo<'_> {
    /// Shares out all debug sections, one unit after another. `owner_of_unit` numbers the owner of
    /// each unit of [`units`](Self::units), for example its crate; units without a number belong to
    /// nobody's owner `u32::MAX`.
    ///
    /// One parallel pass over the entries. Memory: about eight bytes for each different string,
    /// list or index entry that a unit refers to, and 24 for each piece.
    pub fn ledger(&self, owner_of_unit: &[u32]) -> DebugLedger {
        let of_unit = |unit: usize| owner_of_unit.get(unit).copied().unwrap_or(u32::MAX);
        let numbers: Vec<u32> = (0..self.units.len()).map(of_unit).collect();
        let mut owners = numbers.clone();
        owners.sort_unstable();
        owners.dedup();
        let rank = |owner: &u32| owners.binary_search(owner).unwrap_or(0) as u32;
        let ranks: Vec<u32> = numbers.iter().map(rank).collect();

        let (mut references, damaged_units) = self.all_references(&ranks);
        let mut builder = Builder {
            info: self,
            owners,
            ranks,
            sets: OwnerSets::default(),
        };
        let sections = DebugSection::ALL
            .into_iter()
            .filter(|kind| !self.sections.get(*kind).is_empty())
            .map(|kind| SectionLedger {
                kind,
                pieces: builder.pieces(kind, &mut references),
            })
            .collect();
        DebugLedger {
            sections,
            sets: builder.sets,
            damaged_units: damaged_units + self.damaged_headers,
        }
    }

    fn all_references(&self, ranks: &[u32]) -> (References, usize) {
        let plans = self.tables.plans(|_, spec| is_reference(spec));
        let shared = SharedParts::find(self, ranks);
        let found: Vec<(References, bool)> = self
            .units
            .par_iter()
            .zip(ranks)
            .with_max_len(1)
            .map(|(unit, rank)| self.references(unit, *rank, &plans, &shared))
            .collect();
        let mut all = References::default();
        let mut damaged = 0;
        for (mut references, is_damaged) in found {
            all.extend(&mut references);
            damaged += usize::from(is_damaged);
        }
        self.line_references(ranks, &mut all);
        self.follow_macros(&mut all);
        (all, damaged)
    }

    /// Strings and further macro units that macro units refer to.
    fn follow_macros(&self, all: &mut References) {
        let budget = Budget::new(
            self.sections
                .get(DebugSection::Macro)
                .len()
                .saturating_mul(8),
        );
        let mut todo = std::mem::take(&mut all.macros);
        let mut seen = std::collections::BTreeSet::new();
        while let Some((offset, owner)) = todo.pop() {
            if !seen.insert((offset, owner)) {
                continue;
            }
            let reader = self.reader(DebugSection::Macro, offset);
            let mut strings = Vec::new();
            let end = read_macros(reader, &mut |found| match found {
                MacroRef::Str(string) => strings.push(string),
                MacroRef::Import(unit) => todo.push((unit, owner)),
            });
            for string in strings {
                all.add(DebugSection::Str, string, Extent::Own, owner);
            }
            if !budget.spend(end.saturating_sub(offset).max(1) as usize) {
                break;
            }
        }
        all.macros.extend(seen);
    }
}

impl Builder<'_, '_> {
    fn pieces(&mut self, kind: DebugSection, references: &mut References) -> Vec<Piece> {
        use DebugSection as S;
        match kind {
            S::Info | S::Types => self.units(kind),
            S::Str | S::LineStr => self.strings(kind, &references.take(kind)),
            S::Loc | S::Macinfo => self.lists(kind, &references.take(kind), &[]),
            S::Ranges => {
                let keys = references.take(kind);
                let parts = self.split_parts(kind, &keys, |unit| unit.bases.split_ranges);
                self.lists(kind, &keys, &parts)
            }
            S::StrOffsets | S::Addr | S::RngLists | S::LocLists => {
                let keys = references.take(kind);
                let mut parts = self.parts(kind, &keys);
                if kind == S::Addr && parts.is_empty() {
                    parts = self.split_parts(kind, &keys, |unit| unit.bases.addr);
                }
                self.lists(kind, &keys, &parts)
            }
            S::Abbrev => {
                let keys = self.unit_keys(|unit| Some(unit.abbrev_offset));
                self.lists(kind, &keys, &[])
            }
            S::Line => {
                let keys = self.unit_keys(|unit| unit.stmt_list);
                self.lists(kind, &keys, &[])
            }
            S::Macro => self.macros(&references.macros),
            S::Aranges | S::PubNames | S::PubTypes | S::GnuPubNames | S::GnuPubTypes => {
                self.tables_of_one(kind)
            }
            S::Names => self.names(),
            S::GdbScripts | S::SharedStr => {
                Pieces::new(self.info.sections.get(kind).len()).finish()
            }
        }
    }

    fn units(&self, kind: DebugSection) -> Vec<Piece> {
        let mut pieces = Pieces::new(self.info.sections.get(kind).len());
        for (unit, rank) in self.info.units.iter().zip(&self.ranks) {
            if unit.section == kind {
                pieces.push(unit.start, unit.end, self.one(*rank));
            }
        }
        pieces.finish()
    }

    fn one(&self, rank: u32) -> DebugOwner {
        match self.owners.get(rank as usize) {
            Some(owner) => DebugOwner::One(*owner),
            None => DebugOwner::Nobody,
        }
    }

    /// The owner for these ranks, which are sorted.
    fn set(&mut self, ranks: impl IntoIterator<Item = u32>) -> DebugOwner {
        let owners = &self.owners;
        let mut members: Vec<u32> = ranks
            .into_iter()
            .filter_map(|rank| owners.get(rank as usize).copied())
            .collect();
        members.dedup();
        self.sets.intern(&members)
    }

    /// The owner of a group of references to the same place.
    fn group(&mut self, keys: &[Key]) -> DebugOwner {
        match keys {
            [key] => self.one(key.owner()),
            keys => {
                // Two extents at one place, if ever, have interrupted the order.
                let mut ranks: Vec<u32> = keys.iter().map(|key| key.owner()).collect();
                ranks.sort_unstable();
                self.set(ranks)
            }
        }
    }

    fn unit_keys(&self, offset: impl Fn(&super::Unit<'_>) -> Option<u64>) -> Vec<Key> {
        let mut keys: Vec<Key> = self
            .info
            .units
            .iter()
            .zip(&self.ranks)
            .filter_map(|(unit, rank)| Key::new(offset(unit)?, Extent::Own, *rank))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Things with an extent of their own inside of parts with owners, or of nothing.
    fn lists(
        &mut self,
        kind: DebugSection,
        keys: &[Key],
        parts: &[(u64, u64, DebugOwner)],
    ) -> Vec<Piece> {
        let len = self.info.sections.get(kind).len();
        let mut pieces = Pieces::new(len);
        let mut parts = parts.iter().peekable();
        // Gives the parts up to `end` to their owners.
        let mut fill = |pieces: &mut Pieces, end: u64| {
            while let Some((start, part_end, owner)) = parts.peek() {
                if *start < end {
                    pieces.push(*start, (*part_end).min(end), *owner);
                }
                if *part_end > end {
                    break;
                }
                parts.next();
            }
        };
        let mut groups = keys.chunk_by(|a, b| a.offset() == b.offset()).peekable();
        while let Some(group) = groups.next() {
            let Some(first) = group.first() else { continue };
            let start = first.offset();
            let next = groups
                .peek()
                .and_then(|group| group.first())
                .map(|key| key.offset());
            let limit = next.unwrap_or(u64::MAX).min(len as u64);
            if start >= limit {
                continue;
            }
            let end = match first.extent() {
                Extent::Own => self.info.extent(kind, start, limit),
                Extent::Four => limit.min(start + 4),
                Extent::Eight => limit.min(start + 8),
                Extent::Next if next.is_some() => limit,
                Extent::Next => start,
            };
            fill(&mut pieces, start);
            let owner = self.group(group);
            pieces.push(start, end, owner);
        }
        fill(&mut pieces, len as u64);
        pieces.finish()
    }

    /// The parts of an indexed section with the owners of all units that use them.
    fn parts(&mut self, kind: DebugSection, keys: &[Key]) -> Vec<(u64, u64, DebugOwner)> {
        let contributions = self.info.contributions(kind);
        let part_at = |offset: u64| {
            let after = contributions.partition_point(|(start, _)| *start <= offset);
            let part = after.checked_sub(1)?;
            contributions
                .get(part)
                .filter(|(_, end)| offset < *end)
                .map(|_| part)
        };
        let mut users: Vec<(usize, u32)> = Vec::new();
        for (unit, rank) in self.info.units.iter().zip(&self.ranks) {
            for (section, base) in parts(unit) {
                // A base points behind the header, which may be all there is.
                if section == kind
                    && let Some(part) = part_at(base.saturating_sub(1))
                {
                    users.push((part, *rank));
                }
            }
        }
        users.extend(
            keys.iter()
                .filter_map(|key| Some((part_at(key.offset())?, key.owner()))),
        );
        users.sort_unstable();
        users.dedup();
        users
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(|group| {
                let (start, end) = *contributions.get(group.first()?.0)?;
                Some((start, end, self.set(group.iter().map(|(_, rank)| *rank))))
            })
            .collect()
    }

    /// Before DWARF 5 the parts that `.dwo` files use have no header: a unit's part starts at its
    /// base and ends where that of another owner or a list of another owner starts.
    fn split_parts(
        &self,
        kind: DebugSection,
        keys: &[Key],
        base: impl Fn(&super::Unit<'_>) -> Option<u64>,
    ) -> Vec<(u64, u64, DebugOwner)> {
        let is_split = |unit: &super::Unit<'_>| unit.kind == super::UnitKind::Skeleton;
        let mut starts: Vec<(u64, u32, bool)> = self
            .info
            .units
            .iter()
            .zip(&self.ranks)
            .filter(|(unit, _)| is_split(unit) && unit.version < 5)
            .filter_map(|(unit, rank)| Some((base(unit)?, *rank, true)))
            .collect();
        if starts.is_empty() {
            return Vec::new();
        }
        starts.extend(keys.iter().map(|key| (key.offset(), key.owner(), false)));
        starts.sort_unstable();
        let len = self.info.sections.get(kind).len() as u64;
        let mut parts: Vec<(u64, u64, DebugOwner)> = Vec::new();
        // The owner whose part is open, if one is.
        let mut open = None;
        for (start, rank, is_base) in starts {
            if open == Some(rank) {
                continue;
            }
            if open.take().is_some()
                && let Some(last) = parts.last_mut()
            {
                last.1 = start;
            }
            if is_base {
                parts.push((start, len, self.one(rank)));
                open = Some(rank);
            }
        }
        parts
    }

    /// Strings: `keys` may point into the tail of a longer string, whose users share the tail.
    fn strings(&mut self, kind: DebugSection, keys: &[Key]) -> Vec<Piece> {
        let data = self.info.sections.get(kind);
        let mut pieces = Pieces::new(data.len());
        let mut keys = keys;
        while let Some(first) = keys.first() {
            let start = first.offset();
            let mut reader = self.info.reader(kind, start);
            let end = match reader.string() {
                Some(_) => reader.pos() as u64,
                None => data.len() as u64,
            };
            let (inside, rest) = keys.split_at(keys.partition_point(|key| key.offset() < end));
            let (inside, rest) = if inside.is_empty() {
                keys.split_at(1)
            } else {
                (inside, rest)
            };
            keys = rest;
            self.string(&mut pieces, inside, end);
        }
        pieces.finish()
    }

    /// One string that ends at `end`, to which all of `keys` refer.
    fn string(&mut self, pieces: &mut Pieces, keys: &[Key], end: u64) {
        let Some(start) = keys.first().map(|key| key.offset()) else {
            return;
        };
        let tails = keys.chunk_by(|a, b| a.offset() == b.offset()).count();
        if tails == 1 {
            let owner = self.group(keys);
            pieces.push(start, end, owner);
            return;
        }
        if tails > MAX_TAILS {
            let mut ranks: Vec<u32> = keys.iter().map(|key| key.owner()).collect();
            ranks.sort_unstable();
            let owner = self.set(ranks);
            pieces.push(start, end, owner);
            return;
        }
        let mut ranks: Vec<u32> = Vec::new();
        let mut groups = keys.chunk_by(|a, b| a.offset() == b.offset()).peekable();
        while let Some(group) = groups.next() {
            ranks.extend(group.iter().map(|key| key.owner()));
            ranks.sort_unstable();
            ranks.dedup();
            let from = group.first().map_or(start, |key| key.offset());
            let to = groups
                .peek()
                .and_then(|next| next.first())
                .map_or(end, |key| key.offset());
            let owner = self.set(ranks.iter().copied());
            pieces.push(from, to, owner);
        }
    }

    fn macros(&mut self, macros: &[(u64, u32)]) -> Vec<Piece> {
        let kind = DebugSection::Macro;
        let len = self.info.sections.get(kind).len();
        let mut pieces = Pieces::new(len);
        // Sorted: they come out of an ordered set.
        let mut groups = macros.chunk_by(|a, b| a.0 == b.0).peekable();
        while let Some(group) = groups.next() {
            let Some((start, _)) = group.first() else {
                continue;
            };
            let next = groups
                .peek()
                .and_then(|next| next.first())
                .map_or(u64::MAX, |next| next.0);
            let limit = usize::try_from(next).unwrap_or(usize::MAX).min(len);
            let end = read_macros(self.info.reader(kind, *start).clip(limit), &mut |_| {});
            let owner = self.set(group.iter().map(|(_, rank)| *rank));
            pieces.push(*start, end, owner);
        }
        pieces.finish()
    }

    /// Tables that each name their unit: `.debug_aranges` and the like.
    fn tables_of_one(&self, kind: DebugSection) -> Vec<Piece> {
        let mut pieces = Pieces::new(self.info.sections.get(kind).len());
        for (start, end) in self.info.contributions(kind) {
            let mut reader = self.info.reader(kind, start);
            let unit = reader.initial_length().and_then(|(_, size)| {
                reader.u16()?;
                reader.uint(size)
            });
            let owner = unit.and_then(|offset| self.rank_at(offset));
            pieces.push(
                start,
                end,
                owner.map_or(DebugOwner::Nobody, |rank| self.one(rank)),
            );
        }
        pieces.finish()
    }

    /// `.debug_names` (DWARF 5, section 6.1.1.4.1): each index lists its units.
    fn names(&mut self) -> Vec<Piece> {
        let kind = DebugSection::Names;
        let mut pieces = Pieces::new(self.info.sections.get(kind).len());
        for (start, end) in self.info.contributions(kind) {
            let mut ranks = Vec::new();
            let reader = self.info.reader(kind, start).clip(end as usize);
            let _ = self.names_units(reader, &mut ranks);
            ranks.sort_unstable();
            let owner = self.set(ranks);
            pieces.push(start, end, owner);
        }
        pieces.finish()
    }

    fn names_units(
        &self,
        mut reader: super::reader::Reader<'_>,
        ranks: &mut Vec<u32>,
    ) -> Option<()> {
        let (_, size) = reader.initial_length()?;
        // Version and padding; then the count of units and six further numbers.
        reader.skip(4)?;
        let units = reader.u32()?;
        reader.skip(5 * 4)?;
        let augmentation = reader.u32()?;
        reader.skip(u64::from(augmentation).next_multiple_of(4))?;
        for _ in 0..units {
            ranks.extend(self.rank_at(reader.uint(size)?));
        }
        Some(())
    }

    /// The owner of the unit that starts at `offset` of `.debug_info`.
    fn rank_at(&self, offset: u64) -> Option<u32> {
        self.ranks.get(self.info.unit_at(offset)?).copied()
    }
}
