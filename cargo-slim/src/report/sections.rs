//! `cargo slim sections`: every byte of the file in one row.

use super::{To, id, share};
use crate::{
    analysis::{Total, model::SectionRow},
    report::id::{Nth, RowId},
};
use codecost::{
    Result,
    report::{Cell, Table},
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
            address: *address,
            file: *file,
            memory: *memory,
        }
    }
}

pub(super) fn count(rows: &[SectionRow]) -> Vec<Nth<'_, SectionRow>> {
    id::count(rows, |row| ["", &row.name])
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
            row.row.address.map_or(Cell::Empty, Cell::Address)
        })
        .droppable(2)
        .number("memory", "In memory", |row| Cell::Bytes(row.row.memory))
        .summed()
        .droppable(1)
}

pub(super) fn write(rows: &[SectionRow], to: To<'_, '_>) -> Result<()> {
    let rows = count(rows);
    // A file has some thirty sections: a list that ends early would only be in the way.
    let report = to.report(
        "sections",
        table(&rows, to.analysis.total).default_limit(50),
    );
    to.write(&report, JsonSection::new)
}
