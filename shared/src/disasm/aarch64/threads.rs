//! Thread-local variables: code adds their distance to the thread pointer, `TPIDR_EL0`, or on Windows to
//! where the first of them is, as a table at `[x18 + 0x58]` says.
//!
//! Sources: Arm's "ELF for the Arm 64-bit Architecture", its sequences and what linkers make of them in a
//! program; what LLVM compiles `__declspec(thread)` to.

use super::{
    super::{Piece, ThreadDistance},
    words,
};
use crate::address::VirtualAddress;

/// What a register holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Other,
    /// This number.
    Number(i64),
    /// Where a variable, or the thread pointer, points to.
    Place(ThreadDistance),
    /// The table of where each module's first variable is.
    Table,
}

/// See [`Disassembler::thread_locals`](super::Disassembler::thread_locals). Slots for the first variable
/// only do not occur here: compilers ask for each variable by a descriptor.
pub(super) fn thread_locals(
    piece: Piece<'_>,
    _firsts: &[VirtualAddress],
    found: &mut dyn FnMut(VirtualAddress, ThreadDistance),
) {
    if !words(piece.code, piece.address).any(|(word, _)| is_pointer(word) || is_table(word)) {
        return;
    }
    let mut held = [Held::Other; 32];
    for (word, at) in words(piece.code, piece.address) {
        let result = step(word, &held, &mut |distance| found(at, distance));
        // bl, blr
        if word & 0xfc00_0000 == 0x9400_0000 || word & 0xfeff_f000 == 0xd63f_0000 {
            held[..19].fill(Held::Other);
            held[30] = Held::Other;
        } else if !is_store(word) && !is_branch(word) && word & 31 != 31 {
            held[(word & 31) as usize] = result;
        }
    }
}

/// mrs x, tpidr_el0
fn is_pointer(word: u32) -> bool {
    word & 0xffff_ffe0 == 0xd53b_d040
}

/// ldr x, [x18, #0x58]
fn is_table(word: u32) -> bool {
    word & 0xffff_ffe0 == 0xf940_2e40
}

fn is_branch(word: u32) -> bool {
    word >> 26 & 0x7 == 0b101 && !is_pointer(word)
}

/// Stores of one register.
fn is_store(word: u32) -> bool {
    word & 0x3a00_0000 == 0x3800_0000 && word >> 22 & 3 == 0
}

/// What the register that is written holds then; `found` is told of each variable.
fn step(word: u32, held: &[Held; 32], found: &mut dyn FnMut(ThreadDistance)) -> Held {
    let of = |register: u32| held[(register & 31) as usize];
    let base = of(word >> 5);
    if is_pointer(word) {
        return Held::Place(ThreadDistance::Pointer(0));
    }
    if is_table(word) {
        return Held::Table;
    }
    // movz, movn and movk of 64 bits
    let shift = 16 * (word >> 21 & 3);
    let part = i64::from(word >> 5 & 0xffff) << shift;
    match word & 0xff80_0000 {
        0xd280_0000 => return Held::Number(part),
        0x9280_0000 => return Held::Number(!part),
        0xf280_0000 => {
            return match of(word) {
                Held::Number(number) => Held::Number(number & !(0xffff << shift) | part),
                _ => Held::Other,
            };
        }
        _ => {}
    }
    // add of a number; what is shifted is the first half of a distance.
    if word & 0xff80_0000 == 0x9100_0000 {
        let shifted = word >> 22 & 1;
        let distance = i64::from(word >> 10 & 0xfff) << (12 * shifted);
        let sum = base.add(distance);
        if let (Held::Place(place), 0) = (sum, shifted) {
            found(place);
        }
        return sum;
    }
    // add of a register
    if word & 0xffe0_fc00 == 0x8b00_0000 {
        let sum = base.sum(of(word >> 16));
        if let Held::Place(place) = sum {
            found(place);
        }
        return sum;
    }
    memory(word, base, of(word >> 16), found)
}

/// Loads and stores of one register.
fn memory(word: u32, base: Held, index: Held, found: &mut dyn FnMut(ThreadDistance)) -> Held {
    // With a distance that counts in units of the access, and with one that counts bytes.
    let size = word >> 30 | (word >> 26 & 1 & word >> 23 & 1) << 2;
    let place = match word & 0x3b20_0c00 {
        _ if word & 0x3b00_0000 == 0x3900_0000 => base.add(i64::from(word >> 10 & 0xfff) << size),
        0x3800_0000 => base.add(i64::from((word << 11).cast_signed() >> 23)),
        // By a register: from the table, of a program the first of its list.
        0x3820_0800 if base == Held::Table => return Held::Place(ThreadDistance::First(0)),
        0x3820_0800 => base.sum(index),
        _ => Held::Other,
    };
    if let Held::Place(place) = place {
        found(place);
    }
    match base {
        Held::Table => Held::Place(ThreadDistance::First(0)),
        _ => Held::Other,
    }
}

impl Held {
    fn add(self, distance: i64) -> Self {
        match self {
            Self::Place(place) => Self::Place(place.add(distance)),
            Self::Number(number) => Self::Number(number.wrapping_add(distance)),
            Self::Other | Self::Table => Self::Other,
        }
    }

    fn sum(self, other: Self) -> Self {
        match (self, other) {
            (Self::Place(place), Self::Number(number))
            | (Self::Number(number), Self::Place(place)) => Self::Place(place.add(number)),
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &[u32]) -> Vec<ThreadDistance> {
        let code: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        let address = VirtualAddress(0x1000);
        let piece = Piece {
            code: &code,
            address,
        };
        let mut all = Vec::new();
        thread_locals(piece, &[], &mut |_, distance| all.push(distance));
        all
    }

    #[test]
    fn the_pointer_is_followed() {
        use ThreadDistance::{First, Pointer};
        // mrs x8, tpidr_el0; add x8, x8, #0, lsl #12; add x8, x8, #0x18; ldr w0, [x8, #4]
        let code = [0xd53b_d048, 0x9140_0108, 0x9100_6108, 0xb940_0500];
        assert_eq!(of(&code), [Pointer(0x18), Pointer(0x1c)]);
        // movz x0, #0, lsl #16; movk x0, #0x20; mrs x8, tpidr_el0; ldr x0, [x8, x0]
        let code = [0xd2a0_0000, 0xf280_0400, 0xd53b_d048, 0xf860_6900];
        assert_eq!(of(&code), [Pointer(0x20)]);
        // ldr x8, [x18, #0x58]; ldr x8, [x8, w9, uxtw #3]; add x8, x8, #0, lsl #12; ldr w0, [x8, #8]
        let code = [0xf940_2e48, 0xf869_5908, 0x9140_0108, 0xb940_0900];
        assert_eq!(of(&code), [First(8)]);
        // A call forgets.
        let code = [0xd53b_d048, 0x9400_0010, 0x9100_6108];
        assert_eq!(of(&code), []);
    }
}
