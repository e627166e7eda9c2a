//! x86-64, by `iced-x86`.

mod distances;
mod lengths;
mod plain;
mod sweep;
mod threads;

use super::{
    Disassembler, Instruction as Decoded, Lister, Piece, Reference, ReferenceKind, Sought, Syntax,
    ThreadDistance,
};
use crate::address::{Range, VirtualAddress};
use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind};
use std::hash::{DefaultHasher, Hash, Hasher};

pub(super) struct X86_64;

impl Lister for X86_64 {
    fn instructions(&self, code: &[u8], address: VirtualAddress, syntax: Syntax) -> Vec<Decoded> {
        super::x86_64_instructions::decode(code, address, syntax)
    }
}

impl Disassembler for X86_64 {
    fn references(
        &self,
        pieces: &[Piece<'_>],
        absolute: bool,
        found: &mut dyn FnMut(usize, Reference),
    ) {
        sweep::references(pieces, absolute, found);
    }

    fn position_free(&self, code: &[u8], address: VirtualAddress) -> u64 {
        let mut hasher = DefaultHasher::new();
        let mut decoder = Decoder::with_ip(64, code, address.0, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        let inside = Range::<VirtualAddress>::new(address, code.len() as u64);
        let lead = |hasher: &mut DefaultHasher, target: u64| {
            let target = VirtualAddress(target);
            if inside.contains(target) {
                (0_u8, target.0 - address.0).hash(hasher);
            } else {
                (1_u8, target.0).hash(hasher);
            }
        };
        while decoder.can_decode() {
            let start = decoder.position();
            decoder.decode_out(&mut instruction);
            let bytes = code.get(start..decoder.position()).unwrap_or_default();
            let offsets = decoder.get_constant_offsets(&instruction);
            let relative = instruction.is_ip_rel_memory_operand();
            let near = near(&instruction);
            let (from, size) = if relative && offsets.has_displacement() {
                (offsets.displacement_offset(), offsets.displacement_size())
            } else if near && offsets.has_immediate() {
                (offsets.immediate_offset(), offsets.immediate_size())
            } else {
                bytes.hash(&mut hasher);
                continue;
            };
            bytes.get(..from).hash(&mut hasher);
            bytes.get(from + size..).hash(&mut hasher);
            if relative {
                lead(&mut hasher, instruction.ip_rel_memory_address());
            } else {
                lead(&mut hasher, instruction.near_branch_target());
            }
        }
        hasher.finish()
    }

    fn calls(&self, pieces: &[Piece<'_>], found: &mut dyn FnMut(usize, Reference)) {
        sweep::calls(pieces, found);
    }

    fn may_refer(&self, piece: Piece<'_>, sought: &Sought) -> bool {
        // Each four bytes may be a distance from behind them.
        let from = piece.address.0.wrapping_add(4).wrapping_sub(sought.low);
        let mut distances = piece.code.windows(4).zip(0_u64..);
        distances.any(|(distance, at)| {
            let [a, b, c, d] = *distance else {
                return false;
            };
            let distance = i32::from_le_bytes([a, b, c, d]);
            let from = from.wrapping_add(at);
            sought.may_be(from.wrapping_add_signed(distance.into()))
        })
    }

    fn adds_what_it_loads(&self, piece: Piece<'_>, from: VirtualAddress) -> bool {
        distances::adds_what_it_loads(piece, from)
    }

    fn thread_locals(
        &self,
        piece: Piece<'_>,
        firsts: &[VirtualAddress],
        found: &mut dyn FnMut(VirtualAddress, ThreadDistance),
    ) {
        threads::thread_locals(piece, firsts, found);
    }

    fn is_padding(&self, code: &[u8]) -> bool {
        // Zeroes and int3 are the linkers' fillers; the rest are the assemblers' long nops.
        if code.iter().all(|byte| *byte == 0) || code.iter().all(|byte| *byte == 0xcc) {
            return true;
        }
        let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            let nothing = matches!(instruction.mnemonic(), Mnemonic::Nop | Mnemonic::Int3)
                // `xchg ax, ax` is a nop of two bytes.
                || matches!(instruction.code(), Code::Nopw | Code::Nopd | Code::Nopq)
                || (instruction.mnemonic() == Mnemonic::Xchg
                    && instruction.op0_register() == instruction.op1_register());
            if !nothing {
                return false;
            }
        }
        true
    }
}

/// Whether it calls or jumps to an address that stands in it.
fn near(instruction: &Instruction) -> bool {
    let is_near = matches!(
        instruction.op0_kind(),
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
    );
    is_near && instruction.op_count() > 0
}

fn access(instruction: &Instruction) -> ReferenceKind {
    if instruction.mnemonic() == Mnemonic::Lea {
        ReferenceKind::Address
    } else {
        let size = instruction.memory_size().size();
        ReferenceKind::Access(u16::try_from(size).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_code_elsewhere_has_the_same_hash() {
        // call 0x2000; jmp to the start; ret: at 0x1000 and at 0x1100.
        let one = [0xe8, 0xfb, 0x0f, 0, 0, 0xeb, 0xf9, 0xc3];
        let two = [0xe8, 0xfb, 0x0e, 0, 0, 0xeb, 0xf9, 0xc3];
        let hash = |code: &[u8], at| X86_64.position_free(code, VirtualAddress(at));
        assert_eq!(hash(&one, 0x1000), hash(&two, 0x1100));
        // The same bytes lead elsewhere.
        assert_ne!(hash(&one, 0x1000), hash(&one, 0x1100));
    }

    #[test]
    fn what_may_refer_is_all_that_does() {
        let range = |start, size| Range::<VirtualAddress>::new(VirtualAddress(start), size);
        let sought = Sought::new([range(0x2000, 0x10), range(0x9_0000, 8)]);
        let may = |code: &[u8], at| {
            let address = VirtualAddress(at);
            X86_64.may_refer(Piece { code, address }, &sought)
        };
        // call; the same from elsewhere; lea; cmp [rip + …], 1 with a number of four bytes behind.
        assert!(may(&[0xe8, 0xfb, 0x0f, 0, 0], 0x1000));
        assert!(!may(&[0xe8, 0xfb, 0x0f, 0, 0], 0x1100));
        assert!(may(&[0x48, 0x8d, 0x05, 0xf9, 0xef, 0x08, 0], 0x1000));
        assert!(may(&[0x81, 0x3d, 0xf6, 0x0f, 0, 0, 1, 0, 0, 0], 0x1000));
        assert!(!may(&[], 0x2000));
        assert!(!X86_64.may_refer(
            Piece {
                code: &[0; 16],
                address: VirtualAddress(0x2000)
            },
            &Sought::new([])
        ));
    }

    #[test]
    fn nops_of_all_lengths_are_padding_and_code_is_not() {
        assert!(X86_64.is_padding(&[0x66, 0x90, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0]));
        assert!(X86_64.is_padding(&[0xcc; 7]));
        assert!(X86_64.is_padding(&[0; 3]));
        assert!(!X86_64.is_padding(&[0xc3]));
        assert!(!X86_64.is_padding(&[0x90, 0xc3]));
    }
}
