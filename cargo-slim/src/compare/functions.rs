//! Changes of functions and of generic families, from the matched pairs.

use super::{Change, Kind, Status, crates::Pairs, family, matching::Matched};
use crate::snapshot::{Function, NAMELESS, Snapshot};
use std::collections::{BTreeMap, HashMap};

fn entry(snapshot: &Snapshot, index: usize) -> Option<(&str, &Function)> {
    Some((snapshot.names.get(index), snapshot.functions.get(index)?))
}

fn owned(mut change: Change, snapshot: &Snapshot, function: &Function) -> Change {
    if let Some(owner) = snapshot.owner(function) {
        change.owner = Some(owner.name.clone());
        change.version = owner.version.clone();
    }
    change
}

/// Functions that are new, gone, of another size, or elsewhere. Those that did not change are no
/// rows; those without a name are one row a crate.
pub(super) fn changes(
    before: &Snapshot,
    after: &Snapshot,
    crates: &Pairs,
    matched: &Matched,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut nameless: BTreeMap<usize, Change> = BTreeMap::new();
    let mut add_nameless = |number, snapshot, function: &Function, before, after| {
        let sum = nameless.entry(number).or_insert_with(|| {
            owned(
                Change::new(Kind::Function, NAMELESS.into(), 0, 0),
                snapshot,
                function,
            )
        });
        sum.before = sum.before.saturating_add(before);
        sum.after = sum.after.saturating_add(after);
        sum.status = Status::of(sum.before, sum.after);
    };
    for index in &matched.removed {
        let Some((name, function)) = entry(before, *index) else {
            continue;
        };
        if name == NAMELESS {
            let number = crates.of_before(function.owner);
            add_nameless(number, before, function, function.size, 0);
            continue;
        }
        let change = Change::new(Kind::Function, name.into(), function.size, 0);
        changes.push(owned(change, before, function));
    }
    for index in &matched.added {
        let Some((name, function)) = entry(after, *index) else {
            continue;
        };
        if name == NAMELESS {
            let number = crates.of_after(function.owner);
            add_nameless(number, after, function, 0, function.size);
            continue;
        }
        let change = Change::new(Kind::Function, name.into(), 0, function.size);
        changes.push(owned(change, after, function));
    }
    changes.extend(nameless.into_values());
    // Without bytes before and now there is nothing to tell.
    changes.retain(|change| change.before != change.after);
    for (old, new) in &matched.pairs {
        let (Some((old_name, old)), Some((name, new))) = (entry(before, *old), entry(after, *new))
        else {
            continue;
        };
        let from = origin(before, after, crates, (old_name, old), (name, new));
        if from.is_none() && old.size == new.size {
            continue;
        }
        let mut change = Change::new(Kind::Function, name.into(), old.size, new.size);
        change.from = from;
        changes.push(owned(change, after, new));
    }
    changes
}

/// Where a function was before, if that is elsewhere.
fn origin(
    before: &Snapshot,
    after: &Snapshot,
    crates: &Pairs,
    (old_name, old): (&str, &Function),
    (name, new): (&str, &Function),
) -> Option<String> {
    if old_name != name {
        return Some(old_name.to_owned());
    }
    let of = |snapshot: &Snapshot, index: u32| {
        let row = snapshot.crates.get(index as usize);
        row.map(|row| row.name.clone()).unwrap_or_default()
    };
    if crates.of_before(old.owner) != crates.of_after(new.owner) {
        return Some(format!("crate {}", of(before, old.owner)));
    }
    let section = |snapshot: &Snapshot, function: &Function| {
        let row = snapshot.sections.get(function.section as usize);
        row.map(|row| row.name.clone()).unwrap_or_default()
    };
    let (was, is) = (section(before, old), section(after, new));
    if was != is {
        return Some(format!("section {was}"));
    }
    let (was, is) = (old.by?, new.by?);
    let moved = crates.of_before(was) != crates.of_after(is);
    moved.then(|| {
        let (was, is) = (of(before, was), of(after, is));
        format!("instantiated by {was}, now by {is}")
    })
}

#[derive(Default)]
struct Family<'a> {
    before: u64,
    after: u64,
    copies: (u64, u64),
    /// What its functions were called before.
    from: Option<&'a str>,
    owner: Option<&'a crate::snapshot::Crate>,
}

/// Families with several copies whose bytes changed. A pair of functions counts for one family,
/// the new one, so that a renamed module or another naming scheme changes nothing.
pub(super) fn families(
    before: &Snapshot,
    after: &Snapshot,
    crates: &Pairs,
    matched: &Matched,
) -> Vec<Change> {
    let mut families: HashMap<(usize, &str), Family<'_>> = HashMap::new();
    let old_family = |index: usize| {
        let function = before.functions.get(index)?;
        Some((function, family(&before.families, function.family)))
    };
    let new_family = |index: usize| {
        let function = after.functions.get(index)?;
        Some((function, family(&after.families, function.family)))
    };
    let mut add = |number, name, owner, before: Option<u64>, after: Option<u64>, from| {
        let sum: &mut Family<'_> = families.entry((number, name)).or_default();
        sum.before = sum.before.saturating_add(before.unwrap_or_default());
        sum.after = sum.after.saturating_add(after.unwrap_or_default());
        sum.copies.0 += u64::from(before.is_some());
        sum.copies.1 += u64::from(after.is_some());
        sum.owner = owner;
        sum.from = sum.from.or(from);
    };
    for index in &matched.removed {
        if let Some((function, Some(name))) = old_family(*index) {
            let number = crates.of_before(function.owner);
            add(
                number,
                name,
                before.owner(function),
                Some(function.size),
                None,
                None,
            );
        }
    }
    for (old, new) in &matched.pairs {
        let (Some((old, was)), Some((new, is))) = (old_family(*old), new_family(*new)) else {
            continue;
        };
        let Some(name) = is.or(was) else { continue };
        let number = crates.of_after(new.owner);
        let from = was.filter(|was| *was != name);
        add(
            number,
            name,
            after.owner(new),
            Some(old.size),
            Some(new.size),
            from,
        );
    }
    for index in &matched.added {
        if let Some((function, Some(name))) = new_family(*index) {
            let number = crates.of_after(function.owner);
            add(
                number,
                name,
                after.owner(function),
                None,
                Some(function.size),
                None,
            );
        }
    }
    let several = |family: &Family<'_>| family.copies.0.max(family.copies.1) > 1;
    let sorted: BTreeMap<_, _> = families.into_iter().collect();
    sorted
        .into_iter()
        .filter(|(_, family)| several(family) && family.before != family.after)
        .map(|((_, name), family)| {
            let mut change = Change::new(Kind::Generic, name.into(), family.before, family.after);
            change.owner = family.owner.map(|owner| owner.name.clone());
            change.version = family.owner.and_then(|owner| owner.version.clone());
            change.from = family.from.map(str::to_owned);
            change.copies = Some(family.copies);
            debug_assert!(change.status != Status::Moved);
            change
        })
        .collect()
}
