//! `diff --rev A..B`: both commits are built, and the user's tree is as it was.

use crate::project::{assert_exact, edit, growing};
use crate::slim;
use integration_tests::command::{command, output, succeed};
use integration_tests::fixture::Fixture;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

fn git(fixture: &Fixture, arguments: &[&str]) -> String {
    let mut command = command("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command.args(["-c", "user.name=test", "-c", "user.email=test@example.com"]);
    command.args([
        "-c",
        "commit.gpgsign=false",
        "-c",
        "core.hooksPath=/dev/null",
    ]);
    succeed(command.args(arguments).current_dir(fixture.root()))
}

/// Two commits; the program is in a directory of the repository, not at its root.
fn repository() -> Fixture {
    let fixture = growing();
    fs::write(fixture.root().join(".gitignore"), "target\n").unwrap();
    git(&fixture, &["init", "--quiet", "--initial-branch=main"]);
    git(&fixture, &["add", "."]);
    git(&fixture, &["commit", "--quiet", "-m", "one"]);
    edit(
        &fixture,
        "Cargo.toml",
        "[features]",
        "[features]\ndefault = [\"report\"]",
    );
    git(&fixture, &["commit", "--quiet", "-am", "two"]);
    // What is not committed must neither be lost nor be built.
    edit(&fixture, "src/main.rs", "fn main", "not rust\nfn main");
    fixture
}

fn tree(directory: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with(".git") {
                tree(&path, files);
            }
        } else {
            files.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
}

fn state(fixture: &Fixture) -> (BTreeMap<String, Vec<u8>>, Vec<String>) {
    let mut files = BTreeMap::new();
    tree(fixture.root(), &mut files);
    let questions: [&[&str]; 4] = [
        &["status", "--porcelain"],
        &["worktree", "list", "--porcelain"],
        &["for-each-ref"],
        &["rev-parse", "HEAD"],
    ];
    (
        files,
        questions
            .iter()
            .map(|question| git(fixture, question))
            .collect(),
    )
}

#[test]
fn two_commits_are_built_and_the_tree_is_left_as_it_was() {
    let fixture = repository();
    let before = state(&fixture);
    let arguments = ["diff", "--rev", "HEAD~1..HEAD", "--message-format", "json"];
    let report = slim().in_directory(fixture.path()).run(arguments).report();
    assert_exact(&report);
    assert_eq!(report.json["before"]["path"], "growing at HEAD~1");
    let helper = report.rows_where("name", "helper");
    assert_eq!(helper.len(), 1, "{:#?}", report.rows());
    assert_eq!(
        helper[0]["cause"],
        "new dependency `helper` 0.3.0, pulled in by `growing`"
    );
    assert!(
        state(&fixture) == before,
        "the tree or the repository changed"
    );

    let run = slim()
        .in_directory(fixture.path())
        .run(["diff", "--rev", "nothing..HEAD"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("no commit `nothing`"), "{}", run.stderr);
    assert!(
        state(&fixture) == before,
        "the tree or the repository changed"
    );
}

#[test]
fn a_commit_that_does_not_build_leaves_nothing_behind() {
    let fixture = repository();
    git(&fixture, &["commit", "--quiet", "-am", "broken"]);
    let before = state(&fixture);
    let run = slim()
        .in_directory(fixture.path())
        .run(["diff", "--rev", "HEAD~1..HEAD"]);
    run.assert_no_crash();
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    assert!(
        state(&fixture) == before,
        "the tree or the repository changed"
    );
}

/// Ctrl-C in the middle of a build: the worktree goes.
#[test]
fn an_interrupt_leaves_nothing_behind() {
    let fixture = repository();
    let before = state(&fixture);
    let temporary = fixture.root().join("target/tmp");
    fs::create_dir_all(&temporary).unwrap();
    let mut command = command(env!("CARGO_BIN_EXE_slim-under-test"));
    command
        .args(["slim", "diff", "--rev", "HEAD~1..HEAD"])
        .current_dir(fixture.path())
        .env("TMPDIR", &temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // Asked of the directory, not of git: git fails while another git is writing the entry.
    let entries = fixture.root().join(".git/worktrees");
    let appeared = || fs::read_dir(&entries).is_ok_and(|mut entries| entries.next().is_some());
    let start = Instant::now();
    while !appeared() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "no worktree appeared"
        );
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it was interrupted"
        );
        thread::sleep(Duration::from_millis(20));
    }
    let signal =
        output(integration_tests::command::command("kill").args(["-INT", &child.id().to_string()]));
    assert!(signal.status.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(state(&fixture) == before, "a worktree is left behind");
    let left: Vec<_> = fs::read_dir(&temporary).unwrap().flatten().collect();
    let left: Vec<_> = left
        .iter()
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("cargo-slim-")
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
