//! `cargo hotspots lines`: all time with one source line.

use super::{
    common::{part, report, share, unknown_lines, waited, waited_ns},
    names::Names,
};
use crate::analysis::model::{Analysis, CrateInfo, Facts, LineRow, Weight};
use crate::paths;
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, Nth, OutputOptions, Page, RowId, Table, numbered},
};
use serde::Serialize;
use std::path::Path;

/// A line with its place as text: `src/main.rs:12`.
pub(super) struct Placed<'a> {
    row: &'a LineRow,
    /// As people see it.
    place: String,
    /// What `id` has: the part of the path that is the same on every machine.
    stable: String,
}

/// One row in JSON. `samples` are those of `self`.
#[derive(Serialize)]
pub(super) struct JsonLine<'a> {
    id: RowId<'a>,
    file: Option<&'a str>,
    line: Option<u32>,
    #[serde(rename = "crate")]
    owner: &'a str,
    version: Option<&'a str>,
    function: &'a str,
    #[serde(rename = "self")]
    own: f64,
    charged: f64,
    samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_ns: Option<u64>,
}

impl<'a> JsonLine<'a> {
    pub(super) fn new(placed: &Nth<'a, Placed<'a>>, facts: &Facts, total: Weight) -> Self {
        let LineRow {
            file,
            line,
            function,
            label,
            own,
            charged,
        } = placed.row.row;
        let CrateInfo {
            role: _,
            name: owner,
            package: _,
            version,
            origin: _,
        } = label;
        Self {
            id: RowId {
                kind: "line",
                owner,
                name: &placed.row.stable,
                nth: placed.nth,
            },
            file: file.as_deref(),
            line: *line,
            owner,
            version: version.as_deref(),
            function,
            own: share(own.period, total),
            charged: share(*charged, total),
            samples: own.samples,
            waited_ns: waited_ns(facts, *charged),
        }
    }
}

pub(super) fn place(rows: &[LineRow]) -> Vec<Placed<'_>> {
    let here = std::env::current_dir().ok();
    let here = here.as_deref().and_then(Path::to_str);
    rows.iter()
        .map(|row| {
            let line = row.line.map(|line| format!(":{line}"));
            let line = line.unwrap_or_default();
            let (place, stable) = match &row.file {
                Some(file) => {
                    let own = here.and_then(|here| file.strip_prefix(here));
                    let own = own.and_then(|rest| rest.strip_prefix('/'));
                    let stable = paths::tail(file);
                    (
                        format!("{}{line}", own.unwrap_or(stable)),
                        format!("{stable}{line}"),
                    )
                }
                None => (
                    "[no line]".to_owned(),
                    format!("[no line] {}", row.function),
                ),
            };
            Placed { row, place, stable }
        })
        .collect()
}

pub(super) fn count<'a>(rows: &'a [Placed<'a>]) -> Vec<Nth<'a, Placed<'a>>> {
    numbered(rows, |row| [&row.row.label.name, &row.stable])
}

pub(super) fn names(rows: &[LineRow]) -> Names<'_> {
    Names::among(rows.iter().map(|row| (&row.label, row.function.as_str())))
}

pub(super) fn table<'a>(
    rows: &'a [Nth<'a, Placed<'a>>],
    names: &'a Names<'a>,
    facts: &Facts,
    total: Weight,
    full_names: bool,
) -> Table<'a, Nth<'a, Placed<'a>>> {
    let largest = Weight {
        period: rows.first().map_or(0, |row| row.row.row.charged),
        samples: 0,
    };
    let table = Table::new(rows)
        .number("charged", "Charged", move |row| {
            part(row.row.row.charged, total)
        })
        .summed()
        .people_only()
        .bar("bar", move |row| share(row.row.row.charged, largest))
        .droppable(4);
    waited(table, facts, |row| row.row.row.charged)
        .number("self", "Self", move |row| {
            part(row.row.row.own.period, total)
        })
        .summed()
        .people_only()
        .text("place", "Line", |row| row.row.place.as_str().into())
        .people_only()
        .searched(true)
        .text("crate", "Crate", |row| names.owner(&row.row.row.label))
        .people_only()
        .droppable(3)
        .text("crate", "Crate", |row| {
            row.row.row.label.name.as_str().into()
        })
        .machines_only()
        .name("function", "Function", move |row| {
            let row = row.row.row;
            Cell::text(names.function(&row.label, &row.function, full_names))
        })
        .people_only()
        .text("file", "File", |row| {
            Cell::maybe_text(row.row.row.file.as_deref())
        })
        .machines_only()
        .searched(true)
        .number("line", "Line", |row| match row.row.row.line {
            Some(line) => Cell::Count(line.into()),
            None => Cell::Empty,
        })
        .machines_only()
        .name("function", "Function", |row| {
            row.row.row.function.as_str().into()
        })
        .machines_only()
        // As it is shown without `--full-names`.
        .name("short", "Function", move |row| {
            let row = row.row.row;
            Cell::text(names.function(&row.label, &row.function, false))
        })
        .searched_only()
        .number("self", "Self", move |row| {
            Cell::Share(share(row.row.row.own.period, total))
        })
        .summed()
        .machines_only()
        .number("charged", "Charged", move |row| {
            Cell::Share(share(row.row.row.charged, total))
        })
        .summed()
        .machines_only()
        .number("samples", "Samples", |row| {
            Cell::Count(row.row.row.own.samples)
        })
        .summed()
        .machines_only()
}

/// Shows the rows as the options ask.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Vec<LineRow>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let total = analysis.total;
    let placed = place(&analysis.rows);
    let numbered = count(&placed);
    let names = names(&analysis.rows);
    let table = table(
        &numbered,
        &names,
        &analysis.facts,
        total,
        options.full_names,
    );
    let rows = &analysis.rows;
    let report = report(analysis, "lines", table.total_label("all lines"))
        .after(Page::new().line(
            "charged: for the line of the code that asked std or the system; \
             self: for the line of the instruction itself",
            Emphasis::Faint,
        ))
        .unknowns(unknown_lines(
            rows.iter().map(|row| (&row.label, row.file.is_some())),
        ));
    console.write_report(&report, options, |row| {
        JsonLine::new(row, &analysis.facts, total)
    })
}
