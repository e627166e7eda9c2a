//! The file cut into sections, headers and gaps.

mod wasm;

use super::model::SectionRow;
use crate::ledger::{Layout, PieceKind};
use codecost::image::{Format, Image, Part, SectionKind};
use std::cmp::Reverse;

/// One row a section in the order of the file, then headers, padding and unmentioned bytes.
pub(crate) fn rows(image: &Image<'_>) -> Vec<SectionRow> {
    let layout = Layout::new(image);
    let headers = wasm::headers(image);
    let mut sizes = vec![(0_u64, 0_u64); image.sections.len()];
    let mut rest = [
        bucket("[headers]", "headers"),
        bucket("[padding]", "padding"),
        bucket("[unknown]", "unknown"),
        bucket("[symbol index]", SectionKind::Symbols.as_str()),
        bucket("[name table]", SectionKind::Strings.as_str()),
    ];
    let mut members = members(image);
    for piece in &layout.pieces {
        let member = image.part_at(piece.range.start);
        if let Some(member) = member.and_then(|member| members.get_mut(member)) {
            member.file += piece.range.size;
            member.shipped += piece.shipped;
            if let PieceKind::Section(index) = piece.kind
                && image.sections[index as usize].loaded
            {
                member.memory = member.memory.saturating_add(piece.range.size);
            }
            continue;
        }
        let row = match piece.kind {
            PieceKind::Section(index) => {
                let (file, shipped) = &mut sizes[index as usize];
                *file += piece.range.size;
                *shipped += piece.shipped;
                continue;
            }
            PieceKind::Table(index) if headers.contains_key(&index) => {
                let (file, shipped) = &mut sizes[headers[&index] as usize];
                *file += piece.range.size;
                *shipped += piece.shipped;
                continue;
            }
            PieceKind::Table(index) => match image.tables.get(index as usize).map(|it| it.name) {
                Some("symbol index") => &mut rest[3],
                Some("name table") => &mut rest[4],
                _ => &mut rest[0],
            },
            PieceKind::Padding => &mut rest[1],
            PieceKind::Unknown => &mut rest[2],
        };
        row.file += piece.range.size;
        row.shipped += piece.shipped;
        if piece.loaded {
            row.memory += piece.range.size;
        }
    }
    rest[1].shipped += layout.shipped_padding;
    let sections = image
        .sections
        .iter()
        .zip(sizes)
        .filter_map(|(section, (file, shipped))| {
            // The empty entry that begins each ELF section table.
            if !members.is_empty() || section.name.is_empty() && file == 0 && section.memory == 0 {
                return None;
            }
            let thread_local = section.kind == SectionKind::TlsBss;
            Some(SectionRow {
                name: section.name.to_string(),
                kind: section.kind.as_str(),
                address: (section.loaded && image.parts.is_empty()).then_some(section.address),
                file,
                shipped,
                // Zeroes for each thread take no memory of the image.
                memory: match () {
                    () if !section.loaded || thread_local => 0,
                    () if section.file.is_empty() => section.memory,
                    // Its header is not loaded.
                    () if image.format == Format::Wasm => section.memory,
                    () => file,
                },
                parts: Vec::new(),
            })
        });
    let mut rows: Vec<_> = sections.collect();
    if image.format == Format::Wasm {
        rows = wasm::whole(rows);
    }
    rows.extend(members);
    rows.extend(
        rest.into_iter()
            .filter(|row| row.file > 0 || row.shipped > 0),
    );
    rows.sort_by_key(|row| Reverse((row.shipped, row.file, row.memory)));
    rows
}

/// The members of an archive stand where other files have sections.
fn members(image: &Image<'_>) -> Vec<SectionRow> {
    if image.format != Format::Archive {
        return Vec::new();
    }
    let row = |part: &Part| {
        let of = part.sections.start as usize..part.sections.end as usize;
        let sections = image.sections.get(of).unwrap_or_default().iter();
        // What has bytes in the file is added piece by piece.
        let zeroes = sections.filter(|section| section.loaded && section.file.is_empty());
        let loaded = zeroes.filter(|section| !section.kind.is_tls_bss());
        SectionRow {
            memory: loaded.fold(0, |sum: u64, section| sum.saturating_add(section.memory)),
            ..bucket(&part.name, SectionKind::Member.as_str())
        }
    };
    image.parts.iter().map(row).collect()
}

fn bucket(name: &str, kind: &'static str) -> SectionRow {
    SectionRow {
        name: name.into(),
        kind,
        address: None,
        file: 0,
        shipped: 0,
        memory: 0,
        parts: Vec::new(),
    }
}
