//! Allocations: counts equal to what the program counts itself and to DHAT's, and for whom.

mod linked;
mod odd;

use crate::hotspots;
use integration_tests::command::{command, output, succeed};
use integration_tests::fixture::Fixture;
use integration_tests::tool::{Run, Tool, is_cause_of_null};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

const COUNT: &str = "2000";

fn json(run: &Run) -> Value {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

fn alloc(tool: &Tool, arguments: &[&str]) -> Value {
    let all = ["alloc", "--message-format", "json"];
    json(&tool.run(all.iter().chain(arguments)))
}

/// Allocations, reallocations and bytes of each crate, as the program says.
fn told(said: &str) -> BTreeMap<String, [u64; 3]> {
    let lines = said.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let name = words.next()?.to_owned();
        let mut number = || words.next()?.parse().ok();
        Some((name, [number()?, number()?, number()?]))
    });
    let told: BTreeMap<_, _> = lines.collect();
    assert_eq!(told.len(), 6, "{said}");
    told
}

fn rows<'r>(report: &'r Value, key: &str) -> &'r [Value] {
    report[key].as_array().expect("rows")
}

fn number(row: &Value, key: &str) -> u64 {
    row[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} of {row}"))
}

fn by_name<'r>(rows: &'r [Value], name: &str) -> &'r Value {
    let found = rows.iter().find(|row| row["name"] == name);
    found.unwrap_or_else(|| panic!("no row `{name}`"))
}

const FIGURES: [&str; 5] = [
    "allocations",
    "reallocations",
    "bytes",
    "peak_bytes",
    "leaked_bytes",
];

/// What valgrind's DHAT says of a program: blocks, bytes, bytes at the peak and at the end.
fn dhat(program: &Path, arguments: &[&str]) -> [u64; 4] {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dhat.json");
    succeed(
        command("valgrind")
            .args(["--tool=dhat", "--quiet", "--child-silent-after-fork=yes"])
            .arg(format!("--dhat-out-file={}", file.display()))
            .arg(program)
            .args(arguments),
    );
    let report: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let sum = |key: &str| {
        rows(&report, "pps")
            .iter()
            .map(|point| number(point, key))
            .sum()
    };
    [sum("tbk"), sum("tb"), sum("gb"), sum("eb")]
}

/// Each crate's part is what the program itself counted in it, to the block and to the byte.
#[test]
fn crates_have_what_the_program_counts_itself() {
    let fixture = Fixture::new("allocating");
    let tool = hotspots().in_directory(fixture.path());
    let run = tool.run([
        "alloc",
        "--bin",
        "allocating",
        "--features",
        "counting",
        "--message-format",
        "json",
        "--",
        COUNT,
    ]);
    let told = told(&run.stderr);
    let report = json(&run);
    assert_eq!(report["estimated"], false);
    for (name, [allocations, reallocations, bytes]) in &told {
        if name == "all" {
            continue;
        }
        let row = by_name(rows(&report, "crates"), name);
        let found = [
            number(row, "allocations"),
            number(row, "reallocations"),
            number(row, "bytes"),
        ];
        assert_eq!(found, [*allocations, *reallocations, *bytes], "{name}");
        assert_eq!(row["ci_low"], row["charged"]);
        assert_eq!(row["ci_high"], row["charged"]);
    }
    // Rows are a partition of the totals, which no estimate touches.
    for key in FIGURES {
        for part in ["rows", "crates"] {
            let sum: u64 = rows(&report, part).iter().map(|row| number(row, key)).sum();
            assert_eq!(sum, number(&report["totals"], key), "{key} of {part}");
        }
    }
    // The helper is none of the workspace: the program caused it.
    let caused = alloc(&tool, &["--by", "caused"]);
    let helper = by_name(rows(&report, "crates"), "helper");
    let own = by_name(rows(&caused, "crates"), "allocating");
    assert!(number(own, "bytes") >= number(helper, "bytes"));
    assert_eq!(by_name(rows(&caused, "crates"), "helper")["caused"], 0.0);
}

