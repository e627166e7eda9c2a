//! The length of common instructions and the address that they refer to, without decoding them.
//!
//! Whoever looks for references to data needs of nearly all instructions nothing but where the next
//! one starts. The opcode and the byte behind it tell (Intel's manual, volume 2, chapter 2 and the
//! opcode maps of appendix A): some twenty times faster than decoding. Only what compilers emit all
//! the time is here, and only where every form is valid; for the rest, for rare prefixes and for
//! anything doubtful the answer is `None`, and the decoder is asked. It is the witness in the
//! tests, over all opcodes with all forms of their operands.

use super::super::ReferenceKind;

/// What is known of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// Its length.
    pub(super) size: usize,
    /// The distance from its end to what it refers to, if that stands in it.
    pub(super) relative: Option<i32>,
    /// How it refers to it, where that is easily told.
    pub(super) kind: Option<ReferenceKind>,
    /// The distance from its end to where it jumps or calls, if that stands in it.
    pub(super) branch: Option<i32>,
    /// Whether it jumps to or calls what stands at the address that it refers to.
    pub(super) leads: bool,
}

impl Plain {
    /// Whether it may lead to another function: short jumps nearly always stay in their own.
    pub(super) fn leads_far(&self) -> bool {
        self.branch.is_some() && self.size > SHORT
    }
}

/// The size of a jump whose distance is one byte.
pub(super) const SHORT: usize = 2;

// What follows an opcode; 0 for those that are left to the decoder.
/// Handled here.
const PLAIN: u8 = 1;
/// A byte with the form of the operands, and what it asks for.
const FORM: u8 = 2;
/// A number of one byte; the distance of a jump where [`LARGE`] is set.
const BYTE: u8 = 4;
/// A number of four bytes; of two behind the prefix 66 unless REX.W says otherwise.
const WORD: u8 = 8;
/// Not behind the prefix 66.
const LARGE: u8 = 16;
/// The form decides further.
const SPECIAL: u8 = 32;

/// Opcodes of one byte.
static ONE: [u8; 256] = {
    let mut table = [0; 256];
    let mut row = 0;
    // add, or, adc, sbb, and, sub, xor, cmp
    while row < 0x40 {
        let mut column = 0;
        while column < 4 {
            table[row + column] = PLAIN | FORM;
            column += 1;
        }
        table[row + 4] = PLAIN | BYTE;
        table[row + 5] = PLAIN | WORD;
        row += 8;
    }
    let ranges: [(usize, usize, u8); 31] = [
        (0x50, 0x5f, PLAIN),                         // push, pop
        (0x63, 0x63, PLAIN | FORM),                  // movsxd
        (0x68, 0x68, PLAIN | WORD),                  // push
        (0x69, 0x69, PLAIN | FORM | WORD),           // imul
        (0x6a, 0x6a, PLAIN | BYTE),                  // push
        (0x6b, 0x6b, PLAIN | FORM | BYTE),           // imul
        (0x70, 0x7f, PLAIN | BYTE | LARGE),          // jumps
        (0x80, 0x80, PLAIN | FORM | BYTE),           // add … cmp
        (0x81, 0x81, PLAIN | FORM | WORD),           // add … cmp
        (0x83, 0x83, PLAIN | FORM | BYTE),           // add … cmp
        (0x84, 0x8b, PLAIN | FORM),                  // test, xchg, mov
        (0x8d, 0x8d, PLAIN | FORM | SPECIAL),        // lea
        (0x90, 0x99, PLAIN),                         // nop, xchg, cdqe, cqo
        (0xa8, 0xa8, PLAIN | BYTE),                  // test
        (0xa9, 0xa9, PLAIN | WORD),                  // test
        (0xb0, 0xb7, PLAIN | BYTE),                  // mov
        (0xb8, 0xbf, PLAIN | WORD | SPECIAL),        // mov
        (0xc0, 0xc1, PLAIN | FORM | BYTE | SPECIAL), // shifts
        (0xc3, 0xc3, PLAIN | LARGE),                 // ret
        (0xc6, 0xc6, PLAIN | FORM | BYTE | SPECIAL), // mov
        (0xc7, 0xc7, PLAIN | FORM | WORD | SPECIAL), // mov
        (0xc9, 0xc9, PLAIN | LARGE),                 // leave
        (0xcc, 0xcc, PLAIN | LARGE),                 // int3
        (0xd0, 0xd3, PLAIN | FORM | SPECIAL),        // shifts
        (0xe8, 0xe9, PLAIN | WORD | LARGE),          // call, jmp
        (0xeb, 0xeb, PLAIN | BYTE | LARGE),          // jmp
        (0xf6, 0xf7, PLAIN | FORM | SPECIAL),        // test, not, neg, mul, div
        (0xfe, 0xff, PLAIN | FORM | SPECIAL),        // inc, dec, call, jmp, push
        (0xa4, 0xa5, PLAIN),                         // movs
        (0xaa, 0xab, PLAIN),                         // stos
        (0x86, 0x87, PLAIN | FORM),                  // xchg
    ];
    fill(table, &ranges)
};

