//! A feature that brings a good part of the program: one line of a manifest leaves it out.

use super::{
    super::{
        dependencies::counted,
        model::{Artifact, CrateRow, Finding},
        open::Opened,
    },
    LARGE_PART,
};
use crate::dependencies::{Brought, brought, bytes};
use codecost::{
    attribution::Origin,
    cargo::{Context, Dependencies},
    units::{Bytes, Share},
};

/// So many packages of a feature are named.
const NAMED: usize = 4;

/// A finding about a feature.
pub(super) struct LargeFeature {
    /// The packages that go with it, each with its version.
    pub(super) packages: Vec<String>,
    pub(super) finding: Finding,
}

/// The feature in force that links in most of what ships, where that is more than a tenth: one of
/// the program's own package, or the default features of a package that it uses.
pub(super) fn find(
    opened: &Opened,
    artifact: &Artifact,
    crates: &[CrateRow],
) -> Option<LargeFeature> {
    let whole = artifact.shipped_size?;
    let (build, target) = (opened.facts.build.as_ref()?, opened.facts.target.as_ref()?);
    // Manifests are read only where there is something to be found.
    let theirs = |row: &&CrateRow| {
        !matches!(row.label.origin, Origin::Std | Origin::StdDependency)
            && row.label.version.is_some()
    };
    let all: u64 = crates.iter().filter(theirs).map(|row| row.shipped).sum();
    if all <= whole / LARGE_PART {
        return None;
    }
    let dependencies = Dependencies::of_build(&Context::current().ok()?, build);
    let root = dependencies.by_id(&target.package_id)?;
    let (own, _) = bytes(&dependencies, &counted(crates, true));
    let required: Vec<&str> = target
        .required_features
        .iter()
        .map(|name| &**name)
        .collect();
    let most = brought(&dependencies, root, &own, &required);
    let most = most.into_iter().next()?;
    if most.bytes <= whole / LARGE_PART {
        return None;
    }
    let named = |at: &usize| {
        let package = &dependencies.packages[*at];
        format!("{} {}", package.name, package.version)
    };
    let packages: Vec<String> = most.packages.iter().map(named).collect();
    let finding = told(
        &most,
        &dependencies,
        target.package.as_str(),
        whole,
        artifact,
        &own,
    );
    Some(LargeFeature { packages, finding })
}

fn told(
    most: &Brought,
    dependencies: &Dependencies,
    program: &str,
    whole: u64,
    artifact: &Artifact,
    own: &[u64],
) -> Finding {
    let share = Share::of(most.bytes, whole);
    let feature = &most.feature;
    let of = most.of.map(|at| &dependencies.packages[at]);
    let mut parts: Vec<String> = most
        .packages
        .iter()
        .take(NAMED)
        .map(|at| format!("{} {}", dependencies.packages[*at].name, Bytes(own[*at])))
        .collect();
    let more = most.packages.len() - parts.len();
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    let title = match of {
        Some(package) => format!(
            "the default features of `{}` bring {share} of what ships",
            package.name
        ),
        None if most.by_default && feature == "default" => {
            format!("the default features bring {share} of what ships")
        }
        None if most.by_default => {
            format!("the default feature `{feature}` brings {share} of what ships")
        }
        None => format!("the feature `{feature}` brings {share} of what ships"),
    };
    let way = match of {
        Some(package) => format!(
            "estimated from these packages; `default-features = false` for `{}` in the manifest of \
             `{program}` leaves them out",
            package.name
        ),
        None => "estimated from these packages; builds without the feature prove it".to_owned(),
    };
    Finding {
        code: "large-feature",
        title,
        bytes: most.bytes,
        evidence: vec![format!("nothing else links in {}", parts.join(", ")), way],
        command: match of {
            Some(package) => format!(
                "cargo tree -p {program} -e features -i {}@{}",
                package.name, package.version
            ),
            None => format!("cargo slim deps --features {}", artifact.flags),
        },
    }
}
