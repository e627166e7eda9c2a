//! `cargo slim`: where the bytes go on one page, and what to do about it.

use super::{
    crates::{self, JsonCrate},
    envelope::{next, report_of, share},
    functions::{self, JsonFunction},
    names::Ambiguous,
    sections::{self, JsonSection},
};
use crate::analysis::{
    Analysis,
    model::{Finding, Overview, RegionUse},
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, Grid, OutputOptions, Page, Table, printable, unknown_packages},
    units::Bytes,
};
use serde::Serialize;
use std::cmp::Reverse;

/// How many functions the page has, in JSON too: `functions` has them all.
pub(super) const FUNCTIONS: usize = 10;
const CRATES: usize = 10;
const SECTIONS: usize = 6;

/// One finding in JSON.
#[derive(Serialize)]
struct JsonFinding<'a> {
    code: &'a str,
    title: &'a str,
    bytes: u64,
    evidence: &'a [String],
    command: &'a str,
}

impl<'a> JsonFinding<'a> {
    fn new(finding: &'a Finding) -> Self {
        let Finding {
            code,
            title,
            bytes,
            evidence,
            command,
        } = finding;
        Self {
            code,
            title,
            bytes: *bytes,
            evidence,
            command,
        }
    }
}

/// How many functions will be shown, largest first.
pub fn named(options: &OutputOptions) -> usize {
    match options.limit {
        _ if options.filter.is_some() => usize::MAX,
        Some(0) => usize::MAX,
        // A single one more is shown, too.
        limit => limit.unwrap_or(FUNCTIONS + 1),
    }
}

/// One region of memory in JSON.
#[derive(Serialize)]
struct JsonRegion<'a> {
    name: &'a str,
    origin: u64,
    length: u64,
    used: u64,
}

impl<'a> JsonRegion<'a> {
    fn new(region: &'a RegionUse) -> Self {
        let RegionUse {
            name,
            origin,
            length,
            used,
        } = region;
        Self {
            name,
            origin: *origin,
            length: *length,
            used: *used,
        }
    }
}

/// How full the memory of a chip is; nothing for programs that run on an operating system.
fn memory(regions: &[RegionUse], options: &OutputOptions) -> Result<Page> {
    if regions.is_empty() {
        return Ok(Page::new());
    }
    let table = Table::new(regions)
        .number("used", "Used", |row: &RegionUse| Cell::Bytes(row.used))
        .number("length", "Of", |row| Cell::Bytes(row.length))
        .number("share", "Full", |row| {
            Cell::Share(share(row.used, row.length))
        })
        .bar("bar", |row| share(row.used, row.length))
        .number("origin", "From", |row| Cell::Address(row.origin))
        .text("name", "Region", |row| row.name.as_str().into());
    Ok(Page::new().heading("Memory").grid(grid(&table, options)?))
}

/// Shows the overview.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Overview<'_>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Overview {
        sections,
        crates,
        functions,
        findings,
        findings_of,
        regions,
    } = &analysis.rows;
    let total = analysis.total;
    let sections = sections::count(sections);
    let functions = functions::counted_for(options.format, functions);
    let labels = crates.iter().map(|row| &row.label);
    let of_functions = functions::tally(&functions).into_iter();
    let ambiguous = Ambiguous::among(labels.chain(of_functions.map(|(label, _)| label)));

    let crates = crates::count(crates);
    let mut by_memory = crates.clone();
    by_memory.sort_by_key(|row| Reverse(row.row.memory));
    // Nothing of an archive or object file is loaded; a column that was asked for goes first.
    let (heading, shown_table) = if total.shipped.is_some() {
        let table = crates::with_parts(
            crates::table(&crates, total),
            &crates,
            total,
            &analysis.artifact,
        );
        ("Crates, by what ships", table)
    } else if total.memory == 0 || options.sort.is_some() {
        ("Crates", crates::table(&crates, total))
    } else {
        let table = crates::loaded_table(&by_memory, total);
        ("Crates, by what is loaded", table)
    };
    let shown_table = shown_table.default_limit(CRATES);
    let crates_table = crates::with_parts(
        crates::table(&crates, total),
        &crates,
        total,
        &analysis.artifact,
    );
    let crates_table = crates_table.default_limit(CRATES);
    let functions_table = functions::table(&functions, &ambiguous, total, options.full_names)
        .default_limit(FUNCTIONS)
        .total_label("all functions")
        .when_empty("nothing: no functions are known");
    let page = memory(regions, options)?
        .heading("Sections")
        .grid(grid(
            &sections::table(&sections, total).default_limit(SECTIONS),
            options,
        )?)
        .heading(heading)
        .grid(shown_table.grid(&shown_table.select(options)?, options.full_names))
        .heading("Functions")
        .grid(grid(&functions_table, options)?)
        .then(findings_page(findings, *findings_of))
        .gap()
        .then(next(
            "cargo slim crates",
            &analysis.artifact,
            "in full; also functions, generics, data, sections, loads",
        ));

    let shown = functions
        .iter()
        .take(options.limit.unwrap_or(FUNCTIONS).max(1));
    let report = report_of(analysis, "overview", crates_table)
        .unknowns([unknown_packages(crates.iter().map(|row| &row.row.label))])
        .member(
            "sections",
            &sections
                .iter()
                .map(|row| JsonSection::new(row, total))
                .collect::<Vec<_>>(),
        )
        .member(
            "functions",
            &shown
                .map(|row| JsonFunction::new(row, total))
                .collect::<Vec<_>>(),
        )
        .member(
            "findings",
            &findings.iter().map(JsonFinding::new).collect::<Vec<_>>(),
        );
    let report = match findings_of {
        Some(image) => report.member("findings_of", image),
        None => report,
    };
    let report = match regions.is_empty() {
        true => report,
        false => report.member(
            "memory_regions",
            &regions.iter().map(JsonRegion::new).collect::<Vec<_>>(),
        ),
    };
    let report = report.instead(page);
    console.write_report(&report, options, |row| JsonCrate::new(row, total))
}

/// A table beside the main one: `--sort` is about the crates.
fn grid<R>(table: &Table<'_, R>, options: &OutputOptions) -> Result<Grid> {
    let options = OutputOptions {
        sort: None,
        ..options.clone()
    };
    Ok(table.grid(&table.select(&options)?, options.full_names))
}

fn findings_page(findings: &[Finding], of: Option<&str>) -> Page {
    if findings.is_empty() {
        return Page::new();
    }
    let page = Page::new().heading(match of {
        Some(image) => format!("Findings in the image for {image}"),
        None => "Findings".to_owned(),
    });
    findings
        .iter()
        .enumerate()
        .fold(page, |page, (index, finding)| {
            let Finding {
                code: _,
                title,
                bytes,
                evidence,
                command,
            } = finding;
            let title = format!("{}. {}: {}", index + 1, printable(title), Bytes(*bytes));
            let page = page.line(title, Emphasis::Strong);
            let page = evidence.iter().fold(page, |page, line| {
                page.line(format!("   {}", printable(line)), Emphasis::Plain)
            });
            page.line(format!("   → {}", printable(command)), Emphasis::Command)
                .gap()
        })
}
