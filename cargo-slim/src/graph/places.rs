//! Which node an address is.

use super::{
    inputs::{FIRST, Inputs},
    threads::Threads,
};
use codecost::{
    address::{AddressIndex, AddressRange, VirtualAddress},
    disasm::{Piece, ReferenceKind, decoder_of},
    image::SectionKind,
};

/// Finds the nodes at addresses.
pub(super) struct Places<'a, 'd> {
    inputs: &'a Inputs<'a, 'd>,
    /// The data objects by address.
    index: AddressIndex,
    /// The linker's slots with what they hold, by address.
    slots: Vec<(VirtualAddress, VirtualAddress)>,
    /// The linker's tables of addresses.
    tables: Vec<AddressRange>,
    /// The linker's jumps: where each starts and the slot that it jumps through, by address.
    jumps: Vec<(VirtualAddress, VirtualAddress)>,
    /// Where these jumps are.
    jumping: Vec<AddressRange>,
    /// What code finds thread-local variables by.
    pub(super) threads: Threads,
}

/// The linker's jumps are at most so far apart.
const JUMP: u64 = 16;

impl<'a, 'd> Places<'a, 'd> {
    pub(super) fn new(inputs: &'a Inputs<'a, 'd>) -> Self {
        let starts = inputs.objects.iter().map(|object| object.range.start);
        let of_kind = |kind: SectionKind| -> Vec<AddressRange> {
            let sections = inputs.image.sections.iter();
            let sections = sections.filter(|section| section.loaded && section.kind == kind);
            let mut ranges: Vec<_> = sections.map(|section| section.addresses()).collect();
            ranges.sort_unstable();
            ranges
        };
        let mut places = Self {
            inputs,
            index: AddressIndex::new(starts.collect()),
            slots: Vec::new(),
            tables: of_kind(SectionKind::Got),
            jumps: Vec::new(),
            jumping: of_kind(SectionKind::Plt),
            threads: Threads::new(inputs),
        };
        places.read_slots();
        places.read_jumps();
        places
    }

    fn read_slots(&mut self) {
        let tables = self.inputs.relocations.iter();
        let relocations = tables.flat_map(|table| &table.relocations);
        let slots = relocations.filter_map(|relocation| {
            let is_slot = within(&self.tables, relocation.slot);
            is_slot.then_some((relocation.slot, relocation.target?))
        });
        self.slots = slots.collect();
        self.slots.sort_unstable();
    }

    fn read_jumps(&mut self) {
        if self.jumping.is_empty() {
            return;
        }
        let Some(decoder) = decoder_of(self.inputs.image) else {
            return;
        };
        for range in &self.jumping {
            let code = self.inputs.image.bytes_at(range.start).unwrap_or_default();
            let size = usize::try_from(range.size).unwrap_or(usize::MAX);
            let code = code.get(..size).unwrap_or(code);
            let (jumps, tables) = (&mut self.jumps, &self.tables);
            let piece = Piece {
                code,
                address: range.start,
            };
            decoder.calls(&[piece], &mut |_, reference| {
                if reference.kind == ReferenceKind::Call && within(tables, reference.to) {
                    jumps.push((reference.from, reference.to));
                }
            });
        }
        self.jumps.sort_unstable();
    }

    /// The data object that holds `address`.
    pub(super) fn object_at(&self, address: VirtualAddress) -> Option<u32> {
        let index = self.index.last_at(address)?;
        let object = self.inputs.objects.get(index)?;
        object.range.contains(address).then_some(index as u32)
    }

    /// The node of the data object that holds `address`.
    pub(super) fn object_node(&self, at: u32) -> u32 {
        FIRST + self.inputs.code.functions.len() as u32 + at
    }

    /// The node that a reference to `address` keeps: what is there, or what the linker's jump or
    /// slot there leads to. `None` where it leads out of the image.
    pub(super) fn node_at(&self, address: VirtualAddress) -> Option<u32> {
        if let Some(function) = self.inputs.code.at(address) {
            return Some(FIRST + function);
        }
        let mut at = address;
        if within(&self.jumping, at) {
            at = self.jump_at(at)?;
        }
        if within(&self.tables, at) {
            if let Some(variable) = self.threads.slot(at) {
                return Some(variable);
            }
            at = self.slot_at(at)?;
            if let Some(function) = self.inputs.code.at(at) {
                return Some(FIRST + function);
            }
        }
        self.object_at(at).map(|object| self.object_node(object))
    }

    /// The slot that the linker's jump at `address` goes through: the first jump from there.
    fn jump_at(&self, address: VirtualAddress) -> Option<VirtualAddress> {
        let next = self.jumps.partition_point(|(from, _)| *from < address);
        let (from, slot) = self.jumps.get(next)?;
        (from.checked_since(address)? < JUMP).then_some(*slot)
    }

    /// What the linker's slot at `address` holds.
    fn slot_at(&self, address: VirtualAddress) -> Option<VirtualAddress> {
        match self.slots.binary_search_by_key(&address, |(slot, _)| *slot) {
            Ok(at) => Some(self.slots[at].1),
            // A file that the loader does not move has its slots filled in.
            Err(_) => self.inputs.image.word_at(address).map(VirtualAddress),
        }
    }

    /// Whether `address` is in one of the linker's tables of addresses.
    pub(super) fn is_slot(&self, address: VirtualAddress) -> bool {
        within(&self.tables, address)
    }
}

/// Finds the nodes at addresses, for whoever looks through code again.
pub struct Nodes<'a, 'd>(Places<'a, 'd>);

impl<'a, 'd> Nodes<'a, 'd> {
    /// `inputs` are what the graph was made from.
    pub fn new(inputs: &'a Inputs<'a, 'd>) -> Self {
        Self(Places::new(inputs))
    }

    /// The node that a reference to `address` keeps; `None` where it leads out of the image.
    pub fn at(&self, address: VirtualAddress) -> Option<u32> {
        self.0.node_at(address)
    }
}

/// Whether one of the sorted `ranges` holds `address`. They overlap in damaged files only, so a few
/// are looked at.
fn within(ranges: &[AddressRange], address: VirtualAddress) -> bool {
    let next = ranges.partition_point(|range| range.start <= address);
    let before = ranges.get(..next).unwrap_or_default();
    let mut near = before.iter().rev().take(4);
    near.any(|range| range.contains(address))
}
