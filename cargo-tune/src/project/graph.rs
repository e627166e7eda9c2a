//! What the members are linked from, as cargo resolves it: with features and for one platform.
//!
//! From `cargo metadata` with the lock file as it is and without the network, so that nothing is
//! written and nothing is fetched. Without a lock file, or with an old one, cargo resolves in a copy
//! (`mirror`). Where cargo cannot say (packages that were never downloaded), the lock file and the
//! manifests of path dependencies must do; without a lock file that has all packages, the graph says
//! that it is not whole.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use codecost::cargo::{Context, Selection, Workspace};

use super::lock::Lock;
use super::mirror::Mirror;

/// One package that is linked.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version; empty where it is not known.
    pub version: String,
    /// The crate types of its library; empty where they are not known.
    pub crate_types: Vec<String>,
    /// The root files of its libraries, where it is the user's own code: a member, or a path
    /// dependency.
    pub sources: Vec<PathBuf>,
}

impl Package {
    /// Whether it is a library that rustc links with the standard library's shared form.
    pub fn is_dylib(&self) -> bool {
        self.crate_types.iter().any(|t| t == "dylib")
    }
}

/// The packages, members first.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The packages.
    pub packages: Vec<Package>,
    /// Libraries of crate-type `dylib` that only examples, tests and benchmarks of members link;
    /// without a lock file only those in folders.
    pub development: Vec<Package>,
    /// Every package that cargo resolves, linked or not, with its version.
    pub resolved: Vec<(String, String)>,
    /// Why there may be others, where cargo could not resolve them.
    pub unknown: Option<String>,
}

impl Graph {
    /// Asks cargo.
    pub(super) fn load(
        context: &Context,
        selection: &Selection,
        workspace: &Workspace,
        triple: &str,
        lock: &Lock,
    ) -> Self {
        if let Some(graph) = metadata(context, selection, triple).and_then(|m| linked(&m, None)) {
            return graph;
        }
        let members = workspace.members();
        if members.iter().all(|member| member.dependencies.is_empty()) {
            return Self::from_files(workspace, lock);
        }
        let resolved = Mirror::new(context, workspace).and_then(|mirror| {
            let metadata = mirror.resolve(context, selection, triple)?;
            let graph = linked(&metadata, Some(&mirror));
            graph.ok_or_else(|| "cargo resolved no packages".to_owned())
        });
        let graph = resolved.unwrap_or_else(|why| Self {
            // A lock file that has all names says enough; only crate types are not known.
            unknown: (!lock.covers(workspace)).then_some(why),
            ..Self::from_files(workspace, lock)
        });
        Self {
            development: development_dylibs(workspace),
            ..graph
        }
    }

    /// Whether a package of that name is linked.
    pub fn has(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }

    fn from_files(workspace: &Workspace, lock: &Lock) -> Self {
        let mut packages: Vec<Package> = workspace
            .members()
            .iter()
            .map(|member| package(member, None))
            .collect();
        for member in workspace.members() {
            let normal = member
                .dependencies
                .iter()
                .filter(|d| d.kind == DependencyKind::Normal && !d.optional);
            for dependency in normal {
                let manifest = dependency.path.as_ref().map(|path| path.join("Cargo.toml"));
                packages.push(Package {
                    name: dependency.name.clone(),
                    version: String::new(),
                    crate_types: manifest
                        .map(|path| library_types(path.as_std_path()))
                        .unwrap_or_default(),
                    sources: Vec::new(),
                });
            }
        }
        let known: HashSet<String> = packages.iter().map(|p| p.name.clone()).collect();
        let others = lock
            .shipped(workspace)
            .into_iter()
            .filter(|n| !known.contains(n));
        packages.extend(others.map(|name| Package {
            name,
            version: String::new(),
            crate_types: Vec::new(),
            sources: Vec::new(),
        }));
        let versions = packages.iter().map(|p| (p.name.clone(), p.version.clone()));
        let locked = lock.packages.iter();
        let locked = locked.map(|p| (p.name.clone(), p.version.clone()));
        Self {
            resolved: versions.chain(locked).collect(),
            packages,
            development: Vec::new(),
            unknown: None,
        }
    }
}

