//! What only programs for bare chips have: content that is stored elsewhere than it runs, and the
//! stack that each function takes.
//!
//! Sources: the gABI on `p_paddr`, which linkers for such chips use for the address in flash; LLVM's
//! documentation of `.stack_sizes`.

use super::{Format, Image};
use crate::address::{AddressRange, FileOffset, FileRange, Range, VirtualAddress};
use object::{
    Endianness, elf,
    read::elf::{FileHeader, ProgramHeader},
};

/// What a segment loads.
#[derive(Clone, Copy, Debug)]
pub struct LoadAddress {
    /// Where it runs.
    pub run: AddressRange,
    /// Where it is stored.
    pub stored: VirtualAddress,
}

/// What one function takes of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StackSize {
    /// Where the function starts.
    pub function: VirtualAddress,
    /// Bytes of its own frame, without what it calls.
    pub bytes: u64,
    /// Where this is listed.
    pub file: FileRange,
}

impl Image<'_> {
    /// Where what is loaded is stored; empty in formats that do not say it.
    pub fn load_addresses(&self) -> Vec<LoadAddress> {
        match (self.format, self.is_64) {
            (Format::Elf, true) => load_addresses::<elf::FileHeader64<Endianness>>(self.bytes),
            (Format::Elf, false) => load_addresses::<elf::FileHeader32<Endianness>>(self.bytes),
            _ => None,
        }
        .unwrap_or_default()
    }

    /// The frames that `-Z emit-stack-sizes` has listed, by function. The section is not loaded, and
    /// linkers keep it only where they are told to.
    pub fn stack_sizes(&self) -> Vec<StackSize> {
        let mut sizes = Vec::new();
        if self.format != Format::Elf {
            return sizes;
        }
        let word = if self.is_64 { 8 } else { 4 };
        let odd = self.architecture.marks_functions_in_bit_0();
        let sections = self.sections.iter();
        for section in sections.filter(|section| section.name.starts_with(".stack_sizes")) {
            let mut rest = self.section_bytes(section);
            let mut at = section.file.start.0;
            while let Some((address, behind)) = rest.split_at_checked(word) {
                let address = match address.first_chunk::<8>() {
                    Some(bytes) => self.u64(*bytes),
                    None => address
                        .first_chunk::<4>()
                        .map_or(0, |bytes| u64::from(self.u32(*bytes))),
                };
                let Some((bytes, behind)) = leb128(behind) else {
                    break;
                };
                let length = (rest.len() - behind.len()) as u64;
                rest = behind;
                let file = Range::<FileOffset>::new(FileOffset(at), length);
                at += length;
                let function = VirtualAddress(if odd { address & !1 } else { address });
                sizes.push(StackSize {
                    function,
                    bytes,
                    file,
                });
            }
        }
        sizes.sort_unstable();
        sizes.dedup_by_key(|size| size.function);
        sizes
    }
}

fn load_addresses<E: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Option<Vec<LoadAddress>> {
    let header = E::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, bytes).ok()?.iter();
    let loaded = segments.filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
    let load = |segment: &E::ProgramHeader| LoadAddress {
        run: Range::<VirtualAddress>::new(
            VirtualAddress(segment.p_vaddr(endian).into()),
            segment.p_memsz(endian).into(),
        ),
        stored: VirtualAddress(segment.p_paddr(endian).into()),
    };
    Some(loaded.map(load).collect())
}

/// A number of up to ten bytes with seven bits each.
fn leb128(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f)
            .checked_shl(7 * place as u32)
            .unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_their_last_byte_says() {
        assert_eq!(leb128(&[0x08, 9]), Some((8, &[9][..])));
        assert_eq!(leb128(&[0xe5, 0x8e, 0x26]), Some((624_485, &[][..])));
        assert_eq!(leb128(&[0x80]), None);
        assert_eq!(leb128(&[0x80; 11]), None);
    }
}
