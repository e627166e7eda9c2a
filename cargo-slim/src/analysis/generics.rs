//! Generic families: how many copies of one generic function there are, and what they cost.

use super::{
    model::{CrateInfo, GenericInstance, GenericRow},
    names,
    open::Opened,
    result::Analysis,
    subject::Subject,
};
use codecost::{
    Error, Result,
    attribution::{CrateId, Function},
    disasm::{Decoder, Disassembler, decoder_of},
    report::Warning,
};
use rayon::prelude::*;
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

/// The generic functions.
///
/// # Errors
///
/// A file changed while it was read.
pub fn generics(opened: &Opened, subject: &Subject<'_>) -> Result<Analysis<Vec<GenericRow>>> {
    let rows = match subject.slices.is_empty() {
        true => rows(subject),
        false => of_images(subject),
    };
    let warning = warning(subject, &rows);
    Analysis::of_all(opened, subject, rows, [warning])
}

/// Leaves the families of this name; where there is none, those with `name` in theirs.
///
/// # Errors
///
/// A usage error: there is none.
pub fn only_named(rows: &mut Vec<GenericRow>, name: &str) -> Result<()> {
    let exact = rows.iter().any(|row| row.name == name);
    rows.retain(|row| match exact {
        true => row.name == name,
        false => row.name.contains(name),
    });
    match rows.is_empty() {
        true => Err(Error::usage(
            format_args!("no generic function with two copies or more has `{name}` in its name"),
            "list them with `cargo slim generics`",
        )),
        false => Ok(()),
    }
}

/// One row a family of at least two copies, largest first.
pub(super) fn rows(subject: &Subject<'_>) -> Vec<GenericRow> {
    let mut families: HashMap<(CrateId, String), Vec<&Function>> = HashMap::new();
    let keyed: Vec<_> = subject
        .code
        .functions
        .par_iter()
        // Families count copies, and only some of them are found by their code.
        .filter(|function| !function.guessed)
        .filter_map(|function| {
            let name = names::name_of(function, &subject.symbols)?;
            name.is_generic().then(|| {
                let mut key = String::with_capacity(name.symbol().len());
                name.write_family_key(&mut key);
                ((function.owner.defined, key), function)
            })
        })
        .collect();
    for (key, function) in keyed {
        families.entry(key).or_default().push(function);
    }
    let decoder = decoder_of(&subject.image);
    let mut rows: Vec<_> = families
        .into_par_iter()
        .filter(|(_, copies)| copies.len() > 1)
        .map(|((id, _), copies)| row(subject, decoder.as_ref(), id, copies))
        .collect();
    // Families of one name and size are ordered by address, so that each run gives the same order.
    let first = |row: &GenericRow| row.instances.first().map(|copy| copy.address);
    rows.par_sort_by(|a, b| {
        let by_size = b.file.cmp(&a.file);
        by_size
            .then_with(|| a.name.cmp(&b.name))
            .then_with(|| first(a).cmp(&first(b)))
    });
    rows
}

/// The families of all images, largest first: copies for another architecture are copies, too.
fn of_images(subject: &Subject<'_>) -> Vec<GenericRow> {
    let mut all: Vec<GenericRow> = Vec::new();
    let mut known: HashMap<(String, CrateInfo), usize> = HashMap::new();
    for slice in &subject.slices {
        for row in rows(&slice.subject) {
            let key = (row.name.clone(), row.label.clone());
            let Some(sum) = known.get(&key).and_then(|at| all.get_mut(*at)) else {
                known.insert(key, all.len());
                all.push(row);
                continue;
            };
            sum.copies += row.copies;
            sum.file += row.file;
            sum.shipped += row.shipped;
            sum.largest = sum.largest.max(row.largest);
            sum.identical = sum.identical.zip(row.identical).map(|(a, b)| a + b);
            sum.instances.extend(row.instances);
            sum.instances.sort_by_key(|copy| Reverse(copy.file));
        }
    }
    all.sort_by(|a, b| b.file.cmp(&a.file).then_with(|| a.name.cmp(&b.name)));
    all
}

