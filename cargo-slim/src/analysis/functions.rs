//! Bytes by function.

use super::{model::FunctionRow, subject::Subject};
use codecost::{
    attribution::{CrateId, Evidence, Function},
    demangle::Name,
};
use rayon::prelude::*;
use std::cmp::Reverse;

/// One row a function, largest first. Aliases of one address are one row.
pub(super) fn rows<'a>(subject: &'a Subject<'_>) -> Vec<FunctionRow<'a>> {
    // Numbers sort faster than rows.
    let mut order: Vec<_> = (0..)
        .zip(&subject.code.functions)
        .map(|(at, f)| (Reverse(f.range.size), at))
        .collect();
    order.par_sort_unstable();
    order
        .into_par_iter()
        .filter_map(|(_, at): (_, usize)| subject.code.functions.get(at))
        .map(|function| row(subject, function))
        .collect()
}

fn row<'a>(subject: &'a Subject<'_>, function: &Function) -> FunctionRow<'a> {
    let symbol = |at: u32| {
        subject
            .symbols
            .symbols
            .get(at as usize)
            .map(|symbol| &*symbol.name)
    };
    let name = function.symbol.and_then(symbol);
    let aliases = function.aliases.start as usize..function.aliases.end as usize;
    let aliases = subject.code.aliases.get(aliases).unwrap_or_default();
    let section = &subject.image.sections[function.section as usize];
    let owner = function.owner;
    FunctionRow {
        name: function_name(name, function),
        symbol: name.unwrap_or_default(),
        aliases: aliases.iter().filter_map(|at| symbol(*at)).collect(),
        label: subject.label(owner.defined),
        instantiated_by: (owner.instantiated != CrateId::UNKNOWN)
            .then(|| subject.label(owner.instantiated)),
        section: &section.name,
        address: function.range.start.0,
        file: if section.file.is_empty() {
            0
        } else {
            function.range.size
        },
        evidence: evidence(function),
    }
}

/// The name to show: a function without a symbol is known by its address only.
pub(super) fn function_name(symbol: Option<&str>, function: &Function) -> String {
    match symbol {
        Some(symbol) => {
            let mut out = String::with_capacity(symbol.len());
            Name::parse(symbol).write_full(&mut out);
            out
        }
        None => format!("[function at {}]", function.range.start),
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
