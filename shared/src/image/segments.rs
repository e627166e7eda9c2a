//! ELF files without section headers, as `sstrip` and packers leave them.
//!
//! The program headers still say what is code and what is loaded, and the dynamic table where the
//! loader's tables are. Each of these stands in for a section, so that everything else reads such
//! a file like any other. Source: the gABI's chapters on program loading and dynamic linking.

mod hash;

use super::{Image, RelocationFormat, Section, SectionKind, Segment};
use crate::address::{FileOffset, FileRange, Range, VirtualAddress};
use std::{borrow::Cow, collections::BTreeMap};

/// Entries of the dynamic table that are read: it has one for each library and some thirty more.
const MAX_DYNAMIC: usize = 4096;

/// Fills [`Image::sections`] from the segments. The result is sorted by address, and no two of the
/// sections share bytes.
pub(super) fn stand_in(image: &mut Image<'_>) {
    let mut parts = inner_parts(image);
    parts.extend(dynamic_parts(image));
    parts.retain(|part| !part.file.is_empty());
    parts.sort_by_key(|part| (part.file.start, std::cmp::Reverse(part.file.size)));
    let mut headers: Vec<FileRange> = image.tables.iter().map(|table| table.range).collect();
    headers.sort_unstable();
    let segments = image.segments.clone();
    let mut sections = Vec::new();
    for segment in segments.iter().filter(|segment| segment.loaded) {
        split(segment, &headers, &parts, &mut sections);
    }
    image.sections = sections;
    link(image);
}

/// Whether a file that may be moved is a program, not a library: it asks for a loader, or is one that
/// moves itself, which its flags say.
pub(super) fn is_program(image: &Image<'_>) -> bool {
    const FLAGS: u64 = 0x6fff_fffb;
    const PIE: u64 = 0x0800_0000;
    let mut segments = image.segments.iter();
    let flags = dynamic_values(image).get(&FLAGS).copied().unwrap_or(0);
    segments.any(|segment| segment.name == "INTERP") || flags & PIE != 0
}

/// Takes what no segment maps for what it is, content that is not loaded, whatever the sections' flags
/// say: tools add sections to a linked file, but no segments. Zeroes without bytes in the file stay, for
/// startup code of a bare chip asks nobody for memory. O(n log n) in segments and sections.
pub(super) fn unload_unmapped(image: &mut Image<'_>) {
    let loads = image.segments.iter().filter(|segment| segment.loaded);
    let mut mapped: Vec<(u64, u64)> = loads
        .map(|load| (load.file.start.0, load.file.end().0))
        .collect();
    if mapped.is_empty() {
        return;
    }
    mapped.sort_unstable();
    // Each with the end of all before, so that one look tells.
    let mut end = 0;
    for (_, own) in &mut mapped {
        end = end.max(*own);
        *own = end;
    }
    for section in &mut image.sections {
        // The address tells nothing: tools give such a section 0, where many programs begin.
        let at = section.file.start.0;
        let next = mapped.partition_point(|(start, _)| *start <= at);
        let before = next.checked_sub(1).and_then(|at| mapped.get(at));
        let is_mapped = before.is_some_and(|(_, end)| at < *end);
        if section.loaded && !section.file.is_empty() && !is_mapped {
            section.loaded = false;
            section.memory = 0;
            section.kind = match section.kind {
                kind if kind.is_data() || kind == SectionKind::Code => SectionKind::Other,
                kind => kind,
            };
        }
    }
}

/// A section for the bytes of a segment between headers and the parts that are known better, which
/// get sections of their own, and one for the zeroes that follow the segment's bytes in memory.
fn split(
    segment: &Segment,
    headers: &[FileRange],
    parts: &[Section<'static>],
    sections: &mut Vec<Section<'static>>,
) {
    let end = segment.file.end();
    let mut at = segment.file.start;
    for header in headers {
        if header.start <= at && header.end() > at {
            at = header.end().min(end);
        }
    }
    for part in parts {
        if part.file.start < at || part.file.end() > end {
            continue;
        }
        let before = Range::<FileOffset>::between(at, part.file.start);
        sections.extend(rest(segment, before));
        sections.push(part.clone());
        at = part.file.end();
    }
    sections.extend(rest(segment, Range::<FileOffset>::between(at, end)));
    let zeroes = segment.memory.saturating_sub(segment.file.size);
    if zeroes > 0 && segment.writable {
        sections.push(Section {
            memory: zeroes,
            ..section(
                "LOAD (zeroes)".into(),
                SectionKind::Bss,
                segment.address.0.saturating_add(segment.file.size),
                Range::<FileOffset>::new(end, 0),
                true,
            )
        });
    }
}

fn rest(segment: &Segment, file: FileRange) -> Option<Section<'static>> {
    if file.is_empty() {
        return None;
    }
    let (kind, name) = match (segment.executable, segment.writable) {
        (true, _) => (SectionKind::Code, "LOAD (code)"),
        (false, true) => (SectionKind::Data, "LOAD (data)"),
        (false, false) => (SectionKind::ReadOnlyData, "LOAD (rodata)"),
    };
    let skipped = file.start.0 - segment.file.start.0;
    let address = segment.address.0.saturating_add(skipped);
    Some(section(name.into(), kind, address, file, segment.writable))
}

