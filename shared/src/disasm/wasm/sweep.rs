//! Instructions and the numbers in them that may name something, read one by one.
//!
//! Half of a module's time would go into telling apart instructions that hold nothing of interest, so
//! only the lengths of the common ones are known here. Whatever else there is `wasmparser` reads, which
//! is also the witness in the tests.

use crate::address::VirtualAddress;
use wasmparser::{BinaryReader, OperatorsReader};

/// What an instruction holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// A constant.
    Number(u64),
    /// A load or store: the number added to its base, and how many bytes it moves.
    Memory { offset: u64, size: u16 },
    /// A call of a function.
    Call(u32),
    /// A function taken as a value.
    Function(u32),
    /// None of these.
    Other,
}

/// An instruction that holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it stands.
    pub(super) from: VirtualAddress,
    pub(super) seen: Seen,
    /// Whether its last number is longer than it needs to be.
    pub(super) padded: bool,
}

/// Whether an instruction that begins so may read or write memory, vectors and atomics included, and so
/// use a constant before it.
pub(super) const fn is_memory(opcode: u8) -> bool {
    matches!(opcode, 0x28..=0x3e | 0xfd | 0xfe)
}

/// Whether the number that an instruction ends with takes five bytes, or ten where it has 64 bits,
/// and would fit into fewer.
fn is_padded(instruction: &[u8], seen: Seen) -> bool {
    // One byte for the instruction and five for the number; nearly none is as long.
    if instruction.len() < 6 {
        return false;
    }
    let small = match seen {
        Seen::Number(value) => value < 1 << 27,
        Seen::Memory { offset, .. } => offset < 1 << 28,
        Seen::Call(function) | Seen::Function(function) => function < 1 << 28,
        Seen::Other => return false,
    };
    let Some((last, rest)) = instruction.split_last() else {
        return false;
    };
    let longer = rest.iter().rev().take_while(|byte| **byte >= 0x80).count();
    small && *last < 0x80 && longer >= 4
}

/// Instructions that are read one by one.
pub(super) struct Code<'c> {
    pub(super) bytes: &'c [u8],
    pub(super) at: usize,
}

impl<'c> Code<'c> {
    pub(super) fn new(bytes: &'c [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The eight bytes from `at` on.
    #[inline]
    pub(super) fn window(&self, at: usize) -> Option<u64> {
        let window = self.bytes.get(at..)?.first_chunk()?;
        Some(u64::from_le_bytes(*window))
    }

    /// Whether an instruction is its first byte: all of arithmetic, and the simple control flow.
    pub(super) fn is_plain(opcode: u8) -> bool {
        matches!(opcode, 0x00 | 0x01 | 0x05 | 0x0a | 0x0b | 0x0f | 0x19..=0x1b | 0x45..=0xc4 | 0xd1 | 0xd3 | 0xd4)
    }
}

impl Code<'_> {
    /// The length of the body and the locals.
    pub(super) fn header(&mut self) -> Option<()> {
        self.number()?;
        for _ in 0..self.number()? {
            self.number()?;
            self.value_type()?;
        }
        Some(())
    }

    /// One byte, but references name what they refer to.
    fn value_type(&mut self) -> Option<()> {
        match self.byte()? {
            0x63 | 0x64 => self.skip_number(),
            _ => Some(()),
        }
    }

    /// Reads an instruction of a function that stands at `address`.
    #[inline]
    pub(super) fn found(&mut self, address: VirtualAddress) -> Option<Found> {
        let start = self.at;
        let seen = self.instruction()?;
        let whole = self.bytes.get(start..self.at).unwrap_or_default();
        Some(Found {
            from: VirtualAddress(address.0 + start as u64),
            seen,
            padded: is_padded(whole, seen),
        })
    }

