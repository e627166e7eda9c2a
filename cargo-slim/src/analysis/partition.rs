//! The file cut into sections, headers and gaps.

use super::model::SectionRow;
use crate::ledger::{Layout, PieceKind};
use codecost::image::{Image, SectionKind};

/// One row a section in the order of the file, then headers, padding and unmentioned bytes.
pub(crate) fn rows(image: &Image<'_>) -> Vec<SectionRow> {
    let layout = Layout::new(image);
    let mut sizes = vec![0_u64; image.sections.len()];
    let mut rest = [
        bucket("[headers]", "headers"),
        bucket("[padding]", "padding"),
        bucket("[unknown]", "unknown"),
    ];
    for piece in &layout.pieces {
        let row = match piece.kind {
            PieceKind::Section(index) => {
                sizes[index as usize] += piece.range.size;
                continue;
            }
            PieceKind::Table(_) => &mut rest[0],
            PieceKind::Padding => &mut rest[1],
            PieceKind::Unknown => &mut rest[2],
        };
        row.file += piece.range.size;
        if piece.loaded {
            row.memory += piece.range.size;
        }
    }
    let sections = image
        .sections
        .iter()
        .zip(sizes)
        .filter_map(|(section, file)| {
            // The empty entry that begins each ELF section table.
            if section.name.is_empty() && file == 0 && section.memory == 0 {
                return None;
            }
            let thread_local = section.kind == SectionKind::TlsBss;
            Some(SectionRow {
                name: section.name.to_string(),
                kind: section.kind.as_str(),
                address: section.loaded.then_some(section.address),
                file,
                // Zeroes for each thread take no memory of the image.
                memory: match () {
                    () if !section.loaded || thread_local => 0,
                    () if section.file.is_empty() => section.memory,
                    () => file,
                },
            })
        });
    let mut rows: Vec<_> = sections.collect();
    rows.extend(rest.into_iter().filter(|row| row.file > 0));
    rows.sort_by(|a, b| b.file.cmp(&a.file).then(b.memory.cmp(&a.memory)));
    rows
}

fn bucket(name: &str, kind: &'static str) -> SectionRow {
    SectionRow {
        name: name.into(),
        kind,
        address: None,
        file: 0,
        memory: 0,
    }
}
