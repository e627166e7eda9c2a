//! The relocations that the loader applies: which slot, and what address it will hold.
//!
//! Sources: the gABI (RELA, REL), the generic-ABI RELR proposal, the processor supplements for the
//! types that mean "base plus addend".

mod packed;
mod threads;

pub use threads::ThreadSlots;
pub(super) use threads::read as thread_slots;

use super::{Architecture, Image, RelocationFormat, Section, SectionKind, SymbolTable};
use crate::address::VirtualAddress;
use object::{
    Endianness, elf,
    read::elf::{FileHeader, Rel, Rela},
};

/// One relocation.
#[derive(Clone, Copy, Debug)]
pub struct Relocation {
    /// The slot that the loader writes.
    pub slot: VirtualAddress,
    /// The address in this image that the slot will hold, where the image itself says so.
    pub target: Option<VirtualAddress>,
    /// The symbol that it asks for, by its position in the dynamic symbols; it may be defined
    /// elsewhere.
    pub symbol: Option<u32>,
    /// Which entry of its table it is.
    pub entry: u32,
}

/// The relocations of one section.
#[derive(Clone, Debug)]
pub struct RelocationTable {
    /// The section.
    pub section: u32,
    /// Where the first entry stands in the section.
    pub start: u64,
    /// Bytes of one entry; 0 where entries have no bytes of their own.
    pub entry_size: u64,
    /// Whether they were not listed but found where numbers look like addresses.
    pub guessed: bool,
    /// All relocations in the order of the table. One entry of RELR stands for up to 63.
    pub relocations: Vec<Relocation>,
}

pub(super) fn read(image: &Image<'_>, symbols: &SymbolTable<'_>) -> Vec<RelocationTable> {
    // An object file's relocations are for the linker, and their slots are offsets in sections.
    if image.format != super::Format::Elf {
        return Vec::new();
    }
    image
        .sections
        .iter()
        .enumerate()
        .filter(|(_, section)| section.kind == SectionKind::Relocations && section.loaded)
        .map(|(index, section)| {
            if image.is_64 {
                table::<elf::FileHeader64<Endianness>>(image, index as u32, section, symbols)
            } else {
                table::<elf::FileHeader32<Endianness>>(image, index as u32, section, symbols)
            }
        })
        .collect()
}

fn table<E: FileHeader<Endian = Endianness>>(
    image: &Image<'_>,
    index: u32,
    section: &Section<'_>,
    symbols: &SymbolTable<'_>,
) -> RelocationTable {
    let endian = if image.little_endian {
        Endianness::Little
    } else {
        Endianness::Big
    };
    let bytes = image.section_bytes(section);
    let word = if image.is_64 { 8 } else { 4 };
    let symbol_address = |symbol: u32| {
        let symbol = symbols.symbols.get((symbol as usize).checked_sub(1)?)?;
        symbol.section.map(|_| symbol.address.0)
    };
    // GNU strip does not know the types of Android's sections and makes them plain ones.
    let format = match section.relocations {
        Some(RelocationFormat::Rela) if packed::is_packed(bytes) => {
            Some(RelocationFormat::AndroidRela)
        }
        Some(RelocationFormat::Rel) if packed::is_packed(bytes) => {
            Some(RelocationFormat::AndroidRel)
        }
        format => format,
    };
    let (relocations, entry_size) = match format {
        None => (Vec::new(), 0),
        Some(RelocationFormat::Relr) => (relr(image, bytes, word), word),
        Some(RelocationFormat::AndroidRel | RelocationFormat::AndroidRela) => {
            let target = |kind, symbol, addend: i64| {
                let target = match symbol {
                    0 => Some(addend.cast_unsigned()),
                    symbol => symbol_address(symbol).map(|base| base.wrapping_add_signed(addend)),
                };
                target.filter(|_| !is_thread_local(image, kind))
            };
            // Entries have no bytes of their own: what several have in common is written once.
            (packed::read(image, section, &target), 0)
        }
        Some(RelocationFormat::Rela) => {
            let size = size_of::<E::Rela>();
            let entries: &[E::Rela] =
                object::slice_from_bytes(bytes, bytes.len() / size).map_or(&[], |(slice, _)| slice);
            let relocations = entries.iter().enumerate().map(|(entry, relocation)| {
                let addend: i64 = relocation.r_addend(endian).into();
                let target = match relocation.r_sym(endian, false) {
                    0 => Some(addend as u64),
                    symbol => symbol_address(symbol).map(|base| base.wrapping_add_signed(addend)),
                };
                Relocation {
                    slot: VirtualAddress(relocation.r_offset(endian).into()),
                    // Thread-local relocations hold module numbers and offsets, not addresses.
                    target: target
                        .filter(|_| !is_thread_local(image, relocation.r_type(endian, false)))
                        .map(VirtualAddress),
                    symbol: relocation.r_sym(endian, false).checked_sub(1),
                    entry: entry as u32,
                }
            });
            (relocations.collect(), size as u64)
        }
        Some(RelocationFormat::Rel) => {
            let size = size_of::<E::Rel>();
            let entries: &[E::Rel] =
                object::slice_from_bytes(bytes, bytes.len() / size).map_or(&[], |(slice, _)| slice);
            let relocations = entries.iter().enumerate().map(|(entry, relocation)| {
                let slot = VirtualAddress(relocation.r_offset(endian).into());
                let addend = image.word_at(slot).unwrap_or_default();
                let target = match relocation.r_sym(endian) {
                    0 => Some(addend),
                    symbol => symbol_address(symbol).map(|base| base.wrapping_add(addend)),
                };
                Relocation {
                    slot,
                    target: target
                        .filter(|_| !is_thread_local(image, relocation.r_type(endian)))
                        .map(VirtualAddress),
                    symbol: relocation.r_sym(endian).checked_sub(1),
                    entry: entry as u32,
                }
            });
            (relocations.collect(), size as u64)
        }
    };
    RelocationTable {
        section: index,
        start: 0,
        entry_size,
        guessed: false,
        relocations,
    }
}

