//! Answers to what a user asks next: what was saved, who asked, which loop, what to do.

use crate::hotspots;
use integration_tests::{
    command::{command, succeed},
    fixture::Fixture,
    published::{B3SUM, V0},
    tool::{Run, Tool},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The program, built once, and its recordings.
struct Answers {
    fixture: Fixture,
    tool: Tool,
}

impl Answers {
    fn new() -> Self {
        let fixture = Fixture::new("answers");
        let tool = hotspots().in_directory(fixture.path());
        Self { fixture, tool }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let run = self.tool.run(arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
        run
    }

    /// Records the program with `arguments` and shows `view`.
    fn record(&self, view: &str, arguments: &[&str]) -> (Run, Value) {
        let flags = [view, "--bin", "answers", "--message-format", "json", "--"];
        let run = self.run(&[&flags[..], arguments].concat());
        let report = json(&run);
        (run, report)
    }

    fn view(&self, arguments: &[&str]) -> Value {
        json(&self.run(&[arguments, &["--message-format", "json"]].concat()))
    }

    /// The samples of the latest recording.
    fn data(&self) -> PathBuf {
        let recordings = self.fixture.path().join("target/codecost/hotspots");
        let latest = fs::read_to_string(recordings.join("latest")).unwrap();
        recordings.join(latest.trim()).join("perf.data")
    }
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

fn rows(report: &Value) -> &[Value] {
    report["rows"].as_array().expect("rows")
}

/// The CPU time that the program says its parts took, in nanoseconds.
fn told(run: &Run) -> BTreeMap<String, f64> {
    let lines = run.stderr.lines();
    lines
        .filter_map(|line| {
            let (name, time) = line.split_once(' ')?;
            let known = ["first", "second", "all"].contains(&name);
            Some((name.to_owned(), time.parse().ok()?)).filter(|_| known)
        })
        .collect()
}

#[test]
fn a_comparison_is_in_the_time_that_the_program_itself_measures() {
    let answers = Answers::new();
    let (before, _) = answers.record("crates", &["work", "300", "60"]);
    let (after, _) = answers.record("crates", &["work", "60", "60"]);
    let (before, after) = (told(&before), told(&after));
    let diff = answers.view(&["diff", "1", "2"]);
    assert!(diff["scaled"].is_null() && diff["interval"] == "sampling");
    // The kernel's account has the program's start, which its own has not all of.
    for (key, told) in [("cpu_before_ns", &before), ("cpu_after_ns", &after)] {
        let ours = diff[key].as_f64().unwrap();
        let ratio = ours / told["all"];
        assert!((0.97..1.10).contains(&ratio), "{key}: {ours}, {told:?}");
    }
    let row = |name: &str| {
        let mut rows = rows(&diff).iter();
        let found = rows.find(|row| row["kind"] == "function" && row["name"] == name);
        found.unwrap_or_else(|| panic!("{name}: {diff}"))
    };
    let ns = |row: &Value, key: &str| row[key].as_f64().unwrap();
    for name in ["first", "second"] {
        let row = row(&format!("answers::{name}"));
        let told = after[name] - before[name];
        let (low, high) = (ns(row, "ci_low_ns"), ns(row, "ci_high_ns"));
        // The interval, and twice a sample for where parts begin.
        let near = 0.05 * before["all"];
        assert!(
            low - near <= told && told <= high + near,
            "{name}: {told}, {row}"
        );
        assert!(low <= ns(row, "delta_ns") && ns(row, "delta_ns") <= high);
    }
    // Less time in all, and a larger share of what is the same: that is no loss.
    let second = row("answers::second");
    assert!(ns(second, "delta") > 0.15, "{second}");
    let first = row("answers::first");
    assert!(ns(first, "delta_ns") < -0.5 * before["first"], "{first}");
    // The crate's change is that of its functions together, give or take what the second one's is.
    let largest = rows(&diff)[0]["name"].as_str().unwrap();
    assert!(
        ["answers", "answers::first"].contains(&largest),
        "the largest change first: {largest}"
    );
    for (key, total) in [("before_ns", "cpu_before_ns"), ("after_ns", "cpu_after_ns")] {
        let crates = rows(&diff).iter().filter(|row| row["kind"] == "crate");
        let sum: f64 = crates.map(|row| ns(row, key)).sum();
        let total = diff[total].as_f64().unwrap();
        assert!((sum / total - 1.0).abs() < 1e-3, "{key}: {sum} of {total}");
    }
    let text = answers.run(&["diff", "1", "2"]).stdout;
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("CPU ") && first.contains("s (−") && first.ends_with(" %)"));
    // As shares, the second part grew.
    let shares = answers.view(&["diff", "1", "2", "--per-share"]);
    assert_eq!(shares["scaled"], "asked");
    let grown = rows(&shares)
        .iter()
        .find(|row| row["name"] == "answers::second");
    assert!(ns(grown.unwrap(), "delta_ns") > 0.15 * before["all"]);
    // Several on a side.
    let several = answers.view(&["diff", "1,1", "2,2"]);
    assert_eq!(several["interval"], "runs");
    assert_eq!(several["sources_before"].as_array().unwrap().len(), 2);
    // The list of recordings has both, the newest first.
    let kept = answers.view(&["recordings"]);
    let numbers: Vec<_> = rows(&kept)
        .iter()
        .map(|row| row["number"].clone())
        .collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(rows(&kept)[1]["command"][1], "work");
    assert!(rows(&kept)[1]["duration_ns"].as_f64().unwrap() >= before["first"]);
    assert_eq!(answers.view(&["crates"])["recording"]["number"], 2);
}

#[test]
fn work_in_a_comparator_is_found_and_recursion_is_one_row() {
    let answers = Answers::new();
    let (_, overview) = answers.record("overview", &["sort", "60000"]);
    let findings = overview["findings"].as_array().unwrap();
    assert_eq!(findings[0]["code"], "work-in-comparator", "{findings:#?}");
    assert!(
        findings[0]["title"]
            .as_str()
            .unwrap()
            .contains("answers::score")
    );
    assert!(
        findings[0]["place"]
            .as_str()
            .unwrap()
            .starts_with("answers::rank")
    );
    assert!(findings[0]["share"].as_f64().unwrap() > 0.5);

    let direct = |report: &Value| -> f64 {
        let direct = rows(report).iter().filter(|row| row["depth"] == 1);
        direct.map(|row| row["inclusive"].as_f64().unwrap()).sum()
    };
    let folded = answers.view(&["callers", "answers::score"]);
    let all = answers.view(&["callers", "answers::score", "--all-frames"]);
    assert!((direct(&folded) - direct(&all)).abs() < 1e-9);
    let named = |report: &Value, part: &str| {
        let rows = rows(report).iter();
        rows.filter(|row| row["name"].as_str().unwrap().contains(part))
            .count()
    };
    assert!(
        named(&all, "lang_start") > 0 && named(&all, "start") > 1,
        "{all}"
    );
    assert_eq!(named(&folded, "lang_start"), 0, "{folded}");
    // On the way outward each function occurs once.
    let mut way: Vec<&str> = Vec::new();
    for row in rows(&folded) {
        let depth = row["depth"].as_u64().unwrap() as usize;
        way.truncate(depth - 1);
        let name = row["name"].as_str().unwrap();
        assert_ne!(way.last(), Some(&name), "{folded}");
        way.push(name);
    }
    let asked = answers.view(&["callers", "answers::score", "--by", "function"]);
    let sum: f64 = rows(&asked)
        .iter()
        .map(|row| row["of_function"].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-9, "{asked}");
    let name = rows(&asked)[0]["name"].as_str().unwrap();
    assert!(name.starts_with("answers::rank"), "{asked}");

    let svg = answers.fixture.path().join("flamegraph.svg");
    answers.run(&["flamegraph", "--title", "a sort", "--inverted"]);
    let text = fs::read_to_string(svg).unwrap();
    assert!(text.contains(">a sort<") && text.contains("id=\"legend\""));
    assert!(!text.contains("lang_start"));
}

#[test]
fn a_system_call_for_each_line_is_counted() {
    let answers = Answers::new();
    let (_, overview) = answers.record("overview", &["lines", "40000"]);
    let traffic = &overview["recording"]["programs"][0]["traffic"];
    let writes = traffic["writes"].as_u64().unwrap();
    assert!((40_000..40_010).contains(&writes), "{traffic}");
    let findings = overview["findings"].as_array().unwrap();
    assert_eq!(findings[0]["code"], "small-system-calls", "{findings:#?}");
    let evidence = findings[0]["evidence"].to_string();
    assert!(evidence.contains("of 10 B on average"), "{evidence}");
    assert!(evidence.contains("answers::lines"), "{evidence}");
}

#[test]
fn the_hottest_loop_is_the_innermost_with_its_check_and_the_samples_of_perf() {
    let answers = Answers::new();
    let (_, report) = answers.record("loops", &["gather", "200000"]);
    let hot = &rows(&report)[0];
    assert_eq!(hot["function"], "answers::gather", "{report}");
    assert_eq!(hot["crate"], "answers");
    assert_eq!(hot["depth"], 2);
    assert!(hot["bounds_checks"].as_u64().unwrap() >= 1, "{hot}");
    assert_eq!(hot["checks"][0]["variable"], "table");
    assert_eq!(hot["allocates"], false);
    assert_eq!(hot["simd"]["packed"], 0, "{hot}");
    let source = fs::read_to_string(answers.fixture.path().join("src/main.rs")).unwrap();
    let line = source
        .lines()
        .position(|line| line.contains("for place in"));
    assert_eq!(hot["line"], line.unwrap() + 1, "{hot}");
    // perf's own samples between the first and the last instruction.
    let code = hot["code"].as_array().unwrap();
    let address = |row: &Value| row["address"].as_u64().unwrap();
    let (start, end) = (address(&code[0]), address(&code[code.len() - 1]));
    let script = [
        "script",
        "-G",
        "-F",
        "ip,sym,symoff",
        "--show-mmap-events",
        "-i",
    ];
    let text = succeed(command("perf").args(script).arg(answers.data()));
    let entry = report_address(&answers, "gather");
    let within = text
        .lines()
        .filter_map(|line| {
            // `55d5… answers::gather+0x2b`
            let (_, symbol) = line.trim().split_once(' ')?;
            let (name, offset) = symbol.rsplit_once("+0x")?;
            let at = entry + u64::from_str_radix(offset, 16).ok()?;
            (name.contains("gather") && (start..=end).contains(&at)).then_some(())
        })
        .count() as u64;
    assert_eq!(hot["samples"].as_u64().unwrap(), within, "{hot}");
    // The same in the other syntax.
    let att = answers.view(&["loops", "--syntax", "att"]);
    let text = rows(&att)[0]["code"][0]["text"].as_str().unwrap();
    assert!(text.contains('%'), "{text}");
    if let Some(cycles) = hot["model"]["cycles_per_iteration"].as_f64() {
        assert!((0.2..200.0).contains(&cycles), "{hot}");
    }

    // The lines stay those of the recording.
    let main = answers.fixture.path().join("src/main.rs");
    fs::write(&main, source.replace("table[*place", "other[*place")).unwrap();
    let again = answers.view(&["loops"]);
    assert_eq!(rows(&again)[0]["checks"][0]["variable"], "table");
    let codes: Vec<_> = again["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| &w["code"])
        .collect();
    assert!(
        codes.iter().any(|code| **code == "changed-source"),
        "{codes:?}"
    );
}

/// A published program whose hot loop is written in assembly, for the widest vectors that there are.
#[test]
fn the_vector_loop_of_a_published_program_is_that_of_objdump() {
    let program = B3SUM.build(V0, Path::new(env!("CARGO_TARGET_TMPDIR"))).file;
    let here = tempfile::tempdir().unwrap();
    let tool = hotspots().in_directory(here.path());
    let large = std::env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    let mut words = vec![
        "loops",
        "--message-format",
        "json",
        "--target-dir",
        "target",
    ];
    words.extend(["--exec", program, "--", "--num-threads=1"]);
    words.extend(vec![large.to_str().unwrap(); 8]);
    let run = tool.run(words);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let report = json(&run);
    let hot = &rows(&report)[0];
    assert_eq!(hot["crate"], "blake3", "{hot}");
    assert!(hot["self"].as_f64().unwrap() > 0.2, "{hot}");
    let code = hot["code"].as_array().unwrap();
    assert_eq!(hot["instructions"], code.len());
    let address = |row: &Value| row["address"].as_u64().unwrap();
    let range = [
        format!("--start-address={:#x}", address(&code[0])),
        format!("--stop-address={:#x}", address(&code[code.len() - 1]) + 1),
    ];
    let text = succeed(command("objdump").arg("-d").args(range).arg(program));
    // `  14f0:\t62 f1 7c 48 28 d0 \tvmovaps %zmm0,%zmm2`
    let objdump: BTreeMap<u64, &str> = text
        .lines()
        .filter_map(|line| {
            let (address, rest) = line.split_once(":\t")?;
            let address = u64::from_str_radix(address.trim(), 16).ok()?;
            Some((address, rest.split_once('\t')?.1.trim()))
        })
        .collect();
    let mut width = 0;
    for row in code {
        let theirs = objdump
            .get(&address(row))
            .unwrap_or_else(|| panic!("{row}"));
        let ours = row["text"].as_str().unwrap();
        for (register, bits) in [("xmm", 128), ("ymm", 256), ("zmm", 512)] {
            assert_eq!(
                ours.contains(register),
                theirs.contains(register),
                "{theirs}: {row}"
            );
            // Moving and loading is no arithmetic.
            if ours.contains(register) && !ours.contains("mov") {
                width = width.max(bits);
            }
        }
    }
    assert_eq!(hot["simd"]["width"], width, "{hot}");
    let counts = [&hot["simd"]["packed"], &hot["simd"]["scalar"]].map(|n| n.as_u64().unwrap());
    let vectors = objdump.values().filter(|text| text.contains("mm")).count() as u64;
    assert!(
        counts[0] > 100 && counts[1] == 0 && counts[0] <= vectors,
        "{hot}"
    );
}

/// Where a function is in the program, as `nm` has it.
fn report_address(answers: &Answers, name: &str) -> u64 {
    let program = answers.view(&["crates"])["recording"]["programs"][0]["path"].clone();
    let text = succeed(command("nm").arg("-C").arg(program.as_str().unwrap()));
    let found = text.lines().find_map(|line| {
        let (address, rest) = line.split_once(' ')?;
        let is_it = rest.starts_with(['t', 'T']) && rest.contains(name);
        is_it.then(|| u64::from_str_radix(address, 16).ok())?
    });
    found.unwrap_or_else(|| panic!("no {name} in {text}"))
}
