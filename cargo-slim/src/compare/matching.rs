//! Which function of one build is which of the other, by names without hashes, in passes from
//! strict to loose. What an earlier pass has matched no later one touches:
//!
//! 1. full name, crate, section and size; then without size; then without section;
//! 2. full name alone, the same size first: the crate changed, or how it is known;
//! 3. short name and size within the crate: a module was renamed;
//! 4. short name and size in any crate: a crate was split or renamed;
//! 5. short name within the crate, whatever the size;
//! 6. short name in any crate, whatever the size, where each build has but one of that name;
//! 7. the last segment and the size, within the crate and then in any: generic arguments changed,
//!    or one of the names does not state them.
//!
//! Passes 3 to 7 may pair two functions that only look alike; since all but the fifth and sixth
//! demand the same size, that hides no growth. Functions without a name are paired by their size alone.

use super::{
    crates::Pairs,
    names::{short, tail},
};
use crate::snapshot::{Function, NAMELESS, Names, Snapshot};
use rayon::prelude::*;
use std::{collections::HashMap, hash::Hash};

/// The result: indices into the functions of both builds.
#[derive(Debug, Default)]
pub(super) struct Matched {
    /// Before and after.
    pub(super) pairs: Vec<(usize, usize)>,
    /// Gone.
    pub(super) removed: Vec<usize>,
    /// New.
    pub(super) added: Vec<usize>,
}

/// A function as the passes see it.
#[derive(Clone, Copy)]
struct Seen {
    index: usize,
    owner: usize,
    section: usize,
    size: u64,
    /// Hashes of the short name and of its last segment, once they are needed.
    short: u64,
    tail: u64,
}

pub(super) fn functions(before: &Snapshot, after: &Snapshot, crates: &Pairs) -> Matched {
    let mut numbers = HashMap::new();
    for section in before.sections.iter().chain(&after.sections) {
        let next = numbers.len();
        numbers.entry(section.name.as_str()).or_insert(next);
    }
    let section = |snapshot: &Snapshot, function: &Function| {
        let section = snapshot.sections.get(function.section as usize);
        section
            .and_then(|section| numbers.get(section.name.as_str()).copied())
            .unwrap_or_default()
    };
    let old = |index: usize| {
        let function = before.functions.get(index)?;
        Some(Seen {
            index,
            owner: crates.of_before(function.owner),
            section: section(before, function),
            size: function.size,
            short: 0,
            tail: 0,
        })
    };
    let new = |index: usize| {
        let function = after.functions.get(index)?;
        Some(Seen {
            index,
            owner: crates.of_after(function.owner),
            section: section(after, function),
            size: function.size,
            short: 0,
            tail: 0,
        })
    };
    let mut matched = Matched::default();
    let (mut olds, mut news) = (Vec::new(), Vec::new());
    for group in Groups::new(&before.names, &after.names) {
        let mut left: Vec<Seen> = group.0.filter_map(old).collect();
        let mut right: Vec<Seen> = group.1.filter_map(new).collect();
        if group.2 == NAMELESS {
            join(&mut left, &mut right, &mut matched.pairs, |seen| {
                (seen.owner, seen.section, seen.size)
            });
            matched.removed.extend(left.iter().map(|seen| seen.index));
            matched.added.extend(right.iter().map(|seen| seen.index));
            continue;
        }
        if !left.is_empty() && !right.is_empty() {
            same_name(&mut left, &mut right, &mut matched.pairs);
        }
        olds.append(&mut left);
        news.append(&mut right);
    }
    loosely(before, after, &mut olds, &mut news, &mut matched.pairs);
    matched.removed.extend(olds.iter().map(|seen| seen.index));
    matched.added.extend(news.iter().map(|seen| seen.index));
    matched
}

fn same_name(old: &mut Vec<Seen>, new: &mut Vec<Seen>, pairs: &mut Vec<(usize, usize)>) {
    join(old, new, pairs, |seen| {
        (seen.owner, seen.section, seen.size)
    });
    join(old, new, pairs, |seen| (seen.owner, seen.section));
    join(old, new, pairs, |seen| seen.owner);
    join(old, new, pairs, |seen| seen.size);
    join(old, new, pairs, |_| ());
}

/// Pairs what has equal keys; of several the largest with the largest.
fn join<K: Ord>(
    old: &mut Vec<Seen>,
    new: &mut Vec<Seen>,
    pairs: &mut Vec<(usize, usize)>,
    key: impl Fn(&Seen) -> K,
) {
    if old.is_empty() || new.is_empty() {
        return;
    }
    let order = |a: &Seen, b: &Seen| key(a).cmp(&key(b)).then(b.size.cmp(&a.size));
    old.sort_by(order);
    new.sort_by(order);
    let mut others = std::mem::take(new).into_iter().peekable();
    old.retain(|seen| {
        while let Some(other) = others.next_if(|other| key(other) < key(seen)) {
            new.push(other);
        }
        match others.next_if(|other| key(other) == key(seen)) {
            Some(other) => {
                pairs.push((seen.index, other.index));
                false
            }
            None => true,
        }
    });
    new.extend(others);
}

