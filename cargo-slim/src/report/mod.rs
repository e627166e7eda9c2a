//! From the rows of an analysis to what a user sees. Each view describes its columns for people
//! and CSV, and its JSON row; `codecost::report` renders. Nothing is computed here beyond shares.

mod changes;
mod check;
mod comment;
mod crates;
mod data;
mod diff;
mod functions;
mod generics;
mod github;
mod header;
mod id;
mod loads;
mod names;
mod overview;
mod sections;

pub use check::write as write_check;
pub use diff::write as write_diff;

use crate::{
    analysis::{Analysis, Rows, Total},
    options::{By, Options, View},
};
use codecost::{
    Result,
    console::Console,
    report::{JsonRow, OutputOptions, Page, Report, Table},
    units::Share,
};
use serde::Serialize;

/// The version of the JSON that this tool writes.
const SCHEMA: &str = "cargo-slim/1";

/// Shows `analysis` as the options ask.
///
/// # Errors
///
/// A usage error when `--sort` names no column of the view, or the failure to write.
pub fn write(analysis: &Analysis<'_>, options: &Options, console: &mut Console) -> Result<()> {
    let to = To {
        analysis,
        options: &options.common.output,
        console,
    };
    match &analysis.rows {
        Rows::Overview(overview) => overview::write(overview, to),
        Rows::Sections(rows) => sections::write(rows, to),
        Rows::Crates(rows) => crates::write(rows, by(options.view), to),
        Rows::Functions(rows) => functions::write(rows, to),
        Rows::Generics(rows) => generics::write(rows, to),
        Rows::Data(rows) => data::write(rows, to),
        Rows::Loads(loads) => loads::write(loads, to),
    }
}

fn by(view: View) -> By {
    match view {
        View::Crates(by) => by,
        _ => By::default(),
    }
}

/// What every view needs besides its rows.
struct To<'t, 'a> {
    analysis: &'t Analysis<'a>,
    options: &'t OutputOptions,
    console: &'t mut Console,
}

impl To<'_, '_> {
    /// The report of `table` with the header, the members and the warnings that all views have.
    fn report<'r, R>(&self, view: &'static str, table: Table<'r, R>) -> Report<'r, R> {
        let Analysis {
            artifact,
            total,
            warnings,
            ..
        } = self.analysis;
        let Total { file, memory } = *total;
        Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), view, table)
            .member("artifact", &header::JsonArtifact::new(artifact))
            .member("total", &JsonTotal { file, memory })
            .before(header::page(artifact))
            .warnings(warnings.iter().cloned())
    }

    fn write<'r, R, J: JsonRow>(
        self,
        report: &Report<'r, R>,
        row: impl FnMut(&'r R) -> J,
    ) -> Result<()> {
        self.console.write_report(report, self.options, row)
    }

    /// Whether names are to be shown in full.
    fn full_names(&self) -> bool {
        self.options.full_names
    }
}

/// `total` of the envelope.
#[derive(Serialize)]
struct JsonTotal {
    file: u64,
    memory: u64,
}

/// The share of `part` in `whole`, as a fraction.
fn share(part: u64, whole: u64) -> f64 {
    Share::of(part, whole).0
}

/// A line below a table that leads on.
fn next(command: &str, what: &str) -> Page {
    use codecost::report::Emphasis;
    Page::new().line(format!("→ {command}  {what}"), Emphasis::Faint)
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
