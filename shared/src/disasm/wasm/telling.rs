//! One pass over functions' instructions, which reads only those that may name something.
//!
//! One in eight is. Which kind an instruction is cannot be predicted, and the next one begins where it
//! ends, so a processor that goes through one function mostly waits. So no branch depends on the kind:
//! a table tells by the first two bytes how long an instruction is and whether it is worth reading. And
//! several functions are gone through at once, which do not wait for each other.

use super::{
    super::Piece,
    sweep::{Code, Found, Seen, is_memory},
};
use crate::{address::VirtualAddress, image::Constant};
use std::{array, iter::Enumerate, slice::Iter, sync::LazyLock};

/// So many functions are gone through at once.
const STREAMS: usize = 3;

/// Seldom are there more of them than one to so many bytes of code.
const BYTES: usize = 12;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looking {
    /// Numbers, loads and stores: calls, and functions that are taken as values, are half of what holds
    /// something.
    ForData,
    /// These, and calls and functions.
    ForAll,
}

/// Calls `then` with the instructions that hold something, function by function in order, and of a load
/// or store with the constant before it, which is its base. A constant of one byte, and an offset of one
/// byte without a base, may be left out: no data stands so low. Stops in a function at damage.
pub(super) fn each(
    pieces: &[Piece<'_>],
    what: Looking,
    then: &mut impl FnMut(usize, Found, Option<(VirtualAddress, Constant)>),
) {
    let telling = Telling::of(pieces, what);
    for (index, piece) in pieces.iter().enumerate() {
        let mut code = Code::new(piece.code);
        for start in telling.in_function(index) {
            let start = *start as usize;
            // It was read with its base.
            if start < code.at {
                continue;
            }
            code.at = start;
            let mut then = |found, base| then(index, found, base);
            if one(&mut code, piece.address, &mut then).is_none() {
                break;
            }
        }
    }
}

/// Reads one instruction, or a constant and the load or store that it is the base of; `None` at damage.
#[inline]
fn one(
    code: &mut Code<'_>,
    address: VirtualAddress,
    then: &mut impl FnMut(Found, Option<(VirtualAddress, Constant)>),
) -> Option<()> {
    let first = code.found(address)?;
    if let Seen::Number(value) = first.seen
        && code.bytes.get(code.at).is_some_and(|next| is_memory(*next))
    {
        let next = code.found(address)?;
        if let Seen::Memory { .. } = next.seen {
            let padded = first.padded;
            then(next, Some((first.from, Constant { value, padded })));
            return Some(());
        }
    }
    then(first, None);
    Some(())
}

/// Where the instructions that are worth reading start.
pub(super) struct Telling {
    /// Offsets in functions.
    starts: [Vec<u32>; STREAMS],
    /// Which of them are of which function.
    parts: Vec<Part>,
}

/// Starts of one function: the list that they are in, and from where to where.
#[derive(Clone, Copy, Default)]
struct Part {
    stream: usize,
    from: usize,
    to: usize,
}

impl Telling {
    /// Those of these functions. Stops in a function at damage.
    pub(super) fn of(pieces: &[Piece<'_>], what: Looking) -> Self {
        let forms = &**match what {
            Looking::ForData => &DATA_FORMS,
            Looking::ForAll => &FORMS,
        };
        let mut parts = vec![Part::default(); pieces.len()];
        let mut waiting = pieces.iter().enumerate();
        let bytes: usize = pieces.iter().map(|piece| piece.code.len()).sum();
        let mut streams = array::from_fn(|number| Stream::new(number, bytes / BYTES / STREAMS));
        // All at once, and what is left when there are too few, one by one.
        loop {
            let at = run(forms, &mut streams);
            if !streams[at].advance(&mut waiting, &mut parts) {
                break;
            }
        }
        for stream in &mut streams {
            loop {
                run(forms, array::from_mut(stream));
                if !stream.advance(&mut waiting, &mut parts) {
                    break;
                }
            }
        }
        Self {
            starts: streams.map(|stream| stream.starts),
            parts,
        }
    }

    /// The starts in one function, in order.
    pub(super) fn in_function(&self, piece: usize) -> &[u32] {
        let part = self.parts.get(piece).copied().unwrap_or_default();
        let starts = self.starts[part.stream].get(part.from..part.to);
        starts.unwrap_or_default()
    }
}

/// Goes through one function after the other.
struct Stream<'c> {
    /// Which one it is.
    number: usize,
    code: Code<'c>,
    /// The function's place in the list.
    piece: usize,
    /// Beyond `count` is room for more.
    starts: Vec<u32>,
    count: usize,
    /// The `count` when the function began.
    from: usize,
}

impl<'c> Stream<'c> {
    fn new(number: usize, room: usize) -> Self {
        Self {
            number,
            code: Code::new(&[]),
            piece: usize::MAX,
            starts: vec![0; room],
            count: 0,
            from: 0,
        }
    }

    /// Does what [`run`] stopped at: one instruction, or it takes the next function. `false` where
    /// there is none left.
    #[inline(never)]
    fn advance(
        &mut self,
        waiting: &mut Enumerate<Iter<'_, Piece<'c>>>,
        parts: &mut [Part],
    ) -> bool {
        if self.count == self.starts.len() {
            self.starts.resize(2 * self.count + 1024, 0);
            return true;
        }
        let start = self.code.at;
        if !self.code.is_at_end()
            && let Some(seen) = self.code.instruction()
        {
            self.starts[self.count] = start as u32;
            self.count += usize::from(seen != Seen::Other);
            return true;
        }
        if let Some(part) = parts.get_mut(self.piece) {
            *part = Part {
                stream: self.number,
                from: self.from,
                to: self.count,
            };
        }
        self.from = self.count;
        for (piece, function) in waiting {
            self.piece = piece;
            self.code = Code::new(function.code);
            if self.code.header().is_some() {
                return true;
            }
        }
        self.code = Code::new(&[]);
        self.piece = usize::MAX;
        false
    }
}

/// Advances all streams, until one has to read an instruction, whose place is returned.
#[inline(never)]
fn run<const N: usize>(forms: &[u8; 1 << 16], streams: &mut [Stream<'_>; N]) -> usize {
    // Compilers keep these in registers.
    let mut at: [usize; N] = array::from_fn(|k| streams[k].code.at);
    let mut count: [usize; N] = array::from_fn(|k| streams[k].count);
    let stopped = 'stopped: loop {
        for k in 0..N {
            let Stream { code, starts, .. } = &mut streams[k];
            let glance = code.window(at[k]).and_then(|window| glance(forms, window));
            let (Some((length, tells)), Some(start)) = (glance, starts.get_mut(count[k])) else {
                break 'stopped k;
            };
            *start = at[k] as u32;
            count[k] += usize::from(tells);
            at[k] += length;
        }
    };
    for k in 0..N {
        streams[k].code.at = at[k];
        streams[k].count = count[k];
    }
    stopped
}

/// How long the instruction is that `window` begins with, and whether it is worth reading; `None` where
/// that needs a closer look. Constants of one byte are not, and offsets of one byte, unless the one is
/// the base of the other: no data stands so low.
#[inline(always)]
fn glance(forms: &[u8; 1 << 16], window: u64) -> Option<(usize, bool)> {
    let form = forms[usize::from((window as u16).swap_bytes())];
    let third = THIRD[usize::from((window >> 16) as u8)];
    // The first byte from the third on that ends a number.
    let last = (!window & 0x8080_8080_8080_0000).trailing_zeros() as usize / 8;
    // Arithmetic, where a condition would become a branch: all bits of the sign, which is `LONG`.
    let more = last & isize::from(form as i8 >> 7).cast_unsigned();
    let known = (form != 0) & (more < 8);
    known.then(|| (usize::from(form & LENGTH) + more, form & third != 0))
}

/// In a form: how many bytes the instruction has; of a long one 1.
const LENGTH: u8 = 0x0f;
/// In a form: it ends with a number, of which the third byte is not the first or the only one.
const LONG: u8 = 0x80;
/// In a form: it is worth reading; in a third byte always.
const TELLS: u8 = 0x40;
/// In a form: it is worth reading as a base; in a third byte: a load or store begins.
const BASE: u8 = 0x20;
/// In a form: it is worth reading with an offset of several bytes; in a third byte: such a one begins.
const OFFSET: u8 = 0x10;

/// What the third byte of an instruction, or the first after it, means for each form.
const THIRD: [u8; 256] = {
    let mut third = [TELLS; 256];
    let mut byte = 0;
    while byte < 256 {
        if byte >= 0x80 {
            third[byte] |= OFFSET;
        }
        if is_memory(byte as u8) {
            third[byte] |= BASE;
        }
        byte += 1;
    }
    third
};

/// The form of an instruction by its first two bytes; 0 where they do not tell it.
static FORMS: LazyLock<Box<[u8; 1 << 16]>> = LazyLock::new(|| forms(TELLS));

/// The same where calls and functions are not worth reading.
static DATA_FORMS: LazyLock<Box<[u8; 1 << 16]>> = LazyLock::new(|| forms(0));

/// `functions`: what is said of instructions that name one.
fn forms(functions: u8) -> Box<[u8; 1 << 16]> {
    let mut forms = Box::new([0; 1 << 16]);
    for (bytes, form) in (0..=u16::MAX).zip(forms.iter_mut()) {
        let [opcode, next] = bytes.to_be_bytes();
        *form = form_of(opcode, next, functions);
    }
    forms
}

fn form_of(opcode: u8, next: u8, functions: u8) -> u8 {
    let number = if next < 0x80 { 2 } else { LONG | 1 };
    match opcode {
        _ if Code::is_plain(opcode) => 1,
        // Types that name what they refer to are longer.
        0x02..=0x04 if matches!(next, 0x63 | 0x64) => 0,
        0x02..=0x04 | 0x0c | 0x0d | 0x20..=0x26 => number,
        0x10 | 0x12 | 0xd2 => number | functions,
        // The type and the table.
        0x11 | 0x13 if next < 0x80 => LONG | 1,
        // The alignment, of the first memory, and the offset.
        0x28..=0x3e if next < 0x40 => LONG | OFFSET | 1,
        0x41 | 0x42 if next < 0x80 => number | BASE,
        0x41 | 0x42 => number | TELLS,
        0x43 => 5,
        0x44 => 9,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By any first two bytes and some that follow, an instruction is as long as when it is read, and
    /// what it holds is worth reading.
    #[test]
    fn a_glance_tells_what_reading_does() {
        let mut known = 0;
        for bytes in 0..=u16::MAX {
            for (forms, functions) in [(&**FORMS, true), (&**DATA_FORMS, false)] {
                for rest in [
                    [0; 6],
                    [1; 6],
                    [0x7f, 0x28, 0, 0, 0, 0],
                    [0x28, 0x63, 0x80, 0, 0, 0],
                    [0x80, 0x28, 0, 0, 0, 0],
                    [0x80, 0x80, 0x80, 0, 0, 0],
                    [0xff, 0xff, 0xff, 0xff, 0x0f, 0],
                    [0x80; 6],
                ] {
                    let [opcode, next] = bytes.to_be_bytes();
                    let code = [&[opcode, next][..], &rest, &[0; 4]].concat();
                    let mut code = Code::new(&code);
                    let Some((length, tells)) = glance(forms, code.window(0).unwrap()) else {
                        continue;
                    };
                    let Some(seen) = code.instruction() else {
                        // The number of a function is too large, which reading finds out.
                        assert!(
                            matches!(opcode, 0x10 | 0x12 | 0xd2) && tells == functions,
                            "{opcode:#x}"
                        );
                        continue;
                    };
                    assert_eq!(code.at, length, "{opcode:#x} {next:#x} {rest:x?}: {seen:?}");
                    let expected = match seen {
                        Seen::Number(_) => length > 2 || is_memory(rest[0]),
                        Seen::Memory { .. } => length > 3,
                        Seen::Call(_) | Seen::Function(_) => functions,
                        Seen::Other => false,
                    };
                    assert_eq!(tells, expected, "{opcode:#x} {next:#x} {rest:x?}: {seen:?}");
                    known += 1;
                }
            }
        }
        // Most instructions are one byte, and numbers are short.
        assert!(known > 16 * 0x8000, "{known}");
    }
}
