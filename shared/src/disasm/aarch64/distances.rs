//! Tables of distances from their own start, to which code adds the start again: see the file of the
//! same name for x86-64. The code is `adrp t, table; add t, t, :lo12:table; ldrsw d, [t, i, lsl #2];
//! add d, t, d`.

use super::super::Piece;
use crate::address::VirtualAddress;

/// The load stands near; a loop may have it further on.
const NEAR: usize = 64;

/// See [`Disassembler::adds_what_it_loads`](super::Disassembler::adds_what_it_loads).
pub(super) fn adds_what_it_loads(piece: Piece<'_>, from: VirtualAddress) -> bool {
    let at = from.checked_since(piece.address);
    let rest = at.and_then(|at| piece.code.get(usize::try_from(at).ok()?..));
    let (words, _) = rest.unwrap_or_default().as_chunks::<4>();
    let mut words = words.iter().map(|word| u32::from_le_bytes(*word));
    // The instruction that makes the address, `add` or `adr`.
    let Some(table) = words.next().map(|word| word & 31) else {
        return false;
    };
    let mut loaded = None;
    for word in words.take(NEAR) {
        let (to, base, index) = (word & 31, word >> 5 & 31, word >> 16 & 31);
        let is_sum = word & 0xffe0_fc00 == 0x8b00_0000
            && loaded.is_some_and(|d| (base, index) == (table, d) || (base, index) == (d, table));
        if is_sum {
            return true;
        }
        // ldrsw d, [t, i, lsl #2], and with an index of 32 bits.
        let is_load = word & 0xffe0_1c00 == 0xb8a0_1800 && base == table;
        if is_load {
            loaded = Some(to);
        } else if loaded == Some(to) {
            loaded = None;
        }
        if to == table {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_one_whose_start_is_added_to_what_is_loaded() {
        let of = |words: &[u32]| {
            let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let address = VirtualAddress(0x1000);
            let code = &code;
            adds_what_it_loads(Piece { code, address }, address)
        };
        // add x8, x8, #16; ldrsw x9, [x8, x9, lsl #2]; add x8, x8, x9
        assert!(of(&[0x9100_4108, 0xb8a9_7909, 0x8b09_0108]));
        // The same with a 32-bit index.
        assert!(of(&[0x9100_4108, 0xb8a9_5909, 0x8b09_0108]));
        // Without the sum, with another one, and of another table.
        assert!(!of(&[0x9100_4108, 0xb8a9_7909, 0xd65f_03c0]));
        assert!(!of(&[0x9100_4108, 0xb8a9_7909, 0x8b09_0148]));
        assert!(!of(&[0x9100_4107, 0xb8a9_7909, 0x8b09_0108]));
        assert!(!of(&[]));
    }
}
