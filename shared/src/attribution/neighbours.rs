//! Whose functions are that have a name of C: by what they stand among.
//!
//! A function that Rust code exports (`#[no_mangle]`, `PyInit_x`) says nothing of its crate. But
//! linkers keep what comes from one object file together, and the symbols around it say whose
//! object that was: local symbols stand under a file entry, mapping symbols too, and v0 names
//! name their crate.

use super::{CrateId, Crates, Evidence, Function, Origin, Owner, SymbolOwners};
use crate::{
    address::VirtualAddress,
    demangle::Name,
    image::{Binding, SymbolKind, SymbolTable},
};

/// Finds owners for functions that are only most likely C's.
pub(super) fn settle(
    functions: &mut [Function],
    symbols: &SymbolTable<'_>,
    owners: &SymbolOwners,
    crates: &Crates<'_>,
) {
    let symbol = |function: &Function| symbols.symbols.get(function.symbol? as usize);
    let open = |function: &Function| {
        let owner = function.owner;
        owner.defined == CrateId::NATIVE
            && owner.defined_by == Evidence::Inferred
            // What Rust code exports is no local symbol; those stand under their own file entry, also
            // the parts that gcc has cut off a function and put elsewhere.
            && symbol(function).is_some_and(|symbol| symbol.binding != Binding::Local)
    };
    if !functions.iter().any(open) {
        return;
    }
    let marks = Marks::new(symbols);
    let mut start = 0;
    while start < functions.len() {
        if !open(&functions[start]) {
            start += 1;
            continue;
        }
        let section = functions[start].section;
        let rest = functions[start..].iter();
        let run = rest.take_while(|f| f.section == section && open(f)).count();
        let end = start + run;
        let beside = |at: Option<usize>| {
            let function = functions.get(at?)?;
            (function.section == section).then_some(function)
        };
        let found = match (beside(start.checked_sub(1)), beside(Some(end))) {
            (Some(before), Some(after)) => {
                let files = [before, after].map(|function| symbol(function)?.file);
                between(before, after, files, owners, crates)
            }
            _ => None,
        };
        for function in &mut functions[start..end] {
            let marked = marks.file_at(function.range.start);
            let marked = marked.and_then(|file| owners.crate_of_file(file));
            let merged = owners.is_merged();
            let owner = match marked {
                Some(unit) if merged => Some(Owner::of(unit, Evidence::Inferred)),
                Some(unit) => Some(Owner::of(unit, Evidence::Symbol)),
                None => found,
            };
            function.owner = owner.unwrap_or(function.owner);
        }
        start = end;
    }
}

/// Whose copies functions are that do not say it, in a format whose symbols stand under no file entry.
///
/// A generic function carries the crate that made this copy in its v0 name; a copy of an inline function
/// does not. But linkers keep what comes from one object file together: between two functions that
/// one crate made, the third is most likely its copy, too. So is what has a name of C.
pub(super) fn settle_copies(
    functions: &mut [Function],
    symbols: &SymbolTable<'_>,
    crates: &Crates<'_>,
) {
    let made_by = |function: &Function| {
        let symbol = symbols.symbols.get(function.symbol? as usize)?;
        Name::with_shape(&symbol.name, function.shape).instantiating()?;
        let owner = function.owner;
        let known = owner.instantiated_by <= Evidence::Inferred;
        (known && !crates.is_bucket(owner.instantiated)).then_some(owner.instantiated)
    };
    // Of each function who made the nearest one after it that says so.
    let mut after: Vec<Option<(u32, CrateId)>> = Vec::with_capacity(functions.len());
    let mut last = None;
    for function in functions.iter().rev() {
        after.push(last);
        if let Some(id) = made_by(function) {
            last = Some((function.section, id));
        }
    }
    after.reverse();
    let mut before = None;
    for (function, after) in functions.iter_mut().zip(after) {
        if let Some(id) = made_by(function) {
            before = Some((function.section, id));
            continue;
        }
        let Some((section, id)) = before.filter(|before| Some(*before) == after) else {
            continue;
        };
        let owner = &mut function.owner;
        if section != function.section || owner.defined == CrateId::UNKNOWN {
            continue;
        }
        if owner.defined == CrateId::NATIVE && owner.defined_by == Evidence::Inferred {
            *owner = Owner::of(id, Evidence::Inferred);
        } else if owner.instantiated != id {
            owner.instantiated = id;
            owner.instantiated_by = Evidence::Inferred;
        }
    }
}

/// Who owns what stands between two functions, if both are of one object file or one crate.
fn between(
    before: &Function,
    after: &Function,
    files: [Option<u32>; 2],
    owners: &SymbolOwners,
    crates: &Crates<'_>,
) -> Option<Owner> {
    let certain = match owners.is_merged() {
        true => Evidence::Inferred,
        false => Evidence::Symbol,
    };
    if let [Some(a), Some(b)] = files {
        let unit = owners.crate_of_file(a).filter(|_| a == b)?;
        return Some(Owner::of(unit, certain));
    }
    let (a, b) = (before.owner, after.owner);
    let proven = a.instantiated_by.max(b.instantiated_by) <= Evidence::DebugInfo;
    let same = a.instantiated == b.instantiated && !crates.is_bucket(a.instantiated);
    let native = crates.info(a.instantiated).origin == Origin::Native;
    (same && proven && !native).then(|| Owner::of(a.instantiated, Evidence::Inferred))
}

/// The mapping symbols, by address.
struct Marks(Vec<(VirtualAddress, u32)>);

impl Marks {
    fn new(symbols: &SymbolTable<'_>) -> Self {
        let mapping = symbols
            .symbols
            .iter()
            .filter(|symbol| symbol.kind == SymbolKind::Mapping);
        let mut marks: Vec<_> = mapping
            .filter_map(|symbol| Some((symbol.address, symbol.file?)))
            .collect();
        marks.sort_unstable();
        Self(marks)
    }

    /// The file entry of the mark at this address.
    fn file_at(&self, address: VirtualAddress) -> Option<u32> {
        let at = self.0.partition_point(|(mark, _)| *mark < address);
        let (mark, file) = self.0.get(at)?;
        (*mark == address).then_some(*file)
    }
}
