//! `cargo slim functions`: every function with its size, its crate and how that is known.

use super::{
    envelope::report_of,
    lead::{Lead, lead},
    names::{Ambiguous, short},
};
use crate::analysis::{
    Analysis, Total,
    model::{CrateInfo, FunctionRow},
};
use codecost::{
    Result,
    console::Console,
    hashing::NumberMap,
    report::{
        Cell, Format, JsonRow, Nth, OutputOptions, RowId, Table, json_text, numbered,
        unknown_packages,
    },
};
use serde::Serialize;
use std::{io, iter, ptr};

/// One row in JSON.
#[derive(Serialize)]
pub(super) struct JsonFunction<'a> {
    id: RowId<'a>,
    name: &'a str,
    symbol: Option<&'a str>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    aliases: &'a [&'a str],
    #[serde(rename = "crate")]
    owner: &'a str,
    version: Option<&'a str>,
    instantiated_by: Option<&'a str>,
    section: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a str>,
    address: u64,
    shipped: Option<u64>,
    file: u64,
    memory: u64,
    evidence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    inferred_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<u64>,
}

impl<'a> JsonFunction<'a> {
    pub(super) fn new(function: &Nth<'a, FunctionRow<'a>>, total: Total) -> Self {
        let FunctionRow {
            name,
            symbol,
            aliases,
            label,
            instantiated_by,
            section,
            member,
            address,
            shipped,
            file,
            evidence,
            inferred_by,
            stack,
        } = function.row;
        let CrateInfo {
            role: _,
            name: owner,
            package: _,
            version,
            origin: _,
        } = label;
        Self {
            id: RowId {
                kind: "function",
                owner,
                name,
                nth: function.nth,
            },
            name,
            symbol: Some(*symbol).filter(|symbol| !symbol.is_empty()),
            aliases,
            owner,
            version: version.as_deref(),
            instantiated_by: instantiated_by.as_ref().map(|label| label.name.as_str()),
            section,
            member: *member,
            address: address.0,
            shipped: total.shipped.map(|_| *shipped),
            file: *file,
            // Code is loaded as it is in the file; of objects and archives nothing is loaded.
            memory: if total.memory == 0 { 0 } else { *file },
            evidence: evidence.as_str(),
            inferred_by: *inferred_by,
            stack: *stack,
        }
    }
}

/// A row of the largest report there is, 70 MB for a library of 150 MB: written by hand, at a
/// fifth of the cost, and equal to what [`JsonFunction`] serialises to.
struct Line<'a>(JsonFunction<'a>);

impl JsonRow for Line<'_> {
    fn append(&self, to: &mut Vec<u8>) -> io::Result<()> {
        let JsonFunction {
            id,
            name,
            symbol,
            aliases,
            owner,
            version,
            instantiated_by,
            section,
            member,
            address,
            shipped,
            file,
            memory,
            evidence,
            inferred_by,
            stack,
        } = &self.0;
        to.extend_from_slice(b"{\"id\":\"");
        for part in id.parts() {
            json_text(to, part);
        }
        if id.nth > 1 {
            to.push(b'#');
            serde_json::to_writer(&mut *to, &id.nth)?;
        }
        to.push(b'"');
        text(to, "name", Some(name));
        text(to, "symbol", *symbol);
        if !aliases.is_empty() {
            to.extend_from_slice(b",\"aliases\":");
            serde_json::to_writer(&mut *to, aliases)?;
        }
        text(to, "crate", Some(owner));
        text(to, "version", *version);
        text(to, "instantiated_by", *instantiated_by);
        text(to, "section", Some(section));
        if member.is_some() {
            text(to, "member", *member);
        }
        to.extend_from_slice(b",\"address\":");
        serde_json::to_writer(&mut *to, address)?;
        to.extend_from_slice(b",\"shipped\":");
        serde_json::to_writer(&mut *to, shipped)?;
        to.extend_from_slice(b",\"file\":");
        serde_json::to_writer(&mut *to, file)?;
        to.extend_from_slice(b",\"memory\":");
        serde_json::to_writer(&mut *to, memory)?;
        text(to, "evidence", Some(evidence));
        if inferred_by.is_some() {
            text(to, "inferred_by", *inferred_by);
        }
        if stack.is_some() {
            to.extend_from_slice(b",\"stack\":");
            serde_json::to_writer(&mut *to, stack)?;
        }
        to.push(b'}');
        Ok(())
    }
}

/// `,"key":"value"`, or `null`.
fn text(to: &mut Vec<u8>, key: &str, value: Option<&str>) {
    to.extend_from_slice(b",\"");
    to.extend_from_slice(key.as_bytes());
    to.extend_from_slice(b"\":");
    match value {
        Some(value) => {
            to.push(b'"');
            json_text(to, value);
            to.push(b'"');
        }
        None => to.extend_from_slice(b"null"),
    }
}

pub(super) fn count<'r, 'a>(rows: &'r [FunctionRow<'a>]) -> Vec<Nth<'r, FunctionRow<'a>>> {
    numbered(rows, |row| [&row.label.name, &row.name])
}

