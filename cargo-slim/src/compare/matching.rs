//! Which function of one build is which of the other, by names without hashes, in passes from
//! strict to loose. What an earlier pass has matched no later one touches:
//!
//! 1. the full name: with crate, section, instantiating crate and size; then without section and
//!    instantiating crate; then of nearly the same size; then in any crate, likewise. One function
//!    of a name in each build is one function, whatever its size;
//! 2. the same words in another order (`dyn A + B`), or naming scheme: nearly the same size;
//! 3. the full name after renamed modules and crates are given their new names (see
//!    [`super::renames`]): as 1;
//! 4. the full name after generic functions that are called otherwise have their new names (see
//!    [`super::replaced`]): as 1;
//! 5. the short name with its type, and the same size, within the crate: moved to another module;
//! 6. the same in any crate, where there is but one such function in each build;
//! 7. the same place in the source and the same size, where the generic arguments changed a little
//!    or one name does not state them;
//! 8. if one build has legacy names and the other v0: the same place and nearly the same size, and
//!    the same trait's method and size where one name does not state the type.
//!
//! Only passes 1, 3 and 4 pair functions of very different sizes: there the name says that it is the
//! same function. What is not matched is removed and added, also if it looks alike. Functions
//! without a name are paired by their size alone.

use super::{
    names::{Form, hash},
    pairs::Pairs,
    renames::Renames,
    replaced::{Replaced, Single},
    sizes::{are_comparable, are_near},
};
use crate::snapshot::{Function, NAMELESS, Names, Snapshot};
use rayon::prelude::*;
use std::{collections::HashMap, hash::Hash};

/// Functions below this size are of the same size by chance.
const LARGE: u64 = 64;
/// So much of two names has to be the same words where other evidence is weak.
const HALF: f64 = 0.5;
/// And where only generic arguments differ.
const MOST: f64 = 0.8;
/// With fewer than one legacy name in so many the rest are none either.
const FEW: usize = 32;
/// How many candidates are looked at.
const CANDIDATES: usize = 32;

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
    /// The crate that made the copy, where known.
    by: Option<usize>,
    size: u64,
    /// The place of its name's form, once that is needed.
    form: usize,
}

impl Seen {
    fn is_near(&self, other: &Self) -> bool {
        are_near(self.size, other.size)
    }

    fn is_comparable(&self, other: &Self) -> bool {
        are_comparable(self.size, other.size)
    }
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
            by: function.by.map(|by| crates.of_before(by)),
            size: function.size,
            form: 0,
        })
    };
    let new = |index: usize| {
        let function = after.functions.get(index)?;
        Some(Seen {
            index,
            owner: crates.of_after(function.owner),
            section: section(after, function),
            by: function.by.map(|by| crates.of_after(by)),
            size: function.size,
            form: 0,
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
            same_name(&mut left, &mut right, &mut matched.pairs, true);
        }
        olds.append(&mut left);
        news.append(&mut right);
    }
    if !olds.is_empty() && !news.is_empty() {
        loosely(before, after, &mut olds, &mut news, &mut matched.pairs);
    }
    matched.removed.extend(olds.iter().map(|seen| seen.index));
    matched.added.extend(news.iter().map(|seen| seen.index));
    matched
}

/// Pairs the functions of one name. `sure`: the name leaves no doubt if there is one in each build.
fn same_name(
    old: &mut Vec<Seen>,
    new: &mut Vec<Seen>,
    pairs: &mut Vec<(usize, usize)>,
    sure: bool,
) {
    if let ([left], [right]) = (old.as_slice(), new.as_slice()) {
        // Copies that other crates made, of very different sizes: a legacy name leaves out what the
        // copies are of.
        let other = left
            .by
            .zip(right.by)
            .is_some_and(|(left, right)| left != right);
        if sure && !other || left.is_comparable(right) {
            pairs.push((left.index, right.index));
            old.clear();
            new.clear();
        }
        return;
    }
    join(old, new, pairs, |seen| {
        (seen.owner, seen.section, seen.by, seen.size)
    });
    join(old, new, pairs, |seen| {
        (seen.owner, seen.section, seen.size)
    });
    join(old, new, pairs, |seen| (seen.owner, seen.size));
    nearest(old, new, pairs, |seen| (seen.owner, seen.section, seen.by));
    nearest(old, new, pairs, |seen| seen.owner);
    join(old, new, pairs, |seen| seen.size);
    nearest(old, new, pairs, |_| ());
    // As many are left in each build, in the same crates.
    let order = |seen: &Seen| (seen.owner, seen.by, seen.size, seen.index);
    old.sort_by_key(order);
    new.sort_by_key(order);
    let crates = |seen: &Seen| (seen.owner, seen.by);
    if old.iter().map(crates).eq(new.iter().map(crates)) {
        let mut others = std::mem::take(new).into_iter();
        old.retain(|seen| {
            let other = others.next();
            let paired = other.filter(|other| seen.is_comparable(other));
            pairs.extend(paired.map(|other| (seen.index, other.index)));
            new.extend(other.filter(|_| paired.is_none()));
            paired.is_none()
        });
    }
}

