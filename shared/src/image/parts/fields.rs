//! What COFF and Mach-O objects store in the places that a linker fills in: how far from its symbol a
//! place points, or, in Mach-O, where the target is in the object itself.
//!
//! Sources: Microsoft's "PE Format" on the types of relocations, Apple's `mach-o/reloc.h` and its
//! headers for each processor. On 64-bit Arm what stands in an instruction is not read: compilers put
//! the distance into a relocation of its own there (Mach-O), or use none.

use super::super::{Architecture, Image};
use crate::address::VirtualAddress;
use object::{RelocationFlags, macho, pe};

/// The bytes of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Four,
    Eight,
}

/// What a place holds: the distance from a symbol; from a place in the object itself, as instructions
/// have it, with that place added up to an address of the object.
pub(super) struct Stored {
    /// The number in the place.
    pub(super) number: i64,
    /// How far after the place the counting begins, where it counts from there.
    pub(super) from: Option<i64>,
}

/// What stands in the place `slot`, by the relocation's type.
pub(super) fn stored(
    image: &Image<'_>,
    slot: VirtualAddress,
    relocation: &object::Relocation,
) -> Stored {
    let (width, from) = match relocation.flags() {
        RelocationFlags::Coff { typ } => (coff(image.architecture, typ), None),
        RelocationFlags::MachO {
            r_type,
            r_pcrel,
            r_length,
        } => macho(image.architecture, r_type, r_pcrel, r_length),
        _ => (None, None),
    };
    let bytes = image.bytes_at(slot).unwrap_or_default();
    let number = match width {
        Some(Width::Four) => bytes
            .first_chunk()
            .map_or(0, |word| i64::from(image.u32(*word).cast_signed())),
        Some(Width::Eight) => bytes
            .first_chunk()
            .map_or(0, |word| image.u64(*word).cast_signed()),
        None => relocation.addend(),
    };
    Stored { number, from }
}

/// How long the number is in a place of COFF. What counts from the place itself counts from behind it,
/// as the processor does.
fn coff(architecture: Architecture, typ: pe::RelocationType) -> Option<Width> {
    use pe::{
        IMAGE_REL_AMD64_ADDR32, IMAGE_REL_AMD64_ADDR32NB, IMAGE_REL_AMD64_ADDR64,
        IMAGE_REL_AMD64_REL32, IMAGE_REL_AMD64_REL32_5, IMAGE_REL_ARM64_ADDR32,
        IMAGE_REL_ARM64_ADDR32NB, IMAGE_REL_ARM64_ADDR64, IMAGE_REL_ARM64_REL32,
        IMAGE_REL_I386_DIR32, IMAGE_REL_I386_DIR32NB, IMAGE_REL_I386_REL32,
    };
    let (four, eight) = (Some(Width::Four), Some(Width::Eight));
    match architecture {
        Architecture::X86_64 => match typ {
            IMAGE_REL_AMD64_ADDR64 => eight,
            IMAGE_REL_AMD64_ADDR32 | IMAGE_REL_AMD64_ADDR32NB => four,
            _ if (IMAGE_REL_AMD64_REL32..=IMAGE_REL_AMD64_REL32_5).contains(&typ) => four,
            _ => None,
        },
        Architecture::Aarch64 => match typ {
            IMAGE_REL_ARM64_ADDR64 => eight,
            IMAGE_REL_ARM64_ADDR32 | IMAGE_REL_ARM64_ADDR32NB | IMAGE_REL_ARM64_REL32 => four,
            _ => None,
        },
        Architecture::I686 => match typ {
            IMAGE_REL_I386_DIR32 | IMAGE_REL_I386_DIR32NB | IMAGE_REL_I386_REL32 => four,
            _ => None,
        },
        _ => None,
    }
}

fn macho(
    architecture: Architecture,
    kind: macho::RelocationType,
    counts_from_place: bool,
    length: u8,
) -> (Option<Width>, Option<i64>) {
    if !counts_from_place {
        // Type 0 of every processor: an address that is written as it is.
        let address = kind.0 == 0;
        let width = match length {
            3 if address => Some(Width::Eight),
            2 if address => Some(Width::Four),
            _ => None,
        };
        return (width, None);
    }
    if architecture != Architecture::X86_64 {
        return (None, None);
    }
    let more = match kind {
        macho::X86_64_RELOC_SIGNED_1 => 1,
        macho::X86_64_RELOC_SIGNED_2 => 2,
        macho::X86_64_RELOC_SIGNED_4 => 4,
        _ => 0,
    };
    (Some(Width::Four), Some(4 + more))
}
