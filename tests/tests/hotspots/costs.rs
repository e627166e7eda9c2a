//! What a run costs, the report, and the files of other tools, beside what these tools say.

use crate::hotspots;
use integration_tests::command::{command, succeed};
use integration_tests::fixture::Fixture;
use integration_tests::tool::{Run, Tool};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

pub(crate) fn json(run: &Run) -> Value {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

fn rows<'r>(report: &'r Value, key: &str) -> &'r [Value] {
    report[key].as_array().expect("rows")
}

pub(crate) fn metric<'r>(report: &'r Value, name: &str) -> &'r Value {
    let found = rows(report, "rows")
        .iter()
        .find(|row| row["metric"] == name);
    found.unwrap_or_else(|| panic!("no metric {name}"))
}

/// A column by crate, as shares of the whole.
fn by_crate(report: &Value, key: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for row in rows(report, "rows") {
        let name = row["name"].as_str().unwrap().to_owned();
        *sums.entry(name).or_insert(0.0) += row[key].as_f64().unwrap();
    }
    sums
}

/// Among the fixture's own crates: what heaptrack's library allocates for itself is in its files.
fn assert_near(a: &BTreeMap<String, f64>, b: &BTreeMap<String, f64>, within: f64) {
    const OWN: [&str; 5] = ["boxes", "strings", "vectors", "tables", "helper"];
    let whole = |of: &BTreeMap<String, f64>| OWN.map(|name| of[name]).iter().sum::<f64>();
    for name in OWN {
        let (one, other) = (a[name] / whole(a), b[name] / whole(b));
        assert!(
            (one - other).abs() <= within,
            "{name}: {one} and {other} of {a:?} and {b:?}"
        );
    }
}

/// The fixture, built as a user builds it, with debug information.
fn built() -> (Fixture, Tool, PathBuf) {
    let fixture = Fixture::new("allocating");
    fixture.cargo(&[
        "build",
        "--release",
        "--quiet",
        "--config",
        "profile.release.debug=1",
    ]);
    let program = fixture.path().join("target/release/allocating");
    let tool = hotspots().in_directory(fixture.path());
    (fixture, tool, program)
}

#[test]
fn costs_are_those_that_the_kernel_and_cachegrind_count() {
    let (fixture, tool, program) = built();
    let exec = ["--exec", program.to_str().unwrap(), "--", "40000"];
    let all = ["stat", "--simulate", "always", "--message-format", "json"];
    let report = json(&tool.run(all.iter().chain(&exec)));
    let count = |name: &str| metric(&report, name)["value"].as_u64();
    assert_eq!(metric(&report, "task-clock")["source"], "kernel");
    assert!(count("peak-memory").unwrap() > 1 << 20);
    assert!(count("page-faults").unwrap() > 50);
    // Where the processor does not count, a simulation does, and says so; it is cachegrind's own.
    let instructions = metric(&report, "instructions");
    if instructions["source"] == "simulated" {
        let out = fixture.path().join("cachegrind.out");
        succeed(
            command("valgrind")
                .args(["--tool=cachegrind", "--quiet", "--cache-sim=yes"])
                .arg(format!("--cachegrind-out-file={}", out.display()))
                .arg(&program)
                .arg("40000"),
        );
        let text = fs::read_to_string(out).unwrap();
        let summary = text
            .lines()
            .find_map(|line| line.strip_prefix("summary: "))
            .unwrap();
        let own: f64 = summary.split(' ').next().unwrap().parse().unwrap();
        let ratio = instructions["value"].as_f64().unwrap() / own;
        // The keys of hash maps are random.
        assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
        assert!(metric(&report, "cycles")["value"].is_null());
        let says = rows(&report, "warnings")
            .iter()
            .any(|it| it["code"] == "no-pmu");
        assert!(says, "{}", report["warnings"]);
    }
    // A program that sleeps is not fast.
    let run = tool.run([
        "stat",
        "--simulate",
        "never",
        "--message-format",
        "json",
        "--exec",
        "sleep",
        "--",
        "0.3",
    ]);
    let report = json(&run);
    assert_eq!(report["verdict"]["bound"], "waiting");
    let waiting = metric(&report, "waiting")["value"].as_u64().unwrap();
    assert!(waiting > 150_000_000, "{waiting}");
}

