//! The gate as users run it, on a project with Criterion benchmarks from the registry: silent when
//! nothing changed, loud about the one benchmark that did, and never silent about what it could
//! not compare.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
    sync::{Mutex, MutexGuard, PoisonError},
};

const MANIFEST: &str = r#"
[package]
name = "gated"
version = "0.1.0"
edition = "2021"
[workspace]
[dev-dependencies]
criterion = { version = "0.8", default-features = false, features = ["cargo_bench_support"] }
[[bench]]
name = "two"
harness = false
"#;

/// `arith` and `digits` take a few microseconds; `DIGITS` says how much work the second has.
const LIBRARY: &str = "
#[inline(never)]
pub fn arith(seed: u64) -> u64 {
    (0..2000).fold(seed, |x, _| x.wrapping_mul(6364136223846793005).rotate_left(13) ^ 0x5555)
}
#[inline(never)]
pub fn digits(seed: u64) -> u64 {
    (0..DIGITS).fold(seed, |x, i| std::hint::black_box(x ^ i).count_ones() as u64 + x / (i | 1))
}
const DIGITS: u64 = 1000;
";

const BENCH: &str = r#"
use criterion::{criterion_group, criterion_main, Criterion};
use std::hint::black_box;
fn two(c: &mut Criterion) {
    c.bench_function("arith", |b| b.iter(|| gated::arith(black_box(7))));
    c.bench_function("digits", |b| b.iter(|| gated::digits(black_box(7))));
}
criterion_group!(group, two);
criterion_main!(group);
"#;

/// Cargo names what it builds by the package and its place in the workspace, not by where that is, so
/// in one target directory each project's program would be taken for another's that is newer. One
/// after the other, what a project writes is newer than what was built before.
static ALONE: Mutex<()> = Mutex::new(());

struct Project(
    tempfile::TempDir,
    #[expect(dead_code)] MutexGuard<'static, ()>,
);

