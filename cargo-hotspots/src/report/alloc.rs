//! `cargo hotspots alloc`: who allocates, in blocks and bytes.

use super::{
    common::{label_key, next, report, unknown_lines},
    names::Names,
    recording,
};
use crate::{
    allocations::Totals,
    analysis::{
        alloc::{AllocFinding, AllocRow, AllocTable, By, Figures, TimeOf, Unit},
        model::{Analysis, CrateInfo, Facts},
    },
};
use codecost::{
    Result,
    console::Console,
    report::{
        Cell, CrateRowId, Emphasis, Nth, OutputOptions, Page, RowId, Table, Warning, numbered,
        printable, unknown_packages,
    },
    units::{Bytes, Share, counted, thousands},
};
use serde::Serialize;

/// How many rows people see of each.
const CRATES: usize = 10;
const FUNCTIONS: usize = 20;

/// One row in JSON. Shares are of the unit; the counts are those by `by`.
#[derive(Serialize)]
struct JsonAlloc<'a> {
    id: String,
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    package: Option<&'a str>,
    version: Option<&'a str>,
    origin: &'static str,
    allocations: u64,
    bytes: u64,
    peak_bytes: u64,
    leaked_bytes: u64,
    /// `null` where the file does not tell them from allocations; so is `short_lived`.
    reallocations: Option<u64>,
    short_lived: Option<u64>,
    #[serde(rename = "self")]
    own: f64,
    charged: f64,
    caused: f64,
    /// Of the share by `by`.
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    samples: u64,
    file: Option<&'a str>,
    line: Option<u32>,
}

#[derive(Serialize)]
struct JsonTotals {
    allocations: u64,
    /// These and the others that can be `null` are so in another tool's file.
    reallocations: Option<u64>,
    frees: Option<u64>,
    bytes: u64,
    peak_bytes: u64,
    leaked_bytes: u64,
    threads: Option<u64>,
    forks: Option<u64>,
    samples: u64,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    code: &'static str,
    title: &'a str,
    function: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    count: u64,
    bytes: u64,
    share: f64,
    /// The part of the CPU time that the allocator takes there; `null` without a recording of time.
    time_share: Option<f64>,
    evidence: &'a [String],
    command: &'a str,
}

impl<'a> JsonAlloc<'a> {
    fn new(row: &Nth<'a, AllocRow>, is_crate: bool, told_apart: bool) -> Self {
        let AllocRow {
            name,
            label,
            file,
            line,
            figures,
            samples,
            own,
            charged,
            caused,
            interval,
        } = row.row;
        let Figures {
            allocations,
            reallocations,
            bytes,
            peak_bytes,
            leaked_bytes,
            short_lived,
        } = *figures;
        let CrateInfo {
            role: _,
            name: owner,
            package,
            version,
            origin,
        } = label;
        Self {
            id: match is_crate {
                true => CrateRowId(label.as_name(), row.nth).to_string(),
                false => RowId {
                    kind: "function",
                    owner,
                    name,
                    nth: row.nth,
                }
                .to_string(),
            },
            name,
            owner,
            package: package.as_deref(),
            version: version.as_deref(),
            origin: origin.as_str(),
            allocations,
            bytes,
            peak_bytes,
            leaked_bytes,
            reallocations: told_apart.then_some(reallocations),
            short_lived: told_apart.then_some(short_lived),
            own: *own,
            charged: *charged,
            caused: *caused,
            ci_low: interval.map(|(low, _)| low),
            ci_high: interval.map(|(_, high)| high),
            samples: *samples,
            file: file.as_deref(),
            line: *line,
        }
    }
}

impl JsonTotals {
    fn new(totals: &Totals, told_apart: bool) -> Self {
        let Totals {
            allocations,
            reallocations,
            frees,
            bytes,
            peak_bytes,
            leaked_bytes,
            threads,
            forks,
            samples,
            lost: _,
            complete: _,
            ended: _,
            interval: _,
            stacks: _,
        } = *totals;
        let known = |value| told_apart.then_some(value);
        Self {
            allocations,
            reallocations: known(reallocations),
            // heaptrack has these.
            frees: Some(frees).filter(|frees| told_apart || *frees > 0),
            bytes,
            peak_bytes,
            leaked_bytes,
            threads: known(threads),
            forks: known(forks),
            samples,
        }
    }
}

impl<'a> JsonFinding<'a> {
    fn new(finding: &'a AllocFinding) -> Self {
        let AllocFinding {
            kind,
            title,
            function,
            file,
            line,
            count,
            bytes,
            share,
            time_share,
            evidence,
            command,
        } = finding;
        Self {
            code: kind.code(),
            title,
            function,
            file: file.as_deref(),
            line: *line,
            count: *count,
            bytes: *bytes,
            share: *share,
            time_share: *time_share,
            evidence,
            command,
        }
    }
}

