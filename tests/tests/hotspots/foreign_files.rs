//! Files of other tools, whose own statements are the witness.

use crate::hotspots;
use integration_tests::command::{command, output, succeed};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

fn report(arguments: &[&str]) -> Value {
    let run = hotspots().run(
        arguments
            .iter()
            .copied()
            .chain(["--message-format", "json"]),
    );
    assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stdout))
}

/// Compiles a program of C or C++ with debug information.
fn compiled(directory: &TempDir, file: &str, source: &str) -> PathBuf {
    let path = directory.path().join(file);
    fs::write(&path, source).unwrap();
    let program = path.with_extension("");
    let compiler = if file.ends_with(".c") { "gcc" } else { "g++" };
    let mut compiler = command(compiler);
    compiler.args(["-O1", "-g", "-fno-omit-frame-pointer", "-o"]);
    succeed(compiler.arg(&program).arg(&path));
    program
}

fn row<'v>(report: &'v Value, name: &str) -> Option<&'v Value> {
    report["rows"]
        .as_array()?
        .iter()
        .find(|row| row["name"] == name)
}

/// The kernel's clock is what type and number of the event say, whatever its name.
#[test]
fn a_clock_with_terms_or_another_name_counts_time() {
    let directory = TempDir::new().unwrap();
    let source = "int main(){for(volatile long i=0;i<60000000;i++);}";
    let program = compiled(&directory, "spin.c", source);
    let data = directory.path().join("perf.data");
    let data = data.to_str().unwrap();
    let cases = [
        ("cpu-clock/freq=500/", "cpu-clock"),
        ("cpu-clock/name=mine/", "cpu-clock"),
        ("task-clock/period=2000000/u", "task-clock:u"),
    ];
    for (event, kind) in cases {
        let mut record = command("perf");
        record.args(["record", "-q", "-e", event, "-o", data]);
        succeed(record.arg(&program));
        let report = report(&["crates", "--input", data]);
        let recording = &report["recording"];
        assert_eq!(recording["event"], kind, "{event}");
        assert!(
            recording["cpu_ns"].as_u64() > Some(10_000_000),
            "{event}: {recording}"
        );
    }
    let by_its_own_name = succeed_mine(data, &program);
    assert_eq!(by_its_own_name["recording"]["event"], "cpu-clock");
}

fn succeed_mine(data: &str, program: &Path) -> Value {
    let mut record = command("perf");
    record.args([
        "record",
        "-q",
        "-e",
        "page-faults,cpu-clock/name=mine/",
        "-o",
        data,
    ]);
    succeed(record.arg(program));
    report(&["crates", "--event", "mine", "--input", data])
}

const RECURSION: &str = r"
#include <pthread.h>
volatile unsigned long s;
__attribute__((noinline)) int fib(int n){ return n<2?n:fib(n-1)+fib(n-2); }
__attribute__((noinline)) int odd(int n);
__attribute__((noinline)) int even(int n){ for(int i=0;i<10;i++) s+=i; return n==0?1:odd(n-1)+(s&1); }
__attribute__((noinline)) int odd(int n){ for(int i=0;i<20;i++) s+=i; return n==0?0:even(n-1)+(s&1); }
__attribute__((noinline)) void leaf(int n){ for(int i=0;i<n;i++) s+=i; }
void*t(void*a){ leaf(20000); return 0; }
int main(){ fib(16); even(1000); leaf(10000); pthread_t p; pthread_create(&p,0,t,0); pthread_join(p,0); return 0; }
";

