//! What the reports of all commands have in common.

use super::header::{self, JsonArtifact};
use crate::analysis::{Analysis, Total, model::Artifact};
use codecost::{
    report::{Emphasis, Page, Report, Table, Warning},
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
        .unknowns(unknown_build(artifact))
}

/// Why the artifact's members that cargo alone knows are `null`.
fn unknown_build(artifact: &Artifact) -> Option<Warning> {
    let members = [
        ("package", artifact.package.is_none()),
        ("target_name", artifact.target_name.is_none()),
        ("profile", artifact.profile.is_none()),
    ];
    let unknown: Vec<String> = members
        .iter()
        .filter(|(_, is_unknown)| *is_unknown)
        .map(|(name, _)| format!("`artifact.{name}`"))
        .collect();
    let message = match unknown.as_slice() {
        [] => return None,
        unknown => format!(
            "cargo did not build the file just now, and the file does not say: null in {}",
            unknown.join(", ")
        ),
    };
    Some(Warning::new("unknown-build", message).help("leave out `--file`, so that cargo builds it"))
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
