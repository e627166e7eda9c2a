//! `cargo slim diff`: what changed, by crate, section, function and generic, and why.

use super::{
    SCHEMA, comment,
    id::{self, Nth, RowId},
    names::short,
};
use crate::{
    analysis::model::CrateLabel,
    compare::{Cause, Change, Kind, Status, delta},
    jobs::Compared,
    snapshot::{Artifact, Snapshot},
};
use codecost::{
    Result,
    attribution::Origin,
    console::{Console, Manners},
    report::{
        Cell, Emphasis, Format, Grid, OutputOptions, Page, Report, Table, Warning, printable,
    },
    units::{Bytes, Change as Relative, Delta},
};
use serde::Serialize;

/// How many rows people see of each kind.
const LIMITS: [(Kind, usize); 4] = [
    (Kind::Crate, 15),
    (Kind::Section, 8),
    (Kind::Function, 15),
    (Kind::Generic, 8),
];
/// How many causes people see.
const CAUSES: usize = 12;

/// One row in JSON.
#[derive(Serialize)]
struct JsonChange<'a> {
    id: RowId<'a>,
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
    fn new(change: &Nth<'a, Change>) -> Self {
        let row = change.row;
        let Change {
            kind,
            name,
            owner,
            version,
            version_before,
            before,
            after,
            status,
            moved,
            from,
            copies,
            cause,
        } = row;
        Self {
            id: RowId {
                kind: kind.as_str(),
                owner: owner.as_deref().unwrap_or_default(),
                name,
                nth: change.nth,
            },
            kind: kind.as_str(),
            name,
            owner: owner.as_deref(),
            version: version.as_deref(),
            version_before: version_before.as_deref(),
            before: *before,
            after: *after,
            delta: row.delta(),
            status: status.as_str(),
            moved: *moved,
            from: from.as_deref(),
            copies_before: copies.map(|copies| copies.0),
            copies_after: copies.map(|copies| copies.1),
            cause: cause.as_deref(),
        }
    }
}

/// A side in JSON.
#[derive(Serialize)]
pub(super) struct JsonSide<'a> {
    path: &'a str,
    format: &'a str,
    architecture: &'a str,
    file_size: u64,
    shipped_size: Option<u64>,
    package: Option<&'a str>,
    target_name: Option<&'a str>,
    profile: Option<&'a str>,
    build_notes: &'a [String],
}

impl<'a> JsonSide<'a> {
    pub(super) fn new(artifact: &'a Artifact) -> Self {
        let Artifact {
            path,
            format,
            architecture,
            file_size,
            shipped_size,
            package,
            target_name,
            target_kind: _,
            profile,
            build_notes,
        } = artifact;
        Self {
            path,
            format,
            architecture,
            file_size: *file_size,
            shipped_size: *shipped_size,
            package: package.as_deref(),
            target_name: target_name.as_deref(),
            profile: profile.as_deref(),
            build_notes,
        }
    }
}

/// A cause in JSON.
#[derive(Serialize)]
struct JsonCause<'a> {
    kind: &'a str,
    package: Option<&'a str>,
    message: &'a str,
}

#[derive(Serialize)]
struct JsonTotal {
    file: u64,
    memory: u64,
}

#[derive(Serialize)]
struct JsonDelta {
    file: i64,
    shipped: Option<i64>,
    memory: i64,
}

/// Shows a comparison.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(compared: &Compared, common: &Manners, console: &mut Console) -> Result<()> {
    let options = &common.output;
    match options.format {
        Format::Markdown => {
            return console.write_text(options, &comment::of_diff(compared, options)?);
        }
        Format::Github => {
            let text = comment::annotations_of_diff(compared);
            super::github::summarize(&comment::of_diff(compared, options)?)?;
            return console.write_text(options, &text);
        }
        Format::Human | Format::Json | Format::Csv => {}
    }
    let rows = count(&compared.comparison.changes);
    let table = columns(Table::new(&rows), options.full_names)
        .default_limit(0)
        // Functions and sections are the same bytes again.
        .counting(|row| row.row.kind == Kind::Crate);
    let Compared { before, after, .. } = compared;
    let causes: Vec<_> = compared
        .comparison
        .causes
        .iter()
        .map(|cause| JsonCause {
            kind: cause.kind,
            package: cause.package.as_deref(),
            message: &cause.text,
        })
        .collect();
    let report = Report::new(SCHEMA, env!("CARGO_PKG_VERSION"), "diff", table)
        .member("artifact", &JsonSide::new(&after.artifact))
        .member("before", &JsonSide::new(&before.artifact))
        .member("after", &JsonSide::new(&after.artifact))
        .member(
            "total",
            &JsonTotal {
                file: after.artifact.file_size,
                memory: after.memory,
            },
        )
        .member(
            "delta",
            &JsonDelta {
                file: file_delta(before, after),
                shipped: shipped_delta(before, after),
                memory: delta(before.memory, after.memory),
            },
        )
        .member("causes", &causes)
        .warnings(warnings(before, after));
    let report = match options.format {
        Format::Human => report.instead(page(compared, options)?),
        _ => report,
    };
    console.write_report(&report, options, JsonChange::new)
}

/// What makes two builds less comparable than they seem.
fn warnings(before: &Snapshot, after: &Snapshot) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let (old, new) = (&before.artifact, &after.artifact);
    if old.architecture != new.architecture || old.format != new.format {
        warnings.push(Warning::new(
            "other-target",
            format!(
                "the two files are for different targets: {} {} and {} {}",
                old.format, old.architecture, new.format, new.architecture
            ),
        ));
    }
    let notes = |artifact: &Artifact| artifact.build_notes.join(", ");
    if notes(old) != notes(new) {
        let with = |artifact: &Artifact| match notes(artifact) {
            notes if notes.is_empty() => "nothing added".to_owned(),
            notes => notes,
        };
        warnings.push(
            Warning::new(
                "other-additions",
                format!(
                    "the two files were built differently for the analysis: {}, then {}",
                    with(old),
                    with(new)
                ),
            )
            .help("compare two snapshots, or two files that you built alike"),
        );
    }
    warnings
}

