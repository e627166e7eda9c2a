//! Code that was inlined, by the function that was inlined or by the line of the call.

use super::{
    model::{InlinedBy, InlinedRow, SourcePlace},
    open::Opened,
    result::Analysis,
    source::Source,
    subject::Subject,
};
use codecost::Result;
use std::{cmp::Reverse, collections::HashMap};

/// The innermost inlined functions with their bytes; each byte of code counts once.
///
/// # Errors
///
/// There is no debug information, or a file changed while it was read.
pub fn inlined(
    opened: &Opened,
    subject: &mut Subject<'_>,
    by: InlinedBy,
) -> Result<Analysis<Vec<InlinedRow>>> {
    subject.one_image()?;
    let code = subject.inlined_code(opened.files.file.path())?;
    let subject = &*subject;
    let source = Source::new(subject);
    // By function and line of the call: bytes and places.
    let mut sums: HashMap<(u32, Option<u32>), (u64, u64)> = HashMap::new();
    let mut lines: HashMap<SourcePlace, u32> = HashMap::new();
    let mut names: Vec<SourcePlace> = Vec::new();
    for (range, function) in &code.ranges {
        let line = source.call_at(range.start).map(|place| {
            let next = names.len() as u32;
            *lines.entry(place).or_insert_with_key(|place| {
                names.push(place.clone());
                next
            })
        });
        let (bytes, places) = sums.entry((*function, line)).or_default();
        *bytes += range.size;
        *places += 1;
    }
    let shown = |line: Option<u32>| {
        let place = names.get(line? as usize)?;
        Some(match place.line {
            Some(line) => format!("{}:{line}", place.file),
            None => place.file.clone(),
        })
    };
    let mut rows: HashMap<u32, InlinedRow> = HashMap::new();
    for ((function, line), (bytes, places)) in sums {
        let Some((name, owner)) = code.functions.get(function as usize) else {
            continue;
        };
        let (key, title, other) = match by {
            InlinedBy::Callee => (function, Some(name.clone()), shown(line)),
            InlinedBy::Line => match line {
                Some(at) => (at, shown(line), Some(name.clone())),
                None => continue,
            },
        };
        let row = rows.entry(key).or_insert_with(|| InlinedRow {
            name: title.unwrap_or_default(),
            label: subject.label(*owner).clone(),
            file: 0,
            places: 0,
            largest: None,
            largest_file: 0,
        });
        row.file += bytes;
        row.places += places;
        // Of equals the one that comes first by its name, whatever the order here.
        if (bytes, Reverse(&other)) > (row.largest_file, Reverse(&row.largest)) {
            row.largest_file = bytes;
            row.largest = other;
            if by == InlinedBy::Line {
                row.label = subject.label(*owner).clone();
            }
        }
    }
    let mut rows: Vec<InlinedRow> = folded(rows.into_values());
    rows.sort_by(|a, b| {
        let by_size = b.file.cmp(&a.file);
        by_size.then_with(|| a.name.cmp(&b.name))
    });
    Analysis::new(opened, subject, rows, [])
}

/// Rows of one name and crate are one: several copies of a generic function have one name.
fn folded(rows: impl Iterator<Item = InlinedRow>) -> Vec<InlinedRow> {
    let mut by_name: HashMap<(String, String), InlinedRow> = HashMap::new();
    for row in rows {
        let key = (row.name.clone(), row.label.name.clone());
        match by_name.get_mut(&key) {
            Some(known) => {
                known.file += row.file;
                known.places += row.places;
                let other = (row.largest_file, Reverse(row.largest));
                if other > (known.largest_file, Reverse(known.largest.clone())) {
                    (known.largest_file, Reverse(known.largest)) = other;
                }
            }
            None => {
                by_name.insert(key, row);
            }
        }
    }
    by_name.into_values().collect()
}
