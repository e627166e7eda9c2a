use super::*;
use crate::budget::{Baseline, Measured, judge};
use crate::snapshot::Measures;
use std::{fs, path::Path};

/// `text` updated to a file of `file` bytes.
fn updated(text: &str, file: u64) -> (String, Vec<Edit>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("slim.toml");
    fs::write(&path, text).unwrap();
    let config = Config::load(Some(&path), Path::new(".")).unwrap();
    let today = Measured {
        measures: Measures {
            file: Some(file),
            ..Measures::default()
        },
        ..Measured::default()
    };
    let verdict = judge(&config, |_| Ok(&today), |_| Baseline::NotGiven);
    let edits = update(&config, &verdict, "why \"not\"").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    // What was written is valid, and says today's value.
    let config = Config::load(Some(&path), Path::new(".")).unwrap();
    let verdict = judge(&config, |_| Ok(&today), |_| Baseline::NotGiven);
    assert!(
        verdict.rows.iter().all(|row| row.slack == Some(0)),
        "{text}"
    );
    (text, edits)
}

#[test]
fn every_other_byte_stays() {
    let text = "\u{feff}# µ sizes\r\n[[budget]] # one\r\n  bin = 'app'\r\n  measure=\"file\"\r\n\
                \x20 limit   =  '''1 KiB'''  # \u{1f980}\r\n  warn = \"1 KiB\"\t# the end\r\n\r\n\
                [[budget]]\nreason = \"old\"\nbin = \"app\"\nmeasure = \"file\"\nlimit = \"9 MiB\"";
    let (after, edits) = updated(text, 5000);
    let expected = text
        .replace(
            "'''1 KiB'''  # \u{1f980}\r\n",
            "\"4.883 KiB\"  # \u{1f980}\r\n  reason = 'why \"not\"'\r\n",
        )
        .replace("warn = \"1 KiB\"", "warn = \"4.883 KiB\"")
        // What the budget is for stays; why it changed is said beside it.
        .replace("\"9 MiB\"", "\"5000 B\"\r\nupdated = 'why \"not\"'");
    assert_eq!(after, expected);
    assert_eq!(edits.len(), 5, "{edits:#?}");
}

#[test]
fn a_last_line_without_an_end_gets_one_before_the_next() {
    let text = "[[budget]]\nbin = \"app\"\nmeasure = \"file\"\nlimit = \"9 MiB\"";
    let (after, _) = updated(text, 2048);
    let expected = text.replace("9 MiB", "2 KiB") + "\nreason = 'why \"not\"'";
    assert_eq!(after, expected);
}

/// A warning at the new limit could never speak.
#[test]
fn a_warning_keeps_its_ratio_and_every_change_is_told() {
    let text =
        "[[budget]]\nbin = \"app\"\nmeasure = \"file\"\nlimit = \"10 KiB\"\nwarn = \"9 KiB\"\n";
    for (file, limit, warn) in [(1000, "1000 B", "900 B"), (20_480, "20 KiB", "18 KiB")] {
        let (_, edits) = updated(text, file);
        let told: Vec<_> = edits
            .iter()
            .map(|edit| (edit.key, edit.before.as_deref(), edit.after.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("limit", Some("10 KiB"), limit),
                ("warn", Some("9 KiB"), warn),
                ("reason", None, "why \"not\""),
            ]
        );
    }
    for (written, bytes, now) in [
        ("500 KiB", 5_820_330, "5683.916 KiB"),
        ("5MiB", 5_820_330, "5.550699MiB"),
        ("1 kB", 2_500, "2.5 kB"),
        ("1 GiB", 5 << 30, "5 GiB"),
        ("512 B", 5_000, "5000 B"),
        ("9 MiB", 5_000, "5000 B"),
        ("9 MiB", 4_096, "4 KiB"),
    ] {
        assert_eq!(like(written, bytes), now);
        assert_eq!(now.parse(), Ok(Bytes(bytes)));
    }
    assert_eq!(scaled(u64::MAX, u64::MAX, u64::MAX), u64::MAX);
    assert_eq!(scaled(0, 7, 0), 7);
}

#[test]
fn what_holds_to_the_byte_is_not_written() {
    let text = "[[budget]]\nbin = \"app\"\nmeasure = \"file\"\nlimit = \"1 KiB\"\n";
    assert_eq!(updated(text, 1024), (text.to_owned(), Vec::new()));
}
