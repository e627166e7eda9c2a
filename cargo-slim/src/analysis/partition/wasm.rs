//! Rows of a WebAssembly module. Number, length and name are part of a section here: it is what goes
//! from the file with it.

use crate::analysis::model::SectionRow;
use codecost::image::{Format, Image, TableRange};
use std::collections::{BTreeMap, HashMap};

/// Which section each header is of: the one that begins where it ends, or where the next header
/// ends that does.
pub(super) fn headers(image: &Image<'_>) -> BTreeMap<u32, u32> {
    if image.format != Format::Wasm {
        return BTreeMap::new();
    }
    let mut starts: HashMap<u64, u32> = HashMap::new();
    for (index, section) in (0..).zip(&image.sections) {
        starts.entry(section.file.start.0).or_insert(index);
    }
    let tables = (0..).zip(&image.tables);
    let mut tables: Vec<_> = tables
        .filter(|(_, table)| table.name == TableRange::SECTION_HEADER)
        .collect();
    tables.sort_by_key(|(_, table)| std::cmp::Reverse(table.range.start));
    let mut headers = BTreeMap::new();
    for (index, table) in tables {
        if let Some(section) = starts.get(&table.range.end().0).copied() {
            // An empty section stands where the header of the next one begins.
            starts.entry(table.range.start.0).or_insert(section);
            headers.insert(index, section);
        }
    }
    headers
}

/// The custom sections that are cut into subsections.
const CUT: [&str; 3] = ["name", "linking", "dylink.0"];

/// One row for each section, whatever it is cut into: `name` for `name/functions` and `name/locals`.
pub(super) fn whole(rows: Vec<SectionRow>) -> Vec<SectionRow> {
    let mut whole: Vec<SectionRow> = Vec::new();
    for row in rows {
        let (label, name) = match row.name.rsplit_once(": ") {
            Some((label, name)) => (Some(label), name),
            None => (None, row.name.as_str()),
        };
        let (of, part) = match name.split_once('/') {
            Some((of, part)) if CUT.contains(&of) => (of, Some(part.to_owned())),
            _ if CUT.contains(&name) => (name, None),
            _ => {
                whole.push(row);
                continue;
            }
        };
        let of = label.map_or_else(|| of.to_owned(), |label| format!("{label}: {of}"));
        // The parts of a section follow each other.
        let known = whole.last().is_some_and(|last| last.name == of);
        if !known {
            whole.push(SectionRow {
                name: of,
                file: 0,
                shipped: 0,
                ..row.clone()
            });
        }
        if let Some(last) = whole.last_mut() {
            last.file += row.file;
            last.shipped += row.shipped;
            last.parts.extend(part.map(|part| (part, row.file)));
        }
    }
    whole
}
