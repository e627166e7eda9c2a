//! How much of the CPU time is in the samples, on programs of every kind. The witness is `wait4`, which
//! a parent of the program asks, and for what we read of a file the sum of its periods by `perf script`.
//!
//! Short-lived threads and processes are seen where whole CPUs may be sampled; where they may not, the
//! test shows that what is missing is said.

use super::{Driven, Driver, perf_script};
use cargo_hotspots::{
    analysis::{self, model::Facts},
    open::Opened,
    recording::Recording,
};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

/// Chance has less of a part in many samples.
const FREQUENCY: &str = "9999";

static KINDS: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("kinds");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kinds.rs");
    let built = Command::new("rustc")
        .args(["--edition=2024", "-O", "-g", "-o"])
        .args([&program, &source])
        .status();
    assert!(built.unwrap().success());
    (directory, program)
});

/// What is known of a recording, with its warnings' codes and texts.
fn facts(driven: &Driven) -> (Facts, Vec<(String, String)>) {
    let (data, about) = driven.recording();
    let recording = Recording {
        data,
        about: Some(about),
    };
    let opened = Opened::read(recording, String::new(), false).unwrap();
    let analysis = analysis::describe(&opened.subject()).unwrap();
    let warnings = analysis.warnings.into_iter();
    let warnings = warnings.map(|warning| (warning.code.to_owned(), warning.message));
    (analysis.facts, warnings.collect())
}

/// Records a kind of program; what it used by `wait4` of its parent.
fn recorded(kind: &str, recorder: &str, frequency: &str) -> (Driven, u64) {
    let program = KINDS.1.to_str().unwrap();
    let used = tempfile::NamedTempFile::new().unwrap();
    let arguments = format!("account {} {program} {kind}", used.path().display());
    let driven = Driver::new(&[
        ("EXEC", program),
        ("ARGS", &arguments),
        ("RECORDER", recorder),
        ("STACKS", "none"),
        ("FREQUENCY", frequency),
        ("EVENT", "cpu-clock"),
    ])
    .run();
    let text = fs::read_to_string(used.path()).unwrap();
    (driven, text.parse().unwrap())
}

/// Nanoseconds that the host of this machine took from its CPUs, see "proc_stat(5)".
fn stolen() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap();
    let ticks = text.split_ascii_whitespace().nth(8).unwrap();
    ticks.parse::<f64>().unwrap() * 1e7
}

/// What lives for a period or less is hit or not hit, and beside other work that is chance: five
/// standard deviations of as many hits as there are.
fn chance(facts: &Facts) -> f64 {
    5.0 / (facts.samples as f64).sqrt()
}

/// What a recording of a program has, and what it used by its own account.
#[derive(Debug)]
struct Found {
    /// Its directory holds the recording.
    driven: Driven,
    facts: Facts,
    warnings: Vec<(String, String)>,
    used: u64,
    least: f64,
    most: f64,
    many: bool,
    sampled: u64,
    coverage: f64,
}

impl Found {
    fn is_whole(&self) -> bool {
        let bounds = self.least..self.most;
        bounds.contains(&(self.sampled as f64 / self.used as f64))
            && bounds.contains(&self.coverage)
    }
}

fn measured(kind: &str) -> Found {
    let stolen = stolen();
    let (driven, used) = recorded(kind, "builtin", FREQUENCY);
    let (facts, warnings) = facts(&driven);
    assert!(facts.whole_cpus, "this test needs the rights of root");
    // What lives on is hit in step.
    let many = kind.starts_with("short") || kind.starts_with("chain");
    let chance = match many || kind == "pipeline" {
        true => chance(&facts),
        false => 0.0,
    };
    Found {
        least: 0.98 - chance,
        // A clock goes on while the machine's host runs something else, and the account does not.
        most: 1.02 + chance + (self::stolen() - stolen) / used as f64,
        sampled: facts.cpu_ns.unwrap(),
        coverage: facts.coverage().unwrap(),
        driven,
        facts,
        warnings,
        used,
        many,
    }
}

