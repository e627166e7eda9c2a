//! Objects and members of archives: what is neither code nor data in them belongs to the crate whose
//! codegen unit the object is.
//!
//! rustc calls members `<crate>-<extra>.<unit>.rcgu.o`, and a unit `<crate>.<hash>-cgu.N`; an object
//! of its own says its unit in its first file entry.

use super::{
    category::Category,
    claims::{Claims, Rest},
    inputs::Inputs,
    sharing::Parties,
};
use codecost::{
    attribution::{CrateId, Crates, Evidence, Owner, codegen_unit},
    image::SectionKind,
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

/// Claims what nothing else in an object claims.
pub(super) fn claim(
    inputs: &Inputs<'_, '_>,
    of: &[Option<CrateId>],
    parties: &mut Parties,
    claims: &mut Claims,
) {
    for (part, unit) in inputs.image.parts.iter().zip(of) {
        let Some(unit) = unit else { continue };
        let party = parties.single(Owner::of(*unit, Evidence::Symbol));
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