/// The rows with the count that only JSON needs.
pub(super) fn counted_for<'r, 'a>(
    format: Format,
    rows: &'r [FunctionRow<'a>],
) -> Vec<Nth<'r, FunctionRow<'a>>> {
    match format {
        Format::Json => count(rows),
        _ => rows.iter().map(|row| Nth { row, nth: 1 }).collect(),
    }
}

pub(super) fn table<'a>(
    rows: &'a [Nth<'a, FunctionRow<'a>>],
    ambiguous: &'a Ambiguous<'a>,
    total: Total,
    full_names: bool,
) -> Table<'a, Nth<'a, FunctionRow<'a>>> {
    let figures = Lead {
        total,
        title: "Size",
        shipped: |row: &Nth<'_, FunctionRow<'_>>| row.row.shipped,
        file: |row: &Nth<'_, FunctionRow<'_>>| row.row.file,
    };
    let loaded = total.memory > 0;
    let table = lead(Table::new(rows), figures)
        .number("memory", "In memory", move |row| {
            Cell::Bytes(if loaded { row.row.file } else { 0 })
        })
        .summed()
        .machines_only();
    // Only where the compiler was asked to list them.
    let table = match rows.iter().any(|row| row.row.stack.is_some()) {
        true => table.number("stack", "Stack", |row| {
            row.row.stack.map_or(Cell::Empty, Cell::Bytes)
        }),
        false => table,
    };
    let table = table
        .text("crate", "Crate", |row| {
            Cell::text(ambiguous.name(row.row.label))
        })
        .people_only()
        .text("crate", "Crate", |row| row.row.label.name.as_str().into())
        .machines_only()
        .text("version", "Version", |row| {
            Cell::maybe_text(row.row.label.version.as_deref())
        })
        .machines_only()
        .names(
            "Function",
            full_names,
            |row| row.row.name.as_ref().into(),
            |row| Cell::text(short(&row.row.name, row.row.label)),
        )
        .text("instantiated_by", "Instantiated by", |row| {
            Cell::maybe_text(
                row.row
                    .instantiated_by
                    .as_ref()
                    .map(|label| label.name.as_str()),
            )
        })
        .machines_only()
        .text("section", "Section", |row| row.row.section.into())
        .machines_only()
        .number("address", "Address", |row| Cell::Address(row.row.address.0))
        .machines_only();
    let table = match rows.iter().any(|row| row.row.member.is_some()) {
        true => table
            .text("member", "Member", |row| Cell::maybe_text(row.row.member))
            .machines_only(),
        false => table,
    };
    table
        .text("evidence", "Evidence", |row| {
            row.row.evidence.as_str().into()
        })
        .machines_only()
        .text("symbol", "Symbol", |row| row.row.symbol.into())
        .machines_only()
}

/// The crates of many functions, each once, with how many it has. They are told apart by where they
/// stand, for a subject keeps each once.
pub(super) fn tally<'a>(rows: &[Nth<'a, FunctionRow<'a>>]) -> Vec<(&'a CrateInfo, usize)> {
    let mut places: NumberMap<usize, usize> = NumberMap::default();
    let mut tally = Vec::new();
    for label in rows.iter().map(|row| row.row.label) {
        let at = *places
            .entry(ptr::from_ref(label).addr())
            .or_insert(tally.len());
        match tally.get_mut(at) {
            Some((_, rows)) => *rows += 1,
            None => tally.push((label, 1)),
        }
    }
    tally
}

/// Shows the functions.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Vec<FunctionRow<'_>>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let total = analysis.total;
    let rows = &analysis.rows;
    let json = options.format == Format::Json;
    let rows = counted_for(options.format, rows);
    let labels = tally(&rows);
    let ambiguous = match json {
        true => Ambiguous::default(),
        false => Ambiguous::among(labels.iter().map(|(label, _)| *label)),
    };
    let table = table(&rows, &ambiguous, total, options.full_names)
        .total_label("all functions")
        .when_empty("nothing: no functions are known");
    let labels = labels.into_iter();
    let labels = labels.flat_map(|(label, rows)| iter::repeat_n(label, rows));
    let report = report_of(analysis, "functions", table).unknowns([unknown_packages(labels)]);
    console.write_report(&report, options, |row| Line(JsonFunction::new(row, total)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn lines_are_what_serde_would_write() {
        let mut rows = fixture::functions();
        let mut odd = rows[0].clone();
        odd.name = "a::\"b\"\\\u{1}λ".into();
        odd.aliases = vec!["one", "tw\"o"];
        odd.symbol = "";
        odd.instantiated_by = None;
        odd.member = Some("a.o");
        odd.stack = Some(32);
        rows.push(odd.clone());
        rows.push(odd);
        for row in &count(&rows) {
            for shipped in [Some(10), None] {
                let total = Total {
                    shipped,
                    ..fixture::analysis(()).total
                };
                let mut line = Vec::new();
                let row = || JsonFunction::new(row, total);
                Line(row()).append(&mut line).unwrap();
                let serde = serde_json::to_string(&row()).unwrap();
                assert_eq!(String::from_utf8(line).unwrap(), serde);
            }
        }
    }
}
