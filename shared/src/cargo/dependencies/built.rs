//! The packages of one build with who depends on whom, from the manifests of what was compiled and
//! the lock file. `cargo metadata` resolves what tests need as well, so it wants packages that no
//! build has downloaded; this needs nothing but what the build had.
//!
//! Truth: the cargo reference, "Specifying dependencies", "Features" and "Workspaces". A test
//! compares it with `cargo metadata`.
//!
//! Limit: a manifest that cannot be read is a package without dependencies.

use super::{Dependencies, Dependency, Use};
use crate::cargo::{Build, Context};
use cargo_platform::{Cfg, Platform};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    str::FromStr,
};
use toml_edit::{DocumentMut, Item, TableLike};

impl Dependencies {
    /// The packages of `build`.
    pub fn of_build(context: &Context, build: &Build) -> Self {
        let mut packages = compiled(build);
        let by_id: HashMap<String, usize> = packages
            .iter()
            .enumerate()
            .map(|(at, (package, _))| (package.id.clone(), at))
            .collect();
        let cfg = build
            .toolchain
            .cfg(context, &build.triple, &build.rustflags.flags)
            .unwrap_or_default();
        let reader = Reader {
            lock: Lock::read(&build.workspace_root),
            triple: &build.triple,
            cfg: &cfg,
            by_name: by_name(&packages),
        };
        for at in 0..packages.len() {
            let (package, root) = &packages[at];
            let (table, uses) = reader.manifest(package, root, &packages);
            let package = &mut packages[at].0;
            package.table = table;
            package.uses = uses;
            let active: Vec<bool> = {
                let uses = package.uses.iter();
                uses.map(|used| !used.optional || package.activates(&used.alias, &package.features))
                    .collect()
            };
            let mut active = active.into_iter();
            package.uses.retain(|_| active.next() == Some(true));
        }
        Self {
            packages: packages.into_iter().map(|(package, _)| package).collect(),
            by_id,
        }
    }
}

/// What was compiled, each package once.
fn compiled(build: &Build) -> Vec<(Dependency, &Path)> {
    let mut packages: Vec<(Dependency, &Path)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for built in &build.crates {
        let at = *places.entry(&built.package_id).or_insert_with(|| {
            let package = Dependency {
                id: built.package_id.clone(),
                name: built.package.clone(),
                version: built.version.clone(),
                member: built.member,
                proc_macro: false,
                programs: Vec::new(),
                features: Vec::new(),
                table: BTreeMap::new(),
                uses: Vec::new(),
            };
            packages.push((package, &built.root));
            packages.len() - 1
        });
        let package = &mut packages[at].0;
        match (built.library, built.compile_time) {
            (true, true) => package.proc_macro = true,
            (false, false) => package.programs.push(built.name.clone()),
            _ => {}
        }
        // The build script has the features of one of its package's libraries.
        if !built.compile_time || package.features.is_empty() {
            package.features.clone_from(&built.features);
        }
    }
    packages
}

fn by_name(packages: &[(Dependency, &Path)]) -> HashMap<String, Vec<usize>> {
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, (package, _)) in packages.iter().enumerate() {
        by_name.entry(package.name.clone()).or_default().push(at);
    }
    by_name
}

/// Which version each package of a lock file uses of another one, where there are several.
#[derive(Default)]
struct Lock {
    /// By name and version: the entries `name version` of its dependencies.
    chosen: HashMap<(String, String), Vec<(String, String)>>,
}

impl Lock {
    fn read(root: &Path) -> Self {
        let text = fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
        let Ok(document) = text.parse::<DocumentMut>() else {
            return Self::default();
        };
        let mut lock = Self::default();
        let packages = document.get("package").and_then(Item::as_array_of_tables);
        for package in packages.into_iter().flatten() {
            let text = |key| package.get(key).and_then(Item::as_str).map(str::to_owned);
            let (Some(name), Some(version)) = (text("name"), text("version")) else {
                continue;
            };
            let dependencies = package.get("dependencies").and_then(Item::as_array);
            let chosen = dependencies.into_iter().flatten().filter_map(|entry| {
                let mut words = entry.as_str()?.split(' ');
                Some((words.next()?.to_owned(), words.next()?.to_owned()))
            });
            lock.chosen.insert((name, version), chosen.collect());
        }
        lock
    }