#[test]
fn all_cpu_time_is_in_the_samples_of_programs_of_every_kind() {
    let kinds = [
        "single",
        "threads",
        "short-threads",
        "short-children",
        "chain 200",
        "sleeping",
        "system-calls",
        "pipeline",
    ];
    for kind in kinds {
        // Beside other work the scheduler gives out turns of its own length, and those of a pipeline are
        // short: one recording of it may be hit too seldom. What is never seen is missing in each of three.
        let mut recordings = (0..3).map(|_| measured(kind)).enumerate();
        let found = recordings
            .find(|(at, found)| *at == 2 || kind != "pipeline" || found.is_whole())
            .map(|(_, found)| found);
        let found = found.unwrap();
        assert!(found.is_whole(), "{kind}: {found:?}");
        let Found {
            driven: _driven,
            facts,
            warnings,
            used,
            least: _,
            most,
            many,
            sampled,
            coverage: _,
        } = found;
        let low = warnings.iter().find(|(code, _)| code == "low-coverage");
        assert_eq!(low, None, "{kind}");
        // perf reads the same time in the file.
        let periods = perf_script(&facts.source, "period");
        let sum: u64 = periods
            .iter()
            .map(|period| period.parse::<u64>().unwrap())
            .sum();
        assert_eq!(sum, sampled, "{kind}");
        // A counter of the same event beside the samples; it does not count how a thread begins and
        // ends in the kernel.
        let counted = facts.account.unwrap().event_count.unwrap();
        let share = counted as f64 / used as f64;
        // A pipeline begins and ends a few processes, which takes longer the busier the machine is.
        let least = match kind {
            _ if many => 0.8,
            "pipeline" => 0.9,
            _ => 0.98,
        };
        assert!((least..most).contains(&share), "{kind}: counted {share}");
    }
}

#[test]
fn perf_misses_what_is_short_lived_and_the_way_round_is_named() {
    let (driven, used) = recorded("short-threads", "perf", "997");
    let (facts, warnings) = facts(&driven);
    assert!(!facts.whole_cpus);
    let share = facts.cpu_ns.unwrap() as f64 / used as f64;
    assert!(share < 0.5, "{share}");
    let (_, said) = warnings
        .iter()
        .find(|(code, _)| code == "low-coverage")
        .unwrap();
    assert!(said.contains("ended before their first sample"), "{said}");
}

#[test]
fn short_lived_threads_of_a_running_process_are_seen() {
    let mut program = Command::new(&KINDS.1)
        .arg("served")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(program.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let pid = program.id().to_string();
    let watched = |stacks, frequency| {
        let driven = Driver::new(&[
            ("PID", pid.as_str()),
            ("RECORDER", "builtin"),
            ("STACKS", stacks),
            ("FREQUENCY", frequency),
            ("EVENT", "cpu-clock"),
            ("SECONDS", "4"),
        ])
        .run();
        facts(&driven).0
    };
    let stolen = stolen();
    let counted = watched("none", FREQUENCY);
    let stolen = (self::stolen() - stolen) / counted.account.unwrap().cpu_ns() as f64;
    let (least, most) = (0.98 - chance(&counted), 1.02 + chance(&counted) + stolen);
    let stacks = watched("dwarf", "997");
    program.kill().unwrap();
    program.wait().unwrap();
    // The kernel's account of a process that runs is in ticks of 10 ms.
    let coverage = counted.coverage().unwrap();
    assert!(
        (least..most).contains(&coverage),
        "{coverage} {least}..{most} {counted:?}"
    );
    assert!(counted.threads > 100, "{counted:?}");
    // A thread's first moments and its making are no stacks without an end.
    let unrooted = stacks.quality.losses.unrooted as f64 / stacks.samples as f64;
    assert!(unrooted < 0.01, "{unrooted}");
}

/// The kernel adds a process to its parent's account when that waits for it.
#[test]
fn a_child_that_nobody_waits_for_is_no_coverage_above_all() {
    for recorder in ["builtin", "perf"] {
        let (driven, used) = recorded("deserter", recorder, "997");
        let (facts, warnings) = facts(&driven);
        assert!((200_000_000..700_000_000).contains(&used), "{used}");
        let sampled = facts.cpu_ns.unwrap();
        let periods = perf_script(&facts.source, "period");
        let sum: u64 = periods.iter().map(|it| it.parse::<u64>().unwrap()).sum();
        assert_eq!(sum, sampled);
        assert!(sampled > 1_100_000_000, "{sampled}");
        assert_eq!(facts.coverage(), None, "{facts:?}");
        let said = warnings.iter().find(|(code, _)| code == "coverage-unknown");
        let (_, said) = said.unwrap();
        assert!(said.contains("did not wait for"), "{said}");
    }
}
