//! What of a PE file stays with `strip = "symbols"`: with Microsoft's tools all of it, for symbols
//! are in the PDB; with GNU's all but the symbol table and the debug information.

use super::{
    super::{Image, Section, SectionKind, Stripped},
    HEADERS,
};

/// What sections are aligned to in the file.
const ALIGNMENT: u64 = 512;

/// Bytes of a section's entry in the headers.
const ENTRY: u64 = 40;

/// Zeroes behind the last section, with which lld fills the file up.
fn fill(image: &Image<'_>, section: &Section<'_>) -> u64 {
    let start = usize::try_from(section.file.end().0).unwrap_or(usize::MAX);
    let rest = image.bytes.get(start..).unwrap_or_default();
    let is_fill = (rest.len() as u64) < ALIGNMENT && rest.iter().all(|byte| *byte == 0);
    if is_fill { rest.len() as u64 } else { 0 }
}

pub(crate) fn stripped(image: &Image<'_>) -> Stripped {
    let size = image.bytes.len() as u64;
    let mut stripped = Stripped {
        size,
        sections: image.sections.iter().map(|it| it.file.size).collect(),
        tables: image.tables.iter().map(|it| it.range.size).collect(),
        fixed_end: size,
    };
    let (mut gone, mut entries) = (0_u64, 0);
    for (section, bytes) in image.sections.iter().zip(&mut stripped.sections) {
        let space = match section.kind {
            SectionKind::Debug => section.file.size.next_multiple_of(ALIGNMENT),
            SectionKind::Symbols | SectionKind::Strings if !section.loaded => {
                section.file.size + fill(image, section)
            }
            _ => continue,
        };
        if section.file.is_empty() {
            continue;
        }
        gone = gone.saturating_add(space);
        // The symbols and their names are in no section.
        entries += u64::from(section.kind == SectionKind::Debug);
        *bytes = 0;
        stripped.fixed_end = stripped.fixed_end.min(section.file.start.0);
    }
    // The headers shrink by the entries of those sections, and what follows them moves up.
    let mut headers = image.tables.iter().zip(&mut stripped.tables);
    if let Some((_, size)) = headers.find(|(table, _)| table.name == HEADERS) {
        let before = size.next_multiple_of(ALIGNMENT);
        *size = size.saturating_sub(entries * ENTRY);
        let moved = before - size.next_multiple_of(ALIGNMENT);
        if moved > 0 {
            gone = gone.saturating_add(moved);
            stripped.fixed_end = 0;
        }
    }
    stripped.size = size.saturating_sub(gone);
    stripped
}
