//! A stripped file with its debug file is as good as the unstripped one.

use crate::{cache, slim};
use integration_tests::command::{command, succeed};
use integration_tests::fixture::Specimens;
use integration_tests::published::{B3SUM, HYPERFINE, V0};
use integration_tests::tool::Report;
use integration_tests::witness::split_debug;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The rows, reduced to some columns, in the order of their text.
fn columns(report: &Report, names: &[&str]) -> Vec<String> {
    let mut rows: Vec<String> = report
        .rows()
        .iter()
        .map(|row| {
            names
                .iter()
                .map(|name| format!("{name}={} ", row[*name]))
                .collect()
        })
        .collect();
    rows.sort();
    rows
}

fn assert_same(what: &str, whole: &[String], split: &[String]) {
    let missing: Vec<_> = whole
        .iter()
        .filter(|row| !split.contains(row))
        .take(10)
        .collect();
    let extra: Vec<_> = split
        .iter()
        .filter(|row| !whole.contains(row))
        .take(10)
        .collect();
    let same = missing.is_empty() && extra.is_empty() && whole.len() == split.len();
    assert!(same, "{what}: missing {missing:#?}, extra {extra:#?}");
}

fn split_is_as_good_as_whole(whole: &Path) {
    // All three in one directory, so that the same `deps/` is beside them.
    let (stripped, debug) = split_debug(whole);
    let with_debug = [OsStr::new("--debug-file"), debug.as_os_str()];
    for (view, names) in [
        (
            &["functions", "-n", "0"][..],
            &[
                "name",
                "symbol",
                "crate",
                "version",
                "instantiated_by",
                "section",
                "address",
                "file",
                "evidence",
            ][..],
        ),
        (
            &["data", "-n", "0"],
            &[
                "name",
                "crate",
                "section",
                "address",
                "file",
                "kind",
                "shared_by",
                "instantiated_by",
                "evidence",
            ],
        ),
        (
            &["crates"],
            // The symbols and the debug sections are not in the stripped file.
            &[
                "name",
                "package",
                "version",
                "origin",
                "code",
                "data",
                "unwind",
                "relocations",
            ],
        ),
        (
            &["generics", "-n", "0"],
            &["name", "crate", "copies", "file", "largest", "identical"],
        ),
    ] {
        let expected = slim().view(view, whole);
        let found = slim().view_with(view, &stripped, &with_debug);
        let has_content = |row: &Value| {
            ["code", "data", "unwind", "relocations", "address", "copies"]
                .iter()
                .any(|part| row[*part].as_u64().is_some_and(|bytes| bytes > 0))
        };
        assert!(expected.rows().iter().any(has_content));
        // A crate of which only symbols are left is no row of the stripped file.
        let keep = |rows: Vec<String>| -> Vec<String> {
            rows.into_iter()
                .filter(|row| !row.contains("code=0 data=0 unwind=0 relocations=0"))
                .collect()
        };
        assert_same(
            view[0],
            &keep(columns(&expected, names)),
            &keep(columns(&found, names)),
        );
    }
    sums_hold(&stripped, &debug);
}

fn sums_hold(stripped: &Path, debug: &Path) {
    let size = fs::metadata(stripped).unwrap().len();
    let more = [OsStr::new("--debug-file"), debug.as_os_str()];
    let report = slim().view_with(&["crates"], stripped, &more);
    assert_eq!(report.artifact("file_size"), size);
    assert_eq!(report.sum("file"), size);
}

#[test]
fn with_a_debug_file_that_holds_only_symbols() {
    split_is_as_good_as_whole(&B3SUM.build(V0, cache()).file);
}

#[test]
fn with_a_debug_file_that_holds_debug_information() {
    let specimens = Specimens::new();
    split_is_as_good_as_whole(&specimens.rustc("specimen", &["-Cdebuginfo=2"]));
}

/// What `dwz` moves to a file of both programs is read there: nothing that debug information says is
/// another than before.
#[test]
fn with_debug_information_that_two_programs_share() {
    let place = tempfile::tempdir().unwrap();
    let whole = [B3SUM, HYPERFINE].map(|program| program.build(V0, cache()).file);
    let shared: Vec<PathBuf> = whole
        .iter()
        .map(|file| place.path().join(file.file_name().unwrap()))
        .collect();
    for (from, to) in whole.iter().zip(&shared) {
        fs::copy(from, to).unwrap();
    }
    let mut dwz = command("dwz");
    dwz.args(["-m", "common"]).args(&shared);
    succeed(dwz.current_dir(place.path()));
    // The same without `dwz`, in the same place: nothing else beside it names a crate.
    for (whole, shared) in whole.iter().zip(&shared) {
        let twin = shared.with_extension("whole");
        fs::copy(whole, &twin).unwrap();
        assert!(fs::metadata(shared).unwrap().len() < fs::metadata(&twin).unwrap().len());
        for (view, names) in [
            (
                &["inlined", "-n", "0"][..],
                &[
                    "name",
                    "crate",
                    "shipped",
                    "places",
                    "largest",
                    "largest_file",
                ][..],
            ),
            (
                &["inlined", "--by", "line", "-n", "0"],
                &[
                    "name",
                    "crate",
                    "shipped",
                    "places",
                    "largest",
                    "largest_file",
                ],
            ),
            (
                &["crates", "--by", "inlined", "-n", "0"],
                &[
                    "name",
                    "version",
                    "origin",
                    "code",
                    "data",
                    "unwind",
                    "relocations",
                ],
            ),
            (
                &["functions", "-n", "0"],
                &[
                    "name",
                    "symbol",
                    "crate",
                    "version",
                    "instantiated_by",
                    "file",
                    "evidence",
                ],
            ),
            (
                &["why", "core::fmt::write"],
                &["chain", "step", "name", "via", "file", "line", "inlined"],
            ),
        ] {
            let expected = columns(&slim().view(view, &twin), names);
            assert!(expected.len() > 10, "{view:?}");
            assert_same(
                view[0],
                &expected,
                &columns(&slim().view(view, shared), names),
            );
        }
    }
}
