//! `--update`: the limits become today's values. Comments, order and spelling of everything else
//! stay: the file is edited, not written anew.

use super::{
    config::Config,
    judge::{Row, Verdict},
};
use codecost::{Error, Result, report::write_file, units::Bytes};
use toml_edit::{DocumentMut, Value};

/// Writes today's values as limits, and `reason` beside each that changed. Returns the rows that
/// changed. What could not be measured, and what is forbidden, stays as it is.
///
/// # Errors
///
/// The file cannot be written.
pub fn update<'v>(config: &Config, verdict: &'v Verdict, reason: &str) -> Result<Vec<&'v Row>> {
    let unreadable = |error: toml_edit::TomlError| {
        Error::usage(
            format_args!("{}: {}", config.path.display(), error.message()),
            "mend the TOML there",
        )
    };
    let mut document: DocumentMut = config.text.parse().map_err(unreadable)?;
    let Some(budgets) = document
        .get_mut("budget")
        .and_then(|item| item.as_array_of_tables_mut())
    else {
        return Ok(Vec::new());
    };
    let mut changed = Vec::new();
    for row in &verdict.rows {
        let (Some(index), Some(value), Some(limit)) = (row.index, row.value, row.limit) else {
            continue;
        };
        let Some(table) = budgets.get_mut(index).filter(|_| value != limit) else {
            continue;
        };
        let mut set = |key: &str, text: String| match table.get_mut(key) {
            Some(item) => {
                if let Some(old) = item.as_value_mut() {
                    let decor = old.decor().clone();
                    *old = Value::from(text);
                    *old.decor_mut() = decor;
                }
            }
            None => {
                table.insert(key, toml_edit::value(text));
            }
        };
        set("limit", exact(value));
        if row.warn.is_some_and(|warn| warn > value) {
            set("warn", exact(value));
        }
        set("reason", reason.to_owned());
        changed.push(row);
    }
    if !changed.is_empty() {
        let text = document.to_string();
        write_file(&config.path, |to| to.write_all(text.as_bytes()))?;
    }
    Ok(changed)
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
