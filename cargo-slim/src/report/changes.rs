//! The rows of a comparison: for people, CSV and JSON.

use super::names::short;
use crate::{
    analysis::model::CrateInfo,
    compare::{Change, Kind, Status},
};
use codecost::{
    Result,
    attribution::Origin,
    report::{Cell, CrateName, CrateRowId, Grid, Nth, OutputOptions, RowId, Table, numbered},
};
use serde::Serialize;

/// One row in JSON.
#[derive(Serialize)]
pub(super) struct JsonChange<'a> {
    id: String,
    kind: &'static str,
    name: &'a str,
    #[serde(rename = "crate")]
    owner: Option<&'a str>,
    version: Option<&'a str>,
    version_before: Option<&'a str>,
    before: u64,
    after: u64,
    delta: i64,
    status: &'static str,
    moved: i64,
    from: Option<&'a str>,
    copies_before: Option<u64>,
    copies_after: Option<u64>,
    cause: Option<&'a str>,
}

impl<'a> JsonChange<'a> {
    /// `all`: what holds for every crate.
    pub(super) fn new(change: &Nth<'a, Change>, all: Option<&'a str>) -> Self {
        let row = change.row;
        let Change {
            kind,
            name,
            owner,
            origin: _,
            version,
            version_before,
            before,
            after,
            status,
            moved: _,
            from,
            copies,
            cause: _,
        } = row;
        Self {
            id: id(change),
            kind: kind.as_str(),
            name,
            owner: owner.as_deref(),
            version: version.as_deref(),
            version_before: version_before.as_deref(),
            before: *before,
            after: *after,
            delta: row.delta(),
            status: status.as_str(),
            moved: moved(row),
            from: from.as_deref(),
            copies_before: copies.map(|copies| copies.0),
            copies_after: copies.map(|copies| copies.1),
            cause: row.why(all),
        }
    }
}

/// The identity that the same thing has in every other report.
fn id(change: &Nth<'_, Change>) -> String {
    let Change {
        kind,
        name,
        owner,
        origin,
        version,
        ..
    } = change.row;
    match origin {
        Some(origin) => CrateRowId(
            CrateName {
                name,
                version: version.as_deref(),
                origin: *origin,
            },
            change.nth,
        )
        .to_string(),
        None => RowId {
            kind: kind.as_str(),
            owner: owner.as_deref().unwrap_or_default(),
            name,
            nth: change.nth,
        }
        .to_string(),
    }
}

pub(super) fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Crate => "Crates",
        Kind::Section => "Sections",
        Kind::Function => "Functions",
        Kind::Generic => "Generic functions",
    }
}

pub(super) fn count(changes: &[Change]) -> Vec<Nth<'_, Change>> {
    numbered(changes, |row| {
        [
            row.kind.as_str(),
            row.owner.as_deref().unwrap_or_default(),
            &row.name,
            // Of a function's or generic's crate the name alone counts, as in their own reports.
            row.origin.map_or("", Origin::as_str),
            row.version
                .as_deref()
                .filter(|_| row.origin.is_some())
                .unwrap_or_default(),
        ]
    })
}

/// Here a crate is without its symbols, elsewhere with them.
pub(super) const SYMBOLS_NOTE: &str = "[symbols]: the symbol tables of all crates together, \
    because other names change nothing else; `cargo slim crates` counts them with each crate";

