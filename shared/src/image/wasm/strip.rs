//! What of a module stays with `strip = "symbols"`.
//!
//! rustc has wasm-ld do it (`--strip-all`): names, debug information, and what the linker itself
//! writes for tools, `producers` and `target_features`, go as whole sections with their headers;
//! other custom sections stay. A component is put together from modules that were stripped: what tools for
//! components wrote stays, also in the modules' `producers`. The witness is rustc's own strip, in the
//! integration tests.

use super::super::{Image, Section, SectionKind, Stripped, TableRange};
use wasmparser::{BinaryReader, ProducersSectionReader};

/// Sections that wasm-ld makes itself, so that it leaves them out. Of a component none that is outside of
/// its modules.
fn goes(image: &Image<'_>, section: &Section<'_>) -> bool {
    let name = image.plain_name(section);
    if image.is_component() && name.len() == section.name.len() {
        return false;
    }
    match section.kind {
        SectionKind::Symbols | SectionKind::Debug | SectionKind::Relocations => true,
        SectionKind::Comment => matches!(name, "producers" | "target_features"),
        _ => false,
    }
}

/// Bytes of a module's `producers` that stay in a component: of the tools that made a component of it.
/// Compilers and languages go. `None` where none stays, or nothing can be read.
fn of_components(image: &Image<'_>, section: &Section<'_>) -> Option<u64> {
    if !image.is_component() || image.plain_name(section) != "producers" {
        return None;
    }
    let content = BinaryReader::new(image.section_bytes(section), 0);
    let mut kept = 0;
    for field in ProducersSectionReader::new(content).ok()? {
        let field = field.ok()?;
        if field.name != "processed-by" {
            continue;
        }
        for value in field.values.into_iter() {
            let value = value.ok()?;
            let compiler = ["rustc", "clang", "LLVM"];
            if !compiler.iter().any(|one| value.name.starts_with(one)) {
                kept += (2 + value.name.len() + value.version.len()) as u64;
            }
        }
    }
    // The numbers of fields and of values, and the field's name with its length.
    (kept > 0).then_some(kept + 3 + "processed-by".len() as u64)
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
        if !goes(image, section) {
            continue;
        }
        if let Some(kept) = of_components(image, section) {
            gone += *bytes - kept.min(*bytes);
            *bytes = kept.min(*bytes);
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
