//! `cargo hotspots callers` and `callees`: the tree around a function.

use super::common::{next, part, report, share};
use crate::analysis::model::{Analysis, CallRow, Calls, CrateInfo, Weight};
use codecost::{
    Result,
    console::Console,
    front::quoted,
    report::{Cell, Emphasis, Format, OutputOptions, Page, RowId, Table, printable, short_name},
    units::Share,
};
use serde::Serialize;

/// Below this part of the function's time a call is left out for people.
const WORTH: f64 = 0.01;

/// One row in JSON. The rows that follow with a greater depth are its own callers or callees.
#[derive(Serialize)]
struct JsonCall<'a> {
    id: RowId<'a>,
    depth: u32,
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    version: Option<&'a str>,
    inclusive: f64,
    of_function: f64,
    samples: u64,
}

/// The function in the middle.
#[derive(Serialize)]
struct JsonFunction<'a> {
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    inclusive: f64,
    samples: u64,
}

/// A call, numbered by its place in the tree: the same function may occur in many places.
struct Placed<'a> {
    row: &'a CallRow,
    nth: u32,
}

/// What the two directions say.
struct Direction {
    command: &'static str,
    other: &'static str,
    total: &'static str,
    title: fn(&str) -> String,
}

/// Shows who calls the function.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write_callers(
    analysis: &Analysis<Calls>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let direction = Direction {
        command: "callers",
        other: "callees",
        total: "all callers",
        title: |function| format!("Who calls {function}"),
    };
    write(analysis, &direction, options, console)
}

/// Shows what the function calls.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write_callees(
    analysis: &Analysis<Calls>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let direction = Direction {
        command: "callees",
        other: "callers",
        total: "all callees",
        title: |function| format!("What {function} spends its time on"),
    };
    write(analysis, &direction, options, console)
}

fn write(
    analysis: &Analysis<Calls>,
    direction: &Direction,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Calls {
        function,
        label,
        inclusive,
        rows,
    } = &analysis.rows;
    let (total, of) = (analysis.total, *inclusive);
    let machine = options.format.is_for_machines() || options.limit.is_some();
    let mut nth = std::collections::HashMap::new();
    let placed: Vec<Placed<'_>> = rows
        .iter()
        .filter(|row| machine || share(row.inclusive.period, of) >= WORTH)
        .map(|row| {
            let nth = nth.entry((row.depth, row.name.as_str())).or_insert(0_u32);
            *nth += 1;
            Placed { row, nth: *nth }
        })
        .collect();
    let table = table(&placed, options, of, total)
        .titled("samples", super::common::samples_title(&analysis.facts))
        .total_label(direction.total);
    let share_of_all = Share::of(inclusive.period, total.period);
    let title = format!(
        "{}: {share_of_all} of all {}",
        (direction.title)(function),
        super::common::whole(&analysis.facts)
    );
    let report = report(analysis, direction.command, table)
        .member(
            "function",
            &JsonFunction {
                name: function,
                owner: &label.name,
                inclusive: share(inclusive.period, total),
                samples: inclusive.samples,
            },
        )
        .before(
            Page::new()
                .gap()
                .line(printable(&title).into_owned(), Emphasis::Strong)
                .gap(),
        )
        .after(next(
            &format!(
                "cargo hotspots {} {}{}",
                direction.other,
                quoted(function),
                analysis.facts.input_flag
            ),
            "the other way",
        ));
    console.write_report(&report, options, |row| json(row, total, of))
}

/// The columns; `of` is the function's own time.
fn table<'a>(
    rows: &'a [Placed<'a>],
    options: &OutputOptions,
    of: Weight,
    total: Weight,
) -> Table<'a, Placed<'a>> {
    let full_names = options.full_names;
    let people = options.format == Format::Human || options.format == Format::Markdown;
    let name = move |row: &'_ CallRow| {
        let indent = "  ".repeat(row.depth.saturating_sub(1) as usize);
        let name = match full_names {
            true => row.name.as_str().into(),
            false => short_name(&row.name, row.label.as_name()),
        };
        format!("{indent}{name}")
    };
    Table::new(rows)
        .number("inclusive", "Of all", move |row| {
            part(row.row.inclusive.period, total)
        })
        .summed()
        .people_only()
        .number("of_function", "Of it", move |row| {
            part(row.row.inclusive.period, of)
        })
        .summed()
        .people_only()
        .bar("bar", move |row| share(row.row.inclusive.period, of))
        .droppable(3)
        .number("inclusive", "Of all", move |row| {
            Cell::Share(share(row.row.inclusive.period, total))
        })
        .summed()
        .machines_only()
        .number("of_function", "Of it", move |row| {
            Cell::Share(share(row.row.inclusive.period, of))
        })
        .summed()
        .machines_only()
        .number("depth", "Depth", |row| Cell::Count(row.row.depth.into()))
        .machines_only()
        .text("crate", "Crate", |row| row.row.label.name.as_str().into())
        .name("name", "Function", move |row| match people {
            true => name(row.row).into(),
            false => row.row.name.as_str().into(),
        })
        // The name without what shows its depth, in both forms.
        .searched(false)
        .name("full", "Function", |row| row.row.name.as_str().into())
        .searched_only()
        .name("short", "Function", |row| {
            Cell::text(short_name(&row.row.name, row.row.label.as_name()))
        })
        .searched_only()
        .number("samples", "Samples", |row| {
            Cell::Count(row.row.inclusive.samples)
        })
        .summed()
        .droppable(4)
        .default_limit(40)
        .counting(|row| row.row.depth == 1)
}

fn json<'a>(placed: &'a Placed<'a>, total: Weight, of: Weight) -> JsonCall<'a> {
    let CallRow {
        depth,
        name,
        label,
        inclusive,
    } = placed.row;
    let CrateInfo {
        role: _,
        name: owner,
        package: _,
        version,
        origin: _,
    } = label;
    JsonCall {
        id: RowId {
            kind: "call",
            owner,
            name,
            nth: placed.nth,
        },
        depth: *depth,
        name,
        owner,
        version: version.as_deref(),
        inclusive: share(inclusive.period, total),
        of_function: share(inclusive.period, of),
        samples: inclusive.samples,
    }
}
