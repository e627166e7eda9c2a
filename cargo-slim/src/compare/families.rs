//! Changes of generic families: all copies of one source function.
//!
//! A family is compared under its name, whatever crate its copies are in: its bytes before and now
//! are those that each build's own snapshot gives it. Only where a name is not in the other build
//! do the matched functions say which family it is there: a module was renamed, or one of the
//! builds names its copies in another way.

use super::{
    change::{Change, Kind, Status},
    matching::Matched,
    pairs::{Pairs, from_name},
};
use crate::snapshot::{Function, Names, Snapshot};
use std::collections::HashMap;

/// One family in one build.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    bytes: u64,
    copies: u64,
    /// The common numbers of the first and the last crate: one crate if they are the same.
    owners: Option<(usize, usize)>,
}

impl Sum {
    fn add(&mut self, size: u64, owner: usize) {
        self.copies = self.copies.saturating_add(1);
        self.extend(size, owner);
    }

    /// More bytes of a copy that is counted already.
    fn extend(&mut self, size: u64, owner: usize) {
        self.bytes = self.bytes.saturating_add(size);
        let (first, last) = self.owners.unwrap_or((owner, owner));
        self.owners = Some((first.min(owner), last.max(owner)));
    }

    fn join(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.copies = self.copies.saturating_add(other.copies);
        if let Some((first, last)) = other.owners {
            let (own_first, own_last) = self.owners.unwrap_or((first, last));
            self.owners = Some((own_first.min(first), own_last.max(last)));
        }
    }

    /// The common number of its crate, if it is one.
    fn owner(&self) -> Option<usize> {
        let (first, last) = self.owners?;
        (first == last).then_some(first)
    }
}

/// One family in both builds.
#[derive(Clone, Copy, Debug, Default)]
struct Family<'a> {
    before: Sum,
    after: Sum,
    /// Its name in each build, that of the largest if several became one.
    was: Option<(u64, &'a str)>,
    is: Option<(u64, &'a str)>,
}

impl<'a> Family<'a> {
    fn join(&mut self, other: Self) {
        self.before.join(other.before);
        self.after.join(other.after);
        self.was = self.was.max(other.was);
        self.is = self.is.max(other.is);
    }
}

/// Whether a function's name says that it is a part of one, which was moved elsewhere.
fn is_fragment(name: &str) -> bool {
    name.ends_with(" [cold]")
}

/// Families with several copies whose bytes changed.
pub(super) fn changes(
    before: &Snapshot,
    after: &Snapshot,
    crates: &Pairs,
    matched: &Matched,
) -> Vec<Change> {
    let mut families = Families::new(before, after, crates);
    for (old, new) in &matched.pairs {
        if let (Some(old), Some(new)) = (before.functions.get(*old), after.functions.get(*new)) {
            families.link(old, new, crates);
        }
    }
    let mut changes: Vec<_> = families
        .joined()
        .into_iter()
        .filter_map(|family| change(&family, before, after, crates))
        .collect();
    changes.sort_by(|a, b| (&a.name, &a.from).cmp(&(&b.name, &b.from)));
    changes
}

/// All families of both builds, each the root of those that are the same.
struct Families<'a> {
    numbers: HashMap<&'a str, usize>,
    families: Vec<Family<'a>>,
    /// Of each family the one that it belongs to, or itself.
    roots: Vec<usize>,
    before: &'a Snapshot,
    after: &'a Snapshot,
}

impl<'a> Families<'a> {
    fn new(before: &'a Snapshot, after: &'a Snapshot, crates: &Pairs) -> Self {
        let mut all = Self {
            numbers: HashMap::new(),
            families: Vec::new(),
            roots: Vec::new(),
            before,
            after,
        };
        for (at, function) in before.functions.iter().enumerate() {
            if let Some(name) = family(&before.families, function.family) {
                let family = all.of(name);
                let owner = crates.of_before(function.owner);
                match is_fragment(before.names.get(at)) {
                    true => family.before.extend(function.size, owner),
                    false => family.before.add(function.size, owner),
                }
                family.was = Some((family.before.bytes, name));
            }
        }
        for (at, function) in after.functions.iter().enumerate() {
            if let Some(name) = family(&after.families, function.family) {
                let family = all.of(name);
                let owner = crates.of_after(function.owner);
                match is_fragment(after.names.get(at)) {
                    true => family.after.extend(function.size, owner),
                    false => family.after.add(function.size, owner),
                }
                family.is = Some((family.after.bytes, name));
            }
        }
        all
    }

