//! The physical symbol around an address.
//!
//! Truth: the ELF symbol tables, `.symtab` before `.dynsym`. Of several symbols at one address the
//! one counts that `perf` shows: with a size, not weak, global, fewer underscores, the longer name.

use codecost::{
    address::{AddressRange, Range, VirtualAddress},
    image::{Binding, Image, SectionKind, Symbol, SymbolKind, SymbolTable},
};
use std::cmp::Reverse;

/// How many symbols before an address are tried: sized ones overlap in hand-written assembly only.
const MAX_OVERLAP: usize = 8;

/// The functions of a symbol table by address.
pub(super) struct Table<'t, 'd> {
    symbols: &'t SymbolTable<'d>,
    /// Start, end and position of each.
    ranges: Vec<(VirtualAddress, VirtualAddress, u32)>,
    /// Further functions at the address of one, by that address.
    same: Vec<(VirtualAddress, u32)>,
}

impl<'t, 'd> Table<'t, 'd> {
    /// Sorts the functions of `symbols`, which are of `image` or of its debug file.
    pub(super) fn new(image: &Image<'_>, symbols: &'t SymbolTable<'d>) -> Self {
        let mut found: Vec<(VirtualAddress, u32, VirtualAddress)> = Vec::new();
        for (position, symbol) in (0..).zip(&symbols.symbols) {
            if symbol.section.is_none() || !may_be_code(symbol) {
                continue;
            }
            if let Some((_, section)) = image.section_at(symbol.address)
                && section.kind == SectionKind::Code
            {
                found.push((symbol.address, position, section.addresses().end()));
            }
        }
        let rank = |position: u32| {
            let symbol = symbols.symbols.get(position as usize);
            symbol.map(|symbol| {
                (
                    symbol.size > 0,
                    symbol.binding != Binding::Weak,
                    symbol.binding == Binding::Global,
                    Reverse(symbol.name.bytes().take_while(|byte| *byte == b'_').count()),
                    symbol.name.len(),
                )
            })
        };
        found.sort_unstable_by(|a, b| {
            let order = a.0.cmp(&b.0);
            order.then_with(|| rank(b.1).cmp(&rank(a.1)).then(a.1.cmp(&b.1)))
        });
        let is_function = |position: u32| {
            let symbol = symbols.symbols.get(position as usize);
            symbol.is_some_and(|it| it.kind == SymbolKind::Function && it.size > 0)
        };
        // The first of an address is the one that counts.
        let pairs = found.iter().zip(found.iter().skip(1));
        let same = pairs
            .filter(|(before, this)| before.0 == this.0)
            .map(|(_, (address, position, _))| (*address, *position))
            .filter(|(_, position)| is_function(*position))
            .collect();
        found.dedup_by_key(|(address, ..)| *address);
        let mut ranges = Vec::with_capacity(found.len());
        for (at, (start, position, section_end)) in found.iter().enumerate() {
            let size = symbols
                .symbols
                .get(*position as usize)
                .map_or(0, |symbol| symbol.size);
            let end = if size > 0 {
                Range::<VirtualAddress>::new(*start, size).end()
            } else {
                // Of a label without a size: up to the next symbol.
                let next = found.get(at + 1).map_or(*section_end, |next| next.0);
                next.min(*section_end)
            };
            ranges.push((*start, end, *position));
        }
        Self {
            symbols,
            ranges,
            same,
        }
    }

    /// The other functions at the address where one starts.
    pub(super) fn others(&self, start: VirtualAddress) -> impl Iterator<Item = &'t Symbol<'d>> {
        let symbols = self.symbols;
        let first = self.same.partition_point(|(address, _)| *address < start);
        let same = self.same.get(first..).unwrap_or_default().iter();
        let same = same.take_while(move |(address, _)| *address == start);
        same.filter_map(|(_, position)| symbols.symbols.get(*position as usize))
    }

    /// The symbol around `address`, and its extent. One with a size goes before a label in it.
    pub(super) fn at(&self, address: VirtualAddress) -> Option<(&'t Symbol<'d>, AddressRange)> {
        let after = self.ranges.partition_point(|(start, ..)| *start <= address);
        let near = self.ranges.get(after.saturating_sub(MAX_OVERLAP)..after)?;
        let mut label = None;
        for (start, end, position) in near.iter().rev() {
            if address >= *end {
                continue;
            }
            let found = self.symbols.symbols.get(*position as usize)?;
            let found = (found, Range::<VirtualAddress>::between(*start, *end));
            if found.0.size > 0 {
                return Some(found);
            }
            label.get_or_insert(found);
        }
        label
    }
}

fn may_be_code(symbol: &Symbol<'_>) -> bool {
    match symbol.kind {
        SymbolKind::Function => true,
        // `$x` and `$d` of AArch64 mark code and data; `.L` are the compiler's own.
        SymbolKind::Untyped => !symbol.name.is_empty() && !symbol.name.starts_with(['$', '.']),
        _ => false,
    }
}
