//! `cargo slim deps`: against the packages that were written, against builds, and against cargo's own
//! resolution.

use crate::{findings::project, slim};
use integration_tests::command::{cargo, succeed};
use integration_tests::fixture::Fixture;
use integration_tests::tool::{number, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The tree against the packages that were written, and a feature against two real builds.
#[test]
fn dependencies_and_features_have_their_bytes() {
    let fixture = Fixture::new("growing");
    let shipped = |features: &[&str]| {
        let mut arguments = vec!["sections", "--message-format", "json"];
        arguments.extend(features);
        let run = slim().in_directory(fixture.path()).run(arguments);
        run.report().artifact("shipped_size")
    };
    let with = shipped(&["--features", "report"]);
    let without = shipped(&[]);
    assert!(with > without, "{with} {without}");
    let deps = slim().in_directory(fixture.path()).run([
        "deps",
        "--features",
        "report",
        "--features",
        "--message-format",
        "json",
    ]);
    let deps = deps.report();
    let helper = deps.rows_where("name", "helper")[0];
    assert_eq!(text(helper, "parent"), "growing 1.0.0");
    assert_eq!(number(helper, "depth"), 1);
    assert!(number(helper, "own") > 0 && number(helper, "exclusive") == number(helper, "own"));
    let proven = deps.json["proven"].as_array().unwrap();
    assert_eq!(proven.len(), 1, "{proven:?}");
    assert_eq!(proven[0]["name"], "report");
    assert_eq!(proven[0]["status"], "measured");
    assert_eq!(proven[0]["enabled_by"], "--features");
    assert_eq!(proven[0]["bytes"].as_u64(), Some(with - without));
    let own = deps.rows_where("name", "growing")[0];
    assert_eq!(own["features"][0]["bytes"].as_u64(), Some(with - without));

    // What was measured is remembered.
    let again = slim().in_directory(fixture.path()).run([
        "deps",
        "--features",
        "report",
        "--features",
        "--budget",
        "1",
        "--message-format",
        "json",
    ]);
    assert_eq!(again.report().json["proven"][0]["status"], "remembered");
}

const LIBRARY: &str = "pub fn one() -> usize { 1 }\n";

fn manifest(name: &str, version: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n{more}")
}

/// Package and version, with the packages that depend on it.
type Packages = BTreeMap<String, BTreeSet<String>>;

fn strings(value: &Value) -> BTreeSet<String> {
    let list = value.as_array().unwrap().iter();
    list.map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// What cargo resolves for the package `app`: what is linked into it, by normal dependencies that
/// are no procedural macros.
fn resolved(app: &Path) -> Packages {
    let metadata = succeed(
        cargo()
            .args([
                "metadata",
                "--format-version=1",
                "--offline",
                "--filter-platform",
            ])
            .arg(host())
            .current_dir(app),
    );
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages: BTreeMap<&str, &Value> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(package, "id"), package))
        .collect();
    let named = |id: &str| {
        format!(
            "{} {}",
            text(packages[id], "name"),
            text(packages[id], "version")
        )
    };
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let node = |id: &str| nodes.iter().find(|node| text(node, "id") == id).unwrap();
    let root = packages
        .iter()
        .find(|(_, package)| text(package, "name") == "app")
        .unwrap()
        .0;
    let mut found = Packages::new();
    let mut open = vec![*root];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        found.entry(named(id)).or_default();
        for used in node(id)["deps"].as_array().unwrap() {
            let other = text(used, "pkg");
            let kinds = used["dep_kinds"].as_array().unwrap();
            let targets = packages[other]["targets"].as_array().unwrap();
            if !kinds.iter().any(|kind| kind["kind"].is_null())
                || targets
                    .iter()
                    .any(|target| target["kind"][0] == "proc-macro")
            {
                continue;
            }
            found.entry(named(other)).or_default().insert(named(id));
            open.push(other);
        }
    }
    found
}

fn host() -> String {
    let version = succeed(integration_tests::command::rustc().arg("-vV"));
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    line.unwrap().to_owned()
}

