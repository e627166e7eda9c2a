//! `cargo slim sections`: every byte of the file in one row.

use super::envelope::{report_of, share};
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
    file: u64,
    memory: u64,
}

impl<'a> JsonSection<'a> {
    pub(super) fn new(section: &Nth<'a, SectionRow>) -> Self {
        let SectionRow {
            name,
            kind,
            address,
            file,
            memory,
        } = section.row;
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
            file: *file,
            memory: *memory,
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
    let largest = rows.iter().map(|row| row.row.file).max().unwrap_or(0);
    Table::new(rows)
        .number("file", "Size", |row| Cell::Bytes(row.row.file))
        .summed()
        .number("share", "Share", move |row| {
            Cell::Share(share(row.row.file, total.file))
        })
        .summed()
        .people_only()
        .bar("bar", move |row| share(row.row.file, largest))
        .droppable(3)
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
        .droppable(1)
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
    console.write_report(&report, options, JsonSection::new)
}
