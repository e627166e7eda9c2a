//! `cargo hotspots diff`: what takes a larger or smaller share of the time than before.

use super::{common::SCHEMA, recording};
use crate::analysis::model::{ChangeKind, ChangeRow, Comparison, Weight};
use codecost::{
    Result,
    console::Console,
    report::{
        Cell, CrateName, CrateRowId, Emphasis, Nth, OutputOptions, Page, Report, RowId, Table,
        numbered, short_name,
    },
    units::Share,
};
use serde::Serialize;

/// How many rows of each people see.
const CRATES: usize = 10;
const FUNCTIONS: usize = 15;

/// One row in JSON. `before` and `after` are charged shares, each of its own recording.
#[derive(Serialize)]
struct JsonChange<'a> {
    id: String,
    kind: &'static str,
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    version_before: Option<&'a str>,
    version_after: Option<&'a str>,
    before: f64,
    after: f64,
    delta: f64,
    /// Only repeated runs have an interval.
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    /// What chance alone makes of so many samples, in 19 of 20 cases, either way.
    sampling_error: f64,
    samples_before: u64,
    samples_after: u64,
}

impl<'a> JsonChange<'a> {
    fn new(change: &'a Change<'a>) -> Self {
        let Change {
            row:
                Nth {
                    row:
                        ChangeRow {
                            kind,
                            name,
                            label,
                            version_before,
                            version_after,
                            before,
                            after,
                        },
                    nth,
                },
            before: share_before,
            after: share_after,
            chance,
        } = change;
        // Versions change from one recording to the next.
        let owner = CrateName {
            version: None,
            ..label.as_name()
        };
        Self {
            id: match kind {
                ChangeKind::Crate => CrateRowId(owner, *nth).to_string(),
                _ => RowId {
                    kind: kind.as_str(),
                    owner: &label.name,
                    name,
                    nth: *nth,
                }
                .to_string(),
            },
            kind: kind.as_str(),
            name,
            owner: &label.name,
            version_before: version_before.as_deref(),
            version_after: version_after.as_deref(),
            before: *share_before,
            after: *share_after,
            delta: share_after - share_before,
            ci_low: None,
            ci_high: None,
            sampling_error: *chance,
            samples_before: before.samples,
            samples_after: after.samples,
        }
    }
}

/// A row with its shares.
struct Change<'a> {
    row: Nth<'a, ChangeRow>,
    before: f64,
    after: f64,
    chance: f64,
}

impl Change<'_> {
    fn delta(&self) -> f64 {
        self.after - self.before
    }

    /// Whether it is more than chance makes of equal programs.
    fn is_change(&self) -> bool {
        self.delta().abs() > self.chance
    }
}

/// Twice the standard error of the difference of two shares, each counted in samples.
fn chance(before: f64, after: f64, samples: (u64, u64)) -> f64 {
    let variance = |share: f64, samples: u64| share * (1.0 - share) / samples.max(1) as f64;
    let sum = variance(before, samples.0) + variance(after, samples.1);
    1.96 * sum.max(0.0).sqrt()
}

/// Shows two recordings beside each other.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    comparison: &Comparison,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Comparison {
        before,
        after,
        total_before,
        total_after,
        rows,
        warnings,
    } = comparison;
    let share = |weight: Weight, total: &Weight| Share::of(weight.period, total.period).0;
    let changes: Vec<Change<'_>> =
        numbered(rows, |row| [row.kind.as_str(), &row.label.name, &row.name])
            .into_iter()
            .map(|row| {
                let (first, second) = (
                    share(row.row.before, total_before),
                    share(row.row.after, total_after),
                );
                Change {
                    row,
                    before: first,
                    after: second,
                    chance: chance(first, second, (total_before.samples, total_after.samples)),
                }
            })
            .collect();
    let (crates, others): (Vec<&Change<'_>>, Vec<_>) = changes
        .iter()
        .partition(|change| change.row.row.kind == ChangeKind::Crate);
    let functions: Vec<&Change<'_>> = others
        .into_iter()
        .filter(|change| change.row.row.kind == ChangeKind::Function)
        .collect();
    let grid = |table: Table<'_, &Change<'_>>| -> Result<_> {
        Ok(table.grid(&table.select(options)?, options.full_names))
    };
    let full_names = options.full_names;
    let crates_table = people(&crates, "Crate", full_names)
        .default_limit(CRATES)
        .total_label("all crates");
    let functions_table = people(&functions, "Function", full_names)
        .default_limit(FUNCTIONS)
        .total_label("all functions");
    let page = Page::new()
        .heading("Crates")
        .grid(grid(crates_table)?)
        .heading("Functions")
        .grid(grid(functions_table)?)
        .gap()
        .line(verdict(&crates), Emphasis::Plain)
        .line(
            "charged shares, each of its own recording; ± is what chance makes of so many samples",
            Emphasis::Faint,
        );
    let report = Report::new(
        SCHEMA,
        env!("CARGO_PKG_VERSION"),
        "diff",
        machines(&changes),
    )
    .member("recording", &recording::JsonRecording::new(after))
    .member("recording_before", &recording::JsonRecording::new(before))
    .before(Page::new().line("before", Emphasis::Strong))
    .before(recording::page(before))
    .before(Page::new().gap().line("after", Emphasis::Strong))
    .before(recording::page(after))
    .warnings(warnings.iter().cloned())
    .instead(page);
    console.write_report(&report, options, JsonChange::new)
}

