//! What the debug information says of owners: the crate of each compilation unit, and of each
//! function.

use super::{CrateId, Crates, Evidence, KnownFunction, Origin, Owner, owner::runtime_crate};
use crate::{
    address::AddressRange,
    demangle::Name,
    image::debug_info::{DebugInfo, Function, Unit},
};

/// The owner of each compilation unit, in the order of [`DebugInfo::units`].
#[derive(Debug)]
pub struct UnitOwners {
    owners: Vec<Owner>,
    /// Which units are Rust's.
    rust: Vec<bool>,
}

impl UnitOwners {
    /// Asks the catalogue for each unit: a Rust unit's name carries the crate and its hash, another
    /// unit's source path the package.
    pub fn new(info: &DebugInfo<'_>, crates: &mut Crates<'_>) -> Self {
        let units = info.units();
        let mut owners: Vec<_> = units
            .iter()
            .map(|unit| unit_owner(unit, crates).unwrap_or(Owner::UNKNOWN))
            .collect();
        // A type unit has no name: it is its companion's.
        for (index, unit) in units.iter().enumerate() {
            let companion = unit
                .companion
                .and_then(|of| owners.get(of as usize).copied());
            if let (Some(owner), true) = (companion, owners[index] == Owner::UNKNOWN) {
                owners[index] = owner;
            }
        }
        let rust = units.iter().map(Unit::is_rust).collect();
        Self { owners, rust }
    }

    /// The owner of a unit.
    pub fn of(&self, unit: u32) -> Owner {
        self.owners
            .get(unit as usize)
            .copied()
            .unwrap_or(Owner::UNKNOWN)
    }

    /// All owners, by unit.
    pub fn all(&self) -> &[Owner] {
        &self.owners
    }

    /// The crate that a function is written in, by its symbol or its outermost namespace.
    pub fn written_in(
        &self,
        function: &Function<'_>,
        unit: u32,
        crates: &mut Crates<'_>,
    ) -> Option<(CrateId, Evidence)> {
        let linkage = function
            .linkage_name
            .and_then(|name| std::str::from_utf8(name).ok());
        let root = linkage.and_then(|name| {
            Name::parse(name)
                .defining()
                .filter(|root| root.disambiguator.is_some())
        });
        // Not a crate: the runtime's symbols with fixed names.
        let namespace = function.crate_name == Some(b"__rustc");
        if namespace || root.as_ref().is_some_and(|root| root.name == "__rustc") {
            let name = linkage.and_then(runtime_crate)?;
            return Some((crates.resolve(name, None).0, Evidence::DebugInfo));
        }
        if let Some(root) = root {
            return Some((
                crates.resolve(&root.name, root.disambiguator).0,
                Evidence::DebugInfo,
            ));
        }
        let name = function
            .crate_name
            .and_then(|name| std::str::from_utf8(name).ok());
        let described = function.unit.map_or(Owner::UNKNOWN, |unit| self.of(unit));
        let Some(name) = name else {
            // C has no namespaces: its unit is all there is. `line-tables-only` leaves out Rust's, and
            // its units have copies of other crates' functions.
            let (owner, unit) = match (described, function.unit) {
                (Owner::UNKNOWN, _) | (_, None) => (self.of(unit), unit),
                (described, Some(unit)) => (described, unit),
            };
            let is_rust = self.rust.get(unit as usize).is_some_and(|rust| *rust);
            let evidence = match is_rust {
                true => owner.defined_by.max(Evidence::Inferred),
                false => owner.defined_by,
            };
            return (owner != Owner::UNKNOWN).then_some((owner.defined, evidence));
        };
        // The unit that describes the function is often the crate's own, which has a version.
        for owner in [described, self.of(unit)] {
            if crates.info(owner.defined).name == name {
                return Some((owner.defined, Evidence::DebugInfo));
            }
        }
        let (id, sure) = crates.resolve(name, None);
        Some((
            id,
            if sure {
                Evidence::DebugInfo
            } else {
                Evidence::Inferred
            },
        ))
    }

    /// All functions that the debug information knows in `code`, by address.
    pub fn functions(
        &self,
        info: &DebugInfo<'_>,
        code: &[AddressRange],
        crates: &mut Crates<'_>,
    ) -> Vec<KnownFunction> {
        let map = info.functions(code);
        map.ranges
            .iter()
            .filter_map(|range| {
                let function = map.functions.get(range.function as usize)?;
                let made = self.of(range.unit);
                let owner =
                    self.written_in(function, range.unit, crates)
                        .map(|(defined, defined_by)| Owner {
                            defined,
                            defined_by,
                            instantiated: made.instantiated,
                            instantiated_by: made.instantiated_by,
                        });
                Some(KnownFunction {
                    range: range.range,
                    owner,
                })
            })
            .collect()
    }

    /// The crate of the innermost inlined function for each range of `code`, by address.
    pub fn inlined(
        &self,
        info: &DebugInfo<'_>,
        code: &[AddressRange],
        crates: &mut Crates<'_>,
    ) -> Vec<(AddressRange, CrateId, Evidence)> {
        let map = info.inlined(code);
        map.ranges
            .iter()
            .filter_map(|range| {
                let function = map.functions.get(range.function as usize)?;
                let (id, evidence) = self.written_in(function, range.unit, crates)?;
                Some((range.range, id, evidence))
            })
            .collect()
    }
}

fn unit_owner(unit: &Unit<'_>, crates: &mut Crates<'_>) -> Option<Owner> {
    let text =
        |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let name = text(unit.name)?;
    if let Some(rust) = unit.rust_name() {
        if let (Some(name), Some(hash)) = (rust.crate_name, rust.crate_id) {
            return Some(Owner::of(
                crates.resolve(name, Some(hash)).0,
                Evidence::DebugInfo,
            ));
        }
        let catalogue = crates.catalogue();
        let info = catalogue
            .crate_of_unit(rust.codegen_unit)
            .or_else(|| catalogue.crate_of_path(&absolute(rust.root, unit)));
        let info = info?;
        return Some(Owner::of(crates.intern(info, None), Evidence::DebugInfo));
    }
    let info = crates.catalogue().crate_of_path(&absolute(&name, unit));
    if unit.is_rust() {
        return Some(Owner::of(crates.intern(info?, None), Evidence::DebugInfo));
    }
    let id = match info {
        Some(mut info) => {
            info.origin = Origin::Native;
            crates.intern(info, None)
        }
        None => CrateId::NATIVE,
    };
    Some(Owner::of(id, Evidence::DebugInfo))
}

/// A unit's source path, below the directory where the compiler ran when it is relative.
fn absolute(path: &str, unit: &Unit<'_>) -> String {
    match unit.comp_dir {
        Some(directory) if !path.starts_with('/') && !path.contains(':') => {
            format!("{}/{path}", String::from_utf8_lossy(directory))
        }
        _ => path.to_owned(),
    }
}
