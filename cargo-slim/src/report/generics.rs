//! `cargo slim generics`: one row for each generic function, with all its copies.

use super::{
    envelope::report_of,
    lead::{Lead, lead},
    names::{Ambiguous, short},
};
use crate::analysis::{
    Analysis, Total,
    model::{GenericInstance, GenericRow},
};
use codecost::{
    Result,
    console::Console,
    report::{
        Cell, Emphasis, Format, Nth, OutputOptions, Page, RowId, Table, numbered, printable,
        unknown_packages,
    },
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
    shipped: Option<u64>,
    file: u64,
    memory: u64,
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
    fn new(generic: &Nth<'a, GenericRow>, total: Total) -> Self {
        let GenericRow {
            name,
            label,
            copies,
            shipped,
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
            shipped: total.shipped.map(|_| *shipped),
            file: *file,
            memory: if total.memory == 0 { 0 } else { *file },
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
    let total = analysis.total;
    let figures = Lead {
        total,
        title: "Size",
        shipped: |row: &Nth<'_, GenericRow>| row.row.shipped,
        file: |row: &Nth<'_, GenericRow>| row.row.file,
    };
    let table = lead(Table::new(&rows), figures)
        .number("memory", "In memory", |row| {
            Cell::Bytes(if total.memory == 0 { 0 } else { row.row.file })
        })
        .summed()
        .machines_only()
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
        .summed()
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
        .names(
            "Generic function",
            options.full_names,
            |row| row.row.name.as_str().into(),
            |row| Cell::text(short(&row.row.name, &row.row.label)),
        );
    let note = "identical: bytes in copies that equal an earlier one, which folding would save";
    let after = match rows.is_empty() {
        true => Page::new(),
        false => Page::new().line(note, Emphasis::Faint),
    };
    let table = table
        .total_label("all generic functions")
        .when_empty("nothing: no generic function is known to have two copies");
    let labels = rows.iter().map(|row| &row.row.label);
    let report = report_of(analysis, "generics", table)
        .unknowns([unknown_packages(labels)])
        .after(after);
    console.write_report(&report, options, |row| JsonGeneric::new(row, total))
}

/// Shows the copies of generic functions one by one. Programs get the same rows as from [`write()`],
/// which have the copies.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write_copies(
    analysis: &Analysis<Vec<GenericRow>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    if matches!(options.format, Format::Json | Format::Csv) {
        return write(analysis, options, console);
    }
    let total = analysis.total;
    let rows = numbered(&analysis.rows, |row| [&row.label.name, &row.name]);
    let copies = analysis.rows.iter().flat_map(|row| &row.instances);
    let ambiguous = Ambiguous::among(copies.filter_map(|copy| copy.instantiated_by.as_ref()));
    let ambiguous = &ambiguous;
    let mut page = Page::new();
    for row in &analysis.rows {
        let figures = Lead {
            total,
            title: "Size",
            shipped: |copy: &GenericInstance| copy.file,
            file: |copy: &GenericInstance| copy.file,
        };
        let table = lead(Table::new(&row.instances), figures)
            .text("instantiated_by", "Made by", |copy| {
                let label = copy.instantiated_by.as_ref();
                label.map_or(Cell::Empty, |label| Cell::text(ambiguous.name(label)))
            })
            .name("name", "Copy", |copy| copy.name.as_str().into())
            .total_label(format!("all {} copies", row.copies));
        page = page
            .heading(printable(&row.name).into_owned())
            .grid(table.grid(&table.select(options)?, options.full_names));
    }
    let table = Table::new(&rows).name("name", "Generic function", |row| {
        row.row.name.as_str().into()
    });
    let labels = rows.iter().map(|row| &row.row.label);
    let report = report_of(analysis, "generics", table)
        .unknowns([unknown_packages(labels)])
        .instead(page);
    console.write_report(&report, options, |row| JsonGeneric::new(row, total))
}