pub(super) fn file_delta(before: &Snapshot, after: &Snapshot) -> i64 {
    delta(before.artifact.file_size, after.artifact.file_size)
}

fn shipped_delta(before: &Snapshot, after: &Snapshot) -> Option<i64> {
    let (before, after) = (before.artifact.shipped_size, after.artifact.shipped_size);
    before
        .zip(after)
        .map(|(before, after)| delta(before, after))
}

/// `+12.0 KiB (+1.2%), 1.0 MiB → 1.1 MiB`.
pub(super) fn change_in_words(before: u64, after: u64) -> String {
    let delta = delta(before, after);
    let relative = match before {
        0 => String::new(),
        before => format!(" ({})", Relative(delta as f64 / before as f64)),
    };
    match delta {
        0 => format!("no change, {}", Bytes(after)),
        delta => format!(
            "{}{relative}, {} → {}",
            Delta(delta),
            Bytes(before),
            Bytes(after)
        ),
    }
}

fn side(snapshot: &Snapshot) -> String {
    let artifact = &snapshot.artifact;
    let mut about = vec![format!("{} {}", artifact.format, artifact.architecture)];
    let profile = artifact.profile.iter();
    about.extend(profile.map(|profile| format!("profile {profile}")));
    let text = format!("{} ({})", artifact.path, about.join(", "));
    printable(&text).into_owned()
}

fn page(compared: &Compared, options: &OutputOptions) -> Result<Page> {
    let Compared {
        before,
        after,
        comparison,
    } = compared;
    let (old, new) = (&before.artifact, &after.artifact);
    let mut facts = vec![
        ("before".to_owned(), side(before)),
        ("after".to_owned(), side(after)),
        (
            "file".to_owned(),
            change_in_words(old.file_size, new.file_size),
        ),
    ];
    if let (Some(was), Some(is)) = (old.shipped_size, new.shipped_size) {
        facts.push(("shipped".to_owned(), change_in_words(was, is)));
    }
    let mut page = Page::new().facts(facts);
    if comparison.changes.is_empty() {
        return Ok(page.line("nothing changed", Emphasis::Strong));
    }
    page = page.then(causes_page(&comparison.causes));
    for (kind, limit) in LIMITS {
        let rows = count(comparison.of(kind));
        if !rows.is_empty() {
            page = page
                .heading(heading(kind))
                .grid(grid(&rows, limit, options)?);
        }
        if kind == Kind::Crate && pools_symbols(&rows) {
            page = page.line(SYMBOLS_NOTE, Emphasis::Faint);
        }
    }
    Ok(page)
}

pub(super) fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Crate => "Crates",
        Kind::Section => "Sections",
        Kind::Function => "Functions",
        Kind::Generic => "Generic functions",
    }
}

fn causes_page(causes: &[Cause]) -> Page {
    if causes.is_empty() {
        return Page::new();
    }
    let shown = causes.iter().take(CAUSES);
    let page = shown.fold(Page::new().heading("What is different"), |page, cause| {
        page.line(printable(&cause.text).into_owned(), Emphasis::Plain)
    });
    match causes.len().saturating_sub(CAUSES) {
        0 => page,
        more => page.line(format!("… {more} more"), Emphasis::Faint),
    }
}

pub(super) fn count(changes: &[Change]) -> Vec<Nth<'_, Change>> {
    id::count(changes, |row| {
        [
            row.kind.as_str(),
            row.owner.as_deref().unwrap_or_default(),
            &row.name,
        ]
    })
}

/// Here a crate is without its symbols, elsewhere with them.
pub(super) const SYMBOLS_NOTE: &str = "[symbols]: the symbol tables of all crates together, \
    because other names change nothing else; the view `crates` counts them with each crate";

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
    let table = columns(Table::new(rows), options.full_names)
        .default_limit(limit)
        // What did not change is no row, so only the change itself is the file's.
        .total_label("all that changed");
    let selection = table.select(options)?;
    Ok(table.grid(&selection, options.full_names))
}

fn columns<'a>(table: Table<'a, Nth<'a, Change>>, full_names: bool) -> Table<'a, Nth<'a, Change>> {
    let rows = table.rows();
    let any = |is: fn(&Change) -> bool| rows.iter().any(|row| is(row.row));
    let moves = any(|row| row.moved != 0);
    let owners = any(|row| row.owner.is_some());
    let copies = any(|row| row.copies.is_some());
    let notes = any(|row| row.cause.is_some() || row.from.is_some());
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
        .number("moved", "Of it moved", |row| Cell::Delta(row.row.moved))
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
    table = table
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
        .text("from", "From", |row| {
            Cell::maybe_text(row.row.from.as_deref())
        })
        .machines_only()
        .text("cause", "Cause", |row| {
            Cell::maybe_text(row.row.cause.as_deref())
        })
        .machines_only();
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

fn shown(change: &Change, full_names: bool) -> String {
    match (change.kind, &change.version_before, &change.version) {
        (Kind::Crate, Some(before), Some(now)) => format!("{} {before} → {now}", change.name),
        (Kind::Function | Kind::Generic, ..) if !full_names => shorter(&change.name, change),
        _ => change.name.clone(),
    }
}

fn shorter(name: &str, change: &Change) -> String {
    let label = CrateLabel {
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
