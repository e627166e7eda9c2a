//! How crates are shown, and what tells those apart of which all but the hash is the same: a library and the
//! program that its package calls alike, a wrapper that is called like the library that it wraps.
//!
//! Generic code is compiled in the crate that uses it, so a function whose name speaks of two instances of a
//! name was compiled in the one that depends on the other.

use super::model::CrateInfo;
use codecost::{
    attribution::{CodeMap, CrateId, Crates, Origin, Role, has_two_instances},
    image::SymbolTable,
};
use std::collections::HashMap;

/// How each crate is shown, by its number. `is_program`: whether the file is one that can be started. Linear in the crates, and where two are alike in the functions.
pub(super) fn labels(
    crates: &Crates<'_>,
    code: &CodeMap,
    symbols: &SymbolTable<'_>,
    is_program: bool,
) -> Vec<CrateInfo> {
    let ids = (0..crates.len() as u32).map(CrateId);
    let mut labels: Vec<CrateInfo> = ids.clone().map(|id| crates.info(id).clone()).collect();
    let mut alike: HashMap<&CrateInfo, Vec<CrateId>> = HashMap::new();
    for id in ids {
        alike.entry(crates.info(id)).or_default().push(id);
    }
    for (info, same) in alike.iter().filter(|(_, same)| same.len() > 1) {
        let program = same.iter().filter(|id| crates.is_eliminated(**id));
        let program = match program.copied().collect::<Vec<_>>().as_slice() {
            // What only is not another crate of the name may be several.
            [one] if info.origin != Origin::Unknown => Some((*one, Role::Program)),
            _ => outer(same, &info.name, code, symbols).map(|id| {
                let program = is_program && has_main(id, code, symbols);
                (id, if program { Role::Program } else { Role::Outer })
            }),
        };
        let mut nth = 0;
        for id in same {
            let role = match program {
                Some((own, role)) if own == *id => role,
                _ => {
                    nth += 1;
                    if nth == 1 {
                        Role::First
                    } else {
                        Role::Nth(nth)
                    }
                }
            };
            if let Some(label) = labels.get_mut(id.0 as usize) {
                label.role = role;
            }
        }
    }
    labels
}

/// Whether a crate has a function `main` of its own at its root.
fn has_main(id: CrateId, code: &CodeMap, symbols: &SymbolTable<'_>) -> bool {
    let mut functions = code.functions.iter();
    functions.any(|function| {
        let symbol = || symbols.symbols.get(function.symbol? as usize);
        function.owner.defined == id
            && symbol().is_some_and(|symbol| {
                // Crates of one name are two by the hashes in v0 names.
                symbol.name.starts_with("_RNvC") && symbol.name.ends_with("4main")
            })
    })
}

/// The one of these crates, which are all called `name`, that depends on another of them.
fn outer(
    same: &[CrateId],
    name: &str,
    code: &CodeMap,
    symbols: &SymbolTable<'_>,
) -> Option<CrateId> {
    let mut found = None;
    for function in &code.functions {
        let by = function.owner.instantiated;
        if !same.contains(&by) || found == Some(by) {
            continue;
        }
        let symbol = function
            .symbol
            .and_then(|at| symbols.symbols.get(at as usize));
        if symbol.is_some_and(|symbol| has_two_instances(&symbol.name, name)) {
            if found.is_some() {
                return None;
            }
            found = Some(by);
        }
    }
    found
}
