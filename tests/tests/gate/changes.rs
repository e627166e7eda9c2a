//! What `diff` says of changes whose truth is known.

use crate::project::{delta, diff, edit, growing, snapshot};
use crate::{cache, slim};
use integration_tests::command::{command, succeed};
use integration_tests::published::{B3SUM, HYPERFINE, HYPERFINE_BEFORE, LEGACY, V0};
use integration_tests::tool::{Report, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The sizes of sections as binutils sees them.
fn sections(file: &Path) -> BTreeMap<String, i64> {
    let output = succeed(command("readelf").args(["-SW"]).arg(file));
    let mut sizes = BTreeMap::new();
    for line in output.lines() {
        let Some((_, rest)) = line.split_once(']') else {
            continue;
        };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        if let [name, kind, _, _, size, ..] = fields.as_slice()
            && name.starts_with('.')
            && *kind != "NOBITS"
            && let Ok(size) = i64::from_str_radix(size, 16)
        {
            sizes.insert((*name).to_owned(), size);
        }
    }
    assert!(sizes.len() > 10, "{output}");
    sizes
}

/// Every section's delta is that of readelf, and no section is left out.
fn assert_sections(report: &Report, before: &Path, after: &Path) {
    let (old, new) = (sections(before), sections(after));
    let mut expected: BTreeMap<&str, i64> = BTreeMap::new();
    for (name, size) in &new {
        *expected.entry(name).or_default() += size;
    }
    for (name, size) in &old {
        *expected.entry(name).or_default() -= size;
    }
    expected.retain(|_, delta| *delta != 0);
    let found: BTreeMap<&str, i64> = report
        .rows_where("kind", "section")
        .into_iter()
        .filter(|row| !text(row, "name").starts_with('['))
        .map(|row| (text(row, "name"), row["delta"].as_i64().unwrap()))
        .collect();
    assert_eq!(found, expected);
}

fn grown(report: &Report) -> i64 {
    let rows = report.rows_where("kind", "function");
    delta(
        rows.into_iter()
            .filter(|row| row["delta"].as_i64() > Some(0)),
    )
}

/// Issue 4: the same code with legacy and with v0 names has no growth outside symbol tables.
#[test]
fn other_names_for_the_same_code_are_no_growth() {
    let before = B3SUM.build(LEGACY, cache()).file;
    let after = B3SUM.build(V0, cache()).file;
    let report = diff(&before, &after);
    assert_sections(&report, &before, &after);
    let symbols = report.rows_where("name", "[symbols]");
    assert_eq!(symbols.len(), 1);
    // All of the difference but padding is in the tables of symbols.
    let rest = report.json["delta"]["file"].as_i64().unwrap() - delta(symbols);
    assert!(rest.abs() < 4096, "{rest} bytes outside symbol tables");
    // The compiler itself makes some functions a few bytes larger or smaller.
    let code = sections(&before)[".text"];
    println!("grown: {} of {code}", grown(&report));
    assert!(
        grown(&report) * 1000 <= code,
        "{} of {code}",
        grown(&report)
    );
    let ends = |status: &str| {
        let rows = report.rows_where("kind", "function");
        rows.into_iter()
            .filter(|row| row["status"] == status)
            .count()
    };
    assert_eq!((ends("added"), ends("removed")), (0, 0));
    for row in report.rows_where("kind", "section") {
        let name = text(row, "name");
        let change = row["delta"].as_i64().unwrap();
        let tables = [".symtab", ".strtab", "[padding]"].contains(&name);
        assert!(tables || change.abs() <= 64, "{row}");
    }
}

/// Two versions of a published program: sums are exact, sections are binutils' own.
#[test]
fn two_versions_of_a_published_program() {
    let before = HYPERFINE_BEFORE.build(V0, cache()).file;
    let after = HYPERFINE.build(V0, cache()).file;
    let report = diff(&before, &after);
    assert_sections(&report, &before, &after);
    assert!(report.rows_where("kind", "function").len() > 50);
    assert!(!report.rows_where("kind", "generic").is_empty());

    // The same the other way round is the same, negated.
    let back = diff(&after, &before);
    let total = |report: &Report| report.json["delta"]["file"].as_i64().unwrap();
    assert_eq!(total(&back), -total(&report));
    let functions = |report: &Report| delta(report.rows_where("kind", "function"));
    assert_eq!(functions(&back), -functions(&report));
}

#[test]
fn a_file_does_not_differ_from_itself() {
    let file = HYPERFINE.build(V0, cache()).file;
    let report = diff(&file, &file);
    assert!(report.rows().is_empty(), "{:#?}", report.rows());
    let run = slim().run([
        std::ffi::OsStr::new("diff"),
        file.as_os_str(),
        file.as_os_str(),
    ]);
    assert!(run.stdout.contains("nothing changed"), "{}", run.stdout);
}

/// A stripped side is named, as people and as programs see it.
#[test]
fn a_side_without_symbols_is_said() {
    let fixture = growing();
    let file = HYPERFINE.build(V0, cache()).file;
    let stripped = fixture.root().join("stripped");
    let mut strip = command("strip");
    succeed(strip.args(["--strip-all", "-o"]).arg(&stripped).arg(&file));
    let codes = |before: &Path, after: &Path| -> Vec<(String, String)> {
        let report = diff(before, after);
        let warnings = report.json["warnings"].as_array().unwrap().iter();
        warnings
            .map(|row| (text(row, "code").into(), text(row, "message").into()))
            .collect()
    };
    assert_eq!(codes(&file, &file), []);
    let one = codes(&file, &stripped);
    assert_eq!(one.len(), 1, "{one:?}");
    assert_eq!(one[0].0, "stripped");
    assert!(one[0].1.contains("the file after, stripped: "), "{one:?}");
    let both = codes(&stripped, &stripped);
    assert_eq!(both.len(), 2, "{both:?}");
    let run = slim().run([
        std::ffi::OsStr::new("diff"),
        stripped.as_os_str(),
        file.as_os_str(),
    ]);
    let warning = "warning: the file before, stripped: no symbol table";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
}

fn functions<'a>(report: &'a Report, status: &str) -> Vec<&'a Value> {
    let rows = report.rows_where("kind", "function");
    rows.into_iter()
        .filter(|row| row["status"] == status)
        .collect()
}

