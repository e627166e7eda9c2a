//! `cargo hotspots diff`: where CPU time was saved or lost.

use super::{common::SCHEMA, recording};
use crate::analysis::model::{ChangeKind, ChangeRow, Changed, Comparison, Facts, Interval, Scaled};
use codecost::{
    Result,
    console::Console,
    report::{
        Cell, CrateName, CrateRowId, Emphasis, Nth, OutputOptions, Page, Report, RowId, Table,
        numbered, short_name,
    },
    units::{Share, Time, counted},
};
use serde::Serialize;
use std::time::Duration;

/// How many rows of each people see.
const CRATES: usize = 10;
const FUNCTIONS: usize = 15;

/// One row in JSON. `before` and `after` are charged shares, each of its own recordings; those in
/// nanoseconds are null where the recordings do not say how much CPU time was used.
#[derive(Serialize)]
struct JsonChange<'a> {
    id: String,
    kind: &'static str,
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    version_before: Option<&'a str>,
    version_after: Option<&'a str>,
    before_ns: Option<i64>,
    after_ns: Option<i64>,
    delta_ns: Option<i64>,
    ci_low_ns: Option<i64>,
    ci_high_ns: Option<i64>,
    before: f64,
    after: f64,
    delta: f64,
    ci_low: f64,
    ci_high: f64,
    /// What chance alone makes of so many samples, in 19 of 20 cases, either way.
    sampling_error: f64,
    samples_before: u64,
    samples_after: u64,
}

/// `cpu_before_ns` and the like; null where it is not known.
fn nanoseconds(figure: Option<f64>) -> Option<i64> {
    // Saturates: a duration that long is none.
    figure.map(|figure| figure.round() as i64)
}

impl<'a> JsonChange<'a> {
    fn new(change: &Nth<'a, ChangeRow>, samples: Samples) -> Self {
        let Nth {
            row:
                ChangeRow {
                    kind,
                    name,
                    label,
                    version_before,
                    version_after,
                    before,
                    after,
                    share,
                    time,
                },
            nth,
        } = change;
        // Versions change from one recording to the next.
        let owner = CrateName {
            version: None,
            ..label.as_name()
        };
        let (ci_low, ci_high) = share.interval();
        let interval = time.map(Changed::interval);
        let before_ns = nanoseconds(time.map(|time| time.before));
        let after_ns = nanoseconds(time.map(|time| time.after));
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
            before_ns,
            after_ns,
            delta_ns: before_ns
                .zip(after_ns)
                .map(|(before, after)| after - before),
            ci_low_ns: nanoseconds(interval.map(|(low, _)| low)),
            ci_high_ns: nanoseconds(interval.map(|(_, high)| high)),
            before: share.before,
            after: share.after,
            delta: share.delta(),
            ci_low,
            ci_high,
            sampling_error: samples.chance(*share),
            samples_before: before.samples,
            samples_after: after.samples,
        }
    }
}

/// All samples of each side.
#[derive(Clone, Copy)]
struct Samples {
    before: u64,
    after: u64,
}

impl Samples {
    fn of(before: &[Facts], after: &[Facts]) -> Self {
        let sum = |side: &[Facts]| side.iter().map(|facts| facts.samples).sum();
        Self {
            before: sum(before),
            after: sum(after),
        }
    }

    /// Twice the standard error of the difference of two shares, each counted in samples.
    fn chance(self, share: Changed) -> f64 {
        let variance = |share: f64, samples: u64| share * (1.0 - share) / samples.max(1) as f64;
        let sum = variance(share.before, self.before) + variance(share.after, self.after);
        1.96 * sum.max(0.0).sqrt()
    }
}

/// Shows both sides beside each other.
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
        cpu,
        scaled,
        interval,
        rows,
        warnings,
    } = comparison;
    let samples = Samples::of(before, after);
    let changes = numbered(rows, |row| [row.kind.as_str(), &row.label.name, &row.name]);
    let of_kind = |kind: ChangeKind| -> Vec<&Nth<'_, ChangeRow>> {
        let rows = changes.iter();
        rows.filter(|change| change.row.kind == kind).collect()
    };
    let (crates, functions) = (of_kind(ChangeKind::Crate), of_kind(ChangeKind::Function));
    let full_names = options.full_names;
    let grid = |table: Table<'_, &Nth<'_, ChangeRow>>| -> Result<_> {
        Ok(table.grid(&table.select(options)?, full_names))
    };
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
        .line(legend(*interval), Emphasis::Faint);
    let sources = |side: &[Facts]| -> Vec<String> {
        let sources = side.iter().map(|facts| facts.source.to_string_lossy());
        sources.map(Into::into).collect()
    };
    let mut report = Report::new(
        SCHEMA,
        env!("CARGO_PKG_VERSION"),
        "diff",
        machines(&changes, samples),
    );
    if let (Some(before), Some(after)) = (before.first(), after.first()) {
        report = report
            .member("recording", &recording::JsonRecording::new(after))
            .member("recording_before", &recording::JsonRecording::new(before));
    }
    let report = report
        .member("sources_before", &sources(before))
        .member("sources_after", &sources(after))
        .member(
            "cpu_before_ns",
            &nanoseconds(cpu.as_ref().map(|cpu| cpu.before)),
        )
        .member(
            "cpu_after_ns",
            &nanoseconds(cpu.as_ref().map(|cpu| cpu.after)),
        )
        .member("scaled", &scaled.map(Scaled::as_str))
        .member("interval", &interval.as_str())
        .before(headline(*cpu, *scaled))
        .before(side("before", before))
        .before(side("after", after))
        .warnings(warnings.iter().cloned())
        .instead(page);
    console.write_report(&report, options, |row| JsonChange::new(row, samples))
}

