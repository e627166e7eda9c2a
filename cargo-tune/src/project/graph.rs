//! What the members are linked from, as cargo resolves it: with features and for one platform.
//!
//! From `cargo metadata` with the lock file as it is and without the network, so that nothing is
//! written and nothing is fetched. Where cargo cannot say (no lock file yet, packages that were
//! never downloaded), the lock file and the manifests of path dependencies must do.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::process::Stdio;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use codecost::cargo::{Context, Selection, Workspace};

use super::lock::Lock;

/// One package that is linked.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version; empty where it is not known.
    pub version: String,
    /// The crate types of its library; empty where they are not known.
    pub crate_types: Vec<String>,
}

/// The packages, members first.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The packages.
    pub packages: Vec<Package>,
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
        let resolved = metadata(context, selection, triple);
        let linked = resolved.as_ref().and_then(linked);
        linked.unwrap_or_else(|| Self::from_files(workspace, lock))
    }

    /// Whether a package of that name is linked.
    pub fn has(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }

    fn from_files(workspace: &Workspace, lock: &Lock) -> Self {
        let mut packages: Vec<Package> = workspace
            .members()
            .iter()
            .map(|member| package(member))
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
        }));
        Self { packages }
    }
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

/// Everything that the members' normal dependencies lead to.
fn linked(metadata: &Metadata) -> Option<Graph> {
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
        found.push(package(found_package));
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
    Some(Graph { packages: found })
}

fn package(package: &cargo_metadata::Package) -> Package {
    let libraries = package.targets.iter().filter(|t| {
        !t.is_bin() && !t.is_example() && !t.is_test() && !t.is_bench() && !t.is_custom_build()
    });
    Package {
        name: package.name.to_string(),
        version: package.version.to_string(),
        crate_types: libraries
            .flat_map(|t| t.crate_types.iter().map(ToString::to_string))
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
