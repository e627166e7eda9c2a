//! `cargo hotspots crates`: all time with one crate or bucket, four ways.

use super::common::{label_key, next, part, report, share, waited, waited_ns};
use crate::analysis::model::{Analysis, CrateInfo, CrateRow, Facts, Times, Weight};
use codecost::{
    Result,
    console::Console,
    report::{
        Cell, CrateRowId, Emphasis, Nth, OutputOptions, Page, Table, numbered, unknown_packages,
    },
};
use serde::Serialize;

/// One row in JSON. `samples` are those that are charged to it.
#[derive(Serialize)]
pub(super) struct JsonCrate<'a> {
    id: CrateRowId<'a>,
    name: &'a str,
    package: Option<&'a str>,
    version: Option<&'a str>,
    origin: &'static str,
    #[serde(rename = "self")]
    own: f64,
    charged: f64,
    caused: f64,
    inclusive: f64,
    samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_ns: Option<u64>,
}

impl<'a> JsonCrate<'a> {
    pub(super) fn new(row: &Nth<'a, CrateRow>, facts: &Facts, total: Weight) -> Self {
        let CrateRow { label, times } = row.row;
        let Times {
            own,
            charged,
            caused,
            inclusive,
        } = times;
        let CrateInfo {
            role: _,
            name,
            package,
            version,
            origin,
        } = label;
        Self {
            id: CrateRowId(label.as_name(), row.nth),
            name,
            package: package.as_deref(),
            version: version.as_deref(),
            origin: origin.as_str(),
            own: share(*own, total),
            charged: share(charged.period, total),
            caused: share(*caused, total),
            inclusive: share(*inclusive, total),
            samples: charged.samples,
            waited_ns: waited_ns(facts, charged.period),
        }
    }
}

pub(super) fn count(rows: &[CrateRow]) -> Vec<Nth<'_, CrateRow>> {
    numbered(rows, |row| label_key(&row.label))
}

type Column = (&'static str, &'static str, u8, fn(&CrateRow) -> u64);

pub(super) fn table<'a>(
    rows: &'a [Nth<'a, CrateRow>],
    facts: &Facts,
    total: Weight,
) -> Table<'a, Nth<'a, CrateRow>> {
    let largest = Weight {
        period: rows.first().map_or(0, |row| row.row.times.charged.period),
        samples: 0,
    };
    let shares: [Column; 2] = [
        ("self", "Self", 0, |row| row.times.own),
        ("caused", "Caused", 4, |row| row.times.caused),
    ];
    let table = Table::new(rows)
        .number("charged", "Charged", move |row| {
            part(row.row.times.charged.period, total)
        })
        .summed()
        .people_only()
        .bar("bar", move |row| {
            share(row.row.times.charged.period, largest)
        })
        .droppable(5);
    let table = waited(table, facts, |row| row.row.times.charged.period);
    shares
        .into_iter()
        .fold(table, |table, (key, title, importance, read)| {
            table
                .number(key, title, move |row| part(read(row.row), total))
                .summed()
                .people_only()
                .droppable(importance)
        })
        .number("inclusive", "Inclusive", move |row| {
            part(row.row.times.inclusive, total)
        })
        .people_only()
        .droppable(3)
        .name("name", "Crate", |row| row.row.label.name.as_str().into())
        .text("version", "Version", |row| {
            Cell::maybe_text(row.row.label.version.as_deref())
        })
        .text("origin", "Origin", |row| {
            row.row.label.origin.as_str().into()
        })
        .droppable(2)
        .text("package", "Package", |row| {
            Cell::maybe_text(row.row.label.package.as_deref())
        })
        .machines_only()
        .number("self", "Self", move |row| {
            Cell::Share(share(row.row.times.own, total))
        })
        .summed()
        .machines_only()
        .number("charged", "Charged", move |row| {
            Cell::Share(share(row.row.times.charged.period, total))
        })
        .summed()
        .machines_only()
        .number("caused", "Caused", move |row| {
            Cell::Share(share(row.row.times.caused, total))
        })
        .summed()
        .machines_only()
        .number("inclusive", "Inclusive", move |row| {
            Cell::Share(share(row.row.times.inclusive, total))
        })
        .machines_only()
        .number("samples", "Samples", |row| {
            Cell::Count(row.row.times.charged.samples)
        })
        .summed()
        .droppable(6)
        .titled("samples", super::common::samples_title(facts))
}

/// Shows the rows as the options ask.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Vec<CrateRow>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let total = analysis.total;
    let numbered = count(&analysis.rows);
    let table = table(&numbered, &analysis.facts, total).total_label("all crates");
    let report = report(analysis, "crates", table)
        .unknowns([unknown_packages(analysis.rows.iter().map(|row| &row.label))])
        .after(footnote())
        .after(next(
            &format!("cargo hotspots functions{}", analysis.facts.input_flag),
            "which functions",
        ));
    console.write_report(&report, options, |row| {
        JsonCrate::new(row, &analysis.facts, total)
    })
}

/// What the figures mean.
pub(super) fn footnote() -> Page {
    Page::new().line(
        "charged: with all it asked of std and the system; self: in its own instructions; \
         caused: the innermost of the workspace",
        Emphasis::Faint,
    )
}
