//! Equal copies of generic functions: a figure where the code can be compared, unknown where it
//! cannot, and never a zero that nobody measured.

use crate::{cache, slim};
use integration_tests::published::{B3SUM, V0};
use integration_tests::tool::{Report, number};
use serde_json::Value;
use std::{fs, path::Path};

fn generics(file: &Path) -> Report {
    slim().view(&["generics"], file)
}

fn no_disassembler(report: &Report) -> Vec<&Value> {
    let warnings = report.json["warnings"].as_array().unwrap();
    warnings
        .iter()
        .filter(|w| w["code"] == "no-disassembler")
        .collect()
}

fn assert_unknown(report: &Report) {
    assert!(!report.rows().is_empty());
    for row in report.rows() {
        assert_eq!(row["identical"], Value::Null, "{row}");
    }
    let warnings = no_disassembler(report);
    assert_eq!(warnings.len(), 1, "{}", report.json["warnings"]);
    assert_eq!(number(warnings[0], "count"), report.rows().len() as u64);
    assert!(warnings[0]["help"].is_string());
}

fn assert_known(report: &Report) {
    assert!(!report.rows().is_empty());
    assert!(report.rows().iter().all(|row| row["identical"].is_u64()));
    assert!(no_disassembler(report).is_empty());
}

#[test]
fn code_that_nobody_decodes_has_unknown_copies() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/ledger");
    for decoded in ["elf64-pie", "elf64-aarch64"] {
        assert_known(&generics(&corpus.join(decoded)));
    }
    for other in ["elf32-static", "elf64-s390x-be"] {
        assert_unknown(&generics(&corpus.join(other)));
    }
    let file = corpus.join("elf64-s390x-be");
    let run = |format| {
        let arguments = ["generics", "--message-format", format, "--file"];
        let arguments = arguments.map(Path::new).into_iter().chain([&*file]);
        slim().run(arguments).stdout
    };
    // Empty in CSV, not 0; said in words in a table.
    let csv = run("csv");
    let fields: Vec<_> = csv.lines().nth(1).unwrap().split(',').collect();
    let at = csv.lines().next().unwrap().split(',');
    let at = at.into_iter().position(|key| key == "identical").unwrap();
    assert_eq!(fields[at], "", "{csv}");
    assert!(run("human").contains("n/a"), "{}", run("human"));
}

#[test]
fn a_published_program_knows_them_and_says_when_it_cannot() {
    let whole = B3SUM.build(V0, cache()).file;
    let report = generics(&whole);
    assert_known(&report);
    // Some are equal, or this test would not notice if none were found.
    assert!(report.sum("identical") > 0);

    let directory = tempfile::tempdir().unwrap();
    // The same file, said to be for a processor that we do not decode (`e_machine`, RISC-V).
    let mut bytes = fs::read(&whole).unwrap();
    bytes[18..20].copy_from_slice(&243_u16.to_le_bytes());
    let foreign = directory.path().join("foreign");
    fs::write(&foreign, bytes).unwrap();
    let other = generics(&foreign);
    assert_unknown(&other);
    assert_eq!(other.rows().len(), report.rows().len());
}