    fn of(&mut self, name: &'a str) -> &mut Family<'a> {
        let next = self.families.len();
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.families.push(Family::default());
            self.roots.push(next);
        }
        &mut self.families[number]
    }

    /// A function of one build is one of the other.
    fn link(&mut self, old: &Function, new: &Function, crates: &Pairs) {
        let was = family(&self.before.families, old.family);
        let is = family(&self.after.families, new.family);
        if was == is {
            return;
        }
        let number = |name: Option<&str>| name.and_then(|name| self.numbers.get(name)).copied();
        let (was, is) = (number(was), number(is));
        // Only a name that the other build does not know can have another one there.
        let gone = |number: usize| self.families[number].is.is_none();
        let added = |number: usize| self.families[number].was.is_none();
        match (was, is) {
            (Some(was), Some(is)) if gone(was) && added(is) => {
                let (was, is) = (self.root(was), self.root(is));
                self.roots[was.max(is)] = was.min(is);
            }
            // A name that does not tell that the function is generic.
            (None, Some(is)) if added(is) => {
                let owner = crates.of_before(old.owner);
                self.families[is].before.add(old.size, owner);
            }
            (Some(was), None) if gone(was) => {
                let owner = crates.of_after(new.owner);
                self.families[was].after.add(new.size, owner);
            }
            _ => {}
        }
    }

    fn root(&mut self, mut number: usize) -> usize {
        while self.roots[number] != number {
            // Halves the way for the next who asks.
            self.roots[number] = self.roots[self.roots[number]];
            number = self.roots[number];
        }
        number
    }

    fn joined(mut self) -> Vec<Family<'a>> {
        for number in 0..self.families.len() {
            let root = self.root(number);
            if root != number {
                let family = self.families[number];
                self.families[root].join(family);
            }
        }
        let roots = (0..self.families.len()).filter(|number| self.roots[*number] == *number);
        roots.map(|root| self.families[root]).collect()
    }
}

fn change(
    family: &Family<'_>,
    before: &Snapshot,
    after: &Snapshot,
    crates: &Pairs,
) -> Option<Change> {
    let (old, new) = (&family.before, &family.after);
    if old.copies.max(new.copies) < 2 || old.bytes == new.bytes {
        return None;
    }
    let name = |of: Option<(u64, &str)>| of.map(|(_, name)| name.to_owned());
    let (was, is) = (name(family.was), name(family.is));
    let shown = is.clone().or(was.clone())?;
    let mut change = Change::new(Kind::Generic, shown, old.bytes, new.bytes);
    let row = |number: usize| {
        let (old, new) = crates.both.get(number)?;
        let new = new.first().and_then(|new| after.crates.get(*new));
        new.or_else(|| before.crates.get(*old.first()?))
    };
    let (from, to) = (old.owner(), new.owner());
    let owner = if new.copies > 0 { to } else { from };
    if let Some(owner) = owner.and_then(row) {
        change.owner = Some(owner.name.clone());
        change.version = owner.version.clone();
    }
    change.from = match from.zip(to) {
        _ if was.is_some() && is.is_some() && was != is => was,
        Some((from, to)) if from != to => {
            let crates = row(from).zip(row(to));
            crates.map(|(from, to)| format!("crate {}", from_name(from, to)))
        }
        _ => None,
    };
    change.copies = Some((old.copies, new.copies));
    debug_assert!(change.status != Status::Moved);
    Some(change)
}

/// The name of a family.
fn family(families: &Names, index: Option<u32>) -> Option<&str> {
    index.map(|index| families.get(index as usize))
}
