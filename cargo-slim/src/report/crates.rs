//! `cargo slim crates`: every byte of the file with one crate or bucket.

use super::{
    envelope::{report_of, share},
    lead::{Lead, lead},
    listed::{self, JsonPackage},
    names::{numbered_by_role, with_role},
};
use crate::{
    analysis::{
        Analysis, Total,
        model::{Artifact, By, CrateInfo, CrateRow},
    },
    ledger::{ByCategory, Category},
};
use codecost::{
    Result,
    attribution::Role,
    console::Console,
    report::{Cell, CrateRowId, Emphasis, Nth, OutputOptions, Page, Table, unknown_packages},
    units::{Bytes, Share},
};
use serde::{Serialize, Serializer};

/// One row in JSON.
#[derive(Serialize)]
pub(super) struct JsonCrate<'a> {
    id: CrateRowId<'a>,
    name: &'a str,
    package: Option<&'a str>,
    version: Option<&'a str>,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    shipped: Option<u64>,
    file: u64,
    memory: u64,
    #[serde(flatten)]
    parts: JsonParts<'a>,
    inferred: u64,
    inferred_shipped: Option<u64>,
    shared: u64,
    exclusive: u64,
}

impl<'a> JsonCrate<'a> {
    pub(super) fn new(row: &Nth<'a, CrateRow>, total: Total) -> Self {
        let CrateRow {
            label,
            shipped,
            file,
            memory,
            parts,
            inferred,
            inferred_shipped,
            shared,
        } = row.row;
        let CrateInfo {
            role,
            name,
            package,
            version,
            origin,
        } = label;
        Self {
            id: CrateRowId(label.as_name(), row.nth),
            name,
            package: package.as_deref(),
            version: version.as_deref(),
            origin: origin.as_str(),
            role: match role {
                Role::First | Role::Nth(_) => None,
                Role::Outer => Some("outer"),
                Role::Program => Some("program"),
            },
            shipped: total.shipped.map(|_| *shipped),
            file: *file,
            memory: *memory,
            parts: JsonParts(parts),
            inferred: *inferred,
            inferred_shipped: total.shipped.map(|_| *inferred_shipped),
            shared: *shared,
            exclusive: exclusive(row.row),
        }
    }
}

/// Bytes of the file that no other crate uses.
fn exclusive(row: &CrateRow) -> u64 {
    row.file.saturating_sub(row.shared)
}

/// One member for each category.
struct JsonParts<'a>(&'a ByCategory);

impl Serialize for JsonParts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(part, bytes)| (part.as_str(), bytes)))
    }
}

/// The title of a category's column, and how much it is worth: columns of a higher number are
/// left out first on a narrow terminal. What explains the figure goes after bar and origin.
fn column(category: Category) -> (&'static str, u8) {
    match category {
        Category::Code => ("Code", 4),
        Category::Data => ("Data", 5),
        Category::Unwind => ("Unwind", 7),
        Category::Relocations => ("Relocs", 8),
        Category::Symbols => ("Symbols", 10),
        Category::Debug => ("Debug", 11),
        Category::Other => ("Other", 12),
    }
}

/// What explains most of the figure is left out last: of a program that is all tables the relocations,
/// not the unwind tables. `parts` share the places that they have by themselves.
fn by_size(rows: &[Nth<'_, CrateRow>], parts: &[Category]) -> Vec<(Category, u8)> {
    let sum = |category: Category| {
        let own = rows.iter().map(|row| row.row.parts[category]);
        own.fold(0, u64::saturating_add)
    };
    let mut sorted = parts.to_vec();
    sorted.sort_by_key(|category| std::cmp::Reverse(sum(*category)));
    let places = parts.iter().map(|category| column(*category).1);
    sorted.into_iter().zip(places).collect()
}

/// Zero is left blank for people, so that the parts that have bytes stand out.
fn part(bytes: u64) -> Cell<'static> {
    if bytes == 0 {
        Cell::Empty
    } else {
        Cell::Bytes(bytes)
    }
}

/// Counts the rows of one identity, which leaves out std's version and the origins of registries.
pub(super) fn count(rows: &[CrateRow]) -> Vec<Nth<'_, CrateRow>> {
    let key = |row: &CrateRow| CrateRowId(row.label.as_name(), 1).to_string();
    numbered_by_role(rows, key, |row| row.label.role)
}