#[test]
fn files_of_dhat_heaptrack_and_callgrind_say_what_our_own_recording_says() {
    let (fixture, tool, program) = built();
    let name = program.to_str().unwrap();
    let path = |name: &str| fixture.path().join(name);
    let own = |growth: &str| {
        let run = tool.run([
            "alloc",
            "--growth",
            growth,
            "--sample-bytes",
            "0",
            "--message-format",
            "json",
            "--exec",
            name,
            "--",
            "2000",
        ]);
        let report = json(&run);
        let sums = rows(&report, "crates").iter().map(|row| {
            let share = row["charged"].as_f64().unwrap();
            (row["name"].as_str().unwrap().to_owned(), share)
        });
        sums.collect::<BTreeMap<String, f64>>()
    };
    let opened = |file: &Path| {
        let file = file.to_str().unwrap();
        json(&tool.run(["crates", "--input", file, "--message-format", "json"]))
    };
    succeed(
        command("valgrind")
            .args(["--tool=dhat", "--quiet", "--num-callers=40"])
            .arg(format!("--dhat-out-file={}", path("dhat.json").display()))
            .arg(&program)
            .arg("2000"),
    );
    let dhat = opened(&path("dhat.json"));
    assert_near(&by_crate(&dhat, "charged"), &own("made-by"), 0.02);
    succeed(
        command("heaptrack")
            .arg("-o")
            .arg(path("heap"))
            .arg(&program)
            .arg("2000"),
    );
    let file = ["heap.zst", "heap.gz"]
        .map(path)
        .into_iter()
        .find(|file| file.exists());
    let file = file.expect("heaptrack writes heap.zst or heap.gz");
    let heaptrack = opened(&file);
    // What the files do not have is not zero.
    for file in [&path("dhat.json"), &file] {
        let input = ["--input", file.to_str().unwrap()];
        let view = ["alloc", "--message-format", "json"];
        let report = json(&tool.run(view.iter().chain(&input)));
        let recording = &report["recording"];
        for (of, keys) in [
            (&report["totals"], ["reallocations", "threads", "forks"]),
            (&recording["quality"], ["unrooted", "truncated", "broken"]),
            (
                &report["rows"][0],
                ["reallocations", "short_lived", "ci_low"],
            ),
        ] {
            assert!(keys.iter().all(|key| of[key].is_null()), "{of}");
        }
        assert!(recording["duration_ns"].is_null(), "{recording}");
        let codes = rows(&report, "warnings").iter().map(|it| &it["code"]);
        let codes: Vec<_> = codes.filter_map(Value::as_str).collect();
        assert_eq!(codes[..2], ["stack-ends-unknown", "not-told-apart"]);
        let page = tool.run(["alloc"].iter().chain(&input)).stdout;
        assert!(
            !page.contains(" 0 reallocations") && !page.contains("0 ns"),
            "{page}"
        );
    }
    assert_near(&by_crate(&heaptrack, "charged"), &own("grown-by"), 0.02);
    succeed(
        command("valgrind")
            .args(["--tool=callgrind", "--quiet"])
            .arg(format!(
                "--callgrind-out-file={}",
                path("callgrind.out").display()
            ))
            .arg(&program)
            .arg("500"),
    );
    let callgrind = opened(&path("callgrind.out"));
    let text = fs::read_to_string(path("callgrind.out")).unwrap();
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .unwrap();
    let total: f64 = total.parse().unwrap();
    let samples = callgrind["recording"]["samples"].as_f64().unwrap();
    assert!((samples / total - 1.0).abs() < 1e-3, "{samples} of {total}");
    let says = rows(&callgrind, "warnings")
        .iter()
        .any(|it| it["code"] == "estimated-stacks");
    assert!(says, "{}", callgrind["warnings"]);
    let charged = by_crate(&callgrind, "charged");
    assert!(
        charged["tables"] > 0.1 && charged["strings"] > 0.02,
        "{charged:?}"
    );
}

/// What is exported for the Firefox Profiler opens again; addresses of a file that is at hand are
/// looked up in it.
#[test]
fn a_firefox_profile_opens_and_is_symbolized() {
    let (fixture, tool, program) = built();
    let names = succeed(command("nm").arg("--defined-only").arg(&program));
    let address = names.lines().find_map(|line| {
        let (address, rest) = line.split_once(' ')?;
        let is_run = rest.contains("tables") && rest.contains("run");
        is_run.then(|| u64::from_str_radix(address, 16).unwrap())
    });
    let address = address.expect("tables::run") + 4;
    let file = fixture.path().join("profile.json");
    let profile = serde_json::json!({
        "meta": {"interval": 1.0},
        "libs": [{"name": "allocating", "path": program, "codeId": null}],
        "threads": [{
            "name": "main", "pid": 1, "tid": 1,
            "samples": {"stack": [0, 0, 0], "time": [0.0, 1.0, 2.0]},
            "stackTable": {"frame": [0], "prefix": [null]},
            "frameTable": {"address": [address], "inlineDepth": [0], "func": [0], "line": [null]},
            "funcTable": {"name": [0], "resource": [0], "fileName": [null], "lineNumber": [null]},
            "resourceTable": {"lib": [0]},
            "stringArray": ["0x1234"]
        }]
    });
    fs::write(&file, profile.to_string()).unwrap();
    let run = tool.run([
        "functions",
        "--input",
        file.to_str().unwrap(),
        "--message-format",
        "json",
    ]);
    let report = json(&run);
    let row = &rows(&report, "rows")[0];
    assert_eq!(row["crate"], "tables", "{row}");
    assert_eq!(row["samples"], 3);
    // What is none is an error that names the file, and no panic.
    for text in [
        "{",
        "{\"meta\": {}, \"threads\": 3}",
        "{\"dhatFileVersion\": 9}",
    ] {
        fs::write(&file, text).unwrap();
        let run = tool.run(["functions", "--input", file.to_str().unwrap()]);
        assert_eq!(run.code, Some(101), "{text}: {}", run.stderr);
        assert!(run.stderr.contains("profile.json"), "{}", run.stderr);
    }
}