/// The tree is made from manifests and the lock file, without `cargo metadata`, which would want the
/// packages that only tests need. All forms of a dependency are read as cargo reads them.
#[test]
fn the_tree_is_what_cargo_resolves() {
    let app = manifest(
        "app",
        "0.1.0",
        "[features]\ndefault = [\"compress\", \"helper/loud\"]\ncompress = [\"dep:zip\"]\n\
         unused = [\"dep:never\"]\nweak = [\"never?/x\"]\n\
         [dependencies]\nhelper = { workspace = true, features = [\"extra\"] }\n\
         renamed = { path = \"../real\", package = \"real-name\" }\n\
         zip = { path = \"../zip\", optional = true }\n\
         never = { path = \"../never\", optional = true }\n\
         twin = { path = \"../one\" }\nderive = { path = \"../derive\" }\n\
         [build-dependencies]\nbuilder = { path = \"../builder\" }\n\
         [target.'cfg(windows)'.dependencies]\nzip = { path = \"../zip\", features = [\"wide\"] }\n\
         only = { path = \"../only\" }\n\
         [target.'cfg(unix)'.dependencies]\nunix = { path = \"../unix\" }\n",
    );
    let files = [
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"app\"]\nexclude = [\"one\", \"two\"]\n\
             [workspace.dependencies]\n\
             helper = { path = \"helper\", default-features = false, features = [\"base\"] }\n"
                .to_owned(),
        ),
        ("app/Cargo.toml", app),
        (
            "app/src/main.rs",
            "fn main() {\n    let n = helper::one() + renamed::one() + twin::one() + unix::one();\n    \
             std::process::exit((n + zip::one()) as i32)\n}\n"
                .to_owned(),
        ),
        ("app/build.rs", "fn main() { assert_eq!(builder::one(), 1) }\n".to_owned()),
        (
            "helper/Cargo.toml",
            manifest(
                "helper",
                "0.2.0",
                "[features]\ndefault = [\"inner\"]\nbase = []\nextra = [\"twin\"]\nloud = []\n\
                 inner = []\n[dependencies]\n\
                 twin = { path = \"../two\", optional = true }\n",
            ),
        ),
        ("helper/src/lib.rs", LIBRARY.to_owned()),
        ("real/Cargo.toml", manifest("real-name", "1.0.0", "[dependencies.zip]\npath = \"../zip\"\n")),
        ("real/src/lib.rs", LIBRARY.to_owned()),
        (
            "zip/Cargo.toml",
            manifest("zip", "1.0.0", "[features]\ndefault = [\"fast\"]\nfast = []\nwide = []\n"),
        ),
        ("zip/src/lib.rs", LIBRARY.to_owned()),
        ("zip/build.rs", "fn main() {}\n".to_owned()),
        ("never/Cargo.toml", manifest("never", "1.0.0", "[features]\nx = []\n")),
        ("never/src/lib.rs", LIBRARY.to_owned()),
        ("one/Cargo.toml", manifest("twin", "1.0.0", "")),
        ("one/src/lib.rs", LIBRARY.to_owned()),
        ("two/Cargo.toml", manifest("twin", "2.0.0", "")),
        ("two/src/lib.rs", LIBRARY.to_owned()),
        (
            "derive/Cargo.toml",
            manifest(
                "derive",
                "1.0.0",
                "[lib]\nproc-macro = true\n[dependencies]\nparser = { path = \"../parser\" }\n",
            ),
        ),
        ("derive/src/lib.rs", String::new()),
        ("parser/Cargo.toml", manifest("parser", "1.0.0", "")),
        ("parser/src/lib.rs", LIBRARY.to_owned()),
        ("builder/Cargo.toml", manifest("builder", "1.0.0", "")),
        ("builder/src/lib.rs", LIBRARY.to_owned()),
        ("only/Cargo.toml", manifest("only", "1.0.0", "")),
        ("only/src/lib.rs", LIBRARY.to_owned()),
        ("unix/Cargo.toml", manifest("unix", "1.0.0", "")),
        ("unix/src/lib.rs", LIBRARY.to_owned()),
    ];
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    let directory = project(&files);
    let app = directory.path().join("app");
    let report = slim()
        .in_directory(&app)
        .run(["deps", "--message-format", "json"])
        .report();
    let mut shown = Packages::new();
    let mut compiled_only = BTreeSet::new();
    for row in report.rows() {
        let name = format!("{} {}", text(row, "name"), text(row, "version"));
        if text(row, "kind") == "build" {
            compiled_only.insert(name);
            continue;
        }
        shown.insert(name, strings(&row["parents"]));
    }
    assert_eq!(shown, resolved(&app));
    // Features are those of this build, by hand: `cargo metadata` unites those of all targets and
    // members.
    let features = |package: &str| -> Vec<&str> {
        let row = report.rows_where("name", package)[0];
        let features = row["features"].as_array().unwrap().iter();
        features.map(|feature| text(feature, "name")).collect()
    };
    assert_eq!(features("helper"), ["base", "extra", "loud", "twin"]);
    assert_eq!(features("zip"), ["default", "fast"]);
    let expected = ["builder 1.0.0", "derive 1.0.0", "parser 1.0.0"];
    assert_eq!(compiled_only, expected.map(str::to_owned).into());
}

