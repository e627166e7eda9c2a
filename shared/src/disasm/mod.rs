//! Instructions and what they refer to, behind one small trait.
//!
//! Decoding is for code that a compiler made: a linear sweep over each function. Where data stands
//! between instructions (hand-written assembly), the sweep may read it as code and report an
//! address that nobody refers to; callers keep only those that fall into data.

mod aarch64;
mod flow;
mod instruction;
mod stack;
mod starts;
mod wasm;
mod x86_64;
mod x86_64_instructions;

pub use flow::{Block, Graph, Loop};
pub use instruction::{Flow, Instruction, Syntax, Target, Vector, Work};
pub use stack::{
    CallTarget, FramePointer, StackFrame, begins_thread_ahead, call_before, stack_frame,
    stack_frame_ahead,
};
pub use starts::{find as find_functions, finds_starts, lacks_extents};

use crate::{
    address::{AddressRange, VirtualAddress},
    image::{Architecture, Format, Image},
};
use std::ops::Deref;

/// An address that an instruction refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The instruction.
    pub from: VirtualAddress,
    /// What it refers to.
    pub to: VirtualAddress,
    /// How it refers to it.
    pub kind: ReferenceKind,
}

/// How an instruction refers to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// It reads or writes this many bytes there.
    Access(u16),
    /// It takes the address.
    Address,
    /// It calls or jumps there, or to what is stored there.
    Call,
    /// It holds a number that could be the address (code that is not position-independent): likely,
    /// not proven.
    Immediate,
}

/// How far a thread-local variable, or a part of one, is from what code finds it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadDistance {
    /// From what the thread pointer points to.
    Pointer(i64),
    /// From the image's first variable.
    First(i64),
}

impl ThreadDistance {
    fn add(self, more: i64) -> Self {
        match self {
            Self::Pointer(distance) => Self::Pointer(distance.wrapping_add(more)),
            Self::First(distance) => Self::First(distance.wrapping_add(more)),
        }
    }
}

/// Code without a gap, such as a function.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Its machine code.
    pub code: &'a [u8],
    /// Where that is loaded.
    pub address: VirtualAddress,
}

/// Few addresses that are looked for in much code.
#[derive(Debug)]
pub struct Sought {
    /// The first address, less what an instruction may have behind a distance.
    low: u64,
    size: u64,
    /// A bit for each block of addresses, those that are far apart together.
    blocks: Vec<u64>,
    /// What is sought, in order, apart from each other.
    ranges: Vec<(u64, u64)>,
}

impl Sought {
    /// A block has this many bits of an address.
    const BLOCK: u32 = 6;
    const BITS: u64 = 1 << 16;
    /// The largest number that stands behind a distance.
    const BEHIND: u64 = 4;

    /// These ranges.
    pub fn new(ranges: impl IntoIterator<Item = AddressRange>) -> Self {
        let mut ranges: Vec<(u64, u64)> = ranges
            .into_iter()
            .filter(|range| range.size > 0)
            .map(|range| (range.start.0.saturating_sub(Self::BEHIND), range.end().0))
            .collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (start, end) in ranges {
            match merged.last_mut() {
                Some((_, last)) if start <= *last => *last = end.max(*last),
                _ => merged.push((start, end)),
            }
        }
        let ranges = merged;
        let low = ranges.first().map_or(0, |(start, _)| *start);
        let end = ranges.last().map_or(0, |(_, end)| *end);
        let mut blocks = vec![0; (Self::BITS / 64) as usize];
        for (start, end) in ranges.iter().copied() {
            let (first, last) = ((start - low) >> Self::BLOCK, (end - 1 - low) >> Self::BLOCK);
            // More are all of them.
            for block in first..=last.min(first + Self::BITS) {
                blocks[(block % Self::BITS / 64) as usize] |= 1 << (block % 64);
            }
        }
        Self {
            low,
            size: end - low,
            blocks,
            ranges,
        }
    }

    /// Whether `distance` from the first address may be one.
    #[inline]
    fn may_be(&self, distance: u64) -> bool {
        let block = distance >> Self::BLOCK;
        distance < self.size
            && self.blocks[(block % Self::BITS / 64) as usize] >> (block % 64) & 1 == 1
            && self.holds(self.low + distance)
    }

    fn holds(&self, address: u64) -> bool {
        let next = self.ranges.partition_point(|(_, end)| *end <= address);
        self.ranges
            .get(next)
            .is_some_and(|(start, _)| *start <= address)
    }
}

