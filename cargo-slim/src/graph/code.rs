//! What functions refer to.

use super::{
    inputs::{FIRST, Inputs},
    places::Places,
};
use crate::ledger::{CodeReferences, piece_of};
use codecost::{
    address::VirtualAddress,
    attribution::{Evidence, Function},
    disasm::{Disassembler, Piece, Reference},
    image::Format,
};
use rayon::prelude::*;

/// So many functions are looked through at once.
const FUNCTIONS: usize = 256;

/// The edges that leave functions, on all cores, each once.
pub(super) fn edges(
    inputs: &Inputs<'_, '_>,
    places: &Places<'_, '_>,
    decoder: &dyn Disassembler,
) -> Vec<(u32, u32)> {
    if let Some(found) = inputs.references.and_then(|found| known(found, places)) {
        return found;
    }
    let absolute = !inputs.image.position_independent;
    let lists: Vec<Vec<(u32, u32)>> = inputs
        .code
        .functions
        .par_chunks(FUNCTIONS)
        .with_max_len(4)
        .enumerate()
        .map(|(chunk, functions)| {
            let first = FIRST + (chunk * FUNCTIONS) as u32;
            let pieces: Vec<Piece<'_>> = functions
                .iter()
                .map(|function| piece_of(inputs.image, function))
                .collect();
            let mut found = Vec::new();
            let mut recent = Recent::new(places);
            let mut add = |index: usize, reference: Reference| {
                let from = first + index as u32;
                let to = recent.node_at(reference.to).filter(|to| *to != from);
                found.extend(to.map(|to| (from, to)));
            };
            decoder.calls(&pieces, &mut add);
            if absolute {
                decoder.references(&pieces, true, &mut add);
            }
            found.sort_unstable();
            found.dedup();
            found
        })
        .collect();
    lists.concat()
}

/// Functions of one place call the same few others: what was asked lately is not looked up again.
struct Recent<'p, 'a, 'd> {
    places: &'p Places<'a, 'd>,
    /// By the address's last bits.
    answers: Vec<(VirtualAddress, Option<u32>)>,
}

impl<'p, 'a, 'd> Recent<'p, 'a, 'd> {
    const ANSWERS: usize = 1024;

    fn new(places: &'p Places<'a, 'd>) -> Self {
        // What is there first is asked of the address that nothing has.
        let none = (VirtualAddress(u64::MAX), None);
        Self {
            places,
            answers: vec![none; Self::ANSWERS],
        }
    }

    fn node_at(&mut self, address: VirtualAddress) -> Option<u32> {
        // Functions start at multiples of 16 on most processors, but not in WebAssembly.
        let mixed = address.0 ^ address.0 >> 10;
        let answer = &mut self.answers[mixed as usize % Self::ANSWERS];
        if answer.0 != address {
            *answer = (address, self.places.node_at(address));
        }
        answer.1
    }
}

/// The same from references that were found before, calls included.
fn known(references: &CodeReferences, places: &Places<'_, '_>) -> Option<Vec<(u32, u32)>> {
    let lists = references.chunks()?.map(|chunk| {
        let mut recent = Recent::new(places);
        let data = chunk.data().filter_map(|(function, to)| {
            let to = match places.is_slot(to) {
                true => places.node_at(to)?,
                false => places.object_node(places.object_at(to)?),
            };
            Some((FIRST + function, to))
        });
        let calls = chunk.calls().iter().filter_map(|(function, to)| {
            let from = FIRST + function;
            Some((from, recent.node_at(*to).filter(|to| *to != from)?))
        });
        let mut found: Vec<(u32, u32)> = data.chain(calls).collect();
        found.sort_unstable();
        found.dedup();
        found
    });
    Some(lists.collect::<Vec<_>>().concat())
}

/// The edges from functions to thread-local variables, on all cores.
pub(super) fn thread_locals(
    inputs: &Inputs<'_, '_>,
    places: &Places<'_, '_>,
    decoder: &dyn Disassembler,
) -> Vec<(u32, u32)> {
    if places.threads.is_empty() {
        return Vec::new();
    }
    let functions = inputs.code.functions.par_iter().enumerate();
    let functions = functions.with_min_len(FUNCTIONS);
    let edges = functions.flat_map_iter(|(at, function)| {
        let mut found = Vec::new();
        let piece = piece_of(inputs.image, function);
        places.threads.each(decoder, piece, &mut |_, variable| {
            found.push((FIRST + at as u32, variable));
        });
        found.sort_unstable();
        found.dedup();
        found
    });
    edges.collect()
}

/// Assembly stands in one section for each source file, and a linker keeps a section as a whole.
/// Where one file ends and the next begins the program does not say: neighbours whose symbols have
/// no size, as assembly often leaves it out, are likely of one.
pub(super) fn together(inputs: &Inputs<'_, '_>) -> Vec<(u32, u32)> {
    let is_assembly = |function: &Function| {
        let named = function.symbol.is_some() && !function.guessed;
        named && function.extent != Evidence::Symbol
    };
    let mut pairs = Vec::new();
    // Elsewhere no symbol has a size.
    if inputs.image.format != Format::Elf {
        return pairs;
    }
    for (two, at) in inputs.code.functions.windows(2).zip(FIRST..) {
        let same = two[0].section == two[1].section;
        if same && is_assembly(&two[0]) && is_assembly(&two[1]) {
            pairs.extend([(at, at + 1), (at + 1, at)]);
        }
    }
    pairs
}

/// Functions with language-specific data need the routine that runs it.
pub(super) fn personalities(
    inputs: &Inputs<'_, '_>,
    places: &Places<'_, '_>,
    pairs: &mut Vec<(u32, u32)>,
) {
    let routines = inputs.unwind.personalities.iter();
    let routines: Vec<u32> = routines.filter_map(|at| places.node_at(*at)).collect();
    let mut near = 0;
    for entry in &inputs.unwind.entries {
        if entry.lsda.is_none() {
            continue;
        }
        if let Some(function) = inputs.code.at_near(entry.function.start, &mut near) {
            let needs = routines.iter().map(|routine| (FIRST + function, *routine));
            pairs.extend(needs);
        }
    }
}
