//! Which crate of one build is which of the other, and what each weighs.

use super::{Change, Kind, Status, delta, matching::Matched};
use crate::snapshot::{Crate, Snapshot};
use codecost::attribution::Origin;
use std::collections::BTreeMap;

/// The symbol tables of all crates: other names for the same code change nothing else.
const SYMBOLS: &str = "[symbols]";

/// Crates of two builds under common numbers.
pub(super) struct Pairs {
    /// The crates before and after, as indices; by common number.
    pub(super) both: Vec<(Option<usize>, Option<usize>)>,
    /// The common number of each crate before.
    pub(super) before: Vec<usize>,
    /// The common number of each crate after.
    pub(super) after: Vec<usize>,
}

impl Pairs {
    pub(super) fn of_before(&self, owner: u32) -> usize {
        self.before.get(owner as usize).copied().unwrap_or_default()
    }

    pub(super) fn of_after(&self, owner: u32) -> usize {
        self.after.get(owner as usize).copied().unwrap_or_default()
    }
}

/// Crates of one name; std's own copy of a crate is another crate. Of several versions those that
/// stayed are paired first, then the rest in order: that is an update.
pub(super) fn pair(before: &Snapshot, after: &Snapshot) -> Pairs {
    let mut groups: BTreeMap<_, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (index, row) in before.crates.iter().enumerate() {
        groups.entry(class(row)).or_default().0.push(index);
    }
    for (index, row) in after.crates.iter().enumerate() {
        groups.entry(class(row)).or_default().1.push(index);
    }
    let mut both = Vec::new();
    for (_, (mut olds, mut news)) in groups {
        for rule in [true, false] {
            olds.retain(|&old| {
                let version = |row: Option<&Crate>| row.and_then(|row| row.version.clone());
                let found = news.iter().position(|&new| {
                    !rule || version(before.crates.get(old)) == version(after.crates.get(new))
                });
                if let Some(found) = found {
                    both.push((Some(old), Some(news.remove(found))));
                }
                found.is_none()
            });
        }
        both.extend(olds.into_iter().map(|old| (Some(old), None)));
        both.extend(news.into_iter().map(|new| (None, Some(new))));
    }
    let mut pairs = Pairs {
        before: vec![0; before.crates.len()],
        after: vec![0; after.crates.len()],
        both,
    };
    for (number, (old, new)) in pairs.both.iter().enumerate() {
        if let Some(slot) = old.and_then(|old| pairs.before.get_mut(old)) {
            *slot = number;
        }
        if let Some(slot) = new.and_then(|new| pairs.after.get_mut(new)) {
            *slot = number;
        }
    }
    pairs
}

fn class(row: &Crate) -> (&str, u8) {
    let class = match row.origin {
        Origin::Std | Origin::StdDependency => 1,
        Origin::Native => 2,
        _ => 0,
    };
    (&row.name, class)
}

/// Below this part of a change that is not explained by moved code, the crate only moved: its
/// tables follow its code, and few of their bytes can be told apart.
const MOSTLY: u64 = 10;

/// Unwind tables, relocations and constants of moved code are at most this part of a change.
const TABLES: u64 = 4;

pub(super) fn changes(
    before: &Snapshot,
    after: &Snapshot,
    pairs: &Pairs,
    matched: &Matched,
) -> Vec<Change> {
    let (moved, from) = moves(before, after, pairs, matched);
    let mut symbols = (0_u64, 0_u64);
    let mut changes = Vec::new();
    for (number, (old, new)) in pairs.both.iter().enumerate() {
        let old = old.and_then(|old| before.crates.get(old));
        let new = new.and_then(|new| after.crates.get(new));
        let size = |row: Option<&Crate>| row.map_or(0, |row| row.file.saturating_sub(row.symbols));
        symbols.0 += old.map_or(0, |row| row.symbols.min(row.file));
        symbols.1 += new.map_or(0, |row| row.symbols.min(row.file));
        let Some(row) = new.or(old) else { continue };
        let mut change = Change::new(Kind::Crate, row.name.clone(), size(old), size(new));
        change.moved = moved.get(number).copied().unwrap_or_default();
        change.version = row.version.clone();
        change.version_before = match (old, new) {
            (Some(old), Some(new)) if old.version != new.version => old.version.clone(),
            _ => None,
        };
        let rest = change.delta().abs_diff(change.moved);
        let code = old.or(new).map_or(0, |row| row.code);
        change.status = match change.status {
            // Every function of it is in another crate now, or came from one.
            Status::Added | Status::Removed
                if code > 0 && change.moved.unsigned_abs() >= code - code / MOSTLY =>
            {
                Status::Moved
            }
            Status::Grown | Status::Shrunk if change.moved != 0 => {
                let whole = change.delta().unsigned_abs();
                let code = |row: Option<&Crate>| row.map_or(0, |row| row.code);
                let code = delta(code(old), code(new));
                // All of its code that changed moved; what is left are the tables that went along.
                let code_moved = code.abs_diff(change.moved) <= code.unsigned_abs() / MOSTLY;
                match rest <= whole / MOSTLY || code_moved && rest <= whole / TABLES {
                    true => Status::Moved,
                    false => change.status,
                }
            }
            status => status,
        };
        // A few bytes from elsewhere say nothing about a large change.
        if change.moved > 0
            && change.moved.unsigned_abs().saturating_mul(MOSTLY) >= change.delta().unsigned_abs()
        {
            change.from = from.get(&number).cloned();
        }
        if change.before != change.after || change.moved != 0 {
            changes.push(change);
        }
    }
    if symbols.0 != symbols.1 {
        changes.push(Change::new(
            Kind::Crate,
            SYMBOLS.into(),
            symbols.0,
            symbols.1,
        ));
    }
    changes
}

/// Bytes of code that came to each crate from others, less those that left; and from which crate
/// most came.
fn moves(
    before: &Snapshot,
    after: &Snapshot,
    pairs: &Pairs,
    matched: &Matched,
) -> (Vec<i64>, BTreeMap<usize, String>) {
    let mut moved = vec![0_i64; pairs.both.len()];
    let mut flows: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for (old, new) in &matched.pairs {
        let (Some(old), Some(new)) = (before.functions.get(*old), after.functions.get(*new)) else {
            continue;
        };
        let (from, to) = (pairs.of_before(old.owner), pairs.of_after(new.owner));
        if from == to {
            continue;
        }
        let bytes = old.size.min(new.size);
        for (number, signed) in [(from, delta(bytes, 0)), (to, delta(0, bytes))] {
            if let Some(sum) = moved.get_mut(number) {
                *sum = sum.saturating_add(signed);
            }
        }
        let flow = flows.entry((to, from)).or_default();
        *flow = flow.saturating_add(bytes);
    }
    let mut largest: BTreeMap<usize, (u64, usize)> = BTreeMap::new();
    for ((to, from), bytes) in flows {
        let entry = largest.entry(to).or_insert((bytes, from));
        *entry = (*entry).max((bytes, from));
    }
    let name = |number: usize| {
        let (old, _) = pairs.both.get(number)?;
        Some(before.crates.get((*old)?)?.name.clone())
    };
    let from = largest
        .into_iter()
        .filter_map(|(to, (_, from))| Some((to, name(from)?)))
        .collect();
    (moved, from)
}