/// Opcodes of two bytes, the first of which is 0F.
static TWO: [u8; 256] = fill(
    [0; 256],
    &[
        (0x0b, 0x0b, PLAIN | LARGE),        // ud2
        (0x10, 0x11, PLAIN | FORM),         // movups, movss, …
        (0x14, 0x15, PLAIN | FORM),         // unpcklps
        (0x1f, 0x1f, PLAIN | FORM),         // nop
        (0x28, 0x29, PLAIN | FORM),         // movaps
        (0x2a, 0x2a, PLAIN | FORM),         // cvtsi2sd
        (0x2c, 0x2d, PLAIN | FORM),         // cvttsd2si
        (0x2e, 0x2f, PLAIN | FORM),         // ucomisd
        (0x40, 0x4f, PLAIN | FORM),         // cmov
        (0x51, 0x51, PLAIN | FORM),         // sqrt
        (0x54, 0x5f, PLAIN | FORM),         // and … max
        (0x60, 0x6f, PLAIN | FORM),         // punpck … movdqa
        (0x70, 0x70, PLAIN | FORM | BYTE),  // pshufd
        (0x74, 0x76, PLAIN | FORM),         // pcmpeq
        (0x7e, 0x7f, PLAIN | FORM),         // movd, movdqa
        (0x80, 0x8f, PLAIN | WORD | LARGE), // jumps
        (0x90, 0x9f, PLAIN | FORM),         // set
        (0xa2, 0xa2, PLAIN | LARGE),        // cpuid
        (0xa3, 0xa3, PLAIN | FORM),         // bt
        (0xa4, 0xa4, PLAIN | FORM | BYTE),  // shld
        (0xab, 0xab, PLAIN | FORM),         // bts
        (0xac, 0xac, PLAIN | FORM | BYTE),  // shrd
        (0xaf, 0xb1, PLAIN | FORM),         // imul, cmpxchg
        (0xb3, 0xb3, PLAIN | FORM),         // btr
        (0xb6, 0xb7, PLAIN | FORM),         // movzx
        (0xbb, 0xbf, PLAIN | FORM),         // btc, bsf, bsr, movsx
        (0xc0, 0xc1, PLAIN | FORM),         // xadd
        (0xc6, 0xc6, PLAIN | FORM | BYTE),  // shufps
        (0xc8, 0xcf, PLAIN | LARGE),        // bswap
        (0xd4, 0xd4, PLAIN | FORM),         // paddq
        (0xd6, 0xd6, PLAIN | FORM),         // movq
        (0xd8, 0xdf, PLAIN | FORM),         // psubus … pandn
        (0xe4, 0xe5, PLAIN | FORM),         // pmulh
        (0xe8, 0xef, PLAIN | FORM),         // psubs … pxor
        (0xf4, 0xf4, PLAIN | FORM),         // pmuludq
        (0xf8, 0xfe, PLAIN | FORM),         // psub, padd
    ],
);

/// What decides how an instruction is measured, given its prefixes and the form of its operands; `None`
/// where it is not handled here. `two`: the opcode has two bytes, the first of which is 0F.
pub(super) fn kind(two: bool, opcode: u8) -> Option<u16> {
    let follows = if two { &TWO } else { &ONE }[usize::from(opcode)];
    let special = if follows & SPECIAL != 0 { opcode } else { 0 };
    (follows != 0).then_some(u16::from_le_bytes([follows, special]))
}

// The prefixes that choose among instructions of one opcode of two bytes.
const NONE: u8 = 1;
const P66: u8 = 2;
const PF3: u8 = 4;
const PF2: u8 = 8;
const ALL: u8 = NONE | P66 | PF3 | PF2;