fn section(
    name: Cow<'static, str>,
    kind: SectionKind,
    address: u64,
    file: FileRange,
    writable: bool,
) -> Section<'static> {
    Section {
        name,
        kind,
        address: VirtualAddress(address),
        memory: file.size,
        file,
        align: 1,
        loaded: true,
        writable,
        compressed: false,
        link: 0,
        entry_size: 0,
        relocations: None,
    }
}

/// Segments that lie in a loaded one and say what their bytes are.
fn inner_parts(image: &Image<'_>) -> Vec<Section<'static>> {
    let mut parts = Vec::new();
    for segment in &image.segments {
        let (name, kind) = match &*segment.name {
            "INTERP" => (".interp", SectionKind::Loader),
            "DYNAMIC" => (".dynamic", SectionKind::Loader),
            "NOTE" => (".note", SectionKind::Loader),
            "GNU_EH_FRAME" => (".eh_frame_hdr", SectionKind::EhFrameHeader),
            "TLS" => (".tdata", SectionKind::Tls),
            _ => continue,
        };
        let address = segment.address.0;
        parts.push(section(
            name.into(),
            kind,
            address,
            segment.file,
            segment.writable,
        ));
        if kind == SectionKind::EhFrameHeader {
            parts.extend(eh_frame(image, segment));
        }
    }
    parts
}

/// The bytes from an address to the end of the segment that holds it, and where they are.
fn bytes_from<'d>(image: &Image<'d>, address: u64) -> Option<(&'d [u8], FileOffset)> {
    let loaded = image.segments.iter().filter(|segment| segment.loaded);
    for segment in loaded {
        let Some(skip) = address.checked_sub(segment.address.0) else {
            continue;
        };
        if skip < segment.file.size {
            let start = FileOffset(segment.file.start.0 + skip);
            let range = Range::<FileOffset>::between(start, segment.file.end());
            return Some((image.bytes_in(range), start));
        }
    }
    None
}

