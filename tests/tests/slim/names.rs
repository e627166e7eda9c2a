//! What names and evidence settle: legacy names, guesses, versions.

use crate::{cache, slim};
use integration_tests::fixture::{Fixture, Specimens};
use integration_tests::published::{B3SUM, HYPERFINE, LEGACY, Program, RIPGREP, V0};
use integration_tests::tool::{Report, number, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

type Code = BTreeMap<(String, String), u64>;

fn code_by_crate(report: &Report) -> Code {
    let mut code = Code::new();
    for row in report.rows() {
        let key = (text(row, "name").to_owned(), text(row, "origin").to_owned());
        *code.entry(key).or_insert(0) += number(row, "code");
    }
    code
}

/// Issue 2: with legacy names and no debug info, crates are within 5 % of the v0 answer, and the
/// guesses are counted.
fn legacy_names_give_nearly_the_same_crates(program: Program) {
    let v0 = program.build(V0, cache()).file;
    let legacy = program.build(LEGACY, cache()).file;
    let names = fs::read(&legacy).unwrap();
    let mangled = |start: &[u8]| names.windows(start.len()).filter(|it| it == &start).count();
    assert!(
        mangled(b"_ZN") > 1000,
        "this rustc makes v0 names by default: no legacy names here"
    );

    for by in ["defined", "instantiated"] {
        let expected = code_by_crate(&slim().view(&["crates", "--by", by], &v0));
        let report = slim().view(&["crates", "--by", by], &legacy);
        let found = code_by_crate(&report);
        let total: u64 = expected.values().sum();
        let mut displaced = 0;
        let mut complaints = Vec::new();
        for key in expected
            .keys()
            .chain(found.keys().filter(|key| !expected.contains_key(key)))
        {
            let before = expected.get(key).copied().unwrap_or(0);
            let after = found.get(key).copied().unwrap_or(0);
            displaced += before.abs_diff(after);
            // Of a crate with less than 1 % of the code, a few functions are more than 5 %.
            let large = before.max(after) * 100 >= total;
            if large && before.abs_diff(after) * 20 > before {
                complaints.push(format!(
                    "{key:?}: {before} with v0, {after} with legacy names"
                ));
            }
        }
        let displaced = displaced as f64 / 2.0 / total as f64;
        println!(
            "{} --by {by}: {:.2} % of code elsewhere",
            program.package,
            100.0 * displaced
        );
        assert!(displaced < 0.05, "--by {by}: {displaced}");
        assert!(
            complaints.is_empty(),
            "--by {by}:\n{}",
            complaints.join("\n")
        );
        // `<A as B>::f` hides where the impl is: some of it must be called a guess.
        assert!(report.sum("inferred") > 0, "no guess is counted");
    }
}

#[test]
fn legacy_names_of_hyperfine() {
    legacy_names_give_nearly_the_same_crates(HYPERFINE);
}

#[test]
fn legacy_names_of_b3sum() {
    legacy_names_give_nearly_the_same_crates(B3SUM);
}

/// Issue 2: with v0 names and no strip, `[unknown]` plus `inferred` is at most 5 % of the file.
#[test]
fn hardly_anything_is_unknown_or_guessed() {
    for program in [RIPGREP, B3SUM, HYPERFINE] {
        let build = program.build(V0, cache());
        let report = slim().view(&["crates"], &build.file);
        let unknown: u64 = report
            .rows_where("name", "[unknown]")
            .iter()
            .map(|row| number(row, "file"))
            .sum();
        let inferred: u64 = report
            .rows()
            .iter()
            .filter(|row| row["name"] != "[unknown]")
            .map(|row| number(row, "inferred"))
            .sum();
        let size = report.artifact("file_size");
        let share = (unknown + inferred) as f64 / size as f64;
        println!(
            "{}: {unknown} unknown + {inferred} inferred of {size}: {:.2} %",
            program.package,
            100.0 * share
        );
        assert!(
            share <= 0.05,
            "{}: {unknown} + {inferred} of {size}",
            program.package
        );
    }
}

/// The registry's `memchr` and the one that std brings are two crates.
#[test]
fn registry_memchr_and_stds_memchr_are_two_rows() {
    let build = RIPGREP.build(V0, cache());
    let report = slim()
        .in_directory(&build.project)
        .view(&["crates"], &build.file);
    let rows = report.rows_where("name", "memchr");
    let origins: Vec<&str> = rows.iter().map(|row| text(row, "origin")).collect();
    assert!(origins.contains(&"std-dependency"), "{rows:#?}");
    assert!(origins.contains(&"registry"), "{rows:#?}");
}

/// Two packages of one name, differing in version, stay apart.
#[test]
fn two_versions_of_one_crate_are_two_rows() {
    let fixture = Fixture::new("two-versions");
    let run = slim()
        .in_directory(fixture.path())
        .run(["crates", "--message-format", "json"]);
    let report = run.report();
    let rows = report.rows_where("name", "shape");
    let mut versions: Vec<&str> = rows.iter().map(|row| text(row, "version")).collect();
    versions.sort_unstable();
    assert_eq!(versions, ["1.0.0", "2.0.0"], "{rows:#?}");
    for row in rows {
        assert!(number(row, "code") > 0, "{row}");
        assert_eq!(row["origin"], "path", "{row}");
    }
}

/// libc's objects have no file entry of their own: in a static program their local symbols stand
/// under that of the last Rust unit, whose they are not.
#[test]
fn libc_in_a_static_program_is_no_crate_of_rust() {
    let specimens = Specimens::new();
    let file = specimens.rustc("static", &["-Ctarget-feature=+crt-static"]);
    let report = slim().view(&["functions"], &file);
    let owner = |name: &str| -> Vec<String> {
        let rows = report.rows().iter();
        rows.filter(|row| text(row, "name") == name)
            .map(|row| text(row, "crate").to_owned())
            .collect()
    };
    for function in ["_int_malloc", "_int_free", "sysmalloc"] {
        assert_eq!(owner(function), ["[native]"], "{function}");
    }
    assert_eq!(owner("main"), ["specimen"]);
    // Nor are those that gcc has cloned.
    let cloned = report.rows().iter().filter(|row| {
        let symbol = text(row, "symbol");
        let marks = [".constprop.", ".isra.", ".part."];
        marks.iter().any(|mark| symbol.contains(mark))
    });
    let cloned: Vec<&Value> = cloned.collect();
    assert!(cloned.len() > 20, "{}", cloned.len());
    for row in cloned {
        assert_eq!(text(row, "crate"), "[native]", "{row}");
    }
    // No crate's rows hold a tenth of what libc has.
    let report = slim().view(&["crates", "--by", "instantiated"], &file);
    let native = report.rows_where("name", "[native]");
    let native = number(native[0], "data");
    assert!(native > 50_000, "{native}");
    for row in report.rows() {
        let known = ["[native]", "std", "specimen"].contains(&text(row, "name"));
        assert!(known || number(row, "data") < 20_000, "{row}");
    }
}