/// Pairs what has equal keys and nearly equal sizes, in the order of their sizes.
fn nearest<K: Ord>(
    old: &mut Vec<Seen>,
    new: &mut Vec<Seen>,
    pairs: &mut Vec<(usize, usize)>,
    key: impl Fn(&Seen) -> K,
) {
    if old.is_empty() || new.is_empty() {
        return;
    }
    let order = |a: &Seen, b: &Seen| (key(a), a.size, a.index).cmp(&(key(b), b.size, b.index));
    old.sort_by(order);
    new.sort_by(order);
    // Too small for this one, so for all that follow.
    let passed = |seen: &Seen, other: &Seen| {
        (key(other), other.size) < (key(seen), seen.size)
            && !(key(other) == key(seen) && seen.is_near(other))
    };
    let fits = |seen: &Seen, other: &Seen| key(other) == key(seen) && seen.is_near(other);
    merge(old, new, pairs, passed, fits);
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
    let order = |a: &Seen, b: &Seen| (key(a), b.size, a.index).cmp(&(key(b), a.size, b.index));
    old.sort_by(order);
    new.sort_by(order);
    let passed = |seen: &Seen, other: &Seen| key(other) < key(seen);
    let fits = |seen: &Seen, other: &Seen| key(other) == key(seen);
    merge(old, new, pairs, passed, fits);
}

/// Walks over both, which are sorted alike, and pairs each with the first of the others that fits,
/// once those that it has passed are left behind.
fn merge(
    old: &mut Vec<Seen>,
    new: &mut Vec<Seen>,
    pairs: &mut Vec<(usize, usize)>,
    passed: impl Fn(&Seen, &Seen) -> bool,
    fits: impl Fn(&Seen, &Seen) -> bool,
) {
    let mut others = std::mem::take(new).into_iter().peekable();
    old.retain(|seen| {
        while let Some(other) = others.next_if(|other| passed(seen, other)) {
            new.push(other);
        }
        let paired = others.next_if(|other| fits(seen, other));
        pairs.extend(paired.map(|other| (seen.index, other.index)));
        paired.is_none()
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
    let forms = |all: &mut [Seen], names: &Names| -> Vec<Form> {
        for (form, seen) in all.iter_mut().enumerate() {
            seen.form = form;
        }
        let names = all.par_iter().map(|seen| Form::new(names.get(seen.index)));
        names.collect()
    };
    let (olds, news) = (forms(old, &before.names), forms(new, &after.names));
    let mut passes = Passes {
        old,
        new,
        pairs,
        olds: &olds,
        news: &news,
    };
    passes.grouped(|form, _| (form.place, form.words), false);
    let renames = Renames::find(&olds, &news, &before.names, &after.names);
    passes.renamed(&renames);
    passes.replaced(&before.names, &after.names);
    passes.sized(
        |form, seen| (form.short, seen.owner, seen.size),
        |old, new, size, _| size >= LARGE || old.alike(new) >= HALF,
    );
    passes.sized(
        |form, seen| (form.short, seen.size),
        |old, new, size, only| only && (size >= LARGE || old.alike(new) >= HALF),
    );
    passes.sized(
        |form, seen| (form.place, seen.size),
        |old, new, _, _| !old.concrete || !new.concrete || old.alike(new) >= MOST,
    );
    let schemes = is_legacy(&before.names).zip(is_legacy(&after.names));
    if schemes.is_some_and(|(before, after)| before != after) {
        passes.sized(|form, seen| (form.place, seen.size), |_, _, _, _| true);
        passes.grouped(|form, _| form.place, false);
        passes.sized(
            |form, seen| (form.method, seen.size),
            |old, new, _, _| old.open != new.open,
        );
        passes.grouped(|form, _| form.method, false);
    }
}

/// What is left, each with its name and size.
fn single<'a>(forms: &'a [Form], all: &[Seen]) -> impl Iterator<Item = Single<'a>> {
    all.iter()
        .filter_map(|seen| Some((forms.get(seen.form)?, seen.size)))
}

/// Whether there are legacy names, told by the closures: v0 numbers all of them. (The standard
/// library has v0 names beside them.) `None` without closures.
fn is_legacy(names: &Names) -> Option<bool> {
    let count = |text| names.iter().filter(|name| name.contains(text)).count();
    let (legacy, v0) = (count("{closure}"), count("{closure#"));
    (legacy + v0 > 0).then_some(legacy > v0 / FEW)
}

/// What is left, and the forms of its names.
struct Passes<'a> {
    old: &'a mut Vec<Seen>,
    new: &'a mut Vec<Seen>,
    pairs: &'a mut Vec<(usize, usize)>,
    olds: &'a [Form],
    news: &'a [Form],
}

