//! Time in system calls other than reading and writing: directories, attributes of files, sockets,
//! clocks. Which call it is say the kernel's own functions; where these have no names, nothing is said.
//!
//! Waiting for locks and new memory are findings of their own, and starting programs is no finding.

use super::{
    command::all_callers,
    groups::Spent,
    paths::{self, Step, own_asker},
};
use crate::analysis::{
    model::{Finding, Weight},
    shares::Shares,
    subject::Subject,
};
use codecost::{attribution::Origin, units::Share};
use std::collections::HashMap;

/// How many calls are named.
const NAMED: usize = 4;

/// Calls that are others' findings, or that no change saves.
const OTHERS: [&str; 24] = [
    "read",
    "readv",
    "pread64",
    "write",
    "writev",
    "pwrite64",
    "sendto",
    "recvfrom",
    "futex",
    "brk",
    "mmap",
    "munmap",
    "madvise",
    "mprotect",
    "mremap",
    "execve",
    "exit",
    "exit_group",
    "clone",
    "clone3",
    "fork",
    "vfork",
    "wait4",
    "sched_yield",
];

pub(super) const CODE: &str = "system-calls";

/// Time by call, and by who asked for it.
fn by_call<'s>(shares: &Shares<'s>) -> HashMap<&'s str, HashMap<u32, Weight>> {
    let mut calls: HashMap<&str, HashMap<u32, Weight>> = HashMap::new();
    paths::each(shares, |path, weight| {
        let Some(entry) = path.iter().position(is_kernel) else {
            return;
        };
        let (outside, inside) = path.split_at(entry);
        let name = inside
            .iter()
            .find_map(|step| call_of(step.function.name.as_str()));
        if let Some(name) = name.filter(|name| !OTHERS.contains(name))
            && let Some(asker) = own_asker(outside)
        {
            let requesters = calls.entry(name).or_default();
            *requesters.entry(asker.at).or_default() += weight;
        }
    });
    calls
}

/// All of it, by who asked.
pub(super) fn spent(shares: &Shares<'_>) -> Spent {
    let mut requesters: HashMap<u32, Weight> = HashMap::new();
    for (at, weight) in by_call(shares).into_values().flatten() {
        *requesters.entry(at).or_default() += weight;
    }
    Spent::of(shares, requesters)
}

pub(super) fn find(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let calls = by_call(shares).into_iter();
    let mut calls: Vec<(&str, Spent)> = calls
        .map(|(name, requesters)| (name, Spent::of(shares, requesters)))
        .collect();
    calls.sort_by_key(|(name, spent)| (std::cmp::Reverse(spent.all.period), *name));
    let time = calls.iter().fold(0_u64, |sum, (_, spent)| {
        sum.saturating_add(spent.all.period)
    });
    let (name, first) = calls.first()?;
    let first = first.requesters.first()?;
    let mut evidence: Vec<String> = calls
        .iter()
        .take(NAMED)
        .filter_map(|(name, spent)| {
            let share = Share::of(spent.all.period, shares.total.period);
            let asker = spent.requesters.first()?;
            Some(format!("{share} in `{name}`, most for {}", asker.place()))
        })
        .collect();
    let more = calls.len().saturating_sub(NAMED);
    if more > 0 {
        evidence.push(format!("and {more} more calls"));
    }
    Some(Finding {
        code: CODE,
        title: format!(
            "time in system calls, most of it in `{name}` for `{}`",
            first.function
        ),
        time,
        sureness: 0.4,
        place: Some(first.place()),
        evidence,
        advice:
            "ask the system less often: keep an answer that is needed again, leave out what is \
                 not used, and take what one call says in place of several (`DirEntry::file_type` \
                 needs no call)"
                .into(),
        command: all_callers(CODE, subject),
    })
}

fn is_kernel(step: &Step<'_>) -> bool {
    step.owner.origin == Origin::Kernel
}

/// The system call that a function of the kernel is the entry of.
fn call_of(function: &str) -> Option<&str> {
    const ENTRIES: [&str; 6] = [
        "__x64_sys_",
        "__arm64_sys_",
        "__riscv_sys_",
        "__se_sys_",
        "__do_sys_",
        "ksys_",
    ];
    let name = ENTRIES
        .iter()
        .find_map(|entry| function.strip_prefix(entry))?;
    // What the compiler made of it: `__do_sys_newfstatat.isra.0`.
    name.split('.').next()
}
