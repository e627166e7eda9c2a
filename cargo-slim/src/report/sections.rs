//! `cargo slim sections`: every byte of the file in one row.

use super::{
    envelope::report_of,
    lead::{Lead, lead},
};
use crate::analysis::{Analysis, Total, model::SectionRow};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Nth, OutputOptions, RowId, Table, numbered},
};
use serde::Serialize;

/// One row in JSON.
#[derive(Serialize)]
pub(super) struct JsonSection<'a> {
    id: RowId<'a>,
    name: &'a str,
    kind: &'a str,
    address: Option<u64>,
    shipped: Option<u64>,
    file: u64,
    memory: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<JsonPart<'a>>,
}

/// A subsection.
#[derive(Serialize)]
struct JsonPart<'a> {
    name: &'a str,
    file: u64,
}

impl<'a> JsonSection<'a> {
    pub(super) fn new(section: &Nth<'a, SectionRow>, total: Total) -> Self {
        let SectionRow {
            name,
            kind,
            address,
            shipped,
            file,
            memory,
            parts,
        } = section.row;
        let part = |(name, file): &'a (String, u64)| JsonPart { name, file: *file };
        Self {
            id: RowId {
                kind: "section",
                owner: "",
                name,
                nth: section.nth,
            },
            name,
            kind,
            address: address.map(|address| address.0),
            shipped: total.shipped.map(|_| *shipped),
            file: *file,
            memory: *memory,
            parts: parts.iter().map(part).collect(),
        }
    }
}

pub(super) fn count(rows: &[SectionRow]) -> Vec<Nth<'_, SectionRow>> {
    numbered(rows, |row| ["", &row.name])
}

pub(super) fn table<'a>(
    rows: &'a [Nth<'a, SectionRow>],
    total: Total,
) -> Table<'a, Nth<'a, SectionRow>> {
    let figures = Lead {
        total,
        title: "Shipped",
        shipped: |row: &Nth<'_, SectionRow>| row.row.shipped,
        file: |row: &Nth<'_, SectionRow>| row.row.file,
    };
    let table = lead(Table::new(rows), figures)
        .name("name", "Section", |row| row.row.name.as_str().into())
        .text("kind", "Kind", |row| row.row.kind.into())
        .droppable(1)
        .number("address", "Address", |row| {
            row.row
                .address
                .map_or(Cell::Empty, |address| Cell::Address(address.0))
        })
        .droppable(2)
        .number("memory", "In memory", |row| Cell::Bytes(row.row.memory))
        .summed()
        .droppable(1);
    match total.shipped {
        Some(_) => table
            .number("unshipped", "Not shipped", |row| {
                match row.row.file.saturating_sub(row.row.shipped) {
                    0 => Cell::Empty,
                    bytes => Cell::Bytes(bytes),
                }
            })
            .summed()
            .people_only()
            .droppable(1),
        None => table,
    }
}

/// Shows the sections.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Vec<SectionRow>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let rows = count(&analysis.rows);
    // A file has some thirty sections: a list that ends early would only be in the way.
    let table = table(&rows, analysis.total).default_limit(50);
    let report = report_of(analysis, "sections", table);
    let total = analysis.total;
    console.write_report(&report, options, |row| JsonSection::new(row, total))
}