/// The family of at least `copies` copies that `counts`, with the most bytes beyond its largest copy.
pub(super) fn largest(
    subject: &Subject<'_>,
    copies: usize,
    counts: impl Fn(&str) -> bool,
) -> Option<GenericRow> {
    // A number for each key is enough to tell which family is the largest.
    let hasher = RandomState::new();
    let keyed = |key: &mut String, function| {
        let name = names::name_of(function, &subject.symbols)?;
        name.is_generic().then(|| {
            key.clear();
            name.write_family_key(key);
            ((function.owner.defined, hasher.hash_one(&*key)), function)
        })
    };
    let functions = subject.code.functions.par_iter();
    let keyed: Vec<_> = functions.map_init(String::new, keyed).flatten().collect();
    let mut families: HashMap<(CrateId, u64), Vec<&Function>> = HashMap::new();
    for (key, function) in keyed {
        families.entry(key).or_default().push(function);
    }
    let beyond = |family: &[&Function]| {
        let sizes = || family.iter().map(|function| function.range.size);
        sizes().sum::<u64>() - sizes().max().unwrap_or_default()
    };
    let mut families: Vec<_> = families
        .into_iter()
        .filter(|(_, family)| family.len() >= copies)
        .map(|((id, _), family)| (beyond(&family), id, family))
        .collect();
    // Of equals the one that stands first, so that each run gives the same answer.
    let first = |family: &[&Function]| family.iter().map(|function| function.range.start).min();
    families.sort_by_cached_key(|(beyond, _, family)| (Reverse(*beyond), first(family)));
    let named = |family: &[&Function]| {
        let name = names::name_of(family.first()?, &subject.symbols)?;
        Some(name.family())
    };
    let mut families = families.into_iter();
    let found = families.find(|(_, _, family)| named(family).is_some_and(|name| counts(&name)));
    let decoder = decoder_of(&subject.image);
    found.map(|(_, id, family)| row(subject, decoder.as_ref(), id, family))
}

fn row(
    subject: &Subject<'_>,
    decoder: Option<&Decoder<'_>>,
    id: CrateId,
    mut copies: Vec<&Function>,
) -> GenericRow {
    copies.sort_by(|a, b| {
        b.range
            .size
            .cmp(&a.range.size)
            .then(a.range.start.cmp(&b.range.start))
    });
    let name = copies
        .first()
        .and_then(|function| names::name_of(function, &subject.symbols))
        .map(|name| name.family())
        .unwrap_or_default();
    let full = |function: &Function| {
        let mut text = String::new();
        names::write(function, &subject.symbols, &mut text);
        text
    };
    let file = copies.iter().map(|function| function.range.size).sum();
    GenericRow {
        name,
        label: subject.label(id).clone(),
        copies: copies.len() as u64,
        file,
        shipped: file,
        largest: copies.first().map_or(0, |function| function.range.size),
        identical: decoder.map(|decoder| identical(subject, &**decoder, &copies)),
        instances: copies
            .iter()
            .map(|function| GenericInstance {
                name: full(function),
                instantiated_by: (function.owner.instantiated != CrateId::UNKNOWN)
                    .then(|| subject.label(function.owner.instantiated).clone()),
                address: subject
                    .image
                    .place_in_section(function.section, function.range.start),
                file: function.range.size,
            })
            .collect(),
    }
}

/// Bytes in copies that equal an earlier one: the same instructions that refer to the same
/// addresses, as a linker that folds identical code compares them.
fn identical(subject: &Subject<'_>, decoder: &dyn Disassembler, copies: &[&Function]) -> u64 {
    let mut bytes = 0;
    // Sorted by size: only neighbours can be equal.
    for same in copies.chunk_by(|a, b| a.range.size == b.range.size) {
        if same.len() < 2 {
            continue;
        }
        let mut seen = HashSet::new();
        for function in same {
            let code = subject.image.bytes_at(function.range.start);
            let size = usize::try_from(function.range.size).unwrap_or(usize::MAX);
            // What a damaged file does not hold equals nothing.
            let Some(code) = code.and_then(|code| code.get(..size)) else {
                continue;
            };
            if !seen.insert(decoder.position_free(code, function.range.start)) {
                bytes += function.range.size;
            }
        }
    }
    bytes
}

/// Why `identical` is unknown, where it is.
fn warning(subject: &Subject<'_>, rows: &[GenericRow]) -> Warning {
    let unknown = rows.iter().filter(|row| row.identical.is_none()).count();
    Warning::new(
        "no-disassembler",
        format!(
            "{} code is not decoded, so equal copies of generic functions are unknown",
            subject.image.architecture
        ),
    )
    .help("look at a build of the same program for x86-64 or AArch64")
    .count(unknown as u64)
}
