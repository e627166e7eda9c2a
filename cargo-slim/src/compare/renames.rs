//! Which module or crate of one build has another name in the other.
//!
//! Two names that differ in the beginning of a path only are a vote for `old::path → new::path`.
//! It counts if nothing else is left under the old path, nothing was under the new one before, and
//! at least half of what is missing under the old path is found under the new one: one function of
//! a name that many have (`new`, `merge`, `walk_expr`) is no evidence, a module with its functions
//! is.

use super::names::{Form, hash};
use crate::snapshot::Names;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Of so many names of one short form each is compared with each.
const FEW: usize = 4;
/// How many segments after the change a renamed path is looked for at.
const LEVELS: usize = 8;
/// A renamed path has no more segments.
const DEPTH: usize = 16;
/// How many other places a path can have moved to.
const PLACES: usize = 4;
/// How many names are looked through for one below a path.
const STEPS: usize = 256;

/// Renamed paths, each with its new names, that with the most evidence first.
#[derive(Debug, Default)]
pub(super) struct Renames<'a>(HashMap<&'a str, Vec<&'a str>>);

/// The paths of a name, `a::b::{closure}`, and the text between them. What follows a bracket,
/// `>::f`, is no path of its own.
fn paths(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let part = |c: char| c == '_' || c == ':' || c == '{' || c == '}' || c.is_alphanumeric();
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let path = part(first);
        let end = rest.find(|c| part(c) != path).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        rest = after;
        Some((token, path && first != ':' && first != '{'))
    })
}

/// The beginnings of a path that leave at least one segment, and what they leave; of a deep one
/// only the first, so that the work stays linear.
fn prefixes(path: &str) -> impl Iterator<Item = (&str, &str)> {
    path.match_indices("::")
        .take(DEPTH)
        .map(|(at, separator)| (&path[..at], &path[at + separator.len()..]))
}

type Votes<'a> = HashMap<(&'a str, &'a str), HashSet<u64>>;

/// Every rename that would make `new` of `old`, with what stands below it.
fn vote<'a>(old: &'a str, new: &'a str, votes: &mut Votes<'a>) {
    let (mut olds, mut news) = (paths(old), paths(new));
    loop {
        match (olds.next(), news.next()) {
            (Some((old, true)), Some((new, true))) if old != new => {
                let ends = old.rsplit("::").zip(new.rsplit("::"));
                let common = ends.take_while(|(a, b)| a == b);
                let (mut length, mut levels) = (0, 0);
                for (segment, _) in common.take(LEVELS) {
                    length += segment.len() + "::".len();
                    levels += 1;
                    let cut = |path: &'a str| path.get(..path.len().checked_sub(length)?);
                    let (Some(from), Some(to)) = (cut(old), cut(new)) else {
                        break;
                    };
                    let below = &old[from.len() + "::".len()..];
                    votes.entry((from, to)).or_default().insert(hash(below));
                }
                if levels == 0 {
                    return;
                }
            }
            (Some(old), Some(new)) if old.1 == new.1 => {}
            _ => return,
        }
    }
}

