//! `diff --rev A..B`: both commits are built, each as its own checkout asks for, and the user's
//! tree is as it was.

use crate::project::{assert_exact, edit, growing};
use crate::slim;
use integration_tests::bound::{Watched, interruptible};
use integration_tests::command::{command, output, succeed};
use integration_tests::fixture::Fixture;
use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

fn git(fixture: &Fixture, arguments: &[&str]) -> String {
    git_in(fixture.root(), arguments)
}

fn git_in(directory: &Path, arguments: &[&str]) -> String {
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
    succeed(command.args(arguments).current_dir(directory))
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
    for (side, revision) in [("before", "HEAD~1"), ("after", "HEAD")] {
        let commit = git(&fixture, &["rev-parse", revision]);
        assert_eq!(report.json[side]["commit"], commit.trim());
        assert_eq!(report.json[side]["depth"]["functions"], true);
    }
    // The change that is not committed is not built, and that is said.
    assert_eq!(codes(&report.json), ["uncommitted-changes"]);
    let message = report.json["warnings"][0]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "one file has uncommitted changes, which are not in `HEAD`"
    );
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

/// What another build of this repository would be called, beside it.
fn worktree_of(fixture: &Fixture) -> PathBuf {
    let name = fixture.root().file_name().unwrap().to_string_lossy();
    fixture.root().with_file_name(format!(".cargo-slim-{name}"))
}

/// Starts a comparison and waits until a commit is checked out.
fn start(fixture: &Fixture) -> Child {
    let mut command = interruptible(Path::new(env!("CARGO_BIN_EXE_slim-under-test")));
    command
        .args(["slim", "diff", "--rev", "HEAD~1..HEAD"])
        .current_dir(fixture.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // Asked of the directory, not of git: git fails while another git is writing the entry.
    let manifest = worktree_of(fixture).join("app/Cargo.toml");
    let _watched = Watched::new("the checkout of a commit");
    while !manifest.exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it was interrupted"
        );
        thread::sleep(Duration::from_millis(20));
    }
    child
}

fn signal(child: &Child, signal: &str) {
    let mut kill = command("kill");
    assert!(
        output(kill.args([signal, &child.id().to_string()]))
            .status
            .success()
    );
}

/// Ctrl-C in the middle of a build: the worktree goes.
#[test]
fn an_interrupt_leaves_nothing_behind() {
    let fixture = repository();
    let before = state(&fixture);
    let mut child = start(&fixture);
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(state(&fixture) == before, "a worktree is left behind");
    assert!(!worktree_of(&fixture).exists());
    assert!(!fixture.root().join(".git/cargo-slim").exists());
}

