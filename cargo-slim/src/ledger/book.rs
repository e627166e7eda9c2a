//! Sums of bytes while the sections of a file are accounted for, one after the other.

use super::{
    category::Category,
    sharing::{Parties, PartyId},
};
use codecost::{
    attribution::{CrateId, Evidence, Owner},
    hashing::NumberMap,
};

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
    pub(super) fn add(&mut self, more: Self) {
        self.file += more.file;
        self.memory = self.memory.saturating_add(more.memory);
    }
}

/// The sums under construction: first those of one section by the number of the party, since a file
/// has a million claims and most are for the same few.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) parties: Parties,
    /// Of the section that is being settled.
    section: Vec<Sum>,
    /// The first sum of each party in `section`, by its number.
    first: Vec<u32>,
    /// The sum in `section` that was added to last.
    last: usize,
    pub(super) amounts: NumberMap<Key, Amount>,
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

    pub(super) fn add(&mut self, key: Key, amount: Amount) {
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

    /// Folds the sums of the current section into the total.
    pub(super) fn end_section(&mut self) {
        for sum in self.section.drain(..) {
            self.first[sum.key.party.0 as usize] = Self::NONE;
            self.amounts.entry(sum.key).or_default().add(sum.amount);
        }
    }

    pub(super) fn bucket(&mut self, id: CrateId, section: Option<u32>, amount: Amount) {
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
