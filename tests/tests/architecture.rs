//! The directions of ARCHITECTURE.md, read off the `use` lines.

// A source that cannot be read fails its test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use integration_tests::directions::{
    declared_modules, forbidden_imports, order_violations, sources,
};
use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the tests are a member of the workspace")
        .to_owned()
}

/// The tools that exist: members that start with `cargo-`.
fn tools() -> Vec<String> {
    let entries = fs::read_dir(workspace()).expect("read the workspace");
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut tools: Vec<String> = names
        .filter(|name| name.starts_with("cargo-"))
        .filter(|name| workspace().join(name).join("Cargo.toml").is_file())
        .collect();
    tools.sort();
    assert!(!tools.is_empty());
    tools
}

#[test]
fn library_modules_import_only_from_those_above_them() {
    let src = workspace().join("shared/src");
    let order = declared_modules(&fs::read_to_string(src.join("lib.rs")).expect("lib.rs"));
    assert!(order.len() > 5, "{order:?}");
    let violations = order_violations(&order, &sources(&src));
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn within_a_tool_analysis_report_and_cli_keep_apart() {
    let mut violations = Vec::new();
    for tool in tools() {
        let sources = sources(&workspace().join(&tool).join("src"));
        for [from, to] in [
            ["analysis", "report"],
            ["ledger", "report"],
            ["ledger", "cli"],
            ["ledger", "analysis"],
            ["analysis", "cli"],
            ["plan", "report"],
            ["plan", "cli"],
            ["measure", "report"],
            ["measure", "cli"],
            ["report", "cli"],
            ["report", "measure"],
            ["gate", "report"],
            ["gate", "cli"],
            ["gate", "commands"],
        ] {
            violations.extend(forbidden_imports(&sources, from, to, &[]));
        }
        // Rows and totals are data; the code that computes them is not the report's business.
        let data = ["model", "asm::model", "result", "Analysis", "Rows", "Total"];
        let data = data.map(|name| format!("analysis::{name}"));
        let data: Vec<&str> = data.iter().map(String::as_str).collect();
        violations.extend(forbidden_imports(&sources, "report", "analysis", &data));
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn tools_do_not_import_each_other_nor_the_library_a_tool() {
    let mut violations = Vec::new();
    let crates: Vec<String> = tools().iter().map(|tool| tool.replace('-', "_")).collect();
    let mut members = tools();
    members.push("shared".to_owned());
    for member in members {
        for source in sources(&workspace().join(&member).join("src")) {
            for other in crates
                .iter()
                .filter(|name| **name != member.replace('-', "_"))
            {
                if source.names_crate(other) {
                    violations.push(format!("{} names {other}", source.path.display()));
                }
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn clap_stays_where_arguments_are_read() {
    let mut violations = Vec::new();
    for tool in tools() {
        for source in sources(&workspace().join(&tool).join("src")) {
            let inside = ["analysis", "gate", "ledger", "report", "plan", "measure"]
                .contains(&&*source.module);
            if inside && source.names_crate("clap") {
                violations.push(source.path.display().to_string());
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}
