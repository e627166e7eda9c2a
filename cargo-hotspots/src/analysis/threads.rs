//! Time by thread, and what each is busy with.

use super::{
    label::label_of,
    model::{Analysis, ThreadRow, Weight},
    shares::Shares,
    subject::Subject,
};
use crate::{
    allocations::{Allocations, ThreadCounts},
    profile::StackId,
};
use codecost::Result;
use std::collections::HashMap;

/// All threads with samples, busiest first.
///
/// # Errors
///
/// There is not one sample.
pub fn threads(subject: &Subject<'_>) -> Result<Analysis<Vec<ThreadRow>>> {
    subject.analyse(|shares| Ok(rows(shares)))
}

/// All threads with samples, busiest first.
pub(super) fn rows(shares: &Shares<'_>) -> Vec<ThreadRow> {
    let profile = shares.profile;
    let mut own = vec![Weight::default(); profile.threads.len()];
    let mut by_function: HashMap<(u32, u32), u64> = HashMap::new();
    let mut by_crate: HashMap<(u32, u32), u64> = HashMap::new();
    // As in the sums over all: an event that has no period counts samples.
    let weightless = profile.counts.iter().all(|count| count.period == 0);
    for count in &profile.counts {
        let settled = shares.settled.get(count.stack.0 as usize);
        let (Some(own), Some(settled)) = (own.get_mut(count.thread.0 as usize), settled) else {
            continue;
        };
        let period = if weightless {
            count.samples
        } else {
            count.period
        };
        *own += Weight {
            period,
            samples: count.samples,
        };
        if let Some(function) = shares.function(settled.charged) {
            let sum = by_function.entry((count.thread.0, function.0)).or_default();
            *sum = sum.saturating_add(period);
            if let Some(owner) = shares.owner(function) {
                let sum = by_crate.entry((count.thread.0, owner.0)).or_default();
                *sum = sum.saturating_add(period);
            }
        }
    }
    let mut hottest = most(by_function);
    let mut busiest = most(by_crate);
    let symbols = shares.symbols;
    let threads = profile.threads.iter().zip(own).zip(0_u32..);
    let mut rows: Vec<ThreadRow> = threads
        .filter(|((_, own), _)| *own != Weight::default())
        .map(|((thread, own), at)| ThreadRow {
            name: thread.name.clone(),
            pid: thread.pid,
            tid: thread.tid,
            own,
            allocated: None,
            busiest: busiest.remove(&at).and_then(|(owner, period)| {
                Some((label_of(symbols.crates.get(owner as usize)?), period))
            }),
            hottest: hottest.remove(&at).and_then(|(function, period)| {
                let function = symbols.functions.get(function as usize)?;
                let owner = symbols.crates.get(function.owner.0 as usize)?;
                Some((function.name.clone(), label_of(owner), period))
            }),
        })
        .collect();
    if let Some(allocations) = &profile.allocations
        && !allocations.threads.is_empty()
    {
        count(&mut rows, allocations, shares.total);
    }
    rows.sort_by(|a, b| {
        let order = b.own.period.cmp(&a.own.period);
        order.then_with(|| (a.pid, a.tid).cmp(&(b.pid, b.tid)))
    });
    rows
}

/// Each thread's own counts in place of what its samples say, which are few; and all that threads
/// share which have no place of their own.
fn count(rows: &mut Vec<ThreadRow>, allocations: &Allocations<StackId>, total: Weight) {
    let all = &allocations.totals;
    let mut rest = ThreadCounts {
        allocations: all.allocations,
        reallocations: all.reallocations,
        frees: all.frees,
        bytes: all.bytes,
    };
    let period = |counts: &ThreadCounts| {
        let share = counts.bytes as f64 / all.bytes.max(1) as f64;
        (share * total.period as f64).round() as u64
    };
    for thread in &allocations.threads {
        let counts = thread.counts;
        let less = |rest: &mut u64, own: u64| *rest = rest.saturating_sub(own);
        less(&mut rest.allocations, counts.allocations);
        less(&mut rest.reallocations, counts.reallocations);
        less(&mut rest.frees, counts.frees);
        less(&mut rest.bytes, counts.bytes);
        let is_this = |row: &&mut ThreadRow| (row.pid, row.tid) == (thread.pid, thread.tid);
        match rows.iter_mut().find(is_this) {
            Some(row) => {
                row.own.period = period(&counts);
                row.allocated = Some(counts);
            }
            None => rows.push(ThreadRow {
                name: thread.name.clone(),
                pid: thread.pid,
                tid: thread.tid,
                own: Weight {
                    period: period(&counts),
                    samples: 0,
                },
                allocated: Some(counts),
                busiest: None,
                hottest: None,
            }),
        }
    }
    if rest != ThreadCounts::default() {
        rows.push(ThreadRow {
            name: "[other threads]".into(),
            pid: allocations.threads.first().map_or(0, |thread| thread.pid),
            tid: 0,
            own: Weight {
                period: period(&rest),
                samples: 0,
            },
            allocated: Some(rest),
            busiest: None,
            hottest: None,
        });
    }
}

/// For each thread the one with the most time.
fn most(sums: HashMap<(u32, u32), u64>) -> HashMap<u32, (u32, u64)> {
    let mut most: HashMap<u32, (u32, u64)> = HashMap::new();
    for ((thread, of), period) in sums {
        let best = most.entry(thread).or_insert((of, period));
        // Equal ones in the order of their numbers, so that the answer is always the same.
        if period > best.1 || (period == best.1 && of < best.0) {
            *best = (of, period);
        }
    }
    most
}
