//! What of a Mach-O file stays with `strip = "symbols"`.
//!
//! rustc has `rust-objcopy` do it: of programs all symbols go that the loader does not bind, of
//! libraries those that are local. The symbol and string tables shrink, and with them the signature,
//! which has a hash for each page before it. The witness is `llvm-objcopy` on whole programs.

use super::{
    super::{Image, SectionKind, Stripped, fields::Fields},
    Commands,
    commands::Part,
    range,
};
use std::collections::BTreeSet;

/// N_EXT; N_STAB; REFERENCED_DYNAMICALLY
const EXTERNAL: u8 = 0x01;
const STAB: u8 = 0xe0;
const DYNAMICALLY: u16 = 0x10;

/// Bytes that a signature hashes at once, and of a hash.
const PAGE: u64 = 4096;
const HASH: u64 = 32;

pub(crate) fn stripped(image: &Image<'_>, commands: &Commands) -> Stripped {
    let size = image.bytes.len() as u64;
    let mut stripped = Stripped {
        size,
        sections: image.sections.iter().map(|it| it.file.size).collect(),
        tables: image.tables.iter().map(|it| it.range.size).collect(),
        fixed_end: size,
    };
    let Some((symbols, strings)) = kept(image, commands) else {
        return stripped;
    };
    let shrink = |part: Part, to: u64, stripped: &mut Stripped| {
        let Some((offset, length)) = commands.part(part) else {
            return 0;
        };
        let file = range(image, offset, length);
        let at = image.sections.iter().position(|section| {
            section.file == file && section.kind != SectionKind::Code && !file.is_empty()
        });
        let Some(at) = at else { return 0 };
        let stays = to.min(file.size);
        stripped.sections[at] = stays;
        stripped.fixed_end = stripped.fixed_end.min(file.start.0);
        file.size - stays
    };
    let mut gone = shrink(Part::Symbols, symbols, &mut stripped);
    gone += shrink(Part::Strings, strings, &mut stripped);
    if let Some((_, length)) = commands.part(Part::Signature) {
        let hashes = gone / PAGE * HASH;
        gone += shrink(
            Part::Signature,
            length.saturating_sub(hashes),
            &mut stripped,
        );
    }
    // What was appended is in no segment and not copied.
    let segments = image.segments.iter().map(|segment| segment.file.end().0);
    let tables = image.tables.iter().map(|table| table.range.end().0);
    let end = segments.chain(tables).max().unwrap_or(size);
    stripped.size = end.min(size).saturating_sub(gone);
    stripped
}

/// Bytes of the symbols that stay, and of their names.
fn kept(image: &Image<'_>, commands: &Commands) -> Option<(u64, u64)> {
    let (start, size) = commands.part(Part::Symbols)?;
    let entry_size: u64 = if image.is_64 { 16 } else { 12 };
    let fields = |(start, size): (u64, u64)| Fields {
        bytes: image.bytes_in(range(image, start, size)),
        little_endian: image.little_endian,
    };
    let entries = fields((start, size));
    let names = commands.part(Part::Strings).map(fields)?;
    let indirect = commands.part(Part::Indirect).map(fields);
    let bound: BTreeSet<u32> = indirect
        .into_iter()
        .flat_map(|table| (0..table.bytes.len() as u64 / 4).filter_map(move |at| table.u32(4 * at)))
        .collect();
    let count = entries.bytes.len() as u64 / entry_size;
    let mut kept = 0_u64;
    let mut strings: BTreeSet<u32> = BTreeSet::new();
    let mut length = 1_u64;
    // Names may share their ends; together they are no longer than the table.
    let most = names.bytes.len() as u64;
    for index in 0..count {
        let at = index * entry_size;
        let (kind, description) = (entries.u8(at + 4)?, entries.u16(at + 6)?);
        let external = kind & EXTERNAL != 0 && kind & STAB == 0;
        let stays = bound.contains(&(index as u32))
            || description & DYNAMICALLY != 0 && kind & STAB == 0
            || image.library && external;
        if !stays {
            continue;
        }
        kept += 1;
        let name = entries.u32(at)?;
        if strings.insert(name) && length < most {
            let text = names.terminated(name.into());
            length += text.map_or(most, |text| text.len() as u64 + 1);
        }
    }
    Some((kept * entry_size, length.next_multiple_of(8)))
}
