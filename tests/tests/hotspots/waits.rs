//! Where threads wait: against the program's own clocks, and against the switches as perf prints them.

use integration_tests::command::{command, output, rustc, succeed};
use integration_tests::tool::is_cause_of_null;
use serde_json::Value;
use std::{collections::HashMap, fs, path::Path};

/// Each function waits for one thing, many times, and main says how long it was in each: a timer, a
/// lock that another thread holds, a pipe that another thread writes to. One only computes.
const PROGRAM: &str = r#"
use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
macro_rules! pause { ($millis:expr) => { std::thread::sleep(Duration::from_millis($millis)) }; }
#[inline(never)] fn sleeps() -> u64 { let mut n = 0; for _ in 0..20 { pause!(10); n += black_box(1); } n }
#[inline(never)] fn takes(lock: &Mutex<u64>) -> u64 { let n = *lock.lock().unwrap(); black_box(n) + 1 }
#[inline(never)] fn holds(lock: &Mutex<u64>, ready: std::sync::mpsc::Sender<()>) -> u64 {
    let mut n = 0;
    for _ in 0..10 { let held = lock.lock().unwrap(); ready.send(()).unwrap(); pause!(20); n += *held; drop(held); pause!(5); }
    black_box(n)
}
#[inline(never)] fn reads(mut pipe: impl Read) -> u64 {
    let mut byte = [0; 1];
    let mut n = 0;
    while pipe.read(&mut byte).unwrap() > 0 { n += black_box(u64::from(byte[0])); }
    n
}
#[inline(never)] fn computes() -> u64 {
    let start = Instant::now();
    let mut n = 0_u64;
    while start.elapsed() < Duration::from_millis(100) { n = black_box(n + 1); }
    n
}
fn timed(name: &str, work: impl FnOnce() -> u64) {
    let start = Instant::now();
    let n = work();
    println!("{name} {} {n}", start.elapsed().as_nanos());
}
fn main() {
    timed("sleeps", sleeps);
    let lock = Arc::new(Mutex::new(1));
    let theirs = lock.clone();
    let (ready, is_held) = std::sync::mpsc::channel();
    let holder = std::thread::spawn(move || holds(&theirs, ready));
    let mut waited = 0;
    for _ in 0..10 {
        is_held.recv().unwrap();
        let start = Instant::now();
        black_box(takes(&lock));
        waited += start.elapsed().as_nanos();
    }
    println!("takes {waited} 0");
    black_box(holder.join().unwrap());
    let (reader, mut writer) = std::io::pipe().unwrap();
    let theirs = std::thread::spawn(move || for _ in 0..15 { pause!(10); writer.write_all(&[1]).unwrap(); });
    timed("reads", || reads(reader));
    theirs.join().unwrap();
    timed("computes", computes);
}
"#;

/// All that a function waits for is its own; one that computes waits for nothing.
#[test]
fn waits_are_where_and_as_long_as_the_program_says() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("waits");
    let source = directory.path().join("waits.rs");
    fs::write(&source, PROGRAM).unwrap();
    let flags = ["--edition=2021", "-O", "-g", "-o"];
    succeed(rustc().args(flags).arg(&program).arg(source));
    let show = |arguments: &[&str]| {
        let mut tool = command(env!("CARGO_BIN_EXE_hotspots-under-test"));
        tool.env("XDG_STATE_HOME", directory.path().join("state"));
        tool.current_dir(directory.path());
        let ended = output(tool.arg("hotspots").args(arguments));
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{said}");
        (String::from_utf8(ended.stdout).unwrap(), said)
    };
    let path = program.to_str().unwrap();
    let json = ["functions", "--message-format", "json"];
    let record = [&json[..], &["--event", "waiting", "--exec", path]].concat();
    let (text, said) = show(&record);
    let report: Value = serde_json::from_str(&text).unwrap();
    let told: HashMap<&str, u64> = said
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.parse().ok()?))
        })
        .collect();
    let rows = report["rows"].as_array().unwrap();
    let of = |name: &str| {
        let named = |row: &&Value| row["name"].as_str().is_some_and(|own| own.contains(name));
        let found: Vec<&Value> = rows.iter().filter(named).collect();
        let sum = |key: &str| {
            found
                .iter()
                .map(|row| row[key].as_u64().unwrap())
                .sum::<u64>()
        };
        (sum("samples"), sum("waited_ns"))
    };
    // The function's own clock runs on while it works and while it has lost its turn, so it shows
    // more; a tenth is two of its waits. The two clocks are the kernel's, and differ by less than 1 %.
    for (name, times, least) in [
        ("waits::sleeps", 20, 200),
        ("waits::takes", 10, 150),
        ("waits::reads", 15, 140),
    ] {
        let (waits, waited) = of(name);
        let clock = told[name.strip_prefix("waits::").unwrap()];
        assert!(waited <= clock + clock / 100, "{name}: {waited} of {clock}");
        assert!(waited >= least * 900_000, "{name}: {waited} of {clock}");
        assert!(waits.abs_diff(times) <= times / 4, "{name}: {waits}");
    }
    let (_, computed) = of("waits::computes");
    assert!(computed < told["computes"] / 5, "{computed}");
    // The holder sleeps 20 and 5 ms, ten times.
    let (_, held) = of("waits::holds");
    assert!(held >= 225_000_000, "{held}");

    let recording = &report["recording"];
    assert_eq!(recording["event"], "waiting");
    let sum: u64 = rows
        .iter()
        .map(|row| row["waited_ns"].as_u64().unwrap())
        .sum();
    assert_eq!(recording["waited_ns"], sum);
    let data = recording["source"].as_str().unwrap();
    let (waits, nanoseconds) = perf_says(Path::new(data));
    assert_eq!(recording["samples"], waits);
    // perf prints whole microseconds.
    let apart = sum.abs_diff(nanoseconds);
    assert!(apart <= 1_000 * waits, "{sum} and {nanoseconds}");
    let warnings = report["warnings"].as_array().unwrap().iter();
    // The std's own ways to read a file are one code under several names, and that is said.
    let is_of_std = |it: &Value| {
        let message = it["message"].as_str().unwrap();
        it["code"] == "merged-functions" && message.starts_with("`<std::")
    };
    let codes: Vec<_> = warnings
        .filter(|it| !is_cause_of_null(it) && !is_of_std(it))
        .collect();
    assert!(codes.is_empty(), "{codes:?}");

    // People see how long; and are led here by a recording of time.
    let (page, _) = show(&["functions", "-n", "5"]);
    assert!(
        page.contains("Waited") && page.contains(" of waiting in "),
        "{page}"
    );
    let (_, said) = show(&["--exec", path]);
    assert!(said.contains("--event waiting"), "{said}");
    let two = output(
        command(env!("CARGO_BIN_EXE_hotspots-under-test"))
            .env("XDG_STATE_HOME", directory.path().join("state"))
            .current_dir(directory.path())
            .args(["hotspots", "diff", "1", "2"]),
    );
    let said = String::from_utf8_lossy(&two.stderr);
    assert_eq!(two.status.code(), Some(2), "{said}");
    assert!(said.contains("one of CPU time"), "{said}");
}

