//! All functions of an image: where each starts and ends, and who owns it.
//!
//! A function's extent comes from its symbol's size; else, for assembly that gives none, from the
//! unwind tables or the next function; functions without a symbol come from the unwind tables and
//! the debug information.

use super::{CrateId, Crates, Evidence, Owner, SymbolOwners, function::Function, neighbours};
use crate::{
    address::{AddressIndex, AddressRange, Range, VirtualAddress},
    demangle::{Name, Scheme, Shape},
    image::{Binding, Image, SectionKind, Symbol, SymbolKind, SymbolTable, UnwindTables},
};
use rayon::prelude::*;
use std::cmp::Reverse;

/// All functions, by address; they do not overlap.
#[derive(Clone, Debug, Default)]
pub struct CodeMap {
    /// The functions.
    pub functions: Vec<Function>,
    /// Symbols that stand at the start of another symbol's function.
    pub aliases: Vec<u32>,
    /// The functions by address.
    index: AddressIndex,
}

/// A function that the debug information knows: its extent and, if it could be told, its owner.
#[derive(Clone, Copy, Debug)]
pub struct KnownFunction {
    /// Its code.
    pub range: AddressRange,
    /// Its owner.
    pub owner: Option<Owner>,
}

impl CodeMap {
    /// Finds the functions of `image`, without their owners.
    ///
    /// `symbols` may come from a separate debug file. O(n log n) in the number of symbols and unwind
    /// entries.
    pub fn new(image: &Image<'_>, symbols: &SymbolTable<'_>, unwind: &UnwindTables) -> Self {
        let mut map = Self::default();
        let mut candidates: Vec<(VirtualAddress, u32, u32)> =
            Vec::with_capacity(symbols.symbols.len());
        for (position, symbol) in symbols.symbols.iter().enumerate() {
            if symbol.section.is_none() || !names_code(symbol) {
                continue;
            }
            let Some((index, section)) = image.section_at(symbol.address) else {
                continue;
            };
            if section.kind == SectionKind::Code {
                candidates.push((symbol.address, index, position as u32));
            }
        }
        candidates.sort_unstable_by_key(|(address, _, position)| (*address, *position));

        // And for those that only the unwind tables know: a page that is not used costs nothing, a
        // copy of all of them does.
        let most = candidates.len().saturating_add(unwind.extents().count());
        map.functions.reserve(most);
        let mut funclets: Vec<VirtualAddress> = match image.parts.is_empty() {
            true => Vec::new(),
            false => {
                let all = symbols.symbols.iter().filter(|one| one.section.is_some());
                let funclets = all.filter(|one| is_funclet(one));
                funclets.map(|one| one.address).collect()
            }
        };
        funclets.sort_unstable();
        // Of a list of what others may use, no entry says where the one before it ends.
        let is_list = image.parts.is_empty()
            && !image.symbols_have_sizes()
            && unwind.next_function(VirtualAddress(0)).is_none()
            && !symbols.names_all_functions();
        let mut next = 0;
        // The end of the code that has been given away.
        let mut taken = VirtualAddress(0);
        while next < candidates.len() {
            let address = candidates[next].0;
            let same = candidates[next..]
                .iter()
                .take_while(|other| other.0 == address)
                .count();
            let group = &mut candidates[next..next + same];
            group.sort_by_cached_key(|(.., position)| {
                (
                    Reverse(rank(&symbols.symbols[*position as usize])),
                    *position,
                )
            });
            let aliases = next + 1..next + same;
            next += same;
            let (address, section, position) = candidates[aliases.start - 1];
            let following = candidates.get(next).map(|candidate| candidate.0);
            let symbol = &symbols.symbols[position as usize];
            if symbol.size == 0 && address < taken {
                // A label inside a function that has a size.
                continue;
            }
            let section_range = image.sections[section as usize].addresses();
            let (end, extent) = if symbol.size > 0 {
                (
                    Range::<VirtualAddress>::new(address, symbol.size).end(),
                    Evidence::Symbol,
                )
            } else if let Some(function) = unwind.function_at(address) {
                if function.start != address {
                    // A label inside a function that is listed.
                    continue;
                }
                (function.end(), Evidence::Unwind)
            } else if let (Some(entry), true) =
                (unwind.entry_at(address), unwind.functions.is_empty())
            {
                let mut end = entry.function.end();
                // Its parts follow it, each with an entry of its own.
                let first = funclets.partition_point(|funclet| *funclet < end);
                for funclet in &funclets[first..] {
                    match unwind.entry_at(*funclet) {
                        Some(part) if following.is_none_or(|next| *funclet < next) => {
                            end = part.function.end().max(end);
                        }
                        _ => break,
                    }
                }
                (
                    following.map_or(end, |following| end.min(following)),
                    Evidence::Unwind,
                )
            } else if is_list {
                continue;
            } else if let Some(function) =
                unwind.guessed_at(address).filter(|it| it.start == address)
            {
                let end = function.end();
                let end = following.map_or(end, |following| end.min(following));
                (end, Evidence::Inferred)
            } else {
                let end = section_range.end();
                let end = following.map_or(end, |following| end.min(following));
                let listed = unwind.next_function(address);
                let end = listed.map_or(end, |listed| end.min(listed));
                let range = Range::<VirtualAddress>::between(address, end);
                let by_list = listed.is_some_and(|listed| listed == end);
                let range = match by_list || listed.is_some() && !image.symbols_have_sizes() {
                    true => image.without_fill(range),
                    false => range,
                };
                // A section that a compiler made for this function alone ends with it.
                let alone = !image.parts.is_empty()
                    && address == section_range.start
                    && following.is_none_or(|next| !section_range.contains(next));
                match alone {
                    true => (range.end(), Evidence::Symbol),
                    false => (range.end(), Evidence::Inferred),
                }
            };
            // What overlaps (damage, or two entry points of one piece of assembly) stays with the
            // first.
            let start = address.max(taken);
            let range = Range::<VirtualAddress>::between(start, end).intersection(section_range);
            if range.is_empty() {
                continue;
            }
            let first_alias = map.aliases.len() as u32;
            let aliases = candidates[aliases].iter().map(|alias| alias.2);
            map.aliases.extend(aliases);
            taken = range.end();
            map.functions.push(Function {
                range,
                section,
                symbol: Some(position),
                guessed: false,
                shape: Shape::default(),
                aliases: first_alias..map.aliases.len() as u32,
                owner: Owner::UNKNOWN,
                extent,
            });
        }
        let known = |range| KnownFunction { range, owner: None };
        let found = unwind.extents();
        map.fill_gaps(image, found.map(|range| (known(range), Evidence::Unwind)));
        if !unwind.guessed.is_empty() {
            let guessed = unwind.guessed.iter();
            map.fill_gaps(
                image,
                guessed.map(|range| (known(*range), Evidence::Inferred)),
            );
        }
        map
    }

