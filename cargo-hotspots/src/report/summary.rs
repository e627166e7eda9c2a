//! `cargo hotspots report`: the whole page, for a pull request or an engineer who has five minutes.

use super::{check, common::SCHEMA};
use crate::{
    stat::{Metric, Value, model::Unit},
    summary::{Benchmark, Bottleneck, Step, Summary},
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, OutputOptions, Page, Report, Table, printable},
    units::{Bytes, Share, counted},
};
use serde::Serialize;

/// One row in JSON: a benchmark's operation.
#[derive(Serialize)]
struct JsonBenchmark<'a> {
    id: String,
    benchmark: &'a str,
    target: &'a str,
    minimum_ns: Option<f64>,
    p50_ns: Option<f64>,
    p90_ns: Option<f64>,
    throughput: Option<f64>,
    throughput_unit: Option<&'a str>,
    allocations: Option<u64>,
    reallocations: Option<u64>,
    bytes: Option<u64>,
    instructions: Option<u64>,
}

#[derive(Serialize)]
struct JsonBottleneck<'a> {
    code: &'a str,
    what: &'a str,
    location: &'a str,
    time_share: Option<f64>,
    time_share_low: Option<f64>,
    time_share_high: Option<f64>,
    allocations_share: Option<f64>,
    evidence: &'a [String],
    command: &'a str,
}

#[derive(Serialize)]
struct JsonStep<'a> {
    what: &'a str,
    at_stake: &'a str,
    look: &'a str,
    verify: &'a str,
}

#[derive(Serialize)]
struct JsonMetric<'a> {
    metric: &'a str,
    value: Option<f64>,
    unit: &'a str,
    source: &'a str,
}

#[derive(Serialize)]
struct JsonTotals {
    allocations: u64,
    reallocations: u64,
    bytes: u64,
    peak_bytes: u64,
    leaked_bytes: u64,
}

impl<'a> JsonBenchmark<'a> {
    fn new(benchmark: &'a Benchmark) -> Self {
        let Benchmark {
            name,
            target,
            minimum_ns,
            p50_ns,
            p90_ns,
            throughput,
            allocations,
            reallocations,
            bytes,
            instructions,
        } = benchmark;
        Self {
            id: format!("{target}/{name}"),
            benchmark: name,
            target,
            minimum_ns: *minimum_ns,
            p50_ns: *p50_ns,
            p90_ns: *p90_ns,
            throughput: throughput.map(|(rate, _)| rate),
            throughput_unit: throughput.map(|(_, unit)| unit),
            allocations: *allocations,
            reallocations: *reallocations,
            bytes: *bytes,
            instructions: *instructions,
        }
    }
}

