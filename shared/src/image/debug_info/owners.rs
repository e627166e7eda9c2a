//! Owners of bytes, sets of owners, and pieces of a section.

use std::collections::HashMap;

/// Who owns a run of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DebugOwner {
    /// No unit refers to it: padding, or what a linker left behind.
    Nobody,
    /// Units of one owner, by the number that the caller gave.
    One(u32),
    /// Units of several owners: a set of [`OwnerSets`].
    Shared(u32),
}

/// A run of bytes of one section with one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The first byte, from the start of the (uncompressed) section.
    pub start: u64,
    /// Behind the last byte.
    pub end: u64,
    /// Whose it is.
    pub owner: DebugOwner,
}

/// Sets of two owners or more, each once.
#[derive(Debug, Default)]
pub struct OwnerSets {
    members: Vec<u32>,
    ends: Vec<usize>,
    numbers: HashMap<Box<[u32]>, u32>,
}

impl OwnerSets {
    /// The owners of a set, in ascending order.
    pub fn get(&self, set: u32) -> &[u32] {
        let set = set as usize;
        let start = set
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied();
        let end = self.ends.get(set).copied().unwrap_or(0);
        self.members
            .get(start.unwrap_or(0)..end)
            .unwrap_or_default()
    }

    /// How many sets there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether nothing is shared.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The owner that stands for these (sorted, each once).
    pub(super) fn intern(&mut self, owners: &[u32]) -> DebugOwner {
        match owners {
            [] => DebugOwner::Nobody,
            [one] => DebugOwner::One(*one),
            several => {
                if let Some(number) = self.numbers.get(several) {
                    return DebugOwner::Shared(*number);
                }
                let Ok(number) = u32::try_from(self.ends.len()) else {
                    return DebugOwner::Nobody;
                };
                self.members.extend_from_slice(several);
                self.ends.push(self.members.len());
                self.numbers.insert(several.into(), number);
                DebugOwner::Shared(number)
            }
        }
    }
}

/// Collects the pieces of one section in ascending order and joins equal neighbours.
#[derive(Debug)]
pub(super) struct Pieces {
    pieces: Vec<Piece>,
    len: u64,
}

impl Pieces {
    pub(super) fn new(len: usize) -> Self {
        Self {
            pieces: Vec::new(),
            len: len as u64,
        }
    }

    fn end(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.end)
    }

    /// Gives `start..end` to `owner`, as far as it lies behind what was given before. The gap
    /// between is nobody's.
    pub(super) fn push(&mut self, start: u64, end: u64, owner: DebugOwner) {
        self.join(start.min(self.len), DebugOwner::Nobody);
        self.join(end.min(self.len), owner);
    }

    /// Gives everything up to `end` to `owner`.
    pub(super) fn join(&mut self, end: u64, owner: DebugOwner) {
        let start = self.end();
        if end <= start {
            return;
        }
        match self.pieces.last_mut() {
            Some(last) if last.owner == owner => last.end = end,
            _ => self.pieces.push(Piece { start, end, owner }),
        }
    }

    /// The pieces; the last one ends with the section.
    pub(super) fn finish(mut self) -> Vec<Piece> {
        self.join(self.len, DebugOwner::Nobody);
        self.pieces
    }
}

/// References into one section, packed for sorting: offset, extent, rank of the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

/// How far a reference reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// As far as what is there says, such as a list up to its terminator.
    Own = 0,
    /// Four bytes.
    Four = 1,
    /// Eight bytes.
    Eight = 2,
    /// Up to the next reference.
    Next = 3,
}

impl Key {
    const OWNER_BITS: u32 = 24;
    const OFFSET_BITS: u32 = 38;
    /// More owners than these cannot be told apart.
    pub(super) const MAX_OWNERS: usize = 1 << Self::OWNER_BITS;

    /// `None` when the offset is beyond any section (256 GiB).
    #[inline]
    pub(super) fn new(offset: u64, extent: Extent, owner: u32) -> Option<Self> {
        (offset < 1 << Self::OFFSET_BITS).then(|| {
            let owner = u64::from(owner) & (Self::MAX_OWNERS as u64 - 1);
            Self(offset << (Self::OWNER_BITS + 2) | (extent as u64) << Self::OWNER_BITS | owner)
        })
    }

    #[inline]
    pub(super) fn offset(self) -> u64 {
        self.0 >> (Self::OWNER_BITS + 2)
    }

    pub(super) fn extent(self) -> Extent {
        match self.0 >> Self::OWNER_BITS & 3 {
            0 => Extent::Own,
            1 => Extent::Four,
            2 => Extent::Eight,
            _ => Extent::Next,
        }
    }

    #[inline]
    pub(super) fn owner(self) -> u32 {
        (self.0 & (Self::MAX_OWNERS as u64 - 1)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_interned() {
        let mut sets = OwnerSets::default();
        assert_eq!(sets.intern(&[]), DebugOwner::Nobody);
        assert_eq!(sets.intern(&[7]), DebugOwner::One(7));
        assert_eq!(sets.intern(&[1, 2]), DebugOwner::Shared(0));
        assert_eq!(sets.intern(&[1, 2, 3]), DebugOwner::Shared(1));
        assert_eq!(sets.intern(&[1, 2]), DebugOwner::Shared(0));
        assert_eq!(sets.get(0), [1, 2]);
        assert_eq!(sets.get(1), [1, 2, 3]);
        assert!(sets.get(2).is_empty());
    }

    #[test]
    fn pieces_partition_whatever_is_pushed() {
        let mut pieces = Pieces::new(10);
        pieces.push(2, 4, DebugOwner::One(1));
        pieces.push(3, 6, DebugOwner::One(1));
        pieces.push(5, 5, DebugOwner::One(2));
        pieces.push(8, 20, DebugOwner::One(2));
        let found = pieces.finish();
        let expected = [
            (0, 2, DebugOwner::Nobody),
            (2, 6, DebugOwner::One(1)),
            (6, 8, DebugOwner::Nobody),
            (8, 10, DebugOwner::One(2)),
        ];
        assert_eq!(
            found,
            expected.map(|(start, end, owner)| Piece { start, end, owner })
        );
    }

    #[test]
    fn keys_keep_their_parts_and_sort_by_offset() {
        let key = Key::new(0x12_3456_789a, Extent::Eight, 0xab_cdef).unwrap();
        assert_eq!(
            (key.offset(), key.extent(), key.owner()),
            (0x12_3456_789a, Extent::Eight, 0xab_cdef)
        );
        assert!(Key::new(5, Extent::Next, 9).unwrap() < Key::new(6, Extent::Own, 0).unwrap());
        assert_eq!(Key::new(1 << 38, Extent::Own, 0), None);
    }
}
