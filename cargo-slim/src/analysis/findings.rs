//! At most three things worth acting on, those with the most bytes at stake.

use super::{
    model::{Artifact, CrateRow, Finding},
    open::Opened,
    subject::Subject,
};
use codecost::attribution::Origin;
use std::collections::BTreeMap;

/// How many are shown.
const MOST: usize = 3;

/// What a maintainer could act on, most bytes first.
pub(super) fn find(
    opened: &Opened,
    subject: &Subject<'_>,
    artifact: &Artifact,
    crates: &[CrateRow],
) -> Vec<Finding> {
    let _ = (opened, subject, artifact);
    let mut findings = versions(crates);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.bytes));
    findings.truncate(MOST);
    findings
}

/// Two versions of one crate: all but the largest are at stake. Std's own copies cannot be changed.
fn versions(crates: &[CrateRow]) -> Vec<Finding> {
    let mut by_name: BTreeMap<&str, Vec<&CrateRow>> = BTreeMap::new();
    for row in crates {
        let theirs = matches!(
            row.label.origin,
            Origin::Registry | Origin::Git | Origin::Path
        );
        if theirs && row.label.version.is_some() {
            by_name.entry(&row.label.name).or_default().push(row);
        }
    }
    by_name
        .into_values()
        .filter(|rows| rows.len() > 1)
        .map(|rows| {
            let version = |row: &CrateRow| row.label.version.clone().unwrap_or_default();
            let total: u64 = rows.iter().map(|row| row.file).sum();
            let largest = rows.iter().map(|row| row.file).max().unwrap_or_default();
            let name = rows[0]
                .label
                .package
                .as_deref()
                .unwrap_or(&rows[0].label.name);
            let smallest = rows
                .iter()
                .min_by_key(|row| row.file)
                .map(|row| version(row));
            Finding {
                code: "two-versions",
                title: format!("{} versions of `{name}` are in the binary", rows.len()),
                bytes: total - largest,
                evidence: rows
                    .iter()
                    .map(|row| format!("{name} {}: {} bytes", version(row), row.file))
                    .collect(),
                command: format!("cargo tree -i {name}@{}", smallest.unwrap_or_default()),
            }
        })
        .collect()
}
