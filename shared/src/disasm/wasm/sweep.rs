//! One pass over a function's instructions, which keeps only the numbers that may name something.
//!
//! Half of a module's time would go into telling apart instructions that hold nothing of interest, so
//! only the lengths of the common ones are known here. Whatever else there is `wasmparser` reads, which
//! is also the witness in the tests.

use super::super::Piece;
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

/// Calls `then` with the instructions of a function in order: where each stands, what it holds, and
/// whether its last number is longer than it needs to be. Of several that hold nothing it may be
/// called for the first only; a constant of one byte, and an offset of one byte that no constant stands
/// before, count as nothing: no data stands so low. Stops at damage.
pub(super) fn each(piece: &Piece<'_>, then: &mut impl FnMut(VirtualAddress, Seen, bool)) {
    let mut code = Code {
        bytes: piece.code,
        at: 0,
    };
    if code.header().is_none() {
        return;
    }
    let mut after_number = false;
    while code.at < code.bytes.len() {
        if code.skip_simple(after_number) {
            then(piece.address, Seen::Other, false);
        }
        let from = code.at;
        if from >= code.bytes.len() {
            return;
        }
        let Some(seen) = code.instruction() else {
            return;
        };
        after_number = matches!(seen, Seen::Number(_));
        if seen == Seen::Other {
            then(piece.address, seen, false);
            continue;
        }
        let padded = is_padded(code.bytes.get(from..code.at).unwrap_or_default(), seen);
        then(VirtualAddress(piece.address.0 + from as u64), seen, padded);
    }
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

struct Code<'c> {
    bytes: &'c [u8],
    at: usize,
}

/// Whether an instruction is its first byte: all of arithmetic, and the simple control flow.
const fn is_plain(opcode: u8) -> bool {
    matches!(opcode, 0x00 | 0x01 | 0x05 | 0x0a | 0x0b | 0x0f | 0x19..=0x1b | 0x45..=0xc4 | 0xd1 | 0xd3 | 0xd4)
}

/// How an instruction that names nothing is skipped, by its first byte.
#[derive(Clone, Copy)]
struct Simple {
    /// Whether it is skipped at all.
    known: bool,
    /// Whether a number of any length follows.
    number: bool,
    /// How many more bytes follow.
    more: u8,
    /// Bits of the next bytes that must not be set.
    open: u32,
    /// Which property the next byte, and the one after it, must not have.
    first: u8,
    second: u8,
}

/// The byte begins a type that names what it refers to.
const REFERENCE: u8 = 1;
/// The byte begins an instruction that reads or writes memory, and so uses a constant before it.
const MEMORY: u8 = 2;

/// The properties of each byte.
const PROPERTIES: [u8; 256] = {
    let mut properties = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        properties[byte] = match byte as u8 {
            0x63 | 0x64 => REFERENCE,
            // Vectors and atomics, too.
            0x28..=0x3e | 0xfd | 0xfe => MEMORY,
            _ => 0,
        };
        byte += 1;
    }
    properties
};

const SIMPLE: [Simple; 256] = {
    const NONE: Simple = Simple {
        known: false,
        number: false,
        more: 0,
        open: 0,
        first: 0,
        second: 0,
    };
    const PLAIN: Simple = Simple {
        known: true,
        ..NONE
    };
    const NUMBER: Simple = Simple {
        number: true,
        ..PLAIN
    };
    let mut simple = [NONE; 256];
    let mut opcode = 0;
    while opcode < 256 {
        simple[opcode] = match opcode as u8 {
            plain if is_plain(plain) => PLAIN,
            0x0c | 0x0d | 0x20..=0x26 => NUMBER,
            0x02..=0x04 => Simple {
                first: REFERENCE,
                ..NUMBER
            },
            // One byte each for the alignment, of the first memory, and the offset.
            0x28..=0x3e => Simple {
                more: 2,
                open: 0x80_c0,
                ..PLAIN
            },
            0x41 | 0x42 => Simple {
                more: 1,
                open: 0x80,
                second: MEMORY,
                ..PLAIN
            },
            0x43 => Simple { more: 4, ..PLAIN },
            0x44 => Simple { more: 8, ..PLAIN },
            _ => NONE,
        };
        opcode += 1;
    }
    simple
};

