//! What can have made a build larger: dependencies, features, compiler, profile.
//!
//! A cause is a difference between what two snapshots say of their builds, not a proof; only what
//! was compiled into an artifact counts, where that is known. Of a file that somebody else built
//! only a lock file is known, which names packages for other targets, tests and features that are
//! off, too: two lists of packages are compared only where both were made in the same way.
//! A crate gets the causes of its own package; a cause of the whole build belongs to no crate.

use super::change::Change;
use crate::snapshot::{Build, Package, Snapshot};
use std::collections::{BTreeMap, BTreeSet};

/// A difference between two builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `dependency-added`, `dependency-updated`, `dependency-removed`, `feature-on`,
    /// `feature-off`, `toolchain`, `target`, `profile`, `rustflags`.
    pub kind: &'static str,
    /// The package that it is about; `None` for the whole build.
    pub package: Option<String>,
    /// The package's versions on both sides.
    pub versions: Vec<String>,
    /// In words.
    pub text: String,
}

/// All differences. The ones of the whole build come first.
pub(super) fn find(before: &Snapshot, after: &Snapshot) -> Vec<Cause> {
    let mut causes: Vec<Cause> = of_profile(before, after).into_iter().collect();
    let (Some(before), Some(after)) = (&before.build, &after.build) else {
        return causes;
    };
    causes.extend(of_settings(before, after));
    if Known::of(Some(before)) == Known::of(Some(after)) {
        causes.extend(of_packages(before, after));
    }
    causes
}

/// What is known of the packages that an artifact was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Which were compiled, and with which features.
    Compiled,
    /// Those of a lock file, wanted or not.
    Locked,
    /// Nothing.
    Nothing,
}

impl Known {
    /// What `build` knows.
    pub(super) fn of(build: Option<&Build>) -> Self {
        let packages = build.map(|build| build.packages.as_slice());
        match packages {
            None | Some([]) => Self::Nothing,
            Some(all) if all.iter().any(|package| package.features.is_some()) => Self::Compiled,
            Some(_) => Self::Locked,
        }
    }
}

fn of_packages(before: &Build, after: &Build) -> Vec<Cause> {
    let mut causes = Vec::new();
    let (old, new) = (Present::of(before), Present::of(after));
    let names: BTreeSet<&str> = old
        .packages
        .keys()
        .chain(new.packages.keys())
        .copied()
        .collect();
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        let all = was.iter().chain(is);
        let all: Vec<String> = all.map(|package| package.version.clone()).collect();
        if was.is_empty() {
            causes.push(Cause {
                kind: "dependency-added",
                package: Some(name.into()),
                versions: all.clone(),
                text: format!(
                    "new dependency `{name}` {}{}",
                    versions(is),
                    new.pulled_in_by(name, &old)
                ),
            });
            continue;
        }
        if is.is_empty() {
            causes.push(Cause {
                kind: "dependency-removed",
                package: Some(name.into()),
                versions: all.clone(),
                text: format!("`{name}` {} is gone", versions(was)),
            });
            continue;
        }
        let (was_versions, is_versions) = (versions(was), versions(is));
        if was_versions != is_versions {
            let second = is.len() > was.len();
            causes.push(Cause {
                kind: match second {
                    true => "dependency-added",
                    false => "dependency-updated",
                },
                package: Some(name.into()),
                versions: all.clone(),
                text: match second {
                    true => format!(
                        "another version of `{name}`: {was_versions}, now {is_versions}{}",
                        new.pulled_in_by(name, &old)
                    ),
                    false => format!("`{name}` updated from {was_versions} to {is_versions}"),
                },
            });
        }
        let (off, on) = (features(was), features(is));
        if let (Some(off), Some(on)) = (off, on) {
            let switched = |kind, word, set: Vec<&&str>| {
                (!set.is_empty()).then(|| Cause {
                    kind,
                    package: Some(name.into()),
                    versions: all.clone(),
                    text: format!(
                        "feature {} of `{name}` switched {word}",
                        set.iter()
                            .map(|f| format!("`{f}`"))
                            .collect::<Vec<_>>()
                            .join(", ")
                    ),
                })
            };
            causes.extend(switched("feature-on", "on", on.difference(&off).collect()));
            causes.extend(switched(
                "feature-off",
                "off",
                off.difference(&on).collect(),
            ));
        }
    }
    causes
}

/// Another profile: what the settings of each one are not by default does not show it.
fn of_profile(before: &Snapshot, after: &Snapshot) -> Option<Cause> {
    let (was, is) = (&before.artifact.profile, &after.artifact.profile);
    let (was, is) = (was.as_ref()?, is.as_ref()?);
    (was != is).then(|| Cause {
        kind: "profile",
        package: None,
        versions: Vec::new(),
        text: format!("the profile changed from `{was}` to `{is}`"),
    })
}

fn of_settings(before: &Build, after: &Build) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut differ = |kind, what: &str, was: &str, is: &str| {
        if was != is {
            causes.push(Cause {
                kind,
                package: None,
                versions: Vec::new(),
                text: format!("{what} changed from {was} to {is}"),
            });
        }
    };
    if let (Some(was), Some(is)) = (&before.toolchain, &after.toolchain) {
        differ("toolchain", "the compiler", was, is);
        let keys: BTreeSet<_> = before.profile.keys().chain(after.profile.keys()).collect();
        for key in keys {
            let value = |build: &Build| match build.profile.get(key) {
                Some(value) => format!("`{value}`"),
                None => "its default".to_owned(),
            };
            differ(
                "profile",
                &format!("`{key}` of the profile"),
                &value(before),
                &value(after),
            );
        }
        let flags = |build: &Build| match build.rustflags.as_slice() {
            [] => "none".to_owned(),
            flags => format!("`{}`", flags.join(" ")),
        };
        differ("rustflags", "rustflags", &flags(before), &flags(after));
    }
    if let (Some(was), Some(is)) = (&before.triple, &after.triple) {
        differ("target", "the target", was, is);
    }
    causes
}

