//! `cargo hotspots`: where the time goes on one page, and what to do about it.

use super::{
    common::{next, report, share},
    crates::{self, JsonCrate},
    functions::{self, JsonFunction},
    lines::{self, JsonLine},
    recording,
};
use crate::analysis::model::{Analysis, Finding, Overview, Weight};
use codecost::{
    Result,
    console::Console,
    report::{Emphasis, Grid, OutputOptions, Page, Table, printable},
    units::Share,
};
use serde::Serialize;

/// How many rows of each the page has. In JSON too, but for crates: other views have them all.
const CRATES: usize = 10;
const FUNCTIONS: usize = 10;
const LINES: usize = 8;

/// One finding in JSON.
#[derive(Serialize)]
struct JsonFinding<'a> {
    code: &'a str,
    title: &'a str,
    share: f64,
    /// How sure it is that a change saves a part of that, from 0 to 1.
    sureness: f64,
    place: Option<&'a str>,
    evidence: &'a [String],
    advice: &'a str,
    command: &'a str,
}

impl<'a> JsonFinding<'a> {
    fn new(finding: &'a Finding, total: Weight) -> Self {
        let Finding {
            code,
            title,
            time,
            sureness,
            place,
            evidence,
            advice,
            command,
        } = finding;
        Self {
            code,
            title,
            share: share(*time, total),
            sureness: *sureness,
            place: place.as_deref(),
            evidence,
            advice,
            command,
        }
    }
}

/// Shows the rows as the options ask.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Overview>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Overview {
        crates,
        functions,
        lines,
        findings,
    } = &analysis.rows;
    let total = analysis.total;
    let full_names = options.full_names;
    let crates = crates::count(crates);
    let names = functions::names(functions);
    let line_names = lines::names(&analysis.rows.lines);
    let functions = functions::count(functions);
    let placed = lines::place(lines);
    let lines = lines::count(&placed);

    let crates_table = crates::table(&crates, &analysis.facts, total)
        .default_limit(CRATES)
        .total_label("all crates");
    let functions_table = functions::table(&functions, &names, &analysis.facts, total, full_names)
        .default_limit(FUNCTIONS)
        .total_label("all functions");
    let lines_table = lines::table(&lines, &line_names, &analysis.facts, total, full_names)
        .default_limit(LINES)
        .total_label("all lines");
    let page = Page::new()
        .heading("Crates")
        .grid(crates_table.grid(&crates_table.select(options)?, full_names))
        .heading("Functions")
        .grid(grid(&functions_table, options)?)
        .heading("Lines")
        .grid(grid(&lines_table, options)?)
        .then(findings_page(findings, total))
        .gap()
        .then(recording::notes(&analysis.facts))
        .gap()
        .then(next(
            &format!("cargo hotspots functions{}", analysis.facts.input_flag),
            "in full; also crates, lines, threads, callers, callees, asm, flamegraph, diff",
        ));

    let shown = |most: usize| options.limit.unwrap_or(most).max(1);
    let report = report(analysis, "overview", crates_table)
        .member(
            "functions",
            &functions
                .iter()
                .take(shown(FUNCTIONS))
                .map(|row| JsonFunction::new(row, &analysis.facts, total))
                .collect::<Vec<_>>(),
        )
        .member(
            "lines",
            &lines
                .iter()
                .take(shown(LINES))
                .map(|row| JsonLine::new(row, &analysis.facts, total))
                .collect::<Vec<_>>(),
        )
        .member(
            "findings",
            &findings
                .iter()
                .map(|finding| JsonFinding::new(finding, total))
                .collect::<Vec<_>>(),
        )
        .instead(page);
    console.write_report(&report, options, |row| {
        JsonCrate::new(row, &analysis.facts, total)
    })
}

/// A table beside the main one: `--sort` is about the crates.
fn grid<R>(table: &Table<'_, R>, options: &OutputOptions) -> Result<Grid> {
    let options = OutputOptions {
        sort: None,
        ..options.clone()
    };
    Ok(table.grid(&table.select(&options)?, options.full_names))
}

fn findings_page(findings: &[Finding], total: Weight) -> Page {
    let Some(page) = (!findings.is_empty()).then(|| Page::new().heading("Findings")) else {
        return Page::new();
    };
    findings
        .iter()
        .enumerate()
        .fold(page, |page, (index, finding)| {
            let Finding {
                code: _,
                title,
                time,
                sureness: _,
                place: _,
                evidence,
                advice,
                command,
            } = finding;
            let share = Share::of(*time, total.period);
            let title = format!("{}. {}: {share}", index + 1, printable(title));
            let page = page.line(title, Emphasis::Strong);
            let page = evidence.iter().fold(page, |page, line| {
                page.line(format!("   {}", printable(line)), Emphasis::Plain)
            });
            page.line(format!("   do: {}", printable(advice)), Emphasis::Plain)
                .line(format!("   → {}", printable(command)), Emphasis::Command)
                .gap()
        })
}