/// The crate's name, and what it is where another row has the same.
fn shown<'a>(row: &Nth<'a, CrateRow>) -> Cell<'a> {
    let label = &row.row.label;
    Cell::text(with_role(label.name.as_str().into(), label.role))
}

pub(super) fn table<'a>(
    rows: &'a [Nth<'a, CrateRow>],
    total: Total,
) -> Table<'a, Nth<'a, CrateRow>> {
    let figures = Lead {
        total,
        title: "Shipped",
        shipped: |row: &Nth<'_, CrateRow>| row.row.shipped,
        file: |row: &Nth<'_, CrateRow>| row.row.file,
    };
    lead(Table::new(rows), figures)
        .name("name", "Crate", |row| row.row.label.name.as_str().into())
        .machines_only()
        .name("crate", "Crate", shown)
        .people_only()
        .text("version", "Version", |row| {
            Cell::maybe_text(row.row.label.version.as_deref())
        })
        .droppable(6)
        .text("origin", "Origin", |row| {
            row.row.label.origin.as_str().into()
        })
        .droppable(13)
        .text("package", "Package", |row| {
            Cell::maybe_text(row.row.label.package.as_deref())
        })
        .machines_only()
}

/// The overview's crates in a format of which it is not known what strip leaves: ranked by what is
/// loaded, because debug information and symbol tables would hide it. `rows` are sorted by memory.
pub(super) fn loaded_table<'a>(
    rows: &'a [Nth<'a, CrateRow>],
    total: Total,
) -> Table<'a, Nth<'a, CrateRow>> {
    let largest = rows.iter().map(|row| row.row.memory).max().unwrap_or(0);
    Table::new(rows)
        .number("memory", "In memory", |row| Cell::Bytes(row.row.memory))
        .summed()
        .number("share", "Share", move |row| {
            Cell::Share(share(row.row.memory, total.memory))
        })
        .summed()
        .bar("bar", move |row| share(row.row.memory, largest))
        .droppable(3)
        .name("name", "Crate", shown)
        .text("version", "Version", |row| {
            Cell::maybe_text(row.row.label.version.as_deref())
        })
        .text("origin", "Origin", |row| {
            row.row.label.origin.as_str().into()
        })
        .droppable(2)
        .number("file", "In file", |row| Cell::Bytes(row.row.file))
        .summed()
}

/// One more column of bytes.
fn with_part<'a>(
    table: Table<'a, Nth<'a, CrateRow>>,
    key: &'static str,
    title: &'static str,
    importance: u8,
    read: impl Fn(&CrateRow) -> u64 + Copy + 'a,
) -> Table<'a, Nth<'a, CrateRow>> {
    table
        .number(key, title, move |row| part(read(row.row)))
        .summed()
        .people_only()
        .droppable(importance)
        .number(key, title, move |row| Cell::Bytes(read(row.row)))
        .summed()
        .machines_only()
}

/// The parts of what ships that have columns; all of their bytes are loaded.
const LOADED: [Category; 4] = [
    Category::Code,
    Category::Data,
    Category::Unwind,
    Category::Relocations,
];

/// The parts of what ships. Relocations of objects are for the linker, which keeps none of them.
fn shipped_parts(artifact: &Artifact) -> &'static [Category] {
    match artifact.format {
        "archive" | "object" => &LOADED[..LOADED.len() - 1],
        _ => &LOADED,
    }
}

