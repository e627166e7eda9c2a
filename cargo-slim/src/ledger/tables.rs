//! Symbol, string, hash and version tables, relocations and unwind tables: each entry is its
//! subject's owner's.

use super::{
    category::Category,
    claims::{Claim, Claims, Run, Table},
    data::DataMap,
    inputs::Inputs,
    marks::is_made_by_linker,
    sharing::{Parties, PartyId},
};
use codecost::{
    address::{FileRange, VirtualAddress},
    attribution::{CrateId, Crates, Evidence, Owner},
    demangle::Name,
    image::{EntryKind, PartTable, SectionKind, Symbol, SymbolKind, SymbolTable},
};

pub(super) fn claim(
    inputs: &Inputs<'_, '_>,
    data: &DataMap,
    functions: &[PartyId],
    parties: &mut Parties,
    crates: &mut Crates<'_>,
    claims: &mut Claims,
) {
    let linker = parties.single(Owner::of(CrateId::LINKER, Evidence::Format));
    let mut table = Tables {
        inputs,
        data,
        functions,
        parties,
        crates,
        claims,
        linker,
    };
    // A debug file's tables have no bytes in this file.
    if table
        .inputs
        .image
        .sections
        .iter()
        .any(|section| section.kind == SectionKind::Symbols)
    {
        let owners = table.symbol_owners(inputs.symbols);
        table.symbol_table(inputs.symbols, &owners);
    }
    let owners = table.symbol_owners(inputs.dynamic_symbols);
    table.symbol_table(inputs.dynamic_symbols, &owners);
    table.hashes(&owners);
    table.relocations();
    table.unwind();
    table.metadata();
    table.entries();
}

/// Of so many owners of one word of RELR the rest make no difference.
const MAX_OWNERS: usize = 256;

/// Where the last answer was.
#[derive(Default)]
struct Near {
    data: usize,
    code: u32,
}

struct Tables<'a, 'd, 'c> {
    inputs: &'a Inputs<'a, 'd>,
    data: &'a DataMap,
    /// The party of each function.
    functions: &'a [PartyId],
    parties: &'a mut Parties,
    crates: &'a mut Crates<'c>,
    claims: &'a mut Claims,
    linker: PartyId,
}

