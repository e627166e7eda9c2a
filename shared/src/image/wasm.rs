//! WebAssembly modules: where each section starts and ends.
//!
//! Source: the core specification's binary format. A section is its number, the length of its
//! content and the content; the row of a section counts all three, so that sections and the
//! header of eight bytes add up to the module.
//!
//! Code and linear memory are two address spaces that both start at 0. To keep them apart, all that
//! stands in the module is addressed by its place in the file, as engines do in stack traces.

use super::{Image, Section, SectionKind, TableRange, bounds};
use crate::address::{FileOffset, Range, VirtualAddress};
use std::borrow::Cow;

/// Bytes of the magic number and the version.
const HEADER: u64 = 8;

/// Cuts the module into its sections. What follows damage belongs to none.
pub(super) fn sections(image: &mut Image<'_>) {
    image.tables.push(TableRange {
        name: "header",
        range: bounds::clip(image.bytes, 0, HEADER),
    });
    let mut names = bounds::NameBudget::new(image.bytes);
    let mut at = HEADER;
    while let Some(found) = next(image.bytes, at) {
        let custom = found.id == 0;
        let name = if custom {
            let content = image.bytes.get(found.content as usize..found.end as usize);
            names.read(|| custom_name(content.unwrap_or_default()))
        } else {
            known_name(found.id).into()
        };
        let kind = match found.id {
            10 => SectionKind::Code,
            11 => SectionKind::Data,
            0 if name.starts_with(".debug_") => SectionKind::Debug,
            0 if name == "name" => SectionKind::Symbols,
            0 if name == "producers" || name == "target_features" => SectionKind::Comment,
            // Types, imports, exports, tables: what a linker writes for who instantiates the module.
            1..=9 | 12 | 13 => SectionKind::Loader,
            _ => SectionKind::Other,
        };
        let file = Range::<FileOffset>::new(FileOffset(at), found.end - at);
        let loaded = matches!(kind, SectionKind::Code | SectionKind::Data);
        image.sections.push(Section {
            name: Cow::Owned(name),
            kind,
            address: VirtualAddress(at),
            memory: if loaded { file.size } else { 0 },
            file,
            align: 1,
            loaded,
            writable: kind == SectionKind::Data,
            compressed: false,
            link: 0,
            entry_size: 0,
            relocations: None,
        });
        at = found.end;
    }
}

/// Where the content of the code section starts: the addresses of `object` and of debug information
/// count from there.
pub(super) fn code_start(bytes: &[u8]) -> Option<u64> {
    let mut at = HEADER;
    while let Some(found) = next(bytes, at) {
        if found.id == 10 {
            return Some(found.content);
        }
        at = found.end;
    }
    None
}

/// A section: its number, and where its content starts and ends.
struct Found {
    id: u8,
    content: u64,
    end: u64,
}

fn next(bytes: &[u8], at: u64) -> Option<Found> {
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let (id, rest) = rest.split_first()?;
    let (size, digits) = leb128(rest)?;
    let content = at + 1 + digits as u64;
    let end = content.checked_add(size)?;
    (end <= bytes.len() as u64).then_some(Found {
        id: *id,
        content,
        end,
    })
}

/// A number of up to 32 bits, seven in each byte, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (position, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Some((value, position + 1));
        }
    }
    None
}

fn custom_name(content: &[u8]) -> Option<&[u8]> {
    let (length, digits) = leb128(content)?;
    content.get(digits..)?.get(..usize::try_from(length).ok()?)
}

/// Names of the numbered sections, in brackets as no custom section is called so.
fn known_name(id: u8) -> &'static str {
    match id {
        1 => "<type>",
        2 => "<import>",
        3 => "<function>",
        4 => "<table>",
        5 => "<memory>",
        6 => "<global>",
        7 => "<export>",
        8 => "<start>",
        9 => "<element>",
        10 => "<code>",
        11 => "<data>",
        12 => "<data_count>",
        13 => "<tag>",
        _ => "<unknown>",
    }
}
