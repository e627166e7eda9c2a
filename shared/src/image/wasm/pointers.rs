//! Pointers in data.
//!
//! A linked module says nowhere which words of its data are pointers: the linker has filled them in
//! and dropped the relocations. An aligned word that is an address of data most likely is one, for
//! addresses start at a megabyte in Rust's modules and numbers are seldom as large. Places in the table
//! of functions are small numbers; they count where they stand as in a vtable. All of it is a guess
//! and marked as one. Where addresses begin at 0, as they do where the importer says where data goes,
//! any number could be one, and none is believed.

use super::{
    super::{Image, Relocation, RelocationTable, SectionKind},
    Modules,
    module::Module,
    names::place,
    segment::Segment,
};
use crate::address::VirtualAddress;

pub(crate) fn relocations(image: &Image<'_>, modules: &Modules) -> Vec<RelocationTable> {
    let modules = modules.modules.iter();
    modules
        .filter_map(|module| of_module(image, module))
        .collect()
}

fn of_module(image: &Image<'_>, module: &Module) -> Option<RelocationTable> {
    let first = module.segments.iter().find(|it| !it.file.is_empty())?;
    let (section, of) = image.section_at(first.place().start)?;
    if of.kind != SectionKind::Data {
        return None;
    }
    if !module.are_addresses_large() {
        return None;
    }
    let mut scan = Scan {
        module,
        word: if module.is_64() { 8 } else { 4 },
        found: Vec::new(),
    };
    for segment in &module.segments {
        scan.segment(image.bytes_in(segment.file), segment);
    }
    Some(RelocationTable {
        section,
        start: 0,
        entry_size: 0,
        guessed: true,
        relocations: scan.found,
    })
}

struct Scan<'m> {
    module: &'m Module,
    word: usize,
    found: Vec<Relocation>,
}

/// The size of a type in memory that is believed.
const MAX_SIZE: u64 = 1 << 24;

/// Its alignment.
const MAX_ALIGN: u64 = 1 << 12;

impl Scan<'_> {
    fn segment(&mut self, bytes: &[u8], segment: &Segment) {
        // Where an address is unknown, the segment begins as linkers align it.
        let address = segment.address.unwrap_or_default();
        let skip = (address.wrapping_neg() % self.word as u64) as usize;
        let Some(aligned) = bytes.get(skip..) else {
            return;
        };
        let start = segment.file.start.0 + skip as u64;
        let count = aligned.len() / self.word;
        let mut at = 0;
        while at < count {
            let methods = self.vtable(aligned, at);
            if methods > 0 {
                for entry in std::iter::once(at).chain(at + 3..at + methods) {
                    let function = self.module.in_table(self.number(aligned, entry));
                    let target = function.and_then(|function| place(self.module, function));
                    if let Some(target) = target {
                        self.add(start, entry, target);
                    }
                }
                at += methods;
                continue;
            }
            if let Some(target) = self.module.memory_at(self.number(aligned, at)) {
                self.add(start, at, target);
            }
            at += 1;
        }
    }

    fn add(&mut self, start: u64, word: usize, target: VirtualAddress) {
        self.found.push(Relocation {
            slot: VirtualAddress(start + (word * self.word) as u64),
            target: Some(target),
            symbol: None,
            entry: self.found.len() as u32,
        });
    }

    /// The word with this number; zero after the end.
    fn number(&self, bytes: &[u8], word: usize) -> u64 {
        let rest = bytes.get(word * self.word..).unwrap_or_default();
        match self.word {
            4 => rest
                .first_chunk()
                .map_or(0, |word| u32::from_le_bytes(*word).into()),
            _ => rest
                .first_chunk()
                .map_or(0, |word| u64::from_le_bytes(*word)),
        }
    }

    /// Whether a vtable can begin here: drop glue or none, a size, an alignment that goes into it,
    /// and at least one function.
    fn begins(&self, bytes: &[u8], at: usize) -> bool {
        let align = self.number(bytes, at + 2);
        if !align.is_power_of_two() || align > MAX_ALIGN {
            return false;
        }
        let size = self.number(bytes, at + 1);
        if size > MAX_SIZE || !size.is_multiple_of(align) {
            return false;
        }
        let function = |word| self.module.in_table(self.number(bytes, word));
        match self.number(bytes, at) {
            0 => function(at + 3).is_some(),
            _ => function(at).is_some_and(|function| self.module.may_drop(function)),
        }
    }

    /// How many words a vtable that begins here has; 0 where none does.
    fn vtable(&self, bytes: &[u8], at: usize) -> usize {
        if !self.begins(bytes, at) {
            return 0;
        }
        let mut end = at + 3;
        // The next vtable may follow at once. Traits have no more methods.
        while end - at < 256
            && !self.begins(bytes, end)
            && self.module.in_table(self.number(bytes, end)).is_some()
        {
            end += 1;
        }
        end - at
    }
}