    /// Whether the lock file lets `package` use `other`, of which there are several versions.
    fn allows(&self, package: &Dependency, other: &Dependency) -> bool {
        let key = (package.name.clone(), package.version.clone());
        let Some(chosen) = self.chosen.get(&key) else {
            return true;
        };
        let mut chosen = chosen.iter().filter(|(name, _)| *name == other.name);
        // Without a version in the lock file it knows only one.
        chosen.clone().next().is_none() || chosen.any(|(_, version)| *version == other.version)
    }
}

struct Reader<'a> {
    lock: Lock,
    triple: &'a str,
    cfg: &'a [Cfg],
    by_name: HashMap<String, Vec<usize>>,
}

type Table = BTreeMap<String, Vec<String>>;

impl Reader<'_> {
    /// The features of a package, and what it may depend on.
    fn manifest(
        &self,
        package: &Dependency,
        root: &Path,
        packages: &[(Dependency, &Path)],
    ) -> (Table, Vec<Use>) {
        let text = fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
        let Ok(document) = text.parse::<DocumentMut>() else {
            return Default::default();
        };
        let mut table = features(&document);
        let mut uses: Vec<Use> = Vec::new();
        for (kind, name, item) in self.declared(&document) {
            let inherited = inherited(&name, &item, root);
            let declared = Declared::new(&name, &item, inherited.as_ref());
            if declared.optional {
                with_implied(&mut table, &name);
            }
            let places = self.by_name.get(&declared.package);
            let places = places.map(Vec::as_slice).unwrap_or_default();
            for to in places.iter().copied() {
                let (other, _) = &packages[to];
                if other.id == package.id || places.len() > 1 && !self.lock.allows(package, other) {
                    continue;
                }
                let known = uses
                    .iter_mut()
                    .find(|used| used.to == to && used.alias == name);
                match known {
                    Some(used) => declared.join(kind, used),
                    None => {
                        let mut used = Use {
                            to,
                            alias: name.clone(),
                            optional: true,
                            ..Use::default()
                        };
                        declared.join(kind, &mut used);
                        uses.push(used);
                    }
                }
            }
        }
        (table, uses)
    }

    /// All dependencies of a manifest that apply to the target.
    fn declared(&self, document: &DocumentMut) -> Vec<(Kind, String, Item)> {
        let mut all = Vec::new();
        take(document.as_table(), &mut all);
        let targets = document.get("target").and_then(Item::as_table_like);
        for (platform, tables) in targets.into_iter().flat_map(TableLike::iter) {
            let applies = Platform::from_str(platform)
                .is_ok_and(|platform| platform.matches(self.triple, self.cfg));
            if let Some(tables) = tables.as_table_like().filter(|_| applies) {
                take(tables, &mut all);
            }
        }
        all
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Build,
}

fn take(tables: &dyn TableLike, into: &mut Vec<(Kind, String, Item)>) {
    let names = [
        ("dependencies", Kind::Normal),
        ("build-dependencies", Kind::Build),
        ("build_dependencies", Kind::Build),
    ];
    for (name, kind) in names {
        let table = tables.get(name).and_then(Item::as_table_like);
        let entries = table.into_iter().flat_map(TableLike::iter);
        into.extend(entries.map(|(name, item)| (kind, name.to_owned(), item.clone())));
    }
}

/// What one entry of a manifest says.
struct Declared {
    package: String,
    optional: bool,
    features: Vec<String>,
    default_features: bool,
}

