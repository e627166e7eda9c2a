//! `cargo hotspots stat`: what a run cost, figure by figure.

use super::{check, common::SCHEMA};
use crate::stat::{
    Bound, Metric, Stat, Value, Verdict,
    model::{Measured, Unit},
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, OutputOptions, Page, Report, Table, printable},
};
use serde::Serialize;

/// One row in JSON. A figure that could not be had is null; a warning says why.
#[derive(Serialize)]
struct JsonMetric<'a> {
    id: &'a str,
    metric: &'a str,
    value: Option<serde_json::Number>,
    unit: &'static str,
    source: &'static str,
    per_operation: Option<f64>,
}

#[derive(Serialize)]
struct JsonVerdict<'a> {
    bound: Option<&'static str>,
    because: &'a str,
}

#[derive(Serialize)]
struct JsonRun<'a> {
    command: &'a [String],
    profile: Option<&'a str>,
    build_notes: &'a [String],
    programs: Vec<JsonProgram<'a>>,
    duration_ns: u64,
}

#[derive(Serialize)]
struct JsonProgram<'a> {
    path: String,
    package: Option<&'a str>,
    target: Option<&'a str>,
    kind: Option<&'a str>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    interrupted: bool,
}

impl<'a> JsonMetric<'a> {
    fn new(metric: &'a Metric, measured: &Measured) -> Self {
        Self {
            id: metric.name,
            metric: metric.name,
            value: match metric.value {
                Value::Unknown => None,
                Value::Whole(value) => Some(value.into()),
                Value::Ratio(value) => serde_json::Number::from_f64(value),
            },
            unit: metric.unit.as_str(),
            source: metric.source.as_str(),
            per_operation: measured.of_operation(metric.name),
        }
    }
}

/// Shows the rows as the options ask.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(stat: &Stat, options: &OutputOptions, console: &mut Console) -> Result<()> {
    let Stat {
        metrics,
        verdict,
        warnings,
        measured,
    } = stat;
    let table = Table::new(metrics)
        .name("metric", "Metric", |row| row.name.into())
        .number("value", "Value", |row| match (row.value, row.unit) {
            (Value::Unknown, _) => Cell::Unknown(""),
            (Value::Whole(value), Unit::Nanoseconds) => Cell::Nanoseconds(value),
            (Value::Whole(value), Unit::Bytes) => Cell::Bytes(value),
            (Value::Whole(value), _) => Cell::Count(value),
            (Value::Ratio(value), _) => Cell::text(format!("{value:.2}")),
        })
        .text("unit", "Unit", |row| row.unit.as_str().into())
        .machines_only()
        .text("source", "Source", |row| row.source.as_str().into())
        .number("per_operation", "Per operation", move |row| {
            let value = measured.of_operation(row.name);
            match (value, row.unit) {
                (None, _) => Cell::Empty,
                (Some(value), Unit::Nanoseconds) => check::time(value),
                (Some(value), _) => Cell::Count(value as u64),
            }
        })
        .default_limit(0);
    let Verdict { bound, because } = verdict;
    let report = Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), "stat", table)
        .member("run", &run(measured))
        .member(
            "verdict",
            &JsonVerdict {
                bound: bound.map(|bound| bound.as_str()),
                because,
            },
        )
        .before(head(measured, verdict))
        .warnings(warnings.iter().cloned());
    console.write_report(&report, options, |row| JsonMetric::new(row, measured))
}

fn run(measured: &Measured) -> JsonRun<'_> {
    JsonRun {
        command: &measured.command,
        profile: measured.build_profile.as_deref(),
        build_notes: &measured.build_notes,
        programs: measured
            .programs
            .iter()
            .map(|program| JsonProgram {
                path: program.path.to_string_lossy().into_owned(),
                package: program.package.as_deref(),
                target: program.target.as_deref(),
                kind: program.kind.as_deref(),
                exit_code: program.exit_code,
                signal: program.signal,
                interrupted: program.interrupted,
            })
            .collect(),
        duration_ns: measured.duration_ns,
    }
}

fn head(measured: &Measured, verdict: &Verdict) -> Page {
    let what = measured.command.join(" ");
    let what = match measured.of_recording {
        true => format!("{what} (as it was recorded)"),
        false => what,
    };
    let facts = [("run", what), ("verdict", verdict.sentence())];
    let facts = facts.map(|(key, value)| (key.to_owned(), printable(&value).into_owned()));
    let page = Page::new().facts(facts.to_vec());
    let page = match verdict.bound {
        Some(Bound::Waiting) => page.then(super::common::next(
            "cargo hotspots functions --event waiting",
            "where it waits; with the same program and arguments",
        )),
        _ => page,
    };
    match measured.build_notes.is_empty() {
        true => page,
        false => page.line(
            format!("built for this with {}", measured.build_notes.join(", ")),
            Emphasis::Faint,
        ),
    }
}
