//! The file as a row of pieces: headers, sections, gaps.

use codecost::{
    address::{FileOffset, FileRange, Range},
    image::{Image, Stripped, TableRange},
};

/// What a piece of the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// A header or table of contents: an index into [`Image::tables`].
    Table(u32),
    /// A section: an index into [`Image::sections`].
    Section(u32),
    /// Zeroes between other pieces.
    Padding,
    /// Bytes that no table of contents mentions.
    Unknown,
}

/// A piece of the file.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// Where it is.
    pub range: FileRange,
    /// Whether the loader maps it.
    pub loaded: bool,
    /// How many of its bytes stay with `strip = "symbols"`; all where that is unknown.
    pub shipped: u64,
}

/// The pieces of a file, in order, without gap or overlap, from its first byte to its last.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The pieces.
    pub pieces: Vec<Piece>,
    /// Padding that only the stripped file has: there, other pieces follow each other. With it, the
    /// `shipped` of all pieces add up to [`Image::shipped_size`].
    pub shipped_padding: u64,
}

impl Layout {
    /// Cuts the file. Where sections overlap (damaged files only), bytes stay with the section
    /// that starts first. O(n log n) in the number of sections.
    pub fn new(image: &Image<'_>) -> Self {
        let tables = image
            .tables
            .iter()
            .enumerate()
            .map(|(index, table)| match table.name {
                TableRange::PADDING => (table.range, PieceKind::Padding),
                _ => (table.range, PieceKind::Table(index as u32)),
            });
        let sections = image
            .sections
            .iter()
            .enumerate()
            .map(|(index, section)| (section.file, PieceKind::Section(index as u32)));
        let mut wanted: Vec<_> = tables
            .chain(sections)
            .filter(|(range, _)| range.size > 0)
            .collect();
        // Stable: headers go before a section that claims the same start.
        wanted.sort_by_key(|(range, _)| range.start);
        let mut loaded: Vec<FileRange> = image
            .segments
            .iter()
            .filter(|segment| segment.loaded)
            .map(|segment| segment.file)
            .collect();
        loaded.sort_unstable();
        let edges = loaded.iter().flat_map(|range| [range.start, range.end()]);
        let mut edges: Vec<_> = edges.collect();
        edges.sort_unstable();
        let mut layout = Builder {
            image,
            pieces: Vec::with_capacity(wanted.len() * 2 + 1),
            loaded,
            edges,
            next_loaded: 0,
            loaded_to: FileOffset(0),
        };
        let mut at = FileOffset(0);
        let end = FileOffset(image.bytes.len() as u64);
        for (range, kind) in wanted {
            let start = range.start.max(at);
            let free = Range::<FileOffset>::between(start, range.end().min(end));
            if free.is_empty() {
                continue;
            }
            layout.gap(at, free.start);
            layout.push(kind, free);
            at = free.end();
        }
        layout.gap(at, end);
        let shipped_padding = match image.stripped() {
            Some(stripped) => ship(&mut layout.pieces, &stripped),
            None => 0,
        };
        Self {
            pieces: layout.pieces,
            shipped_padding,
        }
    }
}

/// Says of each piece how many bytes stay, and returns how many bytes of the stripped file are in
/// none of them.
fn ship(pieces: &mut [Piece], stripped: &Stripped) -> u64 {
    let mut left = stripped.size;
    for piece in pieces {
        let stays = match piece.kind {
            PieceKind::Section(index) => stripped.sections.get(index as usize).copied(),
            PieceKind::Table(index) => stripped.tables.get(index as usize).copied(),
            PieceKind::Padding | PieceKind::Unknown => {
                Some(stripped.fixed_end.saturating_sub(piece.range.start.0))
            }
        };
        // Sections of a damaged file can overlap, and promise more than there is.
        piece.shipped = stays.unwrap_or_default().min(piece.range.size).min(left);
        left -= piece.shipped;
    }
    left
}

/// The pieces so far.
struct Builder<'a, 'd> {
    image: &'a Image<'d>,
    pieces: Vec<Piece>,
    /// What the loader maps, sorted; walked over once, as pieces come in order too.
    loaded: Vec<FileRange>,
    /// Where mapped ranges begin and end, sorted.
    edges: Vec<FileOffset>,
    next_loaded: usize,
    /// The end of what is mapped by the segments that start before the last piece.
    loaded_to: FileOffset,
}

