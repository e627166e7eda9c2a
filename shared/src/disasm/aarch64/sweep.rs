//! A linear sweep over a function for what it refers to.

use super::{
    super::{Piece, Reference, ReferenceKind},
    Near,
    registers::Registers,
    words,
};
use crate::address::VirtualAddress;

/// Calls `found` with each address of data. `targets` is memory that is used again.
pub(super) fn references(
    piece: &Piece<'_>,
    targets: &mut Vec<u64>,
    found: &mut dyn FnMut(Reference),
) {
    mark_targets(piece, targets);
    let mut registers = Registers::new();
    for ((word, from), number) in words(piece.code, piece.address).zip(0_usize..) {
        // Where code comes together, the registers have other values.
        if targets[number / 64] >> (number % 64) & 1 == 1 {
            registers.forget_all();
        }
        let mut refer = |to, kind| found(Reference { from, to, kind });
        match word >> 25 & 0xf {
            // Numbers in the instruction.
            0b1000 | 0b1001 => immediate(word, from, &mut registers, &mut refer),
            // Branches, exceptions, system.
            0b1010 | 0b1011 => branch(word, &mut registers),
            // Loads and stores.
            0b0100 | 0b0110 | 0b1100 | 0b1110 => memory(word, from, &mut registers, &mut refer),
            // Registers.
            0b0101 | 0b1101 => {
                // mov (orr with the zero register)
                let value = match word & 0xffe0_ffe0 == 0xaa00_03e0 {
                    true => registers.get(word >> 16),
                    false => None,
                };
                registers.set(word, value);
            }
            // Vectors; some move into a general register.
            _ => registers.set(word, None),
        }
    }
}

/// One bit for each instruction that a branch of the function leads to.
fn mark_targets(piece: &Piece<'_>, targets: &mut Vec<u64>) {
    let count = piece.code.len() / 4;
    targets.clear();
    targets.resize(count / 64 + 1, 0);
    for (word, at) in words(piece.code, piece.address) {
        // Of what counts from its place most are branches; bl does not lead back here.
        if word >> 26 & 0x7 != 0b101 || word & 0xfc00_0000 == 0x9400_0000 {
            continue;
        }
        let near = Near::of(word, at).filter(|near| near.branch);
        let distance = near.and_then(|near| near.to.checked_since(piece.address));
        let number = distance.and_then(|distance| usize::try_from(distance / 4).ok());
        if let Some(number) = number.filter(|number| *number < count) {
            targets[number / 64] |= 1 << (number % 64);
        }
    }
}

#[inline]
fn immediate(
    word: u32,
    at: VirtualAddress,
    registers: &mut Registers,
    refer: &mut dyn FnMut(VirtualAddress, ReferenceKind),
) {
    if word & 0x1f00_0000 == 0x1000_0000 {
        let Some(near) = Near::of(word, at) else {
            return;
        };
        if !near.page {
            refer(near.to, ReferenceKind::Address);
        }
        registers.set(word, Some(near.to));
        return;
    }
    // add and sub with 64 bits
    if word & 0xbf80_0000 == 0x9100_0000 {
        let distance = u64::from(word >> 10 & 0xfff) << (12 * (word >> 22 & 1));
        let base = registers.get(word >> 5).filter(|_| word >> 5 & 31 != 31);
        let sum = base.map(|base| match word >> 30 & 1 {
            0 => VirtualAddress(base.0.wrapping_add(distance)),
            _ => VirtualAddress(base.0.wrapping_sub(distance)),
        });
        if let Some(sum) = sum {
            refer(sum, ReferenceKind::Address);
        }
        registers.set(word, sum);
        return;
    }
    registers.set(word, None);
}