/// The last bit of each of seven bytes: set where a number goes on.
const GOES_ON: u64 = 0x80_8080_8080_8080;

impl Code<'_> {
    /// The length of the body and the locals.
    fn header(&mut self) -> Option<()> {
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

    /// Skips instructions that name nothing; says whether there were any. Which kind the next one is
    /// cannot be predicted, so all are skipped in the same way. `after_number`: whether a constant comes
    /// before, which the next one may use as an address.
    #[inline]
    fn skip_simple(&mut self, after_number: bool) -> bool {
        let start = self.at;
        if after_number
            && let Some(next) = self.bytes.get(start)
            && PROPERTIES[usize::from(*next)] & MEMORY != 0
        {
            return false;
        }
        while let Some(window) = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk())
        {
            let window = u64::from_le_bytes(*window);
            let kind = SIMPLE[(window & 0xff) as usize];
            let next = window >> 8;
            let ends = !next & GOES_ON;
            let first = PROPERTIES[(next & 0xff) as usize] & kind.first;
            let second = PROPERTIES[(next >> 8 & 0xff) as usize] & kind.second;
            let open = next as u32 & kind.open;
            // One branch for all that can stop it.
            if !kind.known | (ends == 0) | (first != 0) | (second != 0) | (open != 0) {
                break;
            }
            let number = (ends.trailing_zeros() as usize + 1) / 8;
            self.at += 1 + number * usize::from(kind.number) + usize::from(kind.more);
        }
        self.at > start
    }

    /// Reads an instruction; `None` at damage.
    #[inline]
    fn instruction(&mut self) -> Option<Seen> {
        let start = self.at;
        let opcode = self.byte()?;
        match opcode {
            _ if is_plain(opcode) => {}
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
        let mut code = Code { bytes: code, at: 0 };
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
                prop_assert!(own.instruction().is_some(), "{operator:?}");
                prop_assert_eq!(own.at - 2, reader.original_position(), "{:?}", operator);
            }
        }
    }

    /// What `each` reports, without what holds nothing.
    fn reported(code: &[u8]) -> Vec<(u64, Seen)> {
        let piece = Piece {
            code,
            address: VirtualAddress(0),
        };
        let mut all = Vec::new();
        each(&piece, &mut |at, seen, _| all.push((at.0, seen)));
        all.retain(|(_, seen)| *seen != Seen::Other);
        all
    }

    /// All that an instruction holds is reported, but for numbers of one byte.
    fn is_reported(code: &[u8]) {
        let mut reader = Code { bytes: code, at: 0 };
        reader.header().unwrap();
        let mut expected = Vec::new();
        let mut after_number = false;
        while reader.at < code.len() {
            let from = reader.at;
            let seen = reader.instruction().unwrap();
            let is_memory = |at: usize| {
                code.get(at)
                    .is_some_and(|it| PROPERTIES[usize::from(*it)] & MEMORY != 0)
            };
            let short = match seen {
                Seen::Number(_) => reader.at == from + 2 && !is_memory(reader.at),
                Seen::Memory { offset, .. } => !after_number && offset < 128,
                _ => false,
            };
            if !short && seen != Seen::Other {
                expected.push((from as u64, seen));
            }
            after_number = matches!(seen, Seen::Number(_));
        }
        let mut reported = reported(code);
        // Near the end of a function everything is reported.
        reported.retain(|one| expected.contains(one));
        assert_eq!(reported, expected);
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
            let mut read = 0;
            for function in 0..module.defined() as u32 {
                let body = module.body(module.imported() + function).unwrap();
                let code = &bytes[body.start.0 as usize..body.end().0 as usize];
                let ours = ours(code).unwrap();
                assert_eq!(ours, witness(code).unwrap(), "{name}, function {function}");
                is_reported(code);
                read += ours.len();
            }
            assert!(read > 5, "{name}");
        }
    }
}