/// A table that only inlined code reads is not told from the constants of the function around that code, so
/// its package is not called unused; debug information tells what was inlined.
#[test]
fn a_package_that_was_inlined_is_not_unused() {
    let table: String = (0..300)
        .map(|n| format!("({n}, {}), ", n * 7919 % 1000))
        .collect();
    let files = [
        (
            "Cargo.toml",
            manifest(
                "app",
                "0.1.0",
                "[dependencies]\ntables = { path = \"tables\" }\nidle = { path = \"idle\" }\n",
            ),
        ),
        (
            "src/main.rs",
            "fn main() {\n    let n = std::env::args().count() as u32;\n    \
             let found: Vec<u32> = (n..99).filter_map(tables::find).collect();\n    \
             println!(\"{found:?}\")\n}\n"
                .to_owned(),
        ),
        ("tables/Cargo.toml", manifest("tables", "1.0.0", "")),
        (
            "tables/src/lib.rs",
            format!(
                "const TABLE: &[(u32, u32)] = &[{table}];\n#[inline(always)]\n\
                 pub fn find(n: u32) -> Option<u32> {{\n    \
                 TABLE.binary_search_by_key(&n, |row| row.0).ok().map(|at| TABLE[at].1)\n}}\n"
            ),
        ),
        ("idle/Cargo.toml", manifest("idle", "1.0.0", "")),
        ("idle/src/lib.rs", LIBRARY.to_owned()),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let directory = project(&files);
    let kinds = |more: &[&str]| {
        let arguments = ["deps", "--message-format", "json"].iter().chain(more);
        let report = slim()
            .in_directory(directory.path())
            .run(arguments)
            .report();
        ["tables", "idle"].map(|name| {
            let row = report.rows_where("name", name)[0];
            [text(row, "kind"), text(row, "presence")].map(str::to_owned)
        })
    };
    assert_eq!(kinds(&[]), [["unused", "unknown"], ["unused", "unknown"]]);
    assert_eq!(
        kinds(&["--config", "profile.release.debug=1"]),
        [["normal", "inlined"], ["unused", "none"]]
    );
    // Whose a table is, fat LTO does not leave in the file: 0 B is no answer then, and that is said.
    for (lto, said) in [("off", false), ("fat", true)] {
        let lto = format!("profile.release.lto='{lto}'");
        let arguments = ["deps", "--message-format", "json", "--config", &lto];
        let report = slim()
            .in_directory(directory.path())
            .run(arguments)
            .report();
        let row = report.rows_where("name", "tables")[0];
        assert_eq!(number(row, "own"), 0, "{row}");
        let warnings = report.json["warnings"].as_array().unwrap().iter();
        let mut about = warnings.filter(|warning| warning["code"] == "nameless-constants");
        let message = about.next().map(|warning| text(warning, "message"));
        let named = message.is_some_and(|message| message.contains("`tables`"));
        assert_eq!(named, said, "{lto}: {message:?}");
    }
}
