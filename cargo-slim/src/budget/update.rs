//! `--update`: the limits become today's values. Only the values that change are written anew;
//! every other byte of the file stays, line endings, comments and spelling with it.
//!
//! `warn` keeps its ratio to `limit`: as a fixed size it would be above a lower limit, which is an
//! error, and equal to it it could never speak. Nothing is left below the new limit, so such a
//! budget warns from then on, until the artifact shrinks or somebody makes room.

use super::{config::Config, judge::Verdict};
use codecost::{Error, Result, report::write_file, units::Bytes};
use std::ops::Range;
use toml_edit::{Document, Item, Table, Value};

/// One value of the file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The budget.
    pub budget: String,
    /// `limit`, `warn` or `reason`.
    pub key: &'static str,
    /// As it was written before, where it was.
    pub before: Option<String>,
    /// As it is written now.
    pub after: String,
}

/// Writes today's values as limits, and `reason` beside each that changed. Returns what was
/// written. What could not be measured, and what is forbidden, stays as it is.
///
/// # Errors
///
/// The file cannot be written.
pub fn update(config: &Config, verdict: &Verdict, reason: &str) -> Result<Vec<Edit>> {
    let (text, edits) = edited(config, verdict, reason)?;
    if !edits.is_empty() {
        write_file(&config.path, |to| to.write_all(text.as_bytes()))?;
    }
    Ok(edits)
}

/// The text of the file after the update, and what is new in it.
fn edited(config: &Config, verdict: &Verdict, reason: &str) -> Result<(String, Vec<Edit>)> {
    let unreadable = |message: &str| {
        Error::usage(
            format_args!("{}: {message}", config.path.display()),
            "fix the TOML there",
        )
    };
    let document =
        Document::parse(config.text.as_str()).map_err(|error| unreadable(error.message()))?;
    let budgets = document.get("budget").and_then(Item::as_array_of_tables);
    let mut edits = Vec::new();
    let mut splices: Vec<(Range<usize>, String)> = Vec::new();
    for row in &verdict.rows {
        let (Some(index), Some(value), Some(limit)) = (row.index, row.value, row.limit) else {
            continue;
        };
        let table = budgets.and_then(|budgets| budgets.get(index));
        let Some(table) = table.filter(|_| value != limit) else {
            continue;
        };
        let mut changes = vec![("limit", exact(value))];
        if let Some(warn) = row.warn {
            changes.push(("warn", exact(scaled(warn, value, limit))));
        }
        changes.push(("reason", reason.to_owned()));
        for (key, after) in changes {
            let before = table.get(key).and_then(Item::as_str);
            if before == Some(&after) {
                continue;
            }
            splices
                .push(splice(&config.text, table, key, &after).ok_or_else(|| {
                    unreadable(&format!("cannot find `{key}` of {}", row.budget))
                })?);
            edits.push(Edit {
                budget: row.budget.clone(),
                key,
                before: before.map(str::to_owned),
                after,
            });
        }
    }
    // From the end, so that the positions of earlier edits stay valid.
    splices.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut text = config.text.clone();
    for (range, new) in splices {
        text.replace_range(range, &new);
    }
    Ok((text, edits))
}

/// What to write where, so that `key` of the table says `value`. A key that is not there comes
/// after the line with the limit, and ends as that line does.
fn splice(text: &str, table: &Table, key: &str, value: &str) -> Option<(Range<usize>, String)> {
    let written = Value::from(value).to_string();
    let span = |key: &str| {
        let range = table.get(key)?.span()?;
        // A range that is none would panic below.
        text.get(range.clone()).map(|_| range)
    };
    if table.contains_key(key) {
        return Some((span(key)?, written));
    }
    let limit = span("limit")?;
    let line = text[..limit.start].rfind('\n').map_or(0, |end| end + 1);
    let indent: String = text[line..]
        .chars()
        .take_while(|c| matches!(c, ' ' | '\t'))
        .collect();
    let ending = match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    };
    Some(match text[limit.end..].find('\n') {
        Some(at) => {
            let next = limit.end + at + 1;
            let line = format!("{indent}{key} = {written}{ending}");
            (next..next, line)
        }
        None => {
            let line = format!("{ending}{indent}{key} = {written}");
            (text.len()..text.len(), line)
        }
    })
}

/// What is to the new limit as `warn` was to the old one, rounded down.
fn scaled(warn: u64, value: u64, limit: u64) -> u64 {
    let scaled = u128::from(warn) * u128::from(value);
    let scaled = scaled.checked_div(limit.into()).unwrap_or(value.into());
    u64::try_from(scaled).unwrap_or(value).min(value)
}

/// Exact, in the largest unit that divides it: a rounded limit would not be today's value.
fn exact(bytes: u64) -> String {
    for (unit, name) in [(1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    let text = format!("{bytes} B");
    debug_assert_eq!(text.parse(), Ok(Bytes(bytes)));
    text
}

#[cfg(test)]
mod tests;
