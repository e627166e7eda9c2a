//! Where a key that does not exist yet is written.
//!
//! Into the table that holds its siblings, written as they are written: a line below the last key
//! of a `[table]`, a dotted line below dotted ones, an entry of an inline table. Else a new
//! `[table]` at the end of the file.

use codecost::{Error, Result};
use toml_edit::{Item, TableLike};

use super::text::line_ending;

/// Inserts `path = value`.
pub(super) fn insert(
    text: &str,
    root: &dyn TableLike,
    path: &[&str],
    value: &str,
    comment: Option<&str>,
) -> Result<String> {
    let Some((key, tables)) = path.split_last() else {
        return Err(Error::failed("no key to insert", "name a key"));
    };
    let mut depth = 0;
    let mut parent: Option<&Item> = None;
    let mut inline: Option<(usize, &toml_edit::InlineTable)> = None;
    let mut table = root;
    for name in tables {
        let Some(item) = table.get(name) else { break };
        let Some(inner) = item.as_table_like() else {
            return Err(Error::failed(
                format!("`{}` is not a table", tables.join(".")),
                "mend the file by hand; cargo does not accept it either",
            ));
        };
        depth += 1;
        table = inner;
        parent = Some(item);
        if let Some(found) = item.as_inline_table().filter(|t| !t.is_dotted()) {
            inline = Some((depth, found));
        }
    }
    if let Some((at, table)) = inline {
        let missing = path.get(at..).unwrap_or_default();
        let existing = depth - at;
        return Ok(into_inline(text, table, missing, existing, value));
    }
    let key = key_text(key);
    let trailer = comment.map_or_else(String::new, |c| format!(" # {c}"));
    let complete = depth == tables.len();
    match parent.and_then(Item::as_table) {
        Some(found) if complete && found.is_dotted() => {
            if let Some(leaf) = last_leaf(found) {
                let line = format!("{}{key} = {value}{trailer}", dotted_prefix(text, &leaf));
                return Ok(line_after(text, leaf.end, &line));
            }
            Ok(new_table(text, tables, &key, value, &trailer))
        }
        Some(found) if complete && !found.is_implicit() => {
            let header_end = found.span().map_or(text.len(), |span| span.end);
            match last_leaf(found) {
                Some(leaf) => {
                    let line = format!("{}{key} = {value}{trailer}", indentation(text, leaf.start));
                    Ok(line_after(text, leaf.end, &line))
                }
                None => Ok(line_after(
                    text,
                    header_end,
                    &format!("{key} = {value}{trailer}"),
                )),
            }
        }
        _ if tables.is_empty() => Err(Error::failed(
            "a key at the root of the file is not ours to write",
            "please report this",
        )),
        _ => Ok(new_table(text, tables, &key, value, &trailer)),
    }
}

fn key_text(key: &str) -> String {
    toml_edit::Key::new(key).to_string()
}

/// The last key with a plain value that was written directly below a table's own header.
struct Leaf {
    /// Where the key itself begins (the last part of a dotted key).
    start: usize,
    /// Where its value ends.
    end: usize,
    /// How many dotted tables are between the table that was asked for and the key.
    depth: usize,
}

fn last_leaf(table: &dyn TableLike) -> Option<Leaf> {
    let mut last: Option<Leaf> = None;
    for (name, _) in table.iter() {
        let Some((key, item)) = table.get_key_value(name) else {
            continue;
        };
        let leaf = if item.is_value() {
            match (key.span(), item.span()) {
                (Some(key), Some(value)) => Some(Leaf {
                    start: key.start,
                    end: value.end,
                    depth: 0,
                }),
                _ => None,
            }
        } else {
            // Only dotted keys belong to this header; other tables have headers of their own.
            item.as_table()
                .filter(|inner| inner.is_dotted())
                .and_then(|inner| last_leaf(inner))
                .map(|leaf| Leaf {
                    depth: leaf.depth + 1,
                    ..leaf
                })
        };
        if let Some(leaf) = leaf
            && last.as_ref().is_none_or(|l| l.end < leaf.end)
        {
            last = Some(leaf);
        }
    }
    last
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at)
        .and_then(|head| head.rfind('\n'))
        .map_or(0, |newline| newline + 1)
}