/// `callgrind_annotate` adds up the same file: what outermost calls took is exact, in circles, too.
#[test]
fn recursion_in_a_file_of_callgrind_costs_its_callers_what_it_cost() {
    let directory = TempDir::new().unwrap();
    let program = compiled(&directory, "deep.c", RECURSION);
    let file = directory.path().join("callgrind.out");
    let mut valgrind = command("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet", "--cache-sim=yes"]);
    valgrind.arg(format!("--callgrind-out-file={}", file.display()));
    succeed(valgrind.arg(&program));
    let file = file.to_str().unwrap();
    for (event, at) in [("Ir", 0), ("Dr", 1), ("D1mw", 5)] {
        let mut annotate = command("callgrind_annotate");
        annotate.args(["--auto=no", "--threshold=100", "--inclusive=yes", file]);
        let said = succeed(&mut annotate);
        let exact = |name: &str| -> u64 {
            let line = said
                .lines()
                .find(|line| line.contains(&format!("deep.c:{name} ")));
            let shares = line.unwrap_or_else(|| panic!("{name}: {said}")).split(')');
            // `1,200,009 (55.70%)` of each event, or `.`
            let costs = shares.flat_map(|part| part.split(" (").next().map(str::trim));
            let costs: Vec<&str> = costs.flat_map(str::split_whitespace).collect();
            costs[at].replace(',', "").parse().unwrap_or(0)
        };
        let report = report(&["functions", "--event", event, "--input", file]);
        assert_eq!(report["recording"]["event"], event);
        let whole = report["recording"]["samples"].as_f64().unwrap();
        for name in ["main", "fib", "even", "odd", "leaf", "t"] {
            let inclusive =
                row(&report, name).map_or(0.0, |row| row["inclusive"].as_f64().unwrap());
            let exact = exact(name) as f64 / whole;
            assert!(
                (inclusive - exact).abs() < 0.002,
                "{event} of {name}: {inclusive}, {exact}"
            );
        }
        let levels = report["rows"].as_array().unwrap().iter();
        assert_eq!(
            levels
                .filter(|row| row["name"].as_str().unwrap().contains('\''))
                .count(),
            0
        );
        let others = report["warnings"].to_string();
        assert_eq!(others.contains("`Dr` ("), event != "Dr", "{others}");
    }
    let none = hotspots().run(["functions", "--event", "Er", "--input", file]);
    assert_eq!(none.code, Some(2), "{}", none.stderr);
    assert!(
        none.stderr.contains("it has `Ir`, `Dr`, `Dw`"),
        "{}",
        none.stderr
    );
}

/// C++ asks for memory by `operator new`, as Rust does by `__rust_alloc`: whoever calls it pays.
#[test]
fn what_cxx_allocates_is_charged_to_who_asks_for_it() {
    let directory = TempDir::new().unwrap();
    let source = r#"
        #include <vector>
        #include <cstdio>
        __attribute__((noinline)) size_t wants(int n){ std::vector<int> v(n); v[n-1]=n; asm volatile(""::"r"(v.data())); return v[n-1]; }
        int main(){ size_t s=0; for(int i=0;i<20000;i++) s+=wants(100+i%7); printf("%zu\n",s); }"#;
    for form in ["shared.cc", "inside.cc"] {
        let path = directory.path().join(form);
        fs::write(&path, source).unwrap();
        let program = path.with_extension("");
        let mut compiler = command("g++");
        compiler.args(["-O1", "-g", "-fno-omit-frame-pointer", "-o"]);
        compiler.arg(&program).arg(&path);
        if form == "inside.cc" {
            compiler.args(["-static-libstdc++", "-static-libgcc"]);
        }
        succeed(&mut compiler);
        let program = program.to_str().unwrap();
        let report = report(&["alloc", "--exec", program]);
        let rows = report["rows"].as_array().unwrap().iter();
        let wants = rows.filter(|row| row["name"].as_str().unwrap().starts_with("wants"));
        let charged: f64 = wants.map(|row| row["charged"].as_f64().unwrap()).sum();
        assert!(charged > 0.9, "{form}: {}", report["rows"]);
        let unknown = report["recording"]["quality"]["unknown"].as_f64().unwrap();
        assert!(unknown < 0.05, "{form}: {unknown}");
    }
}

