//! Runs that are to be of one input, and what a program used that is not its recorder's.

use crate::{
    costs::{json, metric},
    hotspots,
};
use integration_tests::tool::Input;
use std::{fs, path::Path};

const SHELL: &str = "/bin/sh";

/// More than a pipe holds.
const LENGTH: usize = 200_000;

/// Runs the tool with a program that writes how many bytes it could read, once for a file and once for
/// a pipe; at least so many runs, all of them of all bytes.
fn each_run_reads_all(directory: &Path, words: &[&str], runs: usize) {
    let file = directory.join("input");
    let bytes = vec![b'x'; LENGTH];
    fs::write(&file, &bytes).unwrap();
    let counts = directory.join("counts");
    let program = format!("wc -c >> {}", counts.display());
    for input in [Input::File(file), Input::Pipe(bytes)] {
        let _ = fs::remove_file(&counts);
        let tool = hotspots().in_directory(directory).reading(input);
        let run = tool.run(words.iter().chain(&["--exec", SHELL, "--", "-c", &program]));
        assert_eq!(run.code, Some(0), "{words:?}: {}", run.stderr);
        let counts = fs::read_to_string(&counts).unwrap();
        let counts: Vec<&str> = counts.lines().map(str::trim).collect();
        let all = LENGTH.to_string();
        let is_all = |count: &&str| *count == all;
        assert!(counts.iter().all(is_all), "{words:?}: {counts:?}");
        assert!(counts.len() >= runs, "{words:?}: {counts:?}");
    }
}

#[test]
fn each_of_several_runs_reads_all_of_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    each_run_reads_all(directory, &["stat", "--simulate", "always"], 2);
    each_run_reads_all(directory, &["report", "--stdout", "null"], 3);
    each_run_reads_all(directory, &["--save-baseline", "before"], 1);
    each_run_reads_all(directory, &["check", "--baseline", "before"], 24);
}

/// A program that is run once reads what comes, while it comes.
#[test]
fn a_single_run_has_the_tools_own_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let tool = hotspots().in_directory(directory.path());
    let tool = tool.reading(Input::Pipe(vec![b'x'; LENGTH]));
    let program = [
        "--exec",
        SHELL,
        "--",
        "-c",
        "head -c 7 > first; wc -c > rest",
    ];
    let never = ["stat", "--simulate", "never"];
    let run = tool.run(never.iter().chain(&program));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!(read("first").len(), 7);
    assert!(read("rest").trim().parse::<usize>().unwrap() <= LENGTH - 7);
}

/// The shell reads of itself what the kernel counts, which for memory begins with its `exec` and for
/// faults with its `fork`.
#[test]
fn memory_and_faults_are_the_programs_own() {
    let directory = tempfile::tempdir().unwrap();
    let tool = hotspots().in_directory(directory.path());
    let script = "x=$(printf %700000s); grep VmHWM /proc/$$/status > peak; \
                  read -r line < /proc/$$/stat; echo $line > stat";
    let all = ["stat", "--simulate", "never", "--message-format", "json"];
    let run = tool.run(all.iter().chain(&["--exec", SHELL, "--", "-c", script]));
    let report = json(&run);
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    let field = |text: &str, nth: usize| -> u64 {
        let mut words = text.split_whitespace();
        words.nth(nth).unwrap().parse().unwrap()
    };
    let own = field(&read("peak"), 1) * 1024;
    let peak = metric(&report, "peak-memory")["value"].as_u64().unwrap();
    // The kernel sums the counters of the processors up at its own time.
    assert!(peak.abs_diff(own) <= 512 << 10, "{peak} and {own}");
    assert!(own < 4 << 20, "{own}: as large as what it inherits");
    let faults = metric(&report, "page-faults")["value"].as_u64().unwrap();
    let stat = read("stat");
    // With those of the processes that the shell waited for.
    let since_fork = field(&stat, 9) + field(&stat, 10);
    assert!(faults < since_fork, "{faults} of {since_fork}");
}

/// What is smaller than its process was before is not known.
#[test]
fn the_largest_memory_of_a_small_program_is_its_own_or_not_known() {
    let directory = tempfile::tempdir().unwrap();
    let tool = hotspots().in_directory(directory.path());
    let all = ["stat", "--simulate", "never", "--message-format", "json"];
    let report = json(&tool.run(all.iter().chain(&["--exec", "/bin/true"])));
    let peak = &metric(&report, "peak-memory")["value"];
    assert!(peak.as_u64().is_none_or(|peak| peak < 2 << 20), "{peak}");
    let warnings = report["warnings"].as_array().unwrap();
    let says = warnings.iter().any(|it| it["code"] == "no-peak-memory");
    assert_eq!(says, peak.is_null(), "{warnings:?}");
}
