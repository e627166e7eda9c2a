//! `cargo slim diff`: what changed, by crate, section, function and generic, and why.

use super::{
    changes::{JsonChange, SYMBOLS_NOTE, columns, count, grid, heading, pools_symbols},
    comment, envelope, github,
};
use crate::{
    compare::{Cause, Compared, Kind, Sizes, delta},
    snapshot::{Artifact, Snapshot},
};
use codecost::{
    Result,
    console::Console,
    report::{Emphasis, Format, OutputOptions, Page, Table, Warning, printable},
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

/// A side in JSON.
#[derive(Serialize)]
struct JsonSide<'a> {
    path: &'a str,
    format: &'a str,
    architecture: &'a str,
    file_size: u64,
    shipped_size: Option<u64>,
    package: Option<&'a str>,
    target_name: Option<&'a str>,
    profile: Option<&'a str>,
    toolchain: Option<&'a str>,
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
        } = &snapshot.artifact;
        Self {
            path,
            format,
            architecture,
            file_size: *file_size,
            shipped_size: *shipped_size,
            package: package.as_deref(),
            target_name: target_name.as_deref(),
            profile: profile.as_deref(),
            toolchain: toolchain(snapshot),
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
        .member("causes", &causes)
        .warnings(warnings(compared));
    let report = match options.format {
        Format::Human => report.instead(page(compared, options)?),
        _ => report,
    };
    console.write_report(&report, options, |row| JsonChange::new(row, all))
}

/// What makes the figures less than they seem.
pub(super) fn warnings(compared: &Compared) -> Vec<Warning> {
    compared.warnings.clone()
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
    about.extend(toolchain(snapshot).map(|release| format!("rustc {release}")));
    let text = format!("{} ({})", artifact.path, about.join(", "));
    printable(&text).into_owned()
}

/// The sizes, those that users get first.
pub(super) struct SizeFacts {
    /// What the first figure is: `file`, or `analysed` where only that is known.
    pub(super) what: &'static str,
    /// The change of it, in words.
    pub(super) change: String,
    /// The same with `strip = "symbols"`.
    pub(super) shipped: Option<String>,
    /// The change of the analysed file and what was added to it, where it is another file.
    pub(super) analysed: Option<(String, String)>,
}

impl SizeFacts {
    pub(super) fn of(compared: &Compared) -> Self {
        let (old, new) = (&compared.before.artifact, &compared.after.artifact);
        let analysed = change_in_words(old.file_size, new.file_size);
        let ours = !old.build_notes.is_empty() || !new.build_notes.is_empty();
        let shipped = |was: Option<u64>, is: Option<u64>| Some(change_in_words(was?, is?));
        match compared.as_built() {
            Some([was, is]) => Self {
                what: "file",
                change: change_in_words(was.file, is.file),
                shipped: shipped(was.shipped, is.shipped),
                analysed: ((was.file, is.file) != (old.file_size, new.file_size))
                    .then(|| (analysed, notes(old, new))),
            },
            None => Self {
                what: if ours { "analysed" } else { "file" },
                change: analysed,
                shipped: shipped(old.shipped_size, new.shipped_size),
                analysed: None,
            },
        }
    }
}

/// What was added for the analysis: `strip=none, v0 names`.
fn notes(old: &Artifact, new: &Artifact) -> String {
    let mut all: Vec<&str> = Vec::new();
    for note in old.build_notes.iter().chain(&new.build_notes) {
        if !all.contains(&note.as_str()) {
            all.push(note);
        }
    }
    printable(&all.join(", ")).into_owned()
}

/// Said where no row is another, and more than that may not be said.
pub(super) fn without_rows(compared: &Compared) -> &'static str {
    match compared.is_unchanged() {
        true => "nothing changed",
        false => {
            "in the analysed files nothing changed: the difference is in what the analysis \
             overrides, as `strip`"
        }
    }
}

fn page(compared: &Compared, options: &OutputOptions) -> Result<Page> {
    let Compared {
        before,
        after,
        comparison,
        warnings: _,
    } = compared;
    let sizes = SizeFacts::of(compared);
    let mut facts = vec![
        ("before".to_owned(), side(before)),
        ("after".to_owned(), side(after)),
        (sizes.what.to_owned(), sizes.change),
    ];
    facts.extend(sizes.shipped.map(|words| ("shipped".to_owned(), words)));
    if let Some((words, notes)) = sizes.analysed {
        let added = match notes.as_str() {
            "" => String::new(),
            notes => format!(", with {notes}"),
        };
        let rows = match comparison.changes.is_empty() {
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
    }
    Ok(page)
}

pub(super) fn causes_page(causes: &[Cause]) -> Page {
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
