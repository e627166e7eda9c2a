//! `cargo slim diff`: what changed, by crate, section, function and generic, and why.

use super::{
    changes::{JsonChange, SYMBOLS_NOTE, columns, count, grid, heading, pools_symbols},
    comment, envelope,
    sizes::{self, SizeFacts, delta, file_delta, without_rows},
};
use crate::{
    compare::{Basis, Cause, Compared, Kind, Sizes},
    snapshot::{Artifact, JsonDepth, Snapshot},
};
use codecost::{
    Result,
    console::Console,
    report::{Emphasis, Format, OutputOptions, Page, Table, Warning, github, printable},
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

/// A side in JSON.
#[derive(Serialize)]
struct JsonSide<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<&'a str>,
    format: &'a str,
    architecture: &'a str,
    file_size: u64,
    shipped_size: Option<u64>,
    depth: Option<JsonDepth>,
    package: Option<&'a str>,
    target_name: Option<&'a str>,
    profile: Option<&'a str>,
    toolchain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a str>,
    build_notes: &'a [String],
}

impl<'a> JsonSide<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
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
            stripped: _,
            absent: _,
            depth,
        } = &snapshot.artifact;
        Self {
            path,
            snapshot: snapshot.read_from.as_deref(),
            format,
            architecture,
            file_size: *file_size,
            shipped_size: *shipped_size,
            depth: depth.map(JsonDepth::from),
            package: package.as_deref(),
            target_name: target_name.as_deref(),
            profile: profile.as_deref(),
            toolchain: toolchain(snapshot),
            commit: snapshot.commit.as_deref(),
            build_notes,
        }
    }
}

fn toolchain(snapshot: &Snapshot) -> Option<&str> {
    snapshot.build.as_ref()?.toolchain.as_deref()
}

/// The artifact as the user's own profile builds it, in JSON.
#[derive(Serialize)]
struct JsonBuilt {
    before: JsonSizes,
    after: JsonSizes,
    delta: JsonBuiltDelta,
}

#[derive(Serialize)]
struct JsonSizes {
    file: u64,
    shipped: Option<u64>,
}

#[derive(Serialize)]
struct JsonBuiltDelta {
    file: i64,
    shipped: Option<i64>,
}

impl JsonBuilt {
    fn new([was, is]: [Sizes; 2]) -> Self {
        let sizes = |Sizes { file, shipped }| JsonSizes { file, shipped };
        Self {
            before: sizes(was),
            after: sizes(is),
            delta: JsonBuiltDelta {
                file: delta(was.file, is.file),
                shipped: was
                    .shipped
                    .zip(is.shipped)
                    .map(|(before, after)| delta(before, after)),
            },
        }
    }
}

/// What only the analysed files have, in JSON: debug information and symbol tables.
#[derive(Serialize)]
struct JsonUnshipped {
    before: u64,
    after: u64,
    delta: i64,
}

impl JsonUnshipped {
    fn new((before, after): (u64, u64)) -> Self {
        Self {
            before,
            after,
            delta: delta(before, after),
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
    shipped: Option<u64>,
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
pub fn write(compared: &Compared, options: &OutputOptions, console: &mut Console) -> Result<()> {
    match options.format {
        Format::Markdown => {
            return console.write_text(options, &comment::of_diff(compared, options)?);
        }
        Format::Github => {
            let text = comment::annotations_of_diff(compared);
            github::summarize(&comment::of_diff(compared, options)?)?;
            return console.write_text(options, &text);
        }
        Format::Human | Format::Json | Format::Csv => {}
    }
    let rows = count(&compared.comparison.changes);
    let all = compared.comparison.cause_of_all.as_deref();
    let table = columns(Table::new(&rows), all, options.full_names)
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
    let report = envelope::report("diff", table)
        .member("artifact", &JsonSide::new(after))
        .member("before", &JsonSide::new(before))
        .member("after", &JsonSide::new(after))
        .member(
            "total",
            &JsonTotal {
                file: after.artifact.file_size,
                shipped: after.artifact.shipped_size,
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
        .member("as_built", &compared.as_built().map(JsonBuilt::new))
        .member(
            "unshipped",
            &compared.comparison.unshipped.map(JsonUnshipped::new),
        )
        .member("causes", &causes)
        .warnings(compared.warnings.iter().cloned())
        .unknowns(unknown_depth([before, after]));
    let report = match options.format {
        Format::Human => report.instead(page(compared, options)?),
        _ => report,
    };
    console.write_report(&report, options, |row| JsonChange::new(row, all))
}

/// Why it is not known what was read of a file.
fn unknown_depth(sides: [&Snapshot; 2]) -> [Warning; 1] {
    let sides = sides.into_iter();
    let unknown = sides.filter(|side| side.artifact.depth.is_none() && !side.artifact.absent);
    let count = unknown.count() as u64;
    let message = "snapshots of an older version do not say what was read: `depth` is null";
    let warning = Warning::new("unknown-depth", message);
    [warning
        .help("write them again with `cargo slim snapshot`")
        .count(count)]
}

fn shipped_delta(before: &Snapshot, after: &Snapshot) -> Option<i64> {
    let (before, after) = (before.artifact.shipped_size, after.artifact.shipped_size);
    before
        .zip(after)
        .map(|(before, after)| delta(before, after))
}

fn side(snapshot: &Snapshot) -> String {
    let artifact = &snapshot.artifact;
    let mut about = vec![format!("{} {}", artifact.format, artifact.architecture)];
    let profile = artifact.profile.iter();
    about.extend(profile.map(|profile| format!("profile {profile}")));
    about.extend(toolchain(snapshot).map(|release| format!("rustc {release}")));
    let of = snapshot.read_from.iter();
    let of = of.map(|_| format!("snapshot of {}", artifact.path));
    let about: Vec<String> = of.chain(about).collect();
    let text = format!("{} ({})", snapshot.file(), about.join(", "));
    printable(&text).into_owned()
}

fn page(compared: &Compared, options: &OutputOptions) -> Result<Page> {
    let Compared {
        before,
        after,
        comparison,
        warnings: _,
    } = compared;
    let figures = SizeFacts::of(compared);
    let mut facts = vec![
        ("before".to_owned(), side(before)),
        ("after".to_owned(), side(after)),
    ];
    facts.extend(figures.shipped.map(|words| ("shipped".to_owned(), words)));
    facts.push((figures.what.to_owned(), figures.change));
    if let Some((words, notes)) = figures.analysed {
        let added = match notes.as_str() {
            "" => String::new(),
            notes => format!(", with {notes}"),
        };
        let rows = match comparison.changes.is_empty() || comparison.basis == Basis::Shipped {
            true => "",
            false => "; the rows are about this",
        };
        facts.push(("analysed".to_owned(), format!("{words}{added}{rows}")));
    }
    let mut page = Page::new()
        .facts(facts)
        .then(causes_page(&comparison.causes));
    if comparison.changes.is_empty() {
        return Ok(page.gap().line(without_rows(compared), Emphasis::Strong));
    }
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
        if let (Kind::Crate, Some(words)) = (kind, sizes::unshipped(compared)) {
            page = page.line(words, Emphasis::Faint);
        }
    }
    Ok(page)
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