/// DHAT counts copies and a program's own units, too; its heap mode says what was allocated.
#[test]
fn what_dhat_counts_is_what_the_file_says() {
    let directory = TempDir::new().unwrap();
    let source = r#"
        #include <stdlib.h>
        #include <string.h>
        char from[1000];
        __attribute__((noinline)) void copies(char *to){ memcpy(to, from, 1000); asm volatile(""::"r"(to):"memory"); }
        int main(){ char to[1000]; for(int i=0;i<50;i++) { free(malloc(10)); copies(to); } return 0; }"#;
    let path = directory.path().join("copy.c");
    fs::write(&path, source).unwrap();
    let program = path.with_extension("");
    let mut compiler = command("gcc");
    compiler.args(["-O1", "-g", "-fno-builtin", "-o"]);
    succeed(compiler.arg(&program).arg(&path));
    let file = directory.path().join("dhat.json");
    let file = file.to_str().unwrap();
    let recorded = |mode: &str| {
        let mut valgrind = command("valgrind");
        valgrind.args(["--tool=dhat", "--quiet", &format!("--mode={mode}")]);
        valgrind.arg(format!("--dhat-out-file={file}"));
        succeed(valgrind.arg(&program));
    };
    recorded("heap");
    let heap = report(&["alloc", "--input", file]);
    assert_eq!(heap["totals"]["bytes"], 500);
    recorded("copy");
    let refused = hotspots().run(["alloc", "--input", file]);
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
    assert!(
        refused
            .stderr
            .contains("`copied bytes`, not of allocations"),
        "{}",
        refused.stderr
    );
    let copies = report(&["functions", "--input", file]);
    assert_eq!(copies["recording"]["event"], "copied bytes");
    let share = row(&copies, "copies").unwrap()["charged"].as_f64().unwrap();
    assert!(share > 0.95, "{share}");
}

/// A profile of the Firefox Profiler, as samply writes it.
#[test]
fn the_kernel_and_waiting_threads_in_a_firefox_profile_are_what_they_are() {
    let directory = TempDir::new().unwrap();
    let source = r#"
        #include <fcntl.h>
        #include <unistd.h>
        char to[1 << 16];
        __attribute__((noinline)) long reader(int file){ long sum=0; for(int i=0;i<150000;i++) sum+=read(file,to,sizeof to); return sum; }
        int main(){ return reader(open("/dev/zero", O_RDONLY)) == 0; }"#;
    let program = compiled(&directory, "reads.c", source);
    let run = |arguments: &[&str]| {
        let run = hotspots()
            .in_directory(directory.path())
            .run(arguments.iter().copied());
        assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
        run.stdout
    };
    let program = program.to_str().unwrap();
    let recorded = run(&["functions", "--message-format", "json", "--exec", program]);
    let recorded: Value = serde_json::from_str(&recorded).unwrap();
    let file = directory.path().join("profile.json");
    let source = recorded["recording"]["source"].as_str().unwrap();
    let to = file.to_str().unwrap();
    run(&["export", "--to", "firefox", "-o", to, "--input", source]);
    let opened = report(&["functions", "--input", file.to_str().unwrap()]);
    let charged = |report: &Value| row(report, "reader").unwrap()["charged"].as_f64().unwrap();
    let kernel = |report: &Value| -> f64 {
        let rows = report["rows"].as_array().unwrap().iter();
        let kernel = rows.filter(|row| row["crate"] == "[kernel]");
        kernel.map(|row| row["self"].as_f64().unwrap()).sum()
    };
    assert!(
        charged(&recorded) > 0.9 && kernel(&recorded) > 0.5,
        "{recorded}"
    );
    assert!(
        (charged(&recorded) - charged(&opened)).abs() < 0.02,
        "{opened}"
    );
    assert!(
        (kernel(&recorded) - kernel(&opened)).abs() < 0.02,
        "{opened}"
    );

    // A wait of five seconds, by samply's rules: one sample, no processor time.
    let mut json: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let samples = &mut json["threads"][0]["samples"];
    let whole = samples["length"].as_u64().unwrap();
    for (column, value) in [
        ("weight", 5000),
        ("threadCPUDelta", 0),
        ("timeDeltas", 5000),
    ] {
        samples[column].as_array_mut().unwrap().push(value.into());
    }
    let stack = samples["stack"][0].clone();
    samples["stack"].as_array_mut().unwrap().push(stack);
    samples["length"] = (whole + 1).into();
    fs::write(&file, json.to_string()).unwrap();
    let with_wait = report(&["functions", "--input", file.to_str().unwrap()]);
    assert_eq!(with_wait["rows"], opened["rows"]);
    let left = &with_wait["recording"]["left_out"][0];
    assert_eq!(
        (&left["process"], &left["samples"]),
        (&"[waiting]".into(), &5000.into())
    );
}