/// The columns of what the figure consists of. For people they add up to what ships, beside what
/// only the analysed file has; programs get the parts of the file.
pub(super) fn with_parts<'a>(
    table: Table<'a, Nth<'a, CrateRow>>,
    rows: &[Nth<'a, CrateRow>],
    total: Total,
    artifact: &Artifact,
) -> Table<'a, Nth<'a, CrateRow>> {
    let ships = total.shipped.is_some();
    let shipped = shipped_parts(artifact);
    let places = by_size(rows, shipped);
    // What of a crate's shipped bytes is in no column of its own: tables of exported names, notes.
    let rest = move |row: &CrateRow| {
        let parts = shipped.iter().map(|category| row.parts[*category]);
        parts.fold(row.shipped, u64::saturating_sub)
    };
    let mut table = Category::ALL.into_iter().fold(table, |table, category| {
        let (title, importance) = column(category);
        let place = places.iter().find(|(own, _)| *own == category);
        let importance = place.map_or(importance, |(_, place)| *place);
        let key = category.as_str();
        let read = move |row: &CrateRow| row.parts[category];
        match ships && !shipped.contains(&category) {
            true => table
                .number(key, title, move |row| Cell::Bytes(read(row.row)))
                .summed()
                .machines_only(),
            false => with_part(table, key, title, importance, read),
        }
    });
    if ships {
        table = table
            .number("rest", "Rest", move |row| part(rest(row.row)))
            .summed()
            .people_only()
            .droppable(9)
            .number("unshipped", "Not shipped", |row| {
                part(row.row.file.saturating_sub(row.row.shipped))
            })
            .summed()
            .people_only()
            .droppable(10);
    }
    // Beside what ships stands how much of that is inferred; the file's has symbols in it, too.
    let of_figure = move |row: &CrateRow| match ships {
        true => row.inferred_shipped,
        false => row.inferred,
    };
    table
        .number("inferred", "Inferred", move |row| part(of_figure(row.row)))
        .summed()
        .people_only()
        .droppable(11)
        .number("inferred", "Inferred", |row| Cell::Bytes(row.row.inferred))
        .summed()
        .machines_only()
        .number("inferred_shipped", "Inferred", move |row| match ships {
            true => Cell::Bytes(row.row.inferred_shipped),
            false => Cell::Empty,
        })
        .summed()
        .machines_only()
        .number("shared", "Shared", |row| Cell::Bytes(row.row.shared))
        .summed()
        .machines_only()
        .number("exclusive", "Exclusive", |row| {
            Cell::Bytes(exclusive(row.row))
        })
        .summed()
        .machines_only()
        .number("memory", "In memory", |row| Cell::Bytes(row.row.memory))
        .summed()
        .machines_only()
}

/// Shows the crates, with each function counted for the crate that `by` says.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Vec<CrateRow>>,
    by: By,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let total = analysis.total;
    let rows = count(&analysis.rows);
    // Of a file with symbols, the linker has dropped what has no row.
    let listed = analysis.artifact.packages.as_ref();
    let listed = listed.filter(|_| analysis.is_stripped());
    let unnamed = listed.map_or_else(Page::new, |it| listed::without_bytes(it, &analysis.rows));
    let table = with_parts(table(&rows, total), &rows, total, &analysis.artifact);
    let report = report_of(analysis, "crates", table)
        .unknowns([unknown_packages(rows.iter().map(|row| &row.row.label))])
        .member("by", &by.as_str())
        .after(footnote(&analysis.rows, by, total).then(unnamed));
    let report = match &analysis.artifact.packages {
        Some(listed) => report.member(
            "packages",
            &JsonPackage::all(Some(listed), Some(&analysis.rows)),
        ),
        None => report,
    };
    console.write_report(&report, options, |row| JsonCrate::new(row, total))
}

/// What the figures mean, and how much of them is proven.
fn footnote(rows: &[CrateRow], by: By, total: Total) -> Page {
    let question = match by {
        By::Defined => "by the crate that wrote the code; --by instantiated: whose build copied it",
        By::Instantiated => "by the crate whose compilation made the copy",
        By::Inlined => "by the crate of the innermost inlined function",
    };
    let sum = |read: fn(&CrateRow) -> u64| rows.iter().map(read).fold(0, u64::saturating_add);
    let of_file = sum(|row| row.inferred);
    let (inferred, whole, of) = match total.shipped {
        Some(shipped) => (sum(|row| row.inferred_shipped), shipped, " of what ships"),
        None => (of_file, total.file, ""),
    };
    let proof = match of_file {
        0 => "every owner is proven or [unknown]".to_owned(),
        _ => format!(
            "{} ({}){of} inferred, not proven",
            Bytes(inferred),
            Share::of(inferred, whole)
        ),
    };
    Page::new()
        .line(question, Emphasis::Faint)
        .line(proof, Emphasis::Faint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_largest_part_of_what_ships_is_left_out_last() {
        let mut rows = fixture::crates();
        let order = |rows: &[CrateRow]| -> Vec<Category> {
            let mut places = by_size(&count(rows), &LOADED);
            places.sort_by_key(|(_, place)| *place);
            places.into_iter().map(|(category, _)| category).collect()
        };
        assert_eq!(order(&rows), LOADED);
        // A program of tables.
        rows[0].parts[Category::Relocations] = 90_000_000;
        let (code, data, unwind) = (Category::Code, Category::Data, Category::Unwind);
        assert_eq!(order(&rows), [Category::Relocations, code, data, unwind]);
    }
}
