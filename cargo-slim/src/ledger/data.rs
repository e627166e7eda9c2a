//! Constants and variables, and whose they are.
//!
//! A Rust symbol says it itself. Anonymous data belongs to the functions that refer to it, and
//! what only other data points to belongs to the owners of that data (the second hop and further).
//! What nothing refers to is most likely its neighbours', which is a guess and tagged as one.

use super::{
    claims::{Claims, Run},
    extents,
    inputs::Inputs,
    object::DataObject,
    pointers::Pointers,
    references::Sorted,
    sharing::{Parties, PartyId},
};
use codecost::{
    address::{AddressIndex, VirtualAddress},
    attribution::{CrateId, Crates, Evidence, Owner, made_by_compiler},
    demangle::{Name, Scheme},
    hashing::NumberMap,
    image::SectionKind,
};
use rayon::prelude::*;

/// All data of an image, by address.
#[derive(Debug)]
pub(super) struct DataMap {
    objects: Vec<DataObject>,
    /// The objects by address.
    index: AddressIndex,
    /// Zeroes for each thread, which have no address of their own.
    thread_zeroes: Vec<DataObject>,
}

/// More owners than this make no difference to anybody: it is everybody's.
const MAX_SHARERS: usize = 32;

impl DataMap {
    /// Finds all data and its owners; `functions`: the party of each function, `units`: the crate of
    /// each part of the image. Linear in references
    /// and relocations, but for sorting.
    pub(super) fn new(
        inputs: &Inputs<'_, '_>,
        functions: &[PartyId],
        units: &[Option<CrateId>],
        parties: &mut Parties,
        crates: &mut Crates<'_>,
    ) -> Self {
        let references = inputs.references.by_address();
        let (objects, mut zeroes) = extents::find(inputs, &references.targets());
        let starts = objects.iter().map(|object| object.range.start);
        let mut map = Self {
            index: AddressIndex::new(starts.collect()),
            objects,
            thread_zeroes: Vec::new(),
        };
        let mut owners = Sharing {
            parties,
            unions: NumberMap::default(),
        };
        let fixed = named(&mut map.objects, inputs, owners.parties, crates);
        map.referred_to(&references, functions, &fixed, owners.parties);
        map.pointed_to(inputs.pointers, &fixed, &mut owners);
        map.pointing(inputs, functions, &mut owners);
        in_their_unit(&mut map.objects, inputs, units, &fixed, owners.parties);
        neighbours(&mut map.objects, owners.parties);
        // Code reaches these by their distance from the thread's own place, which no reference tells.
        let fixed = named(&mut zeroes, inputs, owners.parties, crates);
        in_their_unit(&mut zeroes, inputs, units, &fixed, owners.parties);
        neighbours(&mut zeroes, owners.parties);
        map.thread_zeroes = zeroes;
        map
    }

    /// The index of the object that holds `address`.
    pub(super) fn at(&self, address: VirtualAddress) -> Option<usize> {
        let index = self.index.last_at(address)?;
        let object = self.objects.get(index)?;
        object.range.contains(address).then_some(index)
    }

    /// As [`at`](Self::at), for addresses that mostly rise: `near` is the last answer.
    fn at_near(&self, address: VirtualAddress, near: &mut usize) -> Option<usize> {
        let holds = |index: usize| {
            let object = self.objects.get(index)?;
            object.range.contains(address).then_some(index)
        };
        let found = holds(*near)
            .or_else(|| holds(near.saturating_add(1)))
            .or_else(|| self.at(address))?;
        *near = found;
        Some(found)
    }

    /// The party of the object that holds `address`, where it has one.
    pub(super) fn party_at(&self, address: VirtualAddress) -> Option<(PartyId, Evidence)> {
        self.party_of(self.at(address)?)
    }

    /// As [`party_at`](Self::party_at), for addresses that mostly rise.
    pub(super) fn party_near(
        &self,
        address: VirtualAddress,
        near: &mut usize,
    ) -> Option<(PartyId, Evidence)> {
        self.party_of(self.at_near(address, near)?)
    }

    fn party_of(&self, index: usize) -> Option<(PartyId, Evidence)> {
        let object = self.objects.get(index)?;
        (object.evidence != Evidence::None).then_some((object.party, object.evidence))
    }

    pub(super) fn objects(&self) -> &[DataObject] {
        &self.objects
    }

    /// All objects, and the zeroes for each thread.
    pub(super) fn into_objects(self) -> (Vec<DataObject>, Vec<DataObject>) {
        (self.objects, self.thread_zeroes)
    }

    pub(super) fn claim(&self, claims: &mut Claims) {
        let mut first = 0;
        for same in self.objects.chunk_by(|a, b| a.section == b.section) {
            let run = Run::Objects(first..first + same.len());
            claims.add_run(same[0].section, run);
            first += same.len();
        }
    }