/// Shows the rows as the options ask.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<AllocTable>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let AllocTable {
        by,
        growth,
        unit,
        totals,
        estimated,
        time,
        told_apart,
        unseen_bytes,
        rows,
        crates,
        findings,
    } = &analysis.rows;
    let functions = numbered(rows, |row| [&row.label.name, &row.name]);
    let crates = numbered(crates, |row| label_key(&row.label));
    let names = Names::among(rows.iter().map(|row| (&row.label, row.name.as_str())));
    // A function that allocates only on behalf of others has a share by itself, and no figures by this
    // measure: a row for machines, and none for people.
    let is_shown = |row: &Nth<'_, AllocRow>| {
        options.format.is_for_machines() || row.row.figures != Figures::default()
    };
    let functions: Vec<_> = functions.into_iter().filter(is_shown).collect();
    let functions_table = table(&functions, *by, *unit, Some(&names), options.full_names)
        .default_limit(FUNCTIONS)
        .total_label("all functions");
    let shown: Vec<_> = crates
        .iter()
        .map(|row| Nth {
            row: row.row,
            nth: row.nth,
        })
        .filter(is_shown)
        .collect();
    let crates_table = table(&shown, *by, *unit, None, options.full_names)
        .default_limit(CRATES)
        .total_label("all crates");
    let beside = OutputOptions {
        sort: None,
        ..options.clone()
    };
    let page = Page::new()
        .heading("Crates")
        .grid(crates_table.grid(&crates_table.select(&beside)?, options.full_names))
        .heading("Functions")
        .grid(functions_table.grid(&functions_table.select(options)?, options.full_names))
        .then(findings_page(findings))
        .then(recording::notes(&analysis.facts))
        .gap()
        .then(next(
            &format!(
                "cargo hotspots flamegraph -o alloc.svg{}",
                analysis.facts.input_flag
            ),
            "by bytes; also crates, functions, lines, callers, callees, export, diff",
        ));
    let crate_rows: Vec<_> = crates
        .iter()
        .map(|row| JsonAlloc::new(row, true, *told_apart))
        .collect();
    let findings: Vec<_> = findings.iter().map(JsonFinding::new).collect();
    let report = report(analysis, "alloc", functions_table)
        .unknowns(unknown_lines(
            rows.iter().map(|row| (&row.label, row.file.is_some())),
        ))
        .unknowns([unknown_packages(rows.iter().map(|row| &row.label))])
        .unknowns(time.is_none().then(|| {
            let what = "no recording of the time of this command is kept: `time_share` is null";
            Warning::new("no-time-recording", what).help("record it once without `alloc`")
        }))
        .member("by", &by.as_str())
        .member("growth", &growth.as_str())
        .member("unit", &unit.as_str())
        .member("estimated", estimated)
        .member("time_share", &time.as_ref().map(|time| time.share))
        .member("unseen_bytes", unseen_bytes)
        .member("totals", &JsonTotals::new(totals, *told_apart))
        .member("crates", &crate_rows)
        .member("findings", &findings)
        .before(Page::new().facts(facts(totals, *told_apart, time.as_ref(), &analysis.facts)))
        .instead(page);
    console.write_report(&report, options, |row| {
        JsonAlloc::new(row, false, *told_apart)
    })
}

/// The exact figures, and how exact the rows are.
fn facts(
    totals: &Totals,
    told_apart: bool,
    time: Option<&TimeOf>,
    facts: &Facts,
) -> Vec<(String, String)> {
    let grown = match told_apart {
        true => format!(" and {}", counted(totals.reallocations, "reallocation")),
        false => ", reallocations among them".to_owned(),
    };
    let made = format!(
        "{} in {}{grown}, {} at the peak, {} never freed",
        Bytes(totals.bytes),
        counted(totals.allocations, "allocation"),
        Bytes(totals.peak_bytes),
        Bytes(totals.leaked_bytes)
    );
    let losses = facts.quality.losses;
    let not_whole = losses.unrooted.saturating_add(losses.truncated);
    let not_whole = Share::of(not_whole.max(losses.broken), facts.samples);
    let rows = if facts.has_totals_only() {
        "none: without call stacks only these totals are known".to_owned()
    } else if totals.complete == 0 {
        format!(
            "estimates, from {} stacks, brought to these totals, which are counted",
            thousands(totals.samples)
        )
    } else if !facts.call_graph.has_known_ends() {
        "each allocation has its stack".to_owned()
    } else if not_whole.0 > 0.0 {
        format!("each allocation has its stack, and {not_whole} of these are not whole")
    } else {
        "exact: each allocation has its stack".to_owned()
    };
    let mut lines = vec![("allocated".into(), made), ("rows".into(), rows)];
    if let Some(time) = time {
        let number = time.number.map(|number| format!(", by recording {number}"));
        let text = format!(
            "{} of the CPU time is in the allocator{}",
            Share(time.share),
            number.unwrap_or_default()
        );
        lines.push(("time".into(), text));
    }
    lines
}

