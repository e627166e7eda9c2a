//! Bytes by crate.

use super::{model::CrateRow, subject::Subject};
use crate::ledger::{Category, Ledger, Parties, PartyId};
use codecost::{
    attribution::{CrateId, Evidence, Owner},
    hashing::NumberMap,
};

/// Which crate a byte is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The crate that wrote it.
    Defined,
    /// The crate whose compilation made this copy.
    Instantiated,
    /// The crate that wrote it, and for code the crate of the innermost inlined function.
    Inlined,
}

impl Question {
    /// The answer for one owner, and how it is known.
    pub fn ask(self, owner: &Owner) -> (CrateId, Evidence) {
        match self {
            Self::Defined | Self::Inlined => (owner.defined, owner.defined_by),
            Self::Instantiated => (owner.instantiated, owner.instantiated_by),
        }
    }
}

/// What one crate or bucket has. Bytes that several crates use are split evenly among them, so that
/// `file` adds up to the file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    file: u64,
    memory: u64,
    /// The columns of [`Category`], by its number; `Other` is the last.
    uses: [u64; Category::Other as usize + 1],
    inferred: u64,
    shared: u64,
}

/// The sums of all crates, by their numbers; of those without a byte all are zero.
///
/// For [`Question::Inlined`] the ledger must have been made with the inlined functions.
pub(super) fn sums(ledger: &Ledger, question: Question) -> Vec<Sums> {
    let mut sums: Vec<Sums> = Vec::new();
    // A party has several amounts: its crates, in their order, and whether one is guessed.
    let mut known: NumberMap<PartyId, (Vec<CrateId>, bool)> = NumberMap::default();
    // In any order: who gets the odd bytes of an amount depends on nothing else.
    for (key, amount) in &ledger.amounts {
        let (crates, guess) = known.entry(key.party).or_insert_with(|| {
            let members = ledger.parties.members(key.party).iter();
            let answers = members.map(|owner| question.ask(owner));
            let guess = answers
                .clone()
                .any(|(_, evidence)| evidence == Evidence::Inferred);
            let mut crates: Vec<CrateId> = answers.map(|(id, _)| id).collect();
            crates.sort_unstable();
            crates.dedup();
            (crates, guess)
        });
        let guessed = *guess || key.evidence == Evidence::Inferred;
        let shared = crates.len() > 1;
        let memory = Parties::split(crates, amount.memory);
        for ((id, file), (_, memory)) in Parties::split(crates, amount.file).zip(memory) {
            let index = id.0 as usize;
            if index >= sums.len() {
                sums.resize(index + 1, Sums::default());
            }
            let sum = &mut sums[index];
            sum.file += file;
            sum.memory = sum.memory.saturating_add(memory);
            sum.uses[key.category as usize] += file;
            if guessed && id != CrateId::UNKNOWN {
                sum.inferred += file;
            }
            if shared {
                sum.shared += file;
            }
        }
    }
    sums
}

/// One row a crate or bucket with a byte, largest first.
pub(super) fn labelled(subject: &Subject<'_>, sums: &[Sums]) -> Vec<CrateRow> {
    let all = (0..).zip(sums);
    let some = all.filter(|(_, sum)| sum.file > 0 || sum.memory > 0);
    let mut rows: Vec<CrateRow> = some
        .map(|(id, sum)| {
            let of = |category: Category| sum.uses[category as usize];
            CrateRow {
                label: subject.label(CrateId(id)).clone(),
                file: sum.file,
                memory: sum.memory,
                code: of(Category::Code),
                data: of(Category::Data),
                unwind: of(Category::Unwind),
                relocations: of(Category::Relocations),
                symbols: of(Category::Symbols),
                debug: of(Category::Debug),
                other: of(Category::Other),
                inferred: sum.inferred,
                shared: sum.shared,
            }
        })
        .collect();
    rows.sort_by(|a, b| {
        b.file
            .cmp(&a.file)
            .then_with(|| a.label.name.cmp(&b.label.name))
    });
    rows
}

/// The rows of a ledger.
pub(super) fn rows(subject: &Subject<'_>, ledger: &Ledger, question: Question) -> Vec<CrateRow> {
    labelled(subject, &sums(ledger, question))
}