/// Who is killed cannot clean up: the next run does, and touches nothing that is not its own.
#[test]
fn what_a_killed_run_left_goes_with_the_next_one() {
    let fixture = repository();
    let before = state(&fixture);
    let mut child = start(&fixture);
    signal(&child, "-KILL");
    child.wait().unwrap();
    let left = worktree_of(&fixture);
    assert!(left.exists());
    assert!(state(&fixture) != before, "nothing is left behind to clear");
    let run = slim()
        .in_directory(fixture.path())
        .run(["diff", "--rev", "HEAD~1..HEAD"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!left.exists());
    assert!(state(&fixture) == before, "a worktree is left behind");

    // A directory of that name that git does not know, even with a note that it is ours.
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("mine"), "").unwrap();
    let notes = fixture.root().join(".git/cargo-slim");
    fs::create_dir_all(&notes).unwrap();
    let note = notes.join(left.file_name().unwrap());
    fs::write(&note, left.to_str().unwrap()).unwrap();
    let run = slim()
        .in_directory(fixture.path())
        .run(["diff", "--rev", "HEAD~1..HEAD"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(left.join("mine").exists(), "somebody's file is gone");
    fs::remove_dir_all(&left).unwrap();
}

fn codes(json: &Value) -> Vec<&str> {
    let warnings = json["warnings"].as_array().unwrap();
    warnings
        .iter()
        .map(|warning| warning["code"].as_str().unwrap())
        .collect()
}

/// The project alone is the repository; `helper` is its neighbour.
fn alone() -> Fixture {
    let fixture = growing();
    fs::write(fixture.path().join(".gitignore"), "target\n").unwrap();
    commit(&fixture, "one");
    fixture
}

fn commit(fixture: &Fixture, message: &str) {
    let root = fixture.path();
    if !root.join(".git").exists() {
        git_in(root, &["init", "--quiet", "--initial-branch=main"]);
    }
    git_in(root, &["add", "."]);
    git_in(root, &["commit", "--quiet", "-m", message]);
}

/// What the user's own build of this commit gives.
fn built(fixture: &Fixture, revision: &str) -> u64 {
    git_in(fixture.path(), &["checkout", "--quiet", revision]);
    fixture.cargo(&["build", "--release"]);
    let size = fs::metadata(fixture.path().join("target/release/growing")).unwrap();
    git_in(fixture.path(), &["checkout", "--quiet", "main"]);
    size.len()
}

/// The file that users get is compared, too: `strip` changes it and nothing that is analysed.
#[test]
fn what_the_profile_makes_is_compared_beside_what_is_analysed() {
    let fixture = alone();
    let setting = "codegen-units = 1";
    edit(
        &fixture,
        "Cargo.toml",
        setting,
        "codegen-units = 1\nstrip = true",
    );
    commit(&fixture, "two");
    let (before, after) = (built(&fixture, "main~1"), built(&fixture, "main"));
    assert!(before > after + 50_000, "{before} {after}");

    let diff = |range: &str, format: &str| {
        let arguments = ["diff", "--rev", range, "--message-format", format];
        slim().in_directory(fixture.path()).run(arguments)
    };
    let report = diff("main~1..main", "json").report();
    assert_exact(&report);
    let built = &report.json["as_built"];
    assert_eq!(built["before"]["file"], before);
    assert_eq!(built["after"]["file"], after);
    assert_eq!(built["delta"]["file"], after as i64 - before as i64);
    assert_eq!(report.json["delta"]["file"], 0);
    assert_eq!(
        report.json["causes"][0]["message"],
        "`strip` of the profile changed from its default to `true`"
    );
    for format in ["human", "markdown"] {
        let text = diff("main~1..main", format).stdout;
        assert!(!text.to_lowercase().contains("\nnothing changed"), "{text}");
        // The analysed files have their symbols on both sides; what the profile makes has not.
        assert!(
            text.contains("settings that the analysis overrides"),
            "{text}"
        );
        assert!(text.contains("`strip` of the profile"), "{text}");
        let same = diff("main..main", format).stdout;
        assert!(same.to_lowercase().contains("nothing changed"), "{same}");
        assert!(!same.contains("difference"), "{same}");
    }
}

/// Two runs at once have a directory each to build in: cargo goes by the time of files, and took what
/// the other one had just built of another commit for what it should build itself.
#[test]
fn each_worktree_has_builds_of_its_own() {
    let fixture = alone();
    edit(
        &fixture,
        "Cargo.toml",
        "[features]",
        "[features]\ndefault = [\"report\"]",
    );
    commit(&fixture, "two");
    let delta = |range: &str| {
        let arguments = ["diff", "--rev", range, "--message-format", "json"];
        let report = slim().in_directory(fixture.path()).run(arguments).report();
        assert_exact(&report);
        let built = report.json["as_built"]["delta"]["file"].as_i64().unwrap();
        (built, report.json["delta"]["file"].as_i64().unwrap())
    };
    let builds = || {
        let directory = fixture.path().join("target/codecost/revisions");
        fs::read_dir(directory).unwrap().count()
    };
    let there = delta("main~1..main");
    assert!(there.0 > 0 && there.1 > 0, "{there:?}");
    assert_eq!((delta("main~1..main"), builds()), (there, 1));
    // The name is taken, as it is while another run lasts.
    let name = fixture.path().file_name().unwrap().to_string_lossy();
    let taken = fixture.path().with_file_name(format!(".cargo-slim-{name}"));
    fs::create_dir(&taken).unwrap();
    assert_eq!((delta("main~1..main"), builds()), (there, 2));
    fs::remove_dir(taken).unwrap();

    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| delta("main~1..main"));
        let other = scope.spawn(|| delta("main..main~1"));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_eq!((one, other), (there, (-there.0, -there.1)));
}

/// What lies around the repository holds for a revision as it does for the user's own build; what
/// lies in the user's tree without being committed does not.
#[test]
fn neighbours_and_settings_outside_of_the_repository_hold() {
    let fixture = alone();
    edit(
        &fixture,
        "Cargo.toml",
        "[features]",
        "[features]\ndefault = [\"report\"]",
    );
    commit(&fixture, "two");
    let plain = built(&fixture, "main~1");
    let settings = |directory: &Path, text: &str| {
        fs::create_dir_all(directory.join(".cargo")).unwrap();
        fs::write(directory.join(".cargo/config.toml"), text).unwrap();
    };
    settings(
        fixture.root(),
        "[profile.release]\npanic = \"abort\"\nstrip = true\n",
    );
    let (before, after) = (built(&fixture, "main~1"), built(&fixture, "main"));
    assert!(before < plain, "{before} {plain}");
    settings(fixture.path(), "[profile.release]\nopt-level = 0\n");
    fs::write(
        fixture.path().join("rust-toolchain.toml"),
        "[toolchain]\nchannel = \"no-such\"\n",
    )
    .unwrap();
    let arguments = ["diff", "--rev", "main~1..main", "--message-format", "json"];
    let report = slim()
        .in_directory(fixture.root().join("app"))
        .run(arguments);
    let report = report.report();
    assert_exact(&report);
    assert_eq!(report.json["as_built"]["before"]["file"], before);
    assert_eq!(report.json["as_built"]["after"]["file"], after);
    let helper = report.rows_where("name", "helper");
    assert_eq!(helper.len(), 1, "{:#?}", report.rows());
}

/// Two names of one commit: it is built for the analysis and as the profile says, each once.
#[test]
fn one_commit_is_built_once() {
    let fixture = repository();
    let run = slim()
        .in_directory(fixture.path())
        .run(["diff", "--rev", "HEAD..main"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stderr.matches("Finished").count(), 2, "{}", run.stderr);
    for words in ["growing at HEAD", "growing at main", "nothing changed"] {
        assert!(run.stdout.contains(words), "{}", run.stdout);
    }
}

/// A committed configuration file may include one that git ignores.
#[test]
fn an_included_file_that_git_does_not_have_is_named() {
    let fixture = repository();
    let cargo = fixture.root().join(".cargo");
    fs::create_dir_all(&cargo).unwrap();
    let include = "[[include]]\npath = \"local.toml\"\noptional = true\n";
    fs::write(cargo.join("config.toml"), include).unwrap();
    let local = cargo.join("local.toml");
    fs::write(&local, "[profile.release]\nopt-level = \"z\"\n").unwrap();
    let ignored = "target\n.cargo/local.toml\n";
    fs::write(fixture.root().join(".gitignore"), ignored).unwrap();
    git(&fixture, &["add", ".cargo", ".gitignore"]);
    git(&fixture, &["commit", "--quiet", "-m", "three"]);
    let warned = |more: &[&str]| {
        let arguments = ["diff", "--rev", "HEAD..main", "--message-format", "json"];
        let run = slim()
            .in_directory(fixture.path())
            .run(arguments.iter().chain(more));
        let report = run.report();
        let warnings = report.json["warnings"].as_array().unwrap();
        let text = |it: &Value| it["message"].as_str().unwrap().to_owned();
        let mut texts = warnings.iter().map(text);
        texts.any(|text| text.contains("local.toml` is not in git"))
    };
    // The witness: cargo's own build heeds the file.
    git(&fixture, &["checkout", "--quiet", "--", "."]);
    let verbose = cargo_in(fixture.path(), &["build", "--release", "--verbose"]);
    assert!(verbose.contains("opt-level=z"), "{verbose}");
    assert!(warned(&[]));
    assert!(!warned(&["--config", local.to_str().unwrap()]));
}

/// What cargo says of a build.
fn cargo_in(directory: &Path, arguments: &[&str]) -> String {
    let mut cargo = integration_tests::command::cargo();
    let ran = output(cargo.args(arguments).current_dir(directory));
    String::from_utf8_lossy(&ran.stderr).into_owned()
}

/// A member of an outer workspace cannot be built beside it, and what that costs is said.
#[test]
fn an_outer_workspace_is_named_where_it_does_not_hold() {
    let fixture = alone();
    edit(&fixture, "Cargo.toml", "\n[workspace]", "");
    commit(&fixture, "two");
    let outer = fixture.root().join("Cargo.toml");
    fs::write(&outer, "[workspace]\nmembers = [\"app\"]\n").unwrap();
    let run = slim()
        .in_directory(fixture.path())
        .run(["diff", "--rev", "main..main"]);
    // There the neighbour `helper` is missing.
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    let outer = outer.canonicalize().unwrap();
    let without = format!("without `{}`", outer.display());
    assert!(run.stderr.contains(&without), "{}", run.stderr);
    assert!(!worktree_of(&fixture).exists());
}

/// A binary that only one of the commits has.
#[test]
fn the_revision_that_lacks_the_binary_is_named() {
    let fixture = alone();
    fs::create_dir_all(fixture.path().join("src/bin")).unwrap();
    fs::write(fixture.path().join("src/bin/gee.rs"), "fn main() {}\n").unwrap();
    commit(&fixture, "two");
    for (range, lacking) in [("main~1..main", "main~1"), ("main..main~1", "main~1")] {
        let run = slim()
            .in_directory(fixture.path())
            .run(["diff", "--rev", range, "--bin", "gee"]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        let error = format!("error: cannot build and analyse {lacking} (");
        assert!(run.stderr.contains(&error), "{}", run.stderr);
        assert!(run.stderr.contains("no bin target `gee`"), "{}", run.stderr);
    }
}

/// A toolchain in a directory: the compiler in use, under another release.
fn other_toolchain(directory: &Path) {
    let sysroot = succeed(integration_tests::command::rustc().args(["--print", "sysroot"]));
    let sysroot = Path::new(sysroot.trim());
    let bin = directory.join("bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(sysroot.join("bin/cargo"), bin.join("cargo")).unwrap();
    std::os::unix::fs::symlink(sysroot.join("lib"), directory.join("lib")).unwrap();
    let rustc = bin.join("rustc");
    let real = sysroot.join("bin/rustc");
    let real = real.display();
    let script = format!(
        "#!/bin/sh\nfor word in \"$@\"; do\n\
         if [ \"$word\" = -vV ]; then '{real}' \"$@\" | sed 's/^release: .*/&-other/'; exit; fi\n\
         done\nexec '{real}' \"$@\"\n"
    );
    fs::write(&rustc, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&rustc, mode).unwrap();
}

/// cargo and rustup hand their own choice down to what they start; a revision is built with the
/// toolchain that its own checkout asks for, unless the user chose one.
#[test]
fn each_revision_has_the_toolchain_that_it_asks_for() {
    let active = succeed(command("rustup").args(["show", "active-toolchain"]));
    let active = active.split_whitespace().next().unwrap();
    let fixture = alone();
    let other = fixture.root().join("toolchain");
    other_toolchain(&other);
    let file = format!("[toolchain]\npath = \"{}\"\n", other.display());
    fs::write(fixture.path().join("rust-toolchain.toml"), file).unwrap();
    commit(&fixture, "two");

    let diff = |source: Option<&str>, chosen: &str| -> Value {
        let mut command = command(env!("CARGO_BIN_EXE_slim-under-test"));
        command
            .args(["slim", "diff", "--rev", "main~1..main"])
            .args(["--message-format", "json"])
            .current_dir(fixture.path())
            .env("RUSTUP_TOOLCHAIN", chosen)
            .env_remove("RUSTUP_TOOLCHAIN_SOURCE");
        if let Some(source) = source {
            command.env("RUSTUP_TOOLCHAIN_SOURCE", source);
        }
        // As cargo does for its subcommands.
        let sysroot = succeed(integration_tests::command::rustc().args(["--print", "sysroot"]));
        command.env("CARGO", Path::new(sysroot.trim()).join("bin/cargo"));
        serde_json::from_str(&succeed(&mut command)).unwrap()
    };
    let report = diff(Some("default"), active);
    let release = |side: &str| report[side]["toolchain"].as_str().unwrap().to_owned();
    assert!(
        !release("before").contains("-other"),
        "{}",
        release("before")
    );
    assert!(release("after").contains("-other"), "{}", release("after"));
    assert_eq!(report["causes"][0]["kind"], "toolchain");
    assert!(codes(&report).is_empty());

    // `cargo +TOOLCHAIN`, and what an older rustup leaves of it: the file is not asked.
    for source in [Some("cli"), None] {
        let report = diff(source, active);
        let after = report["after"]["toolchain"].as_str().unwrap();
        assert!(!after.contains("-other"), "{after}");
        assert_eq!(codes(&report), ["toolchain-chosen"]);
        assert!(report["causes"].as_array().unwrap().is_empty());
    }
}