/// The columns that people see.
fn people<'a>(
    rows: &'a [&'a Change<'a>],
    title: &str,
    full_names: bool,
) -> Table<'a, &'a Change<'a>> {
    Table::new(rows)
        .number("delta", "Change", |row| match row.delta() {
            0.0 => Cell::Empty,
            delta => Cell::Change(delta),
        })
        .number("sampling_error", "±", |row| Cell::Share(row.chance))
        .droppable(1)
        .text("verdict", "", |row| match row.is_change() {
            true if row.delta() > 0.0 => "more".into(),
            true => "less".into(),
            false => "".into(),
        })
        .number("before", "Before", |row| Cell::Share(row.before))
        .summed()
        .number("after", "After", |row| Cell::Share(row.after))
        .summed()
        // A crate's name says it already; a column without content is not shown.
        .text("crate", "Crate", |row| match row.row.row.kind {
            ChangeKind::Crate => Cell::Empty,
            _ => row.row.row.label.name.as_str().into(),
        })
        .droppable(2)
        .name("name", title, move |row| {
            let row = row.row.row;
            match full_names || row.kind == ChangeKind::Crate {
                true => row.name.as_str().into(),
                false => Cell::text(short_name(&row.name, row.label.as_name())),
            }
        })
        .text("version", "Version", |row| {
            let row = row.row.row;
            match (&row.version_before, &row.version_after) {
                (Some(before), Some(after)) if before != after => {
                    Cell::text(format!("{before} → {after}"))
                }
                (before, after) => Cell::maybe_text(after.as_deref().or(before.as_deref())),
            }
        })
        .droppable(3)
}

/// The columns of CSV.
fn machines<'a>(rows: &'a [Change<'a>]) -> Table<'a, Change<'a>> {
    let share = |key: &'static str, read: fn(&Change<'_>) -> f64| (key, read);
    let table = Table::new(rows)
        .text("kind", "Kind", |row| row.row.row.kind.as_str().into())
        .text("crate", "Crate", |row| {
            row.row.row.label.name.as_str().into()
        })
        .name("name", "Name", |row| row.row.row.name.as_str().into());
    [
        share("before", |row| row.before),
        share("after", |row| row.after),
        share("delta", |row| row.delta()),
        share("sampling_error", |row| row.chance),
    ]
    .into_iter()
    .fold(table, |table, (key, read)| {
        table.number(key, key, move |row| Cell::Share(read(row)))
    })
    // Only repeated runs have an interval.
    .number("ci_low", "Low", |_| Cell::Empty)
    .number("ci_high", "High", |_| Cell::Empty)
    .number("samples_before", "Samples before", |row| {
        Cell::Count(row.row.row.before.samples)
    })
    .number("samples_after", "Samples after", |row| {
        Cell::Count(row.row.row.after.samples)
    })
}

fn verdict(crates: &[&Change<'_>]) -> String {
    let changed: Vec<_> = crates
        .iter()
        .filter(|change| change.is_change())
        .take(3)
        .map(|change| {
            let more = if change.delta() > 0.0 { "more" } else { "less" };
            format!(
                "{more} in `{}` ({} → {})",
                change.row.row.name,
                Share(change.before),
                Share(change.after)
            )
        })
        .collect();
    match changed.is_empty() {
        true => "no crate's share changed by more than chance".into(),
        false => changed.join(", "),
    }
}