/// `CPU 2.59 s → 1.03 s (−60 %)`, and whether that is what the rows compare.
fn headline(cpu: Option<Changed>, scaled: Option<Scaled>) -> Page {
    let mut page = Page::new();
    if let Some(cpu) = cpu {
        let (before, after) = (short(cpu.before), short(cpu.after));
        let mut line = format!("CPU {before} → {after} ({})", percent(cpu));
        if cpu.plus_minus > 0.0 {
            line += &format!(", ± {}", short(cpu.plus_minus));
        }
        page = page.line(line, Emphasis::Strong);
    }
    let why = match scaled {
        None => return page.gap(),
        Some(Scaled::Asked) => "as asked",
        Some(Scaled::FixedLength) => "both are benchmarks that run for a set time",
    };
    let line = format!("compared by shares ({why}): times are as if both had taken as long");
    page.line(line, Emphasis::Plain).gap()
}

/// Three digits of a duration: `2.59 s`.
fn short(nanoseconds: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let unit = units.iter().find(|(size, _)| nanoseconds >= size * 0.9995);
    let (size, name) = unit.copied().unwrap_or((1.0, "ns"));
    let value = nanoseconds / size;
    let decimals = match value {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {name}")
}

/// `−60 %`.
fn percent(cpu: Changed) -> String {
    if cpu.before <= 0.0 {
        return "n/a".into();
    }
    let percent = (cpu.after / cpu.before - 1.0) * 100.0;
    let decimals = usize::from(percent.abs() < 9.95);
    let text = format!("{:.decimals$}", percent.abs());
    let sign = match percent {
        _ if text.trim_start_matches(['0', '.']).is_empty() => "±",
        percent if percent < 0.0 => "−",
        _ => "+",
    };
    format!("{sign}{text} %")
}

/// The header of a side: its first recording, and how many more there are.
fn side(name: &str, side: &[Facts]) -> Page {
    let more = match side.len() {
        0 | 1 => String::new(),
        more => format!(", the first of {}", counted(more as u64, "recording")),
    };
    let page = Page::new().line(format!("{name}{more}"), Emphasis::Strong);
    match side.first() {
        Some(facts) => page.then(recording::page(facts)).gap(),
        None => page,
    }
}

fn time(nanoseconds: Option<f64>) -> Cell<'static> {
    match nanoseconds {
        Some(time) => Cell::Nanoseconds(time.round() as u64),
        None => Cell::Empty,
    }
}

fn change(time: Option<Changed>) -> Cell<'static> {
    match time.map(|time| time.delta().round() as i64) {
        Some(0) | None => Cell::Empty,
        Some(delta) => Cell::NanosecondsDelta(delta),
    }
}