/// The packages that an artifact consists of.
struct Present<'a> {
    packages: BTreeMap<&'a str, Vec<&'a Package>>,
}

impl<'a> Present<'a> {
    fn of(build: &'a Build) -> Self {
        let known = Known::of(Some(build)) == Known::Compiled;
        let mut packages: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
        for package in &build.packages {
            if package.features.is_some() || !known {
                packages.entry(&package.name).or_default().push(package);
            }
        }
        Self { packages }
    }

    fn get(&self, name: &str) -> &[&'a Package] {
        self.packages
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Packages that name this one as a dependency.
    fn users(&self, name: &str) -> Vec<&'a Package> {
        let uses = |package: &&&Package| {
            let mut dependencies = package.dependencies.iter();
            dependencies.any(|other| other.split(' ').next() == Some(name))
        };
        self.packages
            .values()
            .flatten()
            .filter(uses)
            .copied()
            .collect()
    }

    /// `, pulled in by `app` through `a`: a package that was there before, and the nearest user.
    fn pulled_in_by(&self, name: &str, before: &Self) -> String {
        let mut chain = Vec::new();
        let mut at = name;
        // A chain of users is no longer than there are packages.
        for _ in 0..self.packages.len() {
            let users = self.users(at);
            let known = |user: &&&Package| !before.get(&user.name).is_empty();
            let Some(user) = users.iter().find(known).or(users.first()) else {
                break;
            };
            if chain.contains(&user.name.as_str()) {
                break;
            }
            chain.push(&user.name);
            if known(&user) {
                break;
            }
            at = &user.name;
        }
        match chain.as_slice() {
            [] => String::new(),
            [only] => format!(", pulled in by `{only}`"),
            [user, .., first] => format!(", pulled in by `{first}` through `{user}`"),
        }
    }
}

fn versions(packages: &[&Package]) -> String {
    let mut versions: Vec<&str> = packages
        .iter()
        .map(|package| package.version.as_str())
        .collect();
    versions.sort_unstable();
    versions.join(" and ")
}

fn features<'a>(packages: &[&'a Package]) -> Option<BTreeSet<&'a str>> {
    let mut all = BTreeSet::new();
    for package in packages {
        all.extend(package.features.as_ref()?.iter().map(String::as_str));
    }
    Some(all)
}

/// Why a crate changed, where its own package says so.
pub(super) fn of_crate(causes: &[Cause], change: &Change) -> Option<String> {
    if change.name.starts_with('[') {
        return None;
    }
    let same = |package: &str| package.replace('-', "_") == change.name;
    // std has a `memchr` and a `hashbrown` of its own, in other versions.
    let versions = [&change.version, &change.version_before];
    let is_of = |cause: &Cause| {
        let mut known = versions.into_iter().flatten().peekable();
        known.peek().is_none() || known.any(|version| cause.versions.contains(version))
    };
    joined(
        causes
            .iter()
            .filter(|cause| cause.package.as_deref().is_some_and(same) && is_of(cause)),
    )
}

/// What holds for every crate.
pub(super) fn of_all(causes: &[Cause]) -> Option<String> {
    joined(causes.iter().filter(|cause| cause.package.is_none()))
}

fn joined<'a>(causes: impl Iterator<Item = &'a Cause>) -> Option<String> {
    let texts: Vec<&str> = causes.map(|cause| cause.text.as_str()).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::{
        super::change::{Kind, Status},
        *,
    };

    fn package(name: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.into(),
            version: "2.0.0".into(),
            features: Some(BTreeSet::new()),
            dependencies: dependencies.iter().map(|name| (*name).into()).collect(),
        }
    }

    fn built(packages: Vec<Package>) -> Snapshot {
        Snapshot {
            build: Some(Build {
                packages,
                ..Build::default()
            }),
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_chain_of_dependencies_names_both_ends() {
        let before = built(vec![package("app", &[])]);
        let after = built(vec![
            package("app", &["regex"]),
            package("regex", &["memchr"]),
            package("memchr", &[]),
        ]);
        let causes = find(&before, &after);
        let texts: Vec<&str> = causes.iter().map(|cause| &*cause.text).collect();
        assert_eq!(
            texts,
            [
                "new dependency `memchr` 2.0.0, pulled in by `app` through `regex`",
                "new dependency `regex` 2.0.0, pulled in by `app`",
            ]
        );
    }

    #[test]
    fn a_crate_of_the_same_name_that_std_has_is_another() {
        let before = built(vec![package("app", &[])]);
        let after = built(vec![package("app", &["memchr"]), package("memchr", &[])]);
        let causes = find(&before, &after);
        let why = |version: Option<&str>| {
            let change = Change {
                kind: Kind::Crate,
                name: "memchr".into(),
                owner: None,
                origin: None,
                version: version.map(Into::into),
                version_before: None,
                before: 1,
                after: 2,
                status: Status::Grown,
                moved: 0,
                from: None,
                copies: None,
                cause: None,
            };
            of_crate(&causes, &change)
        };
        assert!(why(Some("2.0.0")).is_some());
        assert!(why(None).is_some());
        assert_eq!(why(Some("1.9.9")), None);
    }
}
