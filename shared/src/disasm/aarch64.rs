//! AArch64, by masks.
//!
//! What code refers to needs few instructions: an address is made of a page (`adrp`) and a distance
//! in it (`add`, or the offset of a load or store), or stands near enough for one (`adr`, `ldr` of a
//! literal). The page's register is followed to where it is used.
//!
//! Truth: Arm's "A64 Instruction Set Architecture", the encoding index, and the procedure call
//! standard for what a call keeps.

mod distances;
mod instructions;
mod registers;
mod sweep;
mod threads;

use super::{
    Disassembler, Instruction, Lister, Piece, Reference, ReferenceKind, Syntax, ThreadDistance,
};
use crate::address::{Range, VirtualAddress};
use std::hash::{DefaultHasher, Hash, Hasher};

pub(super) struct Aarch64;

impl Lister for Aarch64 {
    fn instructions(
        &self,
        code: &[u8],
        address: VirtualAddress,
        _syntax: Syntax,
    ) -> Vec<Instruction> {
        instructions::decode(code, address)
    }
}

impl Disassembler for Aarch64 {
    fn references(
        &self,
        pieces: &[Piece<'_>],
        _absolute: bool,
        found: &mut dyn FnMut(usize, Reference),
    ) {
        let mut targets = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            sweep::references(piece, &mut targets, &mut |reference| {
                found(index, reference);
            });
        }
    }

    fn position_free(&self, code: &[u8], address: VirtualAddress) -> u64 {
        let mut hasher = DefaultHasher::new();
        let inside = Range::<VirtualAddress>::new(address, code.len() as u64);
        for (word, at) in words(code, address) {
            let Some(near) = Near::of(word, at) else {
                word.hash(&mut hasher);
                continue;
            };
            (word & !near.mask).hash(&mut hasher);
            // A page holds code of other functions, so it is never inside.
            let own = inside.contains(near.to) && !near.page;
            match own {
                true => (0_u8, near.to.0 - address.0).hash(&mut hasher),
                false => (1_u8, near.to.0).hash(&mut hasher),
            }
        }
        code.as_chunks::<4>().1.hash(&mut hasher);
        hasher.finish()
    }

