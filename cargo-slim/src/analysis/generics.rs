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
    address::VirtualAddress,
    attribution::{CrateId, Function},
    demangle::Part,
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
    let families = families.into_par_iter();
    let families = families.filter(|(_, functions)| functions.len() > 1);
    let families = families.map(|((id, _), functions)| (id, copies(subject, functions)));
    let mut rows: Vec<_> = families
        .filter(|(_, copies)| copies.len() > 1)
        .map(|(id, copies)| row(subject, decoder.as_ref(), id, copies))
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

/// The family of at least `least` copies that `counts`, with the most bytes beyond its largest copy.
pub(super) fn largest(
    subject: &Subject<'_>,
    least: usize,
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
    let beyond = |family: &[Copied<'_>]| {
        let sizes = || family.iter().map(Copied::size);
        sizes().sum::<u64>() - sizes().max().unwrap_or_default()
    };
    // Putting fragments to their functions makes the largest copy larger, and so a family's bytes
    // fewer: once one is found, those that had fewer before are not looked at.
    let at_most = |functions: &[&Function]| {
        let sizes = || functions.iter().map(|function| function.range.size);
        sizes().sum::<u64>() - sizes().max().unwrap_or_default()
    };
    let mut families: Vec<_> = families
        .into_iter()
        .filter(|(_, functions)| functions.len() >= least)
        .map(|((id, _), functions)| (at_most(&functions), id, functions))
        .collect();
    families.sort_unstable_by_key(|(at_most, ..)| Reverse(*at_most));
    // Of equals the one that stands first, so that each run gives the same answer.
    let rank = |family: &[Copied<'_>]| {
        let first = family.iter().map(|copy| copy.whole.range.start).min();
        (Reverse(beyond(family)), first)
    };
    let named = |family: &[Copied<'_>]| {
        let name = names::name_of(family.first()?.whole, &subject.symbols)?;
        Some(name.family())
    };
    let mut found: Option<(Rank, CrateId, Vec<Copied<'_>>)> = None;
    for (at_most, id, functions) in families {
        if found.as_ref().is_some_and(|(best, ..)| best.0.0 > at_most) {
            break;
        }
        let family = copies(subject, functions);
        let rank = rank(&family);
        let is_better = found.as_ref().is_none_or(|(best, ..)| rank < *best);
        let is_family = family.len() >= least && is_better;
        if is_family && named(&family).is_some_and(|name| counts(&name)) {
            found = Some((rank, id, family));
        }
    }
    let decoder = decoder_of(&subject.image);
    found.map(|(_, id, family)| row(subject, decoder.as_ref(), id, family))
}

/// Bytes beyond the largest copy, most first, then the first address.
type Rank = (Reverse<u64>, Option<VirtualAddress>);

/// One copy: a function, and what a tool moved out of it.
struct Copied<'f> {
    whole: &'f Function,
    /// Its other fragments: BOLT, LLVM and GCC put code that seldom runs elsewhere, under a symbol of
    /// its own.
    fragments: Vec<&'f Function>,
}

impl<'f> Copied<'f> {
    fn of(whole: &'f Function) -> Self {
        Self {
            whole,
            fragments: Vec::new(),
        }
    }

    fn pieces(&self) -> impl Iterator<Item = &'f Function> + '_ {
        std::iter::once(self.whole).chain(self.fragments.iter().copied())
    }

    fn size(&self) -> u64 {
        self.pieces().map(|function| function.range.size).sum()
    }
}

