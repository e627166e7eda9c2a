//! `cargo hotspots callers` and `callees`: the tree around a function.

use super::{To, next, part, quoted, share};
use crate::analysis::model::{CallRow, Calls, CrateInfo, Weight};
use codecost::{
    Result,
    report::{Cell, Emphasis, Format, Page, RowId, Table, printable, short_name},
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

pub(super) fn write(calls: &Calls, view: &'static str, to: To<'_>) -> Result<()> {
    let Calls {
        function,
        label,
        inclusive,
        rows,
    } = calls;
    let (total, of) = (to.total(), *inclusive);
    let machine = to.options.format.is_for_machines() || to.options.limit.is_some();
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
    let full_names = to.options.full_names;
    let people = to.options.format == Format::Human || to.options.format == Format::Markdown;
    let name = move |row: &'_ CallRow| {
        let indent = "  ".repeat(row.depth.saturating_sub(1) as usize);
        let name = match full_names {
            true => row.name.as_str().into(),
            false => short_name(&row.name, row.label.as_name()),
        };
        format!("{indent}{name}")
    };
    let table = Table::new(&placed)
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
        .number("samples", "Samples", |row| {
            Cell::Count(row.row.inclusive.samples)
        })
        .summed()
        .droppable(4)
        .default_limit(40)
        .counting(|row| row.row.depth == 1)
        .total_label(match view {
            "callers" => "all callers",
            _ => "all callees",
        });
    let share_of_all = Share::of(inclusive.period, total.period);
    let title = match view {
        "callers" => format!("Who calls {function}: {share_of_all} of all time"),
        _ => format!("What {function} spends its time on: {share_of_all} of all time"),
    };
    let other = if view == "callers" {
        "callees"
    } else {
        "callers"
    };
    let report = to
        .report(view, table)
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
            &format!("cargo hotspots {other} {}{}", quoted(function), to.again),
            "the other way",
        ));
    to.write(&report, |row| json(row, total, of))
}

fn json<'a>(placed: &'a Placed<'a>, total: Weight, of: Weight) -> JsonCall<'a> {
    let CallRow {
        depth,
        name,
        label,
        inclusive,
    } = placed.row;
    let CrateInfo {
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
