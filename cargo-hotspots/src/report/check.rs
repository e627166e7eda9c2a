//! `cargo hotspots check`: the verdict on each benchmark.
//!
//! People read the verdict first, then what changed, with the rest in one line; machines read all.
//! The evidence of each change is one line that can be quoted alone.

mod bencher;
mod evidence;
mod github;
mod json;
mod merge;
mod plot;

use super::common::SCHEMA;
use crate::gate::{
    baseline::{Kept, Number},
    harness::Harness,
    row::{Figures, Gate, Metric, Names, Row},
    save::Saved,
};
use codecost::{
    Error, Result,
    console::Console,
    report::{Cell, Emphasis, Format, OutputOptions, Page, Report, Table, Warning, write_file},
    units::{Change, Time, counted},
};
pub(super) use evidence::time;
use evidence::{amount, verdict};
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

/// Files that are written beside the report.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    /// A Markdown comment that another job can post.
    pub comment: Option<PathBuf>,
    /// Bencher Metric Format.
    pub bencher: Option<PathBuf>,
    /// The paired ratios as a picture.
    pub plot: Option<PathBuf>,
}

/// Shows what a gate says.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    gate: &Gate,
    options: &OutputOptions,
    extra: &Extra,
    console: &mut Console,
) -> Result<()> {
    if write_texts(gate, options, extra, console)? {
        return Ok(());
    }
    let everything = options.limit.is_some() || options.filter.is_some();
    let folded = options.format == Format::Human && !everything;
    let rows: Vec<&Row> = gate
        .rows
        .iter()
        .filter(|row| !folded || row.is_news())
        .collect();
    let names = gate.names();
    let table = table(&rows, &names).default_limit(0);
    let report = json::members(
        Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), "check", table),
        gate,
    );
    let mut report = report
        .before(head(gate))
        .after(tail(gate, &rows, folded))
        .warnings(gate.warnings.iter().cloned());
    if options.format == Format::Human && rows.is_empty() {
        report = report.instead(Page::new());
    }
    console.write_report(&report, options, |row| json::JsonRow::new(row))
}

/// Writes what is asked for beside the report, and the report itself where it is a text; else
/// `false`.
fn write_texts(
    gate: &Gate,
    options: &OutputOptions,
    extra: &Extra,
    console: &mut Console,
) -> Result<bool> {
    type Text = fn(&Gate) -> String;
    let files: [(&Option<PathBuf>, Text); 3] = [
        (&extra.comment, github::comment),
        (&extra.bencher, bencher::bencher),
        (&extra.plot, plot::svg),
    ];
    for (path, text) in files {
        if let Some(path) = path {
            let text = text(gate);
            write_file(path, |to| to.write_all(text.as_bytes()))?;
        }
    }
    match options.format {
        Format::Markdown => console.write_text(options, &github::comment(gate))?,
        Format::Github => {
            codecost::report::github::summarize(&github::summary(gate))?;
            console.write_text(options, &github::annotations(gate))?;
        }
        Format::Human | Format::Json | Format::Csv => return Ok(false),
    }
    Ok(true)
}

fn head(gate: &Gate) -> Page {
    let mut page = Page::new().line(verdict(gate), Emphasis::Strong);
    if let Some(culprit) = &gate.culprit {
        page = page.line(culprit.as_str(), Emphasis::Strong);
    }
    let against = &gate.against;
    let mut facts = vec![format!("against `{}`", against.name)];
    if let Some(commit) = &against.commit {
        facts.push(format!("commit {}", commit.get(..12).unwrap_or(commit)));
    }
    facts.extend(against.age.clone());
    facts.push(format!("in {}", Time(gate.elapsed)));
    if let Some((own, of)) = gate.shard {
        facts.push(format!("shard {own} of {of}"));
    }
    page = page.line(facts.join(", "), Emphasis::Faint);
    page.gap()
}

fn tail(gate: &Gate, rows: &[&Row], folded: bool) -> Page {
    let mut page = Page::new().gap();
    let names = gate.names();
    let mut has_dots = false;
    for row in rows.iter().filter(|row| row.is_news()) {
        let line = evidence::line(row, &names, &gate.against.name);
        page = page.line(line, Emphasis::Plain);
        if let Some(reason) = &row.reason {
            page = page.line(format!("  {reason}"), Emphasis::Faint);
        }
        for checked in &row.requirements {
            let text = evidence::requirement(checked);
            page = page.line(format!("  {text}"), Emphasis::Faint);
        }
        if let Some(dots) = plot::line(row) {
            has_dots = true;
            page = page.line(format!("  {dots}"), Emphasis::Faint);
        }
    }
    if has_dots {
        page = page.line(plot::LEGEND, Emphasis::Faint);
    }
    for held in &gate.shares {
        page = page.line(evidence::share(held), Emphasis::Plain);
        if let Some(reason) = &held.reason {
            page = page.line(format!("  {reason}"), Emphasis::Faint);
        }
    }
    let rest = gate.quiet();
    if folded && rest > 0 {
        let text = format!(
            "{} unchanged (show all with `-n 0`)",
            counted(rest as u64, "benchmark")
        );
        page = page.gap().line(text, Emphasis::Faint);
    }
    if let Some(geomean) = gate.geomean().filter(|_| gate.rows.len() > 1) {
        let text = format!("geometric mean of all changes: {}", Change(geomean));
        page = page.line(text, Emphasis::Faint);
    }
    page
}