/// Reads the machine code of one processor.
pub trait Disassembler: Sync {
    /// Calls `found` with each address of data that the instructions of `pieces` refer to, and with
    /// the piece's place in the list; in no order.
    /// `absolute`: code of this image may hold absolute addresses.
    ///
    /// Linear in the size of the pieces. Many at once are faster than one by one.
    fn references(
        &self,
        pieces: &[Piece<'_>],
        absolute: bool,
        found: &mut dyn FnMut(usize, Reference),
    );

    /// Calls `found` with all that `references` and `calls` report, where one pass over the code finds
    /// both; else does nothing and says `false`.
    fn references_and_calls(
        &self,
        _pieces: &[Piece<'_>],
        _found: &mut dyn FnMut(usize, Reference),
    ) -> bool {
        false
    }

    /// A hash of the instructions of `code` that does not change when the same code, referring to
    /// the same addresses, stands elsewhere: distances are hashed as the addresses that they lead
    /// to, within the code as offsets.
    fn position_free(&self, code: &[u8], address: VirtualAddress) -> u64;

    /// Calls `found` with the address of each function, or slot that holds one, that a piece calls,
    /// jumps to or takes the address of outside itself, and with the piece's place in the list; in
    /// no order.
    ///
    /// Linear in the size of the pieces. Many at once are faster than one by one.
    fn calls(&self, pieces: &[Piece<'_>], found: &mut dyn FnMut(usize, Reference));

    /// Whether `piece` may refer to an address that is sought, by what `calls` would find, short jumps
    /// left out; `false` is sure. Much faster than to look for it.
    fn may_refer(&self, _piece: Piece<'_>, _sought: &Sought) -> bool {
        true
    }

    /// Whether `piece` takes the address of a table at `from` and adds it to what it loads from there:
    /// then the table holds distances from its own start, as LLVM makes of constant pointers.
    fn adds_what_it_loads(&self, _piece: Piece<'_>, _from: VirtualAddress) -> bool {
        false
    }

    /// Calls `found` with each thread-local variable whose distance `piece` holds, and with the
    /// instruction. `firsts` are slots: what is called with one of them returns where the first variable
    /// is. Registers are followed in the order of the instructions, so a value that comes from a jump may
    /// be taken for another; callers keep the distances that lead to a variable.
    ///
    /// Linear in the size of the piece; most that hold none are not decoded.
    fn thread_locals(
        &self,
        _piece: Piece<'_>,
        _firsts: &[VirtualAddress],
        _found: &mut dyn FnMut(VirtualAddress, ThreadDistance),
    ) {
    }

    /// Whether `code` does nothing: what compilers and linkers put between functions.
    fn is_padding(&self, code: &[u8]) -> bool;
}

/// Writes machine code down. Apart from [`Disassembler`], so that a tool that only looks for
/// references does not carry the names of two thousand instructions.
pub trait Lister: Sync {
    /// All instructions of `code`, one after the other; together they cover it. A byte that is no
    /// instruction becomes one that stops and says so.
    ///
    /// Linear in the size of `code`, in time and memory.
    fn instructions(
        &self,
        code: &[u8],
        address: VirtualAddress,
        syntax: Syntax,
    ) -> Vec<Instruction>;
}

/// The disassembler of an image.
pub enum Decoder<'i> {
    /// Of a processor.
    Processor(&'static dyn Disassembler),
    /// Of WebAssembly, whose instructions name things by numbers that only the module explains.
    Wasm(wasm::Wasm<'i>),
}

impl<'i> Deref for Decoder<'i> {
    type Target = dyn Disassembler + 'i;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Processor(decoder) => *decoder,
            Self::Wasm(wasm) => wasm,
        }
    }
}

/// The disassembler of an image, if there is one.
pub fn decoder_of<'i>(image: &'i Image<'_>) -> Option<Decoder<'i>> {
    if image.format == Format::Wasm {
        return Some(Decoder::Wasm(wasm::Wasm::new(image)));
    }
    disassembler(image.architecture).map(Decoder::Processor)
}

/// Whether there is a disassembler for an image.
pub fn is_decoded(image: &Image<'_>) -> bool {
    image.format == Format::Wasm || disassembler(image.architecture).is_some()
}

/// The disassembler for a processor, if there is one.
pub fn disassembler(architecture: Architecture) -> Option<&'static dyn Disassembler> {
    match architecture {
        Architecture::Aarch64 => Some(&aarch64::Aarch64),
        other => Some(decoder(other)?),
    }
}

/// The lister for an architecture, if there is one.
pub fn lister(architecture: Architecture) -> Option<&'static dyn Lister> {
    match architecture {
        Architecture::Aarch64 => Some(&aarch64::Aarch64),
        other => Some(decoder(other)?),
    }
}

/// The decoder behind both, of all but AArch64.
fn decoder(architecture: Architecture) -> Option<&'static x86_64::X86_64> {
    match architecture {
        Architecture::X86_64 => Some(&x86_64::X86_64),
        Architecture::X86_64X32
        | Architecture::I686
        | Architecture::Aarch64
        | Architecture::Arm
        | Architecture::Riscv64
        | Architecture::Riscv32
        | Architecture::PowerPc64
        | Architecture::PowerPc64Le
        | Architecture::PowerPc
        | Architecture::S390x
        | Architecture::LoongArch64
        | Architecture::Mips64
        | Architecture::Mips
        | Architecture::Sparc64
        | Architecture::Avr
        | Architecture::Msp430
        | Architecture::Hexagon
        | Architecture::Xtensa
        | Architecture::Bpf
        | Architecture::Wasm32
        | Architecture::Wasm64
        | Architecture::Universal
        | Architecture::Unknown => None,
    }
}