/// A renamed module moves its functions, and nothing grows.
#[test]
fn a_renamed_module_is_no_growth() {
    let fixture = growing();
    let before = snapshot(&fixture, "before.json", &[]);
    fs::rename(
        fixture.path().join("src/util.rs"),
        fixture.path().join("src/tools.rs"),
    )
    .unwrap();
    edit(&fixture, "src/main.rs", "mod util", "mod tools");
    edit(&fixture, "src/main.rs", "util::", "tools::");
    let after = snapshot(&fixture, "after.json", &[]);
    let report = diff(&before, &after);
    let moved = functions(&report, "moved");
    for name in ["total", "mix", "label"] {
        let row = moved
            .iter()
            .find(|row| row["name"] == format!("growing::tools::{name}"));
        let row = row.unwrap_or_else(|| panic!("no {name} in {:#?}", report.rows()));
        assert_eq!(row["from"], format!("growing::util::{name}"));
    }
    for status in ["added", "removed", "grown", "shrunk"] {
        assert_eq!(functions(&report, status), Vec::<&Value>::new());
    }
    assert_eq!(report.rows_where("kind", "generic"), Vec::<&Value>::new());
}

/// A crate that was split off holds what it took, and its code is no growth.
#[test]
fn a_split_crate_is_no_growth() {
    let fixture = growing();
    let before = snapshot(&fixture, "before.json", &[]);
    let other = fixture.root().join("parts");
    fs::create_dir_all(other.join("src")).unwrap();
    fs::rename(fixture.path().join("src/util.rs"), other.join("src/lib.rs")).unwrap();
    fs::write(
        other.join("Cargo.toml"),
        "[package]\nname = \"parts\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    )
    .unwrap();
    edit(
        &fixture,
        "Cargo.toml",
        "[dependencies]",
        "[dependencies]\nparts = { path = \"../parts\" }",
    );
    edit(&fixture, "src/main.rs", "mod util;", "use parts as util;");
    let after = snapshot(&fixture, "after.json", &[]);
    let report = diff(&before, &after);
    let moved = functions(&report, "moved");
    for name in ["total", "mix", "widest::<i64>", "widest::<u16>"] {
        let row = moved
            .iter()
            .find(|row| row["name"] == format!("parts::{name}"));
        let row = row.unwrap_or_else(|| panic!("no {name} in {:#?}", report.rows()));
        assert_eq!(row["from"], format!("growing::util::{name}"));
    }
    // Compiled apart from its caller it has another size, but it is still the same function.
    let label = report
        .rows()
        .iter()
        .find(|row| row["name"] == "parts::label");
    assert_eq!(label.unwrap()["from"], "growing::util::label");
    let of = |name: &str| {
        let rows = report.rows_where("kind", "crate");
        let row = rows.into_iter().find(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("no crate {name}"))
    };
    let came = of("parts")["moved"].as_i64().unwrap();
    assert!(came > 0 && of("growing")["moved"].as_i64().unwrap() <= -came);
    assert_eq!(of("parts")["status"], "moved");
    assert_eq!(of("growing")["status"], "moved");
    assert_eq!(of("parts")["from"], "growing");
    assert!(
        text(of("parts"), "cause").contains("pulled in by `growing`"),
        "{}",
        of("parts")
    );
    // What is left is what the compiler makes of another crate's functions.
    assert!(
        grown(&report) < 200,
        "{:#?}",
        report.rows_where("kind", "function")
    );
}

/// A feature switched on is named beside the crates that came with it.
#[test]
fn a_feature_switched_on_is_named() {
    let fixture = growing();
    let before = snapshot(&fixture, "before.json", &[]);
    let after = snapshot(&fixture, "after.json", &["--features", "report"]);
    let report = diff(&before, &after);
    let causes = report.json["causes"].as_array().unwrap();
    let kinds: Vec<&str> = causes.iter().map(|cause| text(cause, "kind")).collect();
    assert_eq!(kinds, ["feature-on", "dependency-added"], "{causes:#?}");
    let of = |name: &str| {
        let rows = report.rows_where("kind", "crate");
        let row = rows.into_iter().find(|row| row["name"] == name).unwrap();
        text(row, "cause").to_owned()
    };
    assert_eq!(of("growing"), "feature `report` of `growing` switched on");
    assert_eq!(
        of("helper"),
        "new dependency `helper` 0.3.0, pulled in by `growing`"
    );
    let helper = report.rows_where("name", "helper::describe");
    assert_eq!(helper.len(), 1);
    assert_eq!(helper[0]["status"], "added");
}

/// What grew is named, with its size; a change of the profile is a cause of everything.
#[test]
fn the_function_that_grew_is_the_one_that_was_changed() {
    let fixture = growing();
    let before = snapshot(&fixture, "before.json", &[]);
    edit(
        &fixture,
        "src/util.rs",
        "        _ => format!",
        "        3 => format!(\"a few more than two of {value}\"),\n        _ => format!",
    );
    let after = snapshot(&fixture, "after.json", &[]);
    let report = diff(&before, &after);
    let grown = functions(&report, "grown");
    assert!(
        grown
            .iter()
            .any(|row| row["name"] == "growing::util::label"),
        "{:#?}",
        report.rows()
    );
    assert_eq!(report.json["causes"], serde_json::json!([]));

    edit(
        &fixture,
        "Cargo.toml",
        "codegen-units = 1",
        "codegen-units = 1\nopt-level = 1",
    );
    let slower = snapshot(&fixture, "slower.json", &[]);
    let report = diff(&after, &slower);
    let cause = report.json["causes"][0]["message"].as_str().unwrap();
    assert_eq!(
        cause,
        "`opt-level` of the profile changed from its default to `1`"
    );
}