fn table<'a>(
    rows: &'a [Nth<'a, AllocRow>],
    by: By,
    unit: Unit,
    names: Option<&'a Names<'a>>,
    full_names: bool,
) -> Table<'a, Nth<'a, AllocRow>> {
    let share = move |row: &AllocRow| match by {
        By::Own => row.own,
        By::Charged => row.charged,
        By::Caused => row.caused,
    };
    let largest = rows.first().map_or(0.0, |row| share(row.row));
    let part = |value: f64| match value {
        0.0 => Cell::Empty,
        value => Cell::Share(value),
    };
    let amount = |value: u64, bytes: bool| match (value, bytes) {
        (0, _) => Cell::Empty,
        (value, true) => Cell::Bytes(value),
        (value, false) => Cell::Count(value),
    };
    let title = match by {
        By::Own => "Self",
        By::Charged => "Charged",
        By::Caused => "Caused",
    };
    let table = Table::new(rows)
        .number("share", title, move |row| part(share(row.row)))
        .people_only()
        .bar("bar", move |row| match largest {
            0.0 => 0.0,
            largest => share(row.row) / largest,
        })
        .droppable(1);
    type Column = (&'static str, &'static str, u8, bool, fn(&Figures) -> u64);
    let columns: [Column; 6] = [
        ("bytes", "Bytes", 9, true, |it| it.bytes),
        ("allocations", "Allocations", 9, false, |it| it.allocations),
        ("reallocations", "Reallocations", 3, false, |it| {
            it.reallocations
        }),
        ("peak_bytes", "At peak", 5, true, |it| it.peak_bytes),
        ("leaked_bytes", "Never freed", 4, true, |it| it.leaked_bytes),
        ("short_lived", "Short-lived", 2, false, |it| it.short_lived),
    ];
    // What the rows are sorted by is never dropped.
    let key = match unit {
        Unit::Allocations => "allocations",
        Unit::Bytes => "bytes",
        Unit::Peak => "peak_bytes",
        Unit::Leaked => "leaked_bytes",
        Unit::Reallocations => "reallocations",
        Unit::ShortLived => "short_lived",
    };
    let table = columns
        .into_iter()
        .fold(table, |table, (name, title, importance, bytes, read)| {
            let table = table
                .number(name, title, move |row| {
                    amount(read(&row.row.figures), bytes)
                })
                .summed();
            match name == key || importance > 8 {
                true => table,
                false => table.droppable(importance),
            }
        });
    let table = match names {
        None => table
            .name("name", "Crate", |row| row.row.name.as_str().into())
            .text("version", "Version", |row| {
                Cell::maybe_text(row.row.label.version.as_deref())
            }),
        Some(names) => functions(table, names, full_names),
    };
    exact(table)
}

fn functions<'a>(
    table: Table<'a, Nth<'a, AllocRow>>,
    names: &'a Names<'a>,
    full_names: bool,
) -> Table<'a, Nth<'a, AllocRow>> {
    table
        .text("crate", "Crate", |row| names.owner(&row.row.label))
        .people_only()
        .text("crate", "Crate", |row| row.row.label.name.as_str().into())
        .machines_only()
        .text("version", "Version", |row| {
            Cell::maybe_text(row.row.label.version.as_deref())
        })
        .machines_only()
        .names(
            "Function",
            full_names,
            |row| row.row.name.as_str().into(),
            |row| Cell::text(names.function(&row.row.label, &row.row.name, false)),
        )
}

/// Adds the columns of CSV.
fn exact<'a>(table: Table<'a, Nth<'a, AllocRow>>) -> Table<'a, Nth<'a, AllocRow>> {
    type Column = (&'static str, fn(&AllocRow) -> Option<f64>);
    let columns: [Column; 5] = [
        ("self", |row| Some(row.own)),
        ("charged", |row| Some(row.charged)),
        ("caused", |row| Some(row.caused)),
        ("ci_low", |row| row.interval.map(|(low, _)| low)),
        ("ci_high", |row| row.interval.map(|(_, high)| high)),
    ];
    columns.into_iter().fold(table, |table, (key, read)| {
        table
            .number(key, key, move |row| {
                read(row.row).map_or(Cell::Empty, Cell::Share)
            })
            .machines_only()
    })
}

fn findings_page(findings: &[AllocFinding]) -> Page {
    let Some(page) = (!findings.is_empty()).then(|| Page::new().heading("Findings")) else {
        return Page::new();
    };
    findings
        .iter()
        .enumerate()
        .fold(page, |page, (nth, finding)| {
            let title = format!("{}. {}", nth + 1, printable(&finding.title));
            let page = page.line(title, Emphasis::Strong);
            let page = finding.evidence.iter().fold(page, |page, line| {
                page.line(format!("   {}", printable(line)), Emphasis::Plain)
            });
            page.line(
                format!("   → {}", printable(&finding.command)),
                Emphasis::Command,
            )
            .gap()
        })
}
