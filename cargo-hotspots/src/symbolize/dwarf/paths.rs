//! The paths of source files.
//!
//! Truth: DWARF 5, section 6.2.4: a file is below its directory, and that is below the directory
//! of the compilation. Entries of a `.dwo` file count by its own file table where it has one (GCC),
//! else by the skeleton's (LLVM).

use super::{
    budget::Budget,
    model::Slice,
    units::{Dwarf, Part},
};
use std::{collections::HashMap, sync::Arc};

/// The paths of a unit's source files by their numbers.
pub(super) struct Paths<'a, 's> {
    own: Option<&'a gimli::Unit<Slice<'s>>>,
    part: Option<Part<'a, 's>>,
    dwarf: &'a Dwarf<'s>,
    known: HashMap<(bool, u64), Option<Arc<str>>>,
}

impl<'a, 's> Paths<'a, 's> {
    pub(super) fn new(dwarf: &'a Dwarf<'s>, number: u32) -> Self {
        Self {
            own: dwarf.unit(number),
            part: dwarf.part(number),
            dwarf,
            known: HashMap::new(),
        }
    }

    /// A file of the line program's rows.
    pub(super) fn row(&mut self, file: u64) -> Option<Arc<str>> {
        let (dwarf, unit) = (&self.dwarf.main, self.own?);
        self.known
            .entry((false, file))
            .or_insert_with(|| path(dwarf, unit, file, &self.dwarf.budget))
            .clone()
    }

    /// A file that entries name: by the table of the `.dwo` file where that has one.
    pub(super) fn entry(&mut self, file: u64) -> Option<Arc<str>> {
        let part = self.part?;
        if !part.is_split || part.unit.line_program.is_none() {
            return self.row(file);
        }
        self.known
            .entry((true, file))
            .or_insert_with(|| path(part.dwarf, part.unit, file, &self.dwarf.budget))
            .clone()
    }
}

/// The path of a file: below its directory, and that below the unit's.
pub(super) fn path(
    dwarf: &gimli::Dwarf<Slice<'_>>,
    unit: &gimli::Unit<Slice<'_>>,
    file: u64,
    budget: &Budget,
) -> Option<Arc<str>> {
    let header = unit.line_program.as_ref()?.header();
    let entry = header.file(file)?;
    let text = |value| budget.text(dwarf, unit, value);
    let name = text(entry.path_name())?;
    if is_absolute(&name) {
        return Some(name.into());
    }
    let directory = entry.directory(header).and_then(text);
    let below = directory.map_or_else(|| name.clone(), |directory| join(&directory, &name));
    if is_absolute(&below) {
        return Some(below.into());
    }
    let root = unit.comp_dir.map(|root| root.to_string_lossy());
    let path = root.map_or_else(|| below.clone(), |root| join(&root, &below));
    Some(path.into())
}

fn is_absolute(path: &str) -> bool {
    path.starts_with(['/', '\\']) || path.as_bytes().get(1) == Some(&b':')
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() || directory.ends_with(['/', '\\']) {
        format!("{directory}{name}")
    } else {
        format!("{directory}/{name}")
    }
}
