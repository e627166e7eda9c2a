//! `cargo slim generics`: one row for each generic function, with all its copies.

use super::{
    envelope::{report_of, share},
    names::{Ambiguous, short},
};
use crate::analysis::{
    Analysis,
    model::{GenericInstance, GenericRow},
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, Nth, OutputOptions, Page, RowId, Table, numbered},
};
use serde::Serialize;

/// One row in JSON.
#[derive(Serialize)]
struct JsonGeneric<'a> {
    id: RowId<'a>,
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    version: Option<&'a str>,
    copies: u64,
    file: u64,
    largest: u64,
    identical: Option<u64>,
    instances: Vec<JsonInstance<'a>>,
}

#[derive(Serialize)]
struct JsonInstance<'a> {
    name: &'a str,
    instantiated_by: Option<&'a str>,
    address: u64,
    file: u64,
}

impl<'a> JsonGeneric<'a> {
    fn new(generic: &Nth<'a, GenericRow>) -> Self {
        let GenericRow {
            name,
            label,
            copies,
            file,
            largest,
            identical,
            instances,
        } = generic.row;
        Self {
            id: RowId {
                kind: "generic",
                owner: &label.name,
                name,
                nth: generic.nth,
            },
            name,
            owner: &label.name,
            version: label.version.as_deref(),
            copies: *copies,
            file: *file,
            largest: *largest,
            identical: *identical,
            instances: instances.iter().map(JsonInstance::new).collect(),
        }
    }
}

impl<'a> JsonInstance<'a> {
    fn new(instance: &'a GenericInstance) -> Self {
        let GenericInstance {
            name,
            instantiated_by,
            address,
            file,
        } = instance;
        let instantiated_by = instantiated_by.as_ref().map(|label| label.name.as_str());
        Self {
            name,
            instantiated_by,
            address: address.0,
            file: *file,
        }
    }
}

/// Shows the generic functions.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Vec<GenericRow>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let rows = numbered(&analysis.rows, |row| [&row.label.name, &row.name]);
    let ambiguous = Ambiguous::among(rows.iter().map(|row| &row.row.label));
    let largest = rows.first().map_or(0, |row| row.row.file);
    let total = analysis.total;
    let table = Table::new(&rows)
        .number("file", "Size", |row| Cell::Bytes(row.row.file))
        .summed()
        .number("share", "Share", move |row| {
            Cell::Share(share(row.row.file, total.file))
        })
        .summed()
        .people_only()
        .droppable(3)
        .bar("bar", move |row| share(row.row.file, largest))
        .droppable(4)
        .number("copies", "Copies", |row| Cell::Count(row.row.copies))
        .summed()
        .number("largest", "Largest", |row| Cell::Bytes(row.row.largest))
        .droppable(2)
        .number("identical", "Identical", |row| match row.row.identical {
            Some(0) => Cell::Empty,
            bytes => Cell::maybe_bytes(bytes, ""),
        })
        .summed()
        .droppable(1)
        .people_only()
        .number("identical", "Identical", |row| {
            Cell::maybe_bytes(row.row.identical, "")
        })
        .machines_only()
        .text("crate", "Crate", |row| {
            Cell::text(ambiguous.name(&row.row.label))
        })
        .people_only()
        .text("crate", "Crate", |row| row.row.label.name.as_str().into())
        .machines_only()
        .text("version", "Version", |row| {
            Cell::maybe_text(row.row.label.version.as_deref())
        })
        .machines_only()
        .name("name", "Generic function", |row| {
            row.row.name.as_str().into()
        });
    let table = match options.full_names {
        true => table,
        false => table
            .machines_only()
            .name("short", "Generic function", |row| {
                Cell::text(short(&row.row.name, &row.row.label))
            })
            .people_only(),
    };
    let note = "identical: bytes in copies that equal an earlier one, which folding would save";
    let after = match rows.is_empty() {
        true => Page::new(),
        false => Page::new().line(note, Emphasis::Faint),
    };
    let table = table
        .total_label("all generic functions")
        .when_empty("nothing: no generic function is known to have two copies");
    let report = report_of(analysis, "generics", table).after(after);
    console.write_report(&report, options, JsonGeneric::new)
}