    /// Reads the names, on all cores, and finds the owners.
    pub fn name(
        &mut self,
        symbols: &SymbolTable<'_>,
        owners: &SymbolOwners,
        crates: &mut Crates<'_>,
    ) {
        let symbol = |function: &Function| symbols.symbols.get(function.symbol? as usize);
        self.functions
            .par_iter_mut()
            .with_min_len(1024)
            .for_each(|function| {
                if let Some(symbol) = symbol(function) {
                    function.shape = Name::parse(&symbol.name).shape();
                }
            });
        for function in &mut self.functions {
            if let Some(symbol) = symbol(function) {
                let name = Name::with_shape(&symbol.name, function.shape);
                function.owner = owners.owner(symbol, &name, crates);
            }
        }
        neighbours::settle(&mut self.functions, symbols, owners, crates);
        if symbols.are_numbered {
            neighbours::settle_copies(&mut self.functions, symbols, crates);
        }
    }

    /// Adds functions where none is known yet.
    fn fill_gaps(
        &mut self,
        image: &Image<'_>,
        found: impl Iterator<Item = (KnownFunction, Evidence)>,
    ) {
        let mut added: Vec<Function> = Vec::new();
        let mut at = 0;
        for (candidate, extent) in found {
            while self
                .functions
                .get(at)
                .is_some_and(|f| f.range.end() <= candidate.range.start)
            {
                at += 1;
            }
            let mut range = candidate.range;
            if let Some(function) = self.functions.get(at) {
                if function.range.start <= range.start {
                    continue;
                }
                range = Range::<VirtualAddress>::between(
                    range.start,
                    range.end().min(function.range.start),
                );
            }
            if let Some(last) = added.last() {
                range = Range::<VirtualAddress>::between(
                    range.start.max(last.range.end()),
                    range.end(),
                );
            }
            let Some((section, code)) = image.section_at(range.start) else {
                continue;
            };
            range = range.intersection(code.addresses());
            if range.is_empty() || code.kind != SectionKind::Code {
                continue;
            }
            added.push(Function {
                range,
                section,
                symbol: None,
                guessed: false,
                shape: Shape::default(),
                aliases: 0..0,
                owner: candidate.owner.unwrap_or(Owner::UNKNOWN),
                extent,
            });
        }
        if !added.is_empty() {
            self.functions.extend(added);
            self.functions.sort_by_key(|function| function.range.start);
        }
        let starts = self.functions.iter().map(|function| function.range.start);
        self.index = AddressIndex::new(starts.collect());
    }

