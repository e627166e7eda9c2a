//! Which packages are linked in, by the features that are on: what cargo's resolver does with a
//! lock file that is fixed.
//!
//! Truth: the cargo reference, "Features" and "Feature unification".

use super::{Dependencies, Dependency};
use std::collections::BTreeSet;

impl Dependency {
    /// Whether one of `features` turns the optional dependency `alias` on.
    pub(super) fn activates<'f>(
        &self,
        alias: &str,
        features: impl IntoIterator<Item = &'f String>,
    ) -> bool {
        let mut lists = features.into_iter().filter_map(|on| self.table.get(on));
        lists.any(|list| {
            list.iter().any(|item| {
                item.strip_prefix("dep:") == Some(alias)
                    || item.split_once('/').is_some_and(|(name, _)| name == alias)
            })
        })
    }
}

impl Dependencies {
    /// The packages that are linked into the package at `root` with these features of it. The
    /// default features of `bare` are left out where `root` asks for them.
    pub fn linked(&self, root: usize, features: &[&str], bare: Option<usize>) -> Vec<bool> {
        let mut on: Vec<Option<BTreeSet<String>>> = vec![None; self.packages.len()];
        if let Some(root) = on.get_mut(root) {
            *root = Some(features.iter().map(|&name| name.to_owned()).collect());
        }
        // Each pass turns something on, or it is the last.
        while self.pass(root, bare, &mut on) {}
        on.iter().map(Option::is_some).collect()
    }

    /// Hands on what each package turns on; whether anything was new.
    fn pass(&self, root: usize, bare: Option<usize>, on: &mut [Option<BTreeSet<String>>]) -> bool {
        let mut changed = false;
        for (at, package) in self.packages.iter().enumerate() {
            let Some(features) = on[at].clone() else {
                continue;
            };
            let items = || features.iter().filter_map(|name| package.table.get(name));
            let own = items()
                .flatten()
                .filter(|&item| package.table.contains_key(item));
            for item in own {
                changed |= turn_on(&mut on[at], item);
            }
            for used in package.uses.iter().filter(|used| used.normal) {
                if used.optional && !package.activates(&used.alias, &features) {
                    continue;
                }
                if self.packages[used.to].proc_macro {
                    continue;
                }
                let other = &mut on[used.to];
                changed |= other.is_none();
                other.get_or_insert_with(BTreeSet::new);
                for feature in &used.features {
                    changed |= turn_on(other, feature);
                }
                if used.default_features && !(at == root && bare == Some(used.to)) {
                    changed |= turn_on(other, "default");
                }
                for item in items().flatten() {
                    if let Some((name, feature)) = item.split_once('/')
                        && name.trim_end_matches('?') == used.alias
                    {
                        changed |= turn_on(other, feature);
                    }
                }
            }
        }
        changed
    }
}

fn turn_on(features: &mut Option<BTreeSet<String>>, name: &str) -> bool {
    let features = features.get_or_insert_with(BTreeSet::new);
    !features.contains(name) && features.insert(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{super::Use, *};
    use std::collections::BTreeMap;

    fn package(name: &str, table: &[(&str, &[&str])]) -> Dependency {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let table: BTreeMap<String, Vec<String>> = table
            .iter()
            .map(|(name, items)| ((*name).to_owned(), list(items)))
            .collect();
        Dependency {
            id: name.into(),
            name: name.into(),
            version: "1.0.0".into(),
            member: false,
            proc_macro: false,
            programs: Vec::new(),
            features: Vec::new(),
            table,
            uses: Vec::new(),
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

    /// `app` uses `http`, whose default feature brings `tls`, and by its own feature `git` it uses
    /// `git2`, whose feature `ssh` is on where `app`'s feature `ssh` is.
    fn world() -> Dependencies {
        let mut app = package(
            "app",
            &[
                ("default", &["git"]),
                ("git", &["dep:git2"]),
                ("ssh", &["git2?/ssh"]),
            ],
        );
        app.uses = vec![uses(1, "http", false), uses(3, "git2", true)];
        let mut http = package("http", &[("default", &["tls"]), ("tls", &["dep:tls"])]);
        http.uses = vec![uses(2, "tls", true)];
        let mut git2 = package("git2", &[("ssh", &["dep:ssh2"])]);
        git2.uses = vec![uses(4, "ssh2", true)];
        Dependencies {
            packages: vec![app, http, package("tls", &[]), git2, package("ssh2", &[])],
            ..Dependencies::default()
        }
    }

    fn linked(features: &[&str], bare: Option<usize>) -> Vec<String> {
        let world = world();
        let linked = world.linked(0, features, bare);
        let packages = world.packages.iter().zip(linked);
        let packages = packages.filter(|(_, linked)| *linked);
        packages.map(|(package, _)| package.name.clone()).collect()
    }

    #[test]
    fn a_feature_brings_what_it_names() {
        assert_eq!(linked(&["default"], None), ["app", "http", "tls", "git2"]);
        assert_eq!(linked(&[], None), ["app", "http", "tls"]);
    }

    #[test]
    fn default_features_of_a_dependency_can_be_left_out() {
        assert_eq!(linked(&[], Some(1)), ["app", "http"]);
    }

    #[test]
    fn a_weak_feature_brings_nothing_by_itself() {
        assert_eq!(linked(&["ssh"], None), ["app", "http", "tls"]);
        let all = ["app", "http", "tls", "git2", "ssh2"];
        assert_eq!(linked(&["git", "ssh"], None), all);
    }
}
