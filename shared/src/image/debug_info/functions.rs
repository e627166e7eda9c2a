//! Which function, of which crate, the code at an address is of.
//!
//! A Rust function's entry stands inside of namespaces: the outermost one is the crate that defines
//! it, the others are modules, and a method's innermost one is `{impl#N}` or its type. That holds
//! for the copies that other crates make of a generic function too, and says where
//! `<A as B>::f` is from when a legacy symbol name does not. The unit that holds the code is the
//! crate that made the copy.

use rayon::prelude::*;

use super::{
    DebugInfo, DebugSection, UnitKind,
    code::{IN_SHARED, NO_ENTRY, NONE, Scope, Subprogram, UnitCode},
    values::Limits,
};
use crate::address::{AddressRange, VirtualAddress};

/// A function as debug information describes it.
#[derive(Clone, Debug)]
pub struct Function<'d> {
    /// `DW_AT_name`: the plain name, in Rust with generic arguments.
    pub name: Option<&'d [u8]>,
    /// `DW_AT_linkage_name`: the symbol, mangled.
    pub linkage_name: Option<&'d [u8]>,
    /// The outermost namespace of a Rust function: the name of the crate that defines it.
    pub crate_name: Option<&'d [u8]>,
    /// The unit that the description is in. Under LTO it need not be the one with the code; units of
    /// a file shared by `dwz` follow those of the file itself.
    pub unit: Option<u32>,
    scope: u32,
    /// The unit whose line table names the file, and the file's number there.
    pub(super) file: Option<(u32, u32)>,
}

/// A range of code of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRange {
    /// Which addresses.
    pub range: AddressRange,
    /// The number of the function in [`CodeMap::functions`].
    pub function: u32,
    /// The unit whose code it is: of the crate that made this copy.
    pub unit: u32,
    /// How many frames are around it; 0 for code that was not inlined.
    pub depth: u32,
    /// Whether the function was inlined here into another.
    pub inlined: bool,
}

/// The functions of a file, by address.
#[derive(Debug)]
pub struct CodeMap<'a, 'd> {
    /// Each function once.
    pub functions: Vec<Function<'d>>,
    /// Sorted by address, without overlap. Code in no range has no debug information.
    pub ranges: Vec<CodeRange>,
    /// How many units could not be read to their end.
    pub damaged_units: usize,
    info: &'a DebugInfo<'d>,
    limits: Limits,
    scopes: Vec<Vec<Scope>>,
}

/// How often a description may refer on to another.
const MAX_ORIGINS: usize = 8;
/// How deep namespaces may be nested in [`CodeMap::path`].
const MAX_SCOPES: usize = 64;

impl<'d> DebugInfo<'d> {
    /// The functions whose code is in `code` (the executable sections), as compiled: code that was
    /// inlined counts for the function it was inlined into.
    pub fn functions(&self, code: &[AddressRange]) -> CodeMap<'_, 'd> {
        self.code_map(code, false)
    }

    /// The same, but each address counts for the innermost function that was inlined there.
    pub fn inlined(&self, code: &[AddressRange]) -> CodeMap<'_, 'd> {
        self.code_map(code, true)
    }

    fn code_map(&self, code: &[AddressRange], inlined: bool) -> CodeMap<'_, 'd> {
        let mut code: Vec<(u64, u64)> = code
            .iter()
            .filter(|range| !range.is_empty())
            .map(|range| (range.start.0, range.end().0))
            .collect();
        code.sort_unstable();
        let limits = self.limits();
        let read = |side: &Self, code: &[(u64, u64)], mark: u64| -> Vec<UnitCode> {
            let plans = side.code_plans(inlined);
            let units = side.units.par_iter().with_max_len(1);
            units
                .map(|unit| match unit.section {
                    DebugSection::Info => {
                        side.unit_code(unit, &plans, &limits, code, inlined, mark)
                    }
                    _ => UnitCode::default(),
                })
                .collect()
        };
        let mut units = read(self, &code, 0);
        if let Some(shared) = &self.shared {
            // No code is described there, only what the code of several files is of.
            units.extend(read(shared, &[], IN_SHARED));
        }
        let damaged = units.iter().filter(|unit| unit.damaged).count();
        let (ranges, targets) = self.merge(&mut units);
        let mut functions: Vec<Function<'d>> = targets
            .par_iter()
            .map(|(target, user)| self.resolve(&limits, &units, *target, *user))
            .collect();
        self.files_from_rows(&ranges, &mut functions);
        CodeMap {
            functions,
            ranges,
            damaged_units: damaged + self.damaged_headers,
            info: self,
            limits,
            scopes: units.into_iter().map(|unit| unit.scopes).collect(),
        }
    }

    /// Joins the units' frames. Where units disagree about an address, the range that starts first
    /// counts. Returns the ranges, and the places of their functions with the first unit that has
    /// code of it.
    fn merge(&self, units: &mut [UnitCode]) -> (Vec<CodeRange>, Vec<(Place, u32)>) {
        let frames: Vec<Vec<_>> = units
            .iter_mut()
            .map(|unit| std::mem::take(&mut unit.frames))
            .collect();
        let units = &*units;
        let mut all: Vec<(super::frames::Frame, u32, Place)> = frames
            .into_par_iter()
            .enumerate()
            .flat_map_iter(|(number, frames)| {
                frames.into_iter().map(move |frame| {
                    let place = self.function_at(units, frame.target);
                    (frame, number as u32, place)
                })
            })
            .collect();
        all.par_sort_unstable_by_key(|(frame, unit, _)| (frame.start, *unit));
        let mut places: Vec<(Place, u32)> =
            all.iter().map(|(_, unit, place)| (*place, *unit)).collect();
        places.par_sort_unstable();
        places.dedup_by_key(|(place, _)| *place);
        let mut ranges = Vec::with_capacity(all.len());
        let mut end = 0;
        for (frame, unit, place) in all {
            let start = frame.start.max(end);
            if start >= frame.end {
                continue;
            }
            end = frame.end;
            ranges.push(CodeRange {
                range: AddressRange::between(VirtualAddress(start), VirtualAddress(end)),
                function: places
                    .binary_search_by_key(&place, |(place, _)| *place)
                    .unwrap_or(0) as u32,
                unit,
                depth: frame.depth,
                inlined: frame.inlined,
            });
        }
        (ranges, places)
    }