impl Project {
    fn new() -> Self {
        // A test that failed has left nothing behind.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let project = Self(tempfile::tempdir().unwrap(), alone);
        project.write("Cargo.toml", MANIFEST);
        project.write("src/lib.rs", LIBRARY);
        project.write("benches/two.rs", BENCH);
        project
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The tool in the project. Criterion is built once for all tests.
    fn run(&self, arguments: &[&str]) -> Output {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gate");
        Command::new(env!("CARGO_BIN_EXE_cargo-hotspots"))
            .args(arguments)
            .arg("--target-dir")
            .arg(target)
            .current_dir(self.path())
            .output()
            .unwrap()
    }

    fn save(&self, name: &str) {
        let output = self.run(&["--bench", "two", "--save-baseline", name]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }

    /// The verdict on the working tree, with its exit code.
    fn check(&self, name: &str, more: &[&str]) -> (i32, Value) {
        let mut arguments = vec!["check", "--bench", "two", "--baseline", name];
        arguments.extend(["--message-format", "json"]);
        arguments.extend(more);
        let output = self.run(&arguments);
        let json = serde_json::from_slice(&output.stdout);
        let json = json.unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        (output.status.code().unwrap(), json)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn row<'a>(report: &'a Value, benchmark: &str) -> &'a Value {
    let mut rows = report["rows"].as_array().unwrap().iter();
    let found = rows.find(|row| row["benchmark"] == benchmark);
    found.unwrap_or_else(|| panic!("{benchmark} in {report}"))
}

/// A baseline belongs to one test: the tests run side by side.
#[test]
#[ignore = "five minutes of a machine with nothing else to do: `.ci/run gate`"]
fn a_change_is_found_where_it_is_and_nothing_else_is() {
    let project = Project::new();
    project.save("changes");

    // Nothing changed: six times of six.
    for _ in 0..6 {
        let (code, report) = project.check("changes", &[]);
        assert_eq!(code, 0, "{report}");
        for row in report["rows"].as_array().unwrap() {
            let status = row["status"].as_str().unwrap();
            assert!(["pass", "inconclusive"].contains(&status), "{row}");
            assert_eq!(row["improved"], false, "{row}");
        }
    }

    // 25 % more work in one function.
    let slower = LIBRARY.replace("DIGITS: u64 = 1000", "DIGITS: u64 = 1250");
    project.write("src/lib.rs", &slower);
    let (code, report) = project.check("changes", &[]);
    assert_eq!(code, 100, "{report}");
    assert_eq!(report["passed"], false);
    assert_eq!(row(&report, "digits")["status"], "fail");
    assert_ne!(row(&report, "arith")["status"], "fail");
    let grew = row(&report, "digits")["grew"].as_array().unwrap();
    let first = |kind: &str| {
        let mut of_kind = grew.iter().filter(|grew| grew["kind"] == kind);
        of_kind
            .next()
            .unwrap_or_else(|| panic!("{kind} in {grew:?}"))
    };
    assert_eq!(first("crate")["name"], "gated");
    assert_eq!(first("function")["name"], "gated::digits");
    let delta = first("crate")["delta"].as_f64().unwrap();
    assert!((0.15..0.35).contains(&delta), "{delta}");

    // Less work passes, and is said to be faster.
    let faster = LIBRARY.replace("DIGITS: u64 = 1000", "DIGITS: u64 = 750");
    project.write("src/lib.rs", &faster);
    let (code, report) = project.check("changes", &["--filter", "digits"]);
    assert_eq!(code, 0, "{report}");
    let row = row(&report, "digits");
    assert_eq!(
        (&row["status"], &row["improved"]),
        (&"pass".into(), &true.into())
    );
}

#[test]
fn what_cannot_be_compared_never_passes() {
    let project = Project::new();
    project.save("bad-input");

    // Renamed: the old name is missing, the new one is new.
    project.write("benches/two.rs", &BENCH.replace("\"arith\"", "\"sums\""));
    let (code, report) = project.check("bad-input", &["--filter", "arith|sums"]);
    assert_eq!(code, 100, "{report}");
    assert_eq!(row(&report, "arith")["status"], "missing");
    assert_eq!(row(&report, "sums")["status"], "new");

    // The shorter form is the same gate, and reports to GitHub too.
    let short = [
        "--bench",
        "two",
        "--baseline",
        "bad-input",
        "--filter",
        "arith",
    ];
    let output = project.run(&[&short[..], &["--message-format", "github"]].concat());
    assert_eq!(output.status.code(), Some(100), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains("::error") && said.contains("arith"), "{said}");
    let output = project.run(&["--bench", "two", "--message-format", "github"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("is for gates"));

    // It crashes on one side.
    let crash = BENCH.replace(
        "b.iter(|| gated::digits(black_box(7)))",
        "b.iter(|| panic!(\"no\"))",
    );
    project.write("benches/two.rs", &crash);
    let (code, report) = project.check("bad-input", &["--filter", "digits"]);
    assert_eq!(code, 100, "{report}");
    let row = row(&report, "digits");
    assert_eq!(row["status"], "missing");
    let reason = row["reason"].as_str().unwrap();
    assert!(reason.contains("current side failed with"), "{reason}");

    // What is no baseline is an error that says which there are.
    let output = project.run(&["check", "--bench", "two", "--baseline", "nothing"]);
    assert_eq!(output.status.code(), Some(101));
    let said = text(&output.stderr);
    assert!(
        said.contains("no baseline `nothing`") && said.contains("bad-input"),
        "{said}"
    );
    let output = project.run(&[
        "check",
        "--bench",
        "two",
        "--baseline",
        "bad-input",
        "--filter",
        "x",
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));

    // Numbers of something else compare nothing, and a file is found by its name alone.
    project.write(
        "hf.json",
        r#"{"results":[{"command":"./other -x","min":0.01,"times":[0.01]}]}"#,
    );
    let output = project.run(&["check", "--exec", "true", "--baseline", "hf.json"]);
    assert_eq!(output.status.code(), Some(101));
    let said = text(&output.stderr);
    assert!(said.contains("no number of a benchmark"), "{said}");
    assert!(said.contains("it has: `./other -x`"), "{said}");

    // A budget that decides nothing is refused with the time that is needed.
    project.write("benches/two.rs", BENCH);
    let budget = [
        "check",
        "--bench",
        "two",
        "--baseline",
        "bad-input",
        "--time-budget",
        "1s",
    ];
    let output = project.run(&budget);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("time budget is 1.0 s"));
}

/// divan answers `--list --format terse` from 0.1.18 on, and only with `NEXTEST=1`; targets without
/// benchmarks and without a harness are beside it.
#[test]
fn every_harness_is_kept_and_compared_by_its_own_names() {
    for (version, name) in [("0.1", "mixed"), ("=0.1.17", "mixed-older")] {
        let project = Project::new();
        let more = format!(
            "divan = \"{version}\"\n[[bench]]\nname = \"dv\"\nharness = false\n\
             [[bench]]\nname = \"plain\"\nharness = false\n[[bench]]\nname = \"tests\"\n[[bench]]"
        );
        project.write("Cargo.toml", &MANIFEST.replacen("[[bench]]", &more, 1));
        let divan = "fn main() { divan::main(); }\n\
             #[divan::bench] fn one() -> u64 { gated::arith(divan::black_box(7)) }\n\
             #[divan::bench(args = [1000, 2000])] fn own(n: u64) -> u64 { gated::arith(n) }\n\
             #[divan::bench(ignore)] fn never() {}\n";
        project.write("benches/dv.rs", divan);
        project.write("benches/plain.rs", "fn main() { gated::arith(7); }\n");
        project.write("benches/tests.rs", "#[test] fn none() {}\n");
        let all = version == "0.1";
        let which: &[&str] = if all {
            &["--bench"]
        } else {
            &["--bench", "dv"]
        };
        let kept = ["--save-baseline", name, "--message-format", "json"];
        let output = project.run(&[which, &kept].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let saved: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = saved["rows"].as_array().unwrap().iter();
        let mut names: Vec<_> = rows.map(|row| row["benchmark"].as_str().unwrap()).collect();
        names.sort_unstable();
        if !all {
            assert_eq!(
                names,
                ["dv::one", "dv::own::1000", "dv::own::2000"],
                "{saved}"
            );
            continue;
        }
        let expected = [
            "arith",
            "digits",
            "dv::one",
            "dv::own::1000",
            "dv::own::2000",
            "plain",
        ];
        assert_eq!(names, expected, "{saved}");
        let codes: Vec<_> = saved["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|warning| (warning["code"].as_str(), warning["help"].is_string()))
            .collect();
        assert_eq!(codes, [(Some("no-benchmarks"), true)], "{saved}");

        let arguments = [
            "check",
            "--bench",
            "--baseline",
            name,
            "--filter",
            "own::1000",
        ];
        let output = project.run(&[&arguments[..], &["--message-format", "json"]].concat());
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        let rows = report["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["metric"] == "time").unwrap();
        assert_eq!(row["benchmark"], "dv::own::1000");
        // Whatever the machine does meanwhile, both sides are measured.
        assert!(row["baseline"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["current"].as_f64().unwrap() > 0.0, "{row}");
        // divan allocates around a benchmark that does not, and 88 million instructions are its own:
        // 2,000 rounds are a multiplication, a rotation, an xor and what the loop takes.
        let counted = |metric: &str| {
            let row = rows.iter().find(|row| row["metric"] == metric);
            let row = row.unwrap_or_else(|| panic!("{metric} in {report}"));
            row["current"].as_f64().unwrap()
        };
        assert_eq!((counted("allocations"), counted("bytes")), (0.0, 0.0));
        let instructions = counted("instructions");
        assert!((6_000.0..14_000.0).contains(&instructions), "{report}");
    }
}

/// An alarm about counts says what grew in it, as one about time does, and has no p-value: nothing was
/// tested.
#[test]
fn more_allocations_and_instructions_are_explained() {
    let project = Project::new();
    let with = |boxes: u64| {
        LIBRARY.replace(
            "(0..DIGITS)",
            &format!(
                "for i in 0..{boxes}u64 {{ std::hint::black_box(Box::new([i; 4])); }} (0..DIGITS)"
            ),
        )
    };
    project.write("src/lib.rs", &with(10));
    project.save("grown");
    project.write("src/lib.rs", &with(400));
    let (code, report) = project.check("grown", &["--filter", "digits"]);
    assert_eq!(code, 100, "{report}");
    let rows = report["rows"].as_array().unwrap().iter();
    let counts: Vec<&Value> = rows.filter(|row| row["metric"] != "time").collect();
    assert_eq!(counts.len(), 3, "{report}");
    for row in counts {
        let metric = row["metric"].as_str().unwrap();
        assert_eq!(row["status"], "fail", "{row}");
        assert!(row["p_concern"].is_null(), "{row}");
        let grew = row["grew"].as_array().unwrap();
        let of_kind = |kind: &str| grew.iter().find(|grew| grew["kind"] == kind);
        let [first, function] = ["crate", "function"].map(|kind| of_kind(kind).unwrap());
        assert_eq!(first["name"], "gated", "{metric}: {grew:?}");
        assert_eq!(function["name"], "gated::digits", "{metric}: {grew:?}");
        if metric != "instructions" {
            // 390 blocks of 32 bytes more than 10: counted, not estimated.
            assert_eq!(first["delta"], 39.0, "{metric}: {grew:?}");
        }
    }
}

/// The functions of a benchmark are known by a hash in their names or by the path of their source; the
/// crate is one row, and every id names one row without counting.
#[test]
fn each_crate_of_a_benchmark_has_an_id_of_its_own() {
    let project = Project::new();
    let output = project.run(&["crates", "--bench", "two", "--message-format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    let rows = report["rows"].as_array().unwrap().iter();
    let mut ids: Vec<&str> = rows.map(|row| row["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"crate:two@0.1.0"), "{ids:?}");
    assert!(ids.iter().all(|id| !id.contains('#')), "{ids:?}");
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "{ids:?}");
}

/// Criterion's clock and loop are some 280 instructions; the operation is fewer, and what it is given is
/// set up by many more. The witness is a program that calls it a thousand times more.
#[test]
fn instructions_of_an_operation_are_its_own() {
    let project = Project::new();
    let tiny = "#[inline(never)] pub fn tiny(seed: u64) -> u64 {
        (0..20).fold(seed, |x, i| std::hint::black_box(x ^ i).rotate_left(3)) }";
    project.write("src/lib.rs", &format!("{LIBRARY}{tiny}"));
    let bench = r#"
        use criterion::{criterion_group, criterion_main, BatchSize, Criterion};
        use std::hint::black_box;
        fn two(c: &mut Criterion) {
            let set_up = || gated::arith(black_box(7));
            c.bench_function("plain", |b| b.iter(|| gated::tiny(black_box(7))));
            c.bench_function("batched", |b| b.iter_batched(set_up, gated::tiny, BatchSize::SmallInput));
            c.bench_function("single", |b| b.iter_batched(set_up, gated::tiny, BatchSize::PerIteration));
        }
        criterion_group! {
            name = group;
            config = Criterion::default()
                .warm_up_time(std::time::Duration::from_millis(50))
                .measurement_time(std::time::Duration::from_millis(50))
                .sample_size(10);
            targets = two
        }
        criterion_main!(group);"#;
    project.write("benches/two.rs", bench);
    let witness = "fn main() {
        let times: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
        for _ in 0..times { std::hint::black_box(gated::tiny(std::hint::black_box(7))); } }";
    project.write("examples/witness.rs", witness);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gate");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--quiet",
            "--example",
            "witness",
            "--target-dir",
        ])
        .arg(&target)
        .current_dir(project.path())
        .status();
    assert!(built.unwrap().success());
    let counted = |times: &str| -> i64 {
        let out = project.path().join("callgrind.out");
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--quiet"])
            .arg(format!("--callgrind-out-file={}", out.display()))
            .arg(target.join("release/examples/witness"))
            .arg(times)
            .status();
        assert!(run.unwrap().success());
        let text = fs::read_to_string(out).unwrap();
        let sum = text.lines().find_map(|line| line.strip_prefix("totals: "));
        sum.unwrap().trim().parse().unwrap()
    };
    let own = (counted("2000") - counted("1000")) / 1000;
    assert!((60..300).contains(&own), "{own}");

    let output = project.run(&["report", "--bench", "two", "--message-format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    for (benchmark, loops) in [("plain", 8), ("batched", 20), ("single", 40)] {
        let found = row(&report, benchmark)["instructions"].as_i64().unwrap();
        // Each harness's loop is of another kind, by a few instructions.
        assert!(
            (found - own).abs() <= loops,
            "{benchmark}: {found}, of {own}"
        );
    }
}
