//! Time in the allocator, in growing containers and in copying memory, by who asks for it; and
//! threads that wait for each other in the allocator.

use super::{
    command::{all_callers, callees},
    groups::{self, Role, Spent},
    names::{allocates, copies_memory, grows, sorts, waits_in_libc},
    paths::{self, asker},
};
use crate::analysis::{
    model::{Finding, Weight},
    shares::Shares,
    subject::Subject,
};
use codecost::{attribution::Origin, units::Share};
use std::collections::HashMap;

/// One function must ask for at least this part of the group's time to be the one.
const ONE_CALLER: f64 = 0.5;

/// Of what is another finding's a smaller part of the time is not mentioned.
const LEFT_OUT: f64 = 0.005;

pub(super) const ALLOCATOR: &str = "allocator";
pub(super) const GROWTH: &str = "growth";
pub(super) const CONTENTION: &str = "allocator-contention";

/// Time in the allocator, whichever of its functions was called, without what growing containers ask
/// for.
pub(super) fn in_allocator(shares: &Shares<'_>) -> Spent {
    allocating(shares, false)
}

/// Time in the allocator; with what growing containers ask for, if `growth`.
pub(super) fn allocating(shares: &Shares<'_>, growth: bool) -> Spent {
    let mut requesters: HashMap<u32, Weight> = HashMap::new();
    paths::each(shares, |path, weight| {
        let Some(asker) = asker(path) else { return };
        let mut inside = path.iter().rev().take_while(|step| step.system());
        // Growth is a finding of its own.
        if inside.clone().any(|step| allocates(step.name()))
            && (growth || !inside.any(|step| grows(step.name())))
        {
            *requesters.entry(asker.at).or_default() += weight;
        }
    });
    Spent::of(shares, requesters)
}

pub(super) fn allocator(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let spent = in_allocator(shares);
    let first = spent.requesters.first()?;
    let title = match of_one(&spent) {
        Some(only) => format!("time in the allocator, most of it for `{only}`"),
        None => "time in the allocator, for many functions".to_owned(),
    };
    let mut evidence = spent.evidence(shares.total);
    let all = allocating(shares, true).all.period;
    let growing = Share::of(all.saturating_sub(spent.all.period), shares.total.period);
    if growing.0 >= LEFT_OUT {
        evidence.push(format!(
            "{growing} more is in the allocator for growing containers: `callers '[{GROWTH}]'`"
        ));
    }
    Some(Finding {
        code: ALLOCATOR,
        title,
        time: spent.all.period,
        sureness: 0.7,
        place: Some(first.place()),
        evidence,
        advice:
            "memory that is kept and used again (`clear`, a buffer outside the loop, a borrowed \
                 `&str` in place of a `String`) is not allocated again; where it must be, another \
                 `#[global_allocator]` is a line to try"
                .into(),
        command: all_callers(ALLOCATOR, subject),
    })
}

/// Time in growing containers, and in the functions of which containers.
pub(super) fn in_growth<'s>(shares: &Shares<'s>) -> (Spent, HashMap<&'s str, u64>) {
    let mut requesters: HashMap<u32, Weight> = HashMap::new();
    let mut kinds: HashMap<&str, u64> = HashMap::new();
    paths::each(shares, |path, weight| {
        let Some(at) = path
            .iter()
            .position(|step| step.system() && grows(step.name()))
        else {
            return;
        };
        // A hasher of the user's below it is the growth's fault all the same.
        if let Some(asker) = asker(&path[..at]) {
            *requesters.entry(asker.at).or_default() += weight;
            let container = path[..at].iter().rev().take_while(|step| step.system());
            let outermost = container.last().unwrap_or(&path[at]);
            let kind = kinds.entry(outermost.function.name.as_str()).or_default();
            *kind = kind.saturating_add(weight.period);
        }
    });
    (Spent::of(shares, requesters), kinds)
}

pub(super) fn growth(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let (spent, kinds) = in_growth(shares);
    let first = spent.requesters.first()?;
    let mut evidence = spent.evidence(shares.total);
    let most = kinds.into_iter().max_by_key(|(name, time)| (*time, *name));
    if let Some((container, time)) = most {
        let share = Share::of(time, shares.total.period);
        evidence.push(format!("most by {container} ({share})"));
    }
    Some(Finding {
        code: GROWTH,
        title: format!(
            "time in growing containers, most of it for `{}`",
            first.function
        ),
        time: spent.all.period,
        sureness: 0.8,
        place: Some(first.place()),
        evidence,
        advice:
            "`with_capacity` or `reserve` with a good guess avoids moving everything again and \
                 again; a container that is cleared keeps its capacity"
                .into(),
        command: all_callers(GROWTH, subject),
    })
}

pub(super) fn copies(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let spent = groups::measure(shares, |function, owner| {
        if owner.system && copies_memory(&function.name) {
            Role::Member
        } else if owner.origin == Origin::Kernel
            || owner.system
                && (allocates(&function.name) || sorts(&function.name) || grows(&function.name))
        {
            // New memory that the first copy into it makes the kernel bring, and what is moved
            // about to be put in order, are not copies that anybody asked for.
            Role::Other
        } else {
            groups::usual(owner)
        }
    });
    let first = spent.requesters.first()?;
    let only = of_one(&spent)?;
    Some(Finding {
        code: "copies",
        title: format!("time in copying and cloning, most of it for `{only}`"),
        time: first.time.period,
        sureness: 0.5,
        place: Some(first.place()),
        evidence: vec![first.evidence(shares.total)],
        advice: "a reference, a move or a smaller type copies less".into(),
        command: callees(&first.function, subject),
    })
}

/// The one function that asks for most.
fn of_one(spent: &Spent) -> Option<&str> {
    let first = spent.requesters.first()?;
    let most = first.time.period as f64 >= ONE_CALLER * spent.all.period as f64;
    most.then_some(first.function.as_str())
}

/// Waiting for the locks of libc's allocator.
pub(super) fn in_contention(shares: &Shares<'_>) -> Spent {
    let mut requesters: HashMap<u32, Weight> = HashMap::new();
    paths::each(shares, |path, weight| {
        let lock = path.iter().position(|step| waits_in_libc(step.name()));
        let Some(outside) = lock.and_then(|lock| path.get(..lock)) else {
            return;
        };
        let mut system = outside.iter().rev().take_while(|step| step.system());
        if !system.any(|step| allocates(step.name())) {
            return;
        }
        if let Some(asker) = asker(outside) {
            *requesters.entry(asker.at).or_default() += weight;
        }
    });
    Spent::of(shares, requesters)
}

/// Threads that wait for each other there.
pub(super) fn contention(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let spent = in_contention(shares);
    let first = spent.requesters.first()?;
    Some(Finding {
        code: CONTENTION,
        title: "threads that wait for each other in the allocator".into(),
        time: spent.all.period,
        sureness: 0.9,
        place: Some(first.place()),
        evidence: spent.evidence(shares.total),
        advice: "an allocator that is made for many threads (`mimalloc`, `tikv-jemallocator`, \
                 `snmalloc-rs`) as `#[global_allocator]`, or fewer allocations"
            .into(),
        command: all_callers(CONTENTION, subject),
    })
}
