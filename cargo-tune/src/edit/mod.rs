//! Changing one value in a TOML file and not one byte besides.
//!
//! `toml_edit` parses and gives the place of each key and value; the change is then made to the
//! text itself, so comments, order, quotes, inline tables, dotted keys, CRLF, a byte order mark and
//! a missing final newline survive by construction. Afterwards the new text is parsed again and
//! compared with the old value by value: if anything but the wanted key differs, the edit is an
//! error and nothing is written.

mod place;
mod text;

use std::collections::BTreeMap;
use std::ops::Range;

use codecost::{Error, Result};
use text::line_ending;
use toml_edit::{Document, Item, TableLike};

/// What to do with one key.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Give the key this value (as TOML).
    Set(String),
    /// Append flags to a list, which may be an array or a string split at spaces.
    Append(Vec<String>),
}

/// Applies one change to the key at `path` and returns the new text.
///
/// `comment` follows the value where that is possible (not inside an inline table).
///
/// # Errors
///
/// Text that is not TOML, a path through something that is no table, or (a defect in this code, caught
/// before it does harm) an edit that would change something else.
pub fn apply(text: &str, path: &[&str], change: &Change, comment: Option<&str>) -> Result<String> {
    let document = parse(text)?;
    let existing = lookup(document.as_table(), path);
    let new = match (existing, change) {
        (Some(item), Change::Set(value)) => {
            let span = span_of(item, path)?;
            let mut new = replace(text, span.clone(), value);
            if let Some(comment) = comment {
                add_comment(&mut new, span.start + value.len(), comment);
            }
            new
        }
        (Some(item), Change::Append(flags)) => append(text, item, path, flags)?,
        (None, change) => {
            let value = match change {
                Change::Set(value) => value.clone(),
                Change::Append(flags) => list(flags),
            };
            place::insert(text, document.as_table(), path, &value, comment)?
        }
    };
    verify(&document, &new, path)?;
    Ok(new)
}

/// Parses, with the error as one line.
pub fn parse(text: &str) -> Result<Document<String>> {
    Document::parse(text.to_owned()).map_err(|error| {
        let message: Vec<&str> = error.message().lines().collect();
        let line = error
            .span()
            .map_or(1, |span| codecost::cargo::config::line_of(text, span.start));
        Error::failed(
            format!(
                "the file is not valid TOML: line {line}: {}",
                message.join("; ")
            ),
            "mend it by hand first; cargo cannot read it either",
        )
    })
}

fn lookup<'d>(root: &'d dyn TableLike, path: &[&str]) -> Option<&'d Item> {
    let (first, rest) = path.split_first()?;
    let item = root.get(first)?;
    if rest.is_empty() {
        return Some(item);
    }
    lookup(item.as_table_like()?, rest)
}

fn span_of(item: &Item, path: &[&str]) -> Result<Range<usize>> {
    match (item.is_value(), item.span()) {
        (true, Some(span)) => Ok(span),
        _ => Err(not_a_value(path)),
    }
}

fn not_a_value(path: &[&str]) -> Error {
    Error::failed(
        format!("`{}` is a table, where a value is expected", path.join(".")),
        "mend the file by hand; cargo does not accept it either",
    )
}

fn replace(text: &str, span: Range<usize>, with: &str) -> String {
    let head = text.get(..span.start).unwrap_or_default();
    let tail = text.get(span.end..).unwrap_or_default();
    format!("{head}{with}{tail}")
}

/// Adds a trailing comment after the value that ends at `end`, if its line has none.
fn add_comment(text: &mut String, end: usize, comment: &str) {
    let rest = text.get(end..).unwrap_or_default();
    let line = rest.find(['\n', '\r']).unwrap_or(rest.len());
    if rest.get(..line).is_some_and(|r| r.trim().is_empty()) {
        text.insert_str(end, &format!(" # {comment}"));
    }
}

