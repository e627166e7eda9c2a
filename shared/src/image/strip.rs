//! How large the file would be with `strip = "symbols"`.
//!
//! rustc has the linker do it (`--strip-all`): the symbol table, its strings and all sections that
//! are not loaded and hold debug information go; the section header table and the section names
//! shrink. The witness is rustc's own strip, in the integration tests.

use super::{Format, Image, SectionKind};

pub(super) fn shipped_size(image: &Image<'_>) -> Option<u64> {
    if image.format != Format::Elf {
        return None;
    }
    let size = image.bytes.len() as u64;
    if image.sections.is_empty() {
        return Some(size);
    }
    let header = if image.is_64 { 64 } else { 40 };
    let goes = |index: usize| {
        let section = &image.sections[index];
        if section.loaded {
            return false;
        }
        match section.kind {
            SectionKind::Symbols | SectionKind::Debug => true,
            // The symbols' strings; the section names' own table stays.
            SectionKind::Strings => section.name != ".shstrtab",
            // Relocations kept by `--emit-relocs` refer to the symbols.
            SectionKind::Relocations => true,
            _ => false,
        }
    };
    if !(0..image.sections.len()).any(goes) {
        return Some(size);
    }
    // Loaded content and what else stays keeps its order; only what stands behind the last loaded
    // byte moves up.
    let loaded_end = image
        .sections
        .iter()
        .filter(|section| section.loaded)
        .map(|section| section.file.end().0)
        .chain(image.segments.iter().map(|segment| segment.file.end().0))
        .chain(
            image
                .tables
                .iter()
                .filter(|table| table.name != "section headers")
                .map(|table| table.range.end().0),
        )
        .max()
        .unwrap_or_default();
    let mut end = loaded_end;
    let mut kept = 0_u64;
    let mut names_lost = 0_u64;
    let mut rest: Vec<usize> = Vec::new();
    for (index, section) in image.sections.iter().enumerate() {
        if goes(index) {
            names_lost += section.name.len() as u64 + 1;
            continue;
        }
        kept += 1;
        if !section.loaded && section.file.start.0 >= loaded_end && !section.file.is_empty() {
            rest.push(index);
        }
    }
    rest.sort_by_key(|index| image.sections[*index].file.start);
    for index in rest {
        let section = &image.sections[index];
        let mut bytes = section.file.size;
        if section.name == ".shstrtab" {
            bytes = bytes.saturating_sub(names_lost);
        }
        end = align(end, section.align).saturating_add(bytes);
    }
    let end = align(end, if image.is_64 { 8 } else { 4 }).saturating_add(kept * header);
    Some(end.min(size))
}

fn align(value: u64, align: u64) -> u64 {
    // A damaged file may ask for any alignment; a real one for a small power of two.
    if align.is_power_of_two() && align <= 1 << 16 {
        value.checked_next_multiple_of(align).unwrap_or(value)
    } else {
        value
    }
}