    /// Reads an instruction; `None` at damage.
    #[inline]
    pub(super) fn instruction(&mut self) -> Option<Seen> {
        let start = self.at;
        let opcode = self.byte()?;
        match opcode {
            _ if Self::is_plain(opcode) => {}
            // Locals, globals and jumps by their number; the type of a block; the memory's number.
            0x02..=0x04 | 0x0c | 0x0d | 0x20..=0x26 | 0x3f | 0x40 | 0xd0 | 0xd5 | 0xd6 => {
                // A block's type may be a reference, which names what it refers to.
                let reference = matches!(self.bytes.get(self.at), Some(0x63 | 0x64));
                self.skip_number()?;
                if reference && matches!(opcode, 0x02..=0x04) {
                    self.skip_number()?;
                }
            }
            0x10 | 0x12 => return Some(Seen::Call(u32::try_from(self.number()?).ok()?)),
            0xd2 => return Some(Seen::Function(u32::try_from(self.number()?).ok()?)),
            0x11 | 0x13 => self.skip_numbers(2)?,
            0x41 => {
                let value = self.signed()? as i32;
                return Some(Seen::Number(value.cast_unsigned().into()));
            }
            0x42 => return Some(Seen::Number(self.signed()?.cast_unsigned())),
            0x43 => self.skip(4)?,
            0x44 => self.skip(8)?,
            0x28..=0x3e => {
                const SIZES: [u16; 23] = [
                    4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2, 4, 4, 4, 8, 4, 8, 1, 2, 1, 2, 4,
                ];
                let size = SIZES.get(usize::from(opcode - 0x28)).copied();
                return self.memory(size.unwrap_or_default());
            }
            0x0e => {
                let count = self.number()?;
                // Each takes a byte at least.
                self.skip_numbers(count.checked_add(1)?)?;
            }
            0x1c => {
                for _ in 0..self.number()? {
                    self.value_type()?;
                }
            }
            0xfc => return self.numeric(start),
            0xfd => return self.vector(start),
            0xfe => return self.atomic(),
            _ => return self.other(start),
        }
        Some(Seen::Other)
    }

    /// Where the instruction reads or writes; of other memories than the first nothing is known.
    #[inline]
    fn memory(&mut self, size: u16) -> Option<Seen> {
        let align = self.number()?;
        let memory = match align & 0x40 {
            0 => 0,
            _ => self.number()?,
        };
        let offset = self.number()?;
        Some(match memory {
            0 => Seen::Memory { offset, size },
            _ => Seen::Other,
        })
    }

    /// Conversions that saturate, and instructions on whole memories and tables.
    fn numeric(&mut self, start: usize) -> Option<Seen> {
        match self.number()? {
            0..=7 | 19..=22 => {}
            8 | 10 | 12 | 14 => self.skip_numbers(2)?,
            9 | 11 | 13 | 15..=17 => self.skip_number()?,
            _ => return self.other(start),
        }
        Some(Seen::Other)
    }

    /// SIMD.
    fn vector(&mut self, start: usize) -> Option<Seen> {
        let number = self.number()?;
        match number {
            0 | 11 => return self.memory(16),
            1..=6 | 10 | 93 => return self.memory(8),
            7 => return self.memory(1),
            8 => return self.memory(2),
            9 | 92 => return self.memory(4),
            12 | 13 => self.skip(16)?,
            21..=34 => self.skip(1)?,
            84..=91 => {
                // The lane follows, so the offset is not last and never proof.
                self.memory(0)?;
                self.skip(1)?;
            }
            14..=20 | 35..=83 | 94..=275 => {}
            _ => return self.other(start),
        }
        Some(Seen::Other)
    }

    /// Atomics: all but the fence read or write.
    fn atomic(&mut self) -> Option<Seen> {
        match self.number()? {
            3 => {
                self.skip(1)?;
                Some(Seen::Other)
            }
            number => self.memory(match number {
                0x00 | 0x01 | 0x10 | 0x16 | 0x17 | 0x1d => 4,
                _ => 0,
            }),
        }
    }

