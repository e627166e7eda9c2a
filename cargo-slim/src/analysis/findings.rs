//! At most three things worth acting on, those with the most bytes at stake.
//!
//! Each is made from what the ledger measured; where it says what a change would save, that is an
//! upper bound and called one.

mod build;
mod calls;
mod features;
mod floats;

use super::{
    generics,
    model::{Artifact, CrateRow, Finding},
    names::of_drop_glue,
    open::Opened,
    references::References,
    subject::Subject,
};
use crate::{
    graph::Kept,
    ledger::{Category, Ledger},
};
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
    let artifact_flags = artifact.flags.as_str();
    let mut findings = versions(crates);
    findings.extend(families(subject, artifact_flags));
    // Whose function it is that could be changed: without a workspace there is none, and the graph
    // takes longer than all the rest.
    let ours = |row: &CrateRow| row.label.origin == Origin::Workspace;
    let references = crates.iter().any(ours);
    let references = references.then(|| References::new(subject, ledger));
    let kept = references.as_ref().map(|all| (all, Kept::new(&all.graph)));
    let kept = kept.as_ref().map(|(references, kept)| (*references, kept));
    findings.extend(floats::find(subject, ledger, kept, artifact_flags));
    findings.extend(kept.and_then(|(all, kept)| calls::find(all, kept, artifact_flags)));
    // One line of a profile takes both out.
    let debug = build::debug_info(opened, subject, artifact_flags);
    findings.extend(debug.or_else(|| build::symbols(opened, subject, artifact_flags)));
    findings.extend(build::names(opened, subject, artifact_flags));
    let feature = features::find(opened, artifact, crates);
    let large = large_dependency(opened, artifact, crates);
    // The same bytes are told once: a feature can be switched off, a dependency is work.
    let told = |large: &LargeDependency| {
        let mut features = feature.iter();
        features.any(|feature| feature.packages.contains(&large.package))
    };
    let large = large.filter(|large| !told(large));
    findings.extend(large.map(|large| large.finding));
    findings.extend(feature.map(|feature| feature.finding));
    findings.extend(build::lost_lto(opened, artifact, crates));
    findings.retain(|finding| finding.bytes >= WORTH);
    findings.sort_by_key(|finding| Reverse(finding.bytes));
    findings.truncate(MOST);
    findings
}

/// Two versions of one package: all but the largest are at stake. Std's own copies cannot be changed.
fn versions(crates: &[CrateRow]) -> Vec<Finding> {
    // A package's library and its program are of one version.
    let mut by_name: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for row in crates {
        let theirs = matches!(
            row.label.origin,
            Origin::Registry | Origin::Git | Origin::Path | Origin::Workspace
        );
        let label = &row.label;
        if let (Some(version), true) = (&label.version, theirs) {
            let versions = by_name.entry(label.package.as_deref().unwrap_or(&label.name));
            *versions.or_default().entry(version).or_default() += row.shipped;
        }
    }
    let several = by_name.into_iter().filter(|(_, all)| all.len() > 1);
    let finding = |(name, versions): (&str, BTreeMap<&str, u64>)| {
        let total: u64 = versions.values().sum();
        let largest = versions.values().max()?;
        let (smallest, _) = versions.iter().min_by_key(|(_, shipped)| **shipped)?;
        let mut evidence: Vec<_> = versions.iter().collect();
        evidence.sort_by_key(|(_, shipped)| Reverse(**shipped));
        Some(Finding {
            code: "several-versions",
            title: format!("{} versions of `{name}` are in the binary", versions.len()),
            bytes: total - largest,
            evidence: evidence
                .iter()
                .map(|(version, shipped)| format!("{name} {version}: {}", Bytes(**shipped)))
                .collect(),
            command: format!("cargo tree -i {name}@{smallest}"),
        })
    };
    several.filter_map(finding).collect()
}

/// One part in so many of what ships is worth a question.
const LARGE_PART: u64 = 10;

/// And of C code one part in so many.
const LARGE_NATIVE_PART: u64 = 20;

/// What one package brings: its crates, and the C and assembly that its build compiled.
struct Brought<'r> {
    package: &'r str,
    version: &'r str,
    shipped: u64,
    native: u64,
    code: u64,
    data: u64,
}

/// The packages of the registry and of git, the largest first.
fn brought(crates: &[CrateRow]) -> Vec<Brought<'_>> {
    let mut packages: BTreeMap<(&str, &str), Brought<'_>> = BTreeMap::new();
    for row in crates {
        let label = &row.label;
        let native = label.origin == Origin::Native;
        let theirs = native || matches!(label.origin, Origin::Registry | Origin::Git);
        let (Some(package), Some(version), true) = (&label.package, &label.version, theirs) else {
            continue;
        };
        let brought = packages.entry((package, version)).or_insert(Brought {
            package,
            version,
            shipped: 0,
            native: 0,
            code: 0,
            data: 0,
        });
        brought.shipped += row.shipped;
        brought.native += if native { row.shipped } else { 0 };
        brought.code += row.parts[Category::Code];
        brought.data += row.parts[Category::Data];
    }
    let mut packages: Vec<_> = packages.into_values().collect();
    packages.sort_by_key(|package| Reverse(package.shipped));
    packages
}

/// The dependency that most bytes are of, where it is more than a tenth of what ships; else the one
/// whose C code is a twentieth, which nobody sees in a list of crates' sources. The command tells
/// which package and which feature of it bring it.
fn large_dependency(
    opened: &Opened,
    artifact: &Artifact,
    crates: &[CrateRow],
) -> Option<LargeDependency> {
    // Cargo knows the dependencies of what it builds.
    let target = opened.facts.target.as_ref()?;
    let whole = artifact.shipped_size?;
    let packages = brought(crates);
    let large = packages
        .first()
        .filter(|package| package.shipped > whole / LARGE_PART);
    let native = || {
        let most = packages.iter().max_by_key(|package| package.native)?;
        (most.native > whole / LARGE_NATIVE_PART).then_some(most)
    };
    let (package, code) = match (large, native()) {
        (Some(large), _) => (large, "large-dependency"),
        (None, Some(native)) => (native, "native-code"),
        (None, None) => return None,
    };
    let Brought { package: name, .. } = package;
    let mut evidence = vec![format!(
        "{} of code, {} of data",
        Bytes(package.code),
        Bytes(package.data)
    )];
    if package.native > 0 {
        evidence.push(format!(
            "{} of it is C or assembly that its build compiled",
            Bytes(package.native)
        ));
    }
    evidence.push(
        "an upper bound: what the program uses of it would have to come from elsewhere".into(),
    );
    let share = Share::of(package.shipped, whole);
    let finding = Finding {
        code,
        title: match code {
            "native-code" => format!("C code of `{name}` is {share} of what ships"),
            _ => format!("`{name}` is {share} of what ships"),
        },
        bytes: package.shipped,
        evidence,
        command: format!(
            "cargo tree -p {} -e features -i {name}@{}",
            target.package, package.version
        ),
    };
    Some(LargeDependency {
        package: format!("{name} {}", package.version),
        finding,
    })
}

/// A finding about one package.
struct LargeDependency {
    /// Its name and version.
    package: String,
    finding: Finding,
}

/// A generic function with at least this many copies is worth a look.
const MANY_COPIES: usize = 8;

/// The family whose copies beyond the largest cost most. Drop glue is left out, because the compiler writes it.
fn families(subject: &Subject<'_>, artifact_flags: &str) -> Option<Finding> {
    let counts = |name: &str| of_drop_glue(name).is_none();
    let family = generics::largest(subject, MANY_COPIES, counts)?;
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
