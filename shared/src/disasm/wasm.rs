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

mod sweep;
mod telling;

use super::{Disassembler, Piece, Reference, ReferenceKind};
use crate::{
    address::{AddressRange, VirtualAddress},
    image::{Constant, Image, Module},
};
use std::hash::{DefaultHasher, Hash, Hasher};
use sweep::{Code, Found, Seen};
use telling::{Looking, each};

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

    /// The module that a function is of.
    fn module_of(&self, piece: &Piece<'_>) -> Option<usize> {
        let modules = self.modules;
        let next = modules.partition_point(|module| module.start() <= piece.address);
        next.checked_sub(1)
    }

    /// Calls `found` with what the instructions of functions refer to.
    fn scan(&self, pieces: &[Piece<'_>], what: Looking, found: &mut dyn FnMut(usize, Reference)) {
        let mut first = 0;
        for same in pieces.chunk_by(|a, b| self.module_of(a) == self.module_of(b)) {
            if let Some(at) = self.module_of(&same[0]) {
                let resolve = Resolve {
                    module: &self.modules[at],
                    linked: self.linked[at],
                };
                each(same, what, &mut |index, instruction, base| {
                    resolve.instruction(instruction, base, &mut |reference| {
                        found(first + index, reference);
                    });
                });
            }
            first += same.len();
        }
    }
}

/// Whether the calls of a module are as wasm-ld writes them.
fn is_linked(image: &Image<'_>, module: &Module) -> bool {
    let count = module.defined();
    let (mut calls, mut padded_calls) = (0_u32, 0_u32);
    let sample = (0..count).step_by(count.div_ceil(SAMPLE).max(1));
    let piece = |at| {
        let at = u32::try_from(at).ok()?;
        let body = module.body(module.imported().checked_add(at)?)?;
        let code = image.bytes_at(body.start).unwrap_or_default();
        Some(Piece {
            code: code.get(..body.size as usize).unwrap_or_default(),
            address: body.start,
        })
    };
    for piece in sample.filter_map(piece) {
        let mut code = Code::new(piece.code);
        if code.header().is_none() {
            continue;
        }
        while !code.is_at_end() {
            let Some(Found { seen, padded, .. }) = code.found(piece.address) else {
                break;
            };
            if let Seen::Call(_) = seen {
                calls += 1;
                padded_calls += u32::from(padded);
            }
        }
    }
    calls > 0 && padded_calls >= calls - calls / 50
}

/// Finds out what numbers of one module mean.
struct Resolve<'m> {
    module: &'m Module,
    linked: bool,
}

impl Resolve<'_> {
    #[inline]
    fn instruction(
        &self,
        Found { from, seen, padded }: Found,
        base: Option<(VirtualAddress, Constant)>,
        found: &mut impl FnMut(Reference),
    ) {
        match seen {
            Seen::Number(value) => self.number(from, Constant { value, padded }, found),
            Seen::Memory { offset, size } => {
                let offset = Constant {
                    value: offset,
                    padded,
                };
                self.access(from, base, offset, size, found);
            }
            Seen::Call(function) => self.function(from, function, ReferenceKind::Call, found),
            Seen::Function(function) => {
                self.function(from, function, ReferenceKind::Address, found);
            }
            Seen::Other => {}
        }
    }

    fn function(
        &self,
        from: VirtualAddress,
        function: u32,
        kind: ReferenceKind,
        found: &mut impl FnMut(Reference),
    ) {
        if let Some(body) = self.module.body(function) {
            let to = body.start;
            found(Reference { from, to, kind });
        }
    }

    /// A constant by itself: an address, or a place in the table.
    fn number(&self, from: VirtualAddress, number: Constant, found: &mut impl FnMut(Reference)) {
        let proven = self.linked && number.padded;
        let in_table = || self.module.in_table(number.value);
        let in_table = proven.then(in_table).flatten();
        match (self.module.memory_at(number.value), in_table) {
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
        base: Option<(VirtualAddress, Constant)>,
        offset: Constant,
        size: u16,
        found: &mut impl FnMut(Reference),
    ) {
        let by_base = base.filter(|(_, base)| base.padded && !offset.padded);
        let padded = offset.padded || by_base.is_some();
        let address = offset
            .value
            .wrapping_add(base.map_or(0, |(_, base)| base.value));
        // The instruction that holds the address.
        let from = by_base.map_or(from, |(from, _)| from);
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
    fn data(&self, reference: Reference, found: &mut impl FnMut(Reference)) {
        if reference.kind != ReferenceKind::Immediate || self.module.are_addresses_large() {
            found(reference);
        }
    }
}

impl Disassembler for Wasm<'_> {
    fn references(
        &self,
        pieces: &[Piece<'_>],
        _absolute: bool,
        found: &mut dyn FnMut(usize, Reference),
    ) {
        self.scan(pieces, Looking::ForData, found);
    }

    fn references_and_calls(
        &self,
        pieces: &[Piece<'_>],
        found: &mut dyn FnMut(usize, Reference),
    ) -> bool {
        self.scan(pieces, Looking::ForAll, found);
        true
    }

    /// Instructions hold no distances. The length before them may be written in several ways.
    fn position_free(&self, code: &[u8], _address: VirtualAddress) -> u64 {
        let mut hasher = DefaultHasher::new();
        let length = code.iter().take(5).position(|byte| *byte < 0x80);
        let body = code.get(length.map_or(0, |last| last + 1)..);
        body.unwrap_or_default().hash(&mut hasher);
        hasher.finish()
    }

    fn calls(&self, pieces: &[Piece<'_>], found: &mut dyn FnMut(usize, Reference)) {
        self.scan(pieces, Looking::ForAll, &mut |index, reference| {
            let Piece { code, address } = pieces[index];
            let inside = AddressRange::new(address, code.len() as u64);
            if !inside.contains(reference.to) {
                found(index, reference);
            }
        });
    }

    /// Functions stand one after the other.
    fn is_padding(&self, _code: &[u8]) -> bool {
        false
    }
}
