//! `pgo` with LLVM's own tools as witnesses. No verdict hangs on a time: what must be kept is kept
//! with `--keep`.

use std::fs;
use std::path::Path;

use crate::project::{Project, Run};
use integration_tests::command::{command, succeed};
use integration_tests::llvm;

const MANIFEST: &str = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
    [dependencies]\ndep = { path = \"dep\" }\n";
const DEP: &str = "[package]\nname = \"dep\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
const LIB: &str = "\
#[inline(never)]
pub fn hot(n: u64) -> u64 {
    (0..n).fold(7, |sum, i| if i % 3 == 0 { sum ^ i } else { sum.wrapping_mul(i | 1) })
}
#[inline(never)]
pub fn cold(n: u64) -> u64 {
    (0..n).map(|i| i.wrapping_mul(n)).sum()
}
";
const MAIN: &str = "\
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let n = words.first().and_then(|word| word.parse().ok()).unwrap_or(10);
    match words.get(1).map(String::as_str) {
        Some(\"cold\") => println!(\"{}\", dep::cold(n)),
        Some(\"abort\") => std::process::abort(),
        _ => println!(\"{}\", dep::hot(n)),
    }
}
";

fn program() -> Project {
    Project::new(&[
        ("Cargo.toml", MANIFEST),
        ("src/main.rs", MAIN),
        ("dep/Cargo.toml", DEP),
        ("dep/src/lib.rs", LIB),
    ])
}

fn tool() -> String {
    let tool = llvm::profdata(Path::new(env!("CARGO_TARGET_TMPDIR")));
    tool.display().to_string()
}

/// Trains with the tool of rustc's LLVM and keeps the profile.
fn trained(project: &Project) -> Run {
    project.json(&[
        "pgo",
        "--workload",
        "app 2000",
        "--verify",
        "app 5 cold",
        "--llvm-profdata",
        &tool(),
        "--bolt",
        "--keep",
    ])
}

/// The number behind a label of `llvm-profdata show`.
fn shown(text: &str, label: &str) -> u64 {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(label));
    line.expect(label).trim().parse().expect("a number")
}

#[test]
fn a_profile_is_trained_kept_used_and_ages() {
    let project = program();
    let json = trained(&project).json();
    let rows = json["rows"].as_array().unwrap();
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["plain", "plan", "pgo", "pgo+bolt"]);
    for row in rows {
        assert_ne!(row["status"], "failed", "{row}");
        assert!(row["file_size"].as_u64().unwrap() > 100_000, "{row}");
        assert!(row["build_ns"].as_u64().unwrap() > 0, "{row}");
    }
    assert!(rows[2]["time_ci"].as_array().unwrap().len() == 2);
    assert!(
        !project.path("target/release").exists(),
        "the user's own build"
    );

    // What BOLT made still has names for `cargo slim`, and is not twice as large.
    let size = |row: usize| rows[row]["shipped_size"].as_u64().unwrap();
    assert!(size(3) < size(2) * 3 / 2, "{} and {}", size(3), size(2));
    let laid_out = project.path("target/codecost/tune/pgo/release/bolt/app");
    let mut slim = command(env!("CARGO_BIN_EXE_slim-under-test"));
    slim.args(["slim", "functions", "--message-format", "json", "--file"]);
    assert!(succeed(slim.arg(&laid_out)).contains("dep::hot"));

    // LLVM counts the same functions.
    let kept = project.path("pgo/app.profdata");
    let profile = &json["profile"];
    assert_eq!(profile["path"], kept.display().to_string());
    let show = succeed(command(tool()).arg("show").arg(&kept));
    let functions = shown(&show, "Total functions:");
    assert_eq!(profile["functions"].as_u64(), Some(functions));
    assert_eq!(profile["raw_version"].as_u64(), Some(raw_version(&project)));
    assert_eq!(profile["stale"], 0);
    let all = succeed(command(tool()).args(["show", "--all-functions"]).arg(&kept));
    assert!(all.contains("hot"), "{all}");
    let crates = json["crates"].as_array().unwrap();
    let dep = crates.iter().find(|row| row["name"] == "dep").unwrap();
    assert!(
        dep["covered"].as_u64() < dep["functions"].as_u64(),
        "{dep}: `cold` did not run"
    );
    assert!(dep["counts"].as_f64().unwrap() > 0.5, "{dep}");

    // The kept profile builds the program, and rustc gets it: its own words are the proof.
    let used = project.json(&["pgo", "--use"]).json();
    let built = used["artifact"].as_str().unwrap().to_owned();
    assert_eq!(succeed(command(&built).args(["5", "cold"])), "50\n");
    assert_eq!(used["profile"]["stale"], 0);
    let check = |code: i32| {
        let arguments = ["check", "--target", "balanced", "--no-config", "--build"];
        let run = project.tune(&[&arguments[..], &["--message-format", "json"]].concat());
        assert!(matches!(run.code, Some(0 | 100)), "{}", run.stderr);
        let rows = run.rows("pgo");
        assert_eq!(rows.len(), 1, "{}", run.stdout);
        let expected = if code == 0 { "pass" } else { "drifted" };
        assert_eq!(rows[0]["status"], expected, "{}", rows[0]);
        rows[0]["proof"].as_str().unwrap().to_owned()
    };
    check(0);

    // Other code: counts no longer fit, and every count of it says so.
    let other = "if i == 99 { println!(\"{i}\") }; if i % 3 == 0";
    project.write(
        "dep/src/lib.rs",
        &LIB.replace("if i % 3 == 0", &format!("{{ {other}"))
            .replace("(i | 1) }", "(i | 1) } }"),
    );
    let aged = project.json(&["pgo", "--use"]).json();
    assert!(
        aged["profile"]["stale"].as_u64().unwrap() >= 1,
        "{}",
        aged["profile"]
    );
    // Another version of a crate has other names for all its functions.
    project.write("dep/Cargo.toml", &DEP.replace("0.1.0", "0.2.0"));
    project.write("Cargo.toml", &MANIFEST.replace("0.1.0", "0.2.0"));
    let proof = check(100);
    assert!(proof.contains("no longer match"), "{proof}");
    let refused = project.tune(&["pgo", "--use"]);
    assert_eq!(refused.code, Some(101), "{}", refused.stdout);
    assert!(
        refused.stderr.contains("profile of other code"),
        "{}",
        refused.stderr
    );
}

/// The version in the head of a raw profile that was written.
fn raw_version(project: &Project) -> u64 {
    let directory = project.path("target/codecost/tune/pgo/release/raw");
    let mut files = fs::read_dir(directory).unwrap();
    let bytes = fs::read(files.next().unwrap().unwrap().path()).unwrap();
    u64::from(bytes[8])
}

#[test]
fn what_goes_wrong_says_the_way_on_and_leaves_nothing() {
    let project = program();
    let before = project.snapshot();
    let tool = tool();
    let says = |arguments: &[&str], code: i32, words: &[&str]| {
        let run = project.tune(&[&["pgo"], arguments].concat());
        assert_eq!(
            run.code,
            Some(code),
            "{arguments:?}: {}{}",
            run.stdout,
            run.stderr
        );
        for word in words {
            assert!(
                run.stderr.contains(word),
                "{arguments:?}: no `{word}`: {}",
                run.stderr
            );
        }
        assert_eq!(project.snapshot(), before, "{arguments:?}");
    };
    says(&["--use"], 101, &["no profile is kept", "--workload"]);
    says(&[], 2, &["--workload"]);
    says(&["--workload", "true"], 2, &["does not run `app`"]);
    says(&["--use", "--bolt"], 2, &["--bolt"]);
    let of = |workload: &str, more: &[&str], code: i32, words: &[&str]| {
        let tool = ["--llvm-profdata", tool.as_str()];
        says(
            &[&["--workload", workload], &tool[..], more].concat(),
            code,
            words,
        );
    };
    of(
        "app 5; exit 3",
        &[],
        101,
        &["app 5; exit 3", "exit status: 3", "must exit with 0"],
    );
    of(
        "app 5 abort || true",
        &[],
        101,
        &["wrote no profile", "abort"],
    );
    of(
        "app 5",
        &["--verify", "exit 4 # app"],
        101,
        &["exit status: 4"],
    );
    // Neither tool can merge it; each is named with its own words.
    let wrong = project.path("../wrong");
    fs::write(
        &wrong,
        "#!/bin/sh\necho 'error: raw profile version mismatch' >&2\nexit 1\n",
    )
    .unwrap();
    make_executable(&wrong);
    for tool in [wrong.display().to_string(), "/no/such/tool".to_owned()] {
        let words = ["raw profiles of version", tool.as_str(), "--llvm-profdata"];
        says(
            &["--workload", "app 5", "--llvm-profdata", &tool],
            101,
            &words,
        );
    }
    fs::write(project.path("../file"), "").unwrap();
    of("app 5", &["-o", "../file/pgo"], 101, &["../file/pgo"]);
}

fn make_executable(path: &Path) {
    let mut permissions = fs::metadata(path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(path, permissions).unwrap();
}
