//! What the reports of all commands have in common.

use super::header::{self, JsonArtifact};
use crate::analysis::{Analysis, Total, model::Artifact};
use codecost::{
    report::{Emphasis, Page, Report, Table},
    units::Share,
};
use serde::Serialize;

/// The version of the JSON that this tool writes.
const SCHEMA: &str = "cargo-slim/1";

/// The report of the command `view`.
pub(super) fn report<'r, R>(view: &'static str, table: Table<'r, R>) -> Report<'r, R> {
    Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), view, table)
}

/// The report of the command `view` about one file: with the header, the members and the warnings
/// that all of these have.
pub(super) fn report_of<'r, R, A>(
    analysis: &Analysis<A>,
    view: &'static str,
    table: Table<'r, R>,
) -> Report<'r, R> {
    let Analysis {
        artifact,
        total,
        rows: _,
        warnings,
    } = analysis;
    let Total {
        file,
        shipped,
        memory,
    } = *total;
    report(view, table)
        .member("artifact", &JsonArtifact::new(artifact))
        .member(
            "total",
            &JsonTotal {
                file,
                shipped,
                memory,
            },
        )
        .before(header::page(artifact))
        .warnings(warnings.iter().cloned())
}

/// `total` of the envelope.
#[derive(Serialize)]
struct JsonTotal {
    file: u64,
    shipped: Option<u64>,
    memory: u64,
}

/// The share of `part` in `whole`, as a fraction.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    Share::of(part, whole).0
}

/// A line below a table that leads on.
pub(super) fn next(command: &str, artifact: &Artifact, what: &str) -> Page {
    let space = if artifact.flags.is_empty() { "" } else { " " };
    let text = format!("→ {command}{space}{}  {what}", artifact.flags);
    Page::new().line(text, Emphasis::Faint)
}