/// Whether the note is needed.
pub(super) fn pools_symbols(rows: &[Nth<'_, Change>]) -> bool {
    rows.iter().any(|row| row.row.name == "[symbols]")
}

/// The rows of one kind as people see them.
pub(super) fn grid(
    rows: &[Nth<'_, Change>],
    limit: usize,
    options: &OutputOptions,
) -> Result<Grid> {
    Ok(grid_after(rows, 0, limit, options)?.0)
}

/// The same without the first rows that match, and how many rows there are without them.
pub(super) fn grid_after(
    rows: &[Nth<'_, Change>],
    first: usize,
    limit: usize,
    options: &OutputOptions,
) -> Result<(Grid, usize)> {
    let table = columns(Table::new(rows), None, options.full_names)
        .default_limit(first.saturating_add(limit))
        // What did not change is no row, so only the change itself is the file's.
        .total_label("all that changed");
    let selection = table.select(options)?.without_first(first);
    let rows = selection.shown().len() + selection.cut().len();
    Ok((table.grid(&selection, options.full_names), rows))
}

/// How much of a row moved: of a crate, what came from others; a function moves as a whole.
fn moved(change: &Change) -> i64 {
    match (change.kind, change.status) {
        (Kind::Function | Kind::Generic, Status::Moved) => {
            i64::try_from(change.after).unwrap_or(i64::MAX)
        }
        _ => change.moved,
    }
}

/// `all`: what holds for every crate. People read it above the tables, once.
pub(super) fn columns<'a>(
    table: Table<'a, Nth<'a, Change>>,
    all: Option<&'a str>,
    full_names: bool,
) -> Table<'a, Nth<'a, Change>> {
    let rows = table.rows();
    let any = |is: fn(&Change) -> bool| rows.iter().any(|row| is(row.row));
    let moves = any(|row| row.moved != 0);
    let owners = any(|row| row.owner.is_some());
    let copies = any(|row| row.copies.is_some());
    let notes = any(|row| row.cause.is_some() || row.from.is_some());
    // Programs always get the same columns. People get only those that have something to say, so
    // these are there twice.
    let mut table = table
        .text("kind", "Kind", |row| row.row.kind.as_str().into())
        .machines_only()
        .number("delta", "Change", |row| Cell::Delta(row.row.delta()))
        .summed()
        .number("before", "Before", |row| Cell::Bytes(row.row.before))
        .summed()
        .droppable(3)
        .number("after", "After", |row| Cell::Bytes(row.row.after))
        .summed()
        .droppable(2)
        .number("moved", "Of it moved", |row| Cell::Delta(moved(row.row)))
        .machines_only();
    if moves {
        table = table
            .number("moved", "Of it moved", |row| match row.row.moved {
                0 => Cell::Empty,
                moved => Cell::Delta(moved),
            })
            .droppable(1)
            .people_only();
    }
    table = table.text("status", "", |row| row.row.status.as_str().into());
    if copies {
        table = table
            .text("copies", "Copies", |row| match row.row.copies {
                Some((before, after)) if before == after => Cell::text(after.to_string()),
                Some((before, after)) => Cell::text(format!("{before} → {after}")),
                None => Cell::Empty,
            })
            .people_only();
    }
    table = table
        .text("crate", "Crate", |row| {
            Cell::maybe_text(row.row.owner.as_deref())
        })
        .machines_only();
    if owners {
        table = table
            .text("crate", "Crate", |row| {
                Cell::maybe_text(row.row.owner.as_deref())
            })
            .people_only();
    }
    let table = with_names(table, all, full_names);
    match notes {
        true => table
            .name("why", "Why", move |row| {
                Cell::maybe_text(why(row.row, full_names))
            })
            .people_only()
            .searched(false),
        false => table,
    }
}

/// The columns of names. Programs get all names in full, people the shortest that tells them apart.
fn with_names<'a>(
    table: Table<'a, Nth<'a, Change>>,
    all: Option<&'a str>,
    full_names: bool,
) -> Table<'a, Nth<'a, Change>> {
    table
        .text("version", "Version", |row| {
            Cell::maybe_text(row.row.version.as_deref())
        })
        .machines_only()
        .text("version_before", "Version before", |row| {
            Cell::maybe_text(row.row.version_before.as_deref())
        })
        .machines_only()
        .name("name", "Name", |row| row.row.name.as_str().into())
        .machines_only()
        .name("shown", "Name", move |row| {
            Cell::text(shown(row.row, full_names))
        })
        .people_only()
        // What is shown does not change what is found.
        .name("other", "Name", move |row| {
            Cell::text(shown(row.row, !full_names))
        })
        .searched_only()
        .text("from", "From", |row| {
            Cell::maybe_text(row.row.from.as_deref())
        })
        .machines_only()
        .text("cause", "Cause", move |row| {
            Cell::maybe_text(row.row.why(all))
        })
        .machines_only()
}

fn shown(change: &Change, full_names: bool) -> String {
    match (change.kind, &change.version_before, &change.version) {
        (Kind::Crate, Some(before), Some(now)) => format!("{} {before} → {now}", change.name),
        (Kind::Function | Kind::Generic, ..) if !full_names => shorter(&change.name, change),
        _ => change.name.clone(),
    }
}

fn shorter(name: &str, change: &Change) -> String {
    let label = CrateInfo {
        role: Default::default(),
        name: change.owner.clone().unwrap_or_default(),
        package: None,
        version: None,
        origin: Origin::Unknown,
    };
    short(name, &label).into_owned()
}

fn why(change: &Change, full_names: bool) -> Option<String> {
    let from = change.from.as_ref().map(|from| {
        let from = match change.kind {
            Kind::Function | Kind::Generic if !full_names => shorter(from, change),
            _ => from.clone(),
        };
        // Short names leave out where a type stands, which is all that is different here.
        if !full_names && from == shorter(&change.name, change) {
            return "the same name in another module or crate".to_owned();
        }
        match change.status {
            _ if from.contains(" by ") => from,
            _ if change.kind == Kind::Crate => format!("code from {from}"),
            Status::Moved => format!("from {from}"),
            _ => format!("was {from}"),
        }
    });
    match (&change.cause, from) {
        (Some(cause), Some(from)) => Some(format!("{cause}; {from}")),
        (Some(cause), None) => Some(cause.clone()),
        (None, from) => from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function that stands elsewhere now moved with all of its bytes, whatever its change.
    #[test]
    fn what_moved_says_how_much() {
        let row = |kind, status, moved| Change {
            kind,
            name: "app::f".into(),
            owner: None,
            origin: None,
            version: None,
            version_before: None,
            before: 40,
            after: 40,
            status,
            moved,
            from: None,
            copies: None,
            cause: None,
        };
        assert_eq!(moved(&row(Kind::Function, Status::Moved, 0)), 40);
        assert_eq!(moved(&row(Kind::Generic, Status::Moved, 0)), 40);
        assert_eq!(moved(&row(Kind::Function, Status::Grown, 0)), 0);
        assert_eq!(moved(&row(Kind::Crate, Status::Moved, -7)), -7);
    }
}
