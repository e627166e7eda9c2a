//! All functions in the order of their names, with the generic families that they are copies of.

use super::{
    model::{Function, NAMELESS},
    names::{Names, Place},
    sorting,
};
use crate::analysis::{FunctionNames, Functions, model::CrateInfo};
use codecost::attribution::{self, CrateId};
use rayon::prelude::*;
use std::cmp::Ordering;

/// The functions of an image, before it is known which crates have rows.
pub(super) struct Listing {
    names: Names,
    families: Names,
    /// One for each name; their crates are indices into `labels`.
    functions: Vec<Function>,
    /// All crates that have functions, in the order of their keys, without the same twice.
    labels: Vec<CrateInfo>,
}

struct Named<'n> {
    name: &'n str,
    /// Empty where it is not generic.
    family: &'n str,
    /// Its row, if it has one.
    function: Option<Function>,
}

impl Listing {
    /// Names and orders all functions, on all cores. `section_of`: the number of each section of
    /// the image in the snapshot. O(n log n) in the number of functions.
    pub(super) fn new(functions: &Functions<'_, '_>, section_of: &[u32]) -> Self {
        let mut labels: Vec<&CrateInfo> = functions.labels.iter().collect();
        labels.sort_unstable_by_key(|label| label.key());
        labels.dedup_by_key(|label| label.key());
        let place = |label: &CrateInfo| labels.binary_search_by(|l| l.key().cmp(&label.key())).ok();
        let places: Vec<Option<u32>> = functions
            .labels
            .iter()
            .map(|label| u32::try_from(place(label)?).ok())
            .collect();
        let place = |id: CrateId| *places.get(id.0 as usize)?;

        let all = &functions.code.functions;
        let (names, family_names) = FunctionNames::with_families(all, functions.symbols);
        let listed = |function: &attribution::Function| {
            let owner = function.owner;
            let known = owner.instantiated != CrateId::UNKNOWN;
            let section = functions.image.sections.get(function.section as usize)?;
            Some(Function {
                owner: place(owner.defined)?,
                section: *section_of.get(function.section as usize)?,
                size: match section.file.is_empty() {
                    true => 0,
                    false => function.range.size,
                },
                by: known.then(|| place(owner.instantiated)).flatten(),
                family: None,
            })
        };
        // A number in its module and an address are no names: they only say what stands before it.
        let is_named = |function: &attribution::Function| {
            let all = &functions.symbols.symbols;
            let symbol = function.symbol.and_then(|at| all.get(at as usize));
            symbol.is_some_and(|symbol| !symbol.name.is_empty())
        };
        let named = all.par_iter().enumerate().map(|(at, function)| Named {
            name: match is_named(function) {
                true => names.get(at),
                false => NAMELESS,
            },
            family: family_names.get(at),
            function: listed(function),
        });
        let mut named: Vec<Named<'_>> = named.collect();
        let by_name = || {
            sorting::order(
                named.len(),
                |at| named[at].name,
                |a, b| named[a].function.cmp(&named[b].function),
            )
        };
        let (mut order, (families, family_of)) = rayon::join(by_name, || families(&named));
        for (named, family) in named.iter_mut().zip(family_of) {
            if let Some(function) = &mut named.function {
                function.family = family;
            }
        }
        order.retain(|at| named[*at].function.is_some());
        let functions = order.iter().filter_map(|at| named[*at].function).collect();
        drop(named);
        let order = order.into_iter().map(|at| is_named(&all[at]).then_some(at));
        let order: Vec<_> = order.collect();
        Self {
            names: listed_names(names, order.into_iter()),
            families,
            functions,
            labels: labels.into_iter().cloned().collect(),
        }
    }

    /// The names of functions and of families, and the functions, now that `row` tells which row
    /// each crate has. A crate without a byte of the file has none; its functions have no bytes
    /// either.
    pub(super) fn placed(
        self,
        row: impl Fn(&CrateInfo) -> Option<u32>,
    ) -> (Names, Names, Vec<Function>) {
        let rows: Vec<Option<u32>> = self.labels.iter().map(row).collect();
        let row = |label: u32| *rows.get(label as usize)?;
        let placed = |function: Function| {
            Some(Function {
                owner: row(function.owner)?,
                by: function.by.and_then(row),
                ..function
            })
        };
        let stays = |function: &Function| row(function.owner).is_some();
        let names = if self.functions.iter().all(stays) {
            self.names
        } else {
            let named = self.names.iter().zip(&self.functions);
            let named = named.filter(|(_, function)| stays(function));
            named.map(|(name, _)| name).collect()
        };
        let functions = self.functions.into_iter().filter_map(placed);
        (names, self.families, functions.collect())
    }
}

/// The names of the functions with these indices, in this order; [`NAMELESS`] for each `None`. The
/// texts stay where they are.
fn listed_names(names: FunctionNames, order: impl Iterator<Item = Option<usize>>) -> Names {
    let last = names.texts();
    let places = order.map(|index| match index.and_then(|index| names.place(index)) {
        Some((text, range)) => Place::between(text, range.start, range.end),
        None => Place::between(last, 0, NAMELESS.len()),
    });
    let places = places.collect();
    let texts = names.into_texts().chain([NAMELESS.to_owned()]);
    Names::new(texts.collect(), places)
}

/// The families in order, and the number of each function's.
fn families(named: &[Named<'_>]) -> (Names, Vec<Option<u32>>) {
    let generic: Vec<(usize, &str)> = named
        .iter()
        .enumerate()
        .map(|(at, named)| (at, named.family))
        .filter(|(_, family)| !family.is_empty())
        .collect();
    let order = sorting::order(generic.len(), |at| generic[at].1, |_, _| Ordering::Equal);
    let mut families = Names::default();
    let mut numbers = vec![None; named.len()];
    let mut last = None;
    for (at, family) in order.into_iter().map(|at| generic[at]) {
        if last != Some(family) {
            families.push(family);
            last = Some(family);
        }
        numbers[at] = u32::try_from(families.len() - 1).ok();
    }
    (families, numbers)
}
