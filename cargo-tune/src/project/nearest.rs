//! The members, and what is nearest to what they make.

use std::collections::BTreeSet;

use cargo_metadata::{Dependency, DependencyKind, Package as Member, Target};
use codecost::cargo::Workspace;
use codecost::cargo::config::Nearest;

/// What cargo says of the members, without resolving their dependencies.
pub(super) fn nearest(workspace: &Workspace) -> Nearest {
    let members = workspace.members();
    let is_linked = |m: &&&Member| m.targets.iter().any(is_linked);
    let linked: Vec<&&Member> = members.iter().filter(is_linked).collect();
    let normal = |member: &Member| -> Vec<String> {
        let of_kind = |d: &&Dependency| d.kind == DependencyKind::Normal;
        let normal = member.dependencies.iter().filter(of_kind);
        normal.map(|d| d.name.clone()).collect()
    };
    Nearest {
        dependencies: members.iter().flat_map(|m| normal(m)).collect(),
        members: members
            .iter()
            .map(|m| (m.name.to_string(), m.version.to_string()))
            .collect(),
        linked: linked.iter().map(|m| m.name.to_string()).collect(),
        direct: linked.iter().flat_map(|m| normal(m)).collect(),
        host: host(&members),
        is_all: members
            .iter()
            .all(|m| m.dependencies.iter().all(|d| is_member(d, &members))),
    }
}

/// Whether the dependency is in the folder of a member.
fn is_member(dependency: &Dependency, members: &[&Member]) -> bool {
    let path = dependency.path.as_ref();
    path.is_some_and(|path| {
        let folder = |m: &&Member| m.manifest_path.parent() == Some(path.as_path());
        members.iter().any(folder)
    })
}

/// The members with a build script, proc-macros, what a build script depends on, and what these
/// depend on in turn.
fn host(members: &[&Member]) -> BTreeSet<String> {
    let has = |m: &Member, is: fn(&Target) -> bool| m.targets.iter().any(is);
    let mut host: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<&str> = Vec::new();
    for member in members {
        if has(member, Target::is_custom_build) {
            host.insert(member.name.to_string());
        }
        if has(member, Target::is_proc_macro) {
            open.push(member.name.as_str());
        }
        let of_build = |d: &&Dependency| d.kind == DependencyKind::Build;
        let of_build = member.dependencies.iter().filter(of_build);
        open.extend(of_build.map(|d| d.name.as_str()));
    }
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        let member = members.iter().find(|m| m.name.as_str() == name);
        let Some(member) = member.filter(|_| seen.insert(name)) else {
            continue;
        };
        host.insert(name.to_owned());
        open.extend(member.dependencies.iter().map(|d| d.name.as_str()));
    }
    host
}

/// Whether the linker makes it: not a library for Rust alone, and no build script.
fn is_linked(target: &cargo_metadata::Target) -> bool {
    let only_for_rust = |kind: &cargo_metadata::TargetKind| {
        use cargo_metadata::TargetKind as Kind;
        matches!(
            kind,
            Kind::Lib | Kind::RLib | Kind::CustomBuild | Kind::Test | Kind::Bench
        )
    };
    !target.kind.iter().all(only_for_rust)
}