/// Whether a function of these names is at the path or below it.
pub(super) fn is_there(names: &Names, path: &str) -> bool {
    [path.to_owned(), format!("<{path}")].iter().any(|start| {
        let (mut low, mut high) = (0, names.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match names.get(middle) < start.as_str() {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let mut below = (low..names.len()).map(|at| names.get(at).strip_prefix(start.as_str()));
        for _ in 0..STEPS {
            match below.next().flatten() {
                None => return false,
                // `a::bc` is not below `a::b`.
                Some(rest) if rest.starts_with(|c: char| c == '_' || c.is_alphanumeric()) => {}
                Some(_) => return true,
            }
        }
        true
    })
}

impl<'a> Renames<'a> {
    /// From what has no namesake, and all names of both builds.
    pub(super) fn find(old: &'a [Form], new: &'a [Form], before: &Names, after: &Names) -> Self {
        let by_short = |forms: &'a [Form]| {
            let mut groups: HashMap<u64, Vec<&'a str>> = HashMap::new();
            for form in forms {
                let group = groups.entry(form.short).or_default();
                if group.len() <= FEW && !group.contains(&form.text.as_str()) {
                    group.push(&form.text);
                }
            }
            groups
        };
        let (olds, news) = (by_short(old), by_short(new));
        let mut votes = Votes::new();
        for (short, olds) in &olds {
            let Some(news) = news.get(short) else {
                continue;
            };
            if olds.len() <= FEW && news.len() <= FEW {
                for old in olds {
                    for new in news {
                        vote(old, new, &mut votes);
                    }
                }
            }
        }
        let mut gone: HashMap<&str, bool> = HashMap::new();
        let mut added: HashMap<&str, bool> = HashMap::new();
        votes.retain(|(from, to), below| {
            // One function is evidence if its crate and its module have kept their names.
            let last = |path: &'a str| path.rsplit("::").next();
            let first = |path: &'a str| path.split("::").next();
            (below.len() > 1 || last(from) == last(to) && first(from) == first(to))
                && *gone.entry(from).or_insert_with(|| !is_there(after, from))
                && *added.entry(to).or_insert_with(|| !is_there(before, to))
        });
        let mut missing: HashMap<&str, HashSet<u64>> = HashMap::new();
        for (from, _) in votes.keys() {
            missing.insert(from, HashSet::new());
        }
        if !missing.is_empty() {
            for (path, _) in old
                .iter()
                .flat_map(|form| paths(&form.text))
                .filter(|p| p.1)
            {
                for (from, below) in prefixes(path) {
                    if let Some(missing) = missing.get_mut(from) {
                        missing.insert(hash(below));
                    }
                }
            }
        }
        let mut found: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
        for ((from, to), below) in votes {
            let all = missing.get(from).map_or(0, HashSet::len);
            if below.len() * 2 >= all {
                found.entry(from).or_default().push((below.len(), to));
            }
        }
        let ranked = found.into_iter().map(|(from, mut to)| {
            to.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
            to.truncate(PLACES);
            (from, to.into_iter().map(|(_, to)| to).collect())
        });
        Self(ranked.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name with all renamed paths replaced, by the `choice`th new name of each; `None` when
    /// there is nothing to replace, or no such choice.
    pub(super) fn apply(&self, text: &str, choice: usize) -> Option<String> {
        let mut renamed = String::with_capacity(text.len());
        let mut any = false;
        for (token, path) in paths(text) {
            let longest = || {
                let of = |(from, below)| Some((self.0.get(from)?, below));
                prefixes(token).filter_map(of).last()
            };
            match path.then(longest).flatten() {
                Some((to, below)) => {
                    any = true;
                    renamed.push_str(to.get(choice)?);
                    renamed.push_str("::");
                    renamed.push_str(below);
                }
                None => renamed.push_str(token),
            }
        }
        any.then_some(renamed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(before: &[&str], after: &[&str]) -> Vec<(String, String)> {
        let only = |all: &[&str], other: &[&str]| -> Vec<Form> {
            let own = all.iter().filter(|name| !other.contains(name));
            own.map(|name| Form::new(name)).collect()
        };
        let names = |all: &[&str]| -> Names {
            let mut all = all.to_vec();
            all.sort_unstable();
            all.into_iter().collect()
        };
        let (old, new) = (only(before, after), only(after, before));
        let renames = Renames::find(&old, &new, &names(before), &names(after));
        let mut pairs: Vec<_> = old
            .iter()
            .filter_map(|form| Some((form.text.clone(), renames.apply(&form.text, 0)?)))
            .collect();
        pairs.sort();
        pairs
    }

    #[test]
    fn a_module_is_renamed_wherever_it_stands() {
        let before = [
            "a::util::f",
            "a::util::g",
            "a::main",
            "<a::util::T as b::D>::f",
            "core::drop::<a::util::T>",
        ];
        let after = [
            "a::tools::f",
            "a::tools::g",
            "a::main",
            "<a::tools::T as b::D>::f",
            "core::drop::<a::tools::T>",
        ];
        let pairs = renamed(&before, &after);
        assert_eq!(pairs.len(), 4, "{pairs:?}");
        for (old, new) in pairs {
            assert_eq!(old.replace("util", "tools"), new);
        }
    }

    #[test]
    fn a_split_and_a_renamed_crate() {
        let pairs = renamed(
            &["a::util::f", "a::util::g", "a::h"],
            &["p::f", "p::g", "a::h"],
        );
        assert_eq!(pairs[0], ("a::util::f".into(), "p::f".into()));
        let pairs = renamed(&["a::x::f", "a::g"], &["b::x::f", "b::g"]);
        assert_eq!(pairs[0], ("a::g".into(), "b::g".into()));
        // The module kept its name and came to another crate; both crates stay.
        let pairs = renamed(
            &["a::panic::f", "a::panic::g", "a::g", "b::h"],
            &["b::panic::f", "b::panic::g", "a::g", "b::h"],
        );
        assert_eq!(pairs[0], ("a::panic::f".into(), "b::panic::f".into()));
    }

    #[test]
    fn a_name_that_many_have_is_no_evidence() {
        // One function of a crate that is gone.
        assert_eq!(renamed(&["w::width"], &["c::utils::width"]), []);
        assert_eq!(renamed(&["w::once::f"], &["c::once::f"]), []);
        // Both modules are still there.
        let before = ["a::x::walk", "a::x::f", "a::y::f"];
        assert_eq!(renamed(&before, &["a::y::walk", "a::x::f", "a::y::f"]), []);
        let before = ["a::x::f", "a::x::g", "a::x::h"];
        assert_eq!(renamed(&before, &["a::y::f", "a::y::g", "a::x::h"]), []);
        let after = ["a::y::f", "a::y::g", "a::y::h"];
        let before = ["a::x::f", "a::x::g", "a::y::h"];
        assert_eq!(renamed(&before, &after), []);
        // Most of the module is gone, and is nowhere.
        let before = ["a::x::f", "a::x::g", "a::x::h", "a::x::i", "a::x::j"];
        assert_eq!(renamed(&before, &["a::y::f", "a::y::g"]), []);
        // A longer name is not below the path.
        assert_eq!(
            renamed(
                &["a::x::f", "a::x::g", "a::xy::h"],
                &["a::z::f", "a::z::g", "a::xy::h"]
            )
            .len(),
            2
        );
    }

    proptest::proptest! {
        #[test]
        fn any_names_can_be_compared(
            before in proptest::collection::vec("[ab:<>{} λ]{0,12}", 0..6),
            after in proptest::collection::vec("[ab:<>{} λ]{0,12}", 0..6),
        ) {
            let before: Vec<_> = before.iter().map(String::as_str).collect();
            let after: Vec<_> = after.iter().map(String::as_str).collect();
            let _ = renamed(&before, &after);
        }
    }
}