#[inline]
fn branch(word: u32, registers: &mut Registers) {
    match word {
        // bl; blr and its forms that check signatures
        _ if word & 0xfc00_0000 == 0x9400_0000 || word & 0xfeff_f000 == 0xd63f_0000 => {
            registers.call();
        }
        // b, br, ret: what follows is reached from elsewhere only.
        _ if word & 0xfc00_0000 == 0x1400_0000 || word & 0xfe00_0000 == 0xd600_0000 => {
            registers.forget_all();
        }
        // mrs writes a register.
        _ if word & 0xfff0_0000 == 0xd530_0000 => registers.set(word, None),
        _ => {}
    }
}

/// Loads and stores with a known base.
#[inline]
fn memory(
    word: u32,
    at: VirtualAddress,
    registers: &mut Registers,
    refer: &mut dyn FnMut(VirtualAddress, ReferenceKind),
) {
    let vector = word >> 26 & 1 == 1;
    let access = |size: u32| ReferenceKind::Access(u16::try_from(size).unwrap_or_default());
    // A literal.
    if word & 0x3b00_0000 == 0x1800_0000 {
        let size = match (word >> 30, vector) {
            (0, _) | (2, false) => 4,
            (1, _) => 8,
            (2, true) => 16,
            _ => return,
        };
        if let Some(near) = Near::of(word, at) {
            refer(near.to, access(size));
        }
        if !vector {
            registers.set(word, None);
        }
        return;
    }
    if registers.is_empty() {
        return;
    }
    let base = registers.get(word >> 5).filter(|_| word >> 5 & 31 != 31);
    let offset =
        |base: VirtualAddress, distance: i64| VirtualAddress(base.0.wrapping_add_signed(distance));
    // Pairs.
    if word & 0x3a00_0000 == 0x2800_0000 {
        let scale = match vector {
            true => 2 + (word >> 30),
            false => 2 + (word >> 31),
        };
        let distance = i64::from((word << 10).cast_signed() >> 25) << scale;
        // Before or after, the base changes.
        let (after, changes) = match word >> 23 & 3 {
            1 => (true, true),
            3 => (false, true),
            _ => (false, false),
        };
        if let Some(base) = base {
            let to = if after { base } else { offset(base, distance) };
            refer(to, access(2 << scale.min(4)));
        }
        if changes {
            registers.set(word >> 5, None);
        }
        if word >> 22 & 1 == 1 && !vector {
            registers.set(word, None);
            registers.set(word >> 10, None);
        }
        return;
    }
    let size = word >> 30;
    let operation = word >> 22 & 3;
    let scale = match (vector, operation & 2) {
        (true, 2) => size + 4,
        _ => size,
    };
    let loads = !vector && operation != 0;
    // An offset of twelve bits.
    if word & 0x3b00_0000 == 0x3900_0000 {
        if let Some(base) = base {
            let distance = i64::from(word >> 10 & 0xfff) << scale;
            refer(offset(base, distance), access(1 << scale.min(4)));
        }
        if loads {
            registers.set(word, None);
        }
        return;
    }
    if word & 0x3b00_0000 == 0x3800_0000 {
        let distance = i64::from((word << 11).cast_signed() >> 23);
        let index = word >> 10 & 3;
        match (word >> 21 & 1, index) {
            // Not scaled; before; after.
            (0, 0) | (0, 3) => {
                if let Some(base) = base {
                    refer(offset(base, distance), access(1 << scale.min(4)));
                }
            }
            // By a register, and atomic ones: at the base, or somewhere behind it.
            _ => {
                if let Some(base) = base {
                    refer(base, ReferenceKind::Address);
                }
            }
        }
        if word >> 21 & 1 == 0 && index & 1 == 1 {
            registers.set(word >> 5, None);
        }
        // Atomic operations load, whatever their bits say elsewhere.
        if loads || word >> 21 & 1 == 1 && index == 0 {
            registers.set(word, None);
        }
        return;
    }
    // Exclusive ones and vectors: at the base. They write up to two registers, and a state.
    if let Some(base) = base {
        refer(base, ReferenceKind::Address);
    }
    registers.set(word, None);
    registers.set(word >> 10, None);
    registers.set(word >> 16, None);
    if vector {
        registers.set(word >> 5, None);
    }
}
