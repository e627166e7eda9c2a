//! `diff --rev` of a repository with submodules: each commit is built with its own.

use crate::project::assert_exact;
use crate::slim;
use integration_tests::command::{command, succeed};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn git(directory: &Path, arguments: &[&str]) -> String {
    let mut command = command("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    for setting in [
        "user.name=test",
        "user.email=test@example.com",
        "commit.gpgsign=false",
        "core.hooksPath=/dev/null",
        "init.defaultBranch=main",
        "protocol.file.allow=always",
    ] {
        command.args(["-c", setting]);
    }
    succeed(command.args(arguments).current_dir(directory))
}

fn commit(directory: &Path, message: &str) {
    git(directory, &["add", "--all"]);
    git(directory, &["commit", "--quiet", "-m", message]);
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const MANIFEST: &str = r#"
[package]
name = "app"
version = "0.1.0"
edition = "2024"

[dependencies]
lib = { path = "vendor/lib" }

[workspace]
"#;

/// A program whose library is a submodule, which has a submodule of its own with a text. The second
/// commit takes a longer text, two levels down, and nothing else.
fn repository() -> TempDir {
    let all = tempfile::tempdir().unwrap();
    let at = |name: &str| all.path().join(name);
    for name in ["text", "lib", "app"] {
        fs::create_dir(at(name)).unwrap();
        git(&at(name), &["init", "--quiet"]);
    }
    write(&at("text/text.txt"), &"a".repeat(1000));
    commit(&at("text"), "short");
    write(
        &at("lib/Cargo.toml"),
        "[package]\nname = \"lib\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    let source = r#"
        static TEXT: &str = include_str!("../text/text.txt");
        #[inline(never)]
        pub fn text() -> &'static str { TEXT }
    "#;
    write(&at("lib/src/lib.rs"), source);
    git(
        &at("lib"),
        &["submodule", "--quiet", "add", "../text", "text"],
    );
    commit(&at("lib"), "one");
    write(&at("app/Cargo.toml"), MANIFEST);
    write(
        &at("app/src/main.rs"),
        "fn main() { println!(\"{}\", lib::text()); }\n",
    );
    write(&at("app/.gitignore"), "target\nCargo.lock\n");
    // The name is not the path.
    let add = ["submodule", "--quiet", "add", "--name", "the-lib"];
    git(&at("app"), &[&add[..], &["../lib", "vendor/lib"]].concat());
    git(
        &at("app"),
        &["submodule", "--quiet", "update", "--init", "--recursive"],
    );
    commit(&at("app"), "one");

    let inner = at("app/vendor/lib/text");
    write(&inner.join("text.txt"), &"b".repeat(50_000));
    commit(&inner, "long");
    commit(&at("app/vendor/lib"), "two");
    commit(&at("app"), "two");
    all
}

/// All that could have changed: what git keeps of the repository and of its submodules.
fn state(app: &Path) -> Vec<String> {
    let questions: [&[&str]; 5] = [
        &["status", "--porcelain"],
        &["submodule", "status", "--recursive"],
        &["worktree", "list", "--porcelain"],
        &["config", "--local", "--list"],
        &[
            "submodule",
            "--quiet",
            "foreach",
            "--recursive",
            "git status --porcelain; git config --local --list",
        ],
    ];
    let answers = questions.iter().map(|question| git(app, question));
    answers.collect()
}

#[test]
fn each_commit_is_built_with_its_own_submodules() {
    let all = repository();
    let app = all.path().join("app");
    let before = state(&app);
    let diff = ["diff", "--rev", "HEAD~1..HEAD", "--message-format", "json"];
    let report = slim().in_directory(&app).run(diff).report();
    assert_exact(&report);
    assert_eq!(report.json["warnings"], Value::Array(Vec::new()));
    let change = report.json["delta"]["file"].as_i64().unwrap();
    assert!((48_000..52_000).contains(&change), "{change}");
    assert!(state(&app) == before, "the repository changed");
    assert!(!app.join(".git/cargo-slim").exists());
}

#[test]
fn a_submodule_that_is_not_there_is_named() {
    let all = repository();
    let app = all.path().join("app");
    let modules = app.join(".git/modules/the-lib/modules");
    fs::rename(&modules, all.path().join("away")).unwrap();
    let run = slim()
        .in_directory(&app)
        .run(["diff", "--rev", "HEAD~1..HEAD"]);
    run.assert_no_crash();
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    let help = "help: this repository does not have the submodules `vendor/lib/text`: check";
    assert!(run.stderr.contains(help), "{}", run.stderr);
    assert_eq!(git(&app, &["worktree", "list"]).lines().count(), 1);
}

/// What the user's own tree is without is not missed, unless the build fails.
#[test]
fn a_submodule_that_was_never_initialised_is_named_when_the_build_fails() {
    let all = repository();
    let clone = all.path().join("clone");
    git(all.path(), &["clone", "--quiet", "app", "clone"]);
    // The inner one is left out. The commit of the outer one is only in the program's repository.
    let lib = all.path().join("app/.git/modules/the-lib");
    git(
        &clone,
        &["config", "submodule.the-lib.url", lib.to_str().unwrap()],
    );
    git(&clone, &["submodule", "--quiet", "update", "--init"]);
    let run = slim()
        .in_directory(&clone)
        .run(["diff", "--rev", "HEAD~1..HEAD"]);
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    let help =
        "help: this repository does not have the submodules `vendor/lib/text`: check `HEAD~1` out";
    assert!(run.stderr.contains(help), "{}", run.stderr);
}
