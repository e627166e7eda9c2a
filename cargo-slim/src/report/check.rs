//! `cargo slim check`: every budget with its value, its limit and what is left.

use super::{
    budgets::{compressors, table, verdict, warnings},
    changes, comment, envelope, sizes,
};
use crate::{
    budget::{Checked, Edit, Images, Judged, Row, Status},
    compare::Kind,
    snapshot::measure::{BROTLI_LEVEL, BROTLI_LIBRARY, ZSTD_LEVEL, ZSTD_LIBRARY},
};
use codecost::image::{GZIP_LEVEL, GZIP_LIBRARY};
use codecost::{
    Result,
    console::Console,
    front::quoted,
    report::{Emphasis, Format, OutputOptions, Page, github, printable},
    units::Delta,
};
use serde::Serialize;

/// How many crates people see of what changed.
const CHANGED: usize = 8;
/// How many causes.
const CAUSES: usize = 5;

/// One row in JSON.
#[derive(Serialize)]
struct JsonRow<'a> {
    budget: &'a str,
    name: &'a str,
    artifact: &'a str,
    measure: &'a str,
    value: Option<u64>,
    limit: Option<u64>,
    warn: Option<u64>,
    baseline: Option<u64>,
    growth: Option<i64>,
    growth_limit: Option<u64>,
    slack: Option<i64>,
    status: &'static str,
    why: Option<&'a str>,
    reason: Option<&'a str>,
    line: usize,
    found: &'a [String],
}

impl<'a> JsonRow<'a> {
    fn new(row: &'a Row) -> Self {
        let Row {
            budget,
            artifact,
            measure,
            value,
            limit,
            warn,
            baseline,
            growth,
            growth_limit,
            slack,
            status,
            why,
            reason,
            line,
            found,
            index: _,
        } = row;
        Self {
            budget,
            name: budget,
            artifact,
            measure,
            value: *value,
            limit: *limit,
            warn: *warn,
            baseline: *baseline,
            growth: *growth,
            growth_limit: *growth_limit,
            slack: *slack,
            status: status.as_str(),
            why: why.as_deref(),
            reason: reason.as_deref(),
            line: *line,
            found,
        }
    }
}

#[derive(Serialize)]
struct JsonCompression {
    gzip_level: u32,
    gzip_library: &'static str,
    zstd_level: i32,
    zstd_library: String,
    brotli_level: i32,
    brotli_library: &'static str,
}

/// One value that `--update` wrote, in JSON.
#[derive(Serialize)]
struct JsonEdit<'a> {
    budget: &'a str,
    key: &'static str,
    before: Option<&'a str>,
    after: &'a str,
}

impl<'a> JsonEdit<'a> {
    fn new(edit: &'a Edit) -> Self {
        let Edit {
            budget,
            key,
            before,
            after,
        } = edit;
        Self {
            budget,
            key,
            before: before.as_deref(),
            after,
        }
    }
}

/// Which images of a universal file were measured, in JSON.
#[derive(Serialize)]
struct JsonImages<'a> {
    artifact: &'a str,
    architectures: &'a [String],
}

impl<'a> JsonImages<'a> {
    fn of(judged: &'a Judged) -> Option<Self> {
        Some(Self {
            artifact: &judged.name,
            architectures: match judged.images.as_ref()? {
                Images::One(name) => std::slice::from_ref(name),
                Images::All(names) => names,
            },
        })
    }
}

/// Which images of a file the figures are of, where there is a choice.
fn images_measured(judged: &Judged) -> Option<String> {
    let name = &judged.name;
    Some(match judged.images.as_ref()? {
        Images::One(own) => format!("{name}: measured is the image for {own}"),
        Images::All(names) => {
            let names = names.join(", ");
            format!(
                "{name}: measured is the whole file, with its images for {names}; `--arch` chooses one"
            )
        }
    })
}

