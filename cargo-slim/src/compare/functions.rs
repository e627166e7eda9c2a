//! Changes of functions, from the matched pairs.

use super::{
    change::{Change, Kind, Status},
    matching::Matched,
    pairs::{Pairs, from_name},
};
use crate::snapshot::{Function, NAMELESS, Snapshot};
use std::collections::BTreeMap;

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
    if crates.of_before(old.owner) != crates.of_after(new.owner) {
        let (from, to) = (before.owner(old)?, after.owner(new)?);
        return Some(format!("crate {}", from_name(from, to)));
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
    if crates.of_before(was) == crates.of_after(is) {
        return None;
    }
    let was = before.crates.get(was as usize)?;
    let is = after.crates.get(is as usize)?;
    let (was, is) = (from_name(was, is), from_name(is, was));
    Some(format!("instantiated by {was}, now by {is}"))
}
