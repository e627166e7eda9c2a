//! What the workspace says of its dependencies is true of `Cargo.lock`.

// A question that cargo cannot answer fails its test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use integration_tests::command::{cargo, succeed};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn workspace_file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `cargo metadata` with the dependencies that `Cargo.lock` pins.
fn metadata() -> Value {
    let text = succeed(
        cargo()
            .args(["metadata", "--locked", "--format-version", "1"])
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    );
    serde_json::from_str(&text).expect("cargo's metadata")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// The packages that end up in what users install: those of the published members, by normal and
/// build dependencies.
fn installed(metadata: &Value) -> Vec<&Value> {
    let nodes: BTreeMap<&str, &Value> = array(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| (text(&node["id"]), node))
        .collect();
    let packages: BTreeMap<&str, &Value> = array(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), package))
        .collect();
    let mut open: Vec<&str> = array(&metadata["workspace_members"])
        .iter()
        .map(text)
        // `publish = []` is how cargo says `publish = false`.
        .filter(|id| packages[id]["publish"].is_null())
        .collect();
    assert!(!open.is_empty());
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dependency in array(&nodes[id]["deps"]) {
            if array(&dependency["dep_kinds"])
                .iter()
                .any(|kind| kind["kind"] != "dev")
            {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    assert!(seen.len() > 50, "{} packages", seen.len());
    seen.into_iter().map(|id| packages[id]).collect()
}

/// `1.88` and `1.88.0` are one version.
fn version(text: &str) -> (u64, u64, u64) {
    let mut parts = text.split('.').map(|part| part.parse().expect("a number"));
    (
        parts.next().expect("a major version"),
        parts.next().unwrap_or(0),
        parts.next().unwrap_or(0),
    )
}

/// A compiler as old as we say must be able to compile all we bring along.
#[test]
fn the_declared_rust_version_is_that_of_the_most_demanding_dependency() {
    let metadata = metadata();
    let packages = installed(&metadata);
    let is_ours = |package: &Value| package["source"].is_null();
    let declared: BTreeSet<_> = packages
        .iter()
        .filter(|package| is_ours(package))
        .map(|package| version(text(&package["rust_version"])))
        .collect();
    assert_eq!(declared.len(), 1, "one version for the suite: {declared:?}");
    let needed = packages
        .iter()
        .filter(|package| !is_ours(package))
        .filter_map(|package| {
            let version = version(package["rust_version"].as_str()?);
            Some((version, text(&package["name"])))
        })
        .max()
        .expect("dependencies declare versions");
    assert_eq!(declared.first(), Some(&needed.0), "{} needs it", needed.1);
}

/// Two of them would be two sets of types for one thing, and twice the code.
#[test]
fn there_is_one_gimli_and_one_object() {
    let metadata = metadata();
    for name in ["gimli", "object", "goblin"] {
        let versions: Vec<&str> = array(&metadata["packages"])
            .iter()
            .filter(|package| package["name"] == name)
            .map(|package| text(&package["version"]))
            .collect();
        assert_eq!(versions.len(), 1, "{name}: {versions:?}");
    }
}

/// `deny.toml` allows what is there; `cargo deny` itself says more, where it is installed.
#[test]
fn licences_are_those_that_deny_toml_allows() {
    let deny = workspace_file("deny.toml");
    let list = deny
        .split_once("\nallow = [")
        .expect("a list of licences")
        .1;
    let list = list.split_once("\n]").expect("the list ends").0;
    let allowed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    assert!(allowed.contains("MIT"), "{allowed:?}");
    let mut used = BTreeSet::new();
    for package in array(&metadata()["packages"]) {
        let name = text(&package["name"]);
        let licence = package["license"].as_str().unwrap_or("");
        // `AND` binds stronger than `OR`, unless in parentheses; `/` is the old `OR`.
        let satisfied = licence
            .replace(['(', ')'], "")
            .replace('/', " OR ")
            .split(" AND ")
            .all(|term| {
                let fits = term.split(" OR ").find_map(|one| allowed.get(one.trim()));
                used.extend(fits);
                fits.is_some()
            });
        assert!(satisfied, "{name}: `{licence}`");
    }
    let unused: Vec<_> = allowed.difference(&used).collect();
    // Apache-2.0 is our own, and every other dependency's second.
    assert!(unused.is_empty(), "allowed and not used: {unused:?}");
}

/// Every member takes its version, edition and lints from the workspace, and its dependencies too.
#[test]
fn members_inherit_from_the_workspace() {
    for member in array(&metadata()["workspace_members"]).iter().map(text) {
        // `path+file:///…/shared#codecost@0.1.0`
        let directory = member.split_once("file://").expect("a path").1;
        let directory = directory.split_once('#').expect("a fragment").0;
        let manifest = fs::read_to_string(Path::new(directory).join("Cargo.toml")).unwrap();
        for field in ["version", "edition", "rust-version", "license"] {
            let line = format!("\n{field}.workspace = true\n");
            assert!(manifest.contains(&line), "{directory}: {field}");
        }
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{directory}"
        );
        let mut section = "";
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section.contains("dependencies")
                && line.contains('=')
                && !line.starts_with('#')
            {
                assert!(line.contains("workspace = true"), "{directory}: {line}");
            }
        }
    }
}
