//! One value, many renderers: what a view found becomes a page, a JSON object, CSV or Markdown.
//!
//! A tool describes a view once: columns over its own rows make a [`Table`], text and further
//! tables make a [`Page`], and a struct with `Serialize` gives the JSON row. [`Report`] brings
//! them together and obeys the user's [`OutputOptions`]. People see the largest rows, rounded and
//! fitted to the terminal, with a row for what was cut and a total; machines see all rows, exact.
//!
//! Reports are written to a writer. Which one that is, [`Console`](crate::console::Console) knows:
//!
//! ```
//! use codecost::console::Console;
//! use codecost::report::{Cell, OutputOptions, Report, Table};
//! use serde::Serialize;
//!
//! struct Knob { key: &'static str, bytes: u64 }
//!
//! #[derive(Serialize)]
//! struct JsonKnob<'a> { key: &'a str, bytes: u64 }
//!
//! let rows = [Knob { key: "lto", bytes: 4096 }];
//! let table = Table::new(&rows)
//!     .name("key", "Key", |row| row.key.into())
//!     .number("bytes", "Saves", |row| Cell::Bytes(row.bytes))
//!     .summed();
//! let report = Report::new("cargo-tune/1", "0.1.0", "show", table).member("profile", &"release");
//!
//! let (mut console, captured) = Console::in_memory();
//! let options = OutputOptions::default();
//! console
//!     .write_report(&report, &options, |row| JsonKnob { key: row.key, bytes: row.bytes })
//!     .unwrap();
//! assert!(captured.stdout().starts_with("Key      Saves\n"));
//! ```

mod cell;
mod csv;
mod fit;
pub mod github;
mod human;
mod id;
mod json;
mod markdown;
mod names;
mod output;
mod page;
mod table;
mod warning;

pub use cell::{Cell, printable};
pub use human::Style;
pub use id::{CrateRowId, Nth, RowId, numbered};
pub use json::{JsonRow, json_text};
pub use names::{Ambiguous, CrateName, short_name, unknown_packages};
pub use output::{
    FileFlag, Format, FormatFlag, FormatFlags, GateFormatFlags, OutputOptions, RowFlags, write_file,
};
pub use page::{Emphasis, Grid, Page};
pub use table::{Selection, Table};
pub use warning::Warning;

use crate::error::{Error, Result};
use serde::Serialize;
use std::io::{self, Write};

/// A view's result, ready for any format.
pub struct Report<'a, R> {
    schema: &'static str,
    tool_version: &'static str,
    view: &'static str,
    members: Vec<(&'static str, String)>,
    table: Table<'a, R>,
    before: Page,
    after: Page,
    instead: Option<Page>,
    warnings: Vec<Warning>,
    unknowns: Vec<Warning>,
}

impl<'a, R> Report<'a, R> {
    /// A report of `table`. `schema` is the tool's (`cargo-slim/1`).
    pub fn new(
        schema: &'static str,
        tool_version: &'static str,
        view: &'static str,
        table: Table<'a, R>,
    ) -> Self {
        Self {
            schema,
            tool_version,
            view,
            members: Vec::new(),
            table,
            before: Page::new(),
            after: Page::new(),
            instead: None,
            warnings: Vec::new(),
            unknowns: Vec::new(),
        }
    }

    /// With a further member of the JSON envelope beside `rows`.
    ///
    /// The value must serialise as JSON can: maps with string keys, no failing `Serialize`; what
    /// does not becomes `null`.
    #[must_use]
    pub fn member(mut self, key: &'static str, value: &impl Serialize) -> Self {
        let json = serde_json::to_string(value).unwrap_or_else(|_| "null".into());
        self.members.push((key, json));
        self
    }

    /// With what people read above the table.
    #[must_use]
    pub fn before(mut self, page: Page) -> Self {
        self.before = self.before.then(page);
        self
    }

    /// With what people read below the table.
    #[must_use]
    pub fn after(mut self, page: Page) -> Self {
        self.after = self.after.then(page);
        self
    }

    /// With a page that people read in place of the table.
    #[must_use]
    pub fn instead(mut self, page: Page) -> Self {
        self.instead = Some(page);
        self
    }

    /// With warnings.
    #[must_use]
    pub fn warnings(mut self, warnings: impl IntoIterator<Item = Warning>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// With the causes of `null`, for programs only: where a program reads `null`, people see nothing, or
    /// `n/a` with the reason. A cause that was met no time is left out.
    #[must_use]
    pub fn unknowns(mut self, causes: impl IntoIterator<Item = Warning>) -> Self {
        let causes = causes.into_iter();
        self.unknowns
            .extend(causes.filter(|cause| cause.count != Some(0)));
        self
    }

    /// The warnings so far; the console prints them where the format does not carry them.
    pub fn all_warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Writes the report. `row` makes the JSON of one row, which streams: no tree is built.
    ///
    /// # Errors
    ///
    /// [`WriteError::Usage`] before anything is written when `--sort` names no column, else what
    /// the writer says.
    pub fn write<J: JsonRow>(
        &self,
        to: &mut dyn Write,
        options: &OutputOptions,
        style: &Style,
        row: impl FnMut(&'a R) -> J,
    ) -> Result<(), WriteError> {
        let selection = self.table.select(options).map_err(WriteError::Usage)?;
        match options.format {
            Format::Human => {
                self.page(&selection, options).write_human(style, to)?;
                to.flush()?;
            }
            Format::Markdown | Format::Github => {
                to.write_all(self.page(&selection, options).to_markdown().as_bytes())?;
                to.flush()?;
            }
            Format::Csv => csv::write(to, &self.table, &selection)?,
            Format::Json => self.write_json(to, options, &selection, row)?,
        }
        Ok(())
    }

    fn page(&self, selection: &Selection<'a, R>, options: &OutputOptions) -> Page {
        let body = match &self.instead {
            Some(page) => page.clone(),
            None => Page::new().grid(self.table.grid(selection, options.full_names)),
        };
        self.before.clone().then(body).then(self.after.clone())
    }

    fn write_json<J: JsonRow>(
        &self,
        to: &mut dyn Write,
        options: &OutputOptions,
        selection: &Selection<'a, R>,
        row: impl FnMut(&'a R) -> J,
    ) -> io::Result<()> {
        let Self {
            schema,
            tool_version,
            view,
            members,
            table,
            warnings,
            unknowns,
            ..
        } = self;
        let known = |code: &str| warnings.iter().any(|warning| warning.code == code);
        let unknowns = unknowns.iter().filter(|cause| !known(cause.code));
        let warnings: Vec<&Warning> = warnings.iter().chain(unknowns).collect();
        let head = json::Head {
            schema,
            tool_version,
            view,
            members,
        };
        let cut = |rows: &[&'a R]| json::Cut {
            rows: rows.len(),
            sums: table.sums(rows),
        };
        let mut tail = Vec::new();
        if let Some(matched) = selection.matched() {
            tail.push(("matched", cut(matched)));
        }
        if options.limit.is_some_and(|limit| limit > 0) {
            tail.push(("cut", cut(selection.cut())));
        }
        json::write(
            to,
            &head,
            selection.shown().iter().copied().map(row),
            &tail,
            &warnings,
        )
    }
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The options do not fit the view.
    #[error(transparent)]
    Usage(Error),
    /// The writer failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests;
