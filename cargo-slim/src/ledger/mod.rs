//! The ledger: the file cut into ranges, each with one owner and one evidence tag.
//!
//! `layout` cuts the file into sections, headers and gaps; each section's bytes are then claimed
//! by what stands in them, strongest evidence first (`claims`). What nobody claims is padding
//! when it does nothing, and unknown otherwise. So the entries partition the file by
//! construction, whatever the claims say, also in a damaged file.

mod claims;
mod code;
mod data;
mod debug;
mod extents;
mod layout;
mod padding;
mod parts;
mod pointers;
mod radix;
mod references;
mod sharing;
mod tables;

use codecost::{
    address::AddressRange,
    attribution::{CodeMap, CrateId, Crates, Evidence, Owner, SymbolOwners},
    hashing::NumberMap,
    image::{Image, SymbolTable, UnwindTables},
};

pub use data::{DataKind, DataObject};
pub use debug::DebugClaims;
pub use layout::{Layout, Piece, PieceKind};
pub use pointers::Pointers;
pub use references::{CodeReferences, code_pieces};
pub use sharing::{Parties, PartyId};

/// What bytes are used for: the columns of the crates view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Functions.
    Code,
    /// Constants and variables.
    Data,
    /// Unwind tables and language-specific data.
    Unwind,
    /// Load-time relocations.
    Relocations,
    /// Symbol, string, hash and version tables.
    Symbols,
    /// Debug information.
    Debug,
    /// Headers, padding, notes, and what is unknown.
    Other,
}

/// Bytes of one section with one owner, one use and one evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The section; `None` for headers and gaps.
    pub section: Option<u32>,
    /// What they are used for.
    pub category: Category,
    /// Whose they are.
    pub party: PartyId,
    /// How the bytes are known to be the party's.
    pub evidence: Evidence,
}

/// Bytes in the file and in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Bytes in the file.
    pub file: u64,
    /// Bytes in memory.
    pub memory: u64,
}

impl Amount {
    fn add(&mut self, more: Self) {
        self.file += more.file;
        self.memory = self.memory.saturating_add(more.memory);
    }
}

/// Code that was inlined, the crate that wrote it, and how that is known.
pub type Inlined = (AddressRange, CrateId, Evidence);

/// What the ledger is made from.
pub struct Inputs<'a, 'd> {
    /// The analysed file.
    pub image: &'a Image<'d>,
    /// Its symbols, maybe from a debug file.
    pub symbols: &'a SymbolTable<'d>,
    /// The loader's symbols.
    pub dynamic_symbols: &'a SymbolTable<'d>,
    /// Who owns the symbols.
    pub owners: &'a SymbolOwners,
    /// The unwind tables.
    pub unwind: &'a UnwindTables,
    /// All functions.
    pub code: &'a CodeMap,
    /// What they refer to.
    pub references: &'a CodeReferences,
    /// What the loader writes into data.
    pub pointers: &'a Pointers,
    /// The crate of the innermost inlined function, by address, where that is asked for.
    pub inlined: &'a [Inlined],
    /// The crate of each compilation unit and its bytes, where there is debug information.
    pub debug: Option<&'a DebugClaims>,
    /// The crate that the artifact itself is, where known.
    pub leaf: Option<CrateId>,
}

/// The whole file, accounted for.
#[derive(Debug)]
pub struct Ledger {
    /// The pieces of the file, in order.
    pub layout: Layout,
    /// Who shares what.
    pub parties: Parties,
    /// Sums by section, use, owner and evidence.
    pub amounts: NumberMap<Key, Amount>,
    /// Constants and variables, one by one.
    pub data: Vec<DataObject>,
}

impl Ledger {
    /// Accounts for every byte of the file.
    pub fn new(inputs: &Inputs<'_, '_>, crates: &mut Crates<'_>) -> Self {
        let layout = Layout::new(inputs.image);
        let mut book = Book::default();
        // Asked for a million times: by the number of the function.
        let functions = inputs.code.functions.iter();
        let functions: Vec<PartyId> = functions
            .map(|function| book.parties.single(function.owner))
            .collect();
        let units = parts::crates_of(inputs, crates);
        let data = data::DataMap::new(inputs, &functions, &units, &mut book.parties, crates);
        let mut claimed = claims::Claims::new(inputs.image);
        code::claim(inputs, &mut book.parties, &mut claimed);
        data.claim(&mut claimed);
        tables::claim(
            inputs,
            &data,
            &functions,
            &mut book.parties,
            crates,
            &mut claimed,
        );
        debug::claim(inputs, &mut book.parties, &mut claimed);
        parts::claim(inputs, &units, &mut book.parties, &mut claimed);
        let subjects = claims::Subjects {
            functions: &inputs.code.functions,
            parties: &functions,
            objects: data.objects(),
        };
        claimed.settle(inputs.image, &subjects, &layout, &mut book);
        Self {
            layout,
            parties: book.parties,
            amounts: book.amounts,
            data: data.into_objects(),
        }
    }

    /// The sum of all entries.
    pub fn total(&self) -> Amount {
        self.amounts
            .values()
            .fold(Amount::default(), |sum, amount| Amount {
                file: sum.file + amount.file,
                memory: sum.memory + amount.memory,
            })
    }
}

/// The sums under construction: first those of one section by the number of the party, since a file
/// has a million claims and most are for the same few.
#[derive(Debug, Default)]
struct Book {
    parties: Parties,
    /// Of the section that is being settled.
    section: Vec<Sum>,
    /// The first sum of each party in `section`, by its number.
    first: Vec<u32>,
    /// The sum in `section` that was added to last.
    last: usize,
    amounts: NumberMap<Key, Amount>,
}

/// What one party has of a section, for one use and with one evidence.
#[derive(Clone, Copy, Debug)]
struct Sum {
    key: Key,
    amount: Amount,
    /// The party's next.
    next: u32,
}

impl Book {
    /// No sum.
    const NONE: u32 = u32::MAX;

    fn add(&mut self, key: Key, amount: Amount) {
        if amount.file == 0 && amount.memory == 0 {
            return;
        }
        // Neighbours mostly have one owner.
        if let Some(sum) = self.section.get_mut(self.last)
            && sum.key == key
        {
            sum.amount.add(amount);
            return;
        }
        let party = key.party.0 as usize;
        if party >= self.first.len() {
            self.first
                .resize(self.parties.len().max(party + 1), Self::NONE);
        }
        let mut at = self.first[party];
        while let Some(sum) = self.section.get_mut(at as usize) {
            if sum.key == key {
                sum.amount.add(amount);
                self.last = at as usize;
                return;
            }
            at = sum.next;
        }
        self.last = self.section.len();
        let next = std::mem::replace(&mut self.first[party], self.last as u32);
        self.section.push(Sum { key, amount, next });
    }

    /// Nothing more comes of the section.
    fn end_section(&mut self) {
        for sum in self.section.drain(..) {
            self.first[sum.key.party.0 as usize] = Self::NONE;
            self.amounts.entry(sum.key).or_default().add(sum.amount);
        }
    }

    fn bucket(&mut self, id: CrateId, section: Option<u32>, amount: Amount) {
        let evidence = if id == CrateId::UNKNOWN {
            Evidence::None
        } else {
            Evidence::Format
        };
        let party = self.parties.single(Owner::of(id, evidence));
        self.add(
            Key {
                section,
                category: Category::Other,
                party,
                evidence,
            },
            amount,
        );
    }
}
