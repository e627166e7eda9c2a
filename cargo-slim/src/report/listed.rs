//! The packages that a list names: in the lines above a table, below the crates, and in JSON.

use crate::analysis::model::{CrateRow, Listed, ListedPackage};
use codecost::{
    report::{Emphasis, Page, printable},
    units::counted,
};
use serde::Serialize;

/// `artifact.packages` of the envelope.
#[derive(Serialize)]
pub(super) struct JsonListed<'a> {
    source: &'a str,
    count: u64,
    root: Option<String>,
}

impl<'a> JsonListed<'a> {
    pub(super) fn new(listed: &'a Listed) -> Self {
        let Listed { source, packages } = listed;
        Self {
            source,
            count: packages.len() as u64,
            root: root(listed),
        }
    }
}

/// A package of the list in JSON.
#[derive(Serialize)]
pub(super) struct JsonPackage<'a> {
    name: &'a str,
    version: &'a str,
    origin: &'static str,
    /// Whether bytes are known to be its crate's; `null` where nobody asked for bytes.
    named: Option<bool>,
}

impl<'a> JsonPackage<'a> {
    /// All of the list, and whether one of `rows` is theirs.
    pub(super) fn all(listed: Option<&'a Listed>, rows: Option<&[CrateRow]>) -> Vec<Self> {
        let packages = listed.into_iter().flat_map(|listed| &listed.packages);
        let json = |package: &'a ListedPackage| Self {
            name: &package.name,
            version: &package.version,
            origin: package.origin.as_str(),
            named: rows.map(|rows| has_row(package, rows)),
        };
        packages.map(json).collect()
    }
}

fn has_row(package: &ListedPackage, rows: &[CrateRow]) -> bool {
    rows.iter().any(|row| {
        row.label.package.as_deref() == Some(&package.name)
            && row.label.version.as_deref() == Some(&package.version)
    })
}

fn root(listed: &Listed) -> Option<String> {
    let root = listed.packages.iter().find(|package| package.root)?;
    Some(format!("{} {}", root.name, root.version))
}

/// `566 listed in .dep-v0, for uv 0.13.9`.
pub(super) fn fact(listed: &Listed) -> String {
    let count = listed.packages.len();
    let of = root(listed).map_or_else(String::new, |root| format!(", for {root}"));
    format!("{count} listed in {}{of}", listed.source)
}

/// Lines of this many columns fit most terminals.
const WIDTH: usize = 78;

/// All of them.
pub(super) fn page(listed: &Listed) -> Page {
    let mut lines = vec![String::new()];
    for package in &listed.packages {
        let item = format!("{} {}", package.name, package.version);
        let item = printable(&item);
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(&item),
            Some(line) if line.len() + item.len() + 2 <= WIDTH => {
                line.push_str(", ");
                line.push_str(&item);
            }
            last => {
                last.into_iter().for_each(|line| line.push(','));
                lines.push(item.into_owned());
            }
        }
    }
    let heading = format!("Packages listed in {}", printable(&listed.source));
    let page = Page::new().heading(heading);
    lines
        .into_iter()
        .fold(page, |page, line| page.line(line, Emphasis::Plain))
}

/// So many are named in a line.
const SHOWN: usize = 3;

/// Which of them have no row.
pub(super) fn without_bytes(listed: &Listed, rows: &[CrateRow]) -> Page {
    let others = listed.packages.iter();
    let others: Vec<_> = others.filter(|package| !has_row(package, rows)).collect();
    if others.is_empty() {
        return Page::new();
    }
    let names: Vec<String> = others
        .iter()
        .take(SHOWN)
        .map(|package| format!("{} {}", package.name, package.version))
        .collect();
    let rest = match others.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more (`cargo slim loads` lists all)"),
    };
    let line = format!(
        "{} in {} without a byte that is known to be theirs: {}{rest}",
        counted(others.len() as u64, "package"),
        listed.source,
        names.join(", ")
    );
    Page::new().line(printable(&line).into_owned(), Emphasis::Faint)
}
