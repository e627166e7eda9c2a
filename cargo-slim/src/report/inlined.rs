//! `cargo slim inlined`: code that was inlined.

use super::{
    envelope::{report_of, share},
    names::Ambiguous,
};
use crate::analysis::{
    Analysis,
    model::{InlinedBy, InlinedRow},
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Nth, OutputOptions, RowId, Table, numbered},
};
use serde::Serialize;

/// One row in JSON.
#[derive(Serialize)]
struct JsonInlined<'a> {
    id: RowId<'a>,
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    version: Option<&'a str>,
    shipped: u64,
    file: u64,
    places: u64,
    largest: Option<&'a str>,
    largest_file: u64,
}

impl<'a> JsonInlined<'a> {
    fn new(row: &Nth<'a, InlinedRow>) -> Self {
        let InlinedRow {
            name,
            label,
            file,
            places,
            largest,
            largest_file,
        } = row.row;
        Self {
            id: RowId {
                kind: "inlined",
                owner: &label.name,
                name,
                nth: row.nth,
            },
            name,
            owner: &label.name,
            version: label.version.as_deref(),
            // What the loader maps is what strip leaves.
            shipped: *file,
            file: *file,
            places: *places,
            largest: largest.as_deref(),
            largest_file: *largest_file,
        }
    }
}

/// Shows what was inlined.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Vec<InlinedRow>>,
    by: InlinedBy,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let rows = numbered(&analysis.rows, |row| [&row.label.name, &row.name]);
    let ambiguous = Ambiguous::among(rows.iter().map(|row| &row.row.label));
    let whole = analysis.total.shipped.unwrap_or(analysis.total.file);
    let (what, other) = match by {
        InlinedBy::Callee => ("Inlined function", "Most at"),
        InlinedBy::Line => ("Line of the call", "Most of"),
    };
    let table = Table::new(&rows)
        .number("file", "Size", |row| Cell::Bytes(row.row.file))
        .summed()
        .number("share", "Share", move |row| {
            Cell::Share(share(row.row.file, whole))
        })
        .summed()
        .people_only()
        .number("places", "Places", |row| Cell::Count(row.row.places))
        .summed()
        .text("crate", "Crate", |row| {
            Cell::text(ambiguous.name(&row.row.label))
        })
        .people_only()
        .text("crate", "Crate", |row| row.row.label.name.as_str().into())
        .machines_only()
        .name("name", what, |row| row.row.name.as_str().into())
        .number("largest_file", "Size there", |row| {
            Cell::Bytes(row.row.largest_file)
        })
        .droppable(3)
        .text("largest", other, |row| {
            Cell::maybe_text(row.row.largest.as_deref())
        })
        .droppable(2)
        .total_label("all inlined code")
        .when_empty("nothing: no code was inlined");
    let report = report_of(analysis, "inlined", table);
    console.write_report(&report, options, JsonInlined::new)
}
