//! `cargo hotspots doctor`: what would make recordings worse here, and the remedy.

use super::common::SCHEMA;
use crate::doctor::{Finding, Status};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, OutputOptions, Page, Report, Table, printable},
};
use serde::Serialize;

/// One row in JSON.
#[derive(Serialize)]
struct JsonFinding<'a> {
    id: String,
    name: &'a str,
    status: &'static str,
    what: &'a str,
    remedy: Option<&'a str>,
}

impl<'a> JsonFinding<'a> {
    fn new(finding: &'a Finding) -> Self {
        let Finding {
            code,
            status,
            what,
            remedy,
        } = finding;
        Self {
            id: format!("doctor:{code}"),
            name: code,
            status: status.as_str(),
            what,
            remedy: remedy.as_deref(),
        }
    }
}

/// Shows what was examined.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(findings: &[Finding], options: &OutputOptions, console: &mut Console) -> Result<()> {
    let table = Table::new(findings)
        .text("status", "Status", |row| row.status.as_str().into())
        .text("name", "What", |row| row.code.into())
        .searched(true)
        .name("what", "Is so", |row| row.what.as_str().into())
        .text("remedy", "Remedy", |row| {
            Cell::maybe_text(row.remedy.as_deref())
        })
        .default_limit(0)
        .total_label("all");
    // What is chosen or sorted is a table; else there is room for each remedy in full.
    let chosen = options.filter.is_some() || options.sort.is_some() || options.limit.is_some();
    let report = Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), "doctor", table);
    let report = if chosen {
        report
    } else {
        report.instead(page(findings))
    };
    console.write_report(&report, options, JsonFinding::new)
}

fn page(findings: &[Finding]) -> Page {
    let page = findings.iter().fold(Page::new(), |page, finding| {
        let emphasis = match finding.status {
            Status::Ok => Emphasis::Plain,
            Status::Degraded | Status::Missing => Emphasis::Strong,
        };
        let line = format!(
            "{:<9} {}",
            finding.status.as_str(),
            printable(&finding.what)
        );
        let page = page.line(line, emphasis);
        match &finding.remedy {
            Some(remedy) => {
                // A sentence is fitted to the terminal, a command stays one line to be copied.
                let is_sentence = remedy.contains(", ") || remedy.contains(" (");
                let emphasis = match is_sentence {
                    true => Emphasis::Plain,
                    false => Emphasis::Command,
                };
                page.line(format!("{:<9} → {}", "", printable(remedy)), emphasis)
            }
            None => page,
        }
    });
    let worse = findings
        .iter()
        .filter(|finding| finding.status != Status::Ok);
    let end = match worse.count() {
        0 => "nothing makes recordings worse here".to_owned(),
        count => format!("{count} of {} could be better", findings.len()),
    };
    page.gap().line(end, Emphasis::Faint)
}