/// The budgets whose limits `--update` wrote, each once.
fn updated(checked: &Checked) -> Vec<&str> {
    let limits = checked
        .updated
        .iter()
        .flatten()
        .filter(|edit| edit.key == "limit");
    limits.map(|edit| edit.budget.as_str()).collect()
}

/// What changed in one artifact since its baseline, in JSON.
#[derive(Serialize)]
struct JsonChanges<'a> {
    artifact: &'a str,
    delta: i64,
    crates: Vec<JsonCrateChange<'a>>,
}

#[derive(Serialize)]
struct JsonCrateChange<'a> {
    name: &'a str,
    delta: i64,
    moved: i64,
    status: &'static str,
    cause: Option<&'a str>,
}

fn changes_of(judged: &Judged) -> Option<JsonChanges<'_>> {
    let compared = judged.compared.as_ref()?;
    let crates = compared.comparison.of(Kind::Crate).iter();
    Some(JsonChanges {
        artifact: &judged.name,
        delta: sizes::delta_of_rows(compared).0,
        crates: crates
            .map(|change| JsonCrateChange {
                name: &change.name,
                delta: change.delta(),
                moved: change.moved,
                status: change.status.as_str(),
                cause: change.why(compared.comparison.cause_of_all.as_deref()),
            })
            .collect(),
    })
}

/// Shows a verdict.
///
/// # Errors
///
/// A usage error when `--sort` names no column, or the failure to write.
pub fn write(checked: &Checked, options: &OutputOptions, console: &mut Console) -> Result<()> {
    match options.format {
        Format::Markdown => {
            return console.write_text(options, &comment::of_check(checked, options)?);
        }
        Format::Github => {
            github::summarize(&comment::of_check(checked, options)?)?;
            return console.write_text(options, &comment::annotations_of_check(checked));
        }
        Format::Human | Format::Json | Format::Csv => {}
    }
    let table = table(&checked.verdict.rows, true).default_limit(0);
    let changed: Vec<_> = checked.artifacts.iter().filter_map(changes_of).collect();
    let images: Vec<_> = checked
        .artifacts
        .iter()
        .filter_map(JsonImages::of)
        .collect();
    let edits: Vec<_> = checked
        .updated
        .iter()
        .flatten()
        .map(JsonEdit::new)
        .collect();
    let report = envelope::report("check", table)
        .member("config_file", &checked.config.path.to_string_lossy())
        .member("passed", &!checked.verdict.fails())
        .member(
            "compression",
            &JsonCompression {
                gzip_level: GZIP_LEVEL,
                gzip_library: GZIP_LIBRARY,
                zstd_level: ZSTD_LEVEL,
                zstd_library: ZSTD_LIBRARY.clone(),
                brotli_level: BROTLI_LEVEL,
                brotli_library: BROTLI_LIBRARY,
            },
        )
        .member("updated", &updated(checked))
        .member("edits", &edits)
        .member("changes", &changed)
        .member("images", &images)
        .before(Page::new().line(verdict(checked), Emphasis::Strong))
        .after(after(checked, options)?)
        .warnings(warnings(checked));
    console.write_report(&report, options, JsonRow::new)
}

/// Which compressors, what was rewritten, and what changed since the baseline.
fn after(checked: &Checked, options: &OutputOptions) -> Result<Page> {
    let mut page = Page::new();
    if let Some(compressors) = compressors(checked) {
        page = page.line(compressors, Emphasis::Faint);
    }
    let images = checked.artifacts.iter().filter_map(images_measured);
    page = images.fold(page, |page, line| page.line(line, Emphasis::Faint));
    for Edit {
        budget,
        key,
        before,
        after,
    } in checked.updated.iter().flatten()
    {
        let text = match before {
            Some(before) => format!("{budget}: `{key}` was \"{before}\" and is now \"{after}\""),
            None => format!("{budget}: `{key}` is new: \"{after}\""),
        };
        page = page.line(text, Emphasis::Plain);
    }
    for judged in &checked.artifacts {
        let Some(compared) = &judged.compared else {
            continue;
        };
        let rows = changes::count(compared.comparison.of(Kind::Crate));
        let (delta, what) = sizes::delta_of_rows(compared);
        page = page.heading(format!(
            "{} since the baseline, {what}: {}",
            judged.name,
            Delta(delta)
        ));
        for cause in compared.comparison.causes.iter().take(CAUSES) {
            page = page.line(printable(&cause.text).into_owned(), Emphasis::Plain);
        }
        page = match rows.is_empty() {
            true => page.line("nothing changed", Emphasis::Plain),
            false => page.grid(changes::grid(&rows, CHANGED, &plain(options))?),
        };
        if changes::pools_symbols(&rows) {
            page = page.line(changes::SYMBOLS_NOTE, Emphasis::Faint);
        }
    }
    let next = next_steps(checked);
    if !next.is_empty() {
        page = page.gap();
    }
    let lines = next.into_iter();
    Ok(lines.fold(page, |page, line| page.line(line, Emphasis::Faint)))
}

