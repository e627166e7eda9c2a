//! One pass over an artifact that yields all of its sizes: a [`Snapshot`].

use super::{
    Subject,
    crates::{self, Question},
    model::CrateLabel,
    names,
    open::Opened,
    provenance, sections, sorting,
};
use crate::snapshot::{Artifact, Crate, Function, NAMELESS, Names, Section, Snapshot};
use codecost::{attribution, demangle::Name};
use rayon::prelude::*;
use std::{cmp::Ordering, collections::HashMap, env, path::Path};

/// Accounts for every byte and names every function. O(n log n) in the number of functions.
pub fn survey(opened: &Opened, subject: &mut Subject<'_>) -> Snapshot {
    let ledger = subject.ledger_beside_names();
    let rows = crates::rows(subject, &ledger, Question::Defined);
    let (sections, section_of) = section_rows(subject);
    let mut crates: Vec<Crate> = rows
        .iter()
        .map(|row| Crate {
            name: row.label.name.clone(),
            package: row.label.package.clone(),
            version: row.label.version.clone(),
            origin: row.label.origin,
            file: row.file,
            memory: row.memory,
            code: row.code,
            data: row.data,
            unwind: row.unwind,
            relocations: row.relocations,
            symbols: row.symbols,
            debug: row.debug,
            other: row.other,
        })
        .collect();
    crates.sort_by(|a, b| key(a).cmp(&key(b)));
    let index: HashMap<_, u32> = crates.iter().map(key).zip(0..).collect();
    // A crate without a byte of the file has no row; its functions have no bytes either.
    let number = |label: &CrateLabel| {
        let key = (
            label.name.as_str(),
            label.origin,
            label.version.as_deref(),
            label.package.as_deref(),
        );
        index.get(&key).copied()
    };
    let (names, families, functions) = functions(subject, &section_of, &number);
    let artifact = artifact(opened, subject);
    drop(index);
    Snapshot {
        memory: sections
            .iter()
            .map(|row| row.memory)
            .fold(0, u64::saturating_add),
        measures: super::measure::sizes(&subject.image),
        build: provenance::of(opened),
        artifact,
        crates,
        sections,
        families,
        names,
        functions,
    }
}

type Key<'a> = (
    &'a str,
    attribution::Origin,
    Option<&'a str>,
    Option<&'a str>,
);

fn key(row: &Crate) -> Key<'_> {
    (
        &row.name,
        row.origin,
        row.version.as_deref(),
        row.package.as_deref(),
    )
}

fn artifact(opened: &Opened, subject: &Subject<'_>) -> Artifact {
    let facts = &opened.facts;
    let path = opened.files.file.path();
    Artifact {
        path: portable(path),
        format: subject.image.format.as_str().into(),
        architecture: subject.image.architecture.into(),
        file_size: opened.files.file.len() as u64,
        shipped_size: subject.image.shipped_size(),
        package: facts.package.clone(),
        target_name: facts.target_name.clone(),
        target_kind: facts
            .target
            .as_ref()
            .map(|target| target.kind.as_str().into()),
        profile: facts.profile.clone(),
        build_notes: facts.build_notes.clone(),
    }
}

/// The path below the working directory, else the file's name: a committed file must not name
/// somebody's home.
fn portable(path: &Path) -> String {
    let here = env::current_dir().ok();
    let below = here
        .as_deref()
        .and_then(|here| path.strip_prefix(here).ok());
    let name = if path.is_relative() {
        Some(path)
    } else {
        below.or(path.file_name().map(Path::new))
    };
    name.unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// The rows of the sections view in a stable order, and the place of each section of the image.
fn section_rows(subject: &Subject<'_>) -> (Vec<Section>, Vec<u32>) {
    let mut rows: Vec<Section> = sections::rows(&subject.image)
        .into_iter()
        .map(|row| Section {
            name: row.name,
            kind: row.kind.into(),
            file: row.file,
            memory: row.memory,
        })
        .collect();
    rows.sort_by(|a, b| (&a.name, &a.kind, a.file).cmp(&(&b.name, &b.kind, b.file)));
    let of = subject.image.sections.iter().map(|section| {
        let at = rows.partition_point(|row| *row.name < *section.name);
        u32::try_from(at.min(rows.len().saturating_sub(1))).unwrap_or_default()
    });
    let of = of.collect();
    (rows, of)
}

struct Named<'a> {
    name: &'a str,
    family: Option<String>,
    function: Function,
}

fn functions(
    subject: &Subject<'_>,
    section_of: &[u32],
    number: &(impl Fn(&CrateLabel) -> Option<u32> + Sync),
) -> (Names, Names, Vec<Function>) {
    let crate_of: Vec<Option<u32>> = (0..subject.crates.len())
        .map(|id| number(subject.label(attribution::CrateId(u32::try_from(id).unwrap_or(0)))))
        .collect();
    let names = subject.names();
    let named: Vec<Named<'_>> = subject
        .code
        .functions
        .par_iter()
        .enumerate()
        .filter_map(|(at, function)| {
            let owner = function.owner;
            let place = |id: attribution::CrateId| *crate_of.get(id.0 as usize)?;
            let known = owner.instantiated != attribution::CrateId::UNKNOWN;
            let section = subject.image.sections.get(function.section as usize)?;
            let parsed = names::name_of(function, &subject.symbols);
            let family = parsed.filter(Name::is_generic).map(|name| name.family());
            Some(Named {
                name: parsed.map_or(NAMELESS, |_| names.get(at)),
                family,
                function: Function {
                    owner: place(owner.defined)?,
                    section: *section_of.get(function.section as usize)?,
                    size: match section.file.is_empty() {
                        true => 0,
                        false => function.range.size,
                    },
                    by: known.then(|| place(owner.instantiated)).flatten(),
                    family: None,
                },
            })
        })
        .collect();
    let order = sorting::order(
        named.len(),
        |at| named[at].name,
        |a, b| named[a].function.cmp(&named[b].function),
    );
    let named: Vec<&Named<'_>> = order.into_iter().map(|at| &named[at]).collect();
    let families: Vec<&str> = named.iter().filter_map(|n| n.family.as_deref()).collect();
    let order = sorting::order(families.len(), |at| families[at], |_, _| Ordering::Equal);
    let mut families: Vec<&str> = order.into_iter().map(|at| families[at]).collect();
    families.dedup();
    let numbers: HashMap<&str, u32> = families.iter().copied().zip(0..).collect();
    let functions = named.iter().map(|named| Function {
        family: named
            .family
            .as_deref()
            .and_then(|family| numbers.get(family).copied()),
        ..named.function
    });
    let functions = functions.collect();
    let names = named.iter().map(|named| named.name).collect();
    (names, families.into_iter().collect(), functions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_a_committed_file_name_nobodys_home() {
        let here = env::current_dir().unwrap();
        assert_eq!(portable(&here.join("target/app")), "target/app");
        assert_eq!(portable(Path::new("/elsewhere/app")), "app");
        assert_eq!(portable(Path::new("a/b")), "a/b");
    }
}
