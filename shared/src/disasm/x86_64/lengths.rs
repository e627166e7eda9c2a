//! How long the commonest instructions are, by two look-ups.
//!
//! The first two bytes of an instruction, nearly always its opcode, say how long it is or which byte
//! of operands decides; that is then the third. The answers are those of [`plain`], asked once for
//! all of them. What a processor cannot foretell costs it more than all of this: so there is no
//! branch but for what is rare.

use super::plain::{kind, plain};
use std::sync::OnceLock;

/// What the first bytes of an instruction say of its length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Length(u8);

impl Length {
    /// A prefix: what it belongs to is measured next.
    const PREFIX: u8 = 0x10;
    /// It refers to an address relative to itself.
    const RELATIVE: u8 = 0x20;
    /// Four bytes more if the fourth byte names no base.
    const INDEXED: u8 = 0x40;
    /// [`plain`] must be asked.
    const UNKNOWN: u8 = 0x80;

    /// In bytes, unless it is doubtful.
    #[inline]
    pub(super) fn bytes(self) -> usize {
        usize::from(self.0 & 0x0f)
    }

    /// Whether these bytes do not tell.
    #[inline]
    pub(super) fn is_doubtful(self) -> bool {
        self.0 & (Self::UNKNOWN | Self::INDEXED) != 0
    }

    /// The length after all, where the fourth byte of `word` tells.
    pub(super) fn indexed(self, word: u64) -> Option<usize> {
        let base = (word >> 24) & 7 != 5;
        (self.0 & Self::UNKNOWN == 0 && base).then(|| self.bytes())
    }

    /// Whether the instruction refers to an address relative to itself.
    #[inline]
    pub(super) fn is_relative(self) -> bool {
        self.0 & Self::RELATIVE != 0
    }

    /// Whether it is only a prefix.
    #[inline]
    pub(super) fn is_prefix(self) -> bool {
        self.0 & Self::PREFIX != 0
    }
}

/// The lengths by the first three bytes. Its busiest parts have room in the nearest cache.
pub(super) struct Lengths {
    /// By the first two bytes: a length in the lower byte, to be added to what `third` says; in the
    /// upper byte which of its rows that is.
    first: [u16; 1 << 16],
    /// Rows of what the third byte adds, one after the other.
    third: [u8; ROWS << 8],
}

/// So many rows are enough.
const ROWS: usize = 16;

/// [`Length::UNKNOWN`] in the table by the first two bytes.
const UNKNOWN: u16 = Length::UNKNOWN as u16;

impl Lengths {
    /// The tables, made when they are first asked for: they would otherwise be in the file.
    /// `branches`: calls and jumps with a distance of four bytes count as relative too.
    pub(super) fn get(branches: bool) -> &'static Self {
        static LENGTHS: [OnceLock<Box<Lengths>>; 2] = [OnceLock::new(), OnceLock::new()];
        LENGTHS[usize::from(branches)].get_or_init(|| Self::new(branches))
    }

    /// What the instruction at the start of `word` says of its length.
    #[inline]
    pub(super) fn of(&self, word: u64) -> Length {
        let first = self.first[usize::from(word as u16)];
        let third = self.third[usize::from(first & 0x0f00) | usize::from((word >> 16) as u8)];
        Length((first as u8).wrapping_add(third))
    }

    fn new(branches: bool) -> Box<Self> {
        let mut lengths = Box::new(Self {
            first: [UNKNOWN; 1 << 16],
            third: [0; ROWS << 8],
        });
        let mut rows = Rows {
            rows: vec![[0; 256]],
            branches,
        };
        let first = &mut lengths.first;
        let mut set = |a: u8, b: u8, entry: u16| {
            first[usize::from(u16::from_le_bytes([a, b]))] = entry;
        };
        for opcodes in alike(false) {
            let opcode = opcodes[0];
            // REX.W makes a difference to some, its other bits make none.
            for (rex, others) in [(0x40, 0x40..=0x47), (0x48, 0x48..=0x4f)] {
                let entry = rows.entry(&[rex, opcode]);
                for (rex, opcode) in others.flat_map(|rex| opcodes.iter().map(move |b| (rex, *b))) {
                    set(rex, opcode, entry);
                }
            }
            let entry = rows.entry(&[0x66, opcode]);
            opcodes.iter().for_each(|opcode| set(0x66, *opcode, entry));
            for form in 0..=255 {
                let entry = rows.entry_with_form(opcode, form);
                opcodes.iter().for_each(|opcode| set(*opcode, form, entry));
            }
        }
        for opcodes in alike(true) {
            let opcode = opcodes[0];
            // The forms of a vector instruction are the same behind each prefix that it can have.
            let prefixes: [&[u8]; 4] = [&[], &[0x66], &[0xf3], &[0xf2]];
            let heads = prefixes
                .iter()
                .map(|prefix| [prefix, &[0x0f, opcode][..]].concat());
            let mut entries = heads.map(|head| rows.entry(&head));
            let known = entries.find(|entry| *entry != UNKNOWN).unwrap_or(UNKNOWN);
            opcodes.iter().for_each(|opcode| set(0x0f, *opcode, known));
        }
        // These bytes say no more themselves, nor is what follows measured otherwise behind them.
        for prefix in (0x40..=0x4f).chain([0x66, 0xf3, 0xf2]) {
            set(prefix, 0x0f, u16::from(Length::PREFIX | 1));
        }
        for (to, row) in lengths.third.chunks_exact_mut(256).zip(&rows.rows) {
            to.copy_from_slice(row);
        }
        lengths
    }
}

