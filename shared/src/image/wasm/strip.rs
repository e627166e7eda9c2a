//! What of a module stays with `strip = "symbols"`.
//!
//! rustc has wasm-ld do it (`--strip-all`): names, debug information, and what the linker itself
//! writes for tools, `producers` and `target_features`, go as whole sections with their headers;
//! other custom sections stay. The witness is rustc's own strip, in the integration tests.

use super::super::{Image, SectionKind, Stripped, TableRange};

/// Sections that wasm-ld makes itself, so that it leaves them out.
fn goes(kind: SectionKind, name: &str) -> bool {
    match kind {
        SectionKind::Symbols | SectionKind::Debug | SectionKind::Relocations => true,
        SectionKind::Comment => matches!(name, "producers" | "target_features"),
        _ => false,
    }
}

pub(crate) fn stripped(image: &Image<'_>) -> Stripped {
    let size = image.bytes.len() as u64;
    let mut sections: Vec<u64> = image.sections.iter().map(|it| it.file.size).collect();
    let mut tables: Vec<u64> = image.tables.iter().map(|it| it.range.size).collect();
    let headers = image.tables.iter().zip(0..);
    let headers = headers.filter(|(table, _)| table.name == TableRange::SECTION_HEADER);
    let mut headers: Vec<(u64, usize)> = headers
        .filter(|(table, _)| !table.range.is_empty())
        .map(|(table, at)| (table.range.end().0, at))
        .collect();
    headers.sort_unstable();
    let mut gone = 0;
    for (section, bytes) in image.sections.iter().zip(&mut sections) {
        if !goes(section.kind, &section.name) {
            continue;
        }
        gone += std::mem::take(bytes);
        // Its header stands before it; before the first subsection, that of the section, too.
        let mut end = section.file.start.0;
        while let Ok(found) = headers.binary_search_by_key(&end, |(end, _)| *end) {
            let table = headers[found].1;
            gone += std::mem::take(&mut tables[table]);
            end = image.tables[table].range.start.0;
            if !section.name.contains('/') {
                break;
            }
        }
    }
    Stripped {
        size: size.saturating_sub(gone),
        sections,
        tables,
        fixed_end: size,
    }
}
