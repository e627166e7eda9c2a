//! Which baseline an artifact has: its own, made as it is measured, or none.

use crate::project::{check, growing, snapshot, verdict};
use crate::slim;
use integration_tests::fixture::Fixture;
use integration_tests::tool::number;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The fixture with a second package, `second`, that has a binary and a library of its own.
fn two_packages() -> Fixture {
    let fixture = growing();
    let manifest = fixture.path().join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let text = text.replace("[workspace]", "[workspace]\nmembers = [\"second\"]");
    fs::write(manifest, text).unwrap();
    let second = fixture.path().join("second");
    fs::create_dir_all(second.join("src")).unwrap();
    fs::write(
        second.join("Cargo.toml"),
        "[package]\nname = \"second\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
         [lib]\nname = \"my_capi\"\ncrate-type = [\"cdylib\"]\n",
    )
    .unwrap();
    let library = "#[unsafe(no_mangle)]\npub extern \"C\" fn one() -> u8 { 1 }\n";
    fs::write(second.join("src/lib.rs"), library).unwrap();
    fs::write(second.join("src/main.rs"), "fn main() {}\n").unwrap();
    fixture
}

fn budget(artifact: &str, measure: &str, rest: &str) -> String {
    format!("[[budget]]\n{artifact}\nmeasure = \"{measure}\"\n{rest}\n\n")
}

fn codes(json: &Value) -> Vec<&str> {
    let warnings = json["warnings"].as_array().unwrap();
    warnings
        .iter()
        .map(|warning| warning["code"].as_str().unwrap())
        .collect()
}

fn why(row: &Value) -> &str {
    row["why"].as_str().unwrap_or_default()
}

/// A smaller program's baseline passed every growth once, without a word.
#[test]
fn another_programs_baseline_is_missing() {
    let fixture = two_packages();
    let second = snapshot(
        &fixture,
        "second.json",
        &["-p", "second", "--bin", "second"],
    );
    let second = second.to_str().unwrap();
    let growth = budget("bin = \"growing\"", "file", "growth = \"1 GiB\"");
    let (code, json) = verdict(&fixture, &growth, &["--baseline", second]);
    let row = &json["rows"][0];
    assert_eq!((code, row["status"].as_str()), (100, Some("missing")));
    for part in [
        "binary `growing` of package `growing`",
        "binary `second` of package `second`",
    ] {
        assert!(why(row).contains(part), "{row}");
    }
    assert!(
        row["growth"].is_null() && row["baseline"].is_null(),
        "{row}"
    );
    assert_eq!(codes(&json), ["other-baseline", "unused-baseline"]);
    assert_eq!(json["changes"], serde_json::json!([]));

    // The same name in another package, and of another kind.
    let text = fs::read_to_string(second).unwrap();
    for (from, to) in [
        ("\"target_name\":\"second\"", "\"target_name\":\"growing\""),
        ("\"target_kind\":\"bin\"", "\"target_kind\":\"example\""),
    ] {
        let other = fixture.root().join("other.json");
        let changed = text.replace("\"target_name\":\"second\"", "\"target_name\":\"growing\"");
        fs::write(&other, changed.replace(from, to)).unwrap();
        let (code, json) = verdict(&fixture, &growth, &["--baseline", other.to_str().unwrap()]);
        assert_eq!(code, 100, "{from}: {json:#}");
    }
    // A limit needs no baseline.
    let limit = budget("bin = \"growing\"", "file", "limit = \"90 MiB\"");
    assert_eq!(verdict(&fixture, &limit, &["--baseline", second]).0, 0);
}

