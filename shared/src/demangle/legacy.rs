//! Names of the legacy scheme, `_ZN…17h<hash>E`: the default of stable rustc before 1.97.
//!
//! Truth: `rustc_symbol_mangling::legacy`; `rustc-demangle` is the witness in the tests. A name is
//! a list of elements, each with its length, the last one a hash of 16 hexadecimal digits. The
//! elements are text already made for people, with `..` for `::` and `$…$` for characters that
//! symbols cannot have: so a normal form can only be got by reading that text.
//!
//! Limits: the scheme does not say where an `impl` stands, which arguments a copy was made for
//! (but for drop glue), which closure of a function it is, or who made the copy. C++ names without
//! such a hash are left to [`cpp`](super::cpp).

use std::borrow::Cow;

use super::CrateRef;
use super::text::{self, split_as};
use super::walk::Style;

/// A checked legacy name: its elements without the hash, still escaped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol<'a> {
    elements: &'a str,
}

impl<'a> Symbol<'a> {
    pub(super) fn parse(symbol: &'a str) -> Option<(Self, &'a str)> {
        let text = symbol
            .strip_prefix("_ZN")
            .or_else(|| symbol.strip_prefix("__ZN"))?;
        if !text.is_ascii() {
            return None;
        }
        let mut rest = text;
        let mut last = None;
        loop {
            if let Some(ending) = rest.strip_prefix('E') {
                let (start, hash) = last?;
                let elements = text.get(..start)?;
                if !is_hash(hash) || elements.is_empty() {
                    return None;
                }
                if !(ending.is_empty() || ending.starts_with(['.', '$', '@'])) {
                    return None;
                }
                return Some((Self { elements }, ending));
            }
            let start = text.len() - rest.len();
            let (element, after) = next_element(rest)?;
            last = Some((start, element));
            rest = after;
        }
    }

    /// The crate, and whether the name says so for certain.
    pub(super) fn defining(&self) -> Option<(CrateRef<'a>, bool)> {
        let (first, rest) = next_element(self.elements)?;
        let named = |name, exact| {
            (!str::is_empty(name)).then_some((
                CrateRef {
                    name: Cow::Borrowed(name),
                    disambiguator: None,
                },
                exact,
            ))
        };
        let Some(inner) = first
            .strip_prefix("_$LT$")
            .or_else(|| first.strip_prefix("$LT$"))
        else {
            // What rustc makes to call a closure through `FnOnce` is named after the trait only.
            let call = first == "core" && rest.starts_with("3ops8function");
            return named(first, !call);
        };
        // `<A as B>`: the rules of coherence want one of the two to be local, A if it can be.
        let (ty, of_trait) = split_escaped_as(inner);
        let (ty, of_trait) = (root_of(ty), of_trait.map_or("", root_of));
        let local = |name: &str| !name.is_empty() && !is_std(name);
        let best = if local(ty) || (!ty.is_empty() && !local(of_trait)) {
            ty
        } else {
            of_trait
        };
        named(best, false)
    }

    /// Whether arguments can be seen: legacy leaves them out nearly everywhere.
    pub(super) fn is_generic(&self) -> bool {
        self.elements.contains("$LT$") && {
            let mut rest = self.elements;
            let mut found = false;
            while let Some((element, after)) = next_element(rest) {
                let body = element
                    .strip_prefix("_$LT$")
                    .or_else(|| element.strip_prefix("$LT$"))
                    .unwrap_or(element);
                found |= body.contains("$LT$");
                rest = after;
            }
            found
        }
    }

    /// The text as rustc wrote it, nothing normalised. Used by the tests and for nothing else that
    /// people see.
    #[cfg(test)]
    pub(super) fn write_plain(&self, out: &mut String) {
        let mut rest = self.elements;
        while let Some((element, after)) = next_element(rest) {
            if rest.len() != self.elements.len() {
                out.push_str("::");
            }
            unescape(element, out);
            rest = after;
        }
    }

