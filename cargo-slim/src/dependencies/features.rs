//! What each feature brings, as far as the packages that only it links in tell: an estimate that
//! needs no build. Code that a feature switches on inside of a package is not in it; builds without
//! the feature prove the rest (`super::proof`).

use super::model::Brought;
use codecost::cargo::Dependencies;
use std::cmp::Reverse;

/// What the features of the package at `root` bring, and what the default features of those that it
/// uses bring, the most bytes first. `own`: the bytes of each package. `required`: the features without
/// which cargo does not build the program.
pub fn brought(
    dependencies: &Dependencies,
    root: usize,
    own: &[u64],
    required: &[&str],
) -> Vec<Brought> {
    let Some(package) = dependencies.packages.get(root) else {
        return Vec::new();
    };
    let on: Vec<&str> = package.features.iter().map(String::as_str).collect();
    let all = dependencies.linked(root, &on, None);
    let goes = |left: &[bool]| -> Vec<usize> {
        let places = 0..all.len();
        let goes = places.filter(|at| all[*at] && !left[*at] && own[*at] > 0);
        let mut goes: Vec<usize> = goes.collect();
        goes.sort_by_key(|at| (Reverse(own[*at]), *at));
        goes
    };
    let default = dependencies.implied(root, "default");
    let mut found = Vec::new();
    for feature in &package.features {
        let left = dependencies.without(root, feature, required);
        if !keeps(&left, required) {
            continue;
        }
        let left: Vec<&str> = left.iter().map(String::as_str).collect();
        found.push(Brought {
            feature: feature.clone(),
            of: None,
            by_default: on.contains(&"default") && default.contains(feature),
            packages: goes(&dependencies.linked(root, &left, None)),
            bytes: 0,
        });
    }
    for used in package.uses.iter().filter(|used| used.normal) {
        if used.default_features {
            found.push(Brought {
                feature: "default".into(),
                of: Some(used.to),
                by_default: true,
                packages: goes(&dependencies.linked(root, &on, Some(used.to))),
                bytes: 0,
            });
        }
    }
    for one in &mut found {
        one.bytes = one.packages.iter().map(|at| own[*at]).sum();
    }
    found.retain(|one| one.bytes > 0);
    // One feature says more than `default`, which turns it on, unless that brings much more; and
    // `git` more than `git2`, which it turns on.
    let whole = |one: &Brought| one.of.is_none() && one.feature == "default";
    let single = found.iter().filter(|one| !whole(one));
    let most = single.map(|one| one.bytes).max().unwrap_or_default();
    let last = |one: &Brought| whole(one) && one.bytes < most.saturating_mul(2);
    let implied = |one: &Brought| dependencies.implied(root, &one.feature).len();
    found.sort_by_key(|one| {
        let named = Reverse(implied(one));
        (
            last(one),
            Reverse(one.bytes),
            whole(one),
            one.of.is_some(),
            named,
        )
    });
    found
}

/// Whether the features `left` have all that the program requires; names of other packages' features
/// (`package/feature`) are none of its own.
pub(super) fn keeps(left: &[String], required: &[&str]) -> bool {
    let mut own = required.iter().filter(|name| !name.contains('/'));
    own.all(|name| left.iter().any(|one| one == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use codecost::cargo::{Dependency, Use};

    fn package(name: &str, features: &[(&str, &[&str])], uses: Vec<Use>) -> Dependency {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let table = features
            .iter()
            .map(|(name, items)| ((*name).to_owned(), list(items)));
        Dependency {
            id: name.into(),
            name: name.into(),
            version: "1.0.0".into(),
            member: false,
            proc_macro: false,
            programs: Vec::new(),
            features: features
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect(),
            table: table.collect(),
            uses,
        }
    }

    fn uses(to: usize, alias: &str, optional: bool) -> Use {
        Use {
            to,
            alias: alias.into(),
            normal: true,
            optional,
            default_features: true,
            ..Use::default()
        }
    }

    #[test]
    fn a_feature_has_the_bytes_of_what_only_it_links() {
        let mut dependencies = Dependencies::default();
        dependencies.packages = vec![
            package(
                "app",
                &[
                    ("default", &["git"]),
                    ("git", &["git2"]),
                    ("git2", &["dep:git2"]),
                ],
                vec![uses(1, "git2", true), uses(3, "http", false)],
            ),
            package(
                "git2",
                &[],
                vec![uses(2, "libgit2", false), uses(5, "url", false)],
            ),
            package("libgit2", &[], Vec::new()),
            package(
                "http",
                &[("default", &["tls"]), ("tls", &["dep:tls"])],
                vec![uses(4, "tls", true), uses(5, "url", false)],
            ),
            package("tls", &[], Vec::new()),
            package("url", &[], Vec::new()),
        ];
        let own = [1, 20, 300, 4, 50, 6];
        let found = brought(&dependencies, 0, &own, &[]);
        let shown: Vec<_> = found
            .iter()
            .map(|one| {
                let of = one.of.map(|at| dependencies.packages[at].name.as_str());
                (one.feature.as_str(), of, one.bytes, one.packages.clone())
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("git", None, 320, vec![2, 1]),
                ("git2", None, 320, vec![2, 1]),
                ("default", Some("http"), 50, vec![4]),
                ("default", None, 320, vec![2, 1]),
            ]
        );
        assert!(found.iter().all(|one| one.by_default));
        // What the program requires cannot go, nor can what turns it on.
        let found = brought(&dependencies, 0, &own, &["git2"]);
        let [only] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(only.of, Some(3));
    }
}
