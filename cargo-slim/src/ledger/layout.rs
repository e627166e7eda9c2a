//! The file as a row of pieces: headers, sections, gaps.

use codecost::{
    address::{FileOffset, FileRange, Range},
    image::{Image, Stripped},
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
            .map(|(index, table)| (table.range, PieceKind::Table(index as u32)));
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
        let mut layout = Builder {
            image,
            pieces: Vec::with_capacity(wanted.len() * 2 + 1),
            loaded,
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
    next_loaded: usize,
    /// The end of what is mapped by the segments that start before the last piece.
    loaded_to: FileOffset,
}

impl Builder<'_, '_> {
    fn gap(&mut self, start: FileOffset, end: FileOffset) {
        let range = Range::<FileOffset>::between(start, end);
        if range.is_empty() {
            return;
        }
        let blank = self.image.bytes_in(range).iter().all(|byte| *byte == 0);
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