impl Builder<'_, '_> {
    /// What no table of contents mentions, cut where the loader stops mapping it: into runs of
    /// zeroes, which do nothing, and what is left over between them. After the last piece there may
    /// be anything, such as a payload that a program reads itself, so only its ends are looked at.
    fn gap(&mut self, start: FileOffset, end: FileOffset) {
        let mut at = start;
        let last = end.0 == self.image.bytes.len() as u64;
        while at < end {
            let stop = self.mapped_until(at, end);
            let bytes = self.image.bytes_in(Range::<FileOffset>::between(at, stop));
            let mut from = 0;
            for (zeroes, length) in runs_of_zeroes(bytes) {
                let edge = zeroes == 0 || zeroes + length == bytes.len();
                if edge || !last {
                    self.part_of_gap(at, from, zeroes);
                    self.part_of_gap(at, zeroes, zeroes + length);
                    from = zeroes + length;
                }
            }
            self.part_of_gap(at, from, bytes.len());
            at = stop;
        }
    }

    /// The first place after `at`, but not after `end`, where a mapped range begins or ends.
    fn mapped_until(&self, at: FileOffset, end: FileOffset) -> FileOffset {
        let next = self.edges.partition_point(|edge| *edge <= at);
        self.edges.get(next).map_or(end, |edge| end.min(*edge))
    }

    fn part_of_gap(&mut self, base: FileOffset, start: usize, end: usize) {
        let range = Range::<FileOffset>::between(
            FileOffset(base.0 + start as u64),
            FileOffset(base.0 + end as u64),
        );
        if range.is_empty() {
            return;
        }
        // Between segments with code linkers may fill with traps.
        let all = |fill: u8| self.image.bytes_in(range).iter().all(|byte| *byte == fill);
        let last = range.end().0 == self.image.bytes.len() as u64;
        let blank = all(0) || !last && all(0xcc);
        let kind = if blank {
            PieceKind::Padding
        } else {
            PieceKind::Unknown
        };
        self.push(kind, range);
    }

    fn push(&mut self, kind: PieceKind, range: FileRange) {
        while let Some(segment) = self.loaded.get(self.next_loaded) {
            if segment.start > range.start {
                break;
            }
            self.loaded_to = self.loaded_to.max(segment.end());
            self.next_loaded += 1;
        }
        let loaded = match kind {
            PieceKind::Section(index) => self.image.sections[index as usize].loaded,
            _ => range.start < self.loaded_to,
        };
        self.pieces.push(Piece {
            kind,
            range,
            loaded,
            shipped: range.size,
        });
    }
}

/// Fewer zeroes than this inside of a gap may be part of what was left there: numbers and the empty
/// entries of tables are as long.
const LONG_ENOUGH: usize = 64;

/// The runs of zeroes in a gap, as (start, length): those at its ends, and long ones inside.
fn runs_of_zeroes(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + bytes.get(at..)?.iter().position(|byte| *byte == 0)?;
            let rest = &bytes[start..];
            let other = rest.iter().position(|byte| *byte != 0);
            let length = other.unwrap_or(rest.len());
            at = start + length;
            if length >= LONG_ENOUGH || start == 0 || at == bytes.len() {
                return Some((start, length));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroes_count_at_the_ends_and_in_long_runs() {
        let gap = [&[0, 0][..], &[7; 5], &[0; 3], &[8; 2], &[0; 70], &[9], &[0]].concat();
        let runs: Vec<_> = runs_of_zeroes(&gap).collect();
        assert_eq!(runs, [(0, 2), (12, 70), (83, 1)]);
        assert_eq!(runs_of_zeroes(&[1, 0, 2]).count(), 0);
        assert_eq!(runs_of_zeroes(&[]).count(), 0);
    }

    #[test]
    fn pieces_follow_each_other_and_cover_the_file() {
        let path = std::env::current_exe().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let image = Image::parse(&path, &bytes).unwrap();
        let layout = Layout::new(&image);
        let mut at = FileOffset(0);
        for piece in &layout.pieces {
            assert_eq!(piece.range.start, at);
            at = piece.range.end();
        }
        assert_eq!(at.0, bytes.len() as u64);
    }

    #[test]
    fn traps_between_segments_are_padding_as_zeroes_are() {
        let path = std::env::current_exe().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let padding = |bytes: &[u8]| {
            let image = Image::parse(&path, bytes).unwrap();
            let pieces = Layout::new(&image).pieces.into_iter();
            let padding = pieces.filter(|piece| piece.kind == PieceKind::Padding);
            padding.map(|piece| piece.range).collect::<Vec<_>>()
        };
        let before = padding(&bytes);
        let largest = before.iter().max_by_key(|range| range.size).unwrap();
        let (start, end) = (largest.start.0 as usize, largest.end().0 as usize);
        assert!(end - start > 8 && end < bytes.len(), "{largest:?}");
        bytes[start..end].fill(0xcc);
        assert_eq!(padding(&bytes), before);
        bytes[start..end].fill(0xab);
        assert_ne!(padding(&bytes), before);
    }
}
