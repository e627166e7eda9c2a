//! Names that a tool has spelled out already: `wasm-bindgen` writes into a module's name section what
//! `rustc-demangle` shows.
//!
//! Truth: `rustc-demangle`'s text with hashes. Under v0 each crate has its `StableCrateId` behind it,
//! `regex_automata[8a4cbc5f77700559]::meta::strategy::new`; a legacy name ends in its hash,
//! `alloc::vec::Vec<T,A>::push::h0c8e6284f53be3e1`. Without a hash a text is taken for no name of
//! Rust's: C++ has paths, too.
//!
//! Limits: v0's own text does not say where an `impl` stands. As under the legacy scheme the crate of
//! `<A as B>::f` is then a guess: A's, or B's if A is of the standard library or has none.

use std::borrow::Cow;

use super::legacy::{Elements, is_hash, is_std};
use super::text::{self, split_as};
use super::walk::Style;
use super::{CrateRef, Scheme};

/// A name that was spelled out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol<'a> {
    /// Without a legacy name's hash.
    text: &'a str,
    scheme: Scheme,
}

impl<'a> Symbol<'a> {
    pub(super) fn parse(symbol: &'a str) -> Option<Self> {
        if let Some((text, hash)) = symbol.rsplit_once("::")
            && is_hash(hash)
            && !text.is_empty()
        {
            let scheme = Scheme::Legacy;
            return Some(Self { text, scheme });
        }
        let mut hashed = symbol
            .match_indices("]::")
            .filter_map(|(end, _)| id_before(symbol, end));
        hashed.next()?;
        Some(Self {
            text: symbol,
            scheme: Scheme::V0,
        })
    }

    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The crate, and whether the text says so for certain.
    pub(super) fn defining(&self) -> Option<(CrateRef<'a>, bool)> {
        let (first, rest) = split_as(self.text, "::");
        let Some(inner) = first.strip_prefix('<') else {
            let (name, id) = crate_name(first);
            // What rustc makes to call a closure through `FnOnce` is named after the trait only.
            let call = name == "core" && rest.is_some_and(|rest| rest.starts_with("ops::function"));
            let exact = self.scheme == Scheme::V0 || !call;
            return named(name, id).map(|root| (root, exact));
        };
        let inner = inner.strip_suffix('>').unwrap_or(inner);
        let (ty, of_trait) = split_as(inner, " as ");
        let of_crate = text::is_path(ty) || ty.starts_with("dyn ");
        let (ty, of_trait) = (root_of(ty), of_trait.map(root_of));
        match (ty, of_trait) {
            // The block of a type's own methods stands in its crate; that of a basic type, a slice and
            // the like mostly in `core`.
            (Some(ty), None) if of_crate => Some((ty, self.scheme == Scheme::V0)),
            (_, None) => named("core", None).map(|root| (root, false)),
            // The rules of coherence want one of the two to be local, A if it can be.
            (ty, of_trait) => {
                let local = |root: &Option<CrateRef<'_>>| {
                    root.as_ref().is_some_and(|root| !is_std(&root.name))
                };
                let of_trait = of_trait.flatten();
                let best = match local(&ty) || (ty.is_some() && !local(&of_trait)) {
                    true => ty,
                    false => of_trait,
                };
                best.map(|root| (root, false))
            }
        }
    }

    pub(super) fn is_generic(&self) -> bool {
        let outside = self.text.trim_start_matches('<');
        outside.contains('<')
    }

    pub(super) fn write(&self, style: Style, out: &mut String) {
        if self.scheme == Scheme::Legacy {
            let mut elements = Elements::new(style, out);
            let mut rest = Some(self.text);
            while let Some(text) = rest {
                let (element, after) = split_as(text, "::");
                elements.add(element, after.is_none());
                rest = after;
            }
            return;
        }
        match style {
            Style::Full => out.push_str(&without_ids(self.text)),
            Style::Short | Style::Family => write_v0(&without_ids(self.text), style, out),
            // The ids stay: they tell two versions of a crate apart.
            Style::Key => write_v0(self.text, style, out),
        }
    }
}

/// Appends a text of v0's in short, or without generic arguments.
fn write_v0(text: &str, style: Style, out: &mut String) {
    let start = out.len();
    let mut rest = Some(text);
    let mut is_first = true;
    // Whether what stands there belongs to what follows: a type, a closure.
    let mut keep = false;
    while let Some(at) = rest {
        let (element, after) = split_as(at, "::");
        rest = after;
        let inner = element
            .strip_prefix('<')
            .and_then(|it| it.strip_suffix('>'));
        match inner {
            Some(inner) if is_first => {
                let (ty, of_trait) = split_as(inner, " as ");
                let bare = of_trait.is_none() && text::is_path(ty);
                out.push_str(if bare { "" } else { "<" });
                text::write_type(ty, style, out);
                if let Some(of_trait) = of_trait {
                    out.push_str(" as ");
                    text::write_type(of_trait, style, out);
                }
                out.push_str(if bare { "" } else { ">" });
                keep = true;
            }
            // The arguments of what stands before.
            Some(_) => {
                if style == Style::Short {
                    out.push_str("::");
                    text::write_type(element, style, out);
                }
                keep = style == Style::Short;
            }
            None => {
                let inside = element.starts_with('{');
                if style == Style::Short && !keep && !inside {
                    out.truncate(start);
                }
                if out.len() > start {
                    out.push_str("::");
                }
                out.push_str(element);
                keep = inside;
            }
        }
        is_first = false;
    }
}

/// The name and the id of `name[id]`, which may be missing.
fn crate_name(text: &str) -> (&str, Option<u64>) {
    let id = text.strip_suffix(']').and_then(|text| {
        let (name, id) = text.rsplit_once('[')?;
        Some((name, u64::from_str_radix(id, 16).ok()?))
    });
    id.map_or((text, None), |(name, id)| (name, Some(id)))
}

fn named(name: &str, id: Option<u64>) -> Option<CrateRef<'_>> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    plain.then_some(CrateRef {
        name: Cow::Borrowed(name),
        disambiguator: id,
    })
}

/// The crate that a type's text starts with; none of a basic type or a parameter.
fn root_of(mut ty: &str) -> Option<CrateRef<'_>> {
    const BEFORE: [&str; 10] = [
        "&", "mut ", "const ", "*", "[", "(", "<", "dyn ", "impl ", "'_ ",
    ];
    while let Some(rest) = BEFORE.iter().find_map(|before| ty.strip_prefix(before)) {
        ty = rest;
    }
    let (first, rest) = ty.split_once("::")?;
    let (name, id) = crate_name(first);
    // What stands before the path of another type, as in `fn(a::B)`, is none.
    rest.chars().next().and_then(|_| named(name, id))
}

/// Where the id of a crate begins that ends in the `]` at `end`: at its bracket.
fn id_before(text: &str, end: usize) -> Option<usize> {
    let before = text.get(..end)?;
    let digits = before
        .bytes()
        .rev()
        .take(17)
        .take_while(u8::is_ascii_hexdigit)
        .count();
    let start = end.checked_sub(digits + 1)?;
    let is_id = (1..=16).contains(&digits) && text.as_bytes().get(start) == Some(&b'[');
    let last = text.get(..start)?.chars().next_back()?;
    (is_id && (last.is_alphanumeric() || last == '_')).then_some(start)
}

/// A text of v0's without the ids of crates.
fn without_ids(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (end, _) in text.match_indices("]::") {
        if let Some(start) = id_before(text, end) {
            out.push_str(&text[done..start]);
            done = end + 1;
        }
    }
    out.push_str(&text[done..]);
    out
}