/// How today's sizes become the limits. Nothing is offered that `--update` has just done: what fails
/// after it, or is forbidden, no limit can allow.
fn accept(checked: &Checked) -> Option<String> {
    let mut rows = checked.verdict.rows.iter();
    let can = rows.any(|row| row.status == Status::Fail && !row.measure.starts_with("forbid:"));
    if checked.updated.is_some() || !can {
        return None;
    }
    let words = [
        "→ cargo slim check",
        &checked.again,
        "--update --reason 'WHY'",
    ];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let command = words.join(" ");
    Some(printable(&format!("{command}  accept today's sizes")).into_owned())
}

/// What to do about the first budget that is exceeded, and the first that was not measured; where all hold
/// and there was no baseline, how to have one.
fn next_steps(checked: &Checked) -> Vec<String> {
    let mut lines = Vec::new();
    let first = |status: Status| {
        let row = checked
            .verdict
            .rows
            .iter()
            .find(|row| row.status == status)?;
        let mut artifacts = checked.artifacts.iter();
        let judged = artifacts.find(|judged| judged.name == row.artifact)?;
        Some((row, judged.flags.as_str()))
    };
    let line = |command: &str, flags: &str, what: &str| {
        printable(&format!("→ {command} {flags}  {what}")).into_owned()
    };
    if let Some((row, flags)) = first(Status::Fail) {
        let name = row.measure.strip_prefix("crate:");
        let name = name.or(row.measure.strip_prefix("crate-file:"));
        lines.push(match (name, row.measure.split_once(':')) {
            (Some(name), _) => {
                let command = format!("cargo slim why {}", quoted(&format!("crate:{name}")));
                line(&command, flags, "why the crate is there")
            }
            (None, Some(("function" | "forbid", pattern))) => {
                let pattern = pattern.trim_matches('/');
                let command = format!("cargo slim functions --filter {}", quoted(pattern));
                line(&command, flags, "the functions that match")
            }
            (None, _) => line("cargo slim overview", flags, "what it consists of"),
        });
        lines.extend(accept(checked));
    }
    if let Some((row, flags)) = first(Status::Missing) {
        // A value without a verdict has no baseline to grow from.
        let (command, what) = match row.value {
            Some(_) => (
                "cargo slim snapshot -o size.json",
                "where it was right, to give here as `--baseline size.json`",
            ),
            None => ("cargo slim crates -n 0", "the names that there are"),
        };
        lines.push(line(command, flags, what));
    }
    let is_first = checked
        .artifacts
        .iter()
        .all(|it| it.compared.is_none() && !it.new);
    if let ([judged, ..], true, true) = (&checked.artifacts[..], lines.is_empty(), is_first) {
        let command = "cargo slim snapshot -o size.json";
        lines.push(line(command, &judged.flags, "a baseline for `growth`"));
    }
    lines
}

/// `--sort` and `--filter` are about the budgets.
fn plain(options: &OutputOptions) -> OutputOptions {
    OutputOptions {
        sort: None,
        filter: None,
        limit: None,
        ..options.clone()
    }
}
