//! What of a file stays with `strip = "symbols"`.
//!
//! rustc has the linker do it (`--strip-all`): the symbol table, its strings and all sections that
//! are not loaded and hold debug information go; the section header table and the section names
//! shrink. The witness is rustc's own strip, in the integration tests.

use super::{Architecture, Format, Image, SectionKind, macho};
use std::path::Path;

/// The table that shrinks with the number of sections.
const SECTION_HEADERS: &str = "section headers";

/// What stays of a file with `strip = "symbols"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripped {
    /// Bytes of the whole file.
    pub size: u64,
    /// Bytes of each section's content, in the order of [`Image::sections`].
    pub sections: Vec<u64>,
    /// Bytes of each table, in the order of [`Image::tables`].
    pub tables: Vec<u64>,
    /// Everything before this place in the file keeps its place; gaps behind it are made anew.
    pub fixed_end: u64,
}

/// `None` where the format gives no way to tell.
pub(super) fn stripped(image: &Image<'_>) -> Option<Stripped> {
    match image.format {
        Format::Elf => {}
        Format::Archive | Format::Object => return linked(image),
        Format::MachO if image.architecture == Architecture::Universal => {
            return Some(universal(image));
        }
        Format::MachO | Format::Pe | Format::Wasm => return None,
    }
    let size = image.bytes.len() as u64;
    let mut stripped = Stripped {
        size,
        sections: image
            .sections
            .iter()
            .map(|section| section.file.size)
            .collect(),
        tables: image.tables.iter().map(|table| table.range.size).collect(),
        fixed_end: size,
    };
    let goes: Vec<bool> = (0..image.sections.len())
        .map(|index| goes(image, index))
        .collect();
    if !goes.contains(&true) {
        return Some(stripped);
    }
    let (fixed_end, from) = fixed(image, &goes);
    let mut kept = 0_u64;
    let mut names_lost = 0_u64;
    for ((section, goes), bytes) in image.sections.iter().zip(&goes).zip(&mut stripped.sections) {
        if *goes {
            names_lost += section.name.len() as u64 + 1;
            *bytes = 0;
        } else {
            kept += 1;
        }
    }
    let mut moved: Vec<usize> = Vec::new();
    for (index, section) in image.sections.iter().enumerate() {
        if goes[index] || section.loaded || section.file.is_empty() {
            continue;
        }
        if section.name == ".shstrtab" {
            let bytes = &mut stripped.sections[index];
            *bytes = bytes.saturating_sub(names_lost);
        }
        if section.file.start.0 >= fixed_end {
            moved.push(index);
        }
    }
    moved.sort_by_key(|index| image.sections[*index].file.start);
    let mut end = from;
    for index in moved {
        let bytes = stripped.sections[index];
        end = align(end, image.sections[index].align).saturating_add(bytes);
    }
    let (word, header) = if image.is_64 { (8, 64) } else { (4, 40) };
    let end = align(end, word).saturating_add(kept * header);
    for (table, bytes) in image.tables.iter().zip(&mut stripped.tables) {
        if table.name == SECTION_HEADERS {
            *bytes = (*bytes).min(kept * header);
        }
    }
    stripped.size = end.min(size);
    stripped.fixed_end = fixed_end;
    Some(stripped)
}

/// Where what keeps its place ends, and where what follows it begins. Loaded content and what else stays
/// keep their order; only what is behind the last loaded byte and behind something that goes moves up.
fn fixed(image: &Image<'_>, goes: &[bool]) -> (u64, u64) {
    let sections = || image.sections.iter().zip(goes);
    let loaded = sections().filter(|(section, _)| section.loaded);
    let tables = image.tables.iter();
    let tables = tables.filter(|table| table.name != SECTION_HEADERS);
    let places: Vec<_> = loaded
        .map(|(section, _)| section.file)
        .chain(image.segments.iter().map(|segment| segment.file))
        .chain(tables.map(|table| table.range))
        .collect();
    let contents = places.iter().filter(|place| !place.is_empty());
    let end = contents.map(|place| place.end().0).max();
    let end = end.unwrap_or_default();
    let first_gone = sections()
        .filter(|(section, goes)| **goes && !section.file.is_empty())
        .map(|(section, _)| section.file.start.0)
        .min()
        .unwrap_or(image.bytes.len() as u64);
    // What patchelf or another tool added to be loaded comes after the debug information. Without that
    // it moves up.
    if first_gone < end {
        return (first_gone, closed_up(image, first_gone));
    }
    // Memory that a linker script reserves by bytes (`COPY`), and content that a tool added. Zeroes have a
    // place as well, where nothing else has it.
    let stays = sections().filter(|(section, goes)| !**goes && !section.file.is_empty());
    let others = stays
        .map(|(section, _)| section.file)
        .filter(|place| place.start.0 < first_gone);
    let zeroes = places.iter().filter(|place| place.is_empty()).copied();
    let ends = others.chain(zeroes).map(|place| place.end().0);
    let ends = ends.filter(|end| *end <= first_gone);
    let end = ends.max().unwrap_or(end).max(end);
    (end, end)
}

