//! What of a PE file stays with `strip = "symbols"`: with Microsoft's tools all of it, for symbols
//! are in the PDB; with GNU's all but the symbol table and the debug information.

use super::super::{Image, SectionKind, Stripped, fields::Fields};

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
    let debug = image.sections.iter();
    let debug = debug.filter(|section| section.kind == SectionKind::Debug);
    let freed = freed_headers(image, debug.count() as u64);
    if let (Some(table), Some(bytes)) = (image.tables.first(), stripped.tables.first_mut())
        && table.range.start.0 == 0
        && freed > 0
        && freed < *bytes
    {
        *bytes -= freed;
        gone = freed;
        stripped.fixed_end = *bytes;
    }
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

/// Bytes that the headers take less when so many sections have none: they are aligned like sections.
fn freed_headers(image: &Image<'_>, sections: u64) -> u64 {
    let fields = Fields::little(image.bytes);
    let end = || {
        let header = u64::from(fields.u32(0x3c)?);
        let (count, optional) = (fields.u16(header + 6)?, fields.u16(header + 20)?);
        Some(header + 24 + u64::from(optional) + 40 * u64::from(count))
    };
    let end = end().unwrap_or_default();
    let after = end.saturating_sub(40 * sections);
    end.next_multiple_of(ALIGNMENT) - after.next_multiple_of(ALIGNMENT)
}
