//! At most three things worth acting on, those with the most time at stake. Each is made from what
//! was measured; none says what a change would save, because that was not measured.

mod checks;
mod command;
mod formatting;
mod groups;
mod hashing;
mod locks;
mod memory;
mod once;
mod settings;
mod worth;

#[cfg(test)]
mod tests;

use super::{model::Finding, shares::Shares, subject::Subject};
use std::cmp::Reverse;
use worth::is_worth;

/// How many are shown.
const MOST: usize = 3;

/// What a maintainer could act on, most time first.
pub(super) fn find(subject: &Subject<'_>, shares: &Shares<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(hashing::find(subject, shares));
    findings.extend(memory::allocator(subject, shares));
    findings.extend(memory::copies(subject, shares));
    findings.extend(formatting::find(subject, shares));
    findings.extend(locks::find(subject, shares));
    findings.extend(once::find(subject, shares));
    findings.extend(settings::find(subject, shares));
    findings.extend(checks::find(subject, shares));
    findings.retain(|finding| is_worth(finding.time, shares));
    findings.sort_by_key(|finding| Reverse(finding.time));
    findings.truncate(MOST);
    findings
}