/// The white space before the key's line.
fn indentation(text: &str, at: usize) -> &str {
    let start = line_start(text, at);
    let line = text.get(start..at).unwrap_or_default();
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let end = line
        .find(|c: char| !c.is_whitespace())
        .unwrap_or(line.len());
    line.get(..end).unwrap_or_default()
}

/// What comes before a key of the table on the line of one of its leaves: `profile.release.`, also
/// where the leaf is `profile.release.package.foo.opt-level`.
fn dotted_prefix(text: &str, leaf: &Leaf) -> String {
    let line = text
        .get(line_start(text, leaf.start)..leaf.start)
        .unwrap_or_default();
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    if leaf.depth == 0 {
        return line.to_owned();
    }
    let dotted = line.trim().trim_end_matches('.');
    let keys = toml_edit::Key::parse(dotted).unwrap_or_default();
    let kept = keys.len().saturating_sub(leaf.depth);
    let kept = keys
        .iter()
        .take(kept)
        .map(|key| format!("{}.", key_text(key.get())));
    let indentation = indentation(text, leaf.start);
    format!("{indentation}{}", kept.collect::<String>())
}

/// Inserts a line below the line that contains the offset `at`.
fn line_after(text: &str, at: usize, line: &str) -> String {
    let eol = line_ending(text);
    let tail = text.get(at..).unwrap_or_default();
    match tail.find('\n') {
        Some(newline) => {
            let split = at + newline + 1;
            let (head, rest) = text.split_at(split);
            format!("{head}{line}{eol}{rest}")
        }
        None => format!("{text}{eol}{line}"),
    }
}

/// A new `[table]` at the end of the file.
fn new_table(text: &str, tables: &[&str], key: &str, value: &str, trailer: &str) -> String {
    let eol = line_ending(text);
    let name: Vec<String> = tables.iter().map(|t| key_text(t)).collect();
    let body = format!("[{}]{eol}{key} = {value}{trailer}", name.join("."));
    let content = text.strip_prefix('\u{feff}').unwrap_or(text);
    if content.trim().is_empty() {
        return format!("{text}{body}{eol}");
    }
    if text.ends_with('\n') {
        format!("{text}{eol}{body}{eol}")
    } else {
        format!("{text}{eol}{eol}{body}")
    }
}

/// An entry of an inline table; `missing` is the path below it, of which `existing` tables are
/// there already as dotted keys.
fn into_inline(
    text: &str,
    table: &toml_edit::InlineTable,
    missing: &[&str],
    existing: usize,
    value: &str,
) -> String {
    let names: Vec<String> = missing.iter().map(|n| key_text(n)).collect();
    let entry = if existing > 0 || names.len() < 2 {
        format!("{} = {value}", names.join("."))
    } else {
        // `release = { lto = true }`, as a person who writes inline tables would.
        let (first, rest) = names.split_at(1);
        format!("{} = {{ {} = {value} }}", first.join("."), rest.join("."))
    };
    match last_inline_value(table) {
        Some(end) => {
            let (head, tail) = text.split_at(end.min(text.len()));
            format!("{head}, {entry}{tail}")
        }
        None => {
            let span = table.span().unwrap_or(text.len()..text.len());
            let head = text.get(..span.start).unwrap_or_default();
            let tail = text.get(span.end..).unwrap_or_default();
            format!("{head}{{ {entry} }}{tail}")
        }
    }
}

fn last_inline_value(table: &toml_edit::InlineTable) -> Option<usize> {
    let ends = table
        .iter()
        .filter_map(|(_, value)| match value.as_inline_table() {
            Some(inner) if inner.is_dotted() => last_inline_value(inner),
            _ => value.span().map(|span| span.end),
        });
    ends.max()
}
