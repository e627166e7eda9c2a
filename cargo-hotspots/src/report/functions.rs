//! `cargo hotspots functions`: all time with one function, inlined or not.

use super::{
    common::{next, part, report, share, unknown_lines, waited, waited_ns},
    names::Names,
};
use crate::analysis::model::{Analysis, CrateInfo, Facts, FunctionRow, Times, Weight};
use codecost::{
    Result,
    console::Console,
    front::quoted,
    report::{Cell, Format, Nth, OutputOptions, RowId, Table, numbered, unknown_packages},
};
use serde::Serialize;

/// One row in JSON. `samples` are those that are charged to it.
#[derive(Serialize)]
pub(super) struct JsonFunction<'a> {
    id: RowId<'a>,
    name: &'a str,
    /// The names of other functions whose code is the same.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    merged: &'a [String],
    #[serde(rename = "crate")]
    owner: &'a str,
    version: Option<&'a str>,
    #[serde(rename = "self")]
    own: f64,
    symbol_self: f64,
    charged: f64,
    caused: f64,
    inclusive: f64,
    inlined: f64,
    samples: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_ns: Option<u64>,
    file: Option<&'a str>,
    line: Option<u32>,
    evidence: &'static str,
}

impl<'a> JsonFunction<'a> {
    pub(super) fn new(function: &Nth<'a, FunctionRow>, facts: &Facts, total: Weight) -> Self {
        let FunctionRow {
            name,
            merged,
            label,
            times:
                Times {
                    own,
                    charged,
                    caused,
                    inclusive,
                },
            symbol,
            inlined,
            file,
            line,
            evidence,
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
            merged,
            owner,
            version: version.as_deref(),
            own: share(*own, total),
            symbol_self: share(*symbol, total),
            charged: share(charged.period, total),
            caused: share(*caused, total),
            inclusive: share(*inclusive, total),
            inlined: share(*inlined, total),
            samples: charged.samples,
            waited_ns: waited_ns(facts, charged.period),
            file: file.as_deref(),
            line: *line,
            evidence: evidence.as_str(),
        }
    }
}

pub(super) fn count(rows: &[FunctionRow]) -> Vec<Nth<'_, FunctionRow>> {
    numbered(rows, |row| [&row.label.name, &row.name])
}

pub(super) fn names(rows: &[FunctionRow]) -> Names<'_> {
    Names::among(rows.iter().map(|row| (&row.label, row.name.as_str())))
}

pub(super) fn table<'a>(
    rows: &'a [Nth<'a, FunctionRow>],
    names: &'a Names<'a>,
    facts: &Facts,
    total: Weight,
    full_names: bool,
) -> Table<'a, Nth<'a, FunctionRow>> {
    let largest = Weight {
        period: rows.first().map_or(0, |row| row.row.times.charged.period),
        samples: 0,
    };
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
    let table = waited(table, facts, |row| row.row.times.charged.period)
        .number("self", "Self", move |row| part(row.row.times.own, total))
        .summed()
        .people_only()
        .number("inclusive", "Inclusive", move |row| {
            part(row.row.times.inclusive, total)
        })
        .people_only()
        .droppable(2)
        .number("inlined", "Inlined", move |row| {
            part(row.row.inlined, total)
        })
        .people_only()
        .droppable(4)
        .text("crate", "Crate", |row| names.owner(&row.row.label))
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
            |row| row.row.name.as_str().into(),
            |row| Cell::text(names.function(&row.row.label, &row.row.name, false)),
        )
        .text("merged", "Merged", |row| match row.row.merged.as_slice() {
            [] => Cell::Empty,
            merged => Cell::text(merged.join(", ")),
        })
        .searched_only();
    exact(table, total).titled("samples", super::common::samples_title(facts))
}

/// Adds the columns of CSV, which are exact and complete.
fn exact<'a>(
    table: Table<'a, Nth<'a, FunctionRow>>,
    total: Weight,
) -> Table<'a, Nth<'a, FunctionRow>> {
    type Column = (&'static str, &'static str, fn(&FunctionRow) -> u64, bool);
    let exact: [Column; 6] = [
        ("self", "Self", |row| row.times.own, true),
        ("symbol_self", "Symbol self", |row| row.symbol, true),
        ("charged", "Charged", |row| row.times.charged.period, true),
        ("caused", "Caused", |row| row.times.caused, true),
        ("inclusive", "Inclusive", |row| row.times.inclusive, false),
        ("inlined", "Inlined", |row| row.inlined, false),
    ];
    exact
        .into_iter()
        .fold(table, |table, (key, title, read, summed)| {
            let table = table
                .number(key, title, move |row| {
                    Cell::Share(share(read(row.row), total))
                })
                .machines_only();
            if summed { table.summed() } else { table }
        })
        .number("samples", "Samples", |row| {
            Cell::Count(row.row.times.charged.samples)
        })
        .summed()
        .droppable(6)
        .text("file", "File", |row| {
            Cell::maybe_text(row.row.file.as_deref())
        })
        .machines_only()
        .number("line", "Line", |row| match row.row.line {
            Some(line) => Cell::Count(line.into()),
            None => Cell::Empty,
        })
        .machines_only()
}

/// Shows the rows as the options ask.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Vec<FunctionRow>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let (rows, total) = (&analysis.rows, analysis.total);
    let numbered = match options.format == Format::Json {
        true => count(rows),
        // The count is for JSON only.
        false => rows.iter().map(|row| Nth { row, nth: 1 }).collect(),
    };
    let names = names(rows);
    let table = table(
        &numbered,
        &names,
        &analysis.facts,
        total,
        options.full_names,
    );
    let report = report(analysis, "functions", table.total_label("all functions"))
        .unknowns(unknown_lines(
            rows.iter().map(|row| (&row.label, row.file.is_some())),
        ))
        .unknowns([unknown_packages(rows.iter().map(|row| &row.label))]);
    let report = match rows.first() {
        Some(first) => report.after(next(
            &format!(
                "cargo hotspots callees {}{}",
                quoted(&first.name),
                analysis.facts.input_flag
            ),
            match first.name.starts_with('[') {
                // What has no code of its own.
                true => "what it spends it on; also callers",
                false => "what it spends it on; also callers, asm",
            },
        )),
        None => report,
    };
    console.write_report(&report, options, |row| {
        JsonFunction::new(row, &analysis.facts, total)
    })
}
