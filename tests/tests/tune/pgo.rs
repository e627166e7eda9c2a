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
        Some(\"varies\") => println!(\"{:?}\", std::time::SystemTime::now()),
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
    // None of the functions that LLVM lists is gone from the program that counts, by its own list.
    let proof = check(0);
    let none = format!("0 of the profile's {functions} functions (0.0%) no longer match");
    assert!(proof.starts_with(&none), "{proof}");

    // Other code in what hardly ran: used, and LLVM's own list says how many.
    project.write(
        "dep/src/lib.rs",
        &LIB.replace("(0..n).map", "if n == 99 { println!(\"{n}\") }; (0..n).map"),
    );
    let aged = project.json(&["pgo", "--use"]).json();
    let profile = (&aged["profile"], &aged["age"]);
    assert!(profile.0["stale"].as_u64().unwrap() >= 1, "{profile:?}");
    let part = |part: &str| profile.1[part]["functions"].as_u64().expect(part);
    assert_eq!(
        Some(part("changed") + part("gone")),
        profile.0["stale"].as_u64()
    );
    assert_eq!(profile.1["counts"].as_u64(), Some(sum_of(&kept, |_| true)));
    assert!(
        profile.1["stale_counts"].as_f64().unwrap() < 0.1,
        "{profile:?}"
    );

    // Other code in what ran nearly always: one function, and nothing of the profile is left.
    let other = "if i == 99 { println!(\"{i}\") }; if i % 3 == 0";
    project.write(
        "dep/src/lib.rs",
        &LIB.replace("if i % 3 == 0", &format!("{{ {other}"))
            .replace("(i | 1) }", "(i | 1) } }"),
    );
    let hot = sum_of(&kept, |name| name.contains("3dep3hot")) as f64;
    assert!(hot / sum_of(&kept, |_| true) as f64 > 0.5);
    let refused = project.tune(&["pgo", "--use"]);
    assert_eq!(refused.code, Some(101), "{}", refused.stdout);
    for words in ["profile of other code", "of its counts"] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    check(100);
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

/// The sum of the counters of the functions whose names `is_of` takes, by LLVM's own words.
fn sum_of(profile: &Path, is_of: impl Fn(&str) -> bool) -> u64 {
    let mut show = command(tool());
    show.args(["show", "--all-functions", "--counts"]);
    let shown = succeed(show.arg(profile));
    let (mut sum, mut taken) = (0, false);
    for line in shown.lines() {
        if let Some(name) = line
            .strip_prefix("  ")
            .filter(|name| !name.starts_with(' '))
        {
            taken = is_of(name);
        }
        let counts = line.trim().strip_prefix("Block counts: [");
        if let Some(counts) = counts.filter(|_| taken) {
            let numbers = counts.trim_end_matches(']').split(", ");
            let numbers = numbers.filter(|number| !number.is_empty());
            sum += numbers
                .map(|number| number.parse::<u64>().unwrap())
                .sum::<u64>();
        }
    }
    sum
}

#[test]
fn a_profile_is_read_as_llvm_reads_it() {
    let project = program();
    let json = trained_plainly(&project).json();
    let kept = project.path("pgo/app.profdata");
    // The counts by crate are read from the file; the witness is LLVM's text.
    let crates = json["crates"].as_array().unwrap();
    let share = |name: &str| {
        let row = crates.iter().find(|row| row["name"] == name);
        row.expect(name)["counts"].as_f64().unwrap()
    };
    let of_dep = sum_of(&kept, |name| {
        name.contains("3dep3hot") || name.contains("3dep4cold")
    });
    let expected = of_dep as f64 / sum_of(&kept, |_| true) as f64;
    assert!(
        (share("dep") - expected).abs() < 1e-9,
        "{expected}: {crates:?}"
    );

    // The version before, which the same LLVM writes, has the same functions; `--use` needs no tool.
    let before = project.path("before.profdata");
    let mut merge = command(tool());
    merge.args(["merge", "--write-prev-version", "-o"]);
    succeed(merge.arg(&before).arg(&kept));
    let (new, old) = (fs::read(&kept).unwrap(), fs::read(&before).unwrap());
    assert!(old[8] < new[8], "{} and {}", old[8], new[8]);
    exchange(&project, &old);
    let used = project.json(&["pgo", "--use"]).json();
    assert_eq!(
        used["age"]["counts"].as_u64(),
        Some(sum_of(&kept, |_| true))
    );
    assert_eq!(used["profile"]["stale"], 0);

    // What is damaged, and a version that nobody knows, are errors with the way on.
    let mut damaged = new.clone();
    let middle = damaged.len() * 2 / 3;
    damaged.truncate(middle);
    exchange(&project, &damaged);
    let run = project.tune(&["pgo", "--use"]);
    assert_eq!(run.code, Some(101), "{}", run.stdout);
    assert!(run.stderr.contains("damaged profile"), "{}", run.stderr);
    let mut unknown = new;
    unknown[8] = 99;
    exchange(&project, &unknown);
    let run = project.tune(&["pgo", "--use"]);
    assert_eq!(run.code, Some(101), "{}", run.stdout);
    assert!(run.stderr.contains("of version 99"), "{}", run.stderr);
    assert!(run.stderr.contains("llvm-tools"), "{}", run.stderr);

    // One of the two files alone.
    fs::remove_file(project.path("pgo/app.json")).unwrap();
    let run = project.tune(&["pgo", "--use"]);
    assert_eq!(run.code, Some(101));
    for words in ["app.json` is missing", "restore both files"] {
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

/// Trains without BOLT.
fn trained_plainly(project: &Project) -> Run {
    let tool = tool();
    let flags = ["--llvm-profdata", tool.as_str(), "--keep"];
    project.json(&[&["pgo", "--workload", "app 2000"], &flags[..]].concat())
}

/// Puts other bytes in the place of the kept profile, with the note's hash of them: FNV-1a.
fn exchange(project: &Project, bytes: &[u8]) {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut note: serde_json::Value = serde_json::from_str(&project.read("pgo/app.json")).unwrap();
    note["hash"] = format!("{hash:016x}").into();
    project.write("pgo/app.json", &note.to_string());
    fs::write(project.path("pgo/app.profdata"), bytes).unwrap();
}

#[test]
fn what_cargo_shows_of_its_commands_is_not_taken_for_rustcs_words() {
    let project = program();
    // A build script's variables, which cargo shows, hold the flags that name the profile, and its
    // package's description, which may be anything.
    let described = "description = \"\"\"\nno profile data available for function x\n\
                     (hash mismatch) main\nerror: none\"\"\"\n";
    project.write("dep/Cargo.toml", &format!("{DEP}{described}"));
    project.write("dep/build.rs", "fn main() {}\n");
    let tool = tool();
    let flags = ["--llvm-profdata", tool.as_str(), "--keep", "-vv"];
    let run = project.json(&[&["pgo", "--workload", "app 2000"], &flags[..]].concat());
    assert!(
        run.stderr.contains("-Cprofile-use=") && run.stderr.contains("error: none"),
        "{}",
        run.stderr
    );
    let json = run.json();
    assert_eq!(json["profile"]["stale"], 0);
    let without = trained_plainly(&project).json();
    assert_eq!(json["profile"], without["profile"]);
    // So does the configuration, without a flag.
    project.write(".cargo/config.toml", "[term]\nverbose = true\n");
    let used = project.json(&["pgo", "--use"]).json();
    assert_eq!(used["profile"]["stale"], 0);
    // An error is told from the same words.
    project.write("src/main.rs", "fn main() { undeclared() }\n");
    let run = project.tune(&["pgo", "--use", "-vv"]);
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    let words = "the build failed: error[E0425]";
    assert!(run.stderr.contains(words), "{}", run.stderr);
}

#[test]
fn a_profile_of_another_program_is_refused() {
    let project = program();
    trained_plainly(&project);
    let kept = project.path("pgo/app.profdata");
    let show = succeed(command(tool()).args(["show", "--all-functions"]).arg(&kept));
    let functions = shown(&show, "Total functions:");
    // The same package with another program: nearly all functions are gone, and rustc names none
    // of them.
    project.write("src/main.rs", "fn main() { println!(\"x\"); }\n");
    let refused = project.tune(&["pgo", "--use"]);
    assert_eq!(refused.code, Some(101), "{}", refused.stdout);
    let words = ["profile of other code", "gone", "train again"];
    for words in words {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    let arguments = ["check", "--target", "balanced", "--no-config", "--build"];
    let run = project.tune(&[&arguments[..], &["--message-format", "json"]].concat());
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    let rows = run.rows("pgo");
    let proof = rows[0]["proof"].as_str().unwrap();
    assert_eq!(rows[0]["status"], "drifted", "{proof}");
    // The witness: of the profile's names, those that the instrumented program holds, as text.
    let list = project.path("target/codecost/tune/pgo/release/instrumented/app");
    let raw = project.path("one.profraw");
    succeed(command(&list).env("LLVM_PROFILE_FILE", &raw));
    let own = succeed(command(tool()).args(["show", "--all-functions"]).arg(&raw));
    let names = |text: &str| -> Vec<String> {
        let names = text.lines().filter_map(|line| line.strip_prefix("  "));
        let names = names.filter(|name| !name.starts_with(' '));
        names
            .map(|name| name.trim_end_matches(':').to_owned())
            .collect()
    };
    let own = names(&own);
    let of_profile = names(&show);
    assert_eq!(of_profile.len() as u64, functions);
    let gone = of_profile.iter().filter(|name| !own.contains(name)).count();
    let digits: String = proof.chars().take_while(char::is_ascii_digit).collect();
    let stale: usize = digits.parse().unwrap();
    // Those that changed come on top.
    assert!(
        stale >= gone && stale as u64 <= functions,
        "{gone}: {proof}"
    );
    assert!(proof.contains(&format!("{gone} gone")), "{gone}: {proof}");

    // A note of another program.
    let note = project.read("pgo/app.json");
    project.write(
        "pgo/app.json",
        &note.replace("\"name\": \"app\"", "\"name\": \"q\""),
    );
    let refused = project.tune(&["pgo", "--use"]);
    assert_eq!(refused.code, Some(101), "{}", refused.stdout);
    let words = "describes a profile of `q` of the package `app`";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
}

#[test]
fn a_workload_whose_output_varies_is_named() {
    let project = program();
    let codes = |run: &Run| -> Vec<String> {
        let json = run.json();
        let warnings = json["warnings"].as_array().unwrap();
        let codes = warnings
            .iter()
            .filter_map(|warning| warning["code"].as_str());
        codes.map(str::to_owned).collect()
    };
    let tool = tool();
    let of =
        |workload: &str| project.json(&["pgo", "--workload", workload, "--llvm-profdata", &tool]);
    let varies = "output-varies".to_owned();
    assert!(codes(&of("app 5 varies")).contains(&varies));
    assert!(!codes(&of("app 5 cold")).contains(&varies));
    let run = project.json(&[
        "search",
        "--target",
        "size",
        "--budget",
        "3",
        "--workload",
        "app 5 varies",
    ]);
    assert!(codes(&run).contains(&varies));
}

#[test]
fn each_run_of_a_workload_reads_all_of_standard_input() {
    let project = program();
    let path = project.path("input");
    fs::write(&path, vec![b'x'; 200_000]).unwrap();
    let input = fs::File::open(path).unwrap();
    // It fails where it reads less.
    let workload = "app 5 cold && test $(wc -c) = 200000";
    let arguments = ["pgo", "--workload", workload, "--llvm-profdata", &tool()];
    let run = project.tune_reading(&arguments, input.into());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
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
    // It is known before anything is built.
    let other = program();
    let run = other.tune(&[
        "pgo",
        "--workload",
        "app 5",
        "--llvm-profdata",
        "/no/such/tool",
    ]);
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    let built = other.path("target/codecost/tune/pgo/release/generate");
    assert!(!built.exists(), "{}", run.stderr);
    fs::write(project.path("../file"), "").unwrap();
    of("app 5", &["-o", "../file/pgo"], 101, &["../file/pgo"]);
}

fn make_executable(path: &Path) {
    let mut permissions = fs::metadata(path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(path, permissions).unwrap();
}