/// Quotes a string as TOML.
fn quote(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

fn list(flags: &[String]) -> String {
    let quoted: Vec<String> = flags.iter().map(|f| quote(f)).collect();
    format!("[{}]", quoted.join(", "))
}

fn append(text: &str, item: &Item, path: &[&str], flags: &[String]) -> Result<String> {
    let span = span_of(item, path)?;
    match item.as_value() {
        Some(toml_edit::Value::String(old)) => {
            let mut all = old.value().trim_end().to_owned();
            for flag in flags {
                if flag.contains(char::is_whitespace) {
                    return Err(Error::failed(
                        format!(
                            "`{flag}` cannot be part of a rustflags string, which is split at spaces"
                        ),
                        "write the rustflags as an array first",
                    ));
                }
                if !all.is_empty() {
                    all.push(' ');
                }
                all.push_str(flag);
            }
            Ok(replace(text, span, &quote(&all)))
        }
        Some(toml_edit::Value::Array(array)) => Ok(append_to_array(text, array, &span, flags)),
        _ => Err(not_a_value(path)),
    }
}

fn append_to_array(
    text: &str,
    array: &toml_edit::Array,
    span: &Range<usize>,
    flags: &[String],
) -> String {
    let last = array.iter().last().and_then(toml_edit::Value::span);
    let Some(last) = last else {
        let is_bare = text
            .get(span.clone())
            .is_some_and(|array| !array.contains('#'));
        if is_bare {
            return replace(text, span.clone(), &list(flags));
        }
        // Behind the comments, which end their lines.
        let end = span.end.saturating_sub(1)..span.end;
        return replace(text, end, list(flags).trim_start_matches('['));
    };
    let before = text.get(..last.start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let indent = before.get(line_start..).unwrap_or_default();
    let quoted: Vec<String> = flags.iter().map(|f| quote(f)).collect();
    let tail = text.get(last.end..span.end).unwrap_or_default();
    if line_start <= span.start || !indent.trim().is_empty() || !is_own_line(tail) {
        return replace(
            text,
            last.end..last.end,
            &format!(", {}", quoted.join(", ")),
        );
    }
    // One element per line: new lines of their own, so that a comment stays with its element.
    let eol = line_ending(text);
    let to_line_end = tail.find('\n').unwrap_or(tail.len());
    let rest_of_line = tail.get(..to_line_end).unwrap_or_default();
    let has_comma = rest_of_line.trim_start().starts_with(',');
    let at = last.end + to_line_end;
    let mut new = String::with_capacity(text.len() + 64);
    new.push_str(text.get(..last.end).unwrap_or_default());
    if !has_comma {
        new.push(',');
    }
    new.push_str(rest_of_line.trim_end_matches('\r'));
    for (index, flag) in quoted.iter().enumerate() {
        let comma = if has_comma || index + 1 < quoted.len() {
            ","
        } else {
            ""
        };
        new.push_str(&format!("{eol}{indent}{flag}{comma}"));
    }
    if rest_of_line.ends_with('\r') {
        new.push('\r');
    }
    new.push_str(text.get(at..).unwrap_or_default());
    new
}

/// Whether the line of an array's last element is its own: what follows the element ends the line
/// before the array, and no comma comes later. Nothing but spaces, commas and comments follows it.
fn is_own_line(tail: &str) -> bool {
    let Some((_, later)) = tail.split_once('\n') else {
        return false;
    };
    let code = |line: &str| {
        line.split('#')
            .next()
            .is_some_and(|code| code.contains(','))
    };
    !later.lines().any(code)
}

/// Every value of a document by its path.
fn flatten(table: &dyn TableLike, prefix: &[String], into: &mut BTreeMap<Vec<String>, String>) {
    for (key, item) in table.iter() {
        let path: Vec<String> = prefix.iter().cloned().chain([key.to_owned()]).collect();
        match (item.as_table_like(), item.as_array_of_tables()) {
            (Some(inner), _) => flatten(inner, &path, into),
            (None, Some(tables)) => {
                for (index, inner) in tables.iter().enumerate() {
                    let path: Vec<String> =
                        path.iter().cloned().chain([index.to_string()]).collect();
                    flatten(inner, &path, into);
                }
            }
            (None, None) => {
                into.insert(path, item.to_string().trim().to_owned());
            }
        }
    }
}

fn verify(old: &Document<String>, new: &str, path: &[&str]) -> Result<()> {
    let ours = |why: String| {
        Error::failed(
            format!("the edit of `{}` is not safe: {why}", path.join(".")),
            "nothing was written; make this change by hand, and please report the file",
        )
    };
    let new = Document::parse(new.to_owned()).map_err(|e| ours(e.message().to_owned()))?;
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    flatten(old.as_table(), &[], &mut before);
    flatten(new.as_table(), &[], &mut after);
    let key: Vec<String> = path.iter().map(|s| (*s).to_owned()).collect();
    before.remove(&key);
    if after.remove(&key).is_none() {
        return Err(ours("the key is not where it was put".to_owned()));
    }
    if before != after {
        return Err(ours("other keys would change".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