/// `.eh_frame`: its header says where it starts, its terminator where it ends.
fn eh_frame(image: &Image<'_>, header: &Segment) -> Option<Section<'static>> {
    let bytes = image.bytes_in(header.file);
    // Version 1, and the pointer as four bytes from its own place (DW_EH_PE_pcrel, sdata4).
    let ([1, 0x1b, _, _], pointer) = (bytes.first_chunk::<4>()?, bytes.get(4..)?) else {
        return None;
    };
    let distance = image.u32(*pointer.first_chunk::<4>()?).cast_signed();
    let address = header.address.0.wrapping_add(4);
    let address = address.wrapping_add_signed(distance.into());
    let (bytes, start) = bytes_from(image, address)?;
    let mut size = 0_usize;
    loop {
        let length = image.u32(*bytes.get(size..)?.first_chunk::<4>()?);
        size = size.checked_add(4)?.checked_add(length as usize)?;
        // Tables of more than four gigabytes do not occur in files that somebody packs.
        if length == 0 || size > bytes.len() {
            break;
        }
    }
    let file = Range::<FileOffset>::new(start, size.min(bytes.len()) as u64);
    Some(section(
        ".eh_frame".into(),
        SectionKind::EhFrame,
        address,
        file,
        false,
    ))
}

/// The entries of the dynamic table, by their tags; of several with one tag the first.
pub(super) fn dynamic_values(image: &Image<'_>) -> BTreeMap<u64, u64> {
    let mut values = BTreeMap::new();
    let Some(table) = image.segments.iter().find(|one| one.name == "DYNAMIC") else {
        return values;
    };
    let word = if image.is_64 { 8 } else { 4 };
    let number = |bytes: &[u8]| {
        if image.is_64 {
            bytes.first_chunk::<8>().map(|bytes| image.u64(*bytes))
        } else {
            let word = bytes.first_chunk::<4>();
            word.map(|bytes| u64::from(image.u32(*bytes)))
        }
    };
    for entry in image
        .bytes_in(table.file)
        .chunks_exact(2 * word)
        .take(MAX_DYNAMIC)
    {
        let (Some(tag), Some(value)) = (number(entry), number(&entry[word..])) else {
            break;
        };
        if tag == 0 {
            break;
        }
        values.entry(tag).or_insert(value);
    }
    values
}

/// The loader's tables, where the dynamic table says their places and sizes.
fn dynamic_parts(image: &Image<'_>) -> Vec<Section<'static>> {
    let mut parts = Vec::new();
    let values = dynamic_values(image);
    let value = |tag: u64| values.get(&tag).copied();
    let table = |name: &'static str, kind, address: Option<u64>, size: Option<u64>| {
        let (address, size) = (address?, size?);
        let (bytes, start) = bytes_from(image, address)?;
        let file = Range::<FileOffset>::new(start, size.min(bytes.len() as u64));
        Some(section(name.into(), kind, address, file, false))
    };
    // Tags from the gABI and from GNU's and Android's extensions to it.
    let (strings, symbols) = (value(5), value(6));
    parts.extend(table(".dynstr", SectionKind::Strings, strings, value(10)));
    let entry = if image.is_64 { 24 } else { 16 };
    let count = hash::symbols(image, &values);
    let size = count.map(|count| count.saturating_mul(entry));
    // Without a hash table of them nothing says how many symbols there are, but where the next table
    // starts they have ended.
    let size = size.or_else(|| Some(next_table(&values, symbols?)? - symbols?));
    let size = size.filter(|size| *size < u64::from(u32::MAX));
    let dynamic = table(".dynsym", SectionKind::DynamicSymbols, symbols, size);
    parts.extend(dynamic.map(|table| {
        // Alignment may follow before the next table.
        let size = table.file.size - table.file.size % entry;
        Section {
            file: Range::<FileOffset>::new(table.file.start, size),
            memory: size,
            entry_size: entry,
            ..table
        }
    }));
    let symbols = parts.last().map_or(0, |table| table.file.size / entry);
    let versions = Some(2 * symbols).filter(|_| parts.len() > 1);
    let versions_at = value(0x6fff_fff0);
    parts.extend(table(
        ".gnu.version",
        SectionKind::Versions,
        versions_at,
        versions,
    ));
    for (name, address, size) in hash::tables(image, &values) {
        parts.extend(table(name, SectionKind::Hash, Some(address), Some(size)));
    }
    let of_plt = match value(20) {
        Some(17) => RelocationFormat::Rel,
        _ => RelocationFormat::Rela,
    };
    for (name, format, address, size) in [
        (".rela.dyn", RelocationFormat::Rela, 7, 8),
        (".rel.dyn", RelocationFormat::Rel, 17, 18),
        (".relr.dyn", RelocationFormat::Relr, 36, 35),
        (".rela.plt", of_plt, 23, 2),
        (
            ".rela.dyn",
            RelocationFormat::AndroidRela,
            0x6000_0011,
            0x6000_0012,
        ),
        (
            ".rel.dyn",
            RelocationFormat::AndroidRel,
            0x6000_000f,
            0x6000_0010,
        ),
    ] {
        let found = table(name, SectionKind::Relocations, value(address), value(size));
        parts.extend(found.map(|table| Section {
            relocations: Some(format),
            ..table
        }));
    }
    let data = SectionKind::Data;
    parts.extend(table(".init_array", data, value(25), value(27)));
    parts.extend(table(".fini_array", data, value(26), value(28)));
    parts
}

/// Where the first of the tables after `address` starts that the dynamic table names.
fn next_table(values: &BTreeMap<u64, u64>, address: u64) -> Option<u64> {
    // Of the strings, GNU's and the older hash table, relocations of all kinds, the linkage table, the
    // versions of the symbols, those that are defined here and those that are needed.
    const PLACES: [u64; 12] = [
        5,
        4,
        0x6fff_fef5,
        7,
        17,
        36,
        23,
        3,
        0x6fff_fff0,
        0x6fff_fffc,
        0x6fff_fffe,
        0x6000_0011,
    ];
    let places = PLACES.iter().filter_map(|tag| values.get(tag).copied());
    places.filter(|place| *place > address).min()
}

/// The dynamic symbols refer to their strings by the section's number.
fn link(image: &mut Image<'_>) {
    let strings = image
        .sections
        .iter()
        .position(|section| section.kind == SectionKind::Strings);
    let Some(strings) = strings else { return };
    for section in &mut image.sections {
        if section.kind == SectionKind::DynamicSymbols {
            section.link = strings as u32;
        }
    }
}
