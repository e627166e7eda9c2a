//! What a user means by a name: functions and constants of the graph.

use super::references::References;
use crate::graph::{FIRST, Node};
use codecost::{Error, Result, attribution::CrateId, demangle::Name, pattern::Pattern};
use std::fmt;

/// What is asked about.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// A name: in full, short, without its generic arguments, mangled, or any part of one.
    Name(String),
    /// All whose full name the pattern matches.
    Pattern(Pattern),
    /// All of a crate, of one version where it is given.
    Crate(String, Option<String>),
}

impl Wanted {
    /// Reads `NAME`, `/regex/`, `crate:NAME` or `crate:NAME@VERSION`.
    ///
    /// # Errors
    ///
    /// A usage error: the pattern is no regular expression, or nothing is named.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(name) = text.strip_prefix("crate:") {
            let (name, version) = match name.split_once('@') {
                Some((name, version)) => (name, Some(version.to_owned())),
                None => (name, None),
            };
            if !name.is_empty() {
                return Ok(Self::Crate(name.into(), version));
            }
        } else if let Some(pattern) = text
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'))
            .filter(|pattern| !pattern.is_empty())
        {
            return Pattern::new(pattern).map(Self::Pattern).map_err(|error| {
                Error::usage(
                    format_args!("`{text}` is no regular expression: {error}"),
                    "write it between slashes in the syntax of the regex crate",
                )
            });
        } else if !text.trim().is_empty() {
            return Ok(Self::Name(text.into()));
        }
        Err(Error::usage(
            format_args!("`{text}` names nothing"),
            "write a function's name, `/regex/` or `crate:NAME`",
        ))
    }

    /// The nodes that are meant, in their order; never none.
    ///
    /// # Errors
    ///
    /// A usage error: nothing in the file is called that.
    pub(super) fn nodes(&self, references: &References<'_, '_>) -> Result<Vec<u32>> {
        let all = || FIRST..references.graph.sizes.len() as u32;
        let found: Vec<u32> = match self {
            Self::Crate(name, version) => {
                let is_meant = |id: CrateId| {
                    let label = references.subject.label(id);
                    // Users write a crate's name as in paths, or its package's.
                    let named = label.name == *name || label.package.as_ref() == Some(name);
                    named && (version.is_none() || label.version == *version)
                };
                let only = |node: &u32| references.only_crate_of(*node).is_some_and(is_meant);
                all().filter(only).collect()
            }
            Self::Pattern(pattern) => matching(references, pattern),
            Self::Name(name) => match by_name(references, name) {
                found if found.is_empty() => as_pattern(references, name),
                found => found,
            },
        };
        match found.is_empty() {
            true => Err(self.nothing()),
            false => Ok(found),
        }
    }

    fn nothing(&self) -> Error {
        let help = match self {
            Self::Crate(..) => "list the crates that are there with `cargo slim crates -n 0`",
            Self::Name(_) | Self::Pattern(_) => {
                "list what is there with `cargo slim functions --filter REGEX`; what was inlined \
                 everywhere, or optimised away, is not in the file"
            }
        };
        Error::usage(format_args!("nothing in the file is called `{self}`"), help)
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Pattern(pattern) => write!(f, "/{pattern}/"),
            Self::Crate(name, None) => write!(f, "crate:{name}"),
            Self::Crate(name, Some(version)) => write!(f, "crate:{name}@{version}"),
        }
    }
}

/// Whether a node has a name of its own: a function, or data with a symbol.
fn named_node(references: &References<'_, '_>, node: u32) -> bool {
    matches!(references.graph.node(node), Node::Function(_)) || !references.symbol(node).is_empty()
}

fn matching(references: &References<'_, '_>, pattern: &Pattern) -> Vec<u32> {
    let all = FIRST..references.graph.sizes.len() as u32;
    all.filter(|node| named_node(references, *node) && pattern.is_match(&references.name(*node)))
        .collect()
}

/// What no name has in it may be meant as `--filter` takes it. Names come first: `<T as Trait>::f`,
/// `f::{closure#0}` and `[T]` are patterns, too, and mean something else as such.
fn as_pattern(references: &References<'_, '_>, text: &str) -> Vec<u32> {
    match Pattern::new(text) {
        Ok(pattern) => matching(references, &pattern),
        Err(_) => Vec::new(),
    }
}

/// Those with exactly this name in any form, else those with it in their full name.
fn by_name(references: &References<'_, '_>, name: &str) -> Vec<u32> {
    let all = FIRST..references.graph.sizes.len() as u32;
    let (mut exact, mut partly) = (Vec::new(), Vec::new());
    for node in all {
        if !named_node(references, node) {
            continue;
        }
        let full = references.name(node);
        // A constant's text is shown as its name, but nobody asks for it that way.
        if full == name || references.symbol(node) == name || is_other_form(references, node, name)
        {
            exact.push(node);
        } else if full.contains(name) {
            partly.push(node);
        }
    }
    match exact.is_empty() {
        true => partly,
        false => exact,
    }
}

/// Whether it is the short name, or the name without generic arguments.
fn is_other_form(references: &References<'_, '_>, node: u32, name: &str) -> bool {
    let symbol = references.symbol(node);
    // Both end in the last part of the path, which stands in the symbol as it is.
    let last = name.rsplit("::").next().unwrap_or(name);
    let word: &str = last.split(['<', '>', '{']).next().unwrap_or(last);
    if word.is_empty() || !symbol.contains(word) {
        return false;
    }
    let parsed = Name::parse(symbol);
    parsed.short() == name || parsed.family() == name
}