    /// First hop: functions refer to objects.
    fn referred_to(
        &mut self,
        references: &Sorted,
        functions: &[PartyId],
        fixed: &[bool],
        parties: &mut Parties,
    ) {
        let mut groups: NumberMap<Vec<PartyId>, PartyId> = NumberMap::default();
        let mut sharers = Vec::with_capacity(MAX_SHARERS);
        let mut waiting = references.iter().peekable();
        for (object, fixed) in self.objects.iter_mut().zip(fixed) {
            sharers.clear();
            while let Some(reference) = waiting.next_if(|next| next.to < object.range.end()) {
                if reference.to < object.range.start {
                    continue;
                }
                object.access = object.access.max(reference.access);
                // Functions without an owner count: what they use is theirs, not their neighbours'.
                let party = match functions.get(reference.function as usize) {
                    Some(party) if !*fixed => *party,
                    _ => continue,
                };
                let evidence = if reference.guess {
                    Evidence::Inferred
                } else {
                    Evidence::Reference
                };
                object.evidence = stronger(object.evidence, evidence);
                if sharers.len() < MAX_SHARERS && !sharers.contains(&party) {
                    sharers.push(party);
                }
            }
            object.party = match &mut sharers[..] {
                [] => continue,
                [one] => *one,
                several => {
                    several.sort_unstable();
                    match groups.get(several) {
                        Some(known) => *known,
                        None => {
                            let members = several.iter().map(|party| parties.first(*party));
                            let members: Vec<_> = members.collect();
                            let group = parties.group(members);
                            groups.insert(several.to_vec(), group);
                            group
                        }
                    }
                }
            };
        }
    }

    /// Second hop and further: objects with an owner point to objects.
    fn pointed_to(&mut self, pointers: &Pointers, fixed: &[bool], owners: &mut Sharing<'_>) {
        // Pointers as (object that holds it, object that it points to), by holder.
        let mut near = 0;
        let tables = pointers.tables.iter();
        let pointers = tables.flat_map(|table| {
            let guessed = table.guessed;
            table.relocations.iter().map(move |one| (one, guessed))
        });
        let mut pointers: Vec<(u32, u32, bool)> = pointers
            .filter_map(|(relocation, guessed)| {
                let from = self.at_near(relocation.slot, &mut near)?;
                let to = self.at(relocation.target?)?;
                (from != to && !fixed[to]).then_some((from as u32, to as u32, guessed))
            })
            .collect();
        pointers.par_sort_unstable();
        pointers.dedup();
        // Where the references to each object begin.
        let mut first = vec![0; self.objects.len() + 1];
        for (from, ..) in &pointers {
            first[*from as usize + 1] += 1;
        }
        for index in 1..first.len() {
            first[index] += first[index - 1];
        }
        let mut queue: Vec<u32> = (0..self.objects.len() as u32)
            .filter(|index| self.objects[*index as usize].evidence != Evidence::None)
            .collect();
        while let Some(from) = queue.pop() {
            let source = self.objects[from as usize];
            let own = first[from as usize]..first[from as usize + 1];
            for (_, to, guessed) in &pointers[own] {
                let target = &mut self.objects[*to as usize];
                let party = owners.union(target, source.party);
                let evidence = stronger(
                    target.evidence,
                    if *guessed || source.evidence == Evidence::Inferred {
                        Evidence::Inferred
                    } else {
                        Evidence::Reference
                    },
                );
                // Sets only grow and are bounded, so this ends.
                if party != target.party || evidence != target.evidence {
                    target.party = party;
                    target.evidence = evidence;
                    queue.push(*to);
                }
            }
        }
    }

    /// Tables that nothing in the image refers to but that point at functions: what runs before
    /// `main`, and sections that a runtime walks over.
    fn pointing(
        &mut self,
        inputs: &Inputs<'_, '_>,
        functions: &[PartyId],
        owners: &mut Sharing<'_>,
    ) {
        let mut near = 0;
        let tables = inputs.pointers.tables.iter();
        for relocation in tables.flat_map(|table| &table.relocations) {
            let Some(object) = self.at_near(relocation.slot, &mut near) else {
                continue;
            };
            let object = &mut self.objects[object];
            let section = &inputs.image.sections[object.section as usize];
            if object.evidence != Evidence::None || section.kind == SectionKind::Got {
                continue;
            }
            let Some(function) = relocation.target.and_then(|to| inputs.code.at(to)) else {
                continue;
            };
            let party = functions[function as usize];
            if owners.parties.first(party) == Owner::UNKNOWN {
                continue;
            }
            let lists = [
                "init_array",
                "fini_array",
                "__mod_init_func",
                "__mod_term_func",
            ];
            let list = lists.iter().any(|name| section.name.ends_with(name));
            object.party = party;
            object.evidence = if list {
                Evidence::Relocation
            } else {
                Evidence::Inferred
            };
        }
    }
}

