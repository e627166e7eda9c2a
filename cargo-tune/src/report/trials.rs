//! The rows of `measure` and `search`, and what both say beside them.

use std::collections::BTreeMap;
use std::time::Duration;

use codecost::report::{Cell, Emphasis, Page, Table, Warning};
use codecost::units::{Bytes, Change, Time};
use serde::Serialize;

use super::json::JsonValue;
use crate::trial::outcome::{Outcome, Weighed};
use crate::trial::paired::Interval;

/// A row. `trial::part` reads it back.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    name: String,
    settings: BTreeMap<String, JsonValue>,
    file_size: Option<u64>,
    shipped_size: Option<u64>,
    text_size: Option<u64>,
    compressed_size: Option<u64>,
    build_ns: Option<u64>,
    build_cpu_ns: Option<u64>,
    peak_memory: Option<u64>,
    compiled: Option<usize>,
    time_ratio: Option<f64>,
    time_ci: Option<[f64; 2]>,
    time_p: Option<f64>,
    hash: Option<String>,
    status: String,
    reason: Option<String>,
}

/// The JSON of one row.
pub(super) fn row(outcome: &Outcome) -> Row {
    let weighed = outcome.weighed.as_ref();
    let settings = outcome
        .variant
        .assignments
        .iter()
        .map(|a| (a.subject().to_string(), (&a.value()).into()))
        .collect();
    Row {
        name: outcome.variant.name(),
        settings,
        file_size: weighed.map(|w| w.file_size),
        shipped_size: weighed.and_then(|w| w.shipped_size),
        text_size: weighed.and_then(|w| w.text_size),
        compressed_size: weighed.and_then(|w| w.compressed_size),
        build_ns: weighed.and_then(|w| w.build_ns),
        build_cpu_ns: weighed.and_then(|w| w.build_cpu_ns),
        peak_memory: weighed.and_then(|w| w.peak_memory),
        compiled: weighed.map(|w| w.compiled),
        time_ratio: outcome.time.map(|t| t.ratio),
        time_ci: outcome.time.map(|t| [t.low, t.high]),
        time_p: outcome.time.map(|t| t.p_faster),
        hash: weighed.map(|w| format!("{:016x}", w.hash)),
        status: outcome.status.as_str().to_owned(),
        reason: outcome.reason.clone(),
    }
}

/// The table, each size beside its change against the baseline. `by_build` says whether the builds
/// are what is judged: then their processor time stays at every width.
pub(super) fn table<'a>(
    rows: &'a [Outcome],
    baseline: &'a Outcome,
    by_build: bool,
) -> Table<'a, Outcome> {
    let (gzip, cpu) = if by_build { (2, 0) } else { (1, 1) };
    let whole = baseline.size();
    let change = move |size: Option<u64>| match (size, whole) {
        (Some(size), Some(whole)) if whole > 0 => Cell::Change(size as f64 / whole as f64 - 1.0),
        _ => Cell::Empty,
    };
    let bytes = |size: Option<u64>| size.map_or(Cell::Empty, Cell::Bytes);
    Table::new(rows)
        .name("name", "Variant", |r| Cell::text(r.variant.name()))
        .number("file_size", "File", move |r| {
            bytes(r.weighed.as_ref().map(|w| w.file_size))
        })
        .number("shipped_size", "Shipped", move |r| {
            bytes(r.weighed.as_ref().and_then(|w| w.shipped_size))
        })
        .number("change", "Change", move |r| change(r.size()))
        .people_only()
        .number("text_size", ".text", move |r| {
            bytes(r.weighed.as_ref().and_then(|w| w.text_size))
        })
        .droppable(2)
        .number("compressed_size", "gzip", move |r| {
            bytes(r.weighed.as_ref().and_then(|w| w.compressed_size))
        })
        .droppable(gzip)
        .number("build_ns", "Build", |r| {
            r.weighed
                .as_ref()
                .and_then(|w| w.build_ns)
                .map_or(Cell::Empty, Cell::Nanoseconds)
        })
        .number("build_cpu_ns", "Build CPU", |r| {
            r.weighed
                .as_ref()
                .and_then(|w| w.build_cpu_ns)
                .map_or(Cell::Empty, Cell::Nanoseconds)
        })
        .droppable(cpu)
        .number("peak_memory", "Memory", move |r| {
            bytes(r.weighed.as_ref().and_then(|w| w.peak_memory))
        })
        .droppable(1)
        .number("compiled", "Crates", |r| {
            r.weighed
                .as_ref()
                .map_or(Cell::Empty, |w| Cell::Count(w.compiled as u64))
        })
        .droppable(1)
        .text("time_ratio", "Time", |r| {
            Cell::maybe_text(r.time.map(interval))
        })
        .text("status", "Status", |r| r.status.as_str().into())
        .default_limit(0)
}