/// What a report has of a comparison: the verdict, and the evidence of what changed.
pub(super) fn lines(gate: &Gate) -> Page {
    let rows: Vec<&Row> = gate.rows.iter().collect();
    let names = gate.names();
    let table = table(&rows, &names).default_limit(0);
    let page = Page::new().line(verdict(gate), Emphasis::Strong).gap();
    match table.select(&OutputOptions::default()) {
        Ok(selection) => page.grid(table.grid(&selection, true)),
        // Nothing is asked for that could fail.
        Err(_) => page,
    }
    .then(tail(gate, &rows, false))
}

/// The same in JSON.
pub(super) fn compared(gate: &Gate) -> impl Serialize {
    json::Compared::new(gate)
}

fn table<'a>(rows: &'a [&'a Row], names: &'a Names<'a>) -> Table<'a, &'a Row> {
    let figure = |read: fn(&Figures) -> f64| {
        move |row: &&'a Row| match &row.figures {
            Some(figures) => amount(row.metric, read(figures)),
            None => Cell::Empty,
        }
    };
    let of_time = |row: &Row| row.metric == Metric::Time;
    let interval = |row: &Row| row.figures.as_ref()?.verdict.interval;
    let least = |row: &Row| row.figures.as_ref()?.verdict.minimum_detectable;
    Table::new(rows)
        .name("benchmark", "Benchmark", |row| {
            row.benchmark.as_str().into()
        })
        .text("target", "Target", |row| row.target.as_str().into())
        .machines_only()
        .text("metric", "Metric", |row| row.metric.as_str().into())
        .machines_only()
        // A column without content is not shown.
        .text("in", "In", |row| {
            names.place(row).map_or(Cell::Empty, Cell::from)
        })
        .people_only()
        .text("of", "Of", |row| match row.metric {
            Metric::Time => Cell::Empty,
            metric => metric.as_str().into(),
        })
        .people_only()
        .text("status", "Status", |row| row.status.as_str().into())
        .machines_only()
        .text("status", "Status", |row| evidence::status(row).into())
        .people_only()
        // Fractions for machines and for `--sort`, of which the first column of a key is the one.
        .number("change", "Change", |row| {
            row.change().map_or(Cell::Empty, Cell::Change)
        })
        .machines_only()
        .number("ci_low", "Low", move |row| {
            interval(row).map_or(Cell::Empty, |interval| Cell::Change(interval.low))
        })
        .machines_only()
        .number("ci_high", "High", move |row| {
            interval(row).map_or(Cell::Empty, |interval| Cell::Change(interval.high))
        })
        .machines_only()
        .text("change", "Change", |row| {
            evidence::change(row).map_or(Cell::Empty, Cell::from)
        })
        .people_only()
        .number("baseline", "Baseline", figure(|figures| figures.baseline))
        .droppable(2)
        .number("current", "Current", figure(|figures| figures.current))
        .droppable(1)
        .number("p50", "p50", move |row| match &row.figures {
            Some(figures) if of_time(row) => time(figures.medians.1),
            _ => Cell::Empty,
        })
        .droppable(4)
        .number("p90", "p90", |row| {
            let p90 = row.figures.as_ref().and_then(|figures| figures.p90);
            p90.map_or(Cell::Empty, |(_, current)| time(current))
        })
        .droppable(3)
        .text("throughput", "Throughput", |row| {
            let figures = row.figures.as_ref();
            let rate = figures
                .and_then(|figures| Some(evidence::rate(figures.throughput?, figures.current)));
            rate.map_or(Cell::Empty, Cell::from)
        })
        .droppable(5)
        .number("minimum_detectable", "Detects", move |row| {
            least(row).map_or(Cell::Empty, Cell::Change)
        })
        .machines_only()
        .number("runs", "Runs", |row| {
            let verdict = row.figures.as_ref().map(|figures| &figures.verdict);
            Cell::Count(verdict.map_or(0, |verdict| verdict.n as u64))
        })
        .machines_only()
        .text("detects", "Detects", move |row| {
            least(row).map_or(Cell::Empty, |least| {
                format!("≥ {}", evidence::percent(least)).into()
            })
        })
        .people_only()
        .droppable(6)
        .counted("figure")
}

