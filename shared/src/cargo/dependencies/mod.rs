//! The packages of a workspace or of a build with who depends on whom, and which edge turned each
//! feature on.
//!
//! Truth: the cargo book, "Features" and the format of `cargo metadata`. Resolving needs a lock file
//! or writes one, as each cargo command does; the network only where cargo itself would need it.
//!
//! Limit: cargo unifies the features of all that it resolves. What one build really uses is in
//! [`Dependencies::of_build`].

mod built;
mod linked;

use super::{
    context::{Context, stdout_of},
    selection::Selection,
};
use crate::error::{Error, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Node, Package, TargetKind};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// All packages, with their dependencies.
#[derive(Clone, Debug, Default)]
pub struct Dependencies {
    /// The packages; others refer to one by its place here.
    pub packages: Vec<Dependency>,
    by_id: HashMap<String, usize>,
}

/// One package.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is a member of the workspace.
    pub member: bool,
    /// Whether it runs in the compiler.
    pub proc_macro: bool,
    /// The names of its binaries and other programs.
    pub programs: Vec<String>,
    /// The features in force.
    pub features: Vec<String>,
    /// All features, with what each turns on.
    pub table: BTreeMap<String, Vec<String>>,
    /// What it depends on.
    pub uses: Vec<Use>,
}

/// A package's dependency on another one.
#[derive(Clone, Debug, Default)]
pub struct Use {
    /// The other one's place in the list.
    pub to: usize,
    /// The name that the package gives it in its manifest.
    pub alias: String,
    /// Whether it is linked in: neither for build scripts nor for tests only.
    pub normal: bool,
    /// Whether build scripts use it.
    pub build: bool,
    /// Whether it can be left out.
    pub optional: bool,
    /// The features that the manifest asks for.
    pub features: Vec<String>,
    /// Whether the manifest asks for its default features.
    pub default_features: bool,
}

impl Dependencies {
    /// Asks cargo what `selection` resolves to for the triple; its own error goes to standard
    /// error.
    ///
    /// # Errors
    ///
    /// Cargo could not resolve it.
    pub fn load(context: &Context, selection: &Selection, triple: &str) -> Result<Self> {
        let mut command = context.cargo();
        command.args([
            "metadata",
            "--format-version=1",
            "--filter-platform",
            triple,
        ]);
        command.args(selection.common_args());
        for features in &selection.features {
            command.arg("--features").arg(features);
        }
        if selection.all_features {
            command.arg("--all-features");
        }
        if selection.no_default_features {
            command.arg("--no-default-features");
        }
        let output = stdout_of(&mut command, "cargo metadata")?;
        let text = String::from_utf8_lossy(&output);
        let metadata = MetadataCommand::parse(text).map_err(|error| {
            Error::failed(
                format_args!("`cargo metadata` printed something else than metadata: {error}"),
                "check that CARGO and the `cargo` on PATH are cargo",
            )
        })?;
        Ok(Self::new(&metadata))
    }

    fn new(metadata: &Metadata) -> Self {
        let nodes = metadata
            .resolve
            .as_ref()
            .map(|resolve| resolve.nodes.as_slice())
            .unwrap_or_default();
        let packages: HashMap<&str, &Package> = metadata
            .packages
            .iter()
            .map(|package| (package.id.repr.as_str(), package))
            .collect();
        let resolved: Vec<(&Node, &Package)> = nodes
            .iter()
            .filter_map(|node| Some((node, *packages.get(node.id.repr.as_str())?)))
            .collect();
        let by_id: HashMap<String, usize> = resolved
            .iter()
            .enumerate()
            .map(|(at, (node, _))| (node.id.repr.clone(), at))
            .collect();
        let resolved = resolved
            .iter()
            .map(|(node, package)| Dependency {
                id: node.id.repr.clone(),
                name: package.name.to_string(),
                version: package.version.to_string(),
                member: metadata.workspace_members.contains(&node.id),
                proc_macro: has_kind(package, &TargetKind::ProcMacro),
                programs: programs(package),
                features: node.features.iter().map(ToString::to_string).collect(),
                table: package.features.clone().into_iter().collect(),
                uses: uses(node, package, &packages, &by_id),
            })
            .collect();
        Self {
            packages: resolved,
            by_id,
        }
    }

