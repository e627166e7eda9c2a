//! `cargo slim check`: every budget with its value, its limit and what is left.

use super::{changes, comment, diff, envelope, github};
use crate::{
    budget::{Checked, Edit, Judged, Row, Status},
    compare::Kind,
    snapshot::measure::{GZIP_LEVEL, GZIP_LIBRARY, ZSTD_LEVEL, zstd_library},
};
use codecost::{
    Result,
    console::Console,
    report::{Cell, Emphasis, Format, OutputOptions, Page, Table, Warning, printable},
    units::{Bytes, Delta, counted},
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

/// The budgets whose limits `--update` wrote, each once.
fn updated(checked: &Checked) -> Vec<&str> {
    let limits = checked.updated.iter().filter(|edit| edit.key == "limit");
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
        delta: diff::file_delta(&compared.before, &compared.after),
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
    let edits: Vec<_> = checked.updated.iter().map(JsonEdit::new).collect();
    let report = envelope::report("check", table)
        .member("config_file", &checked.config.path.to_string_lossy())
        .member("passed", &!checked.verdict.fails())
        .member(
            "compression",
            &JsonCompression {
                gzip_level: GZIP_LEVEL,
                gzip_library: GZIP_LIBRARY,
                zstd_level: ZSTD_LEVEL,
                zstd_library: zstd_library(),
            },
        )
        .member("updated", &updated(checked))
        .member("edits", &edits)
        .member("changes", &changed)
        .before(Page::new().line(verdict(checked), Emphasis::Strong))
        .after(after(checked, options)?)
        .warnings(warnings(checked));
    console.write_report(&report, options, JsonRow::new)
}

/// The verdict in one line.
pub(super) fn verdict(checked: &Checked) -> String {
    let count = |status| checked.verdict.count(status) as u64;
    let (failed, missing) = (count(Status::Fail), count(Status::Missing));
    let warned = count(Status::Warn);
    let all = checked.verdict.rows.len() as u64;
    let mut parts = Vec::new();
    if failed > 0 {
        parts.push(format!("{} exceeded", counted(failed, "budget")));
    }
    if missing > 0 {
        parts.push(format!(
            "{} could not be measured",
            counted(missing, "budget")
        ));
    }
    if parts.is_empty() {
        parts.push(match all {
            1 => "the budget holds".to_owned(),
            all => format!("all {} hold", counted(all, "budget")),
        });
    }
    if warned > 0 {
        parts.push(match warned {
            1 => "1 is close to its limit".to_owned(),
            warned => format!("{warned} are close to their limits"),
        });
    }
    parts.join(", ")
}

pub(super) fn warnings(checked: &Checked) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if checked.verdict.ungrown > 0 {
        warnings.push(
            Warning::new(
                "no-baseline",
                format!(
                    "`growth` of {} was not judged: there is no baseline",
                    counted(checked.verdict.ungrown, "budget")
                ),
            )
            .help("pass a snapshot of the target branch with `--baseline`")
            .count(checked.verdict.ungrown),
        );
    }
    for artifact in &checked.artifacts {
        if let Some(why) = &artifact.unlike {
            warnings.push(
                Warning::new(
                    "built-differently",
                    format!("what changed in `{}` is not shown: {why}", artifact.name),
                )
                .help("take the baseline as you measure: of a build, or of a file with `--file`"),
            );
        }
        if artifact.new {
            let name = &artifact.name;
            let message = format!("`{name}` is new since the baseline: no growth was judged");
            warnings.push(Warning::new("new-artifact", message));
        }
    }
    if !checked.without.is_empty() {
        warnings.push(
            Warning::new(
                "other-baseline",
                format!("no baseline is of {}", quoted(&checked.without)),
            )
            .help(
                "give one snapshot for each artifact with `--baseline`; where it was not there \
                 yet, `cargo slim snapshot --allow-absent` writes one that says so",
            )
            .count(checked.without.len() as u64),
        );
    }
    if let Some((file, artifact)) = &checked.misnamed {
        warnings.push(
            Warning::new(
                "misnamed-file",
                format!(
                    "`{}` is measured for {artifact}, the only artifact of the budgets",
                    file.display()
                ),
            )
            .help("name the file that was built for it, if this is another"),
        );
    }
    if let Some(baseline) = &checked.renamed {
        warnings.push(
            Warning::new(
                "renamed-file",
                format!("the baseline {baseline} has another name than the file that is measured"),
            )
            .help("give the baseline of the same artifact, if this is none"),
        );
    }
    if !checked.unused.is_empty() {
        warnings.push(
            Warning::new(
                "unused-baseline",
                format!(
                    "no budget is about the baseline {}",
                    checked.unused.join(", ")
                ),
            )
            .count(checked.unused.len() as u64),
        );
    }
    if !checked.left_out.is_empty() {
        let rules: u64 = checked.left_out.iter().map(|(_, count)| count).sum();
        let names: Vec<_> = checked.left_out.iter().map(|(name, _)| name).collect();
        let message = format!(
            "{} about other artifacts left out: {}",
            counted(rules, "budget"),
            quoted(&names)
        );
        warnings.push(Warning::new("left-out", message).count(rules));
    }
    warnings
}

