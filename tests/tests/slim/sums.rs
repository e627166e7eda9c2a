//! The ledger partitions the file: sums equal its size on every kind of file.

use crate::{cache, slim};
use integration_tests::fixture::Specimens;
use integration_tests::published::{B3SUM, HYPERFINE, LEGACY, RIPGREP, V0};
use integration_tests::tool::{Report, number};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

const PARTS: [&str; 7] = [
    "code",
    "data",
    "unwind",
    "relocations",
    "symbols",
    "debug",
    "other",
];

/// Invariant 1, through every view that claims it.
pub(crate) fn assert_sums(file: &Path) {
    let size = fs::metadata(file).unwrap().len();
    let name = file.display();
    let sections = slim().view(&["sections"], file);
    assert_eq!(sections.artifact("file_size"), size, "{name}");
    assert_eq!(sections.sum("file"), size, "sections of {name}");
    assert_shipped(&sections, &format!("sections of {name}"));
    for by in ["defined", "instantiated", "inlined"] {
        let arguments = ["crates", "--by", by, "--message-format", "json", "--file"];
        let run = slim().run(
            arguments
                .map(OsStr::new)
                .into_iter()
                .chain([file.as_os_str()]),
        );
        if by == "inlined" && run.stderr.contains("no debug information") {
            // Only debug information tells what was inlined; without it there is no answer.
            run.assert_clean_failure();
            continue;
        }
        let crates = run.report();
        assert_eq!(crates.sum("file"), size, "crates --by {by} of {name}");
        assert_shipped(&crates, &format!("crates --by {by} of {name}"));
        for row in crates.rows() {
            let parts: u64 = PARTS.iter().map(|part| number(row, part)).sum();
            assert_eq!(parts, number(row, "file"), "{name}: the parts of {row}");
            assert!(
                number(row, "inferred") <= number(row, "file"),
                "{name}: {row}"
            );
        }
        assert_eq!(number(&crates.json["total"], "file"), size, "{name}");
    }
}

/// What ships is all of what `strip = "symbols"` leaves, or of no row known.
fn assert_shipped(report: &Report, name: &str) {
    let whole = &report.json["artifact"]["shipped_size"];
    assert_eq!(&report.json["total"]["shipped"], whole, "{name}");
    if whole.is_null() {
        for row in report.rows() {
            assert!(row["shipped"].is_null(), "{name}: {row}");
        }
        return;
    }
    let sum: u64 = report.rows().iter().map(|row| number(row, "shipped")).sum();
    assert_eq!(Some(sum), whole.as_u64(), "{name}");
}

/// What `-n` cuts off and what it leaves are the whole.
#[test]
fn a_limit_cuts_rows_but_not_sums() {
    let specimens = Specimens::new();
    let file = specimens.rustc("plain", &[]);
    let report = slim().view(&["crates", "-n", "2"], &file);
    assert_eq!(report.rows().len(), 2);
    let cut = &report.json["cut"];
    assert!(number(cut, "rows") > 0, "{cut}");
    assert_eq!(
        report.sum("file") + number(cut, "file"),
        report.artifact("file_size"),
        "{cut}"
    );
    let all = slim().view(&["crates", "-n", "0"], &file);
    assert_eq!(all.rows().len() as u64, 2 + number(cut, "rows"));
}

#[test]
fn of_programs_linked_in_many_ways() {
    let specimens = Specimens::new();
    let ways: [(&str, &[&str]); 11] = [
        ("plain", &[]),
        ("unoptimised", &["-Copt-level=0", "-Cdebuginfo=1"]),
        ("stripped", &["-Cstrip=symbols"]),
        ("debuginfo-stripped", &["-Cstrip=debuginfo"]),
        ("full-debuginfo", &["-Cdebuginfo=2"]),
        ("fixed-address", &["-Crelocation-model=static"]),
        ("static", &["-Ctarget-feature=+crt-static"]),
        (
            "packed-relocations",
            &["-Clink-arg=-Wl,-z,pack-relative-relocs"],
        ),
        (
            "compressed",
            &[
                "-Cdebuginfo=2",
                "-Clink-arg=-Wl,--compress-debug-sections=zlib",
            ],
        ),
        ("lto", &["-Clto=fat", "-Ccodegen-units=1", "-Cpanic=abort"]),
        ("large-pages", &["-Clink-arg=-Wl,-z,max-page-size=65536"]),
    ];
    for (name, arguments) in ways {
        assert_sums(&specimens.rustc(name, arguments));
    }
}