fn is_thread_local(image: &Image<'_>, kind: elf::RelocationType) -> bool {
    match image.architecture {
        Architecture::X86_64 => matches!(
            kind,
            elf::R_X86_64_DTPMOD64
                | elf::R_X86_64_DTPOFF64
                | elf::R_X86_64_TPOFF64
                | elf::R_X86_64_TLSDESC
        ),
        Architecture::Aarch64 => matches!(
            kind,
            elf::R_AARCH64_TLS_DTPMOD
                | elf::R_AARCH64_TLS_DTPREL
                | elf::R_AARCH64_TLS_TPREL
                | elf::R_AARCH64_TLSDESC
        ),
        Architecture::Arm => matches!(
            kind,
            elf::R_ARM_TLS_DTPMOD32 | elf::R_ARM_TLS_DTPOFF32 | elf::R_ARM_TLS_TPOFF32
        ),
        Architecture::Riscv64 | Architecture::Riscv32 => matches!(
            kind,
            elf::R_RISCV_TLS_DTPMOD32
                | elf::R_RISCV_TLS_DTPMOD64
                | elf::R_RISCV_TLS_DTPREL32
                | elf::R_RISCV_TLS_DTPREL64
                | elf::R_RISCV_TLS_TPREL32
                | elf::R_RISCV_TLS_TPREL64
        ),
        Architecture::I686 => matches!(
            kind,
            elf::R_386_TLS_DTPMOD32
                | elf::R_386_TLS_DTPOFF32
                | elf::R_386_TLS_TPOFF
                | elf::R_386_TLS_TPOFF32
                | elf::R_386_TLS_DESC
        ),
        Architecture::PowerPc64 | Architecture::PowerPc64Le => matches!(
            kind,
            elf::R_PPC64_DTPMOD64 | elf::R_PPC64_DTPREL64 | elf::R_PPC64_TPREL64
        ),
        Architecture::S390x => matches!(
            kind,
            elf::R_390_TLS_DTPMOD | elf::R_390_TLS_DTPOFF | elf::R_390_TLS_TPOFF
        ),
        // Of these no loader's types are known here; their targets may be offsets.
        Architecture::X86_64X32
        | Architecture::PowerPc
        | Architecture::LoongArch64
        | Architecture::Mips64
        | Architecture::Mips
        | Architecture::Sparc64
        | Architecture::Avr
        | Architecture::Msp430
        | Architecture::Hexagon
        | Architecture::Xtensa
        | Architecture::Bpf
        | Architecture::Wasm32
        | Architecture::Wasm64
        | Architecture::Universal
        | Architecture::Unknown => false,
    }
}

/// RELR: an even word is the address of a slot; an odd word is a bitmap of the 63 (31) slots that
/// follow. The slot itself holds the target.
fn relr(image: &Image<'_>, bytes: &[u8], word: u64) -> Vec<Relocation> {
    let mut relocations = Vec::new();
    let mut base = 0_u64;
    let mut last = None;
    let mut push = |slot: u64, entry: usize| {
        // The linker writes slots in ascending order. Insisting on it bounds their number by the
        // size of the data they stand in, whatever a bitmap claims.
        if last.is_some_and(|last| slot <= last) {
            return;
        }
        let slot = VirtualAddress(slot);
        if let Some(target) = image.word_at(slot) {
            last = Some(slot.0);
            relocations.push(Relocation {
                slot,
                target: Some(VirtualAddress(target)),
                symbol: None,
                entry: entry as u32,
            });
        }
    };
    for (entry, chunk) in bytes.chunks_exact(word as usize).enumerate() {
        let value = chunk
            .iter()
            .enumerate()
            .fold(0_u64, |value, (position, byte)| {
                let shift = if image.little_endian {
                    position
                } else {
                    word as usize - 1 - position
                };
                value | u64::from(*byte) << (8 * shift)
            });
        if value & 1 == 0 {
            push(value, entry);
            base = value.wrapping_add(word);
        } else {
            let bits = word * 8 - 1;
            for bit in (0..bits).filter(|bit| value >> (bit + 1) & 1 == 1) {
                push(base.wrapping_add(bit * word), entry);
            }
            base = base.wrapping_add(bits * word);
        }
    }
    relocations
}
