//! What a warning advises, on a recording made for each: by what is wrong, how stacks were recorded, what
//! limits them, and whose code is in the way. Where the advice is to record in another way, that way is
//! taken, and what was wrong is gone.
//!
//! Losses and throttling cannot be brought about for sure without changing the machine's settings: the
//! tests of `advice.rs` and `coverage.rs` in `analysis` have them. What is short-lived, and time in the kernel
//! that an ordinary user may not sample, are in `account.rs` and `coverage.rs` here.

use super::cases::{Cases, quality, warning};
use std::process::Command;

/// A recording, and what is said of it.
struct Cell {
    program: &'static str,
    stacks: &'static str,
    code: &'static str,
    /// What the advice has.
    advised: &'static [&'static str],
    /// What the message has.
    said: &'static [&'static str],
    /// The way to record that is advised, where it is one that this user may take.
    then: Option<&'static str>,
}

const CELLS: [Cell; 8] = [
    Cell {
        program: "deep",
        stacks: "dwarf,4096",
        code: "truncated-stacks",
        advised: &["`--call-graph dwarf,65528`"],
        said: &["4.0 KiB"],
        then: Some("dwarf,65528"),
    },
    Cell {
        program: "deeper",
        stacks: "dwarf,65528",
        code: "truncated-stacks",
        advised: &["kernel.perf_event_max_stack=", "`--call-graph fp`"],
        said: &["64.0 KiB"],
        then: None,
    },
    Cell {
        program: "deep-fp",
        stacks: "fp",
        code: "truncated-stacks",
        advised: &["kernel.perf_event_max_stack=", "`--call-graph dwarf,65528`"],
        said: &["127 frames"],
        then: Some("dwarf,65528"),
    },
    Cell {
        program: "gap",
        stacks: "fp",
        code: "broken-stacks",
        advised: &["`--call-graph dwarf`", "force-frame-pointers"],
        said: &["of `gap`"],
        then: Some("dwarf"),
    },
    Cell {
        // libc's `qsort` between keeps none: it is not the program that must be built otherwise.
        program: "sorting",
        stacks: "fp",
        code: "unrooted-stacks",
        advised: &["`--call-graph dwarf`, which needs no frame pointers"],
        said: &["of `sorting`"],
        then: Some("dwarf"),
    },
    Cell {
        program: "bare lost",
        stacks: "dwarf",
        code: "no-unwind-tables",
        advised: &[".cfi_startproc"],
        said: &["`bare_lost` of `bare`"],
        then: None,
    },
    Cell {
        program: "switched",
        stacks: "dwarf",
        code: "unrooted-stacks",
        advised: &["callees '[callers missing]'"],
        said: &["of `switched`"],
        then: None,
    },
    Cell {
        program: "gap",
        stacks: "none",
        code: "no-stacks",
        advised: &["`--call-graph dwarf`", "`--call-graph fp`"],
        said: &["no call stacks"],
        then: Some("dwarf"),
    },
];

#[test]
fn each_advice_fits_what_is_wrong_and_helps() {
    let cases = Cases::new();
    cases.cargo(&["build", "--release", "--bins"]);
    let built = |name: &str| cases.path().join("target/release").join(name);
    let compile = |program: &mut Command| assert!(program.status().unwrap().success());
    // The same programs in builds that cargo does not make.
    compile(
        Command::new("cargo")
            .args([
                "build",
                "--release",
                "--quiet",
                "--bin",
                "deep",
                "--target-dir",
                "fp",
            ])
            .env("RUSTFLAGS", "-Cforce-frame-pointers=yes")
            .current_dir(cases.path()),
    );
    let followed = cases.path().join("fp/release/deep");
    std::fs::copy(followed, built("deep-fp")).unwrap();
    let source = cases.path().join("sorting.c");
    std::fs::write(&source, SORTING).unwrap();
    compile(
        Command::new("gcc")
            .args(["-O2", "-g", "-fno-omit-frame-pointer", "-o"])
            .args([&built("sorting"), &source]),
    );
    std::fs::write(&source, DEEPER).unwrap();
    compile(
        Command::new("gcc")
            .args(["-O1", "-g", "-fno-optimize-sibling-calls", "-o"])
            .args([&built("deeper"), &source]),
    );
    for cell in CELLS {
        let Cell {
            program,
            stacks,
            code,
            advised,
            said,
            then,
        } = cell;
        let at = format!("{program} {stacks} {code}");
        let mut words = program.split(' ');
        let name = words.next().unwrap();
        let arguments: Vec<&str> = words.collect();
        let record = |stacks| cases.record(name, &["--call-graph", stacks], &arguments);
        let report = record(stacks);
        let found = warning(&report, code);
        let (message, help) = found.unwrap_or_else(|| panic!("{at}: {}", report["warnings"]));
        for word in said {
            assert!(message.contains(word), "{at}: {message}");
        }
        for word in advised {
            assert!(help.contains(word), "{at}: {help}");
        }
        let mode = format!("`--call-graph {stacks}`");
        assert!(!help.contains(&mode), "{at}: {help}");
        if let Some(then) = then {
            let report = record(then);
            assert!(
                warning(&report, code).is_none(),
                "{at}, then {then}: {report}"
            );
            assert!(
                quality(&report, "unrooted") < 0.05,
                "{at}, then {then}: {report}"
            );
        }
    }
}

/// libc's `qsort` calls back, and keeps no frame pointer.
const SORTING: &str = "#include <stdlib.h>
static volatile long sink;
static __attribute__((noinline)) int by(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    for (int i = 0; i < 8; i++) sink += x ^ i;
    return (x > y) - (x < y);
}
static __attribute__((noinline)) void fill(long *all, long n) {
    for (long i = 0; i < n; i++) all[i] = (long)(i * 0x9e3779b97f4a7c15ul);
}
int main(void) {
    enum { N = 1 << 18 };
    long *all = malloc(N * sizeof *all);
    for (int i = 0; i < 4; i++) { fill(all, N); qsort(all, N, sizeof *all, by); }
    return 0;
}
";

/// More stack than can be copied.
const DEEPER: &str = "static volatile unsigned long sink;
static __attribute__((noinline)) unsigned long down(unsigned long n) {
    volatile char room[1024];
    room[n % 1024] = n;
    if (n == 0) { for (unsigned long i = 0; i < 400000000; i++) sink += i; return sink; }
    return down(n - 1) + room[n % 512];
}
int main(void) { return down(200) & 1; }
";
