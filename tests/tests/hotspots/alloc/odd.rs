//! Programs that begin, end or allocate in an odd way.

use super::{by_name, number, rows};
use integration_tests::command::{command, output, succeed};
use serde_json::Value;
use std::fs;

/// What cannot be seen is said, never shown as nothing; what ends or begins oddly is counted.
#[test]
fn programs_that_are_no_ordinary_ones() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("odd.rs"), ODD).unwrap();
    let compile = |name: &str, flags: &[&str]| {
        let mut rustc = integration_tests::command::rustc();
        rustc.args(["--edition=2021", "-O", "-o"]).arg(path(name));
        succeed(rustc.args(flags).arg(path("odd.rs")));
    };
    compile("odd", &["-Cforce-frame-pointers=yes"]);
    compile("static", &["-Ctarget-feature=+crt-static"]);
    let state = path("state");
    let tool = || {
        let mut command = command(env!("CARGO_BIN_EXE_hotspots-under-test"));
        // Not among the recordings of the other tests.
        command
            .env("XDG_STATE_HOME", &state)
            .current_dir(directory.path());
        command.args(["hotspots", "--message-format", "json"]);
        command
    };
    let view = || -> Value {
        let ended = output(tool().arg("threads"));
        serde_json::from_slice(&ended.stdout).unwrap()
    };
    let record = |program: &str, how: &str, stacks: &str| {
        let mut command = tool();
        command.args(["alloc", "--call-graph", stacks]);
        command.arg("--exec").arg(path(program)).args(["--", how]);
        let ended = output(&mut command);
        (
            ended.status.code(),
            String::from_utf8_lossy(&ended.stdout).into_owned(),
            String::from_utf8_lossy(&ended.stderr).into_owned(),
        )
    };
    // Stacks of threads end where a thread begins, by unwind tables, too.
    let (_, out, said) = record("odd", "local", "dwarf");
    let report: Value =
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(report["recording"]["quality"]["unrooted"], 0.0, "{report}");
    threads(&view(), &report["totals"], "local");
    let (code, _, said) = record("static", "plain", "fp");
    assert_eq!(code, Some(101), "{said}");
    assert!(
        said.contains("statically linked") && said.contains("help: "),
        "{said}"
    );
    for how in [
        "plain", "threads", "across", "abort", "exit", "fork", "exec", "closed", "local",
    ] {
        let (code, out, said) = record("odd", how, "fp");
        assert_eq!(code, Some(0), "{how}: {said}");
        let report: Value = serde_json::from_str(&out).unwrap();
        if how == "threads" || how == "local" {
            threads(&view(), &report["totals"], how);
        }
        // 5,000 blocks of 33 bytes in one function, however the program ends and whoever frees, and
        // the thread's vector with room for 8,192 of them.
        let row = by_name(rows(&report, "rows"), "odd::work");
        let calls = if how == "threads" { 1_000 } else { 1 };
        assert_eq!(number(row, "allocations"), 5_000 + calls, "{how}");
        assert_eq!(number(row, "bytes"), 5_000 * 33 + calls * 65_536, "{how}");
        let totals = &report["totals"];
        if how == "threads" {
            assert!(number(totals, "threads") > 1_000, "{totals}");
        }
        if ["across", "threads", "plain"].contains(&how) {
            assert_eq!(number(row, "leaked_bytes"), 0, "{how}");
        }
        let notes = report["recording"]["degradations"].as_array().unwrap();
        let says = |code: &str| notes.iter().any(|note| note["code"] == code);
        assert_eq!(says("children"), how == "fork", "{how}: {notes:?}");
        assert_eq!(
            says("no-exit"),
            ["abort", "exit", "exec"].contains(&how),
            "{how}: {notes:?}"
        );
    }
}

/// What each thread did is exact, whatever is sampled, under its own name; its rows are a partition.
fn threads(view: &Value, totals: &Value, how: &str) {
    for key in ["allocations", "reallocations", "frees", "bytes"] {
        let sum: u64 = rows(view, "rows").iter().map(|row| number(row, key)).sum();
        assert_eq!(sum, number(totals, key), "{how}: {key}");
    }
    match how {
        "threads" => assert!(rows(view, "rows").len() > 1_000),
        _ => {
            // 5,000 blocks and their vector; the rest is std's own, for the thread and its name.
            let worker = by_name(rows(view, "rows"), "worker");
            let others = number(worker, "allocations") - 5_001;
            assert!(others < 12, "{worker}");
            let bytes = number(worker, "bytes") - 5_000 * 33 - 65_536;
            assert!(bytes < 1_000, "{worker}");
            assert_eq!(worker["hottest_function"]["name"], "odd::work");
        }
    }
}

const ODD: &str = r#"
use std::cell::RefCell;
extern "C" {
    fn _exit(code: i32) -> !;
    fn fork() -> i32;
    fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
    fn close(file: i32) -> i32;
}
#[inline(never)]
fn work(count: usize) -> Vec<Box<[u8; 33]>> {
    for n in 0..count {
        BOXES.with(|boxes| boxes.borrow_mut().push(Box::new([n as u8; 33])));
    }
    BOXES.with(|boxes| std::mem::take(&mut *boxes.borrow_mut()))
}
thread_local! {
    static BOXES: RefCell<Vec<Box<[u8; 33]>>> = RefCell::new(Vec::with_capacity(8192));
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}
struct Late;
impl Drop for Late {
    fn drop(&mut self) {
        drop(std::hint::black_box(String::from("made while the thread ends")));
    }
}
fn main() {
    let how = std::env::args().nth(1).unwrap();
    match how.as_str() {
        "threads" => {
            let threads: Vec<_> = (0..1000)
                .map(|_| std::thread::Builder::new().stack_size(64 << 10).spawn(|| drop(work(5))))
                .collect();
            for thread in threads { thread.unwrap().join().unwrap(); }
        }
        "across" => {
            let blocks = work(5000);
            std::thread::spawn(move || drop(blocks)).join().unwrap();
        }
        "local" => {
            let worker = std::thread::Builder::new().name("worker".into());
            let blocks = worker.spawn(|| {
                LATE.with(|late| *late.borrow_mut() = Some(Late));
                work(5000)
            });
            drop(blocks.unwrap().join().unwrap());
        }
        _ => {
            let blocks = work(5000);
            match how.as_str() {
                "abort" => unsafe {
                    extern "C" { fn kill(pid: i32, signal: i32) -> i32; fn getpid() -> i32; }
                    kill(getpid(), 9);
                },
                "exit" => unsafe { _exit(0) },
                "exec" => {
                    use std::os::unix::process::CommandExt;
                    let error = std::process::Command::new("/bin/true").exec();
                    panic!("{error}");
                }
                "fork" => unsafe {
                    let child = fork();
                    if child == 0 {
                        drop(work(70_000));
                        _exit(0);
                    }
                    waitpid(child, std::ptr::null_mut(), 0);
                },
                "closed" => unsafe { close(1); close(2); },
                _ => {}
            }
            drop(blocks);
        }
    }
}
"#;