/// With which prefixes the opcodes of [`TWO`] are handled here.
static PREFIXES: [u8; 256] = {
    let mut table = [P66; 256];
    let ranges: [(usize, usize, u8); 27] = [
        (0x0b, 0x0b, NONE),
        (0x10, 0x11, ALL),
        (0x14, 0x15, NONE | P66),
        (0x1f, 0x1f, NONE | P66),
        (0x28, 0x29, NONE | P66),
        (0x2a, 0x2a, PF3 | PF2),
        (0x2c, 0x2d, PF3 | PF2),
        (0x2e, 0x2f, NONE | P66),
        (0x40, 0x4f, NONE | P66),
        (0x51, 0x51, ALL),
        (0x54, 0x57, NONE | P66),
        (0x58, 0x5a, ALL),
        (0x5b, 0x5b, NONE | P66 | PF3),
        (0x5c, 0x5f, ALL),
        (0x6f, 0x6f, P66 | PF3),
        (0x70, 0x70, P66 | PF3 | PF2),
        (0x7e, 0x7f, P66 | PF3),
        (0x80, 0x8f, NONE),
        (0x90, 0x9f, NONE),
        (0xa2, 0xa2, NONE),
        (0xa3, 0xb7, NONE | P66),
        (0xbb, 0xbb, NONE | P66),
        (0xbc, 0xbd, NONE | P66 | PF3),
        (0xbe, 0xbf, NONE | P66),
        (0xc0, 0xc1, NONE | P66),
        (0xc6, 0xc6, NONE | P66),
        (0xc8, 0xcf, NONE),
    ];
    table = fill(table, &ranges);
    table
};

const fn fill(mut table: [u8; 256], ranges: &[(usize, usize, u8)]) -> [u8; 256] {
    let mut index = 0;
    while index < ranges.len() {
        let (mut at, last, value) = ranges[index];
        while at <= last {
            table[at] = value;
            at += 1;
        }
        index += 1;
    }
    table
}

/// The instruction at the start of `code`, if it is one of the common ones and whole.
#[inline]
pub(super) fn plain(code: &[u8]) -> Option<Plain> {
    let mut at = 0;
    let mut byte = *code.first()?;
    let prefix = match byte {
        0x66 => P66,
        0xf3 => PF3,
        0xf2 => PF2,
        _ => NONE,
    };
    if prefix != NONE {
        at += 1;
        byte = *code.get(at)?;
    }
    let mut wide = false;
    if byte & 0xf0 == 0x40 {
        wide = byte & 8 != 0;
        at += 1;
        byte = *code.get(at)?;
    }
    let two = byte == 0x0f;
    let follows = if two {
        at += 1;
        byte = *code.get(at)?;
        match PREFIXES[usize::from(byte)] & prefix {
            0 => 0,
            _ => TWO[usize::from(byte)],
        }
    } else if prefix & (PF3 | PF2) == 0 {
        ONE[usize::from(byte)]
    } else {
        0
    };
    if follows == 0 || (follows & LARGE != 0 && prefix == P66) {
        return None;
    }
    at += 1;
    let small = prefix == P66 && !wide;
    let mut number = match follows & (BYTE | WORD) {
        0 => 0,
        BYTE => 1,
        _ if small => 2,
        _ => 4,
    };
    if follows & FORM == 0 {
        if follows & SPECIAL != 0 && wide {
            number = 8;
        }
        let branch = match (follows & LARGE, number) {
            (0, _) | (_, 0) => None,
            (_, 1) => Some((*code.get(at)? as i8).into()),
            _ => Some(i32::from_le_bytes(*code.get(at..)?.first_chunk()?)),
        };
        let plain = whole(code, at + number, None, None);
        return plain.map(|plain| Plain { branch, ..plain });
    }
    let form = *code.get(at)?;
    at += 1;
    let (mode, operand) = (form >> 6, form & 7);
    let mut kind = None;
    let mut leads = false;
    if follows & SPECIAL != 0 {
        let which = form >> 3 & 7;
        match byte {
            0x8d if mode != 3 => kind = Some(ReferenceKind::Address),
            0xc0 | 0xc1 | 0xd0..=0xd3 if which != 6 => {}
            0xc6 | 0xc7 if which == 0 => {}
            0xf6 if which < 2 => number = 1,
            0xf7 if which < 2 => number = if small { 2 } else { 4 },
            0xf6 | 0xf7 => {}
            0xfe if which < 2 => {}
            0xff if which < 2 => {}
            0xff if matches!(which, 2 | 4) && prefix == NONE => {
                kind = Some(ReferenceKind::Access(8));
                leads = true;
            }
            _ => return None,
        }
    } else if !two && matches!(byte, 0x89 | 0x8b) {
        let size = match (wide, small) {
            (true, _) => 8,
            (false, true) => 2,
            (false, false) => 4,
        };
        kind = Some(ReferenceKind::Access(size));
    }
    match (mode, operand) {
        (3, _) => whole(code, at + number, None, None),
        (0, 5) => {
            let distance = code.get(at..)?.first_chunk::<4>()?;
            let distance = i32::from_le_bytes(*distance);
            let plain = whole(code, at + 4 + number, Some(distance), kind);
            plain.map(|plain| Plain { leads, ..plain })
        }
        _ => {
            let mut distance = match mode {
                0 => 0,
                1 => 1,
                _ => 4,
            };
            if operand == 4 {
                // Base and index; no base is a distance of four bytes.
                if mode == 0 && *code.get(at)? & 7 == 5 {
                    distance = 4;
                }
                at += 1;
            }
            whole(code, at + distance + number, None, None)
        }
    }
}

