//! Which code uses which thread-local variable.
//!
//! A variable has no address: each thread has its own. Code finds it by its distance from the thread
//! pointer or from the first variable, which stands in an instruction, or in a slot that the loader
//! fills in; Apple's by a descriptor, which is data like any other. Neither is an address, so none of
//! these is a reference for anybody else.

use super::inputs::{FIRST, Inputs};
use crate::ledger::DataObject;
use codecost::{
    address::{AddressRange, VirtualAddress},
    disasm::{Disassembler, Piece, ThreadDistance},
    image::{Architecture, Format, Image, SectionKind},
};

/// The thread-local variables of an image.
#[derive(Debug, Default)]
pub(super) struct Threads {
    /// Where the first one's initial value is.
    first: VirtualAddress,
    /// How far the first one is from the thread pointer, where the format settles it.
    pointer: Option<i64>,
    /// All of them by the addresses of their initial values, each with its node.
    variables: Vec<(AddressRange, u32)>,
    /// Slots that lead to one, each with its node.
    slots: Vec<(VirtualAddress, u32)>,
    /// Slots that lead to the first one.
    firsts: Vec<VirtualAddress>,
}

impl Threads {
    /// Linear in objects and relocations, but for sorting.
    pub(super) fn new(inputs: &Inputs<'_, '_>) -> Self {
        let image = inputs.image;
        let sections = image.sections.iter();
        let holds: Vec<bool> = sections
            .map(|section| {
                let of_apple = section.name == "__thread_bss";
                let is_one = matches!(section.kind, SectionKind::Tls | SectionKind::TlsBss);
                section.loaded && (is_one || of_apple)
            })
            .collect();
        if !holds.contains(&true) || !image.parts.is_empty() {
            return Self::default();
        }
        let of_threads = |object: &DataObject| holds.get(object.section as usize) == Some(&true);
        let base = FIRST + inputs.code.functions.len() as u32;
        let objects = inputs
            .objects
            .iter()
            .chain(inputs.thread_zeroes)
            .zip(base..);
        let variables = objects.filter(|(object, _)| of_threads(object));
        let mut variables: Vec<_> = variables
            .map(|(object, node)| (object.range, node))
            .collect();
        variables.sort_unstable();
        let held = image
            .sections
            .iter()
            .zip(&holds)
            .filter(|(_, holds)| **holds);
        let first = held.map(|(section, _)| section.address).min();
        let segment = image.segments.iter().find(|segment| segment.name == "TLS");
        let mut threads = Self {
            first: segment
                .map(|segment| segment.address)
                .or(first)
                .unwrap_or_default(),
            pointer: from_pointer(image),
            variables,
            ..Self::default()
        };
        let slots = image.thread_slots(inputs.dynamic_symbols);
        let nodes = slots.variables.iter().filter_map(|(slot, distance)| {
            let distance = ThreadDistance::First(distance.cast_signed());
            Some((*slot, threads.node_of(distance)?))
        });
        threads.slots = nodes.collect();
        threads.firsts = slots.firsts;
        threads
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// The node of the variable at a distance.
    pub(super) fn node_of(&self, distance: ThreadDistance) -> Option<u32> {
        let distance = match distance {
            ThreadDistance::First(distance) => distance,
            ThreadDistance::Pointer(distance) => distance.checked_sub(self.pointer?)?,
        };
        let address = self.first.0.checked_add_signed(distance);
        let address = VirtualAddress(address?);
        let next = self
            .variables
            .partition_point(|(range, _)| range.start <= address);
        let (range, node) = self.variables.get(next.checked_sub(1)?)?;
        range.contains(address).then_some(*node)
    }

    /// The node of the variable that a slot leads to.
    pub(super) fn slot(&self, slot: VirtualAddress) -> Option<u32> {
        let at = self.slots.binary_search_by_key(&slot, |(at, _)| *at).ok()?;
        Some(self.slots[at].1)
    }

    /// Calls `found` with each instruction of `piece` that holds a distance, and the variable's node.
    pub(super) fn each(
        &self,
        decoder: &dyn Disassembler,
        piece: Piece<'_>,
        found: &mut dyn FnMut(VirtualAddress, u32),
    ) {
        if self.is_empty() {
            return;
        }
        decoder.thread_locals(piece, &self.firsts, &mut |at, distance| {
            if let Some(node) = self.node_of(distance) {
                found(at, node);
            }
        });
    }

    /// Apple's descriptors: a function, a key, and the distance from the first variable. Calls `found`
    /// with where each is, and the variable's node.
    pub(super) fn descriptors(
        &self,
        image: &Image<'_>,
        found: &mut dyn FnMut(VirtualAddress, u32),
    ) {
        const WORDS: u64 = 3;
        let of_apple = |name: &str| image.format == Format::MachO && name == "__thread_vars";
        let word = if image.is_64 { 8 } else { 4 };
        for section in image.sections.iter().filter(|at| of_apple(&at.name)) {
            for number in 0..section.file.size / (WORDS * word) {
                let at = section.address.checked_add(number * WORDS * word);
                let last = at.and_then(|at| at.checked_add((WORDS - 1) * word));
                let distance = last.and_then(|last| image.word_at(last));
                let first = |distance: u64| ThreadDistance::First(distance.cast_signed());
                let node = distance.and_then(|distance| self.node_of(first(distance)));
                if let (Some(at), Some(node)) = (at, node) {
                    found(at, node);
                }
            }
        }
    }
}

/// How far the first variable is from the thread pointer in a program, as its ABI says and linkers
/// reckon: on AArch64 behind two words, on x86-64 before it. A library's code never knows.
fn from_pointer(image: &Image<'_>) -> Option<i64> {
    let segment = image
        .segments
        .iter()
        .find(|segment| segment.name == "TLS")?;
    let rest = segment.align.max(1) - 1;
    let start = segment.address.0;
    match image.architecture {
        Architecture::X86_64 => {
            let end = start.wrapping_add(segment.memory);
            let size = segment.memory.checked_add(end.wrapping_neg() & rest)?;
            i64::try_from(size).ok()?.checked_neg()
        }
        Architecture::Aarch64 => {
            const WORDS: u64 = 16;
            let before = WORDS.checked_add(start.wrapping_sub(WORDS) & rest)?;
            i64::try_from(before).ok()
        }
        _ => None,
    }
}
