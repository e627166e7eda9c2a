//! `cargo hotspots threads`: who was busy, and with what.

use super::common::{part, report, share};
use crate::{
    allocations::ThreadCounts,
    analysis::model::{Analysis, ThreadRow, Weight},
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Nth, OutputOptions, RowId, Table, numbered, short_name},
};
use serde::Serialize;

/// One row in JSON.
#[derive(Serialize)]
struct JsonThread<'a> {
    id: RowId<'a>,
    name: &'a str,
    pid: i32,
    tid: i32,
    #[serde(rename = "self")]
    own: f64,
    samples: u64,
    /// Exact, in recordings of allocations.
    allocations: Option<u64>,
    reallocations: Option<u64>,
    frees: Option<u64>,
    bytes: Option<u64>,
    busiest_crate: Option<JsonMost<'a>>,
    hottest_function: Option<JsonMost<'a>>,
}

/// What most of a thread's time is charged to; `charged` is of the whole recording.
#[derive(Serialize)]
struct JsonMost<'a> {
    name: &'a str,
    charged: f64,
}

impl<'a> JsonThread<'a> {
    fn new(thread: &Nth<'a, ThreadRow>, total: Weight) -> Self {
        let ThreadRow {
            name,
            pid,
            tid,
            own,
            allocated,
            busiest,
            hottest,
        } = thread.row;
        let most = |name: &'a str, time: u64| JsonMost {
            name,
            charged: share(time, total),
        };
        Self {
            id: RowId {
                kind: "thread",
                owner: "",
                name,
                nth: thread.nth,
            },
            name,
            pid: *pid,
            tid: *tid,
            own: share(own.period, total),
            samples: own.samples,
            allocations: allocated.map(|all| all.allocations),
            reallocations: allocated.map(|all| all.reallocations),
            frees: allocated.map(|all| all.frees),
            bytes: allocated.map(|all| all.bytes),
            busiest_crate: busiest
                .as_ref()
                .map(|(label, time)| most(&label.name, *time)),
            hottest_function: hottest.as_ref().map(|(name, _, time)| most(name, *time)),
        }
    }
}

/// A count of allocations, where the recording has it.
fn count(row: &ThreadRow, read: fn(&ThreadCounts) -> u64) -> Cell<'static> {
    row.allocated
        .as_ref()
        .map_or(Cell::Empty, |all| Cell::Count(read(all)))
}

/// Shows the rows as the options ask.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Vec<ThreadRow>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let total = analysis.total;
    let rows = numbered(&analysis.rows, |row| [row.name.as_str()]);
    let largest = Weight {
        period: rows.first().map_or(0, |row| row.row.own.period),
        samples: 0,
    };
    let full_names = options.full_names || options.format.is_for_machines();
    let title = match analysis.facts.counts_time() {
        true => "Time",
        false => "Share",
    };
    let number = |n: i32| Cell::text(n.to_string());
    let table = Table::new(&rows)
        .number("self", title, move |row| part(row.row.own.period, total))
        .summed()
        .people_only()
        .bar("bar", move |row| share(row.row.own.period, largest))
        .droppable(4)
        .number("self", "Time", move |row| {
            Cell::Share(share(row.row.own.period, total))
        })
        .summed()
        .machines_only()
        .number("bytes", "Bytes", |row| match row.row.allocated {
            Some(all) => Cell::Bytes(all.bytes),
            None => Cell::Empty,
        })
        .summed()
        .number("allocations", "Allocations", |row| {
            count(row.row, |all| all.allocations)
        })
        .summed()
        .number("reallocations", "Reallocations", |row| {
            count(row.row, |all| all.reallocations)
        })
        .summed()
        .droppable(6)
        .number("frees", "Frees", |row| count(row.row, |all| all.frees))
        .summed()
        .droppable(5)
        .number("samples", "Samples", |row| Cell::Count(row.row.own.samples))
        .summed()
        .droppable(3)
        .text("pid", "Process", move |row| number(row.row.pid))
        .droppable(2)
        .text("tid", "Thread", move |row| number(row.row.tid))
        .droppable(1)
        .text("name", "Name", |row| row.row.name.as_str().into())
        .searched(true)
        .text("crate", "Busiest crate", |row| {
            Cell::maybe_text(
                row.row
                    .busiest
                    .as_ref()
                    .map(|(label, _)| label.name.as_str()),
            )
        })
        .name("function", "Hottest function", move |row| {
            Cell::maybe_text(row.row.hottest.as_ref().map(|(name, label, _)| {
                if full_names {
                    name.as_str().into()
                } else {
                    short_name(name, label.as_name())
                }
            }))
        })
        .searched(false)
        .total_label("all threads");
    let report = report(analysis, "threads", table);
    console.write_report(&report, options, |row| JsonThread::new(row, total))
}