impl Declared {
    fn new(name: &str, item: &Item, inherited: Option<&Item>) -> Self {
        let of = |item: Option<&Item>, key: &str| {
            let table = item?.as_table_like()?;
            table.get(key).cloned()
        };
        let own = |key: &str| of(Some(item), key);
        let above = |key: &str| of(inherited, key);
        let either = |key: &str| own(key).or_else(|| above(key));
        let defaults = |item: &dyn Fn(&str) -> Option<Item>| {
            let value = item("default-features").or_else(|| item("default_features"));
            value.and_then(|value| value.as_bool())
        };
        let package = either("package");
        let package = package.as_ref().and_then(Item::as_str).unwrap_or(name);
        let listed = |item: Option<Item>| {
            let list = item.as_ref().and_then(Item::as_array).cloned();
            let list = list.unwrap_or_default();
            let names = list.iter().filter_map(|value| value.as_str());
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        let mut features = listed(own("features"));
        features.extend(listed(above("features")));
        Self {
            package: package.to_owned(),
            optional: own("optional").and_then(|value| value.as_bool()) == Some(true),
            features,
            default_features: match inherited {
                // A member cannot switch off what the workspace leaves on, and can switch on.
                Some(_) => defaults(&above).unwrap_or(true) || defaults(&own) == Some(true),
                None => defaults(&own).unwrap_or(true),
            },
        }
    }

    fn join(&self, kind: Kind, used: &mut Use) {
        used.normal |= kind == Kind::Normal;
        used.build |= kind == Kind::Build;
        used.optional &= self.optional;
        used.features.extend(self.features.iter().cloned());
        used.default_features |= self.default_features;
    }
}

/// The entry of the workspace's manifest that `item` takes over.
fn inherited(name: &str, item: &Item, root: &Path) -> Option<Item> {
    let takes = item.as_table_like()?.get("workspace")?.as_bool()?;
    if !takes {
        return None;
    }
    root.ancestors().find_map(|directory| {
        let text = fs::read_to_string(directory.join("Cargo.toml")).ok()?;
        let document: DocumentMut = text.parse().ok()?;
        let workspace = document.get("workspace")?.as_table_like()?;
        let table = workspace.get("dependencies")?.as_table_like()?;
        table.get(name).cloned()
    })
}

fn features(document: &DocumentMut) -> Table {
    let table = document.get("features").and_then(Item::as_table_like);
    let entries = table.into_iter().flat_map(TableLike::iter);
    entries
        .map(|(name, list)| {
            let list = list.as_array().into_iter().flatten();
            let list = list.filter_map(|value| value.as_str().map(str::to_owned));
            (name.to_owned(), list.collect())
        })
        .collect()
}

/// An optional dependency is a feature of its name, unless some feature names it with `dep:`.
fn with_implied(table: &mut Table, name: &str) {
    let item = format!("dep:{name}");
    if !table.contains_key(name) && !table.values().flatten().any(|one| *one == item) {
        table.insert(name.to_owned(), vec![item]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> DocumentMut {
        text.parse().unwrap()
    }

    #[test]
    fn an_optional_dependency_is_a_feature_unless_it_is_named() {
        let manifest = document("[features]\ngit = ['dep:git2']\nbig = []\n");
        let mut table = features(&manifest);
        with_implied(&mut table, "git2");
        with_implied(&mut table, "zip");
        let names: Vec<&str> = table.keys().map(String::as_str).collect();
        assert_eq!(names, ["big", "git", "zip"]);
        assert_eq!(table["zip"], ["dep:zip"]);
    }

    #[test]
    fn entries_are_read_in_each_form() {
        let manifest = document(
            "[dependencies]\na = '1'\nb = { package = 'real', optional = true, \
             default-features = false, features = ['x'] }\n[dependencies.c]\nversion = '1'\n",
        );
        let mut all = Vec::new();
        take(manifest.as_table(), &mut all);
        let read: Vec<_> = all
            .iter()
            .map(|(_, name, item)| {
                let one = Declared::new(name, item, None);
                (
                    one.package,
                    one.optional,
                    one.features,
                    one.default_features,
                )
            })
            .collect();
        assert_eq!(
            read,
            [
                ("a".to_owned(), false, vec![], true),
                ("real".to_owned(), true, vec!["x".to_owned()], false),
                ("c".to_owned(), false, vec![], true),
            ]
        );
    }

    #[test]
    fn what_the_workspace_says_is_taken_over() {
        let item = |text: &str| {
            let manifest = document(text);
            manifest.get("x").cloned().unwrap()
        };
        let above = item("x = { package = 'real', default-features = false, features = ['a'] }");
        let own = item("x = { workspace = true, features = ['b'], optional = true }");
        let read = Declared::new("x", &own, Some(&above));
        assert_eq!(read.package, "real");
        assert_eq!(read.features, ["b", "a"]);
        assert!(read.optional && !read.default_features);
        let own = item("x = { workspace = true, default-features = true }");
        assert!(Declared::new("x", &own, Some(&above)).default_features);
    }
}
