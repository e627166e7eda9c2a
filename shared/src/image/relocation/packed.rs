//! Android's packed relocations: `APS2`, then numbers in SLEB128.
//!
//! Source: `linker_reloc_iterators.h` of bionic. Relocations come in groups; what all of a group
//! have in common (type and symbol, the distance between slots, the addend) is written once.

use super::{Relocation, Section};
use crate::{address::VirtualAddress, image::Image};
use object::elf;

/// The group's relocations have one type and symbol.
const BY_INFO: i64 = 1;
/// Each slot is as far from the one before.
const BY_OFFSET: i64 = 2;
/// All addends grow by as much at once.
const BY_ADDEND: i64 = 4;
/// There are addends.
const HAS_ADDEND: i64 = 8;

const MAGIC: &[u8] = b"APS2";

/// Whether a section holds such relocations. As the address of a slot the magic would be at an odd
/// place.
pub(super) fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// `target`: the address that a relocation of this type with this symbol and addend stands for.
pub(super) fn read(
    image: &Image<'_>,
    section: &Section<'_>,
    target: &dyn Fn(elf::RelocationType, u32, i64) -> Option<u64>,
) -> Vec<Relocation> {
    let mut relocations = Vec::new();
    let bytes = image.section_bytes(section);
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return relocations;
    };
    let reader = Reader {
        rest,
        // A group stands for any number of slots; but each slot has its bytes in the file.
        left: image.bytes.len() / if image.is_64 { 8 } else { 4 },
    };
    // What stands before the damage counts.
    let _ = reader.all(image, target, &mut relocations);
    relocations
}

struct Reader<'d> {
    rest: &'d [u8],
    /// So many relocations may still come.
    left: usize,
}

impl Reader<'_> {
    fn all(
        mut self,
        image: &Image<'_>,
        target: &dyn Fn(elf::RelocationType, u32, i64) -> Option<u64>,
        relocations: &mut Vec<Relocation>,
    ) -> Option<()> {
        let mut count = self.number()?;
        let mut slot = self.number()?.cast_unsigned();
        let (mut info, mut addend) = (0_u64, 0_i64);
        while count > 0 {
            let size = self.number()?.clamp(0, count);
            let flags = self.number()?;
            // An empty group would be asked for again and again.
            count -= size.max(1);
            let distance = match flags & BY_OFFSET {
                0 => None,
                _ => Some(self.number()?),
            };
            if flags & BY_INFO != 0 {
                info = self.number()?.cast_unsigned();
            }
            match flags & (HAS_ADDEND | BY_ADDEND) {
                both if both == HAS_ADDEND | BY_ADDEND => {
                    addend = addend.wrapping_add(self.number()?);
                }
                HAS_ADDEND => {}
                _ => addend = 0,
            }
            for _ in 0..size {
                self.left = self.left.checked_sub(1)?;
                let step = match distance {
                    Some(distance) => distance,
                    None => self.number()?,
                };
                slot = slot.wrapping_add_signed(step);
                if flags & BY_INFO == 0 {
                    info = self.number()?.cast_unsigned();
                }
                if flags & (HAS_ADDEND | BY_ADDEND) == HAS_ADDEND {
                    addend = addend.wrapping_add(self.number()?);
                }
                let (symbol, kind) = if image.is_64 {
                    ((info >> 32) as u32, info as u32)
                } else {
                    ((info as u32) >> 8, info as u32 & 0xff)
                };
                let place = VirtualAddress(slot);
                // Without an addend of its own the slot holds it.
                let addend = match flags & HAS_ADDEND {
                    0 => image.word_at(place).unwrap_or_default().cast_signed(),
                    _ => addend,
                };
                relocations.push(Relocation {
                    slot: place,
                    target: target(elf::RelocationType(kind), symbol, addend).map(VirtualAddress),
                    symbol: symbol.checked_sub(1),
                    entry: relocations.len() as u32,
                });
            }
        }
        Some(())
    }

    /// A signed number in groups of seven bits.
    fn number(&mut self) -> Option<i64> {
        let mut value = 0_i64;
        let mut shift = 0;
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            if shift < 64 {
                value |= i64::from(byte & 0x7f) << shift;
            }
            shift += 7;
            if byte & 0x80 == 0 {
                if shift < 64 && byte & 0x40 != 0 {
                    value |= -1 << shift;
                }
                return Some(value);
            }
            if shift > 70 {
                return None;
            }
        }
    }
}
