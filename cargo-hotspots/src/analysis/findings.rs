//! At most three things worth acting on, those with the most time at stake. Each is made from what
//! was measured; none says what a change would save, because nobody measured that.

mod checks;
mod formatting;
mod groups;
mod hashing;
mod locks;
mod memory;
mod once;
mod settings;

#[cfg(test)]
mod tests;

use super::{Subject, model::Finding, shares::Shares};
use crate::shell::quoted;
use std::cmp::Reverse;

/// How many are shown.
const MOST: usize = 3;

/// A smaller share of the time is not worth a line.
const WORTH: f64 = 0.05;

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

fn is_worth(time: u64, shares: &Shares<'_>) -> bool {
    time as f64 >= WORTH * shares.total.period as f64
}

/// The command that shows what a function spends its time on.
fn callees(function: &str, subject: &Subject<'_>) -> String {
    format!(
        "cargo hotspots callees {}{}",
        quoted(function),
        subject.again
    )
}
