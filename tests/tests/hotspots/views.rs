//! One recording, every view of it: nothing is built or run again, and the views agree.

use crate::hotspots;
use integration_tests::fixture::Fixture;
use integration_tests::tool::{Run, Tool};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A recording of the program with known shares, opened again and again.
struct Recorded {
    _fixture: Fixture,
    tool: Tool,
    program: PathBuf,
}

impl Recorded {
    fn new() -> Self {
        let fixture = Fixture::new("shares");
        let tool = hotspots().in_directory(fixture.path());
        let run = tool.run(["--bin", "shares", "--message-format", "json", "--", "1000"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let overview = json(&run);
        assert_eq!(overview["view"], "overview");
        let program = &overview["recording"]["programs"][0];
        assert_eq!(program["target"], "shares");
        assert_eq!(program["exit_code"], 0);
        let program = PathBuf::from(program["path"].as_str().unwrap());
        Self {
            _fixture: fixture,
            tool,
            program,
        }
    }

    fn view(&self, arguments: &[&str]) -> Value {
        let run = self
            .tool
            .run(arguments.iter().chain(&["--message-format", "json"]));
        assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
        json(&run)
    }
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

fn rows(report: &Value) -> &[Value] {
    report["rows"].as_array().expect("rows")
}

fn sum(rows: &[Value], key: &str) -> f64 {
    rows.iter().map(|row| row[key].as_f64().unwrap()).sum()
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn every_view_opens_the_latest_recording_and_they_agree() {
    let recorded = Recorded::new();
    let built = modified(&recorded.program);
    let crates = recorded.view(&["crates"]);
    for key in ["self", "charged", "caused"] {
        assert!((sum(rows(&crates), key) - 1.0).abs() < 1e-6, "{key}");
    }
    let functions = recorded.view(&["functions"]);
    assert_eq!(crates["recording"], functions["recording"]);
    for key in ["self", "charged", "symbol_self"] {
        assert!((sum(rows(&functions), key) - 1.0).abs() < 1e-6, "{key}");
    }
    // A crate's time is that of its functions.
    for row in rows(&crates) {
        let of_crate: Vec<Value> = rows(&functions)
            .iter()
            .filter(|function| {
                function["crate"] == row["name"] && function["version"] == row["version"]
            })
            .cloned()
            .collect();
        for key in ["self", "charged"] {
            let (own, sum) = (row[key].as_f64().unwrap(), sum(&of_crate, key));
            assert!((own - sum).abs() < 1e-6, "{key} of {row}: {sum}");
        }
    }
    let lines = recorded.view(&["lines"]);
    assert!((sum(rows(&lines), "self") - 1.0).abs() < 1e-6);
    let burn = rows(&lines)
        .iter()
        .find(|row| row["function"] == "alpha::burn")
        .expect("a line of alpha");
    assert!(
        burn["file"].as_str().unwrap().ends_with("alpha/src/lib.rs"),
        "{burn}"
    );
    let threads = recorded.view(&["threads"]);
    assert_eq!(rows(&threads).len(), 1);
    assert_eq!(rows(&threads)[0]["name"], "shares");

    // The callers of a function, and what it calls with itself, are all of its time.
    let alpha = rows(&functions)
        .iter()
        .find(|row| row["name"] == "alpha::burn")
        .expect("alpha::burn");
    for view in ["callers", "callees"] {
        let calls = recorded.view(&[view, "alpha::burn"]);
        let direct: Vec<Value> = rows(&calls)
            .iter()
            .filter(|row| row["depth"] == 1)
            .cloned()
            .collect();
        let inclusive = alpha["inclusive"].as_f64().unwrap();
        assert!(
            (sum(&direct, "inclusive") - inclusive).abs() < 1e-6,
            "{view}"
        );
    }
    let callers = recorded.view(&["callers", "alpha::burn"]);
    let above = rows(&callers)
        .iter()
        .any(|row| row["name"] == "shares::main");
    assert!(above, "{callers}");
    assert_eq!(modified(&recorded.program), built, "nothing is built again");
}

#[test]
fn files_for_other_tools_and_a_comparison_with_itself() {
    let recorded = Recorded::new();
    let source = recorded.view(&["crates"])["recording"]["source"]
        .as_str()
        .unwrap()
        .to_owned();
    let directory = Path::new(&source).parent().unwrap();
    let folded = recorded.tool.run(["export", "--to", "folded"]);
    assert_eq!(folded.code, Some(0), "{}", folded.stderr);
    let lines: Vec<_> = folded.stdout.lines().collect();
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| {
        line.rsplit_once(' ')
            .is_some_and(|(_, n)| n.parse::<u64>().is_ok())
    }));
    for (arguments, start) in [
        (
            ["flamegraph", "-o", "out.svg"].as_slice(),
            b"<?xml".as_slice(),
        ),
        (
            &["export", "--to", "pprof", "-o", "out.pb.gz"],
            &[0x1f, 0x8b],
        ),
        (&["export", "--to", "firefox", "-o", "out.json"], b"{"),
    ] {
        let run = recorded.tool.run(arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments:?}");
        let file = recorded
            ._fixture
            .path()
            .join(arguments[arguments.len() - 1]);
        assert!(fs::read(file).unwrap().starts_with(start), "{arguments:?}");
    }
    // By its directory and by its file.
    let diff = recorded.view(&["diff", directory.to_str().unwrap(), &source]);
    assert!(!rows(&diff).is_empty());
    for row in rows(&diff) {
        assert_eq!(row["delta"], 0.0, "{row}");
        assert_eq!(row["delta_ns"], 0, "{row}");
        assert!(row["ci_low_ns"].as_i64().unwrap() <= 0, "{row}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let fixture = Fixture::new("shares");
    let tool = hotspots().in_directory(fixture.path());
    let run = tool.run(["crates"]);
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    assert!(run.stderr.contains("help: "), "{}", run.stderr);
    let run = tool.run(["crates", "--input", "Cargo.toml"]);
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    assert!(run.stderr.contains("`Cargo.toml`"), "{}", run.stderr);
    // A program that takes no time has no samples, or far too few, and says so either way.
    let run = tool.run(["crates", "--message-format", "json", "--exec", "/bin/true"]);
    match run.code {
        Some(101) => assert!(run.stderr.contains("no samples"), "{}", run.stderr),
        Some(0) => {
            let report = json(&run);
            let warnings = report["warnings"].as_array().unwrap();
            assert!(
                warnings
                    .iter()
                    .any(|warning| warning["code"] == "few-samples")
            );
        }
        other => panic!("{other:?}: {}", run.stderr),
    }
}

/// A filter finds the same rows by the name in full and by the name as a table shows it, in each format.
#[test]
fn a_filter_takes_names_as_they_are_shown() {
    let recorded = Recorded::new();
    let functions = recorded.view(&["functions"]);
    let hottest = rows(&functions)[0]["name"].as_str().unwrap();
    let number = functions["recording"]["number"].to_string();
    for (view, arguments) in [
        ("functions", vec![]),
        ("lines", vec![]),
        ("callers", vec![hottest]),
        ("diff", vec![number.as_str(), number.as_str()]),
    ] {
        let whole = recorded.view(&[&[view][..], &arguments].concat());
        let key = if view == "lines" { "function" } else { "name" };
        // A function that is shown without its crate, as far down the tree as there is one.
        let of_row = |row: &Value| -> Option<(String, String)> {
            let name = row[key].as_str()?;
            let short = name.strip_prefix(&format!("{}::", row["crate"].as_str()?))?;
            let plain = |text: &str| {
                text.chars()
                    .all(|c| c.is_alphanumeric() || "_:".contains(c))
            };
            (plain(name) && !short.contains("::")).then(|| (name.to_owned(), short.to_owned()))
        };
        let found = rows(&whole).iter().rev().find_map(of_row);
        let (full, short) = found.unwrap_or_else(|| panic!("{view}: {whole}"));
        let filtered = |name: &str, flags: &[&str]| {
            let pattern = format!("^{name}$");
            let filter = ["--filter", &pattern];
            let all = [&[view][..], &arguments, &filter, flags].concat();
            let run = recorded.tool.run(&all);
            assert_eq!(run.code, Some(0), "{all:?}: {}", run.stderr);
            run.stdout
        };
        for flags in [
            &["--message-format", "json"][..],
            &["--message-format", "csv"],
            &[],
            &["-w"],
        ] {
            let by_short = filtered(&short, flags);
            assert!(by_short.contains(&short), "{view} {flags:?}: {by_short}");
            // Other functions may look the same; all that the full name finds is among them.
            let by_full = filtered(&full, flags);
            assert!(by_full.contains(&short), "{view} {flags:?}: {by_full}");
            assert!(
                by_full.len() <= by_short.len(),
                "{view}: {by_full} {by_short}"
            );
        }
    }
}
