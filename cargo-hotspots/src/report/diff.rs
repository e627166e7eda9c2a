//! `cargo hotspots diff`: where CPU time was saved or lost, or allocated bytes.

mod json;

use super::{common::SCHEMA, names::Names, recording};
use crate::analysis::model::{
    AllocatedChange, ChangeKind, ChangeRow, Changed, Comparison, Facts, Interval, Scaled,
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, Nth, OutputOptions, Page, Report, Table, numbered},
    units::{Bytes, Share, Time, counted, thousands},
};
use json::{JsonAllocated, JsonChange, whole};
use std::time::Duration;

/// The row of CPU time that was used and not sampled.
const NOT_SAMPLED: &str = "[not sampled]";

/// How many rows of each people see.
const CRATES: usize = 10;
const FUNCTIONS: usize = 15;

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
        allocated,
        scaled,
        interval,
        rows,
        warnings,
    } = comparison;
    let unit = match allocated {
        Some(_) => Unit::Bytes,
        None => Unit::Time,
    };
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
    let names = Names::among(
        functions
            .iter()
            .map(|change| (&change.row.label, change.row.name.as_str())),
    );
    let crates_table = people(&crates, "Crate", &names, full_names, unit)
        .default_limit(CRATES)
        .total_label("all crates");
    let functions_table = people(&functions, "Function", &names, full_names, unit)
        .default_limit(FUNCTIONS)
        .total_label("all functions");
    let page = Page::new()
        .heading("Crates")
        .grid(grid(crates_table)?)
        .heading("Functions")
        .grid(grid(functions_table)?)
        .gap()
        .line(verdict(&crates, unit), Emphasis::Plain)
        .line(legend(*interval, unit), Emphasis::Faint);
    let sources = |side: &[Facts]| -> Vec<String> {
        let sources = side.iter().map(|facts| facts.source.to_string_lossy());
        sources.map(Into::into).collect()
    };
    let mut report = Report::new(
        SCHEMA,
        env!("CARGO_PKG_VERSION"),
        "diff",
        machines(&changes, &names),
    );
    if let (Some(before), Some(after)) = (before.first(), after.first()) {
        report = report
            .member("recording", &recording::JsonRecording::new(after))
            .member("recording_before", &recording::JsonRecording::new(before));
    }
    let report = report
        .member("sources_before", &sources(before))
        .member("sources_after", &sources(after))
        .member("cpu_before_ns", &whole(cpu.as_ref().map(|cpu| cpu.before)))
        .member("cpu_after_ns", &whole(cpu.as_ref().map(|cpu| cpu.after)))
        .member("unit", &unit.as_str())
        .member("allocated", &allocated.as_ref().map(JsonAllocated::new))
        .member("scaled", &scaled.map(Scaled::as_str))
        .member("interval", &interval.as_str())
        .before(headline(*cpu, *allocated, *scaled))
        .before(side("before", before))
        .before(side("after", after))
        .warnings(warnings.iter().cloned())
        .instead(page);
    console.write_report(&report, options, JsonChange::new)
}

/// What the amounts are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// CPU time.
    Time,
    /// Allocated bytes.
    Bytes,
}

impl Unit {
    /// The name in JSON.
    fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Bytes => "bytes",
        }
    }
}

/// `CPU 2.59 s → 1.03 s (−60 %)`, or `allocated 26.4 MiB → 13.2 MiB (−50 %)`, and whether that is what
/// the rows compare.
fn headline(
    cpu: Option<Changed>,
    allocated: Option<AllocatedChange>,
    scaled: Option<Scaled>,
) -> Page {
    let mut page = Page::new();
    let mut line = |what: &str, changed: Changed, shown: &dyn Fn(f64) -> String| {
        let (before, after) = (shown(changed.before), shown(changed.after));
        let mut line = format!("{what} {before} → {after} ({})", percent(changed));
        if changed.plus_minus > 0.0 {
            line += &format!(", ± {}", shown(changed.plus_minus));
        }
        page = std::mem::take(&mut page).line(line, Emphasis::Strong);
    };
    if let Some(cpu) = cpu {
        line("CPU", cpu, &short);
    }
    if let Some(all) = allocated {
        let count = |count: f64| thousands(count.round() as u64);
        line("allocated", all.bytes, &|bytes| amount(bytes, Unit::Bytes));
        line("allocations", all.allocations, &count);
        line("reallocations", all.reallocations, &count);
    }
    let why = match scaled {
        None => return page.gap(),
        Some(Scaled::Asked) => "as asked",
        Some(Scaled::FixedLength) => "both are benchmarks that run for a set time",
    };
    let what = match allocated {
        Some(_) => "bytes are as if both had allocated as much",
        None => "times are as if both had taken as long",
    };
    let line = format!("compared by shares ({why}): {what}");
    page.line(line, Emphasis::Plain).gap()
}