/// Shows the report as the options ask.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(summary: &Summary, options: &OutputOptions, console: &mut Console) -> Result<()> {
    let Summary {
        title,
        verdict,
        stat,
        benchmarks,
        allocations,
        untold,
        bottlenecks,
        plan,
        comparison,
        keep,
        not_measured,
        warnings,
    } = summary;
    let table = benchmarks_table(benchmarks);
    // What could not be had is named below, with the rest that was not measured.
    let measured: Vec<Metric> = stat
        .metrics
        .iter()
        .filter(|it| it.value != Value::Unknown)
        .cloned()
        .collect();
    let metrics = metrics_table(&measured);
    let whole = OutputOptions {
        sort: None,
        filter: None,
        limit: None,
        ..options.clone()
    };
    let mut page = Page::new()
        .heading(format!("Performance of {}", printable(title)))
        .line(printable(verdict).into_owned(), Emphasis::Strong)
        .gap();
    if let Some(gate) = comparison {
        page = page
            .heading("Before and after")
            .then(check::lines(gate))
            .gap();
    }
    if !benchmarks.is_empty() {
        page = page
            .heading("One operation")
            .grid(table.grid(&table.select(options)?, true));
    }
    page = page
        .heading("One run")
        .grid(metrics.grid(&metrics.select(&whole)?, true));
    if let Some(totals) = allocations {
        let line = format!(
            "{} in {} and {}; {} at the peak, {} never freed",
            Bytes(totals.bytes),
            counted(totals.allocations, "allocation"),
            counted(totals.reallocations, "reallocation"),
            Bytes(totals.peak_bytes),
            Bytes(totals.leaked_bytes)
        );
        page = page.line(line, Emphasis::Plain).gap();
    }
    page = page
        .then(bottlenecks_page(bottlenecks, untold.as_deref()))
        .then(plan_page(plan, keep.as_deref()))
        .heading("Not measured");
    for line in not_measured {
        page = page.line(printable(line).into_owned(), Emphasis::Faint);
    }
    if !warnings.is_empty() {
        // Whoever reads the page in a file has not seen what was said on the terminal.
        page = page.gap().heading("Warnings");
        for warning in warnings {
            page = page.line(printable(&warning.message).into_owned(), Emphasis::Plain);
        }
    }
    let bottlenecks: Vec<_> = bottlenecks.iter().map(json_bottleneck).collect();
    let steps: Vec<_> = plan.iter().map(json_step).collect();
    let metrics: Vec<_> = stat.metrics.iter().map(json_metric).collect();
    let compared = comparison.as_ref().map(check::compared);
    let table = benchmarks_table(benchmarks).default_limit(0);
    let report = Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), "report", table)
        .member("title", title)
        .member("verdict", verdict)
        .member("metrics", &metrics)
        .member(
            "allocations",
            &allocations.as_ref().map(|totals| JsonTotals {
                allocations: totals.allocations,
                reallocations: totals.reallocations,
                bytes: totals.bytes,
                peak_bytes: totals.peak_bytes,
                leaked_bytes: totals.leaked_bytes,
            }),
        )
        .member("bottlenecks", &bottlenecks)
        .member("keep", keep)
        .member("plan", &steps)
        .member("comparison", &compared)
        .member("not_measured", not_measured)
        .instead(page)
        .warnings(warnings.iter().cloned());
    console.write_report(&report, options, JsonBenchmark::new)
}

fn benchmarks_table(benchmarks: &[Benchmark]) -> Table<'_, Benchmark> {
    let time = |value: Option<f64>| match value {
        Some(value) => check::time(value),
        None => Cell::Unknown(""),
    };
    let count = |value: Option<u64>| value.map_or(Cell::Unknown(""), Cell::Count);
    Table::new(benchmarks)
        .name("benchmark", "Benchmark", |row| row.name.as_str().into())
        .number("minimum_ns", "Fastest", move |row| time(row.minimum_ns))
        .number("p50_ns", "p50", move |row| time(row.p50_ns))
        .number("p90_ns", "p90", move |row| time(row.p90_ns))
        .text("throughput", "Throughput", |row| match row.throughput {
            Some((rate, "bytes")) => Cell::text(format!("{}/s", Bytes(rate as u64))),
            Some((rate, _)) => Cell::text(format!("{rate:.0} elements/s")),
            None => Cell::Empty,
        })
        .number("allocations", "Allocations", move |row| {
            count(row.allocations)
        })
        .number("reallocations", "Reallocations", move |row| {
            count(row.reallocations)
        })
        .number("bytes", "Allocated", |row| {
            row.bytes.map_or(Cell::Unknown(""), Cell::Bytes)
        })
        .number("instructions", "Instructions (simulated)", move |row| {
            count(row.instructions)
        })
}

fn metrics_table(metrics: &[Metric]) -> Table<'_, Metric> {
    Table::new(metrics)
        .name("metric", "Metric", |row| row.name.into())
        .number("value", "Value", |row| match (row.value, row.unit) {
            (Value::Unknown, _) => Cell::Unknown(""),
            (Value::Whole(value), Unit::Nanoseconds) => Cell::Nanoseconds(value),
            (Value::Whole(value), Unit::Bytes) => Cell::Bytes(value),
            (Value::Whole(value), _) => Cell::Count(value),
            (Value::Ratio(value), _) => Cell::text(format!("{value:.2}")),
        })
        .text("source", "Source", |row| row.source.as_str().into())
        .default_limit(0)
}