/// The opcodes, those together that are measured alike.
fn alike(two: bool) -> Vec<Vec<u8>> {
    let mut kinds: Vec<(u16, Vec<u8>)> = Vec::new();
    for opcode in 0..=255 {
        let Some(kind) = kind(two, opcode) else {
            continue;
        };
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, opcodes)) => opcodes.push(opcode),
            None => kinds.push((kind, vec![opcode])),
        }
    }
    kinds.into_iter().map(|(_, opcodes)| opcodes).collect()
}

/// What each value of the third byte adds to a length, without the same twice; the first adds nothing.
struct Rows {
    rows: Vec<[u8; 256]>,
    branches: bool,
}

impl Rows {
    /// The entry of an instruction whose third byte, behind any but the last two of `head`, is the
    /// form of its operands, if it has one.
    fn entry(&mut self, head: &[u8]) -> u16 {
        let prefixes = head.len() - 2;
        let sizes: [_; 256] = std::array::from_fn(|form| {
            let (size, relative) = self.measure(head, &[form as u8, BASE])?;
            let indexed = form & 0xc7 == 4 && self.measure(head, &[form as u8, NO_BASE])?.0 != size;
            let flags = [(relative, Length::RELATIVE), (indexed, Length::INDEXED)];
            let flags = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag);
            Some((size - prefixes as u8, flags.sum::<u8>()))
        });
        let Some(least) = sizes.iter().flatten().map(|(size, _)| *size).min() else {
            return UNKNOWN;
        };
        let row = sizes
            .map(|known| known.map_or(Length::UNKNOWN, |(size, flags)| (size - least) | flags));
        self.with(least, row)
    }

    /// The entry of an instruction whose second byte is the form of its operands, if it has one.
    fn entry_with_form(&mut self, opcode: u8, form: u8) -> u16 {
        let measured = self.measure(&[opcode, form], &[BASE]);
        let measured = measured.zip(self.measure(&[opcode, form], &[NO_BASE]));
        let Some(((size, relative), (far, _))) = measured else {
            return UNKNOWN;
        };
        let flag = if relative { Length::RELATIVE } else { 0 };
        self.with(
            size | flag,
            std::array::from_fn(|index| if index & 7 == 5 { far - size } else { 0 }),
        )
    }

    fn with(&mut self, length: u8, row: [u8; 256]) -> u16 {
        let at = match self.rows.iter().position(|known| *known == row) {
            Some(at) => at,
            None if self.rows.len() < ROWS => {
                self.rows.push(row);
                self.rows.len() - 1
            }
            None => return UNKNOWN,
        };
        (at << 8) as u16 | u16::from(length)
    }

    /// The length that [`plain`] tells, and whether there is a relative operand.
    fn measure(&self, head: &[u8], operands: &[u8]) -> Option<(u8, bool)> {
        let mut code = [0; 24];
        let bytes = head.iter().chain(operands);
        code.iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        let plain = plain(&code)?;
        let far = self.branches && plain.leads_far();
        Some((plain.size as u8, plain.relative.is_some() || far))
    }
}

/// Index bytes of an operand, with a base and without.
const BASE: u8 = 0x24;
const NO_BASE: u8 = 0x25;

#[cfg(test)]
mod tests {
    use super::{
        super::{
            near,
            plain::{SHORT, every_form},
        },
        *,
    };
    use iced_x86::{Decoder, DecoderOptions, Instruction};

    /// The length of the instruction at the start of `code`, prefixes first, and whether it is
    /// relative.
    fn told(code: &[u8], branches: bool) -> Option<(usize, bool)> {
        let mut at = 0;
        loop {
            let word = u64::from_le_bytes(*code.get(at..)?.first_chunk()?);
            let length = Lengths::get(branches).of(word);
            at += if length.is_doubtful() {
                length.indexed(word)?
            } else {
                length.bytes()
            };
            if !length.is_prefix() {
                return Some((at, length.is_relative()));
            }
        }
    }

    #[test]
    fn every_length_is_as_the_decoder_says() {
        let mut instruction = Instruction::default();
        let mut known = 0;
        let mut check = |code: &[u8], branches| {
            let Some((size, relative)) = told(code, branches) else {
                return;
            };
            let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
            decoder.decode_out(&mut instruction);
            // What is no instruction behind a prefix may be one without it.
            if !instruction.is_invalid() {
                assert_eq!(size, decoder.position(), "{code:02x?}");
                let far = near(&instruction) && size > SHORT;
                let known = instruction.is_ip_rel_memory_operand() || (branches && far);
                assert_eq!(relative, known, "{code:02x?}");
            }
            known += 1;
        };
        every_form(&mut |code| {
            check(code, false);
            check(code, true);
        });
        assert!(known > 1_400_000, "{known}");
    }
}
