//! Which crate of one build is which of the other, and what each weighs.

use super::{
    basis::Basis,
    change::{Change, Kind, Status, delta},
    matching::Matched,
    pairs::{Pairs, from_name},
};
use crate::{ledger::Category, snapshot::Snapshot};
use std::collections::BTreeMap;

/// The symbol tables of all crates: other names for the same code change nothing else.
const SYMBOLS: &str = "[symbols]";

/// The bytes of all rows of a crate.
#[derive(Clone, Copy, Default)]
struct Weight {
    code: u64,
    symbols: u64,
    /// All that is compared but for the symbols.
    rest: u64,
}

impl Weight {
    fn of(snapshot: &Snapshot, rows: &[usize], basis: Basis) -> Self {
        let rows = rows.iter().filter_map(|row| snapshot.crates.get(*row));
        rows.fold(Self::default(), |sum, row| {
            // Names that ship are those that others link to: they are the crate's.
            let symbols = match basis {
                Basis::Shipped => 0,
                Basis::File => row.parts[Category::Symbols].min(row.file),
            };
            Self {
                code: sum.code.saturating_add(row.parts[Category::Code]),
                symbols: sum.symbols.saturating_add(symbols),
                rest: sum.rest.saturating_add(basis.of_crate(row) - symbols),
            }
        })
    }
}

/// The version of a crate, if all of its rows have it.
fn version(snapshot: &Snapshot, rows: &[usize]) -> Option<String> {
    let mut versions = rows
        .iter()
        .map(|row| snapshot.crates.get(*row)?.version.as_ref());
    let first = versions.next()?;
    versions
        .all(|other| other == first)
        .then(|| first.cloned())?
}

/// Below this part of a change that is not explained by moved code, the crate only moved: its
/// tables follow its code, and few of their bytes can be told apart.
const MOSTLY: u64 = 10;

/// Unwind tables, relocations and constants of moved code are at most this part of a change.
const TABLES: u64 = 4;

pub(super) fn changes(
    before: &Snapshot,
    after: &Snapshot,
    basis: Basis,
    pairs: &Pairs,
    matched: &Matched,
) -> Vec<Change> {
    let (moved, from) = moves(before, after, pairs, matched);
    let mut symbols = (0_u64, 0_u64);
    let mut changes = Vec::new();
    for (number, (old, new)) in pairs.both.iter().enumerate() {
        let (was, is) = (
            Weight::of(before, old, basis),
            Weight::of(after, new, basis),
        );
        let (was_version, version) = (version(before, old), version(after, new));
        let old = old.first().and_then(|old| before.crates.get(*old));
        let new = new.first().and_then(|new| after.crates.get(*new));
        symbols.0 = symbols.0.saturating_add(was.symbols);
        symbols.1 = symbols.1.saturating_add(is.symbols);
        let Some(row) = new.or(old) else { continue };
        let mut change = Change::new(Kind::Crate, row.name.clone(), was.rest, is.rest);
        change.moved = moved.get(number).copied().unwrap_or_default();
        change.origin = Some(row.origin);
        (change.version, change.version_before) = match (old, new) {
            (Some(_), Some(_)) if was_version != version => (version, was_version),
            _ => (version.or(was_version), None),
        };
        let rest = change.delta().abs_diff(change.moved);
        let code = if old.is_some() { was.code } else { is.code };
        change.status = match change.status {
            // Every function of it is in another crate now, or came from one.
            Status::Added | Status::Removed
                if code > 0 && change.moved.unsigned_abs() >= code - code / MOSTLY =>
            {
                Status::Moved
            }
            Status::Grown | Status::Shrunk if change.moved != 0 => {
                let whole = change.delta().unsigned_abs();
                let code = delta(was.code, is.code);
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
    let from = largest
        .into_iter()
        .filter_map(|(to, (_, from))| {
            let (old, _) = pairs.both.get(from)?;
            let old = before.crates.get(*old.first()?)?;
            let (_, new) = pairs.both.get(to)?;
            let new = after.crates.get(*new.first()?)?;
            Some((to, from_name(old, new)))
        })
        .collect();
    (moved, from)
}
