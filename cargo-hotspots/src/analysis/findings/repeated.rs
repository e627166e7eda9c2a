//! Work that is done again in every comparison of a sort or search, or in every hash: a sort of n
//! elements compares some n log n times, so what is computed from one element alone is computed
//! log n times too often.
//!
//! Comparing itself is not that work: closures, `cmp` and the like, std's comparisons of slices and
//! strings. What else is called from the comparison is.

use super::{
    groups::Spent,
    names::sorts,
    paths::{self, Step, asker},
};
use crate::analysis::{
    model::{Finding, Weight},
    select::path_of,
    shares::Shares,
    subject::Subject,
};
use codecost::{front::quoted, units::Share};
use std::collections::HashMap;

pub(super) fn comparisons(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let found = Work::in_calls_of(shares, &|step| step.system() && sorts(step.name()))?;
    let Work {
        worker,
        time,
        spent,
    } = found;
    let first = spent.requesters.first()?;
    Some(Finding {
        code: "work-in-comparator",
        title: format!("`{worker}` runs again in every comparison of a sort"),
        time: spent.all.period,
        sureness: 0.9,
        place: Some(first.place()),
        evidence: evidence(worker, time, &spent, shares),
        advice:
            "`sort_by_cached_key` computes the key of each element once; or keep the key beside \
                 the element before the sort"
                .into(),
        command: callers(worker, subject),
    })
}

pub(super) fn hashes(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let hashes = |step: &Step<'_>| {
        let path = path_of(step.name());
        step.system() && (path.contains("::make_hash") || path.contains("::hash_one"))
    };
    let Work {
        worker,
        time,
        spent,
    } = Work::in_calls_of(shares, &hashes)?;
    let first = spent.requesters.first()?;
    Some(Finding {
        code: "work-in-hasher",
        title: format!("`{worker}` runs again in every hash of a key"),
        time: spent.all.period,
        sureness: 0.7,
        place: Some(first.place()),
        evidence: evidence(worker, time, &spent, shares),
        advice: "keep what is hashed beside the key, or hash something smaller that is equal for \
                 equal keys"
            .into(),
        command: callers(worker, subject),
    })
}

fn evidence(worker: &str, time: u64, spent: &Spent, shares: &Shares<'_>) -> Vec<String> {
    let share = Share::of(time, shares.total.period);
    let mut evidence = vec![format!("{share} in {worker} and what it calls")];
    evidence.extend(spent.evidence(shares.total));
    evidence
}

fn callers(worker: &str, subject: &Subject<'_>) -> String {
    format!(
        "cargo hotspots callers {}{}",
        quoted(worker),
        subject.input_flag
    )
}

/// Work within calls of a kind.
struct Work<'s> {
    /// The function with the most of it.
    worker: &'s str,
    /// Its time.
    time: u64,
    /// All of it, by who made the calls.
    spent: Spent,
}

impl<'s> Work<'s> {
    fn in_calls_of(shares: &Shares<'s>, calls: &dyn Fn(&Step<'s>) -> bool) -> Option<Self> {
        let mut workers: HashMap<&'s str, u64> = HashMap::new();
        let mut requesters: HashMap<u32, Weight> = HashMap::new();
        paths::each(shares, |path, weight| {
            // The outermost sort is who asked; the innermost compares.
            let Some(outer) = path.iter().position(calls) else {
                return;
            };
            let inner = path.iter().rposition(calls).unwrap_or(outer);
            let Some(worker) = path[inner + 1..].iter().find(|step| is_work(step)) else {
                return;
            };
            let Some(asker) = asker(&path[..outer]) else {
                return;
            };
            let time = workers.entry(worker.function.name.as_str()).or_default();
            *time = time.saturating_add(weight.period);
            *requesters.entry(asker.at).or_default() += weight;
        });
        let (worker, time) = workers
            .into_iter()
            .max_by(|a, b| (a.1, b.0).cmp(&(b.1, a.0)))?;
        Some(Self {
            worker,
            time,
            spent: Spent::of(shares, requesters),
        })
    }
}

/// Whether a function that a comparison calls is more than comparing.
fn is_work(step: &Step<'_>) -> bool {
    let path = path_of(step.name());
    let last = path.rsplit("::").next().unwrap_or_default();
    if step.system() {
        // Text that is made anew, numbers that are read, the file system: no comparison needs it.
        return [
            "alloc::str::",
            "alloc::string::",
            "alloc::fmt::",
            "core::num::dec2flt",
            "core::str::traits",
            "std::fs::",
            "std::path::Path::to_path_buf",
        ]
        .iter()
        .any(|start| path.starts_with(start))
            || path.contains("::to_lowercase")
            || path.contains("::to_uppercase")
            || path.contains("::from_str")
            || path.ends_with(" as core::clone::Clone>::clone")
            || path.ends_with("::to_string");
    }
    let closure = last.starts_with("{closure") || last.starts_with("{{closure");
    let compares = matches!(
        last,
        "cmp"
            | "partial_cmp"
            | "lt"
            | "le"
            | "gt"
            | "ge"
            | "eq"
            | "ne"
            | "hash"
            | "write"
            | "max"
            | "min"
            | "deref"
            | "borrow"
            | "as_ref"
    );
    !closure && !compares
}
