//! At most three things worth acting on, those with the most bytes at stake.
//!
//! Each is made from what the ledger measured; where it says what a change would save, that is an
//! upper bound and called one.

mod build;
mod calls;
mod floats;

use super::{
    generics,
    model::{Artifact, CrateRow, Finding},
    open::Opened,
    subject::Subject,
};
use crate::ledger::{Category, Ledger};
use codecost::{
    attribution::Origin,
    front::quoted,
    units::{Bytes, Share},
};
use std::{cmp::Reverse, collections::BTreeMap};

/// How many are shown.
const MOST: usize = 3;

/// Less is not worth a line.
const WORTH: u64 = 4096;

/// What a maintainer could act on, most bytes first.
pub(super) fn find(
    opened: &Opened,
    subject: &Subject<'_>,
    ledger: &Ledger,
    artifact: &Artifact,
    crates: &[CrateRow],
) -> Vec<Finding> {
    let artifact_flags = same_artifact(opened);
    let mut findings = versions(crates);
    findings.extend(families(subject, &artifact_flags));
    findings.extend(floats::find(subject, ledger, &artifact_flags));
    findings.extend(calls::find(subject, ledger, &artifact_flags));
    findings.extend(build::debug_info(opened, subject, &artifact_flags));
    findings.extend(large_dependency(opened, artifact, crates));
    findings.extend(build::lost_lto(opened, artifact, crates));
    findings.retain(|finding| finding.bytes >= WORTH);
    findings.sort_by_key(|finding| Reverse(finding.bytes));
    findings.truncate(MOST);
    findings
}

/// The flags that choose the same artifact.
fn same_artifact(opened: &Opened) -> String {
    match &opened.facts.target {
        Some(target) => target.flags(),
        None => format!(
            "--file {}",
            quoted(&opened.files.file.path().display().to_string())
        ),
    }
}

/// Two versions of one crate: all but the largest are at stake. Std's own copies cannot be changed.
fn versions(crates: &[CrateRow]) -> Vec<Finding> {
    let mut by_name: BTreeMap<&str, Vec<&CrateRow>> = BTreeMap::new();
    for row in crates {
        let theirs = matches!(
            row.label.origin,
            Origin::Registry | Origin::Git | Origin::Path | Origin::Workspace
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
            let total: u64 = rows.iter().map(|row| row.shipped).sum();
            let largest = rows.iter().map(|row| row.shipped).max().unwrap_or_default();
            let name = rows[0]
                .label
                .package
                .as_deref()
                .unwrap_or(&rows[0].label.name);
            let smallest = rows
                .iter()
                .min_by_key(|row| row.shipped)
                .map(|row| version(row));
            Finding {
                code: "several-versions",
                title: format!("{} versions of `{name}` are in the binary", rows.len()),
                bytes: total - largest,
                evidence: rows
                    .iter()
                    .map(|row| format!("{name} {}: {}", version(row), Bytes(row.shipped)))
                    .collect(),
                command: format!("cargo tree -i {name}@{}", smallest.unwrap_or_default()),
            }
        })
        .collect()
}

/// One part in so many of what ships is worth a question.
const LARGE_PART: u64 = 10;

/// The dependency that most bytes are of, where it is more than a tenth of what ships. The command
/// tells which package and which feature of it bring it.
fn large_dependency(opened: &Opened, artifact: &Artifact, crates: &[CrateRow]) -> Option<Finding> {
    // Cargo knows the dependencies of what it builds.
    let target = opened.facts.target.as_ref()?;
    let whole = artifact.shipped_size?;
    let theirs = |row: &&CrateRow| {
        let origin = matches!(row.label.origin, Origin::Registry | Origin::Git);
        origin && row.shipped > whole / LARGE_PART && row.label.version.is_some()
    };
    let row = crates.iter().filter(theirs).max_by_key(|row| row.shipped)?;
    let label = &row.label;
    let (name, version) = (label.package.as_ref()?, label.version.as_ref()?);
    Some(Finding {
        code: "large-dependency",
        title: format!(
            "`{name}` is {} of what ships",
            Share::of(row.shipped, whole)
        ),
        bytes: row.shipped,
        evidence: vec![
            format!(
                "{} of code, {} of data",
                Bytes(row.parts[Category::Code]),
                Bytes(row.parts[Category::Data])
            ),
            "an upper bound: what the program uses of it would have to come from elsewhere".into(),
        ],
        command: format!(
            "cargo tree -p {} -e features -i {name}@{version}",
            target.package
        ),
    })
}

/// A generic function with at least this many copies is worth a look.
const MANY_COPIES: u64 = 8;

/// The family whose copies beyond the largest cost most. Drop glue is left out, because the compiler writes it.
fn families(subject: &Subject<'_>, artifact_flags: &str) -> Option<Finding> {
    let rows = generics::rows(subject);
    let family = rows
        .iter()
        .filter(|row| {
            row.copies >= MANY_COPIES && !row.name.starts_with("core::ptr::drop_in_place")
        })
        .max_by_key(|row| row.file - row.largest)?;
    let mut evidence = vec![format!(
        "{} copies, {} in all, the largest {}",
        family.copies,
        Bytes(family.file),
        Bytes(family.largest)
    )];
    if let Some(identical) = family.identical.filter(|bytes| *bytes > 0) {
        evidence.push(format!(
            "{} of it in copies with equal code",
            Bytes(identical)
        ));
    }
    evidence.push("an upper bound: what one copy for all would save".into());
    Some(Finding {
        code: "many-copies",
        title: format!("`{}` is compiled {} times", family.name, family.copies),
        bytes: family.file - family.largest,
        evidence,
        command: format!(
            "cargo slim generics {} {artifact_flags}",
            quoted(&family.name)
        ),
    })
}