    pub(super) fn write(&self, style: Style, out: &mut String) {
        let mut elements = Elements::new(style, out);
        let mut text = String::new();
        let mut rest = self.elements;
        while let Some((element, after)) = next_element(rest) {
            text.clear();
            unescape(element, &mut text);
            elements.add(&text, after.is_empty());
            rest = after;
        }
    }
}

/// Writes a name by its elements, as text.
pub(super) struct Elements<'o> {
    style: Style,
    start: usize,
    /// Whether the text so far ends in the type of an `impl`, which short names keep.
    head: bool,
    out: &'o mut String,
}

impl<'o> Elements<'o> {
    pub(super) fn new(style: Style, out: &'o mut String) -> Self {
        Self {
            style,
            start: out.len(),
            head: false,
            out,
        }
    }

    /// The next one, which may be the last.
    pub(super) fn add(&mut self, element: &str, last: bool) {
        let (style, start) = (self.style, self.start);
        let (segment, shim) = match element.strip_suffix("{{vtable.shim}}") {
            Some(segment) => (segment, "::{shim:vtable#0}"),
            None => (element, ""),
        };
        let inner = segment.strip_prefix('<').and_then(|s| s.strip_suffix('>'));
        if let Some(inner) = inner {
            // The path of an `impl` says where it stands, which v0 texts leave out.
            self.out.truncate(start);
            let inner = inner.strip_prefix("impl ").map_or_else(
                || Qualified::of_pair(split_as(inner, " as ")),
                |inner| match split_as(inner, " for ") {
                    (of_trait, Some(ty)) => Qualified {
                        ty,
                        of_trait: Some(of_trait),
                    },
                    (ty, None) => Qualified { ty, of_trait: None },
                },
            );
            inner.write(style, self.out);
            self.head = true;
        } else if let Some(name) = segment
            .strip_prefix("{{")
            .and_then(|s| s.strip_suffix("}}"))
        {
            separate(start, self.out);
            self.out.push('{');
            self.out.push_str(name);
            self.out.push('}');
            self.head = false;
        } else {
            if style == Style::Short && !self.head {
                self.out.truncate(start);
            }
            self.plain(segment, last);
            // What is called like a type is one, by all of Rust's custom; v0 names would say.
            let type_like = segment.starts_with(|c: char| c.is_uppercase());
            self.head = (type_like || segment.contains('<')) && !last;
        }
        self.out.push_str(shim);
    }

    /// A segment of a path, perhaps with arguments.
    fn plain(&mut self, segment: &str, last: bool) {
        let (style, start, out) = (self.style, self.start, &mut *self.out);
        separate(start, out);
        let Some(open) = segment.find('<') else {
            out.push_str(segment);
            return;
        };
        let (name, args) = segment.split_at(open);
        out.push_str(name);
        if matches!(style, Style::Full | Style::Short) {
            // Last, it is a function's: drop glue has its type. Else an inherent `impl`'s.
            out.push_str(if last { "::" } else { "" });
            text::write_type(args, style, out);
        }
        if !last && style == Style::Full {
            out.insert(start, '<');
            out.push('>');
        }
    }
}

fn separate(start: usize, out: &mut String) {
    if out.len() > start {
        out.push_str("::");
    }
}

/// `<T>` or `<T as Trait>`.
struct Qualified<'t> {
    ty: &'t str,
    of_trait: Option<&'t str>,
}

impl<'t> Qualified<'t> {
    fn of_pair((ty, of_trait): (&'t str, Option<&'t str>)) -> Self {
        Self { ty, of_trait }
    }

    fn write(&self, style: Style, out: &mut String) {
        let bare = self.of_trait.is_none() && style != Style::Full && text::is_path(self.ty);
        if !bare {
            out.push('<');
        }
        text::write_type(self.ty, style, out);
        if let Some(of_trait) = self.of_trait {
            out.push_str(" as ");
            text::write_type(of_trait, style, out);
        }
        if !bare {
            out.push('>');
        }
    }
}

/// One element and what follows it.
fn next_element(text: &str) -> Option<(&str, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (len, rest) = text.split_at_checked(digits)?;
    rest.split_at_checked(len.parse().ok()?)
}