#[test]
fn two_baselines_of_one_artifact_are_a_mistake() {
    let fixture = growing();
    let one = snapshot(&fixture, "one.json", &[]);
    let other = fixture.root().join("other.json");
    fs::copy(&one, &other).unwrap();
    let run = check(
        &fixture,
        &budget("bin = \"growing\"", "file", "growth = \"1 KiB\""),
        &[
            "--baseline",
            one.to_str().unwrap(),
            "--baseline",
            other.to_str().unwrap(),
        ],
    );
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    for part in ["one.json` and `", "are both a baseline of binary `growing`"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

fn snapshot_of(fixture: &Fixture, file: &Path, name: &str) -> PathBuf {
    let output = fixture.root().join(name);
    let run = slim().in_directory(fixture.root()).run([
        "snapshot",
        "--compressed",
        "--file",
        file.to_str().unwrap(),
        "-o",
        output.to_str().unwrap(),
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    output
}

/// The analysis build has other symbols than a file has; that is no growth of any crate. Sizes of
/// the whole are measured alike on both.
#[test]
fn what_was_built_differently_is_not_compared_by_its_parts() {
    let fixture = growing();
    let analysed = snapshot(&fixture, "size.json", &[]);
    fixture.cargo(&["build", "--release"]);
    let file = fixture.path().join("target/release/growing");
    let as_it_is = snapshot_of(&fixture, &file, "file.json");
    let parts = ["crate:std", "section:.text", "function:/growing/"];
    let wholes = ["file", "shipped", "gzip", "zstd", "flash", "ram"];
    let budgets: String = parts
        .iter()
        .chain(&wholes)
        .map(|measure| budget("bin = \"growing\"", measure, "growth = \"0 B\""))
        .collect();
    let file = file.to_str().unwrap();
    for flags in [
        &["--file", file, "--baseline", analysed.to_str().unwrap()][..],
        &["--baseline", as_it_is.to_str().unwrap()][..],
    ] {
        let (code, json) = verdict(&fixture, &budgets, flags);
        assert_eq!(code, 100, "{flags:?}");
        for row in json["rows"].as_array().unwrap() {
            let measure = row["measure"].as_str().unwrap();
            if parts.contains(&measure) {
                assert_eq!(row["status"], "missing", "{row}");
                assert!(why(row).starts_with("built differently"), "{row}");
            } else {
                assert_eq!(
                    (&row["status"], number(row, "baseline")),
                    (&"pass".into(), number(row, "value")),
                    "{row}"
                );
            }
        }
        // No causes are made up for a pair that says nothing.
        assert_eq!(codes(&json), ["built-differently"]);
        assert_eq!(json["changes"], serde_json::json!([]));
        let run = check(
            &fixture,
            &budgets,
            &[flags, &["--message-format", "markdown"]].concat(),
        );
        assert!(!run.stdout.contains("What is different"), "{}", run.stdout);
        assert!(
            run.stdout
                .contains("what changed in `growing` is not shown"),
            "{}",
            run.stdout
        );
    }
    // A file against the same file, which lies elsewhere by now.
    let moved = fixture.root().join("elsewhere");
    fs::create_dir(&moved).unwrap();
    fs::copy(file, moved.join("growing")).unwrap();
    let moved = moved.join("growing");
    let flags = [
        "--file",
        moved.to_str().unwrap(),
        "--baseline",
        as_it_is.to_str().unwrap(),
    ];
    let budgets = budget("bin = \"growing\"", "section:.text", "growth = \"0 B\"");
    assert_eq!(verdict(&fixture, &budgets, &flags).0, 0);
    // One file and one baseline of a file are a pair, whatever their names; one of two is not.
    let renamed = fixture.root().join("growing-2.0");
    fs::copy(file, &renamed).unwrap();
    let flags = [&["--file", renamed.to_str().unwrap()], &flags[2..]].concat();
    let one = budget(
        "file = \"growing-2.0\"",
        "section:.text",
        "growth = \"0 B\"",
    );
    let (code, json) = verdict(&fixture, &one, &flags);
    assert_eq!((code, codes(&json)), (0, vec!["renamed-file"]), "{json:#}");
    // Nor does a file pass for the only artifact without a word when its name is another.
    let limit = budget("bin = \"growing\"", "file", "limit = \"90 MiB\"");
    let (code, json) = verdict(&fixture, &limit, &flags[..2]);
    assert_eq!((code, codes(&json)), (0, vec!["misnamed-file"]), "{json:#}");
    let two = one.clone() + &budget("file = \"other\"", "file", "growth = \"1 B\"");
    let (code, json) = verdict(&fixture, &two, &flags[2..]);
    assert_eq!(code, 100);
    assert!(codes(&json).contains(&"unused-baseline"), "{json:#}");
    // Of another profile nothing can be compared.
    let dev = snapshot(&fixture, "dev.json", &["--profile", "dev"]);
    let (code, json) = verdict(&fixture, &budgets, &["--baseline", dev.to_str().unwrap()]);
    assert_eq!(code, 100);
    assert!(why(&json["rows"][0]).contains("profile `dev`"), "{json:#}");
}

/// What is new has no baseline and no growth: its snapshot says that it was not there.
#[test]
fn a_new_artifact_passes_with_a_snapshot_of_its_absence() {
    let fixture = two_packages();
    let old = snapshot(
        &fixture,
        "growing.json",
        &["--bin", "growing", "-p", "growing"],
    );
    // Here `newest` is not there yet.
    let absent = fixture.root().join("newest.json");
    let take = |directory: &Path, flags: &[&str]| {
        let fixed = ["snapshot", "-o", absent.to_str().unwrap()];
        slim()
            .in_directory(directory)
            .run(fixed.iter().chain(flags))
    };
    let named = ["--bin", "newest"];
    let run = take(fixture.path(), &named);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let named = ["--bin", "newest", "--allow-absent"];
    let run = take(fixture.path(), &named);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // A wrong directory is not taken for a new artifact, nor is a member that is no default one.
    let run = take(fixture.root(), &named);
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    let other = fixture.root().join("second.json");
    let run = slim().in_directory(fixture.path()).run([
        "snapshot",
        "--allow-absent",
        "--bin",
        "second",
        "-o",
        other.to_str().unwrap(),
    ]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(!other.exists());
    let run = take(fixture.path(), &["--allow-absent"]);
    assert_eq!(run.code, Some(2), "what may be absent? {}", run.stderr);

    let binaries = fixture.path().join("src/bin");
    fs::create_dir_all(&binaries).unwrap();
    fs::write(binaries.join("newest.rs"), "fn main() {}\n").unwrap();
    let growth = "growth = \"0 B\"";
    let budgets = budget("bin = \"newest\"", "file", growth)
        + &budget("bin = \"newest\"", "crate:std", growth)
        + &budget("bin = \"growing\"", "file", growth);
    let old = old.to_str().unwrap();
    let both = ["--baseline", old, "--baseline", absent.to_str().unwrap()];
    let (code, json) = verdict(&fixture, &budgets, &both);
    assert_eq!(code, 0, "{json:#}");
    assert_eq!(codes(&json), ["new-artifact"]);
    assert!(why(&json["rows"][0]).starts_with("new"), "{json:#}");
    // Its limit counts, and its absence is no baseline of anything else.
    let limit = budgets.replacen(growth, "growth = \"0 B\"\nlimit = \"1 B\"", 1);
    assert_eq!(verdict(&fixture, &limit, &both).0, 100);
    let (code, json) = verdict(&fixture, &budgets, &both[2..]);
    assert_eq!(code, 100, "{json:#}");
    // Without it the new one is missing, and the help says what to do.
    let run = check(&fixture, &budgets, &both[..2]);
    assert_eq!(run.code, Some(100));
    assert!(run.stderr.contains("--allow-absent"), "{}", run.stderr);
    // A directory stands for all snapshots in it.
    let directory = fixture.root().join("size");
    fs::create_dir(&directory).unwrap();
    let flags = ["--baseline", directory.to_str().unwrap()];
    let run = check(&fixture, &budgets, &flags);
    assert_eq!(run.code, Some(101), "an empty one: {}", run.stderr);
    fs::copy(old, directory.join("growing.json")).unwrap();
    fs::copy(&absent, directory.join("newest.json")).unwrap();
    fs::write(directory.join("README.md"), "").unwrap();
    assert_eq!(verdict(&fixture, &budgets, &flags).0, 0);
    // What is there is measured, whatever may be.
    let run = take(fixture.path(), &named);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let json: Value = serde_json::from_str(&fs::read_to_string(&absent).unwrap()).unwrap();
    assert!(number(&json["artifact"], "file_size") > 0);
}

/// `-p` and `--bin` leave out the budgets of everything else, and say which.
#[test]
fn packages_choose_as_targets_do() {
    let fixture = two_packages();
    let limit = "limit = \"90 MiB\"";
    let budgets = budget("bin = \"growing\"", "file", limit)
        + &budget("bin = \"second\"", "file", limit)
        + &budget("lib = \"my_capi\"", "file", limit)
        + &budget("lib = \"second\"", "shipped", limit);
    let artifacts = |json: &Value| -> Vec<String> {
        let rows = json["rows"].as_array().unwrap().iter();
        rows.map(|row| row["artifact"].as_str().unwrap().to_owned())
            .collect()
    };
    for (flags, chosen, left_out) in [
        (
            &["-p", "second"][..],
            &["second", "my_capi", "second"][..],
            "`growing`",
        ),
        (&["-p", "growing"], &["growing"], "`second`, `my_capi`"),
        (
            &["--bin", "second"],
            &["second"],
            "`growing`, `my_capi`, `second`",
        ),
        (
            &["-p", "second", "--bin", "second"],
            &["second"],
            "`growing`, `my_capi`",
        ),
        (
            &["-p", "second", "--lib"],
            &["my_capi", "second"],
            "`growing`, `second`",
        ),
    ] {
        let (code, json) = verdict(&fixture, &budgets, flags);
        assert_eq!(
            (code, artifacts(&json)),
            (0, chosen.iter().map(ToString::to_string).collect()),
            "{flags:?}"
        );
        let warning = json["warnings"][0]["message"].as_str().unwrap();
        assert_eq!(codes(&json), ["left-out"]);
        for name in left_out.split(", ") {
            assert!(warning.contains(name), "{flags:?}: {warning}");
        }
    }
    // What no package has is a mistake in the file, whichever package is asked for.
    let typo = budgets.replace("my_capi", "my_cap");
    let (code, json) = verdict(&fixture, &typo, &["-p", "growing"]);
    assert_eq!(code, 100, "{json:#}");
    assert!(why(&json["rows"][0]).contains("but `my_capi`"), "{json:#}");
    assert_eq!(check(&fixture, &budgets, &["-p", "nobody"]).code, Some(2));
    assert_eq!(
        check(&fixture, &budgets, &["--bin", "nobody"]).code,
        Some(2)
    );
}
