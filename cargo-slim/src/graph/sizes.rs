//! How many bytes go with a node.

use super::{
    inputs::{FIRST, Inputs},
    places::Places,
};
use codecost::{
    address::{AddressRange, VirtualAddress},
    image::SectionKind,
};
use std::ops::AddAssign;

/// The bytes of a node, or of several. All of them but `zeroed` ship: symbols and debug information
/// do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Machine code.
    pub code: u64,
    /// Constants and variables that have bytes in the file.
    pub data: u64,
    /// What is between them so that they start at even addresses.
    pub padding: u64,
    /// What describes them in other tables: unwind entries, language-specific data, relocations.
    pub tables: u64,
    /// What only memory has of them: variables of zeroes.
    pub zeroed: u64,
    /// How much of that stands in the unwind tables.
    pub unwind: u64,
}

impl Sizes {
    /// Code and data.
    pub fn own(&self) -> u64 {
        self.code + self.data
    }

    /// What a linker leaves out with them: code, data and padding.
    pub fn linked(&self) -> u64 {
        self.own() + self.padding
    }

    /// All bytes that ship.
    pub fn shipped(&self) -> u64 {
        self.linked() + self.tables
    }

    /// All bytes of memory.
    pub fn memory(&self) -> u64 {
        self.shipped() + self.zeroed
    }

    fn add_unwind(&mut self, bytes: u64) {
        self.tables += bytes;
        self.unwind += bytes;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shipped() == 0
    }
}

impl AddAssign for Sizes {
    fn add_assign(&mut self, more: Self) {
        let Self {
            code,
            data,
            padding,
            tables,
            zeroed,
            unwind,
        } = more;
        self.code += code;
        self.data += data;
        self.padding += padding;
        self.tables += tables;
        self.zeroed += zeroed;
        self.unwind += unwind;
    }
}

/// The sizes of all nodes.
pub(super) fn of_nodes(inputs: &Inputs<'_, '_>, places: &Places<'_, '_>) -> Vec<Sizes> {
    let functions = &inputs.code.functions;
    let mut sizes = vec![Sizes::default(); FIRST as usize];
    for (at, function) in functions.iter().enumerate() {
        let section = inputs.image.sections.get(function.section as usize);
        let held = section.map(|section| AddressRange::new(section.address, section.file.size));
        let code = held.map_or(0, |held| function.range.intersection(held).size);
        let next = functions.get(at + 1);
        let next = next.filter(|next| next.section == function.section);
        let gap = next.and_then(|next| next.range.start.checked_since(function.range.end()));
        sizes.push(Sizes {
            code,
            padding: gap.filter(|gap| *gap < PADDING).unwrap_or_default(),
            ..Sizes::default()
        });
    }
    for object in inputs.objects {
        let section = inputs.image.sections.get(object.section as usize);
        let section = section.filter(|section| section.kind != SectionKind::Got);
        let held = section.map(|section| AddressRange::new(section.address, section.file.size));
        let data = held.map_or(0, |held| object.range.intersection(held).size);
        let in_memory = section.is_some_and(|section| section.loaded);
        sizes.push(Sizes {
            data,
            zeroed: match in_memory {
                true => object.range.size.saturating_sub(data),
                false => 0,
            },
            ..Sizes::default()
        });
    }
    // These take no bytes of the file, nor of the image's memory.
    sizes.resize(sizes.len() + inputs.thread_zeroes.len(), Sizes::default());
    unwinding(inputs, &mut sizes);
    relocations(inputs, places, &mut sizes);
    sizes
}

/// Functions are at most so far apart for their alignment.
const PADDING: u64 = 64;

/// Unwind entries, their places in the search table, and language-specific data, which has no
/// length: each table reaches to the next.
fn unwinding(inputs: &Inputs<'_, '_>, sizes: &mut [Sizes]) {
    let search = inputs.unwind.search.iter();
    let searched: u64 = search.map(|table| table.entry_size).max().unwrap_or(0);
    let mut specific: Vec<(VirtualAddress, u32)> = Vec::new();
    let mut near = 0;
    for entry in &inputs.unwind.entries {
        let Some(function) = inputs.code.at_near(entry.function.start, &mut near) else {
            continue;
        };
        let node = FIRST + function;
        sizes[node as usize].add_unwind(entry.file.size + searched);
        specific.extend(entry.lsda.map(|address| (address, node)));
    }
    specific.sort_unstable();
    specific.dedup_by_key(|(address, _)| *address);
    for (at, (address, node)) in specific.iter().enumerate() {
        let Some((_, section)) = inputs.image.section_at(*address) else {
            continue;
        };
        if section.kind != SectionKind::ExceptTable {
            continue;
        }
        let end = section.addresses().end();
        let next = specific.get(at + 1).map_or(end, |(next, _)| end.min(*next));
        sizes[*node as usize].add_unwind(next.checked_since(*address).unwrap_or_default());
    }
}

fn relocations(inputs: &Inputs<'_, '_>, places: &Places<'_, '_>, sizes: &mut [Sizes]) {
    for table in inputs.relocations {
        // One word of RELR stands for many slots.
        let (mut last, mut near) = (None, None);
        for relocation in &table.relocations {
            if last.replace(relocation.entry) == Some(relocation.entry) {
                continue;
            }
            let slot = relocation.slot;
            let same = near.filter(|at: &u32| {
                let object = inputs.objects.get(*at as usize);
                object.is_some_and(|object| object.range.contains(slot))
            });
            near = same.or_else(|| places.object_at(slot));
            if let Some(object) = near {
                let node = places.object_node(object);
                sizes[node as usize].tables += table.entry_size;
            }
        }
    }
}