/// Objects whose symbol says who owns them; the result says which these are.
fn named(
    objects: &mut [DataObject],
    inputs: &Inputs<'_, '_>,
    parties: &mut Parties,
    crates: &mut Crates<'_>,
) -> Vec<bool> {
    let mut fixed = vec![false; objects.len()];
    for (object, fixed) in objects.iter_mut().zip(&mut fixed) {
        let Some(symbol) = object
            .symbol
            .and_then(|at| inputs.symbols.symbols.get(at as usize))
        else {
            continue;
        };
        // LLVM names the table of a `match` after its function.
        let plain = symbol
            .name
            .strip_prefix("switch.table.")
            .unwrap_or(&symbol.name);
        if made_by_compiler(plain) {
            continue;
        }
        let name = Name::parse(plain);
        let rust = matches!(name.scheme(), Scheme::V0 | Scheme::Legacy);
        if !rust && inputs.owners.unit(symbol).is_some() {
            continue;
        }
        let owner = inputs.owners.owner(symbol, &name, crates);
        object.party = parties.single(owner);
        object.evidence = owner.defined_by.max(Evidence::Symbol);
        *fixed = true;
    }
    fixed
}

/// Anonymous objects with a local symbol: the file entry before it names the codegen unit that
/// made this copy, exactly.
fn in_their_unit(
    objects: &mut [DataObject],
    inputs: &Inputs<'_, '_>,
    units: &[Option<CrateId>],
    fixed: &[bool],
    parties: &mut Parties,
) {
    if inputs.owners.is_merged() {
        return;
    }
    for (index, object) in objects.iter_mut().enumerate() {
        let symbol = object
            .symbol
            .and_then(|at| inputs.symbols.symbols.get(at as usize));
        let of_part = || {
            let section = inputs.image.sections.get(object.section as usize)?;
            let part = inputs.image.part_at(section.file.start)?;
            *units.get(part)?
        };
        let unit = symbol.and_then(|symbol| inputs.owners.unit(symbol));
        let unit = unit.or_else(of_part);
        let (Some(unit), false) = (unit, fixed[index]) else {
            continue;
        };
        let referrers = match object.evidence {
            // No code refers to it. Most likely the crate of its compilation unit wrote it.
            Evidence::None => vec![Owner::of(unit, Evidence::Inferred)],
            _ => parties.members(object.party).to_vec(),
        };
        object.party = parties.group(referrers.into_iter().map(|owner| Owner {
            instantiated: unit,
            instantiated_by: Evidence::Symbol,
            ..owner
        }));
        object.evidence = Evidence::Symbol;
    }
}

/// What nothing refers to lies between two objects of one owner: most likely it is theirs, for
/// linkers keep the data of one object file together.
fn neighbours(objects: &mut [DataObject], parties: &mut Parties) {
    let mut before: Option<(u32, PartyId)> = None;
    let mut open: Vec<usize> = Vec::new();
    for index in 0..objects.len() {
        let object = objects[index];
        if object.evidence == Evidence::None {
            open.push(index);
            continue;
        }
        let after = Some((object.section, object.party));
        if let (false, Some((section, party))) = (open.is_empty(), before) {
            let (a, b) = (parties.first(party), parties.first(object.party));
            if section == object.section && a.instantiated == b.instantiated {
                let defined = if a.defined == b.defined {
                    a.defined
                } else {
                    a.instantiated
                };
                let guess = parties.single(Owner {
                    defined,
                    defined_by: Evidence::Inferred,
                    instantiated: a.instantiated,
                    instantiated_by: Evidence::Inferred,
                });
                for index in &open {
                    objects[*index].party = guess;
                    objects[*index].evidence = Evidence::Inferred;
                }
            }
        }
        open.clear();
        before = after;
    }
}

fn stronger(a: Evidence, b: Evidence) -> Evidence {
    a.min(b)
}

/// Unions of parties, remembered: the same few are asked for again and again.
struct Sharing<'a> {
    parties: &'a mut Parties,
    unions: NumberMap<(PartyId, PartyId), PartyId>,
}

impl Sharing<'_> {
    fn union(&mut self, object: &DataObject, party: PartyId) -> PartyId {
        if object.evidence == Evidence::None || object.party == party {
            return party;
        }
        let key = (object.party, party);
        if let Some(known) = self.unions.get(&key) {
            return *known;
        }
        let all = self.parties.members(object.party);
        let more = self.parties.members(party);
        let union = if all.len() >= MAX_SHARERS {
            object.party
        } else if more.len() >= MAX_SHARERS {
            party
        } else {
            let both: Vec<_> = all.iter().chain(more).copied().collect();
            self.parties.group(both)
        };
        self.unions.insert(key, union);
        union
    }
}
