//! Building leaves what is the user's as it was.

use crate::slim;
use integration_tests::bound::PATIENCE;
use integration_tests::command::{cargo, command, output};
use integration_tests::fixture::Fixture;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

fn state(file: &Path) -> (Vec<u8>, SystemTime) {
    let modified = fs::metadata(file).unwrap().modified().unwrap();
    (fs::read(file).unwrap(), modified)
}

/// Issue 2: the user's artifact has the same bytes before and after, and stays fresh.
#[test]
fn the_users_artifact_is_left_as_it_was() {
    let fixture = Fixture::new("two-versions");
    fixture.cargo(&["build", "--release"]);
    let file = fixture.path().join("target/release/two-versions");
    let before = state(&file);
    for view in ["overview", "crates", "functions"] {
        let run = slim()
            .in_directory(fixture.path())
            .run([view, "--message-format", "json"]);
        let report = run.report();
        // What is analysed is another file: not stripped, with v0 names.
        let analysed = report.json["artifact"]["path"].as_str().unwrap();
        assert_ne!(Path::new(analysed), file);
    }
    assert!(state(&file) == before, "the artifact changed");
    let again = output(
        cargo()
            .args(["build", "--release"])
            .current_dir(fixture.path()),
    );
    let messages = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success(), "{messages}");
    assert!(
        !messages.contains("Compiling"),
        "the user's build is no longer fresh:\n{messages}"
    );
    assert!(state(&file) == before, "the artifact changed");
}

/// What the user never built is not there afterwards.
#[test]
fn no_artifact_appears_where_the_user_has_none() {
    let fixture = Fixture::new("two-versions");
    slim()
        .in_directory(fixture.path())
        .run(["crates", "--message-format", "json"])
        .report();
    assert!(!fixture.path().join("target/release/two-versions").exists());
}

/// A failed build is 101, with cargo's own error.
#[test]
fn a_failed_build_is_said_by_cargo() {
    let fixture = Fixture::new("two-versions");
    fs::write(
        fixture.path().join("src/main.rs"),
        "fn main() { missing_name() }",
    )
    .unwrap();
    let run = slim().in_directory(fixture.path()).run(["crates"]);
    run.assert_no_crash();
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    assert!(
        run.stderr.contains("E0425"),
        "rustc's diagnostic is not there: {}",
        run.stderr
    );
    assert!(run.stderr.contains("help: "), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

/// A signal that our process alone gets ends the cargo that it started.
#[test]
fn cargo_ends_with_the_tool() {
    let fixture = Fixture::new("two-versions");
    let started = fixture.path().join("started");
    // It says whose child it is, and waits until that has ended; so long as to show what went wrong.
    let script = r#"
        use std::{fs, os::unix::process::parent_id, thread::sleep, time::{Duration, Instant}};
        fn main() {
            let (cargo, start) = (parent_id(), Instant::now());
            fs::write("started.new", cargo.to_string()).unwrap();
            fs::rename("started.new", "started").unwrap();
            while parent_id() == cargo && start.elapsed() < Duration::from_secs(600) {
                sleep(Duration::from_millis(20));
            }
        }
    "#;
    fs::write(fixture.path().join("build.rs"), script).unwrap();
    let mut tool = command(env!("CARGO_BIN_EXE_slim-under-test"))
        .args(["slim", "crates"])
        .current_dir(fixture.path())
        .env("CARGO", std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let wait_until = |done: &dyn Fn() -> bool, what: &str| {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < PATIENCE, "{what}");
            thread::sleep(Duration::from_millis(20));
        }
    };
    wait_until(&|| started.exists(), "the build script did not start");
    let cargo: u32 = fs::read_to_string(&started).unwrap().parse().unwrap();
    let name = fs::read_to_string(format!("/proc/{cargo}/comm")).unwrap();
    assert_eq!(name.trim(), "cargo");
    tool.kill().unwrap();
    tool.wait().unwrap();
    // Whoever takes orphans in may not ask for their end: a zombie has ended.
    let ended = || {
        let status = fs::read_to_string(format!("/proc/{cargo}/stat")).unwrap_or_default();
        status.is_empty() || status.contains("(cargo) Z")
    };
    wait_until(&ended, "cargo goes on");
}

/// The first build takes long, and the user learns why; later ones say nothing of it.
#[test]
fn the_first_build_says_that_it_is_the_first() {
    let fixture = Fixture::new("two-versions");
    let build = || slim().in_directory(fixture.path()).run(["sections"]);
    let first = build();
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let said = "the first run rebuilds the dependencies";
    assert!(first.stderr.contains(said), "{}", first.stderr);
    assert!(first.stderr.contains("strip=none"), "{}", first.stderr);
    let second = build();
    assert!(!second.stderr.contains(said), "{}", second.stderr);
}

/// Outside of a project there is nothing to build, but there are files to analyse.
#[test]
fn without_a_project_the_help_is_to_name_a_file() {
    let directory = tempfile::tempdir().unwrap();
    for view in ["overview", "crates", "snapshot"] {
        let run = slim().in_directory(directory.path()).run([view]);
        run.assert_clean_failure();
        assert!(run.stderr.contains("`Cargo.toml`"), "{}", run.stderr);
        assert!(run.stderr.contains("`--file PATH`"), "{}", run.stderr);
    }
}
