//! Objects and members of archives: what is neither code nor data in them belongs to the crate whose
//! codegen unit the object is.
//!
//! rustc calls members `<crate>-<extra>.<unit>.rcgu.o`, and a unit `<crate>.<hash>-cgu.N`; an object
//! of its own says its unit in its first file entry. What another language was compiled to has no such
//! unit: there all functions and variables have to be of one native crate. And where all that is loaded is
//! what a linker makes, as in import libraries, so is the rest.

use super::{
    category::Category,
    claims::{Claims, Rest},
    inputs::Inputs,
    object::DataObject,
    sharing::Parties,
};
use codecost::{
    attribution::{CrateId, Crates, Evidence, Origin, Owner, codegen_unit},
    image::{Section, SectionKind},
};

/// The crate of each part of the image, where its unit tells.
pub(super) fn crates_of(inputs: &Inputs<'_, '_>, crates: &mut Crates<'_>) -> Vec<Option<CrateId>> {
    let alone = inputs.image.parts.len() == 1;
    let mut crate_of = |name: &str| {
        let first = inputs.symbols.files.first().filter(|_| alone);
        let unit = match first {
            Some(file) => file,
            // Debug information that stays apart from the program has members of its own.
            None => {
                let unit = name.strip_suffix(".rcgu.o");
                unit.or_else(|| name.strip_suffix(".rcgu.dwo"))?
                    .split_once('.')?
                    .1
            }
        };
        match codegen_unit(unit) {
            Some((name, hash)) => Some(crates.resolve(name, Some(hash)).0),
            None => {
                let info = crates.catalogue().crate_of_unit(unit)?;
                Some(crates.intern(info, None))
            }
        }
    };
    let parts = inputs.image.parts.iter();
    let mut crates: Vec<_> = parts.map(|part| crate_of(&part.name)).collect();
    // An rlib is one crate, and so is what describes it.
    let only = crates.iter().flatten().next().copied();
    for (part, of) in inputs.image.parts.iter().zip(&mut crates) {
        if part.name == "lib.rmeta" {
            *of = of.or(only);
        }
    }
    crates
}

/// The crate of objects that are no unit of rustc's, where all that has an owner in them has the same one,
/// and that is native. A unit of rustc's also holds copies of what other crates wrote.
fn native(
    inputs: &Inputs<'_, '_>,
    data: &[DataObject],
    parties: &Parties,
    crates: &Crates<'_>,
) -> Vec<Option<CrateId>> {
    let image = inputs.image;
    let mut part_of = vec![0; image.sections.len()];
    for (number, part) in image.parts.iter().enumerate() {
        let sections = part.sections.start as usize..part.sections.end as usize;
        part_of.get_mut(sections).unwrap_or_default().fill(number);
    }
    let mut all: Vec<Owners> = vec![Owners::None; image.parts.len()];
    let mut add = |section: u32, owner: CrateId| {
        if owner == CrateId::UNKNOWN {
            return;
        }
        let part = part_of.get(section as usize).copied();
        if let Some(of) = part.and_then(|part| all.get_mut(part)) {
            *of = match *of {
                Owners::None => Owners::One(owner),
                Owners::One(known) if known == owner => Owners::One(owner),
                _ => Owners::Several,
            };
        }
    };
    for function in &inputs.code.functions {
        add(function.section, function.owner.defined);
    }
    for object in data {
        // Owned by what refers to it, which may be elsewhere.
        if object.evidence == Evidence::Symbol {
            add(object.section, parties.first(object.party).defined);
        }
    }
    for (part, of) in image.parts.iter().zip(&mut all) {
        let sections = part.sections.start as usize..part.sections.end as usize;
        let sections = image.sections.get(sections).unwrap_or_default();
        let mut loaded = sections.iter().filter(|it| it.loaded && it.file.size > 0);
        let is_of_linker =
            |section: &Section<'_>| matches!(section.kind, SectionKind::Loader | SectionKind::Got);
        if matches!(of, Owners::None) && loaded.all(is_of_linker) {
            *of = Owners::One(CrateId::LINKER);
        }
    }
    let is_native = |id: CrateId| id == CrateId::LINKER || crates.info(id).origin == Origin::Native;
    let one = |of: Owners| match of {
        Owners::One(id) if is_native(id) => Some(id),
        _ => None,
    };
    all.into_iter().map(one).collect()
}

/// Whose functions and variables an object has.
#[derive(Clone, Copy)]
enum Owners {
    None,
    One(CrateId),
    Several,
}

/// Claims what nothing else in an object claims.
pub(super) fn claim(
    inputs: &Inputs<'_, '_>,
    units: &[Option<CrateId>],
    data: &[DataObject],
    crates: &Crates<'_>,
    parties: &mut Parties,
    claims: &mut Claims,
) {
    let native = native(inputs, data, parties, crates);
    for ((part, unit), native) in inputs.image.parts.iter().zip(units).zip(native) {
        let Some(unit) = unit.or(native) else {
            continue;
        };
        let party = parties.single(Owner::of(unit, Evidence::Symbol));
        for index in part.sections.clone() {
            let Some(section) = inputs.image.sections.get(index as usize) else {
                continue;
            };
            if let Some(category) = category(section.kind) {
                let evidence = Evidence::Symbol;
                claims.rest(
                    index,
                    Rest {
                        party,
                        category,
                        evidence,
                    },
                );
            }
        }
    }
}

/// What the whole of a section is used for; of code and data the symbols say it.
fn category(kind: SectionKind) -> Option<Category> {
    match kind {
        SectionKind::Code
        | SectionKind::Plt
        | SectionKind::Got
        | SectionKind::ReadOnlyData
        | SectionKind::Data
        | SectionKind::Bss
        | SectionKind::Tls
        | SectionKind::TlsBss
        | SectionKind::Member
        | SectionKind::Padding => None,
        SectionKind::EhFrame
        | SectionKind::EhFrameHeader
        | SectionKind::ExceptTable
        | SectionKind::UnwindIndex => Some(Category::Unwind),
        SectionKind::Relocations => Some(Category::Relocations),
        SectionKind::Symbols
        | SectionKind::DynamicSymbols
        | SectionKind::Strings
        | SectionKind::Hash
        | SectionKind::Versions => Some(Category::Symbols),
        SectionKind::Debug => Some(Category::Debug),
        SectionKind::Loader
        | SectionKind::Metadata
        | SectionKind::Comment
        | SectionKind::Signature
        | SectionKind::Other => Some(Category::Other),
    }
}
