//! Base relocations: the places that hold addresses of the image.
//!
//! Blocks by page, each with a header of eight bytes and two bytes for each place.

use super::{
    super::{Image, RelocationTable, relocation::Relocation},
    Header,
};
use crate::address::VirtualAddress;

pub(crate) fn relocations(image: &Image<'_>, header: &Header) -> Vec<RelocationTable> {
    let mut tables = Vec::new();
    let Some((start, size)) = header.directory(5) else {
        return tables;
    };
    let Some(fields) = header.at(image.bytes, start) else {
        return tables;
    };
    let Some((section, of)) = image.section_at(header.address(start)) else {
        return tables;
    };
    let skip = header.address(start).0 - of.address.0;
    let mut at = 0_u64;
    while at + 8 <= u64::from(size) {
        let (Some(page), Some(length)) = (fields.u32(at), fields.u32(at + 4)) else {
            break;
        };
        if length < 8 {
            break;
        }
        let count = (u64::from(length) - 8) / 2;
        let mut relocations = Vec::with_capacity(count.min(4096) as usize);
        for entry in 0..count {
            let Some(value) = fields.u16(at + 8 + 2 * entry) else {
                break;
            };
            // IMAGE_REL_BASED_ABSOLUTE fills up a block; HIGHLOW and DIR64 are pointers.
            if !matches!(value >> 12, 3 | 10) {
                continue;
            }
            let slot = header.address(page.wrapping_add(u32::from(value & 0xfff)));
            relocations.push(Relocation {
                slot,
                target: image.word_at(slot).map(VirtualAddress),
                symbol: None,
                entry: entry as u32,
            });
        }
        tables.push(RelocationTable {
            section,
            start: skip + at + 8,
            entry_size: 2,
            guessed: false,
            relocations,
        });
        at += u64::from(length);
    }
    tables
}
