//! The tree of packages with their bytes.

use super::model::{
    Counted, DependencyKind, DependencyRow, FeatureRow, PackageNames, PackageSizes, Tree,
};
use codecost::{
    cargo::{Dependencies, Use},
    graph::{Dominators, Edges, Paths, reached},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

/// Puts the bytes of a file's crates onto the packages that `root` depends on. `inlined`: the packages of
/// which code was inlined into functions of others, where that is known of all code.
pub fn tree(
    dependencies: &Dependencies,
    root: usize,
    counted: &[Counted],
    inlined: Option<&PackageNames>,
) -> Tree {
    let packages = &dependencies.packages;
    let (own, others) = bytes(dependencies, counted);
    let linked = Side::new(dependencies, root, own, |used, to| {
        used.normal && !packages[to].proc_macro
    });
    let all = edges(dependencies, |used, _| used.normal || used.build);
    let present = reached(&all, &[root as u32], |_| true);
    let mut rows = linked.rows(dependencies, inlined);
    let build = (0..packages.len()).filter(|at| present[*at] && !linked.is_in(*at));
    let mut build: Vec<_> = build
        .map(|at| row(dependencies, &linked, at, DependencyKind::Build))
        .collect();
    build.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    rows.extend(build);
    give_sizes(&mut rows, counted);
    Tree { rows, others }
}

/// Gives each linked package the figures of its crates.
fn give_sizes(rows: &mut [DependencyRow], counted: &[Counted]) {
    let mut sizes: HashMap<(&str, &str), PackageSizes> = HashMap::new();
    for part in counted {
        let PackageSizes {
            shipped,
            file,
            memory,
        } = part.sizes;
        let of = (part.package.as_str(), part.version.as_str());
        let sum = sizes.entry(of).or_default();
        sum.shipped = shipped.map(|shipped| sum.shipped.unwrap_or_default() + shipped);
        sum.file += file;
        sum.memory += memory;
    }
    // A package without a byte has as much of each figure as the others say that there is.
    let known = counted.iter().any(|part| part.sizes.shipped.is_some());
    let none = PackageSizes {
        shipped: known.then_some(0),
        ..PackageSizes::default()
    };
    for row in rows {
        let of = (row.name.as_str(), row.version.as_str());
        let own = sizes.get(&of).copied();
        row.sizes = own
            .filter(|_| row.kind != DependencyKind::Build)
            .unwrap_or(none);
    }
}

/// The bytes of each package, and those of all that is no package's, the most first.
pub fn bytes(dependencies: &Dependencies, counted: &[Counted]) -> (Vec<u64>, Vec<(String, u64)>) {
    let packages = &dependencies.packages;
    let mut own = vec![0_u64; packages.len()];
    let by_name: HashMap<(&str, &str), usize> = packages
        .iter()
        .enumerate()
        .map(|(at, package)| ((package.name.as_str(), package.version.as_str()), at))
        .collect();
    let mut others: BTreeMap<&str, u64> = BTreeMap::new();
    for part in counted {
        match by_name.get(&(part.package.as_str(), part.version.as_str())) {
            Some(at) => own[*at] += part.bytes,
            None => *others.entry(&part.package).or_default() += part.bytes,
        }
    }
    let others = others.into_iter().map(|(name, bytes)| (name.into(), bytes));
    let mut others: Vec<(String, u64)> = others.collect();
    others.sort_by_key(|(_, bytes)| Reverse(*bytes));
    (own, others)
}

fn edges(dependencies: &Dependencies, follow: impl Fn(&Use, usize) -> bool) -> Edges {
    let mut pairs = Vec::new();
    for (at, package) in (0..).zip(&dependencies.packages) {
        let followed = package.uses.iter().filter(|used| follow(used, used.to));
        pairs.extend(followed.map(|used| (at, used.to as u32)));
    }
    Edges::new(dependencies.packages.len(), &pairs)
}

/// What is linked into the program.
struct Side {
    root: usize,
    edges: Edges,
    back: Edges,
    paths: Paths,
    dominators: Dominators,
    own: Vec<u64>,
    exclusive: Vec<u64>,
}

impl Side {
    fn new(
        dependencies: &Dependencies,
        root: usize,
        own: Vec<u64>,
        follow: impl Fn(&Use, usize) -> bool,
    ) -> Self {
        let edges = edges(dependencies, follow);
        let dominators = Dominators::new(&edges, root as u32);
        let mut exclusive = own.clone();
        for node in dominators.order().iter().rev() {
            if let Some(above) = dominators.immediate(*node) {
                exclusive[above as usize] += exclusive[*node as usize];
            }
        }
        Self {
            root,
            back: edges.reversed(),
            paths: Paths::new(&edges, &[root as u32], |_| true),
            edges,
            dominators,
            own,
            exclusive,
        }
    }

    fn is_in(&self, at: usize) -> bool {
        self.paths.distance(at as u32).is_some()
    }

    /// What a package is that has no byte, nor anything that it uses.
    fn without_bytes(
        &self,
        dependencies: &Dependencies,
        at: usize,
        inlined: Option<&PackageNames>,
    ) -> DependencyKind {
        let Some(inlined) = inlined else {
            return DependencyKind::NoBytes;
        };
        let is_inlined = |at: usize| {
            let package = &dependencies.packages[at];
            inlined.contains(&(package.name.clone(), package.version.clone()))
        };
        let mut used = reached(&self.edges, &[at as u32], |_| true)
            .into_iter()
            .enumerate();
        match is_inlined(at) {
            true => DependencyKind::Inlined,
            // What only passes on what others wrote is used.
            false if used.any(|(other, used)| used && is_inlined(other)) => DependencyKind::Normal,
            false => DependencyKind::Unused,
        }
    }

    /// All packages in the order of the tree.
    fn rows(
        &self,
        dependencies: &Dependencies,
        inlined: Option<&PackageNames>,
    ) -> Vec<DependencyRow> {
        let packages = &dependencies.packages;
        let mut below: Vec<Vec<u32>> = vec![Vec::new(); packages.len()];
        let mut versions: HashMap<&str, u32> = HashMap::new();
        for at in (0..packages.len() as u32).filter(|at| self.is_in(*at as usize)) {
            *versions.entry(&packages[at as usize].name).or_default() += 1;
            let way = self.paths.to(at);
            if let Some(parent) = way.len().checked_sub(2).and_then(|at| way.get(at)) {
                below[*parent as usize].push(at);
            }
        }
        for list in &mut below {
            list.sort_by_key(|at| {
                let package = &packages[*at as usize];
                // What is last goes first from a stack.
                (
                    self.exclusive[*at as usize],
                    Reverse((&package.name, &package.version)),
                )
            });
        }
        let mut rows = Vec::new();
        let mut open = vec![self.root as u32];
        while let Some(at) = open.pop() {
            let place = at as usize;
            let several = versions.get(packages[place].name.as_str()) > Some(&1);
            let kind = match several {
                true => DependencyKind::Duplicate,
                false => DependencyKind::Normal,
            };
            let mut row = row(dependencies, self, place, kind);
            // What only passes on what others wrote is used.
            if place != self.root && row.own + row.exclusive + row.shared == 0 {
                row.kind = self.without_bytes(dependencies, place, inlined);
            }
            rows.push(row);
            open.extend(&below[place]);
        }
        rows
    }

    /// What a package uses, itself included, that others bring too: the bytes, and through which of
    /// the root's dependencies.
    fn shared(&self, at: usize) -> (u64, BTreeSet<u32>) {
        let node = at as u32;
        let used = reached(&self.edges, &[node], |_| true);
        let theirs =
            |other: &u32| used[*other as usize] && !self.dominators.dominates(node, *other);
        let shared: Vec<u32> = (0..used.len() as u32).filter(theirs).collect();
        let bytes = shared.iter().map(|other| self.own[*other as usize]).sum();
        let mut with = BTreeSet::new();
        if shared.is_empty() {
            return (bytes, with);
        }
        for direct in self.edges.of(self.root as u32) {
            // Whose part the package is does not share with it.
            if *direct == node || self.dominators.dominates(*direct, node) {
                continue;
            }
            let reach = reached(&self.edges, &[*direct], |other| other != node);
            if shared.iter().any(|other| reach[*other as usize]) {
                with.insert(*direct);
            }
        }
        (bytes, with)
    }
}

fn row(dependencies: &Dependencies, side: &Side, at: usize, kind: DependencyKind) -> DependencyRow {
    let package = &dependencies.packages[at];
    let shown = |at: u32| {
        let package = &dependencies.packages[at as usize];
        format!("{} {}", package.name, package.version)
    };
    let linked = side.is_in(at);
    let way = side.paths.to(at as u32);
    let parent = way.len().checked_sub(2).and_then(|at| way.get(at));
    let parents: Vec<String> = match linked {
        true => {
            let users = side.back.of(at as u32).iter().copied();
            users
                .filter(|user| side.is_in(*user as usize))
                .map(shown)
                .collect()
        }
        false => users(dependencies, at).map(|at| shown(at as u32)).collect(),
    };
    let (shared, shared_with) = match linked && at != side.root {
        true => side.shared(at),
        false => (0, BTreeSet::new()),
    };
    let names = shared_with.into_iter();
    let names = names.map(|at| dependencies.packages[at as usize].name.clone());
    DependencyRow {
        name: package.name.clone(),
        version: package.version.clone(),
        parent: match linked {
            true => parent.map(|at| shown(*at)),
            false => parents.first().cloned(),
        },
        parents,
        depth: side.paths.distance(at as u32).unwrap_or(1),
        sizes: PackageSizes::default(),
        own: if linked { side.own[at] } else { 0 },
        exclusive: if linked { side.exclusive[at] } else { 0 },
        shared,
        shared_with: names.collect(),
        kind,
        features: package
            .features
            .iter()
            .map(|feature| FeatureRow {
                name: feature.clone(),
                enabled_by: dependencies.enabled_by(at, feature),
                bytes: None,
            })
            .collect(),
        member: package.member,
    }
}

/// The packages that depend on one in any way.
fn users(dependencies: &Dependencies, at: usize) -> impl Iterator<Item = usize> {
    let packages = dependencies.packages.iter().enumerate();
    packages
        .filter(move |(_, package)| {
            let mut uses = package.uses.iter();
            uses.any(|used| used.to == at && (used.normal || used.build))
        })
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use codecost::cargo::Dependency;

    fn package(name: &str, version: &str, uses: &[usize]) -> Dependency {
        Dependency {
            id: format!("{name}@{version}"),
            name: name.into(),
            version: version.into(),
            member: name == "app",
            proc_macro: name == "derive",
            programs: Vec::new(),
            features: Vec::new(),
            table: BTreeMap::new(),
            uses: uses
                .iter()
                .map(|to| Use {
                    to: *to,
                    normal: true,
                    ..Use::default()
                })
                .collect(),
        }
    }

    #[test]
    fn bytes_go_to_who_alone_brings_them() {
        let mut dependencies = Dependencies::default();
        dependencies.packages = vec![
            package("app", "0.1.0", &[1, 2, 6]),
            package("left", "1.0.0", &[3, 4]),
            package("right", "1.0.0", &[3, 5]),
            package("both", "1.0.0", &[]),
            package("twice", "1.0.0", &[]),
            package("twice", "2.0.0", &[]),
            package("derive", "1.0.0", &[7]),
            package("parser", "1.0.0", &[]),
            package("elsewhere", "1.0.0", &[0]),
        ];
        let counted = |package: &str, version: &str, bytes| Counted {
            package: package.into(),
            version: version.into(),
            bytes,
            sizes: PackageSizes::default(),
        };
        let counted = [
            counted("app", "0.1.0", 100),
            counted("left", "1.0.0", 10),
            counted("both", "1.0.0", 7),
            counted("twice", "1.0.0", 3),
            counted("twice", "2.0.0", 4),
            counted("core", "", 50),
        ];
        let tree = tree(&dependencies, 0, &counted, None);
        let shown: Vec<_> = tree
            .rows
            .iter()
            .map(|row| {
                (
                    row.name.as_str(),
                    row.own,
                    row.exclusive,
                    row.shared,
                    row.kind,
                )
            })
            .collect();
        use DependencyKind::{Build, Duplicate, Normal};
        assert_eq!(
            shown,
            [
                ("app", 100, 124, 0, Normal),
                ("left", 10, 13, 7, Normal),
                ("both", 7, 7, 0, Normal),
                ("twice", 3, 3, 0, Duplicate),
                ("right", 0, 4, 7, Normal),
                ("twice", 4, 4, 0, Duplicate),
                ("derive", 0, 0, 0, Build),
                ("parser", 0, 0, 0, Build),
            ]
        );
        assert_eq!(tree.rows[1].shared_with, ["right"]);
        assert_eq!(tree.rows[3].parents, ["left 1.0.0"]);
        assert_eq!(tree.others, [("core".to_owned(), 50)]);
    }

    /// A constant that only inlined code refers to is not told from the constants of the function around
    /// it, so a package without a byte may have some all the same.
    #[test]
    fn what_has_no_byte_is_unused_only_where_what_was_inlined_is_known() {
        let mut dependencies = Dependencies::default();
        dependencies.packages = vec![
            package("app", "0.1.0", &[1, 2, 4, 5]),
            package("idle", "1.0.0", &[]),
            package("facade", "1.0.0", &[3]),
            package("worker", "1.0.0", &[]),
            package("tables", "1.0.0", &[]),
            package("front", "1.0.0", &[6]),
            package("small", "1.0.0", &[]),
        ];
        let counted = [Counted {
            package: "worker".into(),
            version: "1.0.0".into(),
            bytes: 5,
            sizes: PackageSizes::default(),
        }];
        let inlined = ["tables", "small"].map(|name| (name.to_owned(), "1.0.0".to_owned()));
        let inlined: PackageNames = inlined.into();
        let known = tree(&dependencies, 0, &counted, Some(&inlined));
        let unknown = tree(&dependencies, 0, &counted, None);
        let kind = |tree: &Tree, name: &str| {
            let mut rows = tree.rows.iter();
            rows.find(|row| row.name == name).map(|row| row.kind)
        };
        use DependencyKind::{Inlined, NoBytes, Normal, Unused};
        for (name, with, without) in [
            ("idle", Unused, NoBytes),
            ("facade", Normal, Normal),
            ("tables", Inlined, NoBytes),
            ("front", Normal, NoBytes),
            ("small", Inlined, NoBytes),
        ] {
            assert_eq!(kind(&known, name), Some(with), "{name}");
            assert_eq!(kind(&unknown, name), Some(without), "{name}");
        }
    }
}
