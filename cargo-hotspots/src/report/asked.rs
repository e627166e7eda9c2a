//! `cargo hotspots callers --by crate|function`: who asked for a function, in one flat table.

use super::{
    common::{next, part, report, share},
    names::Names,
};
use crate::{
    analysis::{
        By,
        model::{Analysis, AskRow, Asked, Weight},
    },
    paths,
};
use codecost::{
    Result,
    console::Console,
    front::quoted,
    report::{Cell, Emphasis, Nth, OutputOptions, Page, RowId, Table, numbered, printable},
    units::Share,
};
use serde::Serialize;

/// One row in JSON.
#[derive(Serialize)]
struct JsonAsker<'a> {
    id: RowId<'a>,
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    version: Option<&'a str>,
    inclusive: f64,
    of_function: f64,
    samples: u64,
    /// The line that asked most.
    file: Option<&'a str>,
    line: Option<u32>,
}

/// The function that was asked for.
#[derive(Serialize)]
struct JsonFunction<'a> {
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    inclusive: f64,
    samples: u64,
}

/// Shows who asked.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Asked>,
    by: By,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Asked {
        function,
        label,
        inclusive,
        rows,
    } = &analysis.rows;
    let (total, of) = (analysis.total, *inclusive);
    let rows = numbered(rows, |row| [row.label.name.as_str(), row.name.as_str()]);
    let names = Names::among(
        analysis
            .rows
            .rows
            .iter()
            .map(|row| (&row.label, row.name.as_str())),
    );
    let table = table(&rows, &names, by, options.full_names, of, total)
        .titled("samples", super::common::samples_title(&analysis.facts))
        .total_label("all callers");
    let title = format!(
        "Who asks for {function}: {} of all {}",
        Share::of(inclusive.period, total.period),
        super::common::whole(&analysis.facts)
    );
    let legend = match by {
        _ if function == "[allocator]" => {
            "without what growing containers ask for (`callers '[growth]'`); the nearest caller that is \
             not of the system, and the line that asks most"
        }
        _ if function.starts_with('[') => {
            "the nearest caller that is not of the system, as the finding counts; the line that asks \
             most"
        }
        By::Crate => "the nearest crate on the stack that is not of the system",
        By::Function => {
            "the nearest function of the workspace on the stack, else the nearest one that is not \
             of the system; the line that asks most"
        }
    };
    let report = report(analysis, "callers", table)
        .member(
            "function",
            &JsonFunction {
                name: function,
                owner: &label.name,
                inclusive: share(inclusive.period, total),
                samples: inclusive.samples,
            },
        )
        .member(
            "by",
            &match by {
                By::Crate => "crate",
                By::Function => "function",
            },
        )
        .before(
            Page::new()
                .gap()
                .line(printable(&title).into_owned(), Emphasis::Strong)
                .gap(),
        )
        .after(Page::new().line(legend, Emphasis::Faint))
        .after(lead(analysis, by));
    console.write_report(&report, options, |row| json(row, total, of))
}

/// The line that leads on: to the ways to a function, or to what the first one asks for that a finding
/// names.
fn lead(analysis: &Analysis<Asked>, by: By) -> Page {
    let Asked { function, rows, .. } = &analysis.rows;
    let flag = &analysis.facts.input_flag;
    let of_finding = function.starts_with('[');
    match rows.first().filter(|_| of_finding) {
        Some(_) if by == By::Crate => next(
            &format!("cargo hotspots callers {}{flag}", quoted(function)),
            "by function",
        ),
        Some(first) => next(
            &format!("cargo hotspots callees {}{flag}", quoted(&first.name)),
            "what the first one calls",
        ),
        None => next(
            &format!("cargo hotspots callers {}{flag}", quoted(function)),
            "the ways that lead to it",
        ),
    }
}

fn table<'a>(
    rows: &'a [Nth<'a, AskRow>],
    names: &'a Names<'a>,
    by: By,
    full_names: bool,
    of: Weight,
    total: Weight,
) -> Table<'a, Nth<'a, AskRow>> {
    Table::new(rows)
        .number("inclusive", "Of all", move |row| {
            part(row.row.time.period, total)
        })
        .summed()
        .people_only()
        .number("of_function", "Of it", move |row| {
            part(row.row.time.period, of)
        })
        .summed()
        .people_only()
        .bar("bar", move |row| share(row.row.time.period, of))
        .droppable(3)
        .number("inclusive", "Of all", move |row| {
            Cell::Share(share(row.row.time.period, total))
        })
        .summed()
        .machines_only()
        .number("of_function", "Of it", move |row| {
            Cell::Share(share(row.row.time.period, of))
        })
        .summed()
        .machines_only()
        // A crate's name says it already; a column without content is not shown.
        .text("crate", "Crate", move |row| match by {
            By::Crate => Cell::Empty,
            By::Function => names.owner(&row.row.label),
        })
        .name(
            "name",
            match by {
                By::Crate => "Crate",
                By::Function => "Function",
            },
            move |row| match full_names || by == By::Crate {
                true if by == By::Crate => names.owner(&row.row.label),
                full => Cell::text(names.function(&row.row.label, &row.row.name, full)),
            },
        )
        .text("place", "Line", |row| {
            match (row.row.file.as_deref(), row.row.line) {
                (Some(file), Some(line)) => Cell::text(format!("{}:{line}", paths::tail(file))),
                _ => Cell::Empty,
            }
        })
        .droppable(4)
        .number("samples", "Samples", |row| {
            Cell::Count(row.row.time.samples)
        })
        .summed()
        .droppable(5)
        .default_limit(40)
}

fn json<'a>(asker: &'a Nth<'a, AskRow>, total: Weight, of: Weight) -> JsonAsker<'a> {
    let AskRow {
        name,
        label,
        time,
        file,
        line,
    } = asker.row;
    JsonAsker {
        id: RowId {
            kind: "caller",
            owner: &label.name,
            name,
            nth: asker.nth,
        },
        name,
        owner: &label.name,
        version: label.version.as_deref(),
        inclusive: share(time.period, total),
        of_function: share(time.period, of),
        samples: time.samples,
        file: file.as_deref(),
        line: *line,
    }
}
