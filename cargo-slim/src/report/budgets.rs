//! Budgets and their verdict, in words and as a table.

use crate::{
    budget::{Checked, Row, Status},
    snapshot::measure::{BROTLI_LEVEL, BROTLI_LIBRARY, ZSTD_LEVEL, ZSTD_LIBRARY},
};
use codecost::image::{GZIP_LEVEL, GZIP_LIBRARY};
use codecost::{
    report::{Cell, Table, Warning},
    units::{Bytes, Delta, counted},
};

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
    let remeasured = &checked.verdict.remeasured;
    if let Some(first) = remeasured.first() {
        let message = match remeasured.len() {
            1 => first.clone(),
            several => format!("{first}; and {} more budgets", several - 1),
        };
        warnings.push(
            Warning::new("crate-measure-changed", message)
                .help(
                    "set the limit to what the crate may add to the shipped file, or write \
                     `crate-file:NAME` to measure all its bytes in the analysis build",
                )
                .count(remeasured.len() as u64),
        );
    }
    for artifact in &checked.artifacts {
        if let Some(why) = &artifact.unlike {
            warnings.push(
                Warning::new(
                    "built-differently",
                    format!("what changed in `{}` is not shown: {why}", artifact.name),
                )
                .help("make both in the same way: measure builds, or measure files with `--file`"),
            );
        }
        if artifact.new {
            let name = &artifact.name;
            let message = format!("`{name}` is new since the baseline: no growth was judged");
            warnings.push(
                Warning::new("new-artifact", message)
                    .help("take a snapshot of it as the baseline of the next check"),
            );
        }
    }
    warnings.extend(unmatched(checked));
    warnings
}

/// Baselines, files and budgets that do not belong together.
fn unmatched(checked: &Checked) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if !checked.without.is_empty() {
        warnings.push(
            Warning::new(
                "other-baseline",
                format!(
                    "none of the baselines is a snapshot of {}",
                    quoted(&checked.without)
                ),
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
            .help("if this is another program, name the file of that artifact instead"),
        );
    }
    if let Some(baseline) = &checked.renamed {
        warnings.push(
            Warning::new(
                "renamed-file",
                format!("the baseline {baseline} has a different name than the measured file"),
            )
            .help("if it is not the same program, give the baseline of this one"),
        );
    }
    if !checked.unused.is_empty() {
        warnings.push(
            Warning::new(
                "unused-baseline",
                format!(
                    "no budget applies to the baseline {}",
                    checked.unused.join(", ")
                ),
            )
            .help("leave the baseline out, or add a budget for its artifact to `slim.toml`")
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
        warnings.push(
            Warning::new("left-out", message)
                .help("run `cargo slim check` without a target to check all of them")
                .count(rules),
        );
    }
    warnings
}

/// The compressors, where a budget measures compressed sizes. Without them the figures could not
/// be reproduced.
pub(super) fn compressors(checked: &Checked) -> Option<String> {
    let compressed = |row: &Row| matches!(row.measure.as_str(), "gzip" | "zstd" | "brotli");
    let any = checked.verdict.rows.iter().any(compressed);
    any.then(|| {
        format!(
            "gzip at level {GZIP_LEVEL} by {GZIP_LIBRARY}, zstd at level {ZSTD_LEVEL} by {}, brotli \
             at level {BROTLI_LEVEL} by {BROTLI_LIBRARY}",
            *ZSTD_LIBRARY
        )
    })
}

fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    let names = names.iter().map(|name| format!("`{}`", name.as_ref()));
    names.collect::<Vec<_>>().join(", ")
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
        .machines_only()
        // A budget of growth alone has no limit but that.
        .number("most", "Limit", |row| match (row.limit, row.growth_limit) {
            (None, Some(_)) => change(row.growth_limit.and_then(|most| most.try_into().ok())),
            (limit, _) => size(limit),
        })
        .people_only()
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
