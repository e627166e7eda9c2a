//! `cargo slim retained`: what goes if something goes.

use super::{
    envelope::report_of,
    names::{Ambiguous, numbered_by_role, short},
};
use crate::analysis::{
    Analysis,
    model::{CrateInfo, GraphFacts, Removed, Retained, RetainedBy, RetainedRow, Without},
};
use codecost::{
    Result,
    console::Console,
    report::{
        Cell, CrateRowId, Emphasis, Nth, OutputOptions, Page, RowId, Table, printable,
        unknown_packages,
    },
    units::{Bytes, Share, counted_as},
};
use serde::Serialize;

/// One row in JSON.
#[derive(Serialize)]
struct JsonRetained<'a> {
    id: String,
    kind: &'static str,
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    version: Option<&'a str>,
    shipped: u64,
    /// Symbols and debug information are not counted for what goes, so it is what ships.
    file: u64,
    memory: u64,
    own: u64,
    retained: u64,
    uncertain: u64,
    code: u64,
    data: u64,
}

impl<'a> JsonRetained<'a> {
    fn new(row: &Nth<'a, RetainedRow<'_>>) -> Self {
        let RetainedRow {
            kind,
            name,
            nameless,
            nth: _,
            label,
            own,
            retained,
            uncertain,
            shipped,
            memory,
            code,
            data,
        } = row.row;
        let CrateInfo {
            role: _,
            name: owner,
            package: _,
            version,
            origin: _,
        } = label;
        let id = match *kind {
            "crate" => CrateRowId(label.as_name(), row.nth).to_string(),
            kind => RowId {
                kind,
                owner,
                name: nameless.unwrap_or(name),
                nth: row.nth,
            }
            .to_string(),
        };
        Self {
            id,
            kind,
            name,
            owner,
            version: version.as_deref(),
            shipped: *shipped,
            file: *shipped,
            memory: *memory,
            own: *own,
            retained: *retained,
            uncertain: *uncertain,
            code: *code,
            data: *data,
        }
    }
}

/// `graph` of the envelope.
#[derive(Serialize)]
pub(super) struct JsonGraph {
    nodes: u64,
    edges: u64,
    roots: u64,
    known: u64,
    unknown: u64,
    decoded: bool,
}

impl JsonGraph {
    pub(super) fn new(facts: &GraphFacts) -> Self {
        let GraphFacts {
            nodes,
            edges,
            roots,
            known,
            unknown,
            decoded,
        } = *facts;
        Self {
            nodes,
            edges,
            roots,
            known,
            unknown,
            decoded,
        }
    }
}

/// `without` of the envelope.
#[derive(Serialize)]
struct JsonWithout<'a> {
    each: Vec<JsonRemoved<'a>>,
    retained: u64,
    uncertain: u64,
    shipped: u64,
    stays: u64,
}

#[derive(Serialize)]
struct JsonRemoved<'a> {
    name: &'a str,
    matches: u64,
    own: u64,
    retained: u64,
}

impl<'a> JsonWithout<'a> {
    fn new(without: &'a Without) -> Self {
        let Without {
            each,
            retained,
            uncertain,
            shipped,
            stays,
        } = without;
        let removed = |removed: &'a Removed| {
            let Removed {
                name,
                matches,
                own,
                retained,
            } = removed;
            JsonRemoved {
                name,
                matches: *matches,
                own: *own,
                retained: *retained,
            }
        };
        Self {
            each: each.iter().map(removed).collect(),
            retained: *retained,
            uncertain: *uncertain,
            shipped: *shipped,
            stays: *stays,
        }
    }
}

