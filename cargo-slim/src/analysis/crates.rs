//! Bytes by crate.

use super::{
    model::{By, CrateRow},
    open::Opened,
    result::Analysis,
    subject::Subject,
};
use crate::ledger::{ByCategory, Inlined, Ledger, Parties, PartyId};
use codecost::{
    Result,
    attribution::{CrateId, Evidence, Origin, Owner},
    hashing::NumberMap,
    report::Warning,
    units::Share,
};

/// What the crates have, each function counted for the crate that `by` says.
///
/// # Errors
///
/// There is no debug information, which [`By::Inlined`] needs, or a file changed while it was read.
pub fn crates(
    opened: &Opened,
    subject: &mut Subject<'_>,
    by: By,
) -> Result<Analysis<Vec<CrateRow>>> {
    let inlined = match by {
        By::Defined | By::Instantiated => Vec::new(),
        By::Inlined => subject.inlined(opened.files.file.path())?,
    };
    let ledger = subject.ledger(&inlined);
    let rows = rows(subject, &ledger, by);
    let warning = match by {
        By::Defined | By::Instantiated => None,
        By::Inlined => undescribed(subject, &inlined),
    };
    Analysis::new(opened, subject, rows, warning)
}

/// So much of the code may lack debug information before it is worth a word.
const UNDESCRIBED: f64 = 0.1;

/// Code without debug information counts as if nothing had been inlined into it: that of all crates
/// but std where a profile has no `debug`, because std brings its own, though not for all its
/// dependencies. So only the code of other crates is looked at.
fn undescribed(subject: &Subject<'_>, inlined: &[Inlined]) -> Option<Warning> {
    let of_std = |id| {
        let origin = subject.label(id).origin;
        matches!(origin, Origin::Std | Origin::StdDependency | Origin::Native)
    };
    let functions = subject.code.functions.iter();
    let theirs = functions.filter(|function| !of_std(function.owner.defined));
    let (mut code, mut described) = (0_u64, 0_u64);
    for function in theirs {
        let range = function.range;
        let first = inlined.partition_point(|(piece, _, _)| piece.end() <= range.start);
        let pieces = inlined.get(first..).unwrap_or_default().iter();
        let pieces = pieces.take_while(|(piece, _, _)| piece.start < range.end());
        code += range.size;
        described += pieces
            .map(|(piece, _, _)| range.intersection(*piece).size)
            .sum::<u64>();
    }
    let missing = 1.0 - described as f64 / code.max(1) as f64;
    (code > 0 && missing > UNDESCRIBED).then(|| {
        let message = format!(
            "{} of the code of your crates and their dependencies has no debug information, so \
             what was inlined there counts for the function around it",
            Share(missing)
        );
        let help = "build it with `debug = 1`, or leave out `--file` and let cargo build it";
        Warning::new("code-without-debug-info", message).help(help)
    })
}

/// The crate that `by` says, and how it is known.
fn crate_of(owner: &Owner, by: By) -> (CrateId, Evidence) {
    match by {
        By::Defined | By::Inlined => (owner.defined, owner.defined_by),
        By::Instantiated => (owner.instantiated, owner.instantiated_by),
    }
}

/// What one crate or bucket has. Bytes that several crates use are split evenly among them, so that
/// `file` adds up to the file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    file: u64,
    shipped: u64,
    memory: u64,
    parts: ByCategory,
    inferred: u64,
    shared: u64,
}

/// The sums of all crates, by their numbers; of those without a byte all are zero.
///
/// For [`By::Inlined`] the ledger must have been made with the inlined functions.
pub(crate) fn sums(ledger: &Ledger, by: By) -> Vec<Sums> {
    let mut sums: Vec<Sums> = Vec::new();
    // A party has several amounts: its crates, in their order, and whether one is guessed.
    let mut known: NumberMap<PartyId, (Vec<CrateId>, bool)> = NumberMap::default();
    // Iteration order does not matter: how an amount is split depends only on that amount.
    for (key, amount) in &ledger.amounts {
        let (crates, guess) = known.entry(key.party).or_insert_with(|| {
            let members = ledger.parties.members(key.party).iter();
            let answers = members.map(|owner| crate_of(owner, by));
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
        let memory = Parties::split(crates, amount.memory).map(|(_, bytes)| bytes);
        let shipped = Parties::split(crates, amount.shipped).map(|(_, bytes)| bytes);
        let more = shipped.zip(memory);
        for ((id, file), (shipped, memory)) in Parties::split(crates, amount.file).zip(more) {
            let index = id.0 as usize;
            if index >= sums.len() {
                sums.resize(index + 1, Sums::default());
            }
            let sum = &mut sums[index];
            sum.file += file;
            sum.shipped += shipped;
            sum.memory = sum.memory.saturating_add(memory);
            sum.parts[key.category] += file;
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

/// One row a crate or bucket with a byte, those first of which most ships.
pub(crate) fn labelled(subject: &Subject<'_>, sums: &[Sums]) -> Vec<CrateRow> {
    let all = (0..).zip(sums);
    let some = all.filter(|(_, sum)| sum.file > 0 || sum.shipped > 0 || sum.memory > 0);
    let mut rows: Vec<CrateRow> = some
        .map(|(id, sum)| CrateRow {
            label: subject.label(CrateId(id)).clone(),
            program: subject.is_program(CrateId(id)),
            file: sum.file,
            shipped: sum.shipped,
            memory: sum.memory,
            parts: sum.parts,
            inferred: sum.inferred,
            shared: sum.shared,
        })
        .collect();
    rows.sort_by(|a, b| {
        (b.shipped, b.file)
            .cmp(&(a.shipped, a.file))
            .then_with(|| a.label.name.cmp(&b.label.name))
    });
    rows
}

/// The rows of a ledger.
pub(super) fn rows(subject: &Subject<'_>, ledger: &Ledger, by: By) -> Vec<CrateRow> {
    labelled(subject, &sums(ledger, by))
}