#[test]
fn the_report_names_what_costs_most_and_what_to_do() {
    let (fixture, tool, program) = built();
    let file = fixture.path().join("perf.md");
    // Long enough for samples by which shares are told apart.
    let exec = ["--exec", program.to_str().unwrap(), "--", "1000000"];
    let all = ["report", "-o", file.to_str().unwrap()];
    let run = tool.run(all.iter().chain(&exec));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = fs::read_to_string(&file).unwrap();
    for part in [
        "## One run",
        "## Bottlenecks",
        "## Plan",
        "## Not measured",
        "at the peak",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let all = ["report", "--message-format", "json"];
    let report = json(&tool.run(all.iter().chain(&exec)));
    assert_eq!(report["view"], "report");
    let bottlenecks = rows(&report, "bottlenecks");
    assert!(!bottlenecks.is_empty() && bottlenecks.len() <= 3);
    for bottleneck in bottlenecks {
        assert!(
            !bottleneck["evidence"].as_array().unwrap().is_empty(),
            "{bottleneck}"
        );
    }
    // The report looks at two recordings, and only one of them is the latest: each command names its own,
    // and works as it is shown.
    for bottleneck in bottlenecks {
        let words = bottleneck["command"].as_str().unwrap();
        let of_time = bottleneck["time_share"].is_f64();
        let tool = env!("CARGO_BIN_EXE_hotspots-under-test");
        let line = words.replace("cargo hotspots", &format!("'{tool}' hotspots"));
        let mut shell = command("sh");
        shell.current_dir(fixture.path()).arg("-c");
        let page = succeed(shell.arg(line));
        let is_of_time = !page.contains("alloc-bytes");
        assert!(is_of_time || !of_time, "{words}: {page}");
    }
    // What a change is compared with must be kept before it.
    let keep = report["keep"].as_str().unwrap();
    assert!(keep.contains("--save-baseline before"), "{keep}");
    // The function with the most time is named, or all that is named takes more.
    let number = json(&tool.run(["alloc", "--message-format", "json"]));
    let number = number["recording"]["number"].as_u64().unwrap() - 1;
    let input = ["--input", &number.to_string()];
    let view = ["functions", "--message-format", "json"];
    let functions = json(&tool.run(view.iter().chain(&input)));
    let most = &rows(&functions, "rows")[0];
    let name = most["name"].as_str().unwrap();
    let share = most["charged"].as_f64().unwrap();
    let least = bottlenecks.last().unwrap()["time_share"].as_f64();
    let is_named = bottlenecks.iter().any(|it| {
        let place = [&it["what"], &it["location"]].map(|text| text.as_str().unwrap_or_default());
        place.iter().any(|text| text.contains(name))
    });
    assert!(
        is_named || least.unwrap_or_default() >= share,
        "{name} {share}: {report}"
    );
    // Without a target it is made of the same two recordings again.
    let again = json(&tool.run(["report", "--message-format", "json"]));
    assert_eq!(again["bottlenecks"], report["bottlenecks"]);
    // The latest recordings are those of the report: what is allocated has its share of the time.
    let alloc = json(&tool.run(["alloc", "--message-format", "json"]));
    let share = alloc["time_share"].as_f64().expect("a recording of time");
    let asked = json(&tool.run([
        "callers",
        "[allocator]",
        "--input",
        &(alloc["recording"]["number"].as_u64().unwrap() - 1).to_string(),
        "--message-format",
        "json",
    ]));
    let of = |row: &Value, key: &str| row[key].as_f64().unwrap_or_default();
    // All but what growing containers ask for, which is a finding of its own.
    let without_growth = of(&asked["function"], "inclusive");
    assert!(share >= without_growth && share > 0.05, "{share} {asked}");
    let findings = rows(&alloc, "findings");
    let sum: f64 = findings.iter().map(|it| of(it, "time_share")).sum();
    assert!(sum > 0.0 && sum <= share + 1e-9, "{sum} of {share}");
    assert!(report["allocations"]["allocations"].as_u64().unwrap() > 100_000);
}

/// Without a target or arguments the views of costs show the latest recordings again: nothing is built,
/// run or recorded.
#[test]
fn without_a_target_nothing_is_run() {
    let (fixture, tool, program) = built();
    let exec = ["--exec", program.to_str().unwrap(), "--", "40000"];
    let run = |words: &[&str]| tool.run(words);
    let wanting = |words: &[&str], code: i32, said: &str| {
        let ended = run(words);
        assert_eq!(ended.code, Some(code), "{words:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{words:?}: {}", ended.stderr);
    };
    for view in ["stat", "report"] {
        wanting(&[view], 101, "there is no recording below");
    }
    wanting(&["alloc"], 101, "there is no recording of allocations yet");
    assert!(!fixture.path().join("target/codecost/hotspots/2").exists());

    let json_of = |words: &[&str]| json(&run(&[words, &["--message-format", "json"]].concat()));
    let time = json(&tool.run(["crates", "--message-format", "json"].iter().chain(&exec)));
    run(&[&["alloc"], &exec[..]].concat());
    json(&tool.run(["crates", "--message-format", "json"].iter().chain(&exec)));
    let listed = json_of(&["recordings"]);
    let last = json_of(&["crates"]);
    let report = json_of(&["stat"]);
    let value = |name: &str| metric(&report, name)["value"].clone();
    assert_eq!(value("task-clock"), last["recording"]["used_cpu_ns"]);
    assert_eq!(value("duration"), last["recording"]["duration_ns"]);
    let waited = &last["recording"]["waiting_ns"];
    assert!(waited.is_u64() && value("waiting") == *waited, "{waited}");
    // What the recording does not have is no zero.
    for name in [
        "page-faults",
        "peak-memory",
        "context-switches",
        "instructions",
    ] {
        assert!(value(name).is_null(), "{name}");
    }
    assert_eq!(rows(&report, "warnings")[0]["code"], "not-counted");
    // `slim` and this tool answer alike whose the C function `main` is that rustc makes.
    let functions = json_of(&["functions", "--input", "2"]);
    let mut mains = rows(&functions, "rows")
        .iter()
        .filter(|row| row["name"] == "main");
    let main = mains.next().unwrap_or_else(|| panic!("{functions}"));
    assert_eq!(main["crate"], "allocating", "{main}");
    let report = json_of(&["report"]);
    let totals = &json_of(&["alloc"])["totals"];
    assert_eq!(report["allocations"]["bytes"], totals["bytes"]);
    assert!(totals["bytes"].as_u64().unwrap() > 0 && !time["rows"].is_null());
    let after = json_of(&["recordings"]);
    assert_eq!(
        after["rows"].as_array().map(Vec::len),
        listed["rows"].as_array().map(Vec::len)
    );
    assert_eq!(after["latest"], listed["latest"]);
}

/// A flag of a run without one is refused, and with one it does what it says.
#[test]
fn flags_of_a_run_need_one() {
    let (_fixture, tool, _) = built();
    let run = |words: &[&str]| tool.run(words);
    let wanting = |words: &[&str], code: i32, said: &str| {
        let ended = run(words);
        assert_eq!(ended.code, Some(code), "{words:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{words:?}: {}", ended.stderr);
    };
    wanting(&["stat", "--stdout", "null"], 2, "nothing says what to run");
    wanting(
        &["report", "--stdout", "null"],
        2,
        "nothing says what to run",
    );
    wanting(
        &["alloc", "--call-graph", "fp"],
        2,
        "nothing says what to run",
    );
    wanting(
        &["report", "--baseline", "x"],
        2,
        "nothing says what to run",
    );
    for view in ["stat", "report", "alloc"] {
        let shell = ["--exec", "sh", "--", "-c", "echo $((6 * 7))42"];
        let told = |more: &[&str]| run(&[&[view][..], more, &shell].concat());
        let (loud, quiet) = (told(&[]), told(&["--stdout", "null"]));
        assert_eq!(
            (loud.code, quiet.code),
            (Some(0), Some(0)),
            "{view}: {}",
            quiet.stderr
        );
        let prints = |stderr: &str| stderr.lines().any(|line| line == "4242");
        assert!(
            prints(&loud.stderr) && !prints(&quiet.stderr),
            "{view}: {}",
            loud.stderr
        );
    }
}
