//! Types as the legacy scheme writes them, brought to the form of v0 texts.
//!
//! The text is Rust's own type syntax without spaces after commas. Reading it is one pass with a
//! bracket count; broken text comes out as it went in, nearly.

use super::walk::Style;

/// Splits at the outermost `separator`.
pub(super) fn split_as<'t>(text: &'t str, separator: &str) -> (&'t str, Option<&'t str>) {
    match outermost(text, |rest| rest.starts_with(separator.as_bytes())) {
        Some(at) => (&text[..at], Some(&text[at + separator.len()..])),
        None => (text, None),
    }
}

/// The first position outside all brackets where `found` holds. Positions are those of ASCII
/// bytes if `found` only accepts such.
fn outermost(text: &str, found: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0usize;
    for (at, &byte) in bytes.iter().enumerate() {
        if depth == 0 && found(&bytes[at..]) {
            return Some(at);
        }
        match byte {
            b'<' | b'(' | b'[' | b'{' => depth += 1,
            // `->` is no bracket.
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' | b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Is the type named by a path, not built with brackets, references and the like?
pub(super) fn is_path(ty: &str) -> bool {
    ty.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && !["dyn ", "fn(", "unsafe ", "extern "]
            .iter()
            .any(|word| ty.starts_with(word))
}

/// Appends a type.
pub(super) fn write_type(ty: &str, style: Style, out: &mut String) {
    match style {
        Style::Full => write_spaced(ty, out),
        Style::Short => write_short(ty, out),
        Style::Family | Style::Key => write_family(ty, out),
    }
}

/// A space after each comma between things, `{closure}` for `{{closure}}`.
fn write_spaced(ty: &str, out: &mut String) {
    let mut chars = ty.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('{', Some('{')) | ('}', Some('}')) => {}
            (',', Some(next)) if !matches!(next, ' ' | ')') => out.push_str(", "),
            // Bounds of `dyn`.
            ('+', Some(next)) if *next != ' ' => out.push_str(" + "),
            _ => out.push(c),
        }
    }
}

/// Paths cut to their last segments.
fn write_short(ty: &str, out: &mut String) {
    let mut spaced = String::with_capacity(ty.len() + 8);
    write_spaced(ty, &mut spaced);
    // Where the segments of the present path start in `out`.
    let mut path = out.len();
    let mut rest = spaced.as_str();
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("::") {
            // A closure has no name of its own.
            if after.starts_with('{') || out.ends_with('>') {
                out.push_str("::");
            } else {
                out.truncate(path);
            }
            rest = after;
            continue;
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
        if out.ends_with("->") || !(c.is_alphanumeric() || matches!(c, '_' | '{' | '}' | '>')) {
            path = out.len();
        }
    }
}

/// Generic arguments out, and `_` for what references, slices and the like are made of.
fn write_family(ty: &str, out: &mut String) {
    for prefix in ["&mut ", "&", "*const ", "*mut "] {
        if ty.starts_with(prefix) {
            out.push_str(prefix);
            out.push('_');
            return;
        }
    }
    if let Some(inner) = ty.strip_prefix('[') {
        let sized = outermost(inner, |rest| rest[0] == b';').is_some();
        out.push_str(if sized { "[_; _]" } else { "[_]" });
        return;
    }
    if let Some(inner) = ty.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        write_holes(inner, '(', out);
        return;
    }
    if let Some((before, args)) = ty.split_once("fn(")
        && (before.is_empty() || before.ends_with(' '))
        && let Some(close) = outermost(args, |rest| rest[0] == b')')
    {
        out.push_str(before);
        out.push_str("fn");
        write_holes(args[..close].trim_end_matches(','), 'f', out);
        if args[close..].contains("->") {
            out.push_str(" -> _");
        }
        return;
    }
    // A path, or `dyn` paths: what stands in `<…>` goes, unless the path starts with it.
    let mut depth = 0usize;
    let mut spaced = String::with_capacity(ty.len());
    write_spaced(ty, &mut spaced);
    let mut previous = ' ';
    for c in spaced.chars() {
        let in_args = depth > 0;
        match c {
            '<' => depth += 1,
            '>' if previous != '-' => depth = depth.saturating_sub(1),
            _ if !in_args => out.push(c),
            _ => {}
        }
        previous = c;
    }
}

/// One `_` for each element of a list.
fn write_holes(inner: &str, kind: char, out: &mut String) {
    let mut count = 0;
    let mut rest = inner;
    while !rest.is_empty() {
        count += 1;
        match split_as(rest, ",") {
            (_, Some(after)) => rest = after,
            (_, None) => break,
        }
    }
    out.push('(');
    for i in 0..count {
        out.push_str(if i > 0 { ", _" } else { "_" });
    }
    out.push_str(if count == 1 && kind == '(' { ",)" } else { ")" });
}
