//! WebAssembly: what instructions refer to, by the numbers that they hold.
//!
//! Calls name functions. Addresses of data, and places in the table of functions, are plain constants
//! and offsets of loads and stores. wasm-ld leaves room for the largest number where it fills in an
//! address: five bytes, of which the last hold zeroes, where a compiler writes as few as it can. So
//! in a module that nobody has written anew, which its calls show, such a number is an address for
//! certain. All other numbers that could be one are guesses ([`ReferenceKind::Immediate`]).
//!
//! Truth: the core specification's binary format through `wasmparser`; the tool conventions for
//! relocations (`R_WASM_MEMORY_ADDR_SLEB` and others).

use super::{Disassembler, Piece, Reference, ReferenceKind};
use crate::{
    address::VirtualAddress,
    image::{Constant, Image, Module},
};
use std::hash::{DefaultHasher, Hash, Hasher};
use wasmparser::{
    BinaryReader, FunctionBody, MemArg, OperatorsReader, OperatorsReaderAllocations, VisitOperator,
    VisitSimdOperator,
};

/// Reads the code of an image's modules.
pub struct Wasm<'i> {
    modules: &'i [Module],
    /// Of each whether it is as the linker wrote it.
    linked: Vec<bool>,
}

/// So many functions show whether a module is as the linker wrote it.
const SAMPLE: usize = 256;

impl<'i> Wasm<'i> {
    pub(super) fn new(image: &'i Image<'_>) -> Self {
        let modules = image.modules();
        let linked = modules.iter().map(|module| is_linked(image, module));
        Self {
            modules,
            linked: linked.collect(),
        }
    }

    /// Calls `found` with all that the instructions of a function refer to.
    fn scan(
        &self,
        piece: &Piece<'_>,
        allocations: &mut OperatorsReaderAllocations,
        found: &mut dyn FnMut(Reference),
    ) {
        let next = self
            .modules
            .partition_point(|module| module.start() <= piece.address);
        let at = next.checked_sub(1);
        let Some((module, linked)) = at.and_then(|at| Some((&self.modules[at], self.linked[at])))
        else {
            return;
        };
        let resolve = Resolve { module, linked };
        let mut last: Option<(VirtualAddress, Constant)> = None;
        each(piece, allocations, &mut |from, seen, padded| {
            let before = last.take();
            match seen {
                Seen::Memory { offset, size } => {
                    let offset = Constant {
                        value: offset,
                        padded,
                    };
                    let base = before.map(|(_, base)| base);
                    resolve.access(from, base, offset, size, found);
                    return;
                }
                // Reported with what follows it.
                Seen::Number(value) => last = Some((from, Constant { value, padded })),
                Seen::Call(function) => {
                    resolve.function(from, function, ReferenceKind::Call, found)
                }
                Seen::Function(function) => {
                    resolve.function(from, function, ReferenceKind::Address, found);
                }
                Seen::Other => {}
            }
            if let Some((from, number)) = before {
                resolve.number(from, number, found);
            }
        });
    }
}

/// Whether the calls of a module are as wasm-ld writes them.
fn is_linked(image: &Image<'_>, module: &Module) -> bool {
    let count = module.defined();
    let (mut calls, mut padded_calls) = (0_u32, 0_u32);
    let mut allocations = OperatorsReaderAllocations::default();
    for at in (0..count).step_by(count.div_ceil(SAMPLE).max(1)) {
        let body = u32::try_from(at).ok();
        let body = body.and_then(|at| module.body(module.imported().checked_add(at)?));
        let Some(body) = body else { continue };
        let code = image.bytes_at(body.start).unwrap_or_default();
        let piece = Piece {
            code: code.get(..body.size as usize).unwrap_or_default(),
            address: body.start,
        };
        each(&piece, &mut allocations, &mut |_, seen, padded| {
            if let Seen::Call(_) = seen {
                calls += 1;
                padded_calls += u32::from(padded);
            }
        });
    }
    calls > 0 && padded_calls >= calls - calls / 50
}

/// Finds out what numbers of one module mean.
struct Resolve<'m> {
    module: &'m Module,
    linked: bool,
}

impl Resolve<'_> {
    fn function(
        &self,
        from: VirtualAddress,
        function: u32,
        kind: ReferenceKind,
        found: &mut dyn FnMut(Reference),
    ) {
        if let Some(body) = self.module.body(function) {
            let to = body.start;
            found(Reference { from, to, kind });
        }
    }

    /// A constant by itself: an address, or a place in the table.
    fn number(&self, from: VirtualAddress, number: Constant, found: &mut dyn FnMut(Reference)) {
        let proven = self.linked && number.padded;
        let in_table = || self.module.in_table(number.value).filter(|_| proven);
        match (self.module.memory_at(number.value), in_table()) {
            (None, Some(function)) => {
                self.function(from, function, ReferenceKind::Address, found);
            }
            (Some(to), function) => {
                // It could be either.
                let kind = match proven && function.is_none() {
                    true => ReferenceKind::Address,
                    false => ReferenceKind::Immediate,
                };
                self.data(Reference { from, to, kind }, found);
            }
            (None, None) => {}
        }
    }

    /// A load or store: from a base, if that is a constant, and with an offset.
    fn access(
        &self,
        from: VirtualAddress,
        base: Option<Constant>,
        offset: Constant,
        size: u16,
        found: &mut dyn FnMut(Reference),
    ) {
        let padded = offset.padded || base.is_some_and(|base| base.padded);
        let address = offset.value.wrapping_add(base.map_or(0, |base| base.value));
        let Some(to) = self.module.memory_at(address) else {
            return;
        };
        let kind = match (self.linked && padded, base) {
            (true, Some(_)) => ReferenceKind::Access(size),
            // Somewhere from there on.
            (true, None) => ReferenceKind::Address,
            (false, _) => ReferenceKind::Immediate,
        };
        self.data(Reference { from, to, kind }, found);
    }

    /// Where addresses begin at 0, as they do where the importer says where data goes, any number
    /// could be one.
    fn data(&self, reference: Reference, found: &mut dyn FnMut(Reference)) {
        let plausible = self
            .module
            .first_address()
            .is_some_and(|first| first >= LOWEST);
        if plausible || reference.kind != ReferenceKind::Immediate {
            found(reference);
        }
    }
}

