//! Programs whose code is not where its path says, has two names or none, or whose number is a
//! thread's; and how cargo would start a program. The program has known shares.

use super::{
    cases::{quality, warning},
    turn::Turn,
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let mut build = Command::new("gcc");
        // Static, so that no namespace lacks its libraries.
        build.args(["-O1", "-g", "-fno-omit-frame-pointer", "-static", "-o"]);
        build.arg(place.path("shares"));
        build.arg(fixture("shares.c"));
        assert!(build.status().unwrap().success());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn tool(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cargo-hotspots"))
            .arg("hotspots")
            .args(arguments)
            .current_dir(self.0.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn view(&self, arguments: &[&str]) -> Value {
        let output = self.tool(&[arguments, &["--message-format", "json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What the program does, recorded.
    fn recorded(&self, flags: &[&str], arguments: &[&str]) -> Value {
        let _turn = Turn::take();
        let words = ["functions", "-n", "0", "--exec", "./shares"];
        let json = ["--message-format", "json", "--"];
        let output = self.tool(&[&words, flags, &json, arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{flags:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn fixture(name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/elsewhere");
    fixtures.join(name)
}

fn inclusive(report: &Value, name: &str) -> f64 {
    let rows = report["rows"].as_array().unwrap();
    let found = rows.iter().find(|row| row["name"] == name);
    found.map_or(0.0, |row| row["inclusive"].as_f64().unwrap())
}

/// The shares that the program has, and nothing about the file that is not so.
fn assert_shares(report: &Value) {
    let (much, little) = (inclusive(report, "much"), inclusive(report, "little"));
    assert!(much > 0.7 && much < 0.87, "much {much}: {report}");
    assert!(little > 0.12 && little < 0.3, "little {little}: {report}");
    assert!(quality(report, "unknown") < 0.05, "{report}");
    for code in [
        "missing-binary",
        "rebuilt-binary",
        "no-symbol",
        "unnamed-jit",
    ] {
        assert_eq!(warning(report, code), None);
    }
}

#[test]
fn a_program_that_runs_from_memory_has_its_names() {
    let place = Place::new();
    for recorder in ["builtin", "perf"] {
        assert_shares(&place.recorded(&["--recorder", recorder], &["memory"]));
    }
}

/// The file is on a file system that only the program sees.
#[test]
fn a_program_in_a_mount_namespace_has_its_names() {
    let place = Place::new();
    fs::create_dir(place.path("inside")).unwrap();
    let script = "mount -t tmpfs none inside && cp shares inside/it && echo ready \
                  && while :; do inside/it brief; done";
    for recorder in ["builtin", "perf"] {
        let mut command = Command::new("unshare");
        if !super::is_root() {
            command.arg("--map-root-user");
        }
        command.args(["--mount", "sh", "-c", script]);
        command.current_dir(place.0.path());
        let mut child = Process(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let mut line = String::new();
        let mut said = BufReader::new(child.0.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "a namespace of its own is needed here");
        let _turn = Turn::take();
        let pid = child.0.id().to_string();
        let words = [
            "functions",
            "-n",
            "0",
            "--recorder",
            recorder,
            "--pid",
            &pid,
        ];
        assert_shares(&place.view(&[&words[..], &["--duration", "4s"]].concat()));
    }
}

/// Killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_number_of_a_thread_stands_for_its_process() {
    let place = Place::new();
    let mut command = Command::new(place.path("shares"));
    let started = command.arg("thread").stdout(Stdio::piped()).spawn();
    let mut child = Process(started.unwrap());
    let mut thread = String::new();
    let mut said = BufReader::new(child.0.stdout.take().unwrap());
    said.read_line(&mut thread).unwrap();
    let thread = thread.trim_end();
    for recorder in ["builtin", "perf"] {
        let _turn = Turn::take();
        let words = [
            "threads",
            "--recorder",
            recorder,
            "--pid",
            thread,
            "--duration",
        ];
        let output = place.tool(&[&words[..], &["600ms", "--message-format", "json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let process = format!("{thread} is a thread of process {}", child.0.id());
        assert!(said.contains(&process), "{said}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = report["rows"].as_array().unwrap();
        let own = rows
            .iter()
            .find(|row| row["tid"].as_u64() == thread.parse().ok());
        assert!(own.unwrap()["self"].as_f64().unwrap() > 0.9, "{report}");
    }
}

/// Nobody has named it, and what names it is said.
#[test]
fn code_made_at_run_time_without_names_is_unknown() {
    let place = Place::new();
    let report = place.recorded(&[], &["made"]);
    assert!(inclusive(&report, "[jit]") > 0.9, "{report}");
    assert!(quality(&report, "unknown") > 0.9, "{report}");
    let (said, help) = warning(&report, "unnamed-jit").unwrap();
    assert!(
        said.contains("at run time") && help.contains("/tmp/perf-PID.map"),
        "{said} {help}"
    );
    assert_eq!(warning(&report, "unknown-code"), None);
    assert_eq!(
        place.tool(&["functions", "--strict"]).status.code(),
        Some(100)
    );
    // What leads on does.
    let page = place.tool(&["functions"]).stdout;
    let page = String::from_utf8(page).unwrap();
    assert!(
        page.contains("callees '[jit]'") && !page.contains("callers, asm"),
        "{page}"
    );
    assert!(place.tool(&["callers", "[jit]"]).status.success());
}

/// `nm` has both at one address.
#[test]
fn functions_with_one_code_are_found_by_either_name() {
    let place = Place::new();
    let main = "#[inline(never)] fn header(n: u64) -> u64 { merged::checksum_header(n) ^ std::hint::black_box(1) }
        #[inline(never)] fn body(n: u64) -> u64 { merged::checksum_body(n) ^ std::hint::black_box(2) }
        fn main() { let n: u64 = (0..40).map(|_| header(3_000_000) ^ body(1_000_000)).sum(); println!(\"{n}\"); }";
    fs::write(place.path("main.rs"), main).unwrap();
    let rustc = |arguments: &[&str]| {
        let mut rustc = Command::new("rustc");
        rustc
            .args(["--edition=2024", "-O", "-g", "-L", "."])
            .args(arguments);
        assert!(
            rustc
                .current_dir(place.0.path())
                .status()
                .unwrap()
                .success()
        );
    };
    rustc(&[
        "--crate-name=merged",
        fixture("merged.rs").to_str().unwrap(),
    ]);
    rustc(&["--extern=merged", "-o", "shares", "main.rs"]);
    let names = Command::new("nm")
        .arg(place.path("shares"))
        .output()
        .unwrap();
    let names = String::from_utf8(names.stdout).unwrap();
    let addresses = names.lines().filter(|line| line.contains("checksum_"));
    let mut addresses: Vec<&str> = addresses.map(|line| &line[..16]).collect();
    assert_eq!(addresses.len(), 2, "{names}");
    addresses.dedup();
    assert_eq!(
        addresses.len(),
        1,
        "rustc does not merge them any more: {names}"
    );

    let report = place.recorded(&[], &[]);
    let (said, _) = warning(&report, "merged-functions").unwrap();
    for name in ["merged::checksum_header", "merged::checksum_body"] {
        assert!(said.contains(name), "{said}");
        let part = name.strip_prefix("merged::").unwrap();
        let found = place.view(&["functions", "--filter", part]);
        let rows = found["rows"].as_array().unwrap();
        assert!(rows.len() == 1 && rows[0]["merged"].is_array(), "{found}");
        for asked in [name, part] {
            for view in ["callers", "callees", "asm"] {
                let found = place.view(&[view, asked]);
                assert!(
                    warning(&found, "merged-functions").is_some(),
                    "{view} {asked}"
                );
            }
        }
        let callers = place.view(&["callers", name]);
        let rows = callers["rows"].as_array().unwrap();
        for caller in ["main::header", "main::body"] {
            assert!(rows.iter().any(|row| row["name"] == caller), "{callers}");
        }
    }
    // A function of its own is not said to be two.
    let callers = place.view(&["callers", "main::header"]);
    assert_eq!(warning(&callers, "merged-functions"), None);
}

#[test]
fn a_runner_that_is_left_out_is_said() {
    let place = Place::new();
    let write = |name: &str, text: &str| {
        let path = place.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "Cargo.toml",
        "[package]\nname = \"ran\"\nedition = \"2024\"\n[workspace]\n",
    );
    write(
        "src/main.rs",
        "fn main() { let n = (0..400_000_000u64).fold(1, |x, i| std::hint::black_box(x ^ i)); println!(\"{n}\"); }",
    );
    let triple = Command::new("rustc").arg("-vV").output().unwrap();
    let triple = String::from_utf8(triple.stdout).unwrap();
    let triple = triple
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    for (table, other) in [
        (format!("target.{triple}"), "target.'cfg(windows)'"),
        (
            "target.'cfg(target_os = \"linux\")'".to_owned(),
            "target.other-triple",
        ),
    ] {
        let config =
            format!("[{other}]\nrunner = \"no\"\n[{table}]\nrunner = [\"env\", \"A=1\"]\n");
        write(".cargo/config.toml", &config);
        for view in [&["crates", "--bin", "ran"][..], &["stat", "--bin", "ran"]] {
            let _turn = Turn::take();
            let said = place.tool(view);
            let said = String::from_utf8_lossy(&said.stderr).into_owned();
            assert!(
                said.contains(&format!("`{table}.runner = \"env A=1\"`")),
                "{said}"
            );
            assert!(said.contains("--exec env -- A=1 "), "{said}");
        }
    }
    fs::remove_dir_all(place.path(".cargo")).unwrap();
    let said = place.tool(&["crates", "--bin", "ran"]);
    assert!(!String::from_utf8_lossy(&said.stderr).contains("runner"));
}