    fn calls(&self, pieces: &[Piece<'_>], found: &mut dyn FnMut(usize, Reference)) {
        for (piece, index) in pieces.iter().zip(0..) {
            let inside = Range::<VirtualAddress>::new(piece.address, piece.code.len() as u64);
            let mut outside = |reference: Reference| {
                if !inside.contains(reference.to) {
                    found(index, reference);
                }
            };
            for (word, from) in words(piece.code, piece.address) {
                if let Some(near) = Near::of(word, from).filter(|near| near.branch) {
                    let (to, kind) = (near.to, ReferenceKind::Call);
                    outside(Reference { from, to, kind });
                }
            }
            sweep::references(piece, &mut Vec::new(), &mut outside);
        }
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
        let (words, rest) = code.as_chunks::<4>();
        let nothing = |word: &[u8; 4]| matches!(*word, NOP | [0, 0, 0, 0]);
        words.iter().all(nothing) && rest.iter().all(|byte| *byte == 0)
    }
}

const NOP: [u8; 4] = [0x1f, 0x20, 0x03, 0xd5];

/// The instructions of `code`. Their bytes stand low one first, whatever the order of data is.
fn words(code: &[u8], address: VirtualAddress) -> impl Iterator<Item = (u32, VirtualAddress)> {
    let (words, _) = code.as_chunks::<4>();
    let words = words.iter().map(|word| u32::from_le_bytes(*word));
    let at = (0_u64..).map(move |number| VirtualAddress(address.0.wrapping_add(4 * number)));
    words.zip(at)
}

/// An instruction that counts from where it stands.
struct Near {
    to: VirtualAddress,
    /// The bits of the distance.
    mask: u32,
    /// Whether it goes there.
    branch: bool,
    /// Whether it means a page of 4 KiB.
    page: bool,
}

impl Near {
    #[inline]
    fn of(word: u32, at: VirtualAddress) -> Option<Self> {
        let near = |distance: i64, mask, branch| Self {
            to: VirtualAddress(at.0.wrapping_add_signed(distance)),
            mask,
            branch,
            page: false,
        };
        // Signed, `bits` of them from `low` on, in words.
        let field = |low: u32, bits: u32| {
            let value = word << (32 - bits - low);
            i64::from(value.cast_signed() >> (32 - bits)) * 4
        };
        match word {
            // b, bl
            _ if word & 0x7c00_0000 == 0x1400_0000 => Some(near(field(0, 26), 0x03ff_ffff, true)),
            // b.cond, cbz, cbnz
            _ if word & 0xff00_0000 == 0x5400_0000 || word & 0x7e00_0000 == 0x3400_0000 => {
                Some(near(field(5, 19), 0x00ff_ffe0, true))
            }
            // tbz, tbnz
            _ if word & 0x7e00_0000 == 0x3600_0000 => Some(near(field(5, 14), 0x0007_ffe0, true)),
            // ldr (literal), ldrsw (literal), prfm (literal)
            _ if word & 0x3b00_0000 == 0x1800_0000 => Some(near(field(5, 19), 0x00ff_ffe0, false)),
            // adr, adrp
            _ if word & 0x1f00_0000 == 0x1000_0000 => {
                let high = field(5, 19);
                let distance = high | i64::from(word >> 29 & 3);
                let mask = 0x60ff_ffe0;
                if word >> 31 == 0 {
                    return Some(near(distance, mask, false));
                }
                let page = (at.0 & !0xfff).wrapping_add_signed(distance << 12);
                Some(Self {
                    to: VirtualAddress(page),
                    mask,
                    branch: false,
                    page: true,
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn references(words: &[u32]) -> Vec<(u64, ReferenceKind)> {
        let code = code(words);
        let mut all = Vec::new();
        let address = VirtualAddress(0x1000);
        let piece = Piece {
            code: &code,
            address,
        };
        Aarch64.references(&[piece], false, &mut |_, reference| {
            all.push((reference.to.0, reference.kind));
        });
        all
    }

    #[test]
    fn a_page_and_a_distance_are_an_address() {
        // adrp x0, 0x3000; add x0, x0, #0x10; ldr w1, [x0, #4]
        let words = [0xd000_0000, 0x9100_4000, 0xb940_0401];
        assert_eq!(
            references(&words),
            [
                (0x3010, ReferenceKind::Address),
                (0x3014, ReferenceKind::Access(4))
            ]
        );
        // adrp x8, 0x3000; ldr q0, [x8, #0x20]
        assert_eq!(
            references(&[0xd000_0008, 0x3dc0_0900]),
            [(0x3020, ReferenceKind::Access(16))]
        );
        // adr x0, 0x1010; ldr x1, 0x1008
        assert_eq!(
            references(&[0x1000_0080, 0x5800_0021]),
            [
                (0x1010, ReferenceKind::Address),
                (0x1008, ReferenceKind::Access(8))
            ]
        );
    }

    #[test]
    fn calls_and_joins_forget() {
        // adrp x0; bl; add x1, x0, #0x10
        assert_eq!(references(&[0xd000_0000, 0x9400_0400, 0x9100_4001]), []);
        // adrp x19; bl; add x1, x19, #0x10: kept over a call
        assert_eq!(
            references(&[0xd000_0013, 0x9400_0400, 0x9100_4261]),
            [(0x3010, ReferenceKind::Address)]
        );
        // cbz x2, +12; adrp x0; add x1, x0, #0x10 (where the branch leads, x0 is another)
        assert_eq!(references(&[0xb400_0042, 0xd000_0000, 0x9100_4001]), []);
        // mov x0, x1 in between
        assert_eq!(references(&[0xd000_0000, 0xaa01_03e0, 0x9100_4001]), []);
    }

    #[test]
    fn the_same_code_elsewhere_has_the_same_hash() {
        // bl 0x2000; cbz x0, to the start; ret: at 0x1000 and at 0x1100.
        let one = code(&[0x9400_0400, 0xb4ff_ffe0, 0xd65f_03c0]);
        let two = code(&[0x9400_03c0, 0xb4ff_ffe0, 0xd65f_03c0]);
        let hash = |code: &[u8], at| Aarch64.position_free(code, VirtualAddress(at));
        assert_eq!(hash(&one, 0x1000), hash(&two, 0x1100));
        assert_ne!(hash(&one, 0x1000), hash(&one, 0x1100));
    }

    #[test]
    fn nothing_but_nops_and_zeroes_is_padding() {
        assert!(Aarch64.is_padding(&code(&[0xd503_201f, 0])));
        assert!(!Aarch64.is_padding(&code(&[0xd65f_03c0])));
    }
}
