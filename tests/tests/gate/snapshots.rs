//! The snapshot file: stable, small, of a known version, and complete.

use crate::project::{growing, snapshot};
use crate::{cache, slim};
use integration_tests::fixture::Specimens;
use integration_tests::published::{HYPERFINE, V0};
use integration_tests::tool::number;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;

fn read(path: &std::path::Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Two builds of one source in two directories give the same bytes, and name neither.
#[test]
fn the_same_source_gives_the_same_snapshot_wherever_it_is_built() {
    let (one, other) = (growing(), growing());
    let first = fs::read_to_string(snapshot(&one, "size.json", &[])).unwrap();
    let second = fs::read_to_string(snapshot(&other, "size.json", &[])).unwrap();
    assert_eq!(first, second);
    for directory in [one.root(), other.root()] {
        assert!(!first.contains(directory.to_str().unwrap()));
    }
}

/// What the snapshot says is what the views say of the same file.
#[test]
fn a_snapshot_says_what_the_views_say() {
    let file = HYPERFINE.build(V0, cache()).file;
    let run = slim().run([
        OsStr::new("snapshot"),
        OsStr::new("--file"),
        file.as_os_str(),
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let snapshot: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(snapshot["schema"], "cargo-slim/1");
    let size = fs::metadata(&file).unwrap().len();
    assert_eq!(number(&snapshot["measures"], "file"), size);
    for (key, view) in [("rows", "crates"), ("sections", "sections")] {
        let rows = snapshot[key].as_array().unwrap();
        let sum: u64 = rows.iter().map(|row| number(row, "file")).sum();
        assert_eq!(sum, size, "{key}");
        assert_eq!(
            rows.len(),
            slim().view(&[view], &file).rows().len(),
            "{view}"
        );
    }
    let functions = snapshot["functions"].as_array().unwrap();
    let sum: u64 = functions.iter().map(|row| row[6].as_u64().unwrap()).sum();
    let view = slim().view(&["functions"], &file);
    assert_eq!(
        (functions.len(), sum),
        (view.rows().len(), view.sum("file"))
    );
    // Names stand in the file once: a tenth of what the view writes, and nearly a third shorter
    // than the names alone.
    let names: usize = view
        .rows()
        .iter()
        .map(|row| row["name"].as_str().unwrap().len())
        .sum();
    println!("snapshot {} bytes, names alone {names}", run.stdout.len());
    assert!(
        run.stdout.len() < names,
        "{} bytes, names {names}",
        run.stdout.len()
    );
}

#[test]
fn snapshots_of_the_future_and_other_files_are_refused() {
    let specimens = Specimens::new();
    let file = specimens.rustc("plain", &[]);
    let path = specimens.path().join("size.json");
    let write = [
        OsStr::new("snapshot"),
        OsStr::new("--file"),
        file.as_os_str(),
        OsStr::new("-o"),
        path.as_os_str(),
    ];
    assert_eq!(slim().run(write).code, Some(0));
    assert_eq!(read(&path)["view"], "snapshot");
    // A binary in its place is told from a damaged file.
    let run = slim().in_directory(specimens.path()).run([
        "check",
        "--config-file",
        "slim.toml",
        "--baseline",
        "plain",
    ]);
    assert_eq!(run.code, Some(2), "no budgets yet: {}", run.stderr);
    let budgets = "[[budget]]\nfile = \"plain\"\nmeasure = \"file\"\nlimit = \"9 MiB\"\n";
    fs::write(specimens.path().join("slim.toml"), budgets).unwrap();
    let run = slim()
        .in_directory(specimens.path())
        .run(["check", "--baseline", "plain"]);
    run.assert_clean_failure();
    for expected in [
        "expected a snapshot, found a binary: `plain`",
        "cargo slim snapshot --file plain",
    ] {
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
    let text = fs::read_to_string(&path).unwrap();
    for (damaged, expected) in [
        (text.replace("cargo-slim/1", "cargo-slim/7"), "version 7"),
        (
            text.replace("\"view\":\"snapshot\"", "\"view\":\"crates\""),
            "a report of `crates`",
        ),
        (text.replacen("\"file\":", "\"file\":1", 3), "do not add up"),
        (text[..text.len() / 2].to_owned(), "is not a snapshot"),
        ("{}".to_owned(), "is not a snapshot"),
    ] {
        let other = specimens.path().join("other.json");
        fs::write(&other, damaged).unwrap();
        let run = slim().run([OsStr::new("diff"), path.as_os_str(), other.as_os_str()]);
        run.assert_clean_failure();
        assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
    }
}