/// How often and how long threads waited, by the switches that perf prints: a sample, the thread switched
/// away from and not because its turn was over, and the same thread back.
fn perf_says(data: &Path) -> (u64, u64) {
    let mut perf = command("perf");
    perf.args([
        "script",
        "--show-switch-events",
        "--show-task-events",
        "-F",
        "tid,time,event",
    ]);
    let text = succeed(perf.arg("-i").arg(data));
    let mut begun: HashMap<&str, u64> = HashMap::new();
    let (mut waits, mut sum) = (0, 0);
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(thread), Some(time)) = (words.next(), words.next()) else {
            continue;
        };
        let Some((seconds, micros)) = time.trim_end_matches(':').split_once('.') else {
            continue;
        };
        let (Ok(seconds), Ok(micros)) = (seconds.parse::<u64>(), micros.parse::<u64>()) else {
            continue;
        };
        let now = (seconds * 1_000_000 + micros) * 1_000;
        if line.contains("waiting:") {
            begun.insert(thread, now);
        } else if line.contains("PERF_RECORD_SWITCH OUT preempt")
            || line.contains("PERF_RECORD_EXIT")
        {
            begun.remove(thread);
        } else if line.contains("PERF_RECORD_SWITCH IN")
            && let Some(start) = begun.remove(thread)
        {
            waits += 1;
            sum += now - start;
        }
    }
    (waits, sum)
}

/// Three threads that compute, on one processor. Each says what the kernel has for it, and stays for a
/// while, so that whoever looks from outside can see the same.
const READY: &str = r#"
use std::hint::black_box;
use std::time::Duration;
fn numbers() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let mut numbers = text.split_whitespace().map(|number| number.parse().unwrap());
    [numbers.next().unwrap(), numbers.next().unwrap()]
}
fn computes() -> u64 {
    let mut n = 0_u64;
    while numbers()[0] < 200_000_000 { for _ in 0..100_000 { n = black_box(n + 1); } }
    let queued = numbers()[1];
    std::thread::sleep(Duration::from_millis(500));
    queued
}
fn main() {
    let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(computes)).collect();
    let queued: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    println!("{queued}");
}
"#;

/// A thread that is ready and has no processor waits for nothing, and neither does the one that joins it.
#[test]
fn what_is_queued_does_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("ready");
    let source = directory.path().join("ready.rs");
    fs::write(&source, READY).unwrap();
    succeed(
        rustc()
            .args(["--edition=2021", "-O", "-o"])
            .arg(&program)
            .arg(source),
    );
    let printed = directory.path().join("printed");
    let mut tool = command(env!("CARGO_BIN_EXE_hotspots-under-test"));
    tool.env("XDG_STATE_HOME", directory.path().join("state"));
    tool.args([
        "hotspots",
        "stat",
        "--simulate",
        "never",
        "--message-format",
        "json",
    ]);
    tool.arg("--stdout").arg(&printed);
    tool.args(["--exec", "taskset", "--", "-c", "0"])
        .arg(&program);
    let ended = output(tool.current_dir(directory.path()));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let value = |name: &str| {
        let mut rows = report["rows"].as_array().unwrap().iter();
        rows.find(|row| row["metric"] == name).unwrap()["value"]
            .as_f64()
            .unwrap()
    };
    let own: f64 = fs::read_to_string(printed).unwrap().trim().parse().unwrap();
    // 200 ms each, one after the other in turns: the first to end was queued for 400 ms.
    assert!(own > 800e6, "{own}");
    let queued = value("run-queue");
    assert!(queued > own * 0.99, "{queued} {own}");
    let waited = value("duration") - value("task-clock") - queued;
    assert!((value("waiting") - waited.max(0.0)).abs() < 1.0, "{waited}");
    assert_eq!(value("waiting"), 0.0);
}