/// Shows what goes if something goes.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Retained<'_>>,
    by: RetainedBy,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Retained {
        rows,
        graph,
        without,
    } = &analysis.rows;
    let key = |row: &'_ RetainedRow<'_>| {
        let CrateInfo {
            role: _,
            name,
            package: _,
            version,
            origin,
        } = row.label;
        // What the identity is made of.
        (name.clone(), version.clone(), *origin)
    };
    let rows = match by {
        RetainedBy::Crate => numbered_by_role(rows, key, |row| row.label.role),
        RetainedBy::Function | RetainedBy::Generic => {
            let rows = rows.iter();
            rows.map(|row| Nth { row, nth: row.nth }).collect()
        }
    };
    let ambiguous = Ambiguous::among(rows.iter().map(|row| row.row.label));
    let whole = graph.known + graph.unknown;
    let table = Table::new(&rows)
        .number("retained", "Retained", |row| Cell::Bytes(row.row.retained))
        .number("share", "Share", move |row| {
            Cell::Share(Share::of(row.row.retained, whole).0)
        })
        .people_only()
        .number("own", "Own", |row| Cell::Bytes(row.row.own))
        .summed()
        .number("uncertain", "Uncertain", |row| match row.row.uncertain {
            0 => Cell::Empty,
            bytes => Cell::Bytes(bytes),
        })
        .people_only()
        .number("uncertain", "Uncertain", |row| {
            Cell::Bytes(row.row.uncertain)
        })
        .machines_only()
        .number("shipped", "All that ships", |row| {
            Cell::Bytes(row.row.shipped)
        })
        .droppable(3)
        .number("file", "File", |row| Cell::Bytes(row.row.shipped))
        .machines_only()
        .number("memory", "Memory", |row| Cell::Bytes(row.row.memory))
        .machines_only()
        .number("code", "Code", |row| Cell::Bytes(row.row.code))
        .machines_only()
        .number("data", "Data", |row| Cell::Bytes(row.row.data))
        .machines_only()
        .text("kind", "Kind", |row| row.row.kind.into())
        .machines_only();
    let table = columns(table, &ambiguous, by, options.full_names);
    let report = report_of(analysis, "retained", table)
        .unknowns([unknown_packages(rows.iter().map(|row| row.row.label))])
        .member("graph", &JsonGraph::new(graph))
        .member("without", &without.as_ref().map(JsonWithout::new))
        .before(without.as_ref().map_or_else(Page::new, taken_out))
        .after(below(graph));
    console.write_report(&report, options, JsonRetained::new)
}

/// Whose it is and what it is called.
fn columns<'a>(
    table: Table<'a, Nth<'a, RetainedRow<'a>>>,
    ambiguous: &'a Ambiguous<'a>,
    by: RetainedBy,
    full_names: bool,
) -> Table<'a, Nth<'a, RetainedRow<'a>>> {
    let table = table
        .text("crate", "Crate", |row| row.row.label.name.as_str().into())
        .machines_only()
        .text("version", "Version", |row| {
            Cell::maybe_text(row.row.label.version.as_deref())
        })
        .machines_only();
    let what = match by {
        RetainedBy::Crate => {
            return table
                .name("name", "Crate", |row| {
                    Cell::text(ambiguous.name(row.row.label))
                })
                .total_label("all crates");
        }
        RetainedBy::Function => "Function or constant",
        RetainedBy::Generic => "Generic function",
    };
    table
        .text("crate", "Crate", |row| {
            Cell::text(ambiguous.name(row.row.label))
        })
        .people_only()
        .names(
            what,
            full_names,
            |row| Cell::text(&*row.row.name),
            |row| Cell::text(short(&row.row.name, row.row.label)),
        )
        .total_label("all of them")
        .when_empty("nothing: no functions are known")
}

/// What was taken out, and what went with it.
fn taken_out(without: &Without) -> Page {
    let Without {
        each,
        retained,
        uncertain,
        shipped,
        stays,
    } = without;
    let alone: u64 = each.iter().map(|removed| removed.retained).sum();
    let mut page = Page::new();
    for removed in each {
        let name = printable(&removed.name);
        let what = counted_as(removed.matches, "match", "matches");
        page = page.line(
            format!(
                "without {name} ({what}, {} of its own): {} go if only it goes",
                Bytes(removed.own),
                Bytes(removed.retained)
            ),
            Emphasis::Plain,
        );
    }
    let more = match retained.saturating_sub(alone) {
        0 => String::new(),
        more => format!(", {} of it only because all go together", Bytes(more)),
    };
    let unsure = match uncertain {
        0 => String::new(),
        bytes => format!(", {} uncertain", Bytes(*bytes)),
    };
    let line = format!(
        "{} of code and data go{more}{unsure}; {} of what ships; {} stay",
        Bytes(*retained),
        Bytes(*shipped),
        Bytes(*stays)
    );
    page.line(line, Emphasis::Strong).gap()
}

/// What the figures rest on.
fn below(graph: &GraphFacts) -> Page {
    let GraphFacts {
        nodes: _,
        edges: _,
        roots: _,
        known,
        unknown,
        decoded: _,
    } = *graph;
    let line = match unknown {
        0 => return Page::new(),
        unknown => format!(
            "{} of code and data ({}) is kept by nothing that the file shows; what it refers to \
             counts as uncertain",
            Bytes(unknown),
            Share::of(unknown, known + unknown)
        ),
    };
    Page::new().gap().line(line, Emphasis::Faint)
}