/// wasm-ld puts no data below; where nothing else is asked for it begins here.
const LOWEST: u64 = 1024;

impl Disassembler for Wasm<'_> {
    fn references(
        &self,
        pieces: &[Piece<'_>],
        _absolute: bool,
        found: &mut dyn FnMut(usize, Reference),
    ) {
        let mut allocations = OperatorsReaderAllocations::default();
        for (index, piece) in pieces.iter().enumerate() {
            self.scan(piece, &mut allocations, &mut |reference| {
                found(index, reference);
            });
        }
    }

    /// Instructions hold no distances. The length before them may be written in several ways.
    fn position_free(&self, code: &[u8], _address: VirtualAddress) -> u64 {
        let mut hasher = DefaultHasher::new();
        let length = code.iter().take(5).position(|byte| *byte < 0x80);
        let body = code.get(length.map_or(0, |last| last + 1)..);
        body.unwrap_or_default().hash(&mut hasher);
        hasher.finish()
    }

    fn calls(&self, code: &[u8], address: VirtualAddress, found: &mut dyn FnMut(Reference)) {
        let piece = Piece { code, address };
        self.scan(&piece, &mut OperatorsReaderAllocations::default(), found);
    }

    /// Functions stand one after the other.
    fn is_padding(&self, _code: &[u8]) -> bool {
        false
    }
}

/// What an instruction holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Number(u64),
    Memory { offset: u64, size: u16 },
    Call(u32),
    Function(u32),
    Other,
}

/// Calls `then` with each instruction of a function: where it stands, what it holds, and whether its
/// last number is longer than it needs to be. Stops at damage.
fn each(
    piece: &Piece<'_>,
    allocations: &mut OperatorsReaderAllocations,
    then: &mut dyn FnMut(VirtualAddress, Seen, bool),
) {
    let mut reader = BinaryReader::new(piece.code, 0);
    let operators = || {
        reader.read_var_u32().ok()?;
        let body = FunctionBody::new(reader);
        body.get_binary_reader_for_operators().ok()
    };
    let Some(operators) = { operators }() else {
        return;
    };
    let mut operators = OperatorsReader::new_with_allocs(operators, std::mem::take(allocations));
    while !operators.eof() {
        let from = operators.original_position();
        let mut last = Last(Seen::Other);
        if operators.visit_operator(&mut last).is_err() {
            break;
        }
        if last.0 != Seen::Other {
            let end = operators.original_position();
            let at = VirtualAddress(piece.address.0 + from as u64);
            let padded = is_padded(piece.code.get(from..end).unwrap_or_default(), last.0);
            then(at, last.0, padded);
        } else {
            then(piece.address, Seen::Other, false);
        }
    }
    *allocations = operators.into_allocations();
}

/// Whether the number that an instruction ends with takes five bytes, or ten where it has 64 bits,
/// and would fit into fewer.
fn is_padded(instruction: &[u8], seen: Seen) -> bool {
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

/// Keeps what the last instruction held.
struct Last(Seen);

/// What an operand means by its type alone: only `i32.const` and `i64.const` hold signed numbers.
trait Operand {
    fn see(&self, _last: &mut Last) {}
}

impl Operand for MemArg {
    fn see(&self, last: &mut Last) {
        if self.memory == 0 {
            last.0 = Seen::Memory {
                offset: self.offset,
                size: 1 << self.max_align.min(6),
            };
        }
    }
}

impl Operand for i32 {
    fn see(&self, last: &mut Last) {
        last.0 = Seen::Number(self.cast_unsigned().into());
    }
}

impl Operand for i64 {
    fn see(&self, last: &mut Last) {
        last.0 = Seen::Number(self.cast_unsigned());
    }
}

macro_rules! no_reference {
    ($($operand:ty),* $(,)?) => { $(impl Operand for $operand {})* };
}
no_reference!(
    u8,
    u32,
    [u8; 16],
    wasmparser::BlockType,
    wasmparser::BrTable<'_>,
    wasmparser::HeapType,
    wasmparser::Ieee32,
    wasmparser::Ieee64,
    wasmparser::Ordering,
    wasmparser::RefType,
    wasmparser::ResumeTable,
    wasmparser::TryTable,
    wasmparser::V128,
    wasmparser::ValType,
    Vec<wasmparser::ValType>,
);

macro_rules! visit {
    ($(@$proposal:ident $name:ident $({ $($operand:ident: $type:ty),* })? => $visit:ident ($($rest:tt)*))*) => {
        $(
            fn $visit(&mut self $($(, $operand: $type)*)?) {
                visit!(one self $name $($($operand)*)?);
            }
        )*
    };
    (one $self:ident Call $function:ident) => { $self.0 = Seen::Call($function) };
    (one $self:ident ReturnCall $function:ident) => { $self.0 = Seen::Call($function) };
    (one $self:ident RefFunc $function:ident) => { $self.0 = Seen::Function($function) };
    (one $self:ident $name:ident $($operand:ident)*) => { $($operand.see($self);)* };
}

impl<'a> VisitOperator<'a> for Last {
    type Output = ();

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = ()>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(visit);
}

impl VisitSimdOperator<'_> for Last {
    wasmparser::for_each_visit_simd_operator!(visit);
}