/// Inlined code moves between crates, not in or out of the file.
#[test]
fn of_inlined_code() {
    let specimens = Specimens::new();
    let file = specimens.rustc("debug", &["-Cdebuginfo=2"]);
    let size = fs::metadata(&file).unwrap().len();
    let defined = slim().view(&["crates", "--by", "defined"], &file);
    let inlined = slim().view(&["crates", "--by", "inlined"], &file);
    assert_eq!(inlined.sum("file"), size);
    assert_eq!(inlined.sum("code"), defined.sum("code"));
    // What core's methods became inside others is core's by this question.
    let core = |report: &Report| {
        let rows = report.rows_where("name", "core");
        rows.iter().map(|row| number(row, "code")).sum::<u64>()
    };
    assert!(core(&inlined) > core(&defined));
}

#[test]
fn of_libraries_objects_and_archives() {
    let specimens = Specimens::new();
    assert_sums(&specimens.rustc("libspecimen.so", &["--crate-type=cdylib"]));
    assert_sums(&specimens.rustc("specimen.o", &["--emit=obj", "-Ccodegen-units=1"]));
    assert_sums(&specimens.rustc("libspecimen.rlib", &["--crate-type=rlib"]));
}

#[test]
fn of_published_programs() {
    for build in [
        B3SUM.build(V0, cache()),
        B3SUM.build(LEGACY, cache()),
        HYPERFINE.build(V0, cache()),
        RIPGREP.build(V0, cache()),
    ] {
        assert_sums(&build.file);
    }
}

/// Bytes that belong to no section: behind the last header, and between sections.
#[test]
fn of_a_file_with_bytes_that_no_section_claims() {
    let specimens = Specimens::new();
    let file = specimens.rustc("plain", &[]);
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend([0xab; 1234]);
    let longer = specimens.path().join("longer");
    fs::write(&longer, bytes).unwrap();
    assert_sums(&longer);

    // Without section headers only the segments tell what is what. In an ELF-64 header, these
    // are `e_shoff`, and `e_shentsize`, `e_shnum` and `e_shstrndx`.
    let mut bytes = fs::read(&file).unwrap();
    bytes[40..48].fill(0);
    bytes[58..64].fill(0);
    let headless = specimens.path().join("headless");
    fs::write(&headless, bytes).unwrap();
    assert_sums(&headless);
}

/// The system's own programs: other compilers, other linkers.
#[test]
fn of_programs_that_are_not_rust() {
    for file in ["/bin/ls", "/bin/sh"] {
        assert_sums(&fs::canonicalize(file).unwrap());
    }
}

/// JSON on a pipe and JSON in a file are the same, and the file is whole.
#[test]
fn output_to_a_file_is_the_same() {
    let specimens = Specimens::new();
    let file = specimens.rustc("plain", &[]);
    let target = specimens.path().join("out.json");
    let piped = slim().view(&["crates"], &file);
    let arguments = ["crates", "--message-format", "json", "-o"].map(OsStr::new);
    let mut arguments = arguments.to_vec();
    arguments.extend([target.as_os_str(), OsStr::new("--file"), file.as_os_str()]);
    let run = slim().run(arguments);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(0), ""),
        "{}",
        run.stderr
    );
    let written: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&target).unwrap()).unwrap();
    assert_eq!(written, piped.json);
}
