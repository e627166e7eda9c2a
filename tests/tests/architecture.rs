//! The directions of ARCHITECTURE.md, read off the source.

// A source that cannot be read fails its test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use integration_tests::directions::graph::Sources;
use integration_tests::directions::rules::Role::{Cli, Commands, Domain, Helper, Report, Values};
use integration_tests::directions::rules::{Plan, foreign, order_violations, plan_violations};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each module of each tool is for. A module that is not here has no rule, and fails.
const PLANS: [(&str, Plan<'_>); 3] = [
    (
        "cargo-slim",
        Plan(&[
            ("commands", Commands),
            ("cli", Cli),
            ("about", Helper),
            ("announce", Helper),
            ("report", Report),
            ("analysis", Domain),
            ("budget", Domain),
            ("compare", Domain),
            ("dependencies", Domain),
            ("graph", Domain),
            ("inference", Domain),
            ("ledger", Domain),
            ("snapshot", Domain),
        ]),
    ),
    (
        "cargo-tune",
        Plan(&[
            ("commands", Commands),
            ("cli", Cli),
            ("offer", Helper),
            ("report", Report),
            ("apply", Domain),
            ("drift", Domain),
            ("edit", Domain),
            ("knob", Domain),
            ("pgo", Domain),
            ("plan", Domain),
            ("project", Domain),
            ("receipt", Domain),
            ("rustc", Domain),
            ("trial", Domain),
            ("unwind", Domain),
        ]),
    ),
    (
        "cargo-hotspots",
        Plan(&[
            ("commands", Commands),
            ("cli", Cli),
            ("gating", Helper),
            ("help", Helper),
            ("operations", Helper),
            ("report", Report),
            ("allocations", Domain),
            ("analysis", Domain),
            ("doctor", Domain),
            ("export", Domain),
            ("gate", Domain),
            ("input", Domain),
            ("machine", Domain),
            ("open", Domain),
            ("paths", Values),
            ("perf_data", Domain),
            ("profile", Domain),
            ("record", Domain),
            ("recording", Domain),
            ("stat", Domain),
            ("summary", Domain),
            ("symbolize", Domain),
            ("symbols", Domain),
            ("work", Values),
        ]),
    ),
];

fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the tests are a member of the workspace")
        .to_owned()
}

/// The library and the tools that exist: members that start with `cargo-`.
fn members() -> BTreeMap<String, Sources> {
    let entries = fs::read_dir(workspace()).expect("read the workspace");
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let members: BTreeMap<String, Sources> = names
        .filter(|name| name.starts_with("cargo-") || name == "shared")
        .filter(|name| workspace().join(name).join("Cargo.toml").is_file())
        .map(|name| {
            let sources = Sources::read(&workspace().join(&name).join("src"));
            (name, sources)
        })
        .collect();
    assert!(members.len() > 1 && members.contains_key("shared"));
    members
}

fn none(violations: &[String]) {
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn library_modules_import_only_from_those_above_them() {
    let library = &members()["shared"];
    assert!(library.declared().len() > 5, "{:?}", library.declared());
    none(&order_violations(library));
}

#[test]
fn every_tool_keeps_the_floor_plan() {
    let members = members();
    let tools: Vec<&str> = members
        .keys()
        .map(String::as_str)
        .filter(|name| *name != "shared")
        .collect();
    let mut planned = PLANS.map(|(name, _)| name);
    planned.sort_unstable();
    assert_eq!(tools, planned);
    let mut violations = Vec::new();
    for (tool, plan) in PLANS {
        let found = plan_violations(&members[tool], plan);
        violations.extend(found.iter().map(|violation| format!("{tool}: {violation}")));
    }
    none(&violations);
}

#[test]
fn no_file_depends_on_itself_through_others() {
    let mut circles = Vec::new();
    for (member, sources) in members() {
        let found = sources.circles();
        circles.extend(found.iter().map(|circle| format!("{member}: {circle}")));
    }
    none(&circles);
}

#[test]
fn every_file_is_declared_by_the_module_above_it() {
    let stray = members().into_values().flat_map(|sources| sources.stray);
    none(&stray.collect::<Vec<_>>());
}

#[test]
fn tools_do_not_import_each_other_nor_the_library_a_tool() {
    let members = members();
    let of_crate = |member: &str| member.replace('-', "_");
    let mut violations = Vec::new();
    for (member, sources) in &members {
        let others = members
            .keys()
            .filter(|name| *name != member && *name != "shared");
        let others: Vec<String> = others.map(|other| of_crate(other)).collect();
        violations.extend(foreign(sources, &others));
    }
    none(&violations);
}
