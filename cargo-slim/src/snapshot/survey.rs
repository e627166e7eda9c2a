//! One pass over an artifact that yields all of its sizes: a [`Snapshot`].

mod images;

use super::{
    listing::Listing,
    measure,
    model::{Artifact, Crate, Function, Section, Snapshot},
    names::Names,
    provenance,
};
use crate::analysis::{
    self, Opened, Subject,
    model::{By, CrateInfo, CrateKey, CrateRow},
};
use codecost::image::{Format, Image};
use std::{env, path::Path};

/// What is listed of an image, or of all images of a file.
struct Rows {
    crates: Vec<Crate>,
    families: Names,
    names: Names,
    functions: Vec<Function>,
}

/// Accounts for every byte and names every function; of a universal file for all of its images. O(n
/// log n) in the number of functions.
pub fn survey(opened: &Opened, subject: &mut Subject<'_>) -> Snapshot {
    let (mut sections, section_of) = section_rows(&subject.image);
    for slice in &subject.slices {
        if let Some(row) = sections.iter_mut().find(|row| row.name == slice.name) {
            row.memory = analysis::memory(&slice.subject);
        }
    }
    let Rows {
        crates,
        families,
        names,
        functions,
    } = match subject.slices.is_empty() {
        true => of_image(subject, &section_of),
        false => images::rows(subject, &section_of),
    };
    Snapshot {
        memory: analysis::memory(subject),
        measures: measure::sizes(&subject.image),
        build: provenance::of(opened),
        artifact: artifact(opened, subject),
        read_from: None,
        commit: None,
        warnings: analysis::warnings(opened, subject),
        crates,
        sections,
        families,
        names,
        functions,
    }
}

/// `section_of`: the number of each section of the image in the snapshot.
fn of_image(subject: &mut Subject<'_>, section_of: &[u32]) -> Rows {
    let (sums, listing) = subject.ledger_beside(
        |ledger| analysis::crate_sums(&ledger, By::Defined),
        |functions| Listing::new(functions, section_of),
    );
    let ships = subject.image.shipped_size().is_some();
    let rows = analysis::crate_rows(subject, &sums);
    let crates = merged(rows.iter().map(|row| of_row(row, ships)));
    let place = |label: &CrateInfo| {
        let found = crates.binary_search_by(|row| key(row).cmp(&label.key()));
        found.ok().and_then(|at| u32::try_from(at).ok())
    };
    let (names, families, functions) = listing.placed(place);
    Rows {
        crates,
        families,
        names,
        functions,
    }
}

fn of_row(row: &CrateRow, ships: bool) -> Crate {
    Crate {
        name: row.label.name.clone(),
        package: row.label.package.clone(),
        version: row.label.version.clone(),
        origin: row.label.origin,
        file: row.file,
        shipped: ships.then_some(row.shipped),
        memory: row.memory,
        parts: row.parts,
    }
}

/// The rows in their order. Instances of one crate that nothing but their hashes tells apart are one
/// row: a snapshot has no hashes.
fn merged(rows: impl Iterator<Item = Crate>) -> Vec<Crate> {
    let mut rows: Vec<Crate> = rows.collect();
    rows.sort_by(|a, b| key(a).cmp(&key(b)));
    rows.dedup_by(|more, row| {
        let same = key(more) == key(row);
        if same {
            add(row, more);
        }
        same
    });
    rows
}

/// Adds what `more` has to `row`.
fn add(row: &mut Crate, more: &Crate) {
    let Crate {
        name: _,
        package: _,
        version: _,
        origin: _,
        file,
        shipped,
        memory,
        parts,
    } = row;
    *file += more.file;
    *shipped = shipped.zip(more.shipped).map(|(row, more)| row + more);
    *memory = memory.saturating_add(more.memory);
    parts.add(&more.parts);
}

fn key(row: &Crate) -> CrateKey<'_> {
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
        architecture: subject.image.architecture.to_string(),
        file_size: opened.files.file.len() as u64,
        shipped_size: subject.image.shipped_size(),
        package: facts.package.clone(),
        target_name: facts.target_name.clone(),
        target_kind: facts
            .target
            .as_ref()
            .map(|target| target.kind.as_str().into()),
        profile: facts.profile.clone(),
        build_notes: analysis::notes(opened, subject),
        stripped: Some(subject.stripped),
        absent: false,
        depth: Some(analysis::depth_of(subject)),
    }
}

/// The path below the working directory, else the file's name: a committed file must not name
/// a user's home directory.
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
fn section_rows(image: &Image<'_>) -> (Vec<Section>, Vec<u32>) {
    let ships = image.shipped_size().is_some();
    let mut rows: Vec<Section> = analysis::section_rows(image)
        .into_iter()
        .map(|row| Section {
            name: row.name,
            kind: row.kind.into(),
            file: row.file,
            shipped: ships.then_some(row.shipped),
            memory: row.memory,
        })
        .collect();
    rows.sort_by(|a, b| (&a.name, &a.kind, a.file).cmp(&(&b.name, &b.kind, b.file)));
    let of = image.sections.iter().map(|section| {
        // An archive's rows are its members.
        let member = match image.format {
            Format::Archive => image.part_at(section.file.start),
            _ => None,
        };
        let name = member.map_or(&*section.name, |member| &image.parts[member].name);
        let at = rows.partition_point(|row| *row.name < *name);
        u32::try_from(at.min(rows.len().saturating_sub(1))).unwrap_or_default()
    });
    let of = of.collect();
    (rows, of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{ByCategory, Category};
    use codecost::attribution::Origin;

    #[test]
    fn crates_that_only_hashes_tell_apart_are_one_row() {
        let row = |name: &str, version: Option<&str>, code| Crate {
            name: name.into(),
            package: None,
            version: version.map(Into::into),
            origin: Origin::Registry,
            file: code + 1,
            shipped: Some(code),
            memory: code,
            parts: ByCategory::from([(Category::Code, code), (Category::Unwind, 1)]),
        };
        let rows = [
            row("b", None, 1),
            row("a", None, 10),
            row("b", Some("1.0.0"), 100),
            row("b", None, 1000),
        ];
        let rows = merged(rows.into_iter());
        let code: Vec<_> = rows
            .iter()
            .map(|row| (&*row.name, row.parts[Category::Code]))
            .collect();
        assert_eq!(code, [("a", 10), ("b", 1001), ("b", 100)]);
        assert_eq!(
            (
                rows[1].file,
                rows[1].shipped.unwrap_or_default(),
                rows[1].memory,
                rows[1].parts[Category::Unwind]
            ),
            (1003, 1001, 1001, 2)
        );
    }

    #[test]
    fn paths_in_a_committed_file_name_nobodys_home() {
        let here = env::current_dir().unwrap();
        assert_eq!(portable(&here.join("target/app")), "target/app");
        assert_eq!(portable(Path::new("/elsewhere/app")), "app");
        assert_eq!(portable(Path::new("a/b")), "a/b");
    }
}
