//! `cargo slim language`: what the language's own machinery costs.

use super::{
    envelope::{next, report_of, share},
    retained::JsonGraph,
};
use crate::analysis::{
    Analysis,
    model::{Artifact, Language, LanguageRow, Payer},
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, OutputOptions, Page, Table, printable},
};
use serde::Serialize;

/// One row in JSON.
#[derive(Serialize)]
struct JsonLanguage<'a> {
    id: String,
    name: &'a str,
    count: u64,
    /// `None` where no code of the workspace is known, and of what no one refers to as a whole.
    references: Option<u64>,
    own: u64,
    retained: u64,
    uncertain: u64,
    shipped: u64,
    payers: Option<Vec<JsonPayer<'a>>>,
    advice: &'a str,
}

#[derive(Serialize)]
struct JsonPayer<'a> {
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    references: u64,
}

impl<'a> JsonLanguage<'a> {
    fn new(row: &'a LanguageRow) -> Self {
        let LanguageRow {
            name,
            count,
            references,
            own,
            retained,
            uncertain,
            shipped,
            payers,
            advice,
        } = row;
        let payer = |payer: &'a Payer| {
            let Payer {
                name,
                owner,
                references,
            } = payer;
            JsonPayer {
                name,
                owner,
                references: *references,
            }
        };
        Self {
            id: format!("language:{name}"),
            name,
            count: *count,
            references: *references,
            own: *own,
            retained: *retained,
            uncertain: *uncertain,
            shipped: *shipped,
            payers: payers.as_ref().map(|all| all.iter().map(payer).collect()),
            advice,
        }
    }
}

/// Shows the table.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Language>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Language { rows, graph } = &analysis.rows;
    let whole = graph.known + graph.unknown;
    let table = Table::new(rows)
        .number("retained", "At most", |row| Cell::Bytes(row.retained))
        .number("share", "Share", move |row| {
            Cell::Share(share(row.retained, whole))
        })
        .people_only()
        .number("own", "Own", |row| Cell::Bytes(row.own))
        .number("uncertain", "Uncertain", |row| Cell::Bytes(row.uncertain))
        .machines_only()
        .number("shipped", "All that ships", |row| Cell::Bytes(row.shipped))
        .number("count", "Pieces", |row| Cell::Count(row.count))
        .number("references", "Uses", |row| match row.references {
            Some(count) => Cell::Count(count),
            None => Cell::Empty,
        })
        .name("name", "What", |row| row.name.into());
    let report = report_of(analysis, "language", table)
        .member("graph", &JsonGraph::new(graph))
        .after(payers(rows, &analysis.artifact));
    console.write_report(&report, options, JsonLanguage::new)
}

/// Who of the workspace uses it, and what to do.
fn payers(rows: &[LanguageRow], artifact: &Artifact) -> Page {
    let mut page = Page::new()
        .gap()
        .line("rows overlap: they do not add up", Emphasis::Faint);
    for row in rows {
        page = page.gap().line(row.name, Emphasis::Strong);
        for payer in row.payers.iter().flatten() {
            let Payer {
                name,
                owner,
                references,
            } = payer;
            let line = format!("  {:>5}  {owner}  {name}", references);
            page = page.line(printable(&line).into_owned(), Emphasis::Plain);
        }
        page = page.line(format!("  {}", row.advice), Emphasis::Faint);
    }
    page.gap().then(next(
        "cargo slim why NAME",
        artifact,
        "the chain of references that keeps a function",
    ))
}