/// The dylibs in folders that members depend on for examples, tests and benchmarks.
fn development_dylibs(workspace: &Workspace) -> Vec<Package> {
    let members = workspace.members().into_iter();
    let dependencies = members.flat_map(|member| &member.dependencies);
    let development = dependencies.filter(|d| d.kind == DependencyKind::Development);
    let packages = development.filter_map(|dependency| {
        let manifest = dependency.path.as_ref()?.join("Cargo.toml");
        Some(Package {
            name: dependency.name.clone(),
            version: String::new(),
            crate_types: library_types(manifest.as_std_path()),
            sources: Vec::new(),
        })
    });
    packages.filter(Package::is_dylib).collect()
}

fn metadata(context: &Context, selection: &Selection, triple: &str) -> Option<Metadata> {
    let mut command = context.cargo();
    command.args(["metadata", "--format-version=1"]);
    command.args(selection.common_args());
    for flag in ["--locked", "--offline"] {
        if !selection.common_args().iter().any(|arg| arg == flag) {
            command.arg(flag);
        }
    }
    command.args(["--filter-platform", triple]);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(())?;
    MetadataCommand::parse(text).ok()
}

/// Everything that the members' normal dependencies lead to; of the user's files, or of the copy.
fn linked(metadata: &Metadata, mirror: Option<&Mirror>) -> Option<Graph> {
    let resolve = metadata.resolve.as_ref()?;
    let nodes: HashMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let packages: HashMap<&PackageId, _> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package))
        .collect();
    let mut queue: VecDeque<&PackageId> = metadata.workspace_members.iter().collect();
    let mut seen: HashSet<&PackageId> = queue.iter().copied().collect();
    let mut found = Vec::new();
    while let Some(id) = queue.pop_front() {
        let found_package = packages.get(id)?;
        // What a proc-macro is made from runs in the compiler.
        let is_proc_macro = found_package.targets.iter().any(|t| t.is_proc_macro());
        found.push(package(found_package, mirror));
        if is_proc_macro {
            continue;
        }
        for dependency in &nodes.get(id)?.deps {
            let is_normal =
                |kind: &cargo_metadata::DepKindInfo| kind.kind == DependencyKind::Normal;
            if dependency.dep_kinds.iter().any(is_normal) && seen.insert(&dependency.pkg) {
                queue.push_back(&dependency.pkg);
            }
        }
    }
    let members = metadata.workspace_members.iter();
    let of_members = members.filter_map(|id| nodes.get(id)).flat_map(|n| &n.deps);
    let others = of_members.filter(|dependency| !seen.contains(&dependency.pkg));
    let others = others.filter_map(|dependency| packages.get(&dependency.pkg));
    let others = others.map(|found| package(found, mirror));
    let resolved = metadata.packages.iter();
    Some(Graph {
        packages: found,
        development: others.filter(Package::is_dylib).collect(),
        resolved: resolved
            .map(|p| (p.name.to_string(), p.version.to_string()))
            .collect(),
        unknown: None,
    })
}

fn package(package: &cargo_metadata::Package, mirror: Option<&Mirror>) -> Package {
    let libraries = package.targets.iter().filter(|t| {
        !t.is_bin() && !t.is_example() && !t.is_test() && !t.is_bench() && !t.is_custom_build()
    });
    Package {
        name: package.name.to_string(),
        version: package.version.to_string(),
        crate_types: libraries
            .clone()
            .flat_map(|t| t.crate_types.iter().map(ToString::to_string))
            .collect(),
        sources: libraries
            .filter(|t| !t.is_proc_macro() && package.source.is_none())
            .map(|t| {
                let path = t.src_path.as_std_path();
                mirror.map_or_else(|| path.to_owned(), |mirror| mirror.original(path))
            })
            .collect(),
    }
}

/// `[lib] crate-type` of a manifest.
fn library_types(manifest: &Path) -> Vec<String> {
    let types = || {
        let text = std::fs::read_to_string(manifest).ok()?;
        let document: toml_edit::DocumentMut = text.parse().ok()?;
        let library = document.get("lib")?;
        let list = library
            .get("crate-type")
            .or_else(|| library.get("crate_type"))?;
        let types = list.as_array()?.iter().filter_map(|t| t.as_str());
        Some(types.map(str::to_owned).collect())
    };
    types().unwrap_or_default()
}
