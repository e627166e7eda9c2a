//! Panic locations: file, line and column, which code hands to what panics.
//!
//! `core::panic::Location` is a pointer to the path, its length, the line and the column. The path is
//! as rustc was given it: below cargo's registry or checkouts, below `/rustc/<commit>/library`, or
//! relative to the workspace. Where paths were trimmed or remapped, nothing is named.
//!
//! What is inlined takes its locations along, so a function may use those of crates that it only
//! calls. But a place in the source that was inlined, or compiled for several types, mostly is used by
//! several functions: a place that one function alone uses is its own.

use super::{Basis, Guess, Inputs, is_open, written_by};
use codecost::{
    address::VirtualAddress,
    attribution::{CodeMap, CrateId, CrateInfo, Crates, Origin},
    hashing::NumberMap,
    image::{Format, SectionKind},
};
use std::collections::{BTreeSet, HashMap};

/// Longer paths are no file's.
const MAX_PATH: u64 = 1024;

/// No program has so many source files with panics; beyond, they name nothing.
const MAX_FILES: usize = 1 << 14;

/// A place in the source: the file, by its number, line and column.
type Place = (u32, u32, u32);

/// The panic locations of an image.
struct Locations {
    /// By their addresses.
    places: NumberMap<VirtualAddress, Place>,
    /// The crate of each file.
    crates: Vec<CrateId>,
}

impl Locations {
    fn new(inputs: &Inputs<'_, '_>, crates: &mut Crates<'_>) -> Self {
        let image = inputs.image;
        let word: u64 = if image.is_64 { 8 } else { 4 };
        let mut files: HashMap<&str, Option<u32>> = HashMap::new();
        let mut texts: NumberMap<(VirtualAddress, u64), Option<u32>> = NumberMap::default();
        let mut found = Self {
            places: NumberMap::default(),
            crates: Vec::new(),
        };
        for (slot, to) in inputs.pointers.targets() {
            let read = || {
                let length = image.word_at(slot.checked_add(word)?)?;
                let numbers = image.bytes_at(slot.checked_add(2 * word)?)?;
                let line = image.u32(*numbers.first_chunk::<4>()?);
                let column = image.u32(*numbers.get(4..)?.first_chunk::<4>()?);
                let plausible = (4..=MAX_PATH).contains(&length)
                    && (1..1 << 24).contains(&line)
                    && (1..1 << 16).contains(&column);
                plausible.then_some((length, line, column))
            };
            let Some((length, line, column)) = read() else {
                continue;
            };
            let file = *texts.entry((to, length)).or_insert_with(|| {
                let path = path_at(inputs, to, length)?;
                if files.len() >= MAX_FILES && !files.contains_key(path) {
                    return None;
                }
                *files.entry(path).or_insert_with(|| {
                    let info = crates.catalogue().crate_of_panic(path)?;
                    let of = match inputs.owners.leaf() {
                        Some(leaf) if crates.catalogue().is_own(&info) => leaf,
                        _ => crates.intern(info, None),
                    };
                    found.crates.push(of);
                    Some(found.crates.len() as u32 - 1)
                })
            });
            if let Some(file) = file {
                found.places.insert(slot, (file, line, column));
            }
        }
        let roots = files.iter().filter(|(path, _)| is_root_of_program(path));
        let roots: BTreeSet<u32> = roots.filter_map(|(_, file)| *file).collect();
        if !image.library && inputs.owners.leaf().is_none() {
            found.name_program(&roots, crates);
        }
        found
    }

    /// A program is not always called like its package (`rg` of ripgrep, `fd` of fd-find) or the package's
    /// directory. The package that has the root module of a program is this one's.
    fn name_program(&mut self, roots: &BTreeSet<u32>, crates: &mut Crates<'_>) {
        let of = |file: &u32| self.crates.get(*file as usize).copied();
        let packages: BTreeSet<CrateId> = roots.iter().filter_map(of).collect();
        let (Some(package), 1) = (packages.first().copied(), packages.len()) else {
            return;
        };
        let Some(name) = crates.catalogue().program() else {
            return;
        };
        let info = CrateInfo {
            role: Default::default(),
            name,
            ..crates.info(package).clone()
        };
        let program = crates.intern(info, None);
        for file in self.crates.iter_mut().filter(|file| **file == package) {
            *file = program;
        }
    }

    fn crate_of(&self, place: Place) -> CrateId {
        let file = self.crates.get(place.0 as usize);
        file.copied().unwrap_or(CrateId::UNKNOWN)
    }
}

/// Whether it is the root module of a program.
fn is_root_of_program(path: &str) -> bool {
    path.rsplit(['/', '\\']).next() == Some("main.rs")
}

/// The path of a source file that stands at `address`.
fn path_at<'d>(inputs: &Inputs<'_, 'd>, address: VirtualAddress, length: u64) -> Option<&'d str> {
    let (_, section) = inputs.image.section_at(address)?;
    if !matches!(section.kind, SectionKind::ReadOnlyData | SectionKind::Data) {
        return None;
    }
    let text = inputs.image.bytes_at(address)?.get(..length as usize)?;
    // Since Rust 1.91 a zero may end it.
    let path = std::str::from_utf8(text).ok()?.trim_end_matches('\0');
    path.ends_with(".rs").then_some(path)
}

