//! What the reports of all analyses have in common: the envelope, shares, and the line that leads
//! on.

use super::recording;
use crate::analysis::model::{Analysis, CrateInfo, Facts, Weight};
use codecost::{
    attribution::Origin,
    report::{Cell, Emphasis, Page, Report, Table, Warning},
    units::{Share, counted},
};

/// The version of the JSON that this tool writes.
pub(super) const SCHEMA: &str = "cargo-hotspots/1";

/// A report of `table` with the header, the members and the warnings that all commands have.
pub(super) fn report<'r, R, A>(
    analysis: &Analysis<A>,
    command: &'static str,
    table: Table<'r, R>,
) -> Report<'r, R> {
    Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), command, table)
        .member("recording", &recording::JsonRecording::new(&analysis.facts))
        .before(recording::page(&analysis.facts))
        .warnings(analysis.warnings.iter().cloned())
        .unknowns(recording::unknowns(&analysis.facts))
}

/// What the samples of a recording are: of allocations each is a stack, and no time.
pub(super) fn samples_title(facts: &Facts) -> &'static str {
    match facts.allocated {
        Some(_) => "Stacks",
        None => "Samples",
    }
}

/// Why rows have no file and line: one cause each. `rows`: the crate, and whether there is a line.
pub(super) fn unknown_lines<'a>(
    rows: impl IntoIterator<Item = (&'a CrateInfo, bool)>,
) -> [Warning; 2] {
    let (mut kernel, mut others) = (0, 0);
    for (label, _) in rows.into_iter().filter(|(_, is_known)| !is_known) {
        match label.origin {
            Origin::Kernel | Origin::Vdso => kernel += 1,
            // A bucket of what is missing has no place.
            _ if label.name == "[callers missing]" || label.name == "[no workspace caller]" => {}
            _ => others += 1,
        }
    }
    [
        Warning::new(
            "kernel-without-lines",
            format!(
                "{} of the kernel: its symbols have names only, so `file` and `line` are null",
                counted(kernel, "row")
            ),
        )
        .help("`cargo hotspots callers NAME` says which code of yours asks for them")
        .count(kernel),
        Warning::new(
            "no-lines",
            format!(
                "{} of code without debug information: `file` and `line` are null",
                counted(others, "row")
            ),
        )
        .help("build with `debug = 1`; for libraries of the system, install their debug packages")
        .count(others),
    ]
}

/// What the shares of a recording are parts of.
pub(super) fn whole(facts: &Facts) -> &'static str {
    match facts.allocated {
        Some(_) => "allocated bytes",
        None if facts.is_waiting() => "waiting",
        None => "time",
    }
}

/// Adds how long threads waited, where that was recorded.
pub(super) fn waited<'r, R>(
    table: Table<'r, R>,
    facts: &Facts,
    read: fn(&R) -> u64,
) -> Table<'r, R> {
    match facts.is_waiting() {
        true => table
            .number("waited_ns", "Waited", move |row| match read(row) {
                0 => Cell::Empty,
                time => Cell::Nanoseconds(time),
            })
            .summed(),
        false => table,
    }
}

/// How long threads waited there, where that was recorded.
pub(super) fn waited_ns(facts: &Facts, period: u64) -> Option<u64> {
    facts.is_waiting().then_some(period)
}

/// The share of `part` in the whole, as a fraction.
pub(super) fn share(part: u64, total: Weight) -> f64 {
    Share::of(part, total.period).0
}

/// A share that is nothing is left blank for people, so that the others stand out.
pub(super) fn part(part: u64, total: Weight) -> Cell<'static> {
    if part == 0 {
        Cell::Empty
    } else {
        Cell::Share(share(part, total))
    }
}

/// The line below a table that names the next command.
pub(super) fn next(command: &str, what: &str) -> Page {
    Page::new().line(format!("→ {command}  {what}"), Emphasis::Faint)
}

/// The name of a crate with what tells it from another of the same name.
pub(super) fn label_key(label: &CrateInfo) -> [&str; 3] {
    [
        &label.name,
        label.version.as_deref().unwrap_or(""),
        label.origin.as_str(),
    ]
}