pub(super) fn is_hash(element: &str) -> bool {
    element.len() == 17
        && element.starts_with('h')
        && element.bytes().skip(1).all(|b| b.is_ascii_hexdigit())
}

/// The crate a type's escaped text starts with, or nothing.
fn root_of(mut ty: &str) -> &str {
    const BEFORE: &[&str] = &[
        "$RF$",
        "mut$u20$",
        "const$u20$",
        "$BP$",
        "$u5b$",
        "$LP$",
        "$LT$",
        "dyn$u20$",
        "impl$u20$",
    ];
    while let Some(rest) = BEFORE.iter().find_map(|prefix| ty.strip_prefix(prefix)) {
        ty = rest;
    }
    let end = ty
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(ty.len());
    let (name, rest) = ty.split_at(end);
    // A lone word is a parameter or a basic type.
    if rest.starts_with("..") { name } else { "" }
}

/// Splits `A as B>` at the outermost ` as `.
fn split_escaped_as(text: &str) -> (&str, Option<&str>) {
    const AS: &str = "$u20$as$u20$";
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let Some(dollar) = rest.find('$') else { break };
        let rest = &rest[dollar..];
        at += dollar;
        if depth == 0 && rest.starts_with(AS) {
            return (&text[..at], Some(&text[at + AS.len()..]));
        }
        // `->`, of which the `-` is written `.`, is no bracket.
        let arrow = text[..at].ends_with('.');
        if rest.starts_with("$LT$") {
            depth += 1;
        } else if rest.starts_with("$GT$") && !arrow {
            depth = depth.saturating_sub(1);
        }
        at += rest[1..].find('$').map_or(rest.len(), |end| end + 2);
    }
    (text, None)
}

pub(super) fn is_std(name: &str) -> bool {
    matches!(name, "core" | "alloc" | "std")
}

/// Appends an element with its escapes undone.
fn unescape(element: &str, out: &mut String) {
    // An element must start like an identifier, so rustc puts `_` before an escape.
    let mut rest = if element.starts_with("_$") {
        &element[1..]
    } else {
        element
    };
    while let Some(at) = rest.find(['$', '.']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("..") {
            out.push_str("::");
            rest = after;
        } else if let Some(after) = rest.strip_prefix('.') {
            // The scheme writes `.` for `-` too, which types only have in `->`.
            out.push(if after.starts_with("$GT$") { '-' } else { '.' });
            rest = after;
        } else {
            let Some((code, after)) = rest[1..].split_once('$') else {
                break;
            };
            let Some(c) = escaped(code) else { break };
            out.push(c);
            rest = after;
        }
    }
    out.push_str(rest);
}

/// The element of a name that a text was: what [`unescape`] undoes. Escapes stay as they are.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.');
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(2 * text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("::") {
            out.push_str("..");
            rest = after;
            continue;
        }
        rest = &rest[next.len_utf8()..];
        match next {
            '@' => out.push_str("$SP$"),
            '*' => out.push_str("$BP$"),
            '&' => out.push_str("$RF$"),
            '<' => out.push_str("$LT$"),
            '>' => out.push_str("$GT$"),
            '(' => out.push_str("$LP$"),
            ')' => out.push_str("$RP$"),
            ',' => out.push_str("$C$"),
            '-' | ':' => out.push('.'),
            _ if next.is_ascii() && plain(next as u8) => out.push(next),
            _ => out.push_str(&format!("$u{:x}$", u32::from(next))),
        }
    }
    // As rustc does: an element begins as an identifier.
    if out.starts_with('$') {
        out.insert(0, '_');
    }
    Cow::Owned(out)
}

fn escaped(code: &str) -> Option<char> {
    Some(match code {
        "SP" => '@',
        "BP" => '*',
        "RF" => '&',
        "LT" => '<',
        "GT" => '>',
        "LP" => '(',
        "RP" => ')',
        "C" => ',',
        _ => {
            let digits = code.strip_prefix('u')?;
            let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            if digits.is_empty() || !digits.bytes().all(lower) {
                return None;
            }
            let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
            // Names go to terminals.
            if c.is_control() {
                return None;
            }
            c
        }
    })
}