    /// The function that the entry describes: all instances of it come out the same.
    fn function_at(&self, units: &[UnitCode], offset: u64) -> Place {
        let mut place = self.subprogram_at(units, offset);
        for _ in 0..MAX_ORIGINS {
            match subprogram(units, place) {
                Some(found) if found.is_instance && found.origin != NO_ENTRY => {
                    let origin = self.subprogram_at(units, found.origin);
                    if origin == NOWHERE {
                        break;
                    }
                    place = origin;
                }
                _ => break,
            }
        }
        place
    }

    fn subprogram_at(&self, units: &[UnitCode], offset: u64) -> Place {
        let find = || {
            let unit = self.marked_unit_at(offset)?;
            let subprograms = &units.get(unit)?.subprograms;
            let number = subprograms
                .binary_search_by_key(&offset, |found| found.offset)
                .ok()?;
            Some((u32::try_from(unit).ok()?, u32::try_from(number).ok()?))
        };
        find().unwrap_or(NOWHERE)
    }

    /// `user` is a unit with code of the function.
    fn resolve(
        &self,
        limits: &Limits,
        units: &[UnitCode],
        place: Place,
        user: u32,
    ) -> Function<'d> {
        let mut function = Function {
            name: None,
            linkage_name: None,
            crate_name: None,
            unit: None,
            scope: NONE,
            file: None,
        };
        let mut place = place;
        for _ in 0..MAX_ORIGINS {
            let Some(found) = subprogram(units, place) else {
                break;
            };
            let side = self.side(place.0 as usize).0;
            let text = |text| side.text(limits, text).filter(|text| !text.is_empty());
            function.name = function.name.or_else(|| text(found.name));
            function.linkage_name = function.linkage_name.or_else(|| text(found.linkage_name));
            if function.file.is_none() && found.file != NONE {
                function.file = Some((place.0, found.file));
            }
            // A definition outside of everything may have a declaration inside of its namespace.
            if function.unit.is_none() || found.scope != NONE {
                (function.unit, function.scope) = (Some(place.0), found.scope);
            }
            if found.origin == NO_ENTRY {
                break;
            }
            place = self.subprogram_at(units, found.origin);
        }
        function.crate_name = self.crate_of(limits, units, &function, user);
        function
    }

    fn crate_of(
        &self,
        limits: &Limits,
        units: &[UnitCode],
        function: &Function<'d>,
        user: u32,
    ) -> Option<&'d [u8]> {
        let unit = function.unit? as usize;
        let (side, number) = self.side(unit);
        let described = side.units.get(number)?;
        // Namespaces of C++ are no crates. What `dwz` takes out of units has no language of its own:
        // it is that of the units that it was taken out of.
        let is_rust = match described.language {
            None if described.kind == UnitKind::Partial => self.units.get(user as usize)?.is_rust(),
            _ => described.is_rust(),
        };
        if !is_rust {
            return None;
        }
        let scopes = &units.get(unit)?.scopes;
        let root = scopes.get(function.scope as usize)?.root;
        side.text(limits, scopes.get(root as usize)?.name)
    }
}

/// A unit's number and a subprogram's in it.
type Place = (u32, u32);
const NOWHERE: Place = (NONE, NONE);

fn subprogram(units: &[UnitCode], place: Place) -> Option<&Subprogram> {
    units
        .get(place.0 as usize)?
        .subprograms
        .get(place.1 as usize)
}

impl CodeMap<'_, '_> {
    /// The range with this address.
    pub fn at(&self, address: VirtualAddress) -> Option<&CodeRange> {
        let after = self
            .ranges
            .partition_point(|found| found.range.start <= address);
        self.ranges
            .get(after.checked_sub(1)?)
            .filter(|found| found.range.contains(address))
    }

    /// The function's name below its namespaces, such as `core::fmt::{impl#52}::write_str`.
    pub fn path(&self, function: &Function<'_>) -> String {
        let mut names = vec![function.name.unwrap_or(b"?")];
        let side = |unit: u32| self.info.side(unit as usize).0;
        let side = function.unit.map_or(self.info, side);
        let scopes = function
            .unit
            .and_then(|unit| self.scopes.get(unit as usize));
        let mut scope = function.scope;
        while let Some(found) = scopes.and_then(|scopes| scopes.get(scope as usize))
            && names.len() < MAX_SCOPES
        {
            let name = side.text(&self.limits, found.name);
            names.push(name.unwrap_or(b"{unnamed}"));
            scope = found.parent;
        }
        names.reverse();
        String::from_utf8_lossy(&names.join(&b"::"[..])).into_owned()
    }

    /// The path of the source file that declares the function; where debug information consists
    /// of line tables only, the file that most of its code is from.
    pub fn source_file(&self, function: &Function<'_>) -> Option<String> {
        let (unit, file) = function.file?;
        self.info.source_path(&self.limits, unit, file)
    }
}
