//! Formatting of floating-point numbers: some 15 KiB of core that one `{}` of an `f64` pulls in.

use super::super::{model::Finding, subject::Subject};
use crate::ledger::Ledger;
use codecost::{
    address::VirtualAddress,
    attribution::Function,
    demangle::Name,
    disasm::{Disassembler, decoder_of},
    units::Bytes,
};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Callers that are named.
const NAMED: usize = 3;

/// The finding, when all callers are in one crate.
pub(super) fn find(
    subject: &Subject<'_>,
    ledger: &Ledger,
    artifact_flags: &str,
) -> Option<Finding> {
    let linked = subject.image.parts.is_empty();
    let decoder = decoder_of(&subject.image).filter(|_| linked)?;
    let functions = &subject.code.functions;
    let group: BTreeSet<u32> = (0..)
        .zip(functions)
        .filter(|(_, function)| formats_floats(subject, function))
        .map(|(at, _)| at)
        .collect();
    if group.is_empty() {
        return None;
    }
    let bytes: u64 = group
        .iter()
        .map(|at| functions[*at as usize].range.size)
        .sum();

    let callers = callers(subject, ledger, &*decoder, &group);
    let mut crates: BTreeMap<u32, Vec<&Function>> = BTreeMap::new();
    for at in callers {
        let function = &functions[at];
        crates
            .entry(function.owner.defined.0)
            .or_default()
            .push(function);
    }
    let (only, others) = (crates.len() == 1).then(|| crates.pop_first()).flatten()?;
    let name = |function: &&Function| {
        let symbol = subject.symbols.symbols.get(function.symbol? as usize)?;
        Some(format!("called by `{}`", Name::parse(&symbol.name).full()))
    };
    let mut evidence: Vec<_> = others.iter().filter_map(name).take(NAMED).collect();
    if others.len() > NAMED {
        evidence.push(format!(
            "and by {} more functions of that crate",
            others.len() - NAMED
        ));
    }
    let label = subject.label(codecost::attribution::CrateId(only));
    evidence.push(format!(
        "{} functions of core, {}",
        group.len(),
        Bytes(bytes)
    ));
    let whose = if others.len() == 1 {
        "one function"
    } else {
        "one crate only"
    };
    Some(Finding {
        code: "float-formatting",
        title: format!(
            "formatting of floats is there for {whose}, of `{}`",
            label.name
        ),
        bytes,
        evidence,
        // The last is for methods of `f64`, whose names do not say where they stand.
        command: format!(
            "cargo slim functions {artifact_flags} --filter 'flt2dec|fmt::float|<f(32|64) as core::fmt'"
        ),
    })
}

/// The functions outside of `group` that call one of it, by their places.
fn callers(
    subject: &Subject<'_>,
    ledger: &Ledger,
    decoder: &dyn Disassembler,
    group: &BTreeSet<u32>,
) -> Vec<usize> {
    let functions = &subject.code.functions;
    // Calls go through slots that hold the address of one of them: entries of the global offset
    // table, tables of formatting arguments.
    let slots: HashMap<VirtualAddress, u32> = subject
        .image
        .relocations(&subject.dynamic_symbols)
        .iter()
        .flat_map(|table| &table.relocations)
        .filter_map(|relocation| {
            let at = subject.code.at(relocation.target?)?;
            group.contains(&at).then_some((relocation.slot, at))
        })
        .collect();
    let slot_objects: BTreeSet<VirtualAddress> = slots
        .keys()
        .filter_map(|slot| {
            let next = ledger
                .data
                .partition_point(|object| object.range.start <= *slot);
            Some(ledger.data.get(next.checked_sub(1)?)?.range.start)
        })
        .collect();
    (0..functions.len())
        .into_par_iter()
        .filter(|at| !group.contains(&(*at as u32)))
        .filter(|at| {
            let function = &functions[*at];
            let code = subject
                .image
                .bytes_at(function.range.start)
                .unwrap_or_default();
            let size = usize::try_from(function.range.size).unwrap_or(usize::MAX);
            let mut calls = false;
            let code = code.get(..size).unwrap_or(code);
            decoder.calls(code, function.range.start, &mut |reference| {
                calls |= slots.contains_key(&reference.to)
                    || slot_objects.contains(&reference.to)
                    || subject
                        .code
                        .at(reference.to)
                        .is_some_and(|to| group.contains(&to));
            });
            calls
        })
        .collect()
}

fn formats_floats(subject: &Subject<'_>, function: &Function) -> bool {
    let symbol = function
        .symbol
        .and_then(|at| subject.symbols.symbols.get(at as usize));
    // Both modules are named in every such symbol, of either scheme; cheaper than parsing all.
    symbol.is_some_and(|symbol| {
        (symbol.name.contains("7flt2dec") || symbol.name.contains("5float"))
            && subject.label(function.owner.defined).name == "core"
            && {
                let key = Name::parse(&symbol.name).family_key();
                key.contains("::num::flt2dec::")
                    || key.contains("::num::imp::flt2dec::")
                    || key.contains("::fmt::float::")
            }
    })
}
