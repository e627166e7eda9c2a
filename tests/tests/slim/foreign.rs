//! Mach-O and PE through the tool: sums, kinds, depth and its reasons. What the files hold is told
//! by LLVM's tools in `shared/tests/image/foreign.rs`.

use crate::slim;
use integration_tests::tool::{Report, number, text};
use std::fs;
use std::path::PathBuf;

fn specimen(name: &str) -> PathBuf {
    let specimens = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/tests/image/specimens"
    );
    let path = PathBuf::from(specimens).join(name);
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

/// What the file says was not read, by the names of `artifact.depth`.
fn unread(report: &Report) -> Vec<String> {
    let depth = report.json["artifact"]["depth"].as_object().unwrap();
    assert_eq!(depth.len(), 6, "{depth:?}");
    let unread = depth.iter().filter(|(_, read)| *read == false);
    unread.map(|(what, _)| what.clone()).collect()
}

fn warnings(report: &Report) -> Vec<&str> {
    let warnings = report.json["warnings"].as_array().unwrap();
    warnings
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect()
}

#[test]
fn every_byte_has_a_row_and_every_depth_a_reason() {
    for (name, missing, reasons) in [
        ("apple-x86_64.dylib", vec!["debug"], vec!["no-dsym"]),
        ("apple-chained.dylib", vec!["debug"], vec!["no-dsym"]),
        ("windows-x86_64.dll", vec!["debug", "units"], vec!["no-pdb"]),
        ("windows-aarch64.dll", vec!["units"], vec!["stripped"]),
    ] {
        let file = specimen(name);
        let size = fs::metadata(&file).unwrap().len();
        let crates = slim().view(&["crates"], &file);
        assert_eq!(crates.sum("file"), size, "{name}");
        let sections = slim().view(&["sections"], &file);
        assert_eq!(sections.sum("file"), size, "{name}");
        let mut found = unread(&crates);
        found.sort();
        assert_eq!(found, missing, "{name}");
        assert_eq!(warnings(&crates), reasons, "{name}");
        let unknown = sections.rows_where("name", "[unknown]");
        assert!(unknown.is_empty(), "{name}: bytes that no header mentions");
    }
}

#[test]
fn a_crate_has_its_constants_and_unwind_tables_too() {
    let crates = slim().view(&["crates"], &specimen("apple-x86_64.dylib"));
    let row = |name| crates.rows_where("name", name)[0];
    // 16 numbers in `table`, and `two_counter`.
    assert_eq!(number(row("two"), "data"), 68);
    // Three pointers, `one_names`, and three texts.
    assert_eq!(number(row("one"), "data"), 24 + 8 + 6 + 7 + 6);
    for name in ["one", "two"] {
        assert!(number(row(name), "unwind") > 0, "{name}");
        assert!(number(row(name), "symbols") > 0, "{name}");
    }
    // Nothing refers to `one_names`: that its unit's crate wrote it, and its symbol, is a guess.
    assert_eq!(number(row("one"), "inferred"), 8 + 16);
    assert_eq!(number(row("two"), "inferred"), 0);
}

#[test]
fn what_ships_is_without_symbols() {
    let file = specimen("apple-x86_64.dylib");
    let sections = slim().view(&["sections"], &file);
    let stripped = fs::metadata(specimen("apple-stripped.dylib"))
        .unwrap()
        .len();
    let shipped = sections.artifact("shipped_size");
    // `llvm-strip -x` of the same library, which pads its tables.
    assert!(shipped.abs_diff(stripped) <= 64, "{shipped} {stripped}");
    assert_eq!(sections.sum("shipped"), shipped);
}

#[test]
fn what_the_loaders_need() {
    let apple = slim()
        .view(&["loads"], &specimen("apple-chained.dylib"))
        .json;
    assert_eq!(apple["oldest_system"], "macOS 13.0");
    let facts = apple["hardening"].as_array().unwrap();
    let fact = |name: &str| {
        let found = facts.iter().find(|it| it["name"] == name);
        text(found.unwrap(), "value").to_owned()
    };
    assert_eq!(fact("fixups"), "chained");
    assert_eq!(fact("code-signature"), "no");
    let windows = slim()
        .view(&["loads"], &specimen("windows-x86_64.dll"))
        .json;
    assert_eq!(windows["oldest_system"], "Windows Vista (6.0)");
    let facts = windows["hardening"].as_array().unwrap();
    assert!(
        facts
            .iter()
            .any(|it| it["name"] == "aslr" && it["value"] == "yes")
    );
}

#[test]
fn an_image_of_a_universal_file_is_chosen_by_its_architecture() {
    let image = fs::read(specimen("apple-x86_64.dylib")).unwrap();
    // One image, on a page of its own.
    let words = [
        0xcafe_babe,
        1,
        0x0100_0007,
        3,
        4096,
        image.len() as u32,
        12_u32,
    ];
    let mut universal: Vec<u8> = words.iter().flat_map(|it| it.to_be_bytes()).collect();
    universal.resize(4096, 0);
    universal.extend(&image);
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("universal.dylib");
    fs::write(&file, &universal).unwrap();
    let all = slim().view(&["sections"], &file);
    assert_eq!(all.sum("file"), universal.len() as u64);
    assert_eq!(warnings(&all), ["universal-file"]);
    let one = slim().view(&["functions", "--arch", "x86_64"], &file);
    assert_eq!(one.rows().len(), 5);
    assert_eq!(one.artifact("file_size"), image.len() as u64);
    let path = file.to_str().unwrap();
    let run = slim().run(["crates", "--arch", "arm64", "--file", path]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("x86_64"), "{}", run.stderr);
}

/// What a library offers is kept, by the export trie of Mach-O as by the tables of the other formats.
#[test]
fn exports_are_roots() {
    for (file, name) in [
        ("apple-chained.dylib", "one_entry"),
        ("windows-x86_64.dll", "one_entry"),
    ] {
        let file = specimen(file);
        let arguments = ["why", name, "--message-format", "json", "--file"];
        let file = file.display().to_string();
        let report = slim()
            .run(arguments.iter().copied().chain([&*file]))
            .report();
        assert_eq!(report.rows()[0]["via"], "export", "{:?}", report.rows());
    }
}
