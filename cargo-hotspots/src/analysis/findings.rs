//! A few things worth acting on: those with the most time at stake, times how sure it is that a
//! change saves a part of it. Each is made from what was measured; none says what a change would save,
//! because that was not measured.
//!
//! How sure a finding is, is a judgement: near 1 where the change is known and small (another hasher,
//! a buffer, a cached key), less where it depends on what the code is for (allocation, formatting),
//! least where the time at stake is all of a loop and the cause only a part of it.

mod calls;
mod checks;
mod command;
mod formatting;
mod groups;
mod hashing;
mod kernel;
mod locks;
mod memory;
mod names;
mod once;
mod paths;
mod repeated;
mod settings;
mod worth;

#[cfg(test)]
mod tests;

use super::{model::Finding, shares::Shares, subject::Subject};
pub(super) use groups::Spent;
use worth::is_worth;

/// How many are shown.
const MOST: usize = 5;

/// The codes of the findings that say who asked, all of them.
pub(super) const BY_CALLER: [&str; 9] = [
    hashing::CODE,
    memory::ALLOCATOR,
    memory::GROWTH,
    memory::CONTENTION,
    kernel::SMALL_CALLS,
    kernel::PAGE_FAULTS,
    calls::CODE,
    formatting::CODE,
    locks::CODE,
];

/// What the finding of a code counted, by all who asked for it; `None` where it is no such finding.
pub(super) fn spent(subject: &Subject<'_>, shares: &Shares<'_>, code: &str) -> Option<Spent> {
    match code {
        hashing::CODE => Some(hashing::spent(shares)),
        memory::ALLOCATOR => Some(memory::in_allocator(shares)),
        memory::GROWTH => Some(memory::in_growth(shares).0),
        memory::CONTENTION => Some(memory::in_contention(shares)),
        kernel::SMALL_CALLS => kernel::in_small_calls(subject, shares).map(|(_, spent, _)| spent),
        kernel::PAGE_FAULTS => Some(kernel::in_page_faults(shares)),
        calls::CODE => Some(calls::spent(shares)),
        formatting::CODE => Some(formatting::spent(shares)),
        locks::CODE => Some(locks::spent(shares)),
        _ => None,
    }
}

/// All time in the allocator, by who asked for it.
pub(super) fn in_allocator(shares: &Shares<'_>) -> Spent {
    memory::allocating(shares, true)
}

/// What a maintainer could act on, the most time that is likely to be saved first.
pub(super) fn find(subject: &Subject<'_>, shares: &Shares<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(hashing::find(subject, shares));
    findings.extend(memory::allocator(subject, shares));
    findings.extend(memory::growth(subject, shares));
    findings.extend(memory::copies(subject, shares));
    findings.extend(memory::contention(subject, shares));
    findings.extend(repeated::comparisons(subject, shares));
    findings.extend(repeated::hashes(subject, shares));
    findings.extend(kernel::small_calls(subject, shares));
    findings.extend(kernel::page_faults(subject, shares));
    findings.extend(calls::find(subject, shares));
    findings.extend(formatting::find(subject, shares));
    findings.extend(locks::find(subject, shares));
    findings.extend(once::find(subject, shares));
    findings.extend(settings::find(subject, shares));
    findings.extend(checks::find(subject, shares));
    findings.retain(|finding| is_worth(finding.time, shares));
    let worth = |finding: &Finding| finding.time as f64 * finding.sureness;
    findings.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
    findings.truncate(MOST);
    findings
}
