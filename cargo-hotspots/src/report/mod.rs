//! From the rows of an analysis to what a user sees. Each view describes its columns for people
//! and CSV, and its JSON row; `codecost::report` renders. Nothing is computed here beyond shares.
//! Every report opens with the quality of its data.

pub mod asm;
mod calls;
mod crates;
mod diff;
mod doctor;
mod functions;
mod lines;
mod overview;
mod recording;
mod threads;

pub use diff::write as write_diff;
pub use doctor::write as write_doctor;
pub use recording::{subtitle, title};

use crate::analysis::{
    Analysis, Rows,
    model::{CrateInfo, Facts, Weight},
};
use crate::shell::quoted;
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, OutputOptions, Page, Report, Table, Warning},
    units::Share,
};
use serde::Serialize;

/// The version of the JSON that this tool writes.
const SCHEMA: &str = "cargo-hotspots/1";

/// Shows `analysis` as the options ask.
///
/// # Errors
///
/// A usage error when `--sort` names no column of the view, or the failure to write.
pub fn write(
    analysis: &Analysis,
    again: &str,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let to = To {
        analysis,
        again,
        options,
        console,
    };
    match &analysis.rows {
        Rows::Overview(overview) => overview::write(overview, to),
        Rows::Crates(rows) => crates::write(rows, to),
        Rows::Functions(rows) => functions::write(rows, to),
        Rows::Lines(rows) => lines::write(rows, to),
        Rows::Callers(calls) => calls::write(calls, "callers", to),
        Rows::Callees(calls) => calls::write(calls, "callees", to),
        Rows::Threads(rows) => threads::write(rows, to),
    }
}

/// A report of `table` with the header, the members and the warnings that all views have.
pub fn report<'r, R>(
    facts: &Facts,
    warnings: &[Warning],
    view: &'static str,
    table: Table<'r, R>,
) -> Report<'r, R> {
    Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), view, table)
        .member("recording", &recording::JsonRecording::new(facts))
        .before(recording::page(facts))
        .warnings(warnings.iter().cloned())
}

/// What every view needs besides its rows.
struct To<'t> {
    analysis: &'t Analysis,
    /// The flags that open this recording again.
    again: &'t str,
    options: &'t OutputOptions,
    console: &'t mut Console,
}

impl<'t> To<'t> {
    fn report<'r, R>(&self, view: &'static str, table: Table<'r, R>) -> Report<'r, R> {
        report(&self.analysis.facts, &self.analysis.warnings, view, table)
    }

    fn write<'r, R, J: Serialize>(
        self,
        report: &Report<'r, R>,
        row: impl FnMut(&'r R) -> J,
    ) -> Result<()> {
        self.console.write_report(report, self.options, row)
    }

    /// The whole.
    fn total(&self) -> Weight {
        self.analysis.total
    }
}

/// The share of `part` in the whole, as a fraction.
fn share(part: u64, total: Weight) -> f64 {
    Share::of(part, total.period).0
}

/// A share that is nothing is left blank for people, so that those that are something stand out.
fn part(part: u64, total: Weight) -> Cell<'static> {
    if part == 0 {
        Cell::Empty
    } else {
        Cell::Share(share(part, total))
    }
}

/// A line below a table that leads on.
fn next(command: &str, what: &str) -> Page {
    Page::new().line(format!("→ {command}  {what}"), Emphasis::Faint)
}

/// The name of a crate with what tells it from another of the same name.
fn label_key(label: &CrateInfo) -> [&str; 3] {
    [
        &label.name,
        label.version.as_deref().unwrap_or(""),
        label.origin.as_str(),
    ]
}

#[cfg(test)]
mod tests;
