//! The CI page, followed to the letter: its budgets are read, and the steps of its workflow run in a
//! repository with the history that a checkout has.

use crate::project::{edit, growing, verdict};
use integration_tests::command::{command, output, succeed};
use integration_tests::fixture::Fixture;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ci.md");
    fs::read_to_string(path).unwrap()
}

/// The script of a step of the page's first workflow.
fn step(name: &str) -> String {
    let page = page();
    let (_, step) = page.split_once(&format!("- name: {name}\n")).unwrap();
    let (_, run) = step.split_once("        run: ").unwrap();
    let Some(lines) = run.strip_prefix("|\n") else {
        return run.lines().next().unwrap().to_owned();
    };
    let script = lines
        .lines()
        .map_while(|line| line.strip_prefix("          "));
    script.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_pages_budgets_are_read() {
    let page = page();
    let (_, budgets) = page.split_once("```toml\n").unwrap();
    let (budgets, _) = budgets.split_once("```").unwrap();
    let (code, json) = verdict(&growing(), budgets, &[]);
    // The fixture has none of these artifacts, and each says so.
    assert_eq!(code, 100);
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    assert!(
        rows.iter().all(|row| row["status"] == "missing"),
        "{json:#}"
    );
}

/// A runner with the repository as `actions/checkout` leaves it.
struct Runner<'a> {
    fixture: &'a Fixture,
}

impl Runner<'_> {
    fn git(&self, arguments: &[&str]) {
        let names = ["user.name=test", "user.email=test@example"];
        let names = names.iter().flat_map(|name| ["-c", name]);
        let mut git = command("git");
        git.args(names).args(arguments);
        succeed(git.current_dir(self.fixture.path()));
    }

    /// Runs a step as GitHub does, for these binaries.
    fn run(&self, name: &str, binaries: &str) -> Output {
        let root = self.fixture.root();
        let programs = root.join("programs");
        if !programs.exists() {
            fs::create_dir(&programs).unwrap();
            let slim = env!("CARGO_BIN_EXE_slim-under-test");
            symlink(slim, programs.join("cargo-slim")).unwrap();
        }
        let mut paths = vec![programs];
        paths.extend(env::split_paths(&env::var_os("PATH").unwrap()));
        let mut bash = command("bash");
        bash.args(["-eo", "pipefail", "-c", &step(name)])
            .env("PATH", env::join_paths(paths).unwrap())
            .env("BINS", binaries)
            .env("NUMBER", "7")
            .env("RUNNER_TEMP", root.join("temp"))
            .env("GITHUB_WORKSPACE", self.fixture.path())
            .env("GITHUB_STEP_SUMMARY", root.join("summary.md"));
        output(bash.current_dir(self.fixture.path()))
    }

    /// Takes the snapshots and holds the budgets. Returns the exit code and the annotations.
    fn check(&self, binaries: &str) -> (Option<i32>, String) {
        let temp = self.fixture.root().join("temp");
        if temp.exists() {
            fs::remove_dir_all(&temp).unwrap();
        }
        fs::create_dir(&temp).unwrap();
        let run = self.run("Take the snapshots of the commit before", binaries);
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(0), "{stderr}");
        let run = self.run("Hold the budgets", binaries);
        let text = String::from_utf8(run.stdout).unwrap();
        (run.status.code(), text)
    }
}

#[test]
fn the_pages_workflow_holds_on_main_and_for_what_is_new() {
    let fixture = growing();
    let runner = Runner { fixture: &fixture };
    let growth = |name: &str| {
        format!("[[budget]]\nbin = \"{name}\"\nmeasure = \"file\"\ngrowth = \"1 B\"\n")
    };
    // What lies beside the repository is not in its worktrees.
    let helper = "helper = { path = \"../helper\", optional = true }";
    edit(&fixture, "Cargo.toml", helper, "");
    edit(&fixture, "Cargo.toml", "\"dep:helper\"", "");
    fs::remove_file(fixture.path().join("Cargo.lock")).unwrap();
    fixture.cargo(&["generate-lockfile", "--offline"]);
    fs::write(fixture.path().join(".gitignore"), "target\ncomment\n").unwrap();
    fs::write(fixture.path().join("slim.toml"), growth("growing")).unwrap();
    runner.git(&["init", "-q", "-b", "main"]);
    runner.git(&["add", "-A"]);
    runner.git(&["commit", "-qm", "one"]);
    runner.git(&["commit", "-qm", "two", "--allow-empty"]);
    let (code, text) = runner.check("growing");
    assert_eq!(code, Some(0), "a push to main, growth alone: {text}");

    // A pull request that adds a binary, checked out as its merge.
    runner.git(&["checkout", "-qb", "topic"]);
    let binaries = fixture.path().join("src/bin");
    fs::create_dir_all(&binaries).unwrap();
    fs::write(binaries.join("other.rs"), "fn main() {}\n").unwrap();
    edit(
        &fixture,
        "Cargo.toml",
        "edition",
        "default-run = \"growing\"\nedition",
    );
    let budgets = growth("growing") + &growth("other");
    fs::write(fixture.path().join("slim.toml"), budgets).unwrap();
    runner.git(&["add", "-A"]);
    runner.git(&["commit", "-qm", "another binary"]);
    runner.git(&["checkout", "-q", "main"]);
    runner.git(&["merge", "-q", "--no-ff", "-m", "merge", "topic"]);
    let (code, text) = runner.check("growing other");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("`other` is new"), "{text}");

    // Growth fails, and its comment is written all the same.
    edit(
        &fixture,
        "src/main.rs",
        "fn main() {\n",
        "fn main() {\n    println!(\"{:?}\", std::env::args().collect::<Vec<_>>());\n",
    );
    runner.git(&["commit", "-qam", "more"]);
    let (code, text) = runner.check("growing other");
    assert_eq!(code, Some(100), "{text}");
    assert!(text.contains("::error file=slim.toml,line=1,"), "{text}");
    let run = runner.run("Write the comment", "growing other");
    assert_eq!(run.status.code(), Some(0));
    let comment = fixture.path().join("comment");
    assert_eq!(fs::read_to_string(comment.join("number")).unwrap(), "7\n");
    let text = fs::read_to_string(comment.join("size.md")).unwrap();
    assert!(text.starts_with("### ❌ Size: 1 budget exceeded"), "{text}");
}