impl Passes<'_> {
    /// Those of one key as if they had one name.
    fn grouped<K: Eq + Hash>(&mut self, key: impl Fn(&Form, &Seen) -> K, sure: bool) {
        let (olds, news) = (self.olds, self.news);
        let of = |forms: &[Form], seen: &Seen| forms.get(seen.form).map(|form| key(form, seen));
        self.groups(|seen| of(olds, seen), |seen| of(news, seen), sure);
    }

    /// Those that have one name once renamed paths have their new names.
    fn renamed(&mut self, renames: &Renames<'_>) {
        for choice in 0.. {
            let (olds, news) = (self.olds, self.news);
            let renamed = |seen: &Seen| {
                let name = renames.apply(&olds.get(seen.form)?.text, choice)?;
                Some(hash(&name))
            };
            let all: Vec<_> = match renames.is_empty() {
                true => break,
                false => self.old.par_iter().map(renamed).collect(),
            };
            if all.iter().all(Option::is_none) {
                break;
            }
            let keys: HashMap<usize, u64> = self
                .old
                .iter()
                .zip(all)
                .filter_map(|(seen, key)| Some((seen.index, key?)))
                .collect();
            let of_new = |seen: &Seen| news.get(seen.form).map(|form| hash(&form.text));
            self.groups(|seen| keys.get(&seen.index).copied(), of_new, true);
        }
    }

    /// Those that have one name once generic functions of another name have their new one.
    fn replaced(&mut self, before: &Names, after: &Names) {
        let (olds, news) = (self.olds, self.news);
        let replaced = {
            let old: Vec<_> = single(olds, self.old).collect();
            let new: Vec<_> = single(news, self.new).collect();
            Replaced::find(&old, &new, before, after)
        };
        if replaced.is_empty() {
            return;
        }
        let renamed = |seen: &Seen| {
            let name = replaced.apply(&olds.get(seen.form)?.text)?;
            Some(hash(&name))
        };
        let of_new = |seen: &Seen| news.get(seen.form).map(|form| hash(&form.text));
        self.groups(renamed, of_new, true);
    }

    fn groups<K: Eq + Hash>(
        &mut self,
        of_old: impl Fn(&Seen) -> Option<K>,
        of_new: impl Fn(&Seen) -> Option<K>,
        sure: bool,
    ) {
        let mut groups: HashMap<K, (Vec<Seen>, Vec<Seen>)> = HashMap::new();
        let (mut olds, mut news) = (Vec::new(), Vec::new());
        for seen in self.old.drain(..) {
            match of_old(&seen) {
                Some(key) => groups.entry(key).or_default().0.push(seen),
                None => olds.push(seen),
            }
        }
        for seen in self.new.drain(..) {
            match of_new(&seen).and_then(|key| groups.get_mut(&key)) {
                Some(group) => group.1.push(seen),
                None => news.push(seen),
            }
        }
        for (mut left, mut right) in groups.into_values() {
            if !right.is_empty() {
                same_name(&mut left, &mut right, self.pairs, sure);
            }
            olds.append(&mut left);
            news.append(&mut right);
        }
        olds.sort_by_key(|seen| seen.index);
        news.sort_by_key(|seen| seen.index);
        (*self.old, *self.new) = (olds, news);
    }

    /// Those of one key, which has the size in it, if `accept` takes them: the forms, the size, and
    /// whether they are the only ones. Of several the one with the most similar name.
    fn sized<K: Eq + Hash>(
        &mut self,
        key: impl Fn(&Form, &Seen) -> K,
        accept: impl Fn(&Form, &Form, u64, bool) -> bool,
    ) {
        let (olds, news) = (self.olds, self.news);
        let mut waiting: HashMap<K, (usize, Vec<Seen>)> = HashMap::new();
        for seen in self.old.iter() {
            if let Some(form) = olds.get(seen.form) {
                waiting.entry(key(form, seen)).or_default().0 += 1;
            }
        }
        let mut left = Vec::new();
        // The last are looked at first.
        for seen in self.new.drain(..).rev() {
            let group = news.get(seen.form).map(|form| key(form, &seen));
            match group.and_then(|key| waiting.get_mut(&key)) {
                Some(group) => group.1.push(seen),
                None => left.push(seen),
            }
        }
        let pairs = &mut *self.pairs;
        self.old.retain(|seen| {
            let Some(form) = olds.get(seen.form) else {
                return true;
            };
            let Some((count, group)) = waiting.get_mut(&key(form, seen)) else {
                return true;
            };
            let only = *count == 1 && group.len() == 1;
            let candidates = group.iter().enumerate().rev().take(CANDIDATES);
            let accepted = candidates.filter_map(|(at, other)| {
                let other = news.get(other.form)?;
                accept(form, other, seen.size, only).then_some((at, other))
            });
            let best = match group.len() {
                1 => accepted.map(|(at, _)| at).next(),
                _ => accepted
                    .map(|(at, other)| (form.alike(other), at))
                    .max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
                    .map(|(_, at)| at),
            };
            if let Some(at) = best {
                pairs.push((seen.index, group.remove(at).index));
            }
            best.is_none()
        });
        left.extend(waiting.into_values().flat_map(|(_, group)| group));
        left.sort_by_key(|seen| seen.index);
        *self.new = left;
    }
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