impl Tables<'_, '_, '_> {
    /// The owner of each symbol of a table, which is the owner of what the symbol names.
    fn symbol_owners(&mut self, table: &SymbolTable<'_>) -> Vec<PartyId> {
        let of_code = std::ptr::eq(table, self.inputs.symbols);
        let mut owners = vec![None; table.symbols.len()];
        if of_code {
            for (function, party) in self.inputs.code.functions.iter().zip(self.functions) {
                let aliases = function.aliases.start as usize..function.aliases.end as usize;
                let aliases = self.inputs.code.aliases.get(aliases).unwrap_or_default();
                for symbol in function.symbol.iter().chain(aliases) {
                    owners[*symbol as usize] = Some(*party);
                }
            }
            for object in self.data.objects() {
                if let (Some(symbol), true) = (object.symbol, object.evidence != Evidence::None) {
                    owners[symbol as usize] = Some(object.party);
                }
            }
        }
        table
            .symbols
            .iter()
            .zip(owners)
            .map(|(symbol, owner)| owner.unwrap_or_else(|| self.symbol_owner(symbol)))
            .collect()
    }

    fn symbol_owner(&mut self, symbol: &Symbol<'_>) -> PartyId {
        if symbol.section.is_none() && symbol.kind != SymbolKind::File {
            return self.linker;
        }
        let marks = match symbol.kind {
            SymbolKind::Mapping | SymbolKind::Section => true,
            SymbolKind::Function
            | SymbolKind::Object
            | SymbolKind::Tls
            | SymbolKind::Untyped
            | SymbolKind::File
            | SymbolKind::Other => is_made_by_linker(self.inputs.image, symbol),
        };
        if marks {
            // Of what it marks, if that is somebody's.
            let owner = self.party_at(symbol.address).map(|(party, _)| party);
            let unit = self.inputs.owners.file_crate(symbol);
            let unit = unit.filter(|_| symbol.kind == SymbolKind::Mapping);
            return match (owner, unit) {
                (Some(owner), _) => owner,
                (None, Some(unit)) => self.parties.single(Owner::of(unit, Evidence::Symbol)),
                (None, None) => self.linker,
            };
        }
        let owners = self.inputs.owners;
        let unit = match symbol.kind {
            SymbolKind::File => owners.file_crate(symbol),
            _ => owners.unit(symbol),
        };
        if let Some(unit) = unit {
            return self.parties.single(Owner::of(unit, Evidence::Symbol));
        }
        if symbol.kind == SymbolKind::File {
            return self
                .parties
                .single(Owner::of(CrateId::NATIVE, Evidence::Symbol));
        }
        self.party_at(symbol.address)
            .map(|(party, _)| party)
            .unwrap_or_else(|| {
                let name = Name::parse(&symbol.name);
                let owner = self.inputs.owners.owner(symbol, &name, self.crates);
                self.parties.single(owner)
            })
    }

    /// Who owns the function or object at an address.
    fn party_at(&mut self, address: VirtualAddress) -> Option<(PartyId, Evidence)> {
        if let Some(found) = self.data.party_at(address) {
            return Some(found);
        }
        let function = self.inputs.code.at(address)?;
        Some((self.functions[function as usize], Evidence::Symbol))
    }

    fn claim(
        &mut self,
        section: u32,
        range: FileRange,
        category: Category,
        party: PartyId,
        evidence: Evidence,
    ) {
        let of = &self.inputs.image.sections[section as usize];
        let claim = Claim {
            start: 0,
            size: 0,
            party,
            category,
            evidence,
        };
        self.claims.add_file(section, of, range, claim);
    }

    fn symbol_table(&mut self, table: &SymbolTable<'_>, owners: &[PartyId]) {
        for part in table.tables() {
            let range = part.symbols.start as usize..part.symbols.end as usize;
            let symbols = table.symbols.get(range.clone()).unwrap_or_default();
            self.table_of(&part, symbols, owners.get(range).unwrap_or_default());
        }
    }

    fn table_of(&mut self, table: &PartTable, symbols: &[Symbol<'_>], owners: &[PartyId]) {
        let (Some(section), Some(strings)) = (table.section, table.strings) else {
            return;
        };
        let first = symbols.first();
        // What was found elsewhere follows the table's own.
        let own = symbols.iter();
        let stand = own
            .take_while(|symbol| symbol.index != Symbol::OUTSIDE)
            .count();
        let entries = Table {
            start: first.map_or(0, |symbol| u64::from(symbol.index)) * table.entry_size,
            entry_size: table.entry_size,
            category: Category::Symbols,
            entries: by_symbol(owners.get(..stand).unwrap_or(owners)),
        };
        self.claims.add_run(section, Run::Table(entries));
        self.claims.reserve(strings, owners.len());
        for (symbol, party) in symbols.iter().zip(owners).take(stand) {
            if !symbol.name.is_empty() {
                let name = Claim {
                    start: u64::from(symbol.name_offset),
                    size: symbol.name.len() as u64 + 1,
                    party: *party,
                    category: Category::Symbols,
                    evidence: Evidence::Symbol,
                };
                self.claims.add(strings, name);
            }
        }
    }

    /// `.gnu.version`: two bytes a symbol. `.gnu.hash`: after header, bloom filter and buckets,
    /// four bytes for each symbol from the first that is hashed.
    fn hashes(&mut self, owners: &[PartyId]) {
        let image = self.inputs.image;
        for (index, section) in image.sections.iter().enumerate() {
            let bytes = image.section_bytes(section);
            let word = |at: usize| {
                let field = bytes.get(at * 4..)?.first_chunk::<4>()?;
                Some(u64::from(if image.little_endian {
                    u32::from_le_bytes(*field)
                } else {
                    u32::from_be_bytes(*field)
                }))
            };
            let (first, start, size) = match (section.kind, &*section.name) {
                (SectionKind::Versions, ".gnu.version") => (1, 2, 2),
                (SectionKind::Hash, ".gnu.hash") => {
                    let (Some(buckets), Some(first), Some(bloom)) = (word(0), word(1), word(2))
                    else {
                        continue;
                    };
                    let filter = bloom.saturating_mul(if image.is_64 { 8 } else { 4 });
                    let start = filter.saturating_add(buckets * 4).saturating_add(16);
                    (first, start, 4)
                }
                _ => continue,
            };
            // Symbol 0 is empty and has no owner in the list.
            let skip = usize::try_from(first.saturating_sub(1)).unwrap_or(usize::MAX);
            // No more than the section has room for, in case there are thousands of such sections.
            let room = usize::try_from(section.file.size / size).unwrap_or(usize::MAX);
            let owners = owners.get(skip..).unwrap_or_default();
            let table = Table {
                start,
                entry_size: size,
                category: Category::Symbols,
                entries: by_symbol(owners.get(..room).unwrap_or(owners)),
            };
            self.claims.add_run(index as u32, Run::Table(table));
        }
    }

    /// Each relocation is the owner's of the slot that it patches.
    fn relocations(&mut self) {
        let linked = self.inputs.image.parts.is_empty();
        for table in &self.inputs.pointers.tables {
            if table.entry_size == 0 {
                // What they have in common is written once, or they have no bytes at all.
                continue;
            }
            let mut entries = Vec::with_capacity(table.relocations.len());
            let (mut at, mut near) = (0, Near::default());
            while at < table.relocations.len() {
                let entry = table.relocations[at].entry;
                // One word of RELR patches many slots.
                let count = table.relocations[at..]
                    .iter()
                    .take_while(|other| other.entry == entry)
                    .count();
                let mut owners = Vec::new();
                let (mut only, mut seen) = (None, 0);
                let mut evidence = Evidence::Relocation;
                for relocation in &table.relocations[at..at + count] {
                    if seen > MAX_OWNERS {
                        break;
                    }
                    if let Some((party, by)) = self.patched(relocation.slot, &mut near) {
                        seen += self.parties.members(party).len();
                        // Nearly always all slots of an entry are one party's.
                        match only.replace(party) {
                            None => {}
                            Some(before) if before == party && owners.is_empty() => {}
                            Some(before) => {
                                if owners.is_empty() {
                                    owners.extend_from_slice(self.parties.members(before));
                                }
                                owners.extend_from_slice(self.parties.members(party));
                            }
                        }
                        if by == Evidence::Inferred {
                            evidence = Evidence::Inferred;
                        }
                    }
                }
                at += count;
                let (party, evidence) = match only {
                    // Of an object the rest is its crate's.
                    None if !linked => (self.linker, Evidence::None),
                    None => (self.linker, Evidence::Format),
                    Some(party) if owners.is_empty() => (party, evidence),
                    Some(_) => (self.parties.group(owners), evidence),
                };
                // Words of RELR that patch nothing have no owner.
                entries.resize(entry as usize, (self.linker, Evidence::None));
                entries.push((party, evidence));
            }
            let claim = Table {
                start: table.start,
                entry_size: table.entry_size,
                category: Category::Relocations,
                entries,
            };
            self.claims.add_run(table.section, Run::Table(claim));
        }
    }

    /// Who owns what a relocation patches: data, in an object also code.
    fn patched(&self, slot: VirtualAddress, near: &mut Near) -> Option<(PartyId, Evidence)> {
        if let Some(found) = self.data.party_near(slot, &mut near.data) {
            return Some(found);
        }
        if self.inputs.image.parts.is_empty() {
            return None;
        }
        let function = self.inputs.code.at_near(slot, &mut near.code)?;
        let party = *self.functions.get(function as usize)?;
        Some((party, Evidence::Relocation))
    }

    fn unwind(&mut self) {
        let image = self.inputs.image;
        let unwind = self.inputs.unwind;
        let mut frames: Vec<(FileRange, u32)> = image
            .sections
            .iter()
            .zip(0..)
            .filter(|(section, _)| {
                matches!(
                    section.kind,
                    SectionKind::EhFrame | SectionKind::UnwindIndex
                )
            })
            .map(|(section, index)| (section.file, index))
            .collect();
        frames.sort_unstable();
        if let [(_, only)] = &frames[..] {
            self.claims.reserve(*only, unwind.entries.len());
        }
        let section_of = |range: FileRange| {
            let next = frames.partition_point(|(section, _)| section.start <= range.start);
            let (section, index) = frames.get(next.checked_sub(1)?)?;
            section.contains(range.start).then_some(*index)
        };
        let mut data: Vec<(FileRange, u32)> = Vec::new();
        if !unwind.parts.is_empty() {
            let all = image.sections.iter().zip(0..);
            data.extend(all.map(|(section, index)| (section.file, index)));
            data.sort_unstable();
        }
        let any_section = |range: FileRange| {
            let next = data.partition_point(|(section, _)| section.start <= range.start);
            let (section, index) = data.get(next.checked_sub(1)?)?;
            section.contains(range.start).then_some(*index)
        };
        let mut specific: Vec<(VirtualAddress, PartyId)> = Vec::new();
        let mut near = 0;
        for entry in &unwind.entries {
            let at = self.inputs.code.at_near(entry.function.start, &mut near);
            let (party, evidence) = match at {
                Some(index) => (self.functions[index as usize], Evidence::Unwind),
                // The jump table that the linker made has unwind information too.
                None => (self.linker, Evidence::Format),
            };
            if let Some(section) = section_of(entry.file) {
                self.claim(section, entry.file, Category::Unwind, party, evidence);
            }
            specific.extend(entry.lsda.map(|address| (address, party)));
        }
        for part in &unwind.parts {
            let at = self.inputs.code.at_near(part.function, &mut near);
            let (party, evidence) = match at {
                Some(index) => (self.functions[index as usize], Evidence::Unwind),
                None => (self.linker, Evidence::Format),
            };
            if let Some(section) = any_section(part.file) {
                // What debuggers unwind by is debug information.
                let category = match image.sections[section as usize].kind {
                    SectionKind::Debug => Category::Debug,
                    _ => Category::Unwind,
                };
                self.claim(section, part.file, category, party, evidence);
            }
        }
        for range in &unwind.common {
            if let Some(section) = section_of(*range) {
                self.claim(
                    section,
                    *range,
                    Category::Unwind,
                    self.linker,
                    Evidence::Format,
                );
            }
        }
        for table in &unwind.search {
            let of = &image.sections[table.section as usize];
            let Some(first) = table.entries.start.checked_since(of.file.start) else {
                continue;
            };
            let entries = table.functions.iter().map(|address| {
                match self.inputs.code.at_near(*address, &mut near) {
                    Some(index) => (self.functions[index as usize], Evidence::Unwind),
                    None => (self.linker, Evidence::None),
                }
            });
            let claim = Table {
                start: first,
                entry_size: table.entry_size,
                category: Category::Unwind,
                entries: entries.collect(),
            };
            self.claims.add_run(table.section, Run::Table(claim));
        }
        self.language_specific(specific);
    }

    /// Language-specific data has no length: each table reaches to the next.
    fn language_specific(&mut self, mut tables: Vec<(VirtualAddress, PartyId)>) {
        let image = self.inputs.image;
        tables.sort_unstable();
        // Folded functions share one table.
        tables.dedup_by_key(|(address, _)| *address);
        for (position, (address, party)) in tables.iter().enumerate() {
            let Some((index, section)) = image.section_at(*address) else {
                continue;
            };
            if section.kind != SectionKind::ExceptTable {
                continue;
            }
            let end = tables
                .get(position + 1)
                .map_or(section.addresses().end(), |next| {
                    next.0.min(section.addresses().end())
                });
            self.claims.add_at(
                index,
                *address,
                Claim {
                    start: 0,
                    size: end.0.saturating_sub(address.0),
                    party: *party,
                    category: Category::Unwind,
                    evidence: Evidence::Unwind,
                },
            );
        }
    }

    /// What tables of contents say of one function each.
    fn entries(&mut self) {
        let mut near = 0;
        for entry in self.inputs.image.table_entries() {
            let Some(function) = self.inputs.code.at_near(entry.function, &mut near) else {
                continue;
            };
            let party = self.functions[function as usize];
            let (category, evidence) = match entry.kind {
                EntryKind::Symbol => (Category::Symbols, Evidence::Symbol),
                EntryKind::Pointer => (Category::Relocations, Evidence::Relocation),
            };
            self.claim(entry.section, entry.file, category, party, evidence);
        }
    }

    /// rustc's metadata describes the crate that the artifact is, and so does what tools for firmware
    /// read; but the list of stack frames has an entry for each function.
    fn metadata(&mut self) {
        let mut near = 0;
        for size in self.inputs.image.stack_sizes() {
            let mut sections = self.inputs.image.sections.iter().zip(0..);
            let section = sections.find(|(section, _)| section.file.contains(size.file.start));
            let function = self.inputs.code.at_near(size.function, &mut near);
            if let (Some((_, section)), Some(function)) = (section, function) {
                let party = self.functions[function as usize];
                let evidence = Evidence::Symbol;
                self.claim(section, size.file, Category::Other, party, evidence);
            }
        }
        let Some(leaf) = self.inputs.leaf else { return };
        for (index, section) in self.inputs.image.sections.iter().enumerate() {
            let listed = section.name.starts_with(".stack_sizes");
            if section.kind == SectionKind::Metadata && !listed {
                let party = self.parties.single(Owner::of(leaf, Evidence::Format));
                let size = section.file.size;
                let category = Category::Other;
                let evidence = Evidence::Format;
                self.claims.add(
                    index as u32,
                    Claim {
                        start: 0,
                        size,
                        party,
                        category,
                        evidence,
                    },
                );
            }
        }
    }
}

/// Entries that follow the symbols' order.
fn by_symbol(owners: &[PartyId]) -> Vec<(PartyId, Evidence)> {
    let entries = owners.iter().map(|party| (*party, Evidence::Symbol));
    entries.collect()
}