/// Who compressed, where a budget is about that: a figure without it could not be had again.
pub(super) fn compressors(checked: &Checked) -> Option<String> {
    let compressed = |row: &Row| matches!(row.measure.as_str(), "gzip" | "zstd");
    let any = checked.verdict.rows.iter().any(compressed);
    any.then(|| {
        format!(
            "gzip at level {GZIP_LEVEL} by {GZIP_LIBRARY}, zstd at level {ZSTD_LEVEL} by {}",
            zstd_library()
        )
    })
}

fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    let names = names.iter().map(|name| format!("`{}`", name.as_ref()));
    names.collect::<Vec<_>>().join(", ")
}

/// Which compressors, what was rewritten, and what changed since the baseline.
fn after(checked: &Checked, options: &OutputOptions) -> Result<Page> {
    let mut page = Page::new();
    if let Some(compressors) = compressors(checked) {
        page = page.line(compressors, Emphasis::Faint);
    }
    for Edit {
        budget,
        key,
        before,
        after,
    } in &checked.updated
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
        let delta = diff::file_delta(&compared.before, &compared.after);
        page = page.heading(format!(
            "{} since the baseline, as analysed: {}",
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
    Ok(page)
}

/// `--sort` and `--filter` are about the budgets.
pub(super) fn plain(options: &OutputOptions) -> OutputOptions {
    OutputOptions {
        sort: None,
        filter: None,
        limit: None,
        ..options.clone()
    }
}

/// `whys`: with a column that says why a budget does not hold.
pub(super) fn table(rows: &[Row], whys: bool) -> Table<'_, Row> {
    let any = |is: fn(&Row) -> bool| rows.iter().any(is);
    let growth = any(|row| row.growth.is_some());
    let whys = whys && any(|row| row.why.is_some());
    let mut table = Table::new(rows)
        .text("status", "", |row| row.status.as_str().into())
        .text("budget", "Budget", |row| row.budget.as_str().into())
        .machines_only()
        .name("artifact", "Artifact", |row| row.artifact.as_str().into())
        .name("measure", "Measure", |row| row.measure.as_str().into())
        .number("value", "Value", |row| size(row.value))
        .number("limit", "Limit", |row| size(row.limit))
        .number("slack", "Slack", |row| change(row.slack))
        .number("baseline", "Baseline", |row| size(row.baseline))
        .machines_only()
        .number("growth", "Growth", |row| change(row.growth))
        .machines_only();
    if growth {
        table = table
            .number("growth", "Growth", |row| change(row.growth))
            .people_only();
    }
    table = table
        .text("reason", "Reason", |row| {
            Cell::maybe_text(row.reason.as_deref())
        })
        .machines_only()
        .text("why", "Why", |row| Cell::maybe_text(row.why.as_deref()))
        .machines_only();
    match whys {
        true => table
            .name("why", "Why", |row| Cell::maybe_text(why(row)))
            .people_only(),
        false => table,
    }
}

/// Why it does not hold, and what the limit is for: who is told no should read both.
pub(super) fn why(row: &Row) -> Option<String> {
    let reason = row.reason.iter().map(|reason| format!(" ({reason})"));
    let why = row.why.clone();
    why.map(|why| std::iter::once(why).chain(reason).collect())
}

fn size(bytes: Option<u64>) -> Cell<'static> {
    bytes.map_or(Cell::Empty, Cell::Bytes)
}

fn change(bytes: Option<i64>) -> Cell<'static> {
    bytes.map_or(Cell::Empty, Cell::Delta)
}

/// `4.6 MiB of 4.5 MiB: 102.4 KiB over the limit`.
pub(super) fn in_words(row: &Row) -> String {
    let mut text = match (row.value, row.limit) {
        (Some(value), Some(limit)) => format!("{} of {}", Bytes(value), Bytes(limit)),
        (Some(value), None) => Bytes(value).to_string(),
        (None, _) => "not measured".to_owned(),
    };
    if let Some(growth) = row.growth {
        text += &format!(", {} since the baseline", Delta(growth));
    }
    if let Some(why) = &row.why {
        text += &format!(": {why}");
    }
    if let Some(reason) = &row.reason {
        text += &format!(" ({reason})");
    }
    text
}