/// What was kept by `--save-baseline`.
///
/// # Errors
///
/// The failure to write.
pub fn write_saved(saved: &Saved, options: &OutputOptions, console: &mut Console) -> Result<()> {
    let numbers: Vec<_> = saved
        .baseline
        .programs
        .iter()
        .flat_map(|kept| kept.benchmarks.iter().map(move |number| (kept, number)))
        .collect();
    let table = Table::new(&numbers)
        .name("benchmark", "Benchmark", |(_, number)| {
            number.id.as_str().into()
        })
        .text("target", "Target", |(kept, _)| kept.target.as_str().into())
        .number("minimum", "Minimum", |(kept, number)| {
            minimum(kept, number).map_or(Cell::Empty, time)
        })
        .number("median", "Median", |(_, number)| time(number.median_ns))
        .default_limit(0)
        .counted("benchmark")
        .when_empty("no benchmark could be measured");
    let place = saved.directory.display().to_string();
    let head = format!(
        "kept {} with {} in {place}",
        counted(saved.baseline.programs.len() as u64, "program"),
        counted(numbers.len() as u64, "benchmark"),
    );
    let warnings = saved.failures.iter().map(|(id, failure)| {
        Warning::new(
            "not-measured",
            format!("`{id}` has no number in the baseline: it {failure}"),
        )
        .help("run it by hand with `--bench`, or leave it out with the target's own arguments")
    });
    let empty = saved.empty.iter().map(|target| {
        Warning::new(
            "no-benchmarks",
            format!("`{target}` has no benchmarks: nothing of it is compared"),
        )
        .help("name the targets to keep: `--bench NAME`")
    });
    let report = Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), "save-baseline", table)
        .member("directory", &place)
        .member("commit", &saved.baseline.commit)
        .member("cpu", &saved.baseline.cpu)
        .before(Page::new().line(head, Emphasis::Strong).gap())
        .warnings(warnings.chain(empty));
    console.write_report(&report, options, |(kept, number)| json::JsonNumber {
        benchmark: &number.id,
        target: &kept.target,
        minimum_ns: minimum(kept, number),
        median_ns: number.median_ns,
    })
}

/// The shortest time; libtest prints a median only, which stands in its place where times are compared.
fn minimum(kept: &Kept, number: &Number) -> Option<f64> {
    let harness = Harness::of_name(&kept.harness);
    harness
        .is_none_or(Harness::has_minimum)
        .then_some(number.minimum_ns)
}

/// Conditions over shares alone, where nothing is compared.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write_shares(
    gate: &Gate,
    options: &OutputOptions,
    extra: &Extra,
    console: &mut Console,
) -> Result<()> {
    if write_texts(gate, options, extra, console)? {
        return Ok(());
    }
    let share = |share: Option<f64>| share.map_or(Cell::Empty, Cell::Share);
    let table = Table::new(&gate.shares)
        .name("condition", "Fails if", |held| held.text.as_str().into())
        .number("share", "Share", move |held| share(held.share))
        .number("ci_low", "At least", move |held| {
            share(held.interval.map(|(low, _)| low))
        })
        .number("ci_high", "At most", move |held| {
            share(held.interval.map(|(_, high)| high))
        })
        .number("sampling_error", "Chance", move |held| share(held.chance()))
        .machines_only()
        .number("samples", "Samples", |held| Cell::Count(held.samples))
        .text("status", "Status", |held| held.status.as_str().into())
        .default_limit(0);
    let report = Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), "check", table);
    let mut reasons = Page::new().gap();
    for held in &gate.shares {
        if let Some(reason) = &held.reason {
            let text = format!("{}: {}: {reason}", held.text, held.status.as_str());
            reasons = reasons.line(text, Emphasis::Plain);
        }
    }
    let report = json::members(report, gate)
        .before(Page::new().line(verdict(gate), Emphasis::Strong).gap())
        .after(reasons)
        .warnings(gate.warnings.iter().cloned());
    console.write_report(&report, options, json::JsonShare::new)
}

/// Two digits of a duration are enough for an estimate.
pub(crate) fn about(time: Duration) -> String {
    match time.as_secs() {
        0 => "less than a second".into(),
        seconds @ 1..90 => counted(seconds, "second"),
        seconds => counted(seconds.div_ceil(60), "minute"),
    }
}

/// Reads results of `--message-format json`, which shards of one gate have written.
///
/// # Errors
///
/// A file is not one, or they are not the shards of one gate.
pub fn merge(paths: &[PathBuf]) -> Result<Gate> {
    if paths.is_empty() {
        return Err(Error::usage(
            "there is nothing to merge",
            "name the shards' JSON files",
        ));
    }
    merge::merge(paths)
}

#[cfg(test)]
mod tests;