/// A time or a size, rounded for people.
fn amount(amount: f64, unit: Unit) -> String {
    let amount = amount.max(0.0).round() as u64;
    match unit {
        Unit::Time => Time(Duration::from_nanos(amount)).to_string(),
        Unit::Bytes => Bytes(amount).to_string(),
    }
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

/// The amounts of a row in a unit.
fn amounts(row: &ChangeRow, unit: Unit) -> Option<Changed> {
    match unit {
        Unit::Time => row.time,
        Unit::Bytes => row.allocated.map(|allocated| allocated.bytes),
    }
}

fn size(amount: Option<f64>, unit: Unit) -> Cell<'static> {
    match (amount.map(|amount| amount.round() as u64), unit) {
        (None, _) => Cell::Empty,
        (Some(time), Unit::Time) => Cell::Nanoseconds(time),
        (Some(bytes), Unit::Bytes) => Cell::Bytes(bytes),
    }
}

fn change(amount: Option<Changed>, unit: Unit) -> Cell<'static> {
    match (amount.map(|amount| amount.delta().round() as i64), unit) {
        (Some(0) | None, _) => Cell::Empty,
        (Some(delta), Unit::Time) => Cell::NanosecondsDelta(delta),
        (Some(delta), Unit::Bytes) => Cell::Delta(delta),
    }
}

/// The columns that people see.
fn people<'a>(
    rows: &'a [&'a Nth<'a, ChangeRow>],
    title: &str,
    names: &'a Names<'a>,
    full_names: bool,
    unit: Unit,
) -> Table<'a, &'a Nth<'a, ChangeRow>> {
    let [delta, plus_minus, before, after] = match unit {
        Unit::Time => ["delta_ns", "ci_high_ns", "before_ns", "after_ns"],
        Unit::Bytes => [
            "delta_bytes",
            "ci_high_bytes",
            "before_bytes",
            "after_bytes",
        ],
    };
    let amounts = move |row: &&Nth<'_, ChangeRow>| amounts(row.row, unit);
    let table = Table::new(rows)
        .number(delta, "Change", move |row| change(amounts(row), unit))
        .summed()
        .number(plus_minus, "±", move |row| {
            size(amounts(row).map(|amount| amount.plus_minus), unit)
        })
        .droppable(1)
        .text("verdict", "", |row| word(row.row).into())
        .number(before, "Before", move |row| {
            size(amounts(row).map(|amount| amount.before), unit)
        })
        .summed()
        .number(after, "After", move |row| {
            size(amounts(row).map(|amount| amount.after), unit)
        })
        .summed();
    let table = match unit {
        Unit::Time => table,
        Unit::Bytes => blocks(table),
    };
    table
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
            _ => names.owner(&row.row.label),
        })
        .droppable(2)
        .name("name", title, move |row| {
            let row = row.row;
            match row.kind {
                ChangeKind::Crate => row.name.as_str().into(),
                _ => Cell::text(names.function(&row.label, &row.name, full_names)),
            }
        })
        .name("full", title, |row| row.row.name.as_str().into())
        .searched_only()
        .name("short", title, |row| short_of(row.row, names))
        .searched_only()
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

/// The columns of allocations that people see.
fn blocks<'a>(table: Table<'a, &'a Nth<'a, ChangeRow>>) -> Table<'a, &'a Nth<'a, ChangeRow>> {
    type Read = fn(&Changed) -> f64;
    let columns: [(&'static str, &'static str, Read); 2] = [
        ("allocations_before", "Blocks before", |it| it.before),
        ("allocations_after", "Blocks after", |it| it.after),
    ];
    columns
        .into_iter()
        .fold(table, |table, (key, title, read)| {
            table
                .number(key, title, move |row| match &row.row.allocated {
                    Some(all) => Cell::Count(read(&all.allocations).round() as u64),
                    None => Cell::Empty,
                })
                .summed()
                .droppable(3)
        })
}