pub(super) fn find(
    inputs: &Inputs<'_, '_>,
    code: &CodeMap,
    crates: &mut Crates<'_>,
    guesses: &mut [Option<Guess>],
) {
    let locations = Locations::new(inputs, crates);
    let mut uses: Vec<(u32, Place)> = Vec::new();
    // In a module that an optimiser wrote anew any number could be an address. One that is that of a
    // panic location by chance is as good as none.
    let any_number = inputs.image.format == Format::Wasm;
    inputs.references.each(any_number, |function, to| {
        uses.extend(locations.places.get(&to).map(|place| (function, *place)));
    });
    uses.sort_unstable();
    uses.dedup();
    let mut users: NumberMap<Place, u32> = NumberMap::default();
    for (_, place) in &uses {
        *users.entry(*place).or_default() += 1;
    }
    let kinds = Kinds::new(crates);
    for same in uses.chunk_by(|a, b| a.0 == b.0) {
        let at = same[0].0 as usize;
        let (Some(function), Some(guess)) = (code.functions.get(at), guesses.get_mut(at)) else {
            continue;
        };
        if guess.is_some() || !is_open(function.owner) {
            continue;
        }
        let used: Vec<(CrateId, bool)> = same
            .iter()
            .map(|(_, place)| (locations.crate_of(*place), users.get(place) == Some(&1)))
            .collect();
        if let Some(of) = kinds.writer(&used) {
            *guess = Some(Guess {
                basis: Basis::Location,
                owner: written_by(of),
                symbol: None,
            });
        }
    }
}

/// What a crate's panic locations tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A crate like any other.
    Plain,
    /// One of the standard library's whose code is mostly its own.
    Library,
    /// One of the standard library's whose code is mostly inlined by its others.
    Inlined,
}

/// The kind of each crate.
struct Kinds(Vec<Kind>);

impl Kinds {
    fn new(crates: &Crates<'_>) -> Self {
        let ids = (0..crates.len() as u32).map(CrateId);
        let list = crates.catalogue().listed();
        let listed = |info: &CrateInfo| {
            let mut packages = list.into_iter().flat_map(|list| &list.packages);
            packages.any(|package| Some(&package.name) == info.package.as_ref())
        };
        let kind = |id| {
            let info = crates.info(id);
            match (info.origin, &*info.name) {
                (Origin::Std | Origin::StdDependency, "std" | "core" | "miniz_oxide") => {
                    Kind::Library
                }
                (Origin::Std | Origin::StdDependency, _) => Kind::Inlined,
                // A standard library that was built with the program has them from its registry.
                (_, "addr2line" | "gimli" | "object" | "rustc_demangle") if !listed(info) => {
                    Kind::Inlined
                }
                _ => Kind::Plain,
            }
        };
        Self(ids.map(kind).collect())
    }

    fn of(&self, id: CrateId) -> Kind {
        let kind = self.0.get(id.0 as usize);
        kind.copied().unwrap_or(Kind::Plain)
    }

    /// Who wrote a function that uses places of these crates; the flag says of a place that no other
    /// function uses it. All must be of one crate, but for the standard library's, which is everybody's
    /// to inline, and one must be the function's own.
    fn writer(&self, used: &[(CrateId, bool)]) -> Option<CrateId> {
        let plain = |(id, _): &&(CrateId, bool)| self.of(*id) == Kind::Plain;
        let mut own = used.iter().filter(plain).peekable();
        let telling: Vec<(CrateId, bool)> = match own.peek() {
            Some(_) => own.copied().collect(),
            None => used.to_vec(),
        };
        let (of, _) = *telling.first()?;
        let one = telling.iter().all(|(id, _)| *id == of);
        let alone = telling.iter().any(|(_, alone)| *alone);
        (one && alone && self.of(of) != Kind::Inlined).then_some(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STD: CrateId = CrateId(0);
    const GIMLI: CrateId = CrateId(1);
    const A: CrateId = CrateId(2);
    const B: CrateId = CrateId(3);

    fn writer(used: &[(CrateId, bool)]) -> Option<CrateId> {
        let kinds = [Kind::Library, Kind::Inlined, Kind::Plain, Kind::Plain];
        Kinds(kinds.to_vec()).writer(used)
    }

    #[test]
    fn a_place_that_nobody_else_uses_is_the_functions_own() {
        assert_eq!(writer(&[(A, true)]), Some(A));
        assert_eq!(writer(&[(A, true), (A, false), (STD, true)]), Some(A));
        assert_eq!(writer(&[(A, true), (GIMLI, true)]), Some(A));
        assert_eq!(writer(&[(A, false), (STD, true)]), None);
        assert_eq!(writer(&[(A, false); 9]), None);
    }

    #[test]
    fn places_of_two_crates_name_none() {
        assert_eq!(writer(&[(A, true), (B, true)]), None);
        assert_eq!(writer(&[(A, true), (B, false)]), None);
    }

    #[test]
    fn of_the_standard_library_all_must_agree() {
        assert_eq!(writer(&[(STD, true), (STD, false)]), Some(STD));
        assert_eq!(writer(&[(STD, true), (GIMLI, false)]), None);
        assert_eq!(writer(&[(STD, false); 9]), None);
        assert_eq!(writer(&[(GIMLI, true)]), None);
        assert_eq!(writer(&[]), None);
    }
}
