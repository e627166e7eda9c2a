//! `cargo slim data`: constants, variables, tables and what else is not code.

use super::{
    envelope::report_of,
    lead::{Lead, lead},
    names::Ambiguous,
};
use crate::analysis::{
    Analysis, Total,
    model::{CrateInfo, DataRow, DataUser},
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, OutputOptions, Page, RowId, Table, printable, unknown_packages},
};
use serde::Serialize;
use std::borrow::Cow;

/// One row in JSON.
#[derive(Serialize)]
struct JsonData<'a> {
    id: RowId<'a>,
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    version: Option<&'a str>,
    section: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a str>,
    address: u64,
    shipped: Option<u64>,
    file: u64,
    memory: u64,
    kind: &'a str,
    shared_by: Vec<&'a str>,
    instantiated_by: Vec<&'a str>,
    evidence: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users: Vec<JsonUser<'a>>,
}

#[derive(Serialize)]
struct JsonUser<'a> {
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
}

impl<'a> JsonData<'a> {
    fn new(data: &'a DataRow<'a>, total: Total) -> Self {
        let DataRow {
            name,
            nameless: _,
            nth,
            label,
            section,
            member,
            address,
            shipped,
            file,
            memory,
            kind,
            shared_by,
            instantiated_by,
            evidence,
            users,
        } = data;
        Self {
            id: RowId {
                kind: "data",
                owner: &label.name,
                name: data.identity(),
                nth: *nth,
            },
            name,
            owner: &label.name,
            version: label.version.as_deref(),
            section,
            member: *member,
            address: address.0,
            shipped: total.shipped.map(|_| *shipped),
            file: *file,
            memory: *memory,
            kind,
            shared_by: names(shared_by).collect(),
            instantiated_by: names(instantiated_by).collect(),
            evidence: evidence.as_str(),
            users: users
                .iter()
                .map(|DataUser { name, owner }| JsonUser { name, owner })
                .collect(),
        }
    }
}

/// Users of a constant that people see.
const USERS: usize = 8;

/// Constants whose users are listed.
const LISTED: usize = 20;

/// Who uses the first rows.
fn users(rows: &[DataRow<'_>]) -> Page {
    let mut page = Page::new();
    for row in rows.iter().filter(|row| !row.users.is_empty()).take(LISTED) {
        page = page.gap().line(
            format!("{} is used by", printable(&row.name)),
            Emphasis::Strong,
        );
        for DataUser { name, owner } in row.users.iter().take(USERS) {
            let line = format!("  {owner}  {name}");
            page = page.line(printable(&line).into_owned(), Emphasis::Plain);
        }
        let more = row.users.len().saturating_sub(USERS);
        if more > 0 {
            page = page.line(format!("  … {more} more"), Emphasis::Faint);
        }
    }
    page
}

/// How many people see who do not say.
pub(super) const ROWS: usize = 20;

/// How many will be shown of what they are, largest first.
pub fn named(options: &OutputOptions) -> usize {
    let other_order = options.filter.is_some() || options.sort.is_some();
    match options.limit {
        _ if other_order || options.format.is_for_machines() => usize::MAX,
        Some(0) => usize::MAX,
        Some(limit) => limit,
        // A single one more is shown, too.
        None => ROWS + 1,
    }
}

fn names<'r>(labels: &'r [&CrateInfo]) -> impl Iterator<Item = &'r str> {
    labels.iter().map(|label| label.name.as_str())
}

/// `regex`, or for shared data `regex +3`.
fn owners<'r>(row: &'r DataRow<'_>, ambiguous: &Ambiguous<'_>) -> Cow<'r, str> {
    let owner = ambiguous.name(row.label);
    match row.shared_by.len() {
        0 | 1 => owner,
        several => format!("{owner} +{}", several - 1).into(),
    }
}

/// Shows the constants, variables and tables.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Vec<DataRow<'_>>>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let rows = &analysis.rows;
    let ambiguous = Ambiguous::among(rows.iter().map(|row| row.label));
    let total = analysis.total;
    let figures = Lead {
        total,
        title: "Size",
        shipped: |row: &DataRow<'_>| row.shipped,
        file: |row: &DataRow<'_>| row.file,
    };
    let members = rows.iter().any(|row| row.member.is_some());
    let table = lead(Table::new(rows), figures);
    let table = match members {
        true => table
            .text("member", "Member", |row| Cell::maybe_text(row.member))
            .machines_only(),
        false => table,
    };
    let memory = table
        .number("memory", "In memory", |row| Cell::Bytes(row.memory))
        .summed();
    // It is the size in the file but for variables of zeroes, which are last unless asked for.
    let table = match options.sort.as_deref() {
        Some("memory") => memory,
        _ => memory.machines_only(),
    };
    let table = table
        .text("kind", "Kind", |row| row.kind.into())
        .text("section", "Section", |row| row.section.into())
        .droppable(3)
        .text("crate", "Crate", |row| Cell::text(owners(row, &ambiguous)))
        .people_only()
        .text("crate", "Crate", |row| row.label.name.as_str().into())
        .machines_only()
        // Constants have no names to speak of: people look for a crate's.
        .searched(true)
        .text("version", "Version", |row| {
            Cell::maybe_text(row.label.version.as_deref())
        })
        .machines_only()
        .name("name", "Name or text", |row| row.name.as_str().into())
        .number("address", "Address", |row| Cell::Address(row.address.0))
        .machines_only()
        .text("shared_by", "Shared by", |row| {
            names(&row.shared_by).collect::<Vec<_>>().join(";").into()
        })
        .machines_only()
        .text("instantiated_by", "Instantiated by", |row| {
            names(&row.instantiated_by)
                .collect::<Vec<_>>()
                .join(";")
                .into()
        })
        .machines_only()
        .text("evidence", "Evidence", |row| row.evidence.as_str().into())
        .machines_only();
    let report = report_of(
        analysis,
        "data",
        table
            .default_limit(ROWS)
            .total_label("all data")
            .when_empty("nothing: no data is known piece by piece"),
    )
    .unknowns([unknown_packages(rows.iter().map(|row| row.label))])
    .after(users(&analysis.rows));
    console.write_report(&report, options, |row| JsonData::new(row, total))
}
