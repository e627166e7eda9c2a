//! AArch64, by masks: Arm's "A64 instruction set architecture", branches and `adr`.

use super::{Step, Steps};

pub(super) struct Decoded<'c> {
    words: &'c [[u8; 4]],
    start: u64,
    next: usize,
    /// The register and the page that the last instruction put into it.
    page: Option<(u32, u64)>,
}

impl<'c> Decoded<'c> {
    pub(super) fn new(code: &'c [u8], address: u64) -> Self {
        Self {
            words: code.as_chunks().0,
            start: address,
            next: 0,
            page: None,
        }
    }
}

impl Steps for Decoded<'_> {
    fn next(&mut self) -> Option<(usize, Step)> {
        let word = u32::from_le_bytes(*self.words.get(self.next)?);
        let place = self.next * 4;
        let here = self.start.wrapping_add(place as u64);
        self.next += 1;
        let page = self.page.take();
        // `adrp`
        if word & 0x9f00_0000 == 0x9000_0000 {
            let pages = signed((word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3, 21) << 12;
            let page = (here & !0xfff).wrapping_add_signed(pages);
            self.page = Some((word & 31, page));
            return Some((place, Step::Next));
        }
        // `add` of twelve bits, right behind it
        if let Some((register, page)) = page
            && word & 0xffc0_0000 == 0x9100_0000
            && word >> 5 & 31 == register
        {
            let address = page.wrapping_add(u64::from(word >> 10 & 0xfff));
            return Some((place, Step::Address(address)));
        }
        Some((place, step(word, here)))
    }

    fn skip_to(&mut self, place: usize) {
        self.next = place.div_ceil(4);
    }
}

fn step(word: u32, here: u64) -> Step {
    let to = |distance: u32, bits: u32| here.wrapping_add_signed(signed(distance, bits) * 4);
    match word {
        0 => Step::Trap,
        // `nop`
        0xd503_201f => Step::Nothing,
        // `br` and `ret`, and those that check a signature
        _ if word & 0xfeff_f000 == 0xd61f_0000 => Step::Indirect,
        _ if word & 0xfeff_f000 == 0xd65f_0000 => Step::End,
        // `udf`, `brk`
        _ if word >> 16 == 0 || word & 0xffe0_001f == 0xd420_0000 => Step::End,
        _ if word >> 26 == 0b10_0101 => Step::Call(to(word & 0x3ff_ffff, 26)),
        _ if word >> 26 == 0b00_0101 => Step::Jump(to(word & 0x3ff_ffff, 26)),
        // `b.cond`, `cbz`, `cbnz`
        _ if word & 0xff00_0000 == 0x5400_0000 || word & 0x7e00_0000 == 0x3400_0000 => {
            Step::Branch(to(word >> 5 & 0x7_ffff, 19))
        }
        // `tbz`, `tbnz`
        _ if word & 0x7e00_0000 == 0x3600_0000 => Step::Branch(to(word >> 5 & 0x3fff, 14)),
        // `adr`
        _ if word & 0x9f00_0000 == 0x1000_0000 => {
            let distance = (word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3;
            Step::Address(here.wrapping_add_signed(signed(distance, 21)))
        }
        _ => Step::Next,
    }
}

/// A number of so many bits with its sign.
fn signed(number: u32, bits: u32) -> i64 {
    let above = 64 - bits;
    (u64::from(number) << above) as i64 >> above
}