#[inline]
fn whole(
    code: &[u8],
    size: usize,
    relative: Option<i32>,
    kind: Option<ReferenceKind>,
) -> Option<Plain> {
    (size <= code.len()).then_some(Plain {
        size,
        relative,
        kind,
        branch: None,
        leads: false,
    })
}

/// Calls `with` for the bytes of each opcode with each form of its operands, behind each prefix that
/// compilers use.
#[cfg(test)]
pub(super) fn every_form(with: &mut impl FnMut(&[u8])) {
    for prefix in [&[][..], &[0x66], &[0xf3], &[0xf2], &[0x67]] {
        for rex in [&[][..], &[0x48], &[0x47]] {
            for escape in [&[][..], &[0x0f]] {
                for opcode in 0..=255 {
                    for form in 0..=255_u8 {
                        // With a base in the index byte, and without one.
                        for index in [0x24, 0x25] {
                            let head = [prefix, rex, escape, &[opcode, form, index]].concat();
                            with(&[&head[..], &[0xf0, 0x77, 1, 2, 3, 4, 5, 6, 7]].concat());
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::access, *};
    use iced_x86::{Decoder, DecoderOptions, Instruction};

    /// Whether the decoder says the same of the instruction at the start of `code`; whether it was
    /// asked for one that is handled here.
    fn agrees(code: &[u8], decoded: &mut Instruction) -> bool {
        let Some(plain) = plain(code) else {
            return false;
        };
        let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
        decoder.decode_out(decoded);
        assert!(!decoded.is_invalid(), "{code:02x?}");
        assert_eq!(plain.size, decoder.position(), "{code:02x?}");
        let to = decoded
            .is_ip_rel_memory_operand()
            .then(|| decoded.ip_rel_memory_address());
        let own = plain
            .relative
            .map(|distance| (plain.size as u64).wrapping_add_signed(distance.into()));
        assert_eq!(own, to, "{code:02x?}");
        if let (Some(_), Some(kind)) = (to, plain.kind) {
            assert_eq!(kind, access(decoded), "{code:02x?}");
        }
        let to = super::super::near(decoded).then(|| decoded.near_branch_target());
        let own = plain
            .branch
            .map(|distance| (plain.size as u64).wrapping_add_signed(distance.into()));
        assert_eq!(own, to, "{code:02x?}");
        true
    }

    #[test]
    fn every_opcode_and_form_is_as_the_decoder_says() {
        let mut instruction = Instruction::default();
        let mut handled = 0;
        every_form(&mut |code| handled += usize::from(agrees(code, &mut instruction)));
        assert!(handled > 700_000, "{handled}");
    }

    #[test]
    fn what_is_cut_off_is_left_to_the_decoder() {
        let lea = [0x48, 0x8d, 0x05, 0x10, 0, 0, 0];
        assert_eq!(plain(&lea).map(|plain| plain.size), Some(7));
        for end in 0..lea.len() {
            assert_eq!(plain(&lea[..end]), None);
        }
    }
}