    /// Anything else: `wasmparser` says how long it is.
    #[cold]
    fn other(&mut self, start: usize) -> Option<Seen> {
        let reader = BinaryReader::new(self.bytes.get(start..)?, 0);
        let mut operators = OperatorsReader::new(reader);
        operators.read().ok()?;
        self.at = start + operators.original_position();
        Some(Seen::Other)
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    #[inline]
    fn skip_number(&mut self) -> Option<()> {
        while self.byte()? >= 0x80 {}
        Some(())
    }

    fn skip_numbers(&mut self, count: u64) -> Option<()> {
        for _ in 0..count {
            self.skip_number()?;
        }
        Some(())
    }

    /// Unsigned, seven bits in each byte.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for position in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * position);
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// Signed.
    #[inline]
    fn signed(&mut self) -> Option<i64> {
        // Up to eight bytes at once: the sevens of bits are moved together, first in pairs, then in fours.
        if let Some(window) = self.window(self.at) {
            let ends = !window & 0x8080_8080_8080_8080;
            if ends != 0 {
                let length = ends.trailing_zeros() / 8 + 1;
                let spare = 64 - 8 * length;
                let bits = (window & 0x7f7f_7f7f_7f7f_7f7f) << spare >> spare;
                let bits = (bits & 0x007f_007f_007f_007f) | ((bits & 0x7f00_7f00_7f00_7f00) >> 1);
                let bits = (bits & 0x0000_3fff_0000_3fff) | ((bits & 0x3fff_0000_3fff_0000) >> 2);
                let bits = (bits & 0x0fff_ffff) | ((bits & 0x0fff_ffff_0000_0000) >> 4);
                self.at += length as usize;
                let spare = 64 - 7 * length;
                return Some(bits.cast_signed() << spare >> spare);
            }
        }
        let mut value = 0_i64;
        for position in 0..10 {
            let byte = self.byte()?;
            let shift = 7 * position;
            value |= i64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let spare = 64_u32.saturating_sub(shift + 7);
                return Some(value << spare >> spare);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disasm::{
        Piece,
        wasm::telling::{Looking, each},
    };
    use proptest::prelude::*;
    use wasmparser::{FunctionBody, Operator};

    /// The same by `wasmparser`: where each instruction starts and ends, and what it holds.
    fn witness(code: &[u8]) -> Option<Vec<(usize, usize, Seen)>> {
        let mut reader = BinaryReader::new(code, 0);
        reader.read_var_u32().ok()?;
        let mut operators = FunctionBody::new(reader).get_operators_reader().ok()?;
        let mut all = Vec::new();
        while !operators.eof() {
            let from = operators.original_position();
            let operator = operators.read().ok()?;
            let seen = match operator {
                Operator::I32Const { value } => Seen::Number(value.cast_unsigned().into()),
                Operator::I64Const { value } => Seen::Number(value.cast_unsigned()),
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    Seen::Call(function_index)
                }
                Operator::RefFunc { function_index } => Seen::Function(function_index),
                _ => Seen::Other,
            };
            all.push((from, operators.original_position(), seen));
        }
        Some(all)
    }

    fn ours(code: &[u8]) -> Option<Vec<(usize, usize, Seen)>> {
        let mut code = Code::new(code);
        code.header()?;
        let mut all = Vec::new();
        while code.at < code.bytes.len() {
            let from = code.at;
            let seen = match code.instruction()? {
                Seen::Memory { .. } => Seen::Other,
                seen => seen,
            };
            all.push((from, code.at, seen));
        }
        Some(all)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        /// Whatever one instruction `wasmparser` reads, it is as long here.
        #[test]
        fn instructions_are_as_long_as_wasmparser_says(
            prefix in prop_oneof![
                (0_u8..=0xff).prop_map(|opcode| vec![opcode]),
                (0_u8..24).prop_map(|number| vec![0xfc, number]),
                (0_u16..300).prop_map(|number| {
                    vec![0xfd, (number & 0x7f) as u8 | 0x80, (number >> 7) as u8]
                }),
                (0_u8..0x50).prop_map(|number| vec![0xfe, number]),
                (0_u8..32).prop_map(|number| vec![0xfb, number]),
            ],
            operands in prop::collection::vec(prop_oneof![0_u8..8, any::<u8>()], 20..24),
        ) {
            // A body without locals: the instruction, and what is read as others.
            let code = [&[24, 0][..], &prefix, &operands].concat();
            let mut reader = OperatorsReader::new(BinaryReader::new(&code[2..], 0));
            if let Ok(operator) = reader.read() {
                let mut own = Code { bytes: &code, at: 2 };
                let seen = own.instruction();
                prop_assert!(seen.is_some(), "{operator:?}");
                prop_assert_eq!(own.at - 2, reader.original_position(), "{:?}", operator);
                // What follows is long enough for it to be told by its first bytes.
                let code = [&code[..own.at], &[0x01; 8]].concat();
                are_reported(&[Piece { code: &code, address: VirtualAddress(0) }]);
            }
        }
    }

    /// All that an instruction holds is reported, but for numbers of one byte that are no base, and calls
    /// where data is looked for.
    fn are_reported(pieces: &[Piece<'_>]) {
        for what in [Looking::ForData, Looking::ForAll] {
            are_reported_to(pieces, what);
        }
    }

    fn are_reported_to(pieces: &[Piece<'_>], what: Looking) {
        let mut reported = Vec::new();
        each(pieces, what, &mut |index, found, base| {
            reported.extend(base.map(|(from, base)| (index, from.0, Seen::Number(base.value))));
            reported.push((index, found.from.0, found.seen));
        });
        let mut reported = reported.iter().peekable();
        for (index, piece) in pieces.iter().enumerate() {
            let mut code = Code::new(piece.code);
            code.header().unwrap();
            let mut after_number = false;
            while !code.is_at_end() {
                let from = code.at;
                let seen = code.instruction().unwrap();
                let is_base = piece.code.get(code.at).is_some_and(|it| is_memory(*it));
                let short = match seen {
                    Seen::Number(_) => code.at == from + 2 && !is_base,
                    Seen::Memory { offset, .. } => !after_number && offset < 128,
                    Seen::Other => true,
                    Seen::Call(_) | Seen::Function(_) => what == Looking::ForData,
                };
                // Near the end of a function also what is short.
                let whole = (index, from as u64, seen);
                let is_next = reported.next_if(|next| **next == whole).is_some();
                assert!(is_next || short, "{whole:?} is not {:?}", reported.peek());
                after_number = matches!(seen, Seen::Number(_));
            }
        }
        assert_eq!(reported.next(), None);
    }

    #[test]
    fn whole_modules_are_read_alike() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        for name in [
            "shared/tests/image/specimens/pieces.wasm",
            "shared/tests/image/specimens/pieces-threads.wasm",
            "fuzz/corpus/ledger/module.wasm",
        ] {
            let path = std::path::Path::new(root).join(name);
            let bytes = std::fs::read(&path).unwrap();
            let image = crate::image::Image::parse(&path, &bytes).unwrap();
            let module = &image.modules()[0];
            let mut pieces = Vec::new();
            let mut read = 0;
            for function in 0..module.defined() as u32 {
                let body = module.body(module.imported() + function).unwrap();
                let code = &bytes[body.start.0 as usize..body.end().0 as usize];
                let ours = ours(code).unwrap();
                assert_eq!(ours, witness(code).unwrap(), "{name}, function {function}");
                read += ours.len();
                pieces.push(Piece {
                    code,
                    address: VirtualAddress(0),
                });
            }
            assert!(read > 5, "{name}");
            are_reported(&pieces);
            are_reported(&pieces[..1]);
        }
    }
}