/// The columns that people see.
fn people<'a>(
    rows: &'a [&'a Nth<'a, ChangeRow>],
    title: &str,
    full_names: bool,
) -> Table<'a, &'a Nth<'a, ChangeRow>> {
    Table::new(rows)
        .number("delta_ns", "Change", |row| change(row.row.time))
        .summed()
        .number("ci_high_ns", "±", |row| {
            time(row.row.time.map(|time| time.plus_minus))
        })
        .droppable(1)
        .text("verdict", "", |row| word(row.row).into())
        .number("before_ns", "Before", |row| {
            time(row.row.time.map(|time| time.before))
        })
        .summed()
        .number("after_ns", "After", |row| {
            time(row.row.time.map(|time| time.after))
        })
        .summed()
        .number("before", "Share before", |row| {
            Cell::Share(row.row.share.before)
        })
        .summed()
        .droppable(4)
        .number("after", "Share after", |row| {
            Cell::Share(row.row.share.after)
        })
        .summed()
        .droppable(4)
        .number("delta", "Share's change", |row| {
            Cell::Share(row.row.share.delta())
        })
        .machines_only()
        // A crate's name says it already; a column without content is not shown.
        .text("crate", "Crate", |row| match row.row.kind {
            ChangeKind::Crate => Cell::Empty,
            _ => row.row.label.name.as_str().into(),
        })
        .droppable(2)
        .name("name", title, move |row| {
            let row = row.row;
            match full_names || row.kind == ChangeKind::Crate {
                true => row.name.as_str().into(),
                false => Cell::text(short_name(&row.name, row.label.as_name())),
            }
        })
        .text("version", "Version", |row| {
            let row = row.row;
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
fn machines<'a>(rows: &'a [Nth<'a, ChangeRow>], samples: Samples) -> Table<'a, Nth<'a, ChangeRow>> {
    type Read<C> = fn(&Changed) -> C;
    let table = Table::new(rows)
        .text("kind", "Kind", |row| row.row.kind.as_str().into())
        .text("crate", "Crate", |row| row.row.label.name.as_str().into())
        .name("name", "Name", |row| row.row.name.as_str().into());
    let times: [(&'static str, Read<f64>); 5] = [
        ("before_ns", |time| time.before),
        ("after_ns", |time| time.after),
        ("delta_ns", |time| time.delta()),
        ("ci_low_ns", |time| time.interval().0),
        ("ci_high_ns", |time| time.interval().1),
    ];
    let table = times.into_iter().fold(table, |table, (key, read)| {
        table.number(key, key, move |row| {
            match nanoseconds(row.row.time.as_ref().map(read)) {
                Some(time) => Cell::NanosecondsDelta(time),
                None => Cell::Empty,
            }
        })
    });
    let shares: [(&'static str, Read<f64>); 5] = [
        ("before", |share| share.before),
        ("after", |share| share.after),
        ("delta", |share| share.delta()),
        ("ci_low", |share| share.interval().0),
        ("ci_high", |share| share.interval().1),
    ];
    let table = shares.into_iter().fold(table, |table, (key, read)| {
        table.number(key, key, move |row| Cell::Share(read(&row.row.share)))
    });
    table
        .number("sampling_error", "Sampling error", move |row| {
            Cell::Share(samples.chance(row.row.share))
        })
        .number("samples_before", "Samples before", |row| {
            Cell::Count(row.row.before.samples)
        })
        .number("samples_after", "Samples after", |row| {
            Cell::Count(row.row.after.samples)
        })
}

/// What happened to a row, when it is more than chance.
fn word(row: &ChangeRow) -> &'static str {
    let changed = row.time.unwrap_or(row.share);
    match (changed.is_change(), changed.delta() > 0.0, row.time) {
        (false, ..) => "",
        (true, true, Some(_)) => "slower",
        (true, false, Some(_)) => "faster",
        (true, true, None) => "more",
        (true, false, None) => "less",
    }
}

fn legend(interval: Interval) -> &'static str {
    match interval {
        Interval::Sampling => {
            "charged CPU time; ± is what chance makes of so many samples, in 19 of 20 cases"
        }
        Interval::Runs => {
            "charged CPU time, mean of each side; ± from how much its recordings differ, in 19 of \
             20 cases"
        }
    }
}

fn verdict(crates: &[&Nth<'_, ChangeRow>]) -> String {
    let span = |nanoseconds: f64| Time(Duration::from_nanos(nanoseconds.max(0.0) as u64));
    let changed: Vec<_> = crates
        .iter()
        .filter(|change| !word(change.row).is_empty())
        .take(3)
        .map(|change| {
            let ChangeRow {
                name, share, time, ..
            } = change.row;
            let (before, after) = match time {
                Some(time) => (span(time.before).to_string(), span(time.after).to_string()),
                None => (
                    Share(share.before).to_string(),
                    Share(share.after).to_string(),
                ),
            };
            format!("{} in `{name}` ({before} → {after})", word(change.row))
        })
        .collect();
    match changed.is_empty() {
        true => "no crate's time changed by more than chance".into(),
        false => changed.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_has_three_digits_and_a_sign() {
        let cpu = |before: f64, after: f64| {
            let changed = Changed {
                before,
                after,
                plus_minus: 0.0,
            };
            format!(
                "{} → {} ({})",
                short(before),
                short(after),
                percent(changed)
            )
        };
        assert_eq!(cpu(2.59e9, 1.03e9), "2.59 s → 1.03 s (−60 %)");
        assert_eq!(cpu(2.594e8, 2.6e8), "259 ms → 260 ms (+0.2 %)");
        assert_eq!(cpu(12.345e9, 12.345e9), "12.3 s → 12.3 s (±0.0 %)");
        assert_eq!(cpu(999.96e6, 0.0), "1.00 s → 0.00 ns (−100 %)");
        assert_eq!(cpu(0.0, 5e3), "0.00 ns → 5.00 µs (n/a)");
    }
}