/// A file of `perf stat` has counts only.
#[test]
fn a_file_without_samples_says_what_it_is() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("stat.data");
    let mut stat = command("perf");
    stat.args(["stat", "record", "-e", "task-clock", "-o"]);
    succeed(stat.arg(&data).arg("true"));
    let run = hotspots().run(["crates", "--input", data.to_str().unwrap()]);
    assert_eq!(run.code, Some(101), "{}", run.stdout);
    assert!(
        run.stderr
            .contains("`perf stat` counts events and takes none"),
        "{}",
        run.stderr
    );
    let units = directory.path().join("units.json");
    let text = r#"{"dhatFileVersion":2,"mode":"rust-ad-hoc","verb":"Allocated","bsu":"units",
        "bksu":"events","cmd":"x","pid":7,"pps":[],"ftbl":["[root]"]}"#;
    fs::write(&units, text).unwrap();
    let run = hotspots().run(["crates", "--input", units.to_str().unwrap()]);
    assert!(
        run.stderr.contains("it counts `units`, and there was none"),
        "{}",
        run.stderr
    );
}

/// What a library's constructor allocates has a row, too: libstdc++'s makes a block before `main`.
#[test]
fn allocations_of_constructors_have_their_stack() {
    let directory = TempDir::new().unwrap();
    let source = r#"
        #include <iostream>
        #include <vector>
        int main(){ std::vector<int> v(1000); std::cout << v.size() << std::endl; }"#;
    let program = compiled(&directory, "early.cc", source);
    let mut valgrind = command("valgrind");
    valgrind.args(["--tool=dhat", "--dhat-out-file=/dev/null"]);
    let said = output(valgrind.arg(&program));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    let line = said.lines().find(|line| line.contains("Total:")).unwrap();
    let total = line.split("Total:").nth(1).unwrap();
    let total = total.split_whitespace().next().unwrap().replace(',', "");
    let total: u64 = total.parse().unwrap();
    assert!(total > 72_704, "{said}");
    let report = report(&["alloc", "--exec", program.to_str().unwrap()]);
    assert_eq!(report["totals"]["bytes"], total);
    let rows = report["rows"].as_array().unwrap().iter();
    let bytes: u64 = rows.map(|row| row["bytes"].as_u64().unwrap()).sum();
    assert_eq!(bytes, total, "{}", report["rows"]);
}

/// One path, two programs: no function of one is shown for the other.
#[test]
fn two_builds_at_one_path_are_told_apart() {
    let directory = TempDir::new().unwrap();
    let of = |name: &str, (one, other): (&str, &str)| {
        let source = format!(
            "volatile unsigned long s;
            __attribute__((noinline)) void {one}(void){{ for(long i=0;i<160000000;i++) s+=i; }}
            __attribute__((noinline)) void {other}(void){{ for(long i=0;i<40000000;i++) s+=i; }}
            int main(){{ {one}(); {other}(); }}"
        );
        compiled(&directory, name, &source)
    };
    // The order of the functions differs, so that addresses of one mean the other's.
    of("first.c", ("A1", "A2"));
    let second = of("second.c", ("B2", "B1"));
    let source = fs::read_to_string(second.with_extension("c")).unwrap();
    let swapped: Vec<&str> = source.lines().collect();
    fs::write(
        second.with_extension("c"),
        [swapped[0], swapped[2], swapped[1], swapped[3]].join("\n"),
    )
    .unwrap();
    let mut compiler = command("gcc");
    compiler.args(["-O1", "-g", "-o"]);
    succeed(compiler.arg(&second).arg(second.with_extension("c")));
    let script = directory.path().join("both.sh");
    let text = format!(
        "#!/bin/sh\ncd {}; cp first it; ./it; rm it; cp second it; ./it\n",
        directory.path().display()
    );
    fs::write(&script, text).unwrap();
    let mut chmod = command("chmod");
    succeed(chmod.arg("+x").arg(&script));
    for recorder in ["builtin", "perf"] {
        let run = hotspots().in_directory(directory.path()).run([
            "functions",
            "--message-format",
            "json",
            "--recorder",
            recorder,
            "--exec",
            script.to_str().unwrap(),
        ]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let of =
            |name: &str| row(&report, name).map_or(0.0, |row| row["inclusive"].as_f64().unwrap());
        let all = ["A1", "A2", "B1", "B2"].map(of);
        // Each program has half of the time, four fifths of that in its first function.
        assert!(
            all[1] < 0.2 && all[2] < 0.2 && all[3] > 0.25,
            "{recorder}: {all:?}"
        );
        let is_said = report["warnings"].to_string().contains("/it");
        assert!(
            all[0] > 0.25 || is_said,
            "{recorder}: {all:?} {}",
            report["warnings"]
        );
    }
}
