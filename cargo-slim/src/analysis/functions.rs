//! Bytes by function.

use super::{model::FunctionRow, open::Opened, result::Analysis, subject::Subject};
use crate::inference::Basis;
use codecost::{
    Result,
    address::AddressRange,
    attribution::{CrateId, Evidence, Function},
};
use rayon::prelude::*;
use std::{borrow::Cow, cmp::Reverse};

/// The functions.
///
/// # Errors
///
/// A file changed while it was read.
pub fn functions<'a>(
    opened: &Opened,
    subject: &'a Subject<'_>,
) -> Result<Analysis<Vec<FunctionRow<'a>>>> {
    if subject.slices.is_empty() {
        subject.names();
    }
    Analysis::of_all(opened, subject, rows(subject, usize::MAX), [])
}

/// One row a function, largest first. Aliases of one address are one row. Only the first `named` rows
/// have their names.
pub(super) fn rows<'a>(subject: &'a Subject<'_>, named: usize) -> Vec<FunctionRow<'a>> {
    if !subject.slices.is_empty() {
        return of_images(subject, named);
    }
    // Numbers sort faster than rows.
    let mut order: Vec<_> = (0..)
        .zip(&subject.code.functions)
        .map(|(at, f)| (Reverse(f.range.size), at))
        .collect();
    order.par_sort_unstable();
    let stacks = subject.image.stack_sizes();
    let row = |(nth, (_, at)): (usize, &(_, usize))| {
        let function = subject.code.functions.get(*at)?;
        let name = match nth < named {
            true => subject.name(*at),
            false => Cow::Borrowed(""),
        };
        let basis = subject.inferred.get(*at).copied().flatten();
        let stack = stacks.binary_search_by_key(&function.range.start, |it| it.function);
        Some(FunctionRow {
            inferred_by: basis.map(Basis::as_str),
            stack: stack.ok().map(|at| stacks[at].bytes),
            ..row(subject, function, name)
        })
    };
    // An iterator that may leave rows out would have the list copied each time that it grows.
    let mut rows = Vec::with_capacity(order.len());
    rows.extend(order.iter().enumerate().filter_map(row));
    rows
}

/// The functions of all images, largest first; only the first `named` of each have their names.
fn of_images<'a>(subject: &'a Subject<'_>, named: usize) -> Vec<FunctionRow<'a>> {
    let mut all: Vec<FunctionRow<'a>> = Vec::new();
    for slice in &subject.slices {
        let own = rows(&slice.subject, named).into_iter();
        all.extend(own.map(|row| FunctionRow {
            member: Some(&slice.name),
            ..row
        }));
    }
    all.sort_by_key(|row| Reverse(row.file));
    all
}

fn row<'a>(subject: &'a Subject<'_>, function: &Function, name: Cow<'a, str>) -> FunctionRow<'a> {
    let symbol = |at: u32| {
        subject
            .symbols
            .symbols
            .get(at as usize)
            .map(|symbol| &*symbol.name)
    };
    let aliases = function.aliases.start as usize..function.aliases.end as usize;
    let aliases = subject.code.aliases.get(aliases).unwrap_or_default();
    let section = &subject.image.sections[function.section as usize];
    let owner = function.owner;
    // Code is in the file, but for a damaged file's, whose sections may promise more.
    let held = AddressRange::new(section.address, section.file.size);
    let file = function.range.intersection(held).size;
    FunctionRow {
        name,
        symbol: function.symbol.and_then(symbol).unwrap_or_default(),
        aliases: aliases.iter().filter_map(|at| symbol(*at)).collect(),
        label: subject.label(owner.defined),
        instantiated_by: (owner.instantiated != CrateId::UNKNOWN)
            .then(|| subject.label(owner.instantiated)),
        section: &section.name,
        member: subject.member_of(function.section),
        address: subject
            .image
            .place_in_section(function.section, function.range.start),
        file,
        // What the loader maps is what strip leaves.
        shipped: file,
        evidence: evidence(function),
        inferred_by: None,
        stack: None,
    }
}

/// The weaker of how the extent and how the owner is known.
fn evidence(function: &Function) -> Evidence {
    if function.owner.defined == CrateId::UNKNOWN {
        Evidence::None
    } else {
        function.extent.max(function.owner.defined_by)
    }
}