/// `+3.2 % [+2.1, +4.0]`
pub(super) fn interval(time: Interval) -> String {
    let percent = |ratio: f64| format!("{:+.1}", (ratio - 1.0) * 100.0);
    format!(
        "{} % [{}, {}]",
        percent(time.ratio),
        percent(time.low),
        percent(time.high)
    )
}

/// The baseline, for people.
pub(super) fn baseline_page(baseline: &Outcome) -> Page {
    let Some(weighed) = &baseline.weighed else {
        return Page::new();
    };
    let bytes = |size: Option<u64>| size.map_or("n/a".to_owned(), |s| Bytes(s).to_string());
    Page::new().line(
        format!(
            "baseline: file {}, shipped {}, .text {}, gzip {}",
            Bytes(weighed.file_size),
            bytes(weighed.shipped_size),
            bytes(weighed.text_size),
            bytes(weighed.compressed_size)
        ) + &cost(weighed),
        Emphasis::Strong,
    )
}

/// `, build 2.1 s (processor time 3.4 s) of 5 crates`
fn cost(weighed: &Weighed) -> String {
    let time = |ns| Time(Duration::from_nanos(ns)).to_string();
    let Some(build) = weighed.build_ns.map(time) else {
        return String::new();
    };
    let cpu = weighed.build_cpu_ns.map(time);
    let cpu = cpu.map(|cpu| format!(" (processor time {cpu})"));
    let crates = codecost::units::counted(weighed.compiled as u64, "crate");
    format!(", build {build}{} of {crates}", cpu.unwrap_or_default())
}

/// Rows with something to say.
pub(super) fn reasons(rows: &[Outcome]) -> Page {
    let mut page = Page::new();
    for row in rows {
        if let Some(reason) = &row.reason {
            page = page.line(format!("{}: {reason}", row.variant.name()), Emphasis::Faint);
        }
    }
    page
}

/// What the reader must know about times.
pub(super) fn time_warnings(noise: Option<Interval>, timed: bool) -> Vec<Warning> {
    if !timed {
        return vec![
            Warning::new("speed-not-measured", "speed was not measured")
                .help("give a command to time with --workload"),
        ];
    }
    let mut warnings = vec![
        Warning::new(
            "code-layout",
            "differences of time under 3 % can be the luck of code layout",
        )
        .help("trust a small gain only when several workloads or builds show it"),
    ];
    if let Some(noise) = noise
        && (noise.low > 1.0 || noise.high < 1.0)
    {
        warnings.push(
            Warning::new(
                "noisy-machine",
                format!(
                    "the baseline against itself differs by {}: these times prove nothing",
                    interval(noise)
                ),
            )
            .help("close other programs, or give a longer workload"),
        );
    }
    warnings
}

/// `−12.3 %` of two sizes.
pub(super) fn relative(size: u64, whole: u64) -> String {
    Change(size as f64 / whole.max(1) as f64 - 1.0).to_string()
}
