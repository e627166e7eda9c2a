//! Functions and exports as symbols.

use super::{
    super::{
        Image,
        bounds::NameBudget,
        symbol::{Binding, Symbol, SymbolKind, SymbolTable},
    },
    Modules,
    module::{External, Module},
    names,
};
use crate::{
    address::{AddressRange, FileRange},
    demangle::legacy_symbol,
};
use std::{borrow::Cow, collections::HashSet};

/// One symbol for each function, without a name where nothing gives it one, and one more for each
/// further name that a function is exported by. A symbol's index is the function's number.
///
/// Names come from the section `name`, else from the exports, else of an object from what it tells
/// the linker.
pub(crate) fn symbols<'d>(image: &Image<'d>, modules: &Modules) -> SymbolTable<'d> {
    let mut table = SymbolTable {
        of_library: image.library,
        are_numbered: true,
        ..SymbolTable::default()
    };
    let mut budget = NameBudget::new(image.bytes);
    for module in &modules.modules {
        of_module(image, module, &mut budget, &mut table);
    }
    table.damaged_names = budget.damaged();
    let mut names = table.symbols.iter().map(|symbol| &*symbol.name);
    let mut paths = false;
    // wasm-ld and wasm-bindgen spell names out unless they are told not to.
    let mangled = names.any(|name| {
        paths |= name.contains("::");
        name.starts_with("_ZN") || name.starts_with("_R")
    });
    table.names_are_paths = paths && !mangled;
    for symbol in &mut table.symbols {
        if let Some(name) = legacy_symbol(&symbol.name) {
            symbol.name = Cow::Owned(name);
        }
    }
    table
}

fn of_module<'d>(
    image: &Image<'d>,
    module: &Module,
    budget: &mut NameBudget,
    table: &mut SymbolTable<'d>,
) {
    let Some(section) = code_section(image, module) else {
        return;
    };
    let mut own: Vec<Option<FileRange>> = vec![None; module.defined()];
    let slot = |own: &mut Vec<Option<FileRange>>, function: u32, name: FileRange| {
        let at = function.checked_sub(module.imported);
        if let Some(slot) = at.and_then(|at| own.get_mut(at as usize))
            && slot.is_none()
            && !name.is_empty()
        {
            *slot = Some(name);
            return true;
        }
        false
    };
    for named in names::of_functions(image.bytes, module) {
        slot(&mut own, named.function, named.name);
    }
    for (function, name) in names::of_linking(image.bytes, module) {
        let name = super::place_of(image.bytes, name.as_bytes());
        slot(&mut own, function, name);
    }
    let mut exported = vec![false; own.len()];
    let mut more = Vec::new();
    for export in &module.exports {
        let at = export.index.checked_sub(module.imported);
        let (Some(at), External::Function) = (at, export.what) else {
            continue;
        };
        let Some(is_exported) = exported.get_mut(at as usize) else {
            continue;
        };
        *is_exported = true;
        if slot(&mut own, export.index, export.name) {
            continue;
        }
        let same =
            own[at as usize].is_some_and(|own| image.bytes_in(own) == image.bytes_in(export.name));
        if !same {
            more.push((at, export.name));
        }
    }
    let mut add = |at: u32, name: FileRange, body: AddressRange, binding, index| {
        table.symbols.push(Symbol {
            name: text(image, name, budget),
            name_offset: 0,
            index,
            address: body.start,
            size: body.size,
            section: Some(section),
            kind: SymbolKind::Function,
            binding: match binding {
                true => Binding::Global,
                false => Binding::Local,
            },
            file: None,
        });
        at
    };
    // wasm-bindgen exports a function with several results through one that it puts before it.
    let is_exported = own.iter().zip(&exported);
    let shims: HashSet<&[u8]> = is_exported
        .filter_map(|(name, exported)| {
            let name = name.filter(|_| *exported)?;
            image.bytes_in(name).strip_suffix(b" multivalue shim")
        })
        .collect();
    let all = own.iter().zip(&exported).zip(module.bodies());
    for (((name, exported), body), at) in all.zip(0..) {
        let name = name.unwrap_or_default();
        let behind = !shims.is_empty() && shims.contains(image.bytes_in(name));
        add(
            at,
            name,
            *body,
            *exported || behind,
            module.imported.saturating_add(at),
        );
    }
    for (at, name) in more {
        if let Some(body) = module.bodies().get(at as usize) {
            add(at, name, *body, true, Symbol::OUTSIDE);
        }
    }
}

/// The functions that are exported, under the names of the exports.
pub(crate) fn exports<'d>(image: &Image<'d>, modules: &Modules) -> SymbolTable<'d> {
    let mut table = SymbolTable {
        of_library: image.library,
        ..SymbolTable::default()
    };
    let mut budget = NameBudget::new(image.bytes);
    for module in &modules.modules {
        let Some(section) = code_section(image, module) else {
            continue;
        };
        for (index, export) in (0..).zip(&module.exports) {
            let body = module.body(export.index);
            let (Some(body), External::Function) = (body, export.what) else {
                continue;
            };
            table.symbols.push(Symbol {
                name: text(image, export.name, &mut budget),
                name_offset: 0,
                index,
                address: body.start,
                size: body.size,
                section: Some(section),
                kind: SymbolKind::Function,
                binding: Binding::Global,
                file: None,
            });
        }
    }
    table.damaged_names = budget.damaged();
    table
}

fn code_section(image: &Image<'_>, module: &Module) -> Option<u32> {
    let first = module.bodies().first()?;
    Some(image.section_at(first.start)?.0)
}

/// A name, as often as names of a file of this size may be read.
fn text<'d>(image: &Image<'d>, name: FileRange, budget: &mut NameBudget) -> Cow<'d, str> {
    let bytes = image.bytes_in(name);
    if !budget.spend(bytes.len()) {
        return Cow::Borrowed("");
    }
    String::from_utf8_lossy(bytes)
}
