//! `cargo slim deps`: the dependency tree in bytes.

use super::envelope::{next, report_of, share};
use crate::{
    analysis::{
        Analysis,
        model::{Artifact, Deps},
    },
    dependencies::{
        DependencyKind, DependencyRow, FeatureRow, Features, PackageSizes, Proven, Status, Tree,
    },
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, OutputOptions, Page, Table, printable},
    units::{Bytes, Delta},
};
use serde::Serialize;

/// One row in JSON.
#[derive(Serialize)]
struct JsonDependency<'a> {
    id: String,
    name: &'a str,
    version: &'a str,
    parent: Option<&'a str>,
    parents: &'a [String],
    depth: u32,
    shipped: Option<u64>,
    file: u64,
    memory: u64,
    own: u64,
    exclusive: u64,
    shared: u64,
    shared_with: &'a [String],
    kind: &'static str,
    /// `none`, `inlined` or `unknown` where nothing is counted for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    presence: Option<&'static str>,
    features: Vec<JsonFeature<'a>>,
}

#[derive(Serialize)]
struct JsonFeature<'a> {
    name: &'a str,
    enabled_by: String,
    bytes: Option<i64>,
}

impl<'a> JsonDependency<'a> {
    fn new(row: &'a DependencyRow) -> Self {
        let DependencyRow {
            name,
            version,
            parent,
            parents,
            depth,
            sizes,
            own,
            exclusive,
            shared,
            shared_with,
            kind,
            features,
            member: _,
        } = row;
        let PackageSizes {
            shipped,
            file,
            memory,
        } = *sizes;
        let feature = |feature: &'a FeatureRow| {
            let FeatureRow {
                name,
                enabled_by,
                bytes,
            } = feature;
            JsonFeature {
                name,
                enabled_by: enabled_by.join(", "),
                bytes: *bytes,
            }
        };
        Self {
            id: format!("dependency:{name}@{version}"),
            name,
            version,
            parent: parent.as_deref(),
            parents,
            depth: *depth,
            shipped,
            file,
            memory,
            own: *own,
            exclusive: *exclusive,
            shared: *shared,
            shared_with,
            kind: kind.kind(),
            presence: kind.presence(),
            features: features.iter().map(feature).collect(),
        }
    }
}

/// One of `proven` of the envelope.
#[derive(Serialize)]
struct JsonProven<'a> {
    package: &'a str,
    name: &'a str,
    enabled_by: String,
    with: &'a [String],
    shipped: Option<u64>,
    bytes: Option<i64>,
    status: &'static str,
    reason: Option<&'a str>,
}

impl<'a> JsonProven<'a> {
    fn new(row: &'a Proven) -> Self {
        let Proven {
            package,
            name,
            enabled_by,
            with,
            shipped,
            bytes,
            status,
        } = row;
        Self {
            package,
            name,
            enabled_by: enabled_by.join(", "),
            with,
            shipped: *shipped,
            bytes: *bytes,
            status: status.as_str(),
            reason: match status {
                Status::Failed(reason) => Some(reason),
                Status::Measured | Status::Remembered | Status::Left => None,
            },
        }
    }
}

/// One of `others` of the envelope.
#[derive(Serialize)]
struct JsonOther<'a> {
    name: &'a str,
    own: u64,
}

/// Shows the tree.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(
    analysis: &Analysis<Deps>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Deps { tree, proven } = &analysis.rows;
    let Tree { rows, others } = tree;
    let whole = analysis.total.shipped.unwrap_or(analysis.total.file);
    let as_tree = options.sort.is_none() && options.filter.is_none();
    let indented = move |row: &DependencyRow| {
        let indent = if as_tree { row.depth as usize } else { 0 };
        let name = format!("{}{} {}", "  ".repeat(indent), row.name, row.version);
        printable(&name).into_owned()
    };
    let table = Table::new(rows)
        .number("exclusive", "Exclusive", |row| Cell::Bytes(row.exclusive))
        .number("share", "Share", move |row| {
            Cell::Share(share(row.exclusive, whole))
        })
        .people_only()
        .number("own", "Own", |row| Cell::Bytes(row.own))
        .summed()
        .number("shipped", "Shipped", |row| {
            Cell::maybe_bytes(row.sizes.shipped, "")
        })
        .machines_only()
        .number("file", "File", |row| Cell::Bytes(row.sizes.file))
        .machines_only()
        .number("memory", "Memory", |row| Cell::Bytes(row.sizes.memory))
        .machines_only()
        .number("shared", "Shared", |row| match row.shared {
            0 => Cell::Empty,
            bytes => Cell::Bytes(bytes),
        })
        .people_only()
        .number("shared", "Shared", |row| Cell::Bytes(row.shared))
        .machines_only()
        .text("kind", "Kind", |row| match row.kind {
            DependencyKind::Normal => "".into(),
            kind => kind.as_str().into(),
        })
        .people_only()
        .text("kind", "Kind", |row| row.kind.kind().into())
        .machines_only()
        .name("name", "Package", |row| row.name.as_str().into())
        .machines_only()
        .name("package", "Package", move |row| Cell::text(indented(row)))
        .people_only()
        .text("version", "Version", |row| row.version.as_str().into())
        .machines_only()
        .number("depth", "Depth", |row| Cell::Count(row.depth.into()))
        .machines_only()
        .text("parent", "Parent", |row| {
            Cell::maybe_text(row.parent.as_deref())
        })
        .machines_only()
        .text("parents", "Parents", |row| row.parents.join(";").into())
        .machines_only()
        .text("shared_with", "Shared with", |row| {
            row.shared_with.join(";").into()
        })
        .machines_only()
        .text("features", "Features", |row| {
            let names = row.features.iter().map(|feature| feature.name.as_str());
            names.collect::<Vec<_>>().join(";").into()
        })
        .machines_only()
        .total_label("all packages")
        .when_empty("nothing: there are no packages");
    let proofs = proven.as_ref().map(|proven| {
        let rows = proven.rows.iter().map(JsonProven::new);
        rows.collect::<Vec<_>>()
    });
    let others: Vec<_> = others
        .iter()
        .map(|(name, own)| JsonOther { name, own: *own })
        .collect();
    let report = report_of(analysis, "deps", table)
        .member("others", &others)
        .member("proven", &proofs)
        .before(proven.as_ref().map_or_else(Page::new, features))
        .after(below(tree, &analysis.artifact, proven.is_some()));
    console.write_report(&report, options, JsonDependency::new)
}

