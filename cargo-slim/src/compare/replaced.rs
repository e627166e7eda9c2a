//! Which generic function of one build has another name in the other: a compiler's release renames
//! one of its own (`core::ptr::drop_in_place` became `core::ptr::drop_glue`), and all copies of it
//! would be removed and added again.
//!
//! The copies say so by what they are of: where most arguments that a name was instantiated with
//! are now those of another name of the same crate, with copies of nearly the same sizes, where
//! nothing is left of the old name and there was nothing of the new one.

use super::{
    names::{Form, hash},
    renames::is_there,
    sizes::are_near,
};
use crate::snapshot::Names;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Of so many names with the same arguments each is compared with each.
const FEW: usize = 4;

/// Fewer arguments in common are no evidence.
const EVIDENCE: usize = 3;

/// The new names of generic functions, by their old ones.
#[derive(Debug, Default)]
pub(super) struct Replaced<'a>(HashMap<&'a str, &'a str>);

/// The path of a generic function, and its arguments with what follows them; `None` for what is not
/// generic, and for methods of traits, whose names are not the compiler's.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (path, _) = text.split_once('<')?;
    let rest = &text[path.len()..];
    let path = path.trim_end_matches("::");
    path.contains("::").then_some((path, rest))
}

/// A function that has no namesake in the other build: its name and its size.
pub(super) type Single<'a> = (&'a Form, u64);

/// The copies of generic functions: by arguments the names with their sizes.
fn copies<'a>(all: &[Single<'a>]) -> HashMap<u64, Vec<(&'a str, u64)>> {
    let mut by_arguments: HashMap<u64, Vec<(&'a str, u64)>> = HashMap::new();
    for (form, size) in all {
        let Some((path, rest)) = parts(&form.text) else {
            continue;
        };
        let group = by_arguments.entry(hash(rest)).or_default();
        if group.len() <= FEW {
            group.push((path, *size));
        }
    }
    by_arguments
}

/// What two names have in common.
#[derive(Default)]
struct Vote {
    arguments: usize,
    near: usize,
}

impl<'a> Replaced<'a> {
    /// From what has no namesake, and all names of both builds.
    pub(super) fn find(
        old: &[Single<'a>],
        new: &[Single<'a>],
        before: &Names,
        after: &Names,
    ) -> Self {
        let (olds, news) = (copies(old), copies(new));
        let mut votes: BTreeMap<(&str, &str), Vote> = BTreeMap::new();
        for (arguments, olds) in &olds {
            let Some(news) = news.get(arguments) else {
                continue;
            };
            if olds.len() > FEW || news.len() > FEW {
                continue;
            }
            let mut counted = HashSet::new();
            for (from, size) in olds {
                for (to, other) in news {
                    let one_crate = from.split("::").next() == to.split("::").next();
                    if one_crate && counted.insert((from, to)) {
                        let vote = votes.entry((from, to)).or_default();
                        vote.arguments += 1;
                        vote.near += usize::from(are_near(*size, *other));
                    }
                }
            }
        }
        let mut all: HashMap<&str, HashSet<u64>> = HashMap::new();
        for (arguments, olds) in &olds {
            for (from, _) in olds {
                all.entry(from).or_default().insert(*arguments);
            }
        }
        let mut best: HashMap<&str, (usize, &str)> = HashMap::new();
        for ((from, to), vote) in votes {
            let missing = all.get(from).map_or(0, HashSet::len);
            let most = vote.arguments * 2 >= missing && vote.near * 2 >= vote.arguments;
            if vote.arguments < EVIDENCE || !most || is_there(after, from) || is_there(before, to) {
                continue;
            }
            let known = best.entry(from).or_default();
            if vote.near > known.0 {
                *known = (vote.near, to);
            }
        }
        Self(best.into_iter().map(|(from, (_, to))| (from, to)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name under its new path; `None` when it has none.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let (path, _) = parts(text)?;
        let to = self.0.get(path)?;
        Some(format!("{to}{}", &text[path.len()..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(before: &[(&str, u64)], after: &[(&str, u64)]) -> Vec<(String, String)> {
        let side = |all: &[(&str, u64)], other: &[(&str, u64)]| -> Vec<(Form, u64)> {
            let missing = |name: &str| other.iter().all(|(theirs, _)| *theirs != name);
            let own = all.iter().filter(|(name, _)| missing(name));
            own.map(|(name, size)| (Form::new(name), *size)).collect()
        };
        let names = |all: &[(&str, u64)]| -> Names {
            let mut all: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            all.sort_unstable();
            all.into_iter().collect()
        };
        let (old, new) = (side(before, after), side(after, before));
        let olds: Vec<_> = old.iter().map(|(form, size)| (form, *size)).collect();
        let news: Vec<_> = new.iter().map(|(form, size)| (form, *size)).collect();
        let replaced = Replaced::find(&olds, &news, &names(before), &names(after));
        let texts = old.iter().map(|(form, _)| form.text.clone());
        texts
            .filter_map(|text| Some((text.clone(), replaced.apply(&text)?)))
            .collect()
    }

    fn glue(name: &str, sizes: &[u64]) -> Vec<(String, u64)> {
        let types = ["a::A", "b::B<u8>", "c::C", "d::D"];
        let all = types.iter().zip(sizes);
        all.map(|(of, size)| (format!("core::ptr::{name}::<{of}>"), *size))
            .collect()
    }

    fn borrowed(all: &[(String, u64)]) -> Vec<(&str, u64)> {
        all.iter()
            .map(|(name, size)| (name.as_str(), *size))
            .collect()
    }

    #[test]
    fn a_generic_function_with_another_name_is_known_by_its_arguments() {
        let before = glue("drop_in_place", &[100, 40, 70, 8]);
        let after = glue("drop_glue", &[100, 41, 70, 300]);
        let pairs = replaced(&borrowed(&before), &borrowed(&after));
        assert_eq!(pairs.len(), 4, "{pairs:?}");
        for (old, new) in pairs {
            assert_eq!(old.replace("drop_in_place", "drop_glue"), new);
        }
    }

    #[test]
    fn another_function_of_the_same_types_is_another_one() {
        let before = glue("drop_in_place", &[100, 40, 70, 8]);
        // Of other sizes.
        let after = glue("read", &[10, 4, 7, 800]);
        assert_eq!(replaced(&borrowed(&before), &borrowed(&after)), []);
        // The old name is still there, or the new one was.
        let same = glue("drop_glue", &[100, 40, 70, 8]);
        let mut both = borrowed(&same);
        both.push(("core::ptr::drop_in_place::<e::E>", 10));
        assert_eq!(replaced(&borrowed(&before), &both), []);
        let mut both = borrowed(&before);
        both.push(("core::ptr::drop_glue::<e::E>", 10));
        assert_eq!(replaced(&both, &borrowed(&same)), []);
        // Two are too few.
        assert_eq!(replaced(&borrowed(&before)[..2], &borrowed(&same)[..2]), []);
    }
}