/// The passes over what has no namesake.
fn loosely(
    before: &Snapshot,
    after: &Snapshot,
    old: &mut Vec<Seen>,
    new: &mut Vec<Seen>,
    pairs: &mut Vec<(usize, usize)>,
) {
    if old.is_empty() || new.is_empty() {
        return;
    }
    let hashes = |seen: &mut [Seen], names: &Names| {
        seen.par_iter_mut().for_each(|seen| {
            let short = short(names.get(seen.index));
            seen.short = hash(&short);
            seen.tail = hash(&tail(&short));
        });
    };
    hashes(old, &before.names);
    hashes(new, &after.names);
    hashed(old, new, pairs, |seen| (seen.short, seen.owner, seen.size));
    hashed(old, new, pairs, |seen| (seen.short, seen.size));
    hashed(old, new, pairs, |seen| (seen.short, seen.owner));
    unique(old, new, pairs);
    hashed(old, new, pairs, |seen| (seen.tail, seen.owner, seen.size));
    hashed(old, new, pairs, |seen| (seen.tail, seen.size));
}

/// Pairs what is the only one of its short name on both sides: a function of a crate that was split
/// off is compiled a little differently there.
fn unique(old: &mut Vec<Seen>, new: &mut Vec<Seen>, pairs: &mut Vec<(usize, usize)>) {
    let only = |seen: &[Seen]| {
        let mut by_name: HashMap<u64, Option<usize>> = HashMap::new();
        for one in seen {
            let several = |found: &mut Option<usize>| *found = None;
            by_name
                .entry(one.short)
                .and_modify(several)
                .or_insert(Some(one.index));
        }
        by_name
    };
    let (before, after) = (only(old), only(new));
    let matched: HashMap<usize, usize> = before
        .into_iter()
        .filter_map(|(name, index)| Some((index?, (*after.get(&name)?)?)))
        .collect();
    let taken: std::collections::HashSet<usize> = matched.values().copied().collect();
    old.retain(|seen| !matched.contains_key(&seen.index));
    new.retain(|seen| !taken.contains(&seen.index));
    let mut found: Vec<_> = matched.into_iter().collect();
    found.sort_unstable();
    pairs.extend(found);
}

/// Two names of one hash would be taken for one: in 2^64 that does not happen by chance, and a file
/// made for it only spoils its own report.
fn hash(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// As [`join`], for keys that are costly to compare.
fn hashed<K: Eq + Hash>(
    old: &mut Vec<Seen>,
    new: &mut Vec<Seen>,
    pairs: &mut Vec<(usize, usize)>,
    key: impl Fn(&Seen) -> K,
) {
    let mut waiting: HashMap<K, Vec<Seen>> = HashMap::new();
    // The last is taken first: the largest.
    new.sort_by_key(|seen| (seen.size, seen.index));
    for seen in new.iter() {
        waiting.entry(key(seen)).or_default().push(*seen);
    }
    old.sort_by_key(|seen| (std::cmp::Reverse(seen.size), seen.index));
    old.retain(|seen| {
        let found = waiting.get_mut(&key(seen)).and_then(Vec::pop);
        if let Some(found) = found {
            pairs.push((seen.index, found.index));
        }
        found.is_none()
    });
    *new = waiting.into_values().flatten().collect();
    new.sort_by_key(|seen| seen.index);
}

/// Runs of equal names in two sorted lists, side by side.
struct Groups<'a> {
    old: &'a Names,
    new: &'a Names,
    at: (usize, usize),
}

impl<'a> Groups<'a> {
    fn new(old: &'a Names, new: &'a Names) -> Self {
        Self {
            old,
            new,
            at: (0, 0),
        }
    }
}

impl<'a> Iterator for Groups<'a> {
    type Item = (std::ops::Range<usize>, std::ops::Range<usize>, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (i, j) = self.at;
        let name = match (i < self.old.len(), j < self.new.len()) {
            (false, false) => return None,
            (true, false) => self.old.get(i),
            (false, true) => self.new.get(j),
            (true, true) => self.old.get(i).min(self.new.get(j)),
        };
        let run = |names: &Names, start: usize| {
            let same = (start..names.len()).take_while(|at| names.get(*at) == name);
            start..start + same.count()
        };
        let runs = (run(self.old, i), run(self.new, j));
        self.at = (runs.0.end, runs.1.end);
        Some((runs.0, runs.1, name))
    }
}
