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

/// One row a crate or bucket, largest first. Bytes that several crates use are split evenly among
/// them, so that `file` adds up to the file, and shown as `shared`.
///
/// For [`Question::Inlined`] the ledger must have been made with the inlined functions.
pub(super) fn rows(subject: &Subject<'_>, ledger: &Ledger, question: Question) -> Vec<CrateRow> {
    let mut rows: Vec<Option<CrateRow>> = vec![None; subject.crates.len()];
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
            // Ids are made by `crates` only.
            let Some(row) = rows.get_mut(id.0 as usize) else {
                continue;
            };
            let row = row.get_or_insert_with(|| empty(subject, id));
            row.file += file;
            row.memory = row.memory.saturating_add(memory);
            *column(row, key.category) += file;
            if guessed && id != CrateId::UNKNOWN {
                row.inferred += file;
            }
            if shared {
                row.shared += file;
            }
        }
    }
    let mut rows: Vec<_> = rows.into_iter().flatten().collect();
    rows.sort_by(|a, b| {
        b.file
            .cmp(&a.file)
            .then_with(|| a.label.name.cmp(&b.label.name))
    });
    rows
}

fn empty(subject: &Subject<'_>, id: CrateId) -> CrateRow {
    CrateRow {
        label: subject.label(id).clone(),
        file: 0,
        memory: 0,
        code: 0,
        data: 0,
        unwind: 0,
        relocations: 0,
        symbols: 0,
        debug: 0,
        other: 0,
        inferred: 0,
        shared: 0,
    }
}

fn column(row: &mut CrateRow, category: Category) -> &mut u64 {
    match category {
        Category::Code => &mut row.code,
        Category::Data => &mut row.data,
        Category::Unwind => &mut row.unwind,
        Category::Relocations => &mut row.relocations,
        Category::Symbols => &mut row.symbols,
        Category::Debug => &mut row.debug,
        Category::Other => &mut row.other,
    }
}
