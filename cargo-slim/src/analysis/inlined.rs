//! Code that was inlined, by the function that was inlined or by the line of the call.

use super::{
    model::{InlinedBy, InlinedRow, SourcePlace},
    open::Opened,
    result::Analysis,
    source::Source,
    subject::Subject,
};
use codecost::{Result, attribution::CrateId};
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
    // Several units describe one function each for itself, and copies of a generic one have one name.
    let mut numbers: HashMap<(&str, &str), u32> = HashMap::new();
    let mut callees: Vec<(&str, CrateId)> = Vec::new();
    let callee_of: Vec<u32> = code
        .functions
        .iter()
        .map(|(name, owner)| {
            let next = callees.len() as u32;
            let key = (&**name, &*subject.label(*owner).name);
            *numbers.entry(key).or_insert_with(|| {
                callees.push((name, *owner));
                next
            })
        })
        .collect();
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
        let Some(callee) = callee_of.get(*function as usize) else {
            continue;
        };
        let (bytes, places) = sums.entry((*callee, line)).or_default();
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
    for ((callee, line), (bytes, places)) in sums {
        let Some((name, owner)) = callees.get(callee as usize) else {
            continue;
        };
        let (key, title, other) = match by {
            InlinedBy::Callee => (callee, Some((*name).to_owned()), shown(line)),
            InlinedBy::Line => match line {
                Some(at) => (at, shown(line), Some((*name).to_owned())),
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
    let mut rows: Vec<InlinedRow> = rows.into_values().collect();
    rows.sort_by(|a, b| {
        let by_size = b.file.cmp(&a.file);
        by_size.then_with(|| a.name.cmp(&b.name))
    });
    Analysis::new(opened, subject, rows, [])
}