/// The columns of CSV.
fn machines<'a>(
    rows: &'a [Nth<'a, ChangeRow>],
    names: &'a Names<'a>,
) -> Table<'a, Nth<'a, ChangeRow>> {
    type Read<C> = fn(&Changed) -> C;
    let table = Table::new(rows)
        .text("kind", "Kind", |row| row.row.kind.as_str().into())
        .text("crate", "Crate", |row| row.row.label.name.as_str().into())
        .name("name", "Name", |row| row.row.name.as_str().into())
        .name("short", "Name", |row| short_of(row.row, names))
        .searched_only();
    let times: [(&'static str, Read<f64>); 5] = [
        ("before_ns", |time| time.before),
        ("after_ns", |time| time.after),
        ("delta_ns", |time| time.delta()),
        ("ci_low_ns", |time| time.interval().0),
        ("ci_high_ns", |time| time.interval().1),
    ];
    let table = times.into_iter().fold(table, |table, (key, read)| {
        table.number(key, key, move |row| {
            match whole(row.row.time.as_ref().map(read)) {
                Some(time) => Cell::NanosecondsDelta(time),
                None => Cell::Empty,
            }
        })
    });
    let sizes: [(&'static str, Read<f64>); 5] = [
        ("before_bytes", |bytes| bytes.before),
        ("after_bytes", |bytes| bytes.after),
        ("delta_bytes", |bytes| bytes.delta()),
        ("ci_low_bytes", |bytes| bytes.interval().0),
        ("ci_high_bytes", |bytes| bytes.interval().1),
    ];
    let table = sizes.into_iter().fold(table, |table, (key, read)| {
        table.number(key, key, move |row| {
            match whole(amounts(row.row, Unit::Bytes).as_ref().map(read)) {
                Some(bytes) => Cell::Delta(bytes),
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
        .number("sampling_error", "Sampling error", |row| {
            Cell::Share(row.row.sampling_error)
        })
        .number("samples_before", "Samples before", |row| {
            Cell::Count(row.row.before.samples)
        })
        .number("samples_after", "Samples after", |row| {
            Cell::Count(row.row.after.samples)
        })
}

/// The name as people see it, unless they ask for it in full; `--filter` looks at it in each format.
fn short_of<'a>(row: &'a ChangeRow, names: &Names<'_>) -> Cell<'a> {
    match row.kind {
        ChangeKind::Crate => row.name.as_str().into(),
        _ => Cell::text(names.function(&row.label, &row.name, false)),
    }
}

/// What happened to a row, when it is more than chance.
fn word(row: &ChangeRow) -> &'static str {
    // What was not sampled is what is left of the account, and no code that could be faster.
    if row.name == NOT_SAMPLED {
        return "";
    }
    let changed = row.time.or(row.allocated.map(|allocated| allocated.bytes));
    let is_whole = changed.is_some();
    let changed = changed.unwrap_or(row.share);
    // Sums of fractions differ in their last digits: of nanoseconds and bytes these are nothing.
    if is_whole && changed.delta().abs() < 0.5 {
        return "";
    }
    match (changed.is_change(), changed.delta() > 0.0, row.time) {
        (false, ..) => "",
        (true, true, Some(_)) => "slower",
        (true, false, Some(_)) => "faster",
        (true, true, None) => "more",
        (true, false, None) => "less",
    }
}

fn legend(interval: Interval, unit: Unit) -> String {
    let what = match unit {
        Unit::Time => "charged CPU time",
        Unit::Bytes => "charged bytes, counted again for each new length",
    };
    match interval {
        Interval::Sampling => {
            format!("{what}; ± is what chance makes of so many samples, in 19 of 20 rows")
        }
        Interval::Runs => format!(
            "{what}, mean of each side; ± from how much its recordings differ, in 19 of 20 rows"
        ),
    }
}

fn verdict(crates: &[&Nth<'_, ChangeRow>], unit: Unit) -> String {
    let changed: Vec<_> = crates
        .iter()
        .filter(|change| !word(change.row).is_empty())
        .take(3)
        .map(|change| {
            let ChangeRow { name, share, .. } = change.row;
            let (before, after) = match amounts(change.row, unit) {
                Some(changed) => (amount(changed.before, unit), amount(changed.after, unit)),
                None => (
                    Share(share.before).to_string(),
                    Share(share.after).to_string(),
                ),
            };
            format!("{} in `{name}` ({before} → {after})", word(change.row))
        })
        .collect();
    match (changed.is_empty(), unit) {
        (true, Unit::Time) => "no crate's time changed by more than chance".into(),
        (true, Unit::Bytes) => "no crate's allocated bytes changed by more than chance".into(),
        (false, _) => changed.join(", "),
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