    /// The place of the package with this id.
    pub fn by_id(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Who turned `feature` of the package at `at` on: `--features` on the command line is told by
    /// the caller. Each is `package`, or `package/feature` where a feature did it.
    pub fn enabled_by(&self, at: usize, feature: &str) -> Vec<String> {
        let Some(package) = self.packages.get(at) else {
            return Vec::new();
        };
        let mut by = Vec::new();
        for other in &package.features {
            let turns_on = package.table.get(other);
            let turns_on = turns_on.is_some_and(|list| list.iter().any(|one| one == feature));
            if turns_on && other != feature {
                by.push(format!("{}/{other}", package.name));
            }
        }
        for dependent in &self.packages {
            for used in dependent.uses.iter().filter(|used| used.to == at) {
                let asked = used.features.iter().any(|one| one == feature);
                if asked || (feature == "default" && used.default_features) {
                    by.push(dependent.name.clone());
                }
                by.extend(through(dependent, used, feature));
            }
        }
        by.sort();
        by.dedup();
        by
    }

    /// The features of the package at `at` that `feature` turns on, itself included.
    pub fn implied(&self, at: usize, feature: &str) -> Vec<String> {
        let mut all = vec![feature.to_owned()];
        let Some(package) = self.packages.get(at) else {
            return all;
        };
        let mut next = 0;
        while let Some(one) = all.get(next).cloned() {
            next += 1;
            for more in package.table.get(&one).into_iter().flatten() {
                if package.table.contains_key(more) && !all.contains(more) {
                    all.push(more.clone());
                }
            }
        }
        all
    }

    /// What is left of the features in force of the package at `at` when `feature` is switched off:
    /// those that turn it on go too, and those that are on because of these alone. `asked`: what
    /// somebody turned on by name.
    pub fn without(&self, at: usize, feature: &str, asked: &[&str]) -> Vec<String> {
        let Some(package) = self.packages.get(at) else {
            return Vec::new();
        };
        let on = &package.features;
        let implied: BTreeMap<&str, Vec<String>> = on
            .iter()
            .map(|name| (name.as_str(), self.implied(at, name)))
            .collect();
        let because_of = |name: &&String| {
            let mut others = implied.iter().filter(|(other, _)| *other != name);
            others.any(|(_, all)| all.contains(name))
        };
        let turned_on = |name: &&String| !because_of(name) || asked.contains(&name.as_str());
        let mut open: Vec<&str> = on.iter().filter(turned_on).map(String::as_str).collect();
        let (mut seen, mut left) = (BTreeSet::new(), BTreeSet::new());
        while let Some(name) = open.pop() {
            if name == feature || !seen.insert(name) {
                continue;
            }
            let all = implied.get(name).map(Vec::as_slice).unwrap_or_default();
            if all.iter().any(|one| one == feature) {
                // The rest of what it turns on stays.
                let items = package.table.get(name).into_iter().flatten();
                open.extend(items.map(String::as_str));
            } else {
                left.extend(all.iter().cloned());
            }
        }
        left.retain(|name| on.contains(name));
        left.into_iter().collect()
    }
}

/// The features of `dependent` that turn on `feature` of what it uses: `alias/feature`.
fn through(dependent: &Dependency, used: &Use, feature: &str) -> Vec<String> {
    let names = [
        format!("{}/{feature}", used.alias),
        format!("{}?/{feature}", used.alias),
    ];
    let on = dependent.features.iter().filter(|own| {
        let list = dependent.table.get(*own);
        list.is_some_and(|list| list.iter().any(|one| names.contains(one)))
    });
    on.map(|own| format!("{}/{own}", dependent.name)).collect()
}

fn has_kind(package: &Package, kind: &TargetKind) -> bool {
    let mut targets = package.targets.iter();
    targets.any(|target| target.kind.contains(kind))
}

fn programs(package: &Package) -> Vec<String> {
    let targets = package.targets.iter();
    let linked = targets.filter(|target| {
        let linked = |kind: &TargetKind| {
            matches!(
                kind,
                TargetKind::Bin
                    | TargetKind::Example
                    | TargetKind::Test
                    | TargetKind::Bench
                    | TargetKind::CDyLib
                    | TargetKind::DyLib
                    | TargetKind::StaticLib
            )
        };
        target.kind.iter().any(linked)
    });
    linked.map(|target| target.name.clone()).collect()
}

fn uses(
    node: &Node,
    package: &Package,
    packages: &HashMap<&str, &Package>,
    by_id: &HashMap<String, usize>,
) -> Vec<Use> {
    let mut all = Vec::new();
    for used in &node.deps {
        let Some(to) = by_id.get(&used.pkg.repr).copied() else {
            continue;
        };
        let of_kind = |kind| used.dep_kinds.iter().any(|known| known.kind == kind);
        let mut edge = Use {
            to,
            normal: of_kind(DependencyKind::Normal),
            build: of_kind(DependencyKind::Build),
            optional: true,
            ..Use::default()
        };
        // Only names connect the two lists: the package's, and the one that the manifest gives it.
        let name = packages
            .get(used.pkg.repr.as_str())
            .map(|of| of.name.as_str());
        let declared = package.dependencies.iter().filter(|declared| {
            let renamed = declared.rename.as_ref();
            let fits = renamed.is_none_or(|alias| alias.replace('-', "_") == used.name);
            Some(declared.name.as_str()) == name && fits
        });
        for declared in declared.filter(|one| one.kind != DependencyKind::Development) {
            edge.alias = declared
                .rename
                .clone()
                .unwrap_or_else(|| declared.name.clone());
            edge.optional &= declared.optional;
            edge.features.extend(declared.features.iter().cloned());
            edge.default_features |= declared.uses_default_features;
        }
        all.push(edge);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(features: &[&str]) -> Dependencies {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let table: [(&str, &[&str]); 6] = [
            ("default", &["git", "color"]),
            ("git", &["git2", "log"]),
            ("git2", &["dep:git2"]),
            ("color", &["log"]),
            ("log", &[]),
            ("all", &["git", "color"]),
        ];
        let package = Dependency {
            id: "app".into(),
            name: "app".into(),
            version: "1.0.0".into(),
            member: true,
            proc_macro: false,
            programs: Vec::new(),
            features: list(features),
            table: table
                .map(|(name, items)| (name.to_owned(), list(items)))
                .into(),
            uses: Vec::new(),
        };
        Dependencies {
            packages: vec![package],
            by_id: HashMap::new(),
        }
    }

    #[test]
    fn a_feature_goes_with_what_turns_it_on_and_what_it_alone_turned_on() {
        let on = ["default", "git", "git2", "color", "log"];
        let without = |feature: &str, asked: &[&str]| app(&on).without(0, feature, asked);
        assert_eq!(without("git", &[]), ["color", "log"]);
        assert_eq!(without("git2", &[]), ["color", "log"]);
        assert_eq!(without("color", &[]), ["git", "git2", "log"]);
        assert_eq!(without("log", &[]), ["git2"]);
        assert_eq!(without("default", &[]), [""; 0]);
        assert_eq!(without("default", &["color"]), ["color", "log"]);
        // What is asked for by name stays.
        assert_eq!(without("git", &["git2"]), ["color", "git2", "log"]);
        // Two that turn on one.
        let all = ["default", "all", "git", "git2", "color", "log"];
        assert_eq!(app(&all).without(0, "git", &[]), ["color", "log"]);
    }
}