/// What the builds without each feature showed.
fn features(proven: &Features) -> Page {
    let mut page = Page::new().heading("Features: what a build without each one saves");
    if proven.rows.is_empty() {
        let none = "none: the package has no feature in force that can be switched off";
        return page.line(none, Emphasis::Plain).gap();
    }
    for row in &proven.rows {
        let Proven {
            package,
            name,
            enabled_by,
            with,
            shipped: _,
            bytes,
            status,
        } = row;
        let figure = match (bytes, status) {
            (Some(bytes), _) => Delta(*bytes).to_string(),
            (None, Status::Failed(_)) => "failed".into(),
            (None, _) => "not built".into(),
        };
        let by = match enabled_by.is_empty() {
            true => String::new(),
            false => format!("  on by {}", enabled_by.join(", ")),
        };
        let with = match with.is_empty() {
            true => String::new(),
            false => format!("  with {}", with.join(", ")),
        };
        let line = format!("{figure:>12}  {package}/{name}{by}{with}");
        page = page.line(printable(&line).into_owned(), Emphasis::Plain);
        if let Status::Failed(reason) = status {
            let line = format!("              {}", printable(reason));
            page = page.line(line, Emphasis::Faint);
        }
    }
    page.gap().heading("Packages")
}

fn below(tree: &Tree, artifact: &Artifact, proven: bool) -> Page {
    let mut page = Page::new();
    let outside: u64 = tree.others.iter().map(|(_, bytes)| bytes).sum();
    if outside > 0 {
        let largest = tree.others.iter().take(4);
        let largest = largest.map(|(name, bytes)| format!("{name} {}", Bytes(*bytes)));
        let line = format!(
            "{} more are no package's: {}, …",
            Bytes(outside),
            largest.collect::<Vec<_>>().join(", ")
        );
        page = page.gap().line(line, Emphasis::Faint);
    }
    let of_kind = |kind: DependencyKind| {
        let rows = tree.rows.iter();
        let rows = rows.filter(|row| row.kind == kind && row.depth == 1 && !row.member);
        let names: Vec<_> = rows.map(|row| row.name.as_str()).collect();
        (!names.is_empty()).then(|| printable(&names.join(", ")).into_owned())
    };
    if let Some(names) = of_kind(DependencyKind::Unused) {
        let line = format!(
            "unused: no code of {names} is in the file, not even inlined; macros and types do not \
             count"
        );
        page = page.line(line, Emphasis::Plain);
    }
    if let Some(names) = of_kind(DependencyKind::NoBytes) {
        let line = format!(
            "no-bytes: no function or constant is known to be of {names}; all of it may be inlined, \
             or it is not used: a build with `debug = 1` tells"
        );
        page = page.line(line, Emphasis::Plain);
        if let Some(profile) = &artifact.profile {
            let command = format!(
                "→ cargo slim deps {} --config profile.{profile}.debug=1",
                artifact.flags
            );
            page = page.line(printable(&command).into_owned(), Emphasis::Command);
        }
    }
    for row in &tree.rows {
        if row.kind == DependencyKind::Duplicate {
            let line = format!(
                "two versions: {} {} is there for {}",
                row.name,
                row.version,
                row.parents.join(", ")
            );
            page = page.line(printable(&line).into_owned(), Emphasis::Plain);
        }
    }
    // Cargo builds what it knows, not a file.
    match proven || artifact.profile.is_none() {
        true => page,
        false => page.then(next(
            "cargo slim deps --features",
            artifact,
            "prove by builds what each feature costs",
        )),
    }
}