fn bottlenecks_page(bottlenecks: &[Bottleneck], untold: Option<&str>) -> Page {
    let page = Page::new().heading("Bottlenecks");
    let page = match untold {
        None => page,
        Some(why) => page.line(why, Emphasis::Plain).gap(),
    };
    if bottlenecks.is_empty() && untold.is_some() {
        return page;
    }
    if bottlenecks.is_empty() {
        return page
            .line(
                "Nothing takes a tenth of the time by itself.",
                Emphasis::Plain,
            )
            .gap();
    }
    bottlenecks
        .iter()
        .enumerate()
        .fold(page, |page, (nth, bottleneck)| {
            let Bottleneck {
                what,
                location,
                time,
                interval,
                allocations,
                evidence,
                // The plan says it.
                advice: _,
                command,
                code: _,
            } = bottleneck;
            let mut impact = Vec::new();
            let between = interval.map_or_else(String::new, |(low, high)| {
                format!(" ({} to {})", Share(low), Share(high))
            });
            impact.extend(time.map(|share| format!("{} of the CPU time{between}", Share(share))));
            impact.extend(allocations.map(|share| format!("{} of the allocations", Share(share))));
            let title = format!("{}. {}: {}", nth + 1, printable(what), impact.join(", "));
            let mut page = page.line(title, Emphasis::Strong);
            if !evidence.contains(location) {
                page = page.line(format!("   at {}", printable(location)), Emphasis::Plain);
            }
            let page = evidence.iter().fold(page, |page, line| {
                page.line(format!("   {}", printable(line)), Emphasis::Plain)
            });
            page.line(format!("   → {}", printable(command)), Emphasis::Command)
                .gap()
        })
}

fn plan_page(plan: &[Step], keep: Option<&str>) -> Page {
    if plan.is_empty() {
        return Page::new();
    }
    let page = Page::new().heading("Plan");
    let page = match keep {
        None => page,
        Some(keep) => page
            .line(
                "Before the first change, keep what runs now:",
                Emphasis::Plain,
            )
            .line(format!("→ {keep}"), Emphasis::Command)
            .gap(),
    };
    plan.iter().enumerate().fold(page, |page, (nth, step)| {
        let Step {
            what,
            at_stake,
            look: _,
            verify,
        } = step;
        page.line(
            format!("{}. {}", nth + 1, printable(what)),
            Emphasis::Strong,
        )
        .line(format!("   at stake: {at_stake}"), Emphasis::Plain)
        .line("   whether it helped:", Emphasis::Plain)
        .line(format!("   → {verify}"), Emphasis::Command)
        .gap()
    })
}

fn json_bottleneck(bottleneck: &Bottleneck) -> JsonBottleneck<'_> {
    JsonBottleneck {
        code: bottleneck.code,
        what: &bottleneck.what,
        location: &bottleneck.location,
        time_share: bottleneck.time,
        time_share_low: bottleneck.interval.map(|it| it.0),
        time_share_high: bottleneck.interval.map(|it| it.1),
        allocations_share: bottleneck.allocations,
        evidence: &bottleneck.evidence,
        command: &bottleneck.command,
    }
}

fn json_step(step: &Step) -> JsonStep<'_> {
    JsonStep {
        what: &step.what,
        at_stake: &step.at_stake,
        look: &step.look,
        verify: &step.verify,
    }
}

fn json_metric(metric: &Metric) -> JsonMetric<'_> {
    JsonMetric {
        metric: metric.name,
        value: match metric.value {
            Value::Unknown => None,
            Value::Whole(value) => Some(value as f64),
            Value::Ratio(value) => Some(value),
        },
        unit: metric.unit.as_str(),
        source: metric.source.as_str(),
    }
}