    /// Whether some function has an owner that is unknown or guessed, so that the debug information
    /// could say more.
    pub fn has_guesses(&self) -> bool {
        self.functions.iter().any(|function| {
            let owner = function.owner;
            owner.defined_by.max(owner.instantiated_by) >= Evidence::Inferred
                || owner.defined == CrateId::NATIVE
        })
    }

    /// Where a name only suggests who wrote a function, or nothing names it, the debug information
    /// knows. A v0 name states the crate: there debug information may only say which package of that
    /// name it is. `known` is sorted by address.
    pub fn learn(
        &mut self,
        image: &Image<'_>,
        symbols: &SymbolTable<'_>,
        known: &[KnownFunction],
        crates: &Crates<'_>,
    ) {
        let found = known
            .iter()
            .map(|function| (*function, Evidence::DebugInfo));
        self.fill_gaps(image, found);
        let mut at = 0;
        for function in &mut self.functions {
            while known
                .get(at)
                .is_some_and(|known| known.range.start < function.range.start)
            {
                at += 1;
            }
            // Debug information of WebAssembly leaves out the length before a function.
            let same = |known: &&KnownFunction| {
                let (known, own) = (known.range, function.range);
                known.start == own.start || (known.end() == own.end() && own.contains(known.start))
            };
            let Some(known) = known.get(at).filter(same) else {
                continue;
            };
            let Some(owner) = known.owner else { continue };
            let named = function
                .symbol
                .and_then(|symbol| symbols.symbols.get(symbol as usize))
                .is_some_and(|symbol| {
                    Name::with_shape(&symbol.name, function.shape).scheme() == Scheme::V0
                });
            let name = |id| crates.info(id).name.as_str();
            let stated = named && name(function.owner.defined) != name(owner.defined);
            let is_better = function.owner.defined_by >= Evidence::Inferred
                && owner.defined_by < function.owner.defined_by;
            if (is_better && !stated) || (function.owner.defined == CrateId::NATIVE && !named) {
                function.owner.defined = owner.defined;
                function.owner.defined_by = owner.defined_by;
            }
            if function.owner.instantiated_by >= Evidence::Inferred
                || (function.owner.instantiated == CrateId::NATIVE && !named)
            {
                function.owner.instantiated = owner.instantiated;
                function.owner.instantiated_by = owner.instantiated_by;
            }
        }
    }

    /// As [`at`](Self::at), for addresses that mostly rise: `near` is the last answer.
    pub fn at_near(&self, address: VirtualAddress, near: &mut u32) -> Option<u32> {
        let holds = |index: u32| {
            let function = self.functions.get(index as usize)?;
            function.range.contains(address).then_some(index)
        };
        let found = holds(*near)
            .or_else(|| holds(near.saturating_add(1)))
            .or_else(|| self.at(address))?;
        *near = found;
        Some(found)
    }

    /// The index of the function that holds `address`. O(log n), mostly O(1).
    pub fn at(&self, address: VirtualAddress) -> Option<u32> {
        let index = self.index.last_at(address)?;
        let function = self.functions.get(index)?;
        function.range.contains(address).then_some(index as u32)
    }
}

/// What runs while a function unwinds is a part of it, which LLVM gives a name of its own on Windows.
fn is_funclet(symbol: &Symbol<'_>) -> bool {
    symbol.name.starts_with("?dtor$") || symbol.name.starts_with("?catch$")
}

/// Whether a symbol can name a function. Symbols of assembly often have no type; local labels
/// name no function.
fn names_code(symbol: &Symbol<'_>) -> bool {
    if is_funclet(symbol) {
        return false;
    }
    match symbol.kind {
        SymbolKind::Function => true,
        SymbolKind::Untyped | SymbolKind::Object => {
            !symbol.name.is_empty() && !symbol.name.starts_with(".L")
        }
        SymbolKind::Tls
        | SymbolKind::File
        | SymbolKind::Section
        | SymbolKind::Mapping
        | SymbolKind::Other => false,
    }
}

/// Of several symbols at one address, which one names the function: sized ones, typed ones, Rust's
/// and global ones first.
fn rank(symbol: &Symbol<'_>) -> (bool, bool, bool, bool) {
    let rust = symbol.name.starts_with("_R") || symbol.name.starts_with("_ZN");
    (
        symbol.size > 0,
        symbol.kind == SymbolKind::Function,
        rust,
        symbol.binding != Binding::Local,
    )
}
