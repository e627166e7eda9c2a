//! What of a PE file stays with `strip = "symbols"`: with Microsoft's tools all of it, for symbols
//! are in the PDB; with GNU's all but the symbol table and the debug information.

use super::super::{Image, SectionKind, Stripped};

/// What sections are aligned to in the file.
const ALIGNMENT: u64 = 512;

pub(crate) fn stripped(image: &Image<'_>) -> Stripped {
    let size = image.bytes.len() as u64;
    let mut stripped = Stripped {
        size,
        sections: image.sections.iter().map(|it| it.file.size).collect(),
        tables: image.tables.iter().map(|it| it.range.size).collect(),
        fixed_end: size,
    };
    let mut gone = 0_u64;
    for (section, bytes) in image.sections.iter().zip(&mut stripped.sections) {
        let space = match section.kind {
            SectionKind::Debug => section.file.size.next_multiple_of(ALIGNMENT),
            SectionKind::Symbols | SectionKind::Strings if !section.loaded => section.file.size,
            _ => continue,
        };
        if section.file.is_empty() {
            continue;
        }
        gone = gone.saturating_add(space);
        *bytes = 0;
        stripped.fixed_end = stripped.fixed_end.min(section.file.start.0);
    }
    stripped.size = size.saturating_sub(gone);
    stripped
}
