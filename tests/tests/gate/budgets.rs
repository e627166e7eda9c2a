//! Budgets: each status, each measure, each mistake.

use crate::project::{check, edit, growing, snapshot, verdict};
use integration_tests::command::{command, rustc, succeed};
use integration_tests::fixture::Fixture;
use integration_tests::tool::number;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn budget(measure: &str, rest: &str) -> String {
    format!("[[budget]]\nbin = \"growing\"\nmeasure = \"{measure}\"\n{rest}\n\n")
}

fn only(json: &Value) -> &Value {
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{json:#}");
    &rows[0]
}

/// The artifact of the user's own build.
fn built(fixture: &Fixture) -> PathBuf {
    fixture.cargo(&["build", "--release"]);
    fixture.path().join("target/release/growing")
}

#[test]
fn pass_warn_and_fail() {
    let fixture = growing();
    let size = fs::metadata(built(&fixture)).unwrap().len();
    for (limits, code, status) in [
        (format!("limit = \"{} B\"", size), 0, "pass"),
        (format!("limit = \"{} B\"", size + 1), 0, "pass"),
        (
            format!("limit = \"{} B\"\nwarn = \"{} B\"", size + 1, size - 1),
            0,
            "warn",
        ),
        (format!("limit = \"{} B\"", size - 1), 100, "fail"),
    ] {
        let (found, json) = verdict(&fixture, &budget("file", &limits), &[]);
        let row = only(&json);
        assert_eq!(
            (found, row["status"].as_str().unwrap()),
            (code, status),
            "{limits}"
        );
        // The user's own build is what is measured, not the analysis.
        assert_eq!(number(row, "value"), size);
        let slack = row["slack"].as_i64().unwrap();
        assert_eq!(slack, number(row, "limit") as i64 - size as i64);
        assert_eq!(row["measure"], "file");
        assert_eq!(row["artifact"], "growing");
    }
}

/// A check ends with what to do next, as commands that do it.
#[test]
fn a_check_leads_on() {
    let fixture = growing();
    for (measure, limit, expected) in [
        ("crate:growing", "1 B", "why crate:growing --bin growing"),
        ("file", "1 B", "overview --bin growing"),
        ("crate:nobody", "1 MiB", "crates -n 0 --bin growing"),
        ("file", "1 GiB", "snapshot -o size.json --bin growing"),
    ] {
        let limit = format!("limit = \"{limit}\"");
        let run = check(&fixture, &budget(measure, &limit), &[]);
        let next = format!("→ cargo slim {expected}");
        assert!(run.stdout.contains(&next), "{measure}: {}", run.stdout);
        let run = crate::slim()
            .in_directory(fixture.path())
            .run(expected.split(' '));
        assert_eq!(run.code, Some(0), "{expected}: {}", run.stderr);
    }
}

/// Accepting today's sizes is offered as a command for the same files: another one in reach would be
/// rewritten. Where nothing is left that it could do, it is not offered again.
#[test]
fn todays_sizes_are_accepted_in_the_file_that_was_asked_for() {
    let fixture = growing();
    let limits = budget("file", "limit = \"1 B\"");
    let forbidden = "[[forbid]]\nbin = \"growing\"\nfunction = \"main\"\n";
    let other = fixture.path().join("other limits.toml");
    fs::write(&other, format!("{limits}{forbidden}")).unwrap();
    let run = check(
        &fixture,
        &limits,
        &["--config-file", "other limits.toml", "--bin", "growing"],
    );
    let offered = run.stdout.lines().find_map(|line| {
        let command = line.strip_prefix("→ cargo slim ")?;
        command.split_once("  accept").map(|(command, _)| command)
    });
    let offered = offered.unwrap_or_else(|| panic!("{}", run.stdout));
    let mut shell = command("sh");
    let words = shell.arg("-c").arg(format!("printf '%s\\n' {offered}"));
    let words = succeed(words);
    let run = crate::slim()
        .in_directory(fixture.path())
        .run(words.lines());
    assert_eq!(run.code, Some(100), "{offered}: {}", run.stderr);
    assert!(!run.stdout.contains("accept today"), "{}", run.stdout);
    assert_eq!(
        fs::read_to_string(fixture.path().join("slim.toml")).unwrap(),
        limits
    );
    let changed = fs::read_to_string(&other).unwrap();
    assert!(changed.contains("WHY") && !changed.contains("\"1 B\""));
}

/// What matches nothing fails, whatever it is.
#[test]
fn missing_fails() {
    let fixture = growing();
    let limit = "limit = \"9 MiB\"";
    for budgets in [
        budget("crate:nobody", limit),
        budget("section:.nothing", limit),
        budget("function:/nobody_wrote_it/", limit),
        budget("file", limit).replace("growing", "nothing"),
        budget("file", limit).replace("bin", "example"),
        "[[budget]]\nfile = \"not-there\"\nmeasure = \"file\"\nlimit = \"1 MiB\"\n".to_owned(),
        "[[forbid]]\nbin = \"nothing\"\nfunction = \"x\"\n".to_owned(),
        budget("file", "growth = \"1 KiB\""),
    ] {
        let (code, json) = verdict(&fixture, &budgets, &[]);
        let row = only(&json);
        assert_eq!(
            (code, row["status"].as_str()),
            (100, Some("missing")),
            "{budgets}"
        );
        assert!(row["why"].is_string(), "{row}");
    }
}

#[test]
fn mistakes_in_the_file_are_2_with_the_line() {
    let fixture = growing();
    for (budgets, expected) in [
        (
            budget("file", "limti = \"1 MiB\""),
            "slim.toml:4: `limti` is not a key",
        ),
        (
            budget("file", "limit = \"1000000\""),
            "slim.toml:4: `limit`: `1000000` has no unit",
        ),
        (
            budget("file", "limit = 1000000"),
            "slim.toml:4: `limit` has no unit",
        ),
        (
            budget("file", "growth = \"5\""),
            "slim.toml:4: `growth`: `5` has no unit",
        ),
        (
            budget("weight", "limit = \"1 MiB\""),
            "slim.toml:3: `weight` is not a measure",
        ),
        ("[[budget]\n".to_owned(), "slim.toml:1: "),
    ] {
        let run = check(&fixture, &budgets, &[]);
        assert_eq!(run.code, Some(2), "{budgets}\n{}", run.stderr);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
        assert!(run.stderr.contains("help: "), "{}", run.stderr);
    }
    let run = check(
        &fixture,
        &budget("file", "limit = \"1 MiB\""),
        &["--update"],
    );
    assert_eq!(
        run.code,
        Some(2),
        "an update needs a reason: {}",
        run.stderr
    );
    let run = check(&fixture, "", &["--config-file", "none.toml"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

/// A budget of growth alone, against a snapshot that knows everything of then.
#[test]
fn growth_against_a_baseline() {
    let fixture = growing();
    let baseline = snapshot(&fixture, "size.json", &[]);
    let baseline = baseline.to_str().unwrap();
    let all = ["file", "gzip", "zstd", "section:.text", "crate:growing"]
        .map(|measure| budget(measure, "growth = \"0 B\""))
        .concat();
    let (code, json) = verdict(&fixture, &all, &["--baseline", baseline]);
    assert_eq!(code, 0, "{json:#}");
    for row in json["rows"].as_array().unwrap() {
        assert_eq!(row["growth"], 0, "{row}");
    }

    edit(
        &fixture,
        "src/main.rs",
        "println!(\"{} {}\"",
        "println!(\"{:?}\", total.to_string().chars().rev().collect::<Vec<_>>());\n    println!(\"{} {}\"",
    );
    let (code, json) = verdict(&fixture, &all, &["--baseline", baseline]);
    assert_eq!(code, 100);
    let rows = json["rows"].as_array().unwrap();
    let text = rows
        .iter()
        .find(|row| row["measure"] == "section:.text")
        .unwrap();
    assert_eq!(text["status"], "fail");
    assert_eq!(
        text["growth"].as_i64().unwrap(),
        number(text, "value") as i64 - number(text, "baseline") as i64
    );
    // Of several baselines the one of that artifact counts, wherever it stands.
    let after = snapshot(&fixture, "after.json", &[]);
    let after = fs::read_to_string(after).unwrap();
    assert!(after.contains("\"target_name\":\"growing\""));
    let other = fixture.root().join("other.json");
    let renamed = after.replace("\"target_name\":\"growing\"", "\"target_name\":\"other\"");
    fs::write(&other, renamed).unwrap();
    let several = [
        "--baseline",
        other.to_str().unwrap(),
        "--baseline",
        baseline,
    ];
    let (code, chosen) = verdict(&fixture, &all, &several);
    assert_eq!((code, &chosen["rows"]), (100, &json["rows"]));

    // What changed is named beside the verdict.
    let crates = json["changes"][0]["crates"].as_array().unwrap();
    assert!(
        crates.iter().any(|row| row["name"] == "growing"),
        "{crates:#?}"
    );

    let generous = budget("section:.text", "growth = \"90%\"");
    assert_eq!(verdict(&fixture, &generous, &["--baseline", baseline]).0, 0);
    // Beside a limit, growth without a baseline is said, and the limit still counts.
    let both = budget("file", "limit = \"90 MiB\"\ngrowth = \"0 B\"");
    let (code, json) = verdict(&fixture, &both, &[]);
    assert_eq!(
        (code, json["warnings"][0]["code"].as_str()),
        (0, Some("no-baseline"))
    );
}

#[test]
fn what_is_forbidden_must_not_be_there() {
    let fixture = growing();
    let forbid = "[[forbid]]\nbin = \"growing\"\nfunction = \"growing::util::m.x\"\n";
    let (code, json) = verdict(&fixture, forbid, &[]);
    let row = only(&json);
    assert_eq!((code, row["status"].as_str()), (100, Some("fail")), "{row}");
    assert_eq!(row["found"], serde_json::json!(["growing::util::mix"]));
    let absent = forbid.replace("m.x", "absent");
    assert_eq!(verdict(&fixture, &absent, &[]).0, 0);
}

/// Several artifacts in one run; `--bin` and the like choose among them.
#[test]
fn several_artifacts() {
    let fixture = growing();
    let examples = fixture.path().join("examples");
    fs::create_dir_all(&examples).unwrap();
    fs::write(examples.join("small.rs"), "fn main() {}\n").unwrap();
    let file = built(&fixture);
    let budgets = format!(
        "{}[[budget]]\nexample = \"small\"\nmeasure = \"shipped\"\nlimit = \"1 B\"\n\n\
         [[budget]]\nfile = \"{}\"\nmeasure = \"file\"\nlimit = \"9 MiB\"\n",
        budget("file", "limit = \"9 MiB\""),
        file.display()
    );
    let (code, json) = verdict(&fixture, &budgets, &[]);
    assert_eq!(code, 100);
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (&rows[0]["artifact"], &rows[0]["status"]),
        (&"small".into(), &"fail".into())
    );
    assert_eq!(number(&rows[1], "value"), number(&rows[2], "value"));
    assert_eq!(verdict(&fixture, &budgets, &["--bin", "growing"]).0, 0);
}

/// Segments as binutils sees them: file bytes of all, memory bytes of the writable ones.
fn segments(file: &Path) -> (u64, u64) {
    let output = succeed(command("readelf").arg("-lW").arg(file));
    let (mut flash, mut ram) = (0, 0);
    for line in output.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let ["LOAD", _, _, _, in_file, in_memory, flags @ ..] = fields.as_slice() {
            let number =
                |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
            flash += number(in_file);
            if flags.iter().any(|flag| flag.starts_with("RW")) {
                ram += number(in_memory);
            }
        }
    }
    (flash, ram)
}

const FIRMWARE: &str = "#![no_std]\n#![no_main]\n\
    use core::sync::atomic::{AtomicU32, Ordering};\n\
    static TABLE: [AtomicU32; 64] = [const { AtomicU32::new(7) }; 64];\n\
    static ZEROES: [AtomicU32; 4096] = [const { AtomicU32::new(0) }; 4096];\n\
    #[panic_handler]\nfn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }\n\
    #[unsafe(no_mangle)]\npub extern \"C\" fn _start() -> ! {\n\
    let mut at = 0;\n\
    loop { at = TABLE[at % 64].fetch_add(1, Ordering::Relaxed) as usize;\n\
    at += ZEROES[at % 4096].fetch_add(3, Ordering::Relaxed) as usize; }\n}\n";

/// Firmware: a static file without a system below it, by what is flashed and what RAM it takes.
#[test]
fn flash_and_ram_of_a_static_file() {
    let fixture = growing();
    let source = fixture.root().join("firmware.rs");
    fs::write(&source, FIRMWARE).unwrap();
    let file = fixture.path().join("firmware.elf");
    let mut command = rustc();
    command.args(["--edition=2024", "-Copt-level=s", "-Cpanic=abort"]);
    command.args(["-Crelocation-model=static"]);
    command.args([
        "-Clink-arg=-nostartfiles",
        "-Clink-arg=-nostdlib",
        "-Clink-arg=-static",
    ]);
    succeed(command.arg("-o").arg(&file).arg(&source));
    let (flash, ram) = segments(&file);
    assert!(flash > 256 && ram >= 64 * 4 + 4096 * 4, "{flash} {ram}");
    let budgets = |flash: u64, ram: u64| {
        format!(
            "[[budget]]\nfile = \"firmware.elf\"\nmeasure = \"flash\"\nlimit = \"{flash} B\"\n\
             [[budget]]\nfile = \"firmware.elf\"\nmeasure = \"ram\"\nlimit = \"{ram} B\"\n"
        )
    };
    let (code, json) = verdict(&fixture, &budgets(flash, ram), &[]);
    assert_eq!(code, 0, "{json:#}");
    for row in json["rows"].as_array().unwrap() {
        assert_eq!(row["slack"], 0, "{row}");
    }
    assert_eq!(verdict(&fixture, &budgets(flash - 1, ram), &[]).0, 100);
    assert_eq!(verdict(&fixture, &budgets(flash, ram - 1), &[]).0, 100);
}

/// The other measures, each against a tool that shares no code with ours.
#[test]
fn measures_agree_with_other_tools() {
    let fixture = growing();
    let file = built(&fixture);
    let stripped = fixture.root().join("stripped");
    succeed(
        command("strip")
            .arg("--strip-all")
            .arg("-o")
            .arg(&stripped)
            .arg(&file),
    );
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let compressed = |program: &str, flags: &[&str]| {
        let mut command = command(program);
        command.args(flags).arg("-c").arg(&file);
        let output = integration_tests::command::output(&mut command);
        assert!(output.status.success(), "{program}");
        output.stdout.len() as u64
    };
    let budgets = ["shipped", "gzip", "zstd", "brotli", "section:.text"]
        .map(|measure| budget(measure, "limit = \"90 MiB\""))
        .concat();
    let (code, json) = verdict(&fixture, &budgets, &[]);
    assert_eq!(code, 0, "{json:#}");
    let value = |measure: &str| {
        let rows = json["rows"].as_array().unwrap();
        number(
            rows.iter().find(|row| row["measure"] == measure).unwrap(),
            "value",
        )
    };
    let near = |measure: &str, expected: u64, parts: u64| {
        let found = value(measure);
        println!("{measure}: {found}, the other tool {expected}");
        assert!(
            found.abs_diff(expected) * parts <= expected,
            "{measure}: {found}, {expected}"
        );
    };
    near("shipped", size(&stripped), 1000);
    // Another encoder at the same level.
    near("gzip", compressed("gzip", &["-9n"]), 100);
    // The same encoder, to the byte where it is the same release.
    let program = compressed("zstd", &["-19", "--single-thread"]);
    let version = succeed(command("zstd").arg("--version"));
    let library = json["compression"]["zstd_library"].as_str().unwrap();
    let release = library.strip_prefix("zstd ").unwrap();
    match version.contains(&format!("v{release},")) {
        true => assert_eq!(value("zstd"), program),
        false => near("zstd", program, 50),
    }
    assert_eq!(json["compression"]["gzip_library"], "zlib-rs");
    assert_eq!(json["compression"]["gzip_level"], 9);
    // Another implementation of the same encoder.
    near(
        "brotli",
        compressed("brotli", &["-q", "11", "-w", "24"]),
        100,
    );
    assert_eq!(json["compression"]["brotli_level"], 11);
}

/// `--update` writes today's values, keeps comments, and the next check passes.
#[test]
fn an_update_keeps_comments_and_says_why() {
    let fixture = growing();
    let size = fs::metadata(built(&fixture)).unwrap().len();
    let before = "# Our sizes.\n\n[[budget]] # the tool\nbin = 'growing'\nmeasure = \"file\"\n\
                  limit = \"1 KiB\"   # from the router\nreason = \"old\"\n\n\
                  [[budget]]\nbin = \"growing\"\nmeasure = \"section:.text\"\n\
                  limit = \"90 MiB\"\n# the end\n";
    let run = check(
        &fixture,
        before,
        &["--update", "--reason", "a larger router"],
    );
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let after = fs::read_to_string(fixture.path().join("slim.toml")).unwrap();
    for part in [
        "# Our sizes.\n\n[[budget]] # the tool\nbin = 'growing'",
        "   # from the router\n",
        "reason = \"old\"\n",
        "updated = \"a larger router\"\n",
        "reason = \"a larger router\"\n",
        "# the end\n",
    ] {
        assert!(after.contains(part), "{part} is not in\n{after}");
    }
    assert!(!after.contains("90 MiB"), "{after}");
    assert!(
        after.contains(" KiB\"   # from the router\n"),
        "the unit stays: {after}"
    );
    let (code, json) = verdict(&fixture, &after, &[]);
    assert_eq!(code, 0);
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(number(&rows[0], "limit"), size);
    assert!(rows.iter().all(|row| row["slack"] == 0), "{rows:#?}");
}
