//! Bytes by crate.

use super::{
    model::{By, CrateInfo, CrateRow},
    open::Opened,
    partition,
    result::Analysis,
    subject::{Slice, Subject},
};
use crate::ledger::{ByCategory, Category, Inlined, Ledger, Parties, PartyId};
use codecost::{
    Result,
    attribution::{CrateId, Evidence, Origin, Owner},
    hashing::NumberMap,
    image::{self, SectionKind},
    report::Warning,
    units::Share,
};
use std::{collections::HashMap, path::Path};

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
    let path = opened.files.file.path();
    let (rows, warning) = match subject.slices.is_empty() {
        true => {
            let Image {
                rows,
                warning,
                ledger: _,
            } = of_image(subject, path, by)?;
            (rows, warning)
        }
        false => of_images(subject, path, by, &mut |_, _, _| {})?,
    };
    Analysis::of_all(opened, subject, rows, warning)
}

/// What one image has.
struct Image {
    ledger: Ledger,
    rows: Vec<CrateRow>,
    warning: Option<Warning>,
}

fn of_image(subject: &mut Subject<'_>, path: &Path, by: By) -> Result<Image> {
    let inlined = match by {
        By::Defined | By::Instantiated => Vec::new(),
        By::Inlined => subject.inlined(path)?,
    };
    let ledger = subject.ledger(&inlined);
    let warning = match by {
        By::Defined | By::Instantiated => None,
        By::Inlined => undescribed(subject, &inlined),
    };
    Ok(Image {
        rows: rows(subject, &ledger, by),
        ledger,
        warning,
    })
}

/// So much of the code may lack debug information before it is worth a word.
const UNDESCRIBED: f64 = 0.1;

/// How many bytes of code have no debug information, of how many: that of all crates but std where a profile has no
/// `debug`, because std brings its own, though not for all its dependencies. So only the code of other
/// crates is looked at.
pub(super) fn undescribed_code(subject: &Subject<'_>, inlined: &[Inlined]) -> (u64, u64) {
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
    (code.saturating_sub(described), code)
}

/// Code without debug information counts as if nothing had been inlined into it.
fn undescribed(subject: &Subject<'_>, inlined: &[Inlined]) -> Option<Warning> {
    let (missing, code) = undescribed_code(subject, inlined);
    let missing = missing as f64 / code.max(1) as f64;
    (missing > UNDESCRIBED).then(|| {
        let message = format!(
            "{} of the code of your crates and their dependencies has no debug information, so \
             what was inlined there counts for the function around it",
            Share(missing)
        );
        let help = match subject.debug.load().split_units() {
            0 => "build it with `debug = 1`, or leave out `--file` and let cargo build it",
            _ => "build it with `split-debuginfo = \"off\"`, for what is split off is not read",
        };
        Warning::new("code-without-debug-info", message).help(help)
    })
}

/// The crates of all images of a universal file, each read as if it stood alone, and what stands between
/// them. `each` is told of each image.
pub(super) fn of_images(
    subject: &mut Subject<'_>,
    path: &Path,
    by: By,
    each: &mut dyn FnMut(&Slice<'_>, &Ledger, &[CrateRow]),
) -> Result<(Vec<CrateRow>, Option<Warning>)> {
    let mut warning = None;
    let mut rows: Vec<CrateRow> = between(&subject.image).collect();
    // Two rows of one image can have the same name and nothing else that tells them apart.
    let mut known: HashMap<(CrateInfo, usize), usize> = HashMap::new();
    for row in &rows {
        known.insert((row.label.clone(), 0), known.len());
    }
    for slice in &mut subject.slices {
        let mut seen: HashMap<CrateInfo, usize> = HashMap::new();
        let own = of_image(&mut slice.subject, path, by)?;
        each(slice, &own.ledger, &own.rows);
        warning = warning.or(own.warning);
        for row in own.rows {
            let nth = seen.entry(row.label.clone()).or_default();
            let key = (row.label.clone(), *nth);
            *nth += 1;
            match known.get(&key).and_then(|at| rows.get_mut(*at)) {
                Some(sum) => add(sum, &row),
                None => {
                    known.insert(key, rows.len());
                    rows.push(row);
                }
            }
        }
    }
    sort(&mut rows);
    Ok((rows, warning))
}

fn add(sum: &mut CrateRow, row: &CrateRow) {
    sum.file += row.file;
    sum.shipped += row.shipped;
    sum.memory = sum.memory.saturating_add(row.memory);
    sum.parts.add(&row.parts);
    sum.inferred += row.inferred;
    sum.inferred_shipped += row.inferred_shipped;
    sum.shared += row.shared;
}

/// What is no image's: the header of the whole file and the gaps.
pub(crate) fn between<'a>(image: &'a image::Image<'_>) -> impl Iterator<Item = CrateRow> + 'a {
    let member = SectionKind::Member.as_str();
    let rows = partition::rows(image).into_iter();
    rows.filter(move |row| row.kind != member)
        .map(|row| CrateRow {
            label: CrateInfo {
                role: Default::default(),
                origin: match row.name.as_str() {
                    "[unknown]" => Origin::Unknown,
                    _ => Origin::Linker,
                },
                name: row.name,
                package: None,
                version: None,
            },
            file: row.file,
            shipped: row.shipped,
            memory: row.memory,
            parts: ByCategory::from([(Category::Other, row.file)]),
            inferred: 0,
            inferred_shipped: 0,
            shared: 0,
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
    inferred_shipped: u64,
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
                sum.inferred_shipped += shipped;
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
            file: sum.file,
            shipped: sum.shipped,
            memory: sum.memory,
            parts: sum.parts,
            inferred: sum.inferred,
            inferred_shipped: sum.inferred_shipped,
            shared: sum.shared,
        })
        .collect();
    sort(&mut rows);
    rows
}

/// Those first of which most ships.
pub(super) fn sort(rows: &mut [CrateRow]) {
    rows.sort_by(|a, b| {
        (b.shipped, b.file)
            .cmp(&(a.shipped, a.file))
            .then_with(|| a.label.name.cmp(&b.label.name))
    });
}

/// The rows of a ledger.
pub(super) fn rows(subject: &Subject<'_>, ledger: &Ledger, by: By) -> Vec<CrateRow> {
    labelled(subject, &sums(ledger, by))
}