/// A comparison of two recordings of allocations is in bytes and blocks, to the byte what the program
/// counted in either run, and says nothing of time; bytes and time are not compared at all.
#[test]
fn two_recordings_of_allocations_are_compared_in_bytes() {
    let fixture = Fixture::new("allocating");
    let tool = hotspots().in_directory(fixture.path());
    let record = |count: &str| {
        let flags = ["--bin", "allocating", "--features", "counting"];
        let view = ["alloc", "--message-format", "json"];
        let run = tool.run(view.iter().chain(&flags).chain(&["--", count]));
        (
            told(&run.stderr),
            number(&json(&run)["recording"], "number").to_string(),
        )
    };
    let ((before, first), (after, second)) = (record(COUNT), record("3000"));
    let compared = json(&tool.run(["diff", &first, &second, "--message-format", "json"]));
    assert_eq!(compared["unit"], "bytes");
    assert!(compared["cpu_before_ns"].is_null() && compared["cpu_after_ns"].is_null());
    let changed = rows(&compared, "rows");
    for (name, [allocations, reallocations, bytes]) in &before {
        if name == "all" {
            continue;
        }
        let kinds = changed.iter().filter(|row| row["kind"] == "crate");
        let row = kinds.into_iter().find(|row| row["name"] == **name);
        let row = row.unwrap_or_else(|| panic!("no row `{name}`"));
        assert_eq!(number(row, "before_bytes"), *bytes, "{name}");
        assert_eq!(number(row, "after_bytes"), after[name][2], "{name}");
        let delta = after[name][2] as i64 - *bytes as i64;
        assert_eq!(row["delta_bytes"], delta, "{name}");
        assert_eq!(number(row, "allocations_before"), *allocations, "{name}");
        assert_eq!(number(row, "allocations_after"), after[name][0], "{name}");
        assert_eq!(
            number(row, "reallocations_before"),
            *reallocations,
            "{name}"
        );
        for key in [
            "before_ns",
            "after_ns",
            "delta_ns",
            "ci_low_ns",
            "ci_high_ns",
        ] {
            assert!(row[key].is_null(), "{key} of {row}");
        }
        assert_eq!(row["sampling_error"], 0.0);
    }
    let page = tool.run(["diff", &first, &second]);
    assert!(page.stdout.contains("allocated "), "{}", page.stdout);
    // The header has the duration of each run; nothing below it speaks of time.
    let (_, below) = page.stdout.split_once("\nCrates\n").expect("a table");
    for time in ["CPU", " ms", "slower", "faster"] {
        assert!(!below.contains(time), "`{time}` in {below}");
    }
    // A change of no byte is none: the first of these columns would be empty.
    let says = |line: &str| line.trim_start().starts_with("0 B  more");
    assert!(!below.lines().any(says), "{below}");
    // They ran with different arguments; nothing else is wrong with them.
    let function = tool.run(["callers", "grow_all", "--input", &first]);
    assert!(
        !function.stdout.contains("of all time"),
        "{}",
        function.stdout
    );

    let time = tool.run([
        "--bin",
        "allocating",
        "--message-format",
        "json",
        "--",
        COUNT,
    ]);
    let time = number(&json(&time)["recording"], "number").to_string();
    let refused = tool.run(["diff", &time, &second]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let said = format!("`{second}` is a recording of allocations and `{time}` one of time");
    assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    let listed = tool.run(["recordings"]);
    assert!(
        !listed.stdout.contains("hotspots diff"),
        "{}",
        listed.stdout
    );
}

/// The totals are DHAT's, with stacks of each allocation, of some, and of none.
#[test]
fn totals_are_dhats_whatever_is_sampled() {
    let fixture = Fixture::new("allocating");
    let tool = hotspots().in_directory(fixture.path());
    let report = alloc(&tool, &["--bin", "allocating", "--", COUNT]);
    let program = report["recording"]["programs"][0]["path"].as_str().unwrap();
    let [blocks, bytes, peak, end] = dhat(Path::new(program), &[COUNT]);
    let of = |report: &Value, key: &str| number(&report["totals"], key);
    for how in [
        ["--call-graph", "fp"],
        ["--call-graph", "dwarf"],
        ["--call-graph", "none"],
        ["--sample-bytes", "20000"],
        ["--sample-bytes", "0"],
    ] {
        let report = alloc(&tool, &[how[0], how[1], "--exec", program, "--", COUNT]);
        let found = of(&report, "allocations") + of(&report, "reallocations");
        assert_eq!(found, blocks, "{how:?}");
        assert_eq!(of(&report, "bytes"), bytes, "{how:?}");
        assert_eq!(of(&report, "peak_bytes"), peak, "{how:?}");
        assert_eq!(of(&report, "leaked_bytes"), end, "{how:?}");
        let exact = how == ["--call-graph", "fp"] || how == ["--sample-bytes", "0"];
        assert_eq!(report["estimated"], !exact, "{how:?}");
        // Estimates are brought to the totals.
        let sum: u64 = rows(&report, "rows")
            .iter()
            .map(|row| number(row, "bytes"))
            .sum();
        assert!(
            sum.abs_diff(bytes) <= rows(&report, "rows").len() as u64,
            "{how:?}"
        );
    }

    // Who made the vectors, and who made them grow.
    for (growth, name) in [
        ("made-by", "vectors::creator"),
        ("grown-by", "vectors::grower"),
    ] {
        let report = alloc(&tool, &["--growth", growth]);
        let found: Vec<&Value> = rows(&report, "rows")
            .iter()
            .filter(|row| row["crate"] == "vectors")
            .collect();
        let steps: u64 = found.iter().map(|row| number(row, "reallocations")).sum();
        assert!(steps >= 60, "{steps}");
        let row = by_name(rows(&report, "rows"), name);
        assert_eq!(number(row, "reallocations"), steps, "{growth}");
        // The one that is never freed.
        assert_eq!(number(row, "leaked_bytes"), 256 * 8, "{growth}");
    }

    // All other views open it.
    let crates = json(&tool.run(["crates", "--message-format", "json"]));
    let sum: f64 = rows(&crates, "rows")
        .iter()
        .map(|row| row["charged"].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    let callers = json(&tool.run(["callers", "vectors::grower", "--message-format", "json"]));
    assert!(
        rows(&callers, "rows")
            .iter()
            .any(|row| row["name"] == "vectors::run")
    );
    for arguments in [
        ["lines", "--message-format", "json"].as_slice(),
        &["flamegraph", "-o", "alloc.svg"],
        &["export", "--to", "folded"],
    ] {
        let run = tool.run(arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
    }
}

/// Functions that allocate much, little, once, and step by step. Each is more than a few bytes of code,
/// so that it is not one with another.
const MIXED: &str = r#"
use std::hint::black_box;
#[inline(never)] fn most(n: usize) { for _ in 0..n { black_box(vec![0_u8; 1000]); } }
#[inline(never)] fn some(n: usize) { for _ in 0..n / 10 { black_box(Box::new([0_u64; 12])); } }
#[inline(never)] fn large(n: usize) { for _ in 0..n / 1000 { black_box(vec![1_u16; 50_000]); } }
#[inline(never)] fn once() { black_box(Box::new(7_u128)); }
#[inline(never)] fn few() { for at in 0..20 { black_box(vec![at; 30]); } }
#[inline(never)] fn steps() { let mut all = Vec::with_capacity(1); for at in 0..10_000_u64 { all.push(black_box(at)); } }
fn main() {
    let n: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    most(n); some(n); large(n); once(); few(); steps();
}
"#;

/// With some stacks only, the interval of each function holds what it has with the stack of every
/// allocation, also where nearly all samples are of one function and where one has none; and what the
/// report says of its own exactness is so.
#[test]
fn intervals_hold_what_was_never_sampled() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("mixed");
    fs::write(directory.path().join("mixed.rs"), MIXED).unwrap();
    let mut rustc = integration_tests::command::rustc();
    let flags = [
        "--edition=2021",
        "-O",
        "-g",
        "-Cforce-frame-pointers=yes",
        "-o",
    ];
    succeed(
        rustc
            .args(flags)
            .arg(&program)
            .arg(directory.path().join("mixed.rs")),
    );
    let (mut judged, mut outside, mut largest_outside) = (0, 0, 0);
    for count in ["100", "5000", "100000"] {
        let record = |how: &[&str]| -> Value {
            let mut command = command(env!("CARGO_BIN_EXE_hotspots-under-test"));
            command.env("XDG_STATE_HOME", directory.path().join("state"));
            command.args(["hotspots", "alloc", "--message-format", "json"]);
            command.args(["--call-graph", "fp"]).args(how);
            command.arg("--exec").arg(&program).args(["--", count]);
            let ended = output(&mut command);
            let said = String::from_utf8_lossy(&ended.stderr);
            serde_json::from_slice(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
        };
        let truth = record(&[]);
        assert_eq!(
            (&truth["estimated"], &truth["unseen_bytes"]),
            (&false.into(), &0.into())
        );
        let total = number(&truth["totals"], "bytes") as f64;
        for bytes in ["1000", "4096", "16384", "4096"] {
            let report = record(&["--sample-bytes", bytes]);
            assert_eq!(report["estimated"], true);
            let codes = rows(&report, "warnings")
                .iter()
                .map(|warning| &warning["code"]);
            assert!(codes.clone().any(|code| code == "allocations-estimated"));
            let unseen = number(&report, "unseen_bytes") as f64;
            let interval: f64 = bytes.parse().unwrap();
            assert!(
                (3.0 * interval..4.0 * interval).contains(&unseen),
                "{unseen}"
            );
            for row in rows(&truth, "rows") {
                let share = row["charged"].as_f64().unwrap();
                let mut estimates = rows(&report, "rows").iter();
                let is_outside = match estimates.find(|own| own["name"] == row["name"]) {
                    Some(own) => {
                        let [low, high] =
                            ["ci_low", "ci_high"].map(|key| own[key].as_f64().unwrap());
                        !(low - 1e-12..=high + 1e-12).contains(&share)
                    }
                    None => share * total > unseen,
                };
                judged += 1;
                outside += u32::from(is_outside);
                largest_outside += u32::from(is_outside && share > 0.5);
            }
        }
    }
    assert!(judged > 70, "{judged}");
    // 19 in 20 is what is promised; the intervals are wider than that.
    assert!(outside * 10 <= judged, "{outside} of {judged}");
    assert!(largest_outside <= 2, "{largest_outside} of 12");
}

/// What is said of the stacks is so, however they were followed: the words, the quality, how exact the
/// rows are, and a remedy that is not what was done. The program keeps no frame pointers.
#[test]
fn labels_and_advice_say_how_stacks_were_followed() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("mixed");
    fs::write(directory.path().join("mixed.rs"), MIXED).unwrap();
    let mut rustc = integration_tests::command::rustc();
    let flags = ["--edition=2021", "-O", "-g", "-o"];
    succeed(
        rustc
            .args(flags)
            .arg(&program)
            .arg(directory.path().join("mixed.rs")),
    );
    let show = |how: &[&str]| {
        let mut command = command(env!("CARGO_BIN_EXE_hotspots-under-test"));
        command.env("XDG_STATE_HOME", directory.path().join("state"));
        // Not among the recordings of the other tests.
        command.current_dir(directory.path());
        let ended = output(command.args(["hotspots", "alloc"]).args(how));
        assert_eq!(
            ended.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        String::from_utf8(ended.stdout).unwrap()
    };
    let cells = [
        ("fp", "stacks by frame pointers", "the stack of each of"),
        ("dwarf", "stacks by unwind tables", " stacks of "),
        ("none", "no stacks", "only the totals are known"),
    ];
    for (mode, label, quality) in cells {
        let path = program.to_str().unwrap();
        let page = show(&["--call-graph", mode, "--exec", path, "--", "5000"]);
        let line = |key: &str| {
            let mut lines = page.lines();
            let line = lines.find(|line| line.starts_with(key));
            line.unwrap_or_else(|| panic!("no {key}: {page}"))
                .to_owned()
        };
        assert!(line("recording").contains(label), "{mode}: {page}");
        assert!(line("quality").contains(quality), "{mode}: {page}");
        let report: Value = serde_json::from_str(&show(&["--message-format", "json"])).unwrap();
        let recording = &report["recording"];
        assert_eq!(recording["call_graph"], mode);
        let of = |key: &str| recording["quality"][key].as_f64();
        let codes: Vec<&str> = rows(&report, "warnings")
            .iter()
            .filter(|warning| !is_cause_of_null(warning))
            .map(|warning| warning["code"].as_str().unwrap())
            .collect();
        let helps = rows(&report, "warnings")
            .iter()
            .map(|warning| warning["help"].as_str().unwrap_or_default());
        let helps: String = helps.collect();
        assert!(
            !helps.contains(&format!("`--call-graph {mode}`")),
            "{helps}"
        );
        assert!(
            !helps.contains("--recorder") && !helps.contains("--frequency"),
            "{helps}"
        );
        match mode {
            // One frame of each stack is known, and no caller.
            "fp" => {
                assert!(of("unrooted").unwrap() > 0.9, "{report}");
                assert!(codes.contains(&"unrooted-stacks"), "{codes:?}");
                assert!(!line("rows").contains("exact"), "{page}");
            }
            // Unwind tables pass over nobody.
            "dwarf" => {
                assert_eq!((of("broken"), of("unrooted")), (Some(0.0), Some(0.0)));
                assert_eq!(codes, ["allocations-estimated"]);
            }
            _ => {
                assert_eq!((of("unrooted"), of("unknown")), (None, None));
                assert_eq!(codes, ["no-stacks"]);
                assert!(!page.contains("doubtful"), "{page}");
            }
        }
    }
}