/// The copies that functions of one family are: a fragment belongs to the function whose symbol it
/// continues, `f.cold.3` to `f`.
fn copies<'f>(subject: &Subject<'_>, functions: Vec<&'f Function>) -> Vec<Copied<'f>> {
    let symbol = |at: u32| Some(&*subject.symbols.symbols.get(at as usize)?.name);
    let continued = |function: &Function| {
        let name = names::name_of(function, &subject.symbols)?;
        let is_fragment = matches!(name.part(), Part::Cold | Part::Warm);
        is_fragment.then(|| whole_of(name.symbol(), name.suffix()))
    };
    let mut copies: Vec<Copied<'f>> = Vec::with_capacity(functions.len());
    let mut fragments = Vec::new();
    for function in functions {
        match continued(function) {
            Some(of) => fragments.push((of.to_owned(), function)),
            None => copies.push(Copied::of(function)),
        }
    }
    if fragments.is_empty() {
        return copies;
    }
    let mut by_symbol: HashMap<String, usize> = HashMap::new();
    for (at, copy) in copies.iter().enumerate() {
        let own = copy.whole.symbol.into_iter();
        let aliases = copy.whole.aliases.start as usize..copy.whole.aliases.end as usize;
        let aliases = subject.code.aliases.get(aliases).unwrap_or_default();
        for name in own.chain(aliases.iter().copied()).filter_map(symbol) {
            by_symbol.entry(name.to_owned()).or_insert(at);
        }
    }
    for (of, function) in fragments {
        match by_symbol.get(&of).copied() {
            Some(at) => copies[at].fragments.push(function),
            // The rest of it is not there: the first fragment stands for it.
            None => {
                by_symbol.insert(of, copies.len());
                copies.push(Copied::of(function));
            }
        }
    }
    copies
}

/// The symbol of which one with this ending is a fragment.
fn whole_of<'n>(symbol: &'n str, ending: &str) -> &'n str {
    let cuts = [".cold", ".warm"].into_iter();
    let cut = cuts.filter_map(|word| ending.find(word)).min();
    let end = symbol.len() - ending.len() + cut.unwrap_or(ending.len());
    symbol.get(..end).unwrap_or(symbol)
}

fn row(
    subject: &Subject<'_>,
    decoder: Option<&Decoder<'_>>,
    id: CrateId,
    mut copies: Vec<Copied<'_>>,
) -> GenericRow {
    copies.sort_by_key(|copy| (Reverse(copy.size()), copy.whole.range.start));
    let name = copies
        .first()
        .and_then(|copy| names::name_of(copy.whole, &subject.symbols))
        .map(|name| name.family())
        .unwrap_or_default();
    let full = |function: &Function| {
        let mut text = String::new();
        names::write(function, &subject.symbols, &mut text);
        text
    };
    let file = copies.iter().map(Copied::size).sum();
    GenericRow {
        name,
        label: subject.label(id).clone(),
        copies: copies.len() as u64,
        file,
        shipped: file,
        largest: copies.first().map_or(0, Copied::size),
        identical: decoder.map(|decoder| identical(subject, &**decoder, &copies)),
        instances: copies
            .iter()
            .map(|copy| GenericInstance {
                name: full(copy.whole),
                instantiated_by: (copy.whole.owner.instantiated != CrateId::UNKNOWN)
                    .then(|| subject.label(copy.whole.owner.instantiated).clone()),
                address: subject
                    .image
                    .place_in_section(copy.whole.section, copy.whole.range.start),
                file: copy.size(),
            })
            .collect(),
    }
}

/// Bytes in copies that equal an earlier one: the same instructions that refer to the same
/// addresses, as a linker that folds identical code compares them.
fn identical(subject: &Subject<'_>, decoder: &dyn Disassembler, copies: &[Copied<'_>]) -> u64 {
    let mut bytes = 0;
    let code = |function: &Function| {
        let code = subject.image.bytes_at(function.range.start);
        let size = usize::try_from(function.range.size).ok()?;
        let code = code.and_then(|code| code.get(..size))?;
        Some(decoder.position_free(code, function.range.start))
    };
    // Sorted by size: only neighbours can be equal.
    for same in copies.chunk_by(|a, b| a.size() == b.size()) {
        if same.len() < 2 {
            continue;
        }
        let mut seen = HashSet::new();
        for copy in same {
            // What a damaged file does not hold equals nothing.
            let pieces: Option<Vec<u64>> = copy.pieces().map(code).collect();
            let Some(pieces) = pieces else { continue };
            if !seen.insert(pieces) {
                bytes += copy.size();
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