/// Where what is loaded ends, when all segments that stand after `gone` have moved up to the first place
/// that their alignment allows, as strip puts them.
fn closed_up(image: &Image<'_>, gone: u64) -> u64 {
    let loaded = image.segments.iter().filter(|segment| segment.loaded);
    let mut loaded: Vec<_> = loaded.filter(|segment| segment.file.size > 0).collect();
    loaded.sort_unstable_by_key(|segment| segment.file.start);
    let mut end = 0_u64;
    for segment in loaded {
        let mut start = segment.file.start.0;
        if start >= gone {
            let align = segment.align;
            let page = if align.is_power_of_two() && align <= 1 << 30 {
                align
            } else {
                1
            };
            let rest = segment.address.0.wrapping_sub(end) & (page - 1);
            start = start.min(end.saturating_add(rest));
        }
        end = end.max(start.saturating_add(segment.file.size));
    }
    end
}

/// Each image of a universal file loses its own symbols; header and gaps stay as they are.
fn universal(image: &Image<'_>) -> Stripped {
    let size = image.bytes.len() as u64;
    let of = |section: &super::Section<'_>| {
        let bytes = image.section_bytes(section);
        // Nothing else stands in such a file, least of all the file itself.
        let is_image = matches!(macho::parse(bytes), Some(Ok(_)));
        let inner = is_image
            .then(|| Image::parse(Path::new(""), bytes).ok())
            .flatten();
        let shipped = inner.and_then(|inner| inner.shipped_size());
        shipped.map_or(section.file.size, |shipped| shipped.min(section.file.size))
    };
    let sections: Vec<u64> = image.sections.iter().map(of).collect();
    let before = image.sections.iter().map(|section| section.file.size);
    let gone = before.zip(&sections).map(|(before, after)| before - after);
    Stripped {
        size: size.saturating_sub(gone.fold(0, u64::saturating_add)),
        sections,
        tables: image.tables.iter().map(|table| table.range.size).collect(),
        fixed_end: size,
    }
}

/// Objects and archives do not ship themselves. What can ship of them is what a linker can take: the
/// content of the sections that are loaded. `None` where there are none.
fn linked(image: &Image<'_>) -> Option<Stripped> {
    let sections = image.sections.iter();
    let of = |section: &super::Section<'_>| match section.loaded {
        true => section.file.size,
        false => 0,
    };
    let sections: Vec<u64> = sections.map(of).collect();
    let size = sections.iter().copied().fold(0, u64::saturating_add);
    let any = image.sections.iter().any(|section| section.loaded);
    // Where sections of a damaged file share bytes, these would count several times.
    let places = image.sections.iter().map(|section| section.file);
    let mut places: Vec<_> = places
        .chain(image.tables.iter().map(|it| it.range))
        .collect();
    places.retain(|range| range.size > 0);
    places.sort_unstable();
    let apart = places.is_sorted_by(|a, b| a.end() <= b.start);
    (any && apart).then(|| Stripped {
        size: size.min(image.bytes.len() as u64),
        sections,
        tables: vec![0; image.tables.len()],
        fixed_end: 0,
    })
}

/// Whether strip leaves the section out.
fn goes(image: &Image<'_>, index: usize) -> bool {
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
}

fn align(value: u64, align: u64) -> u64 {
    // A damaged file may ask for any alignment; a real one for a small power of two.
    if align.is_power_of_two() && align <= 1 << 16 {
        value.checked_next_multiple_of(align).unwrap_or(value)
    } else {
        value
    }
}
