//! Which package and target a plan is about, and processors that only the building machine has.

use serde_json::Value;

use crate::project::{MAIN, MANIFEST, Project};

/// A program, and a library for other programs that cargo builds without LTO.
fn two_packages(main: &str) -> Project {
    let package = |name: &str| MANIFEST.replace("\"app\"", &format!("{name:?}"));
    let library = format!(
        "{}[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n",
        package("plugin")
    );
    Project::new(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"program\", \"plugin\"]\nresolver = \"2\"\n\
             [profile.release]\nlto = true\n",
        ),
        ("program/Cargo.toml", &package("program")),
        ("program/src/main.rs", main),
        ("plugin/Cargo.toml", &library),
        ("plugin/src/lib.rs", "pub fn f() {}\n"),
    ])
}

fn warnings(json: &Value, code: &str) -> Vec<String> {
    let all = json["warnings"].as_array().unwrap().iter();
    let own = all.filter(|warning| warning["code"] == code);
    own.map(|warning| warning.to_string()).collect()
}

#[test]
fn settings_are_those_of_the_package_that_is_named() {
    let project = two_packages(MAIN);
    for (flags, krate) in [
        (&["-p", "plugin"][..], "plugin"),
        (&["-p", "program"], "program"),
        (&["-p", "program", "--bin", "program"], "program"),
        (&["--lib", "-p", "plugin"], "plugin"),
    ] {
        let run = project.json(&[&["show"], flags].concat());
        let row = &run.rows("lto")[0];
        // The witness: whether rustc gets LTO when cargo builds the same.
        let call = project.call(krate, &[&["--release"], flags].concat());
        let is_void = call.codegen("lto").is_none();
        assert_eq!(!row["void"].is_null(), is_void, "{flags:?}: {row}");
        assert_eq!(is_void, krate == "plugin");
        let plan = project.json(&[&["--target", "size", "--dry-run"], flags].concat());
        let skipped = plan.json()["skipped"].to_string();
        assert_eq!(
            skipped.contains("cargo skips LTO") || skipped.contains("no effect"),
            is_void,
            "{skipped}"
        );
    }
}

#[test]
fn a_profile_reaches_all_packages_whichever_is_named() {
    let catches = "fn main() { let _ = std::panic::catch_unwind(|| {}); }\n";
    let run = two_packages(catches).json(&["--target", "size", "--dry-run", "-p", "plugin"]);
    assert!(run.rows("panic").is_empty(), "{}", run.stdout);
    assert!(run.json()["skipped"].to_string().contains("catch_unwind"));
}

#[test]
fn what_does_not_exist_is_wrong_usage() {
    let project = two_packages(MAIN);
    for command in [
        &["show"][..],
        &["--target", "size", "--dry-run"],
        &["check", "--target", "size"],
    ] {
        for flags in [
            ["-p", "nothing"],
            ["--bin", "nothing"],
            ["--bench", "nothing"],
        ] {
            let run = project.tune(&[command, &flags].concat());
            assert_eq!(run.code, Some(2), "{command:?} {flags:?}: {}", run.stderr);
            assert!(run.stderr.contains("help: "), "{}", run.stderr);
        }
    }
}

#[test]
fn a_bench_is_built_with_its_own_profile() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        ("src/main.rs", MAIN),
        ("benches/speed.rs", MAIN),
    ]);
    let run = project.json(&["show", "--bench", "speed"]);
    assert_eq!(run.json()["profile"], "bench");
}

#[test]
fn a_program_for_this_processor_only_never_goes_unsaid() {
    let flag = "[build]\nrustflags = [\"-C\", \"target-cpu=native\"]\n";
    let in_file = || Project::new(&[("Cargo.toml", MANIFEST), (".cargo/config.toml", flag)]);
    let in_variable =
        || Project::new(&[("Cargo.toml", MANIFEST)]).env("RUSTFLAGS", "-Ctarget-cpu=native");
    for (project, place) in [(in_file(), "config.toml:2"), (in_variable(), "RUSTFLAGS")] {
        // The witness: rustc gets it.
        let call = project.call("app", &["--release"]);
        assert_eq!(call.codegen("target-cpu").as_deref(), Some("native"));
        for arguments in [&["show"][..], &["--target", "speed", "--dry-run"]] {
            let said = warnings(&project.json(arguments).json(), "native-cpu");
            assert!(said.len() == 1 && said[0].contains(place), "{said:?}");
        }
    }
    let planned = [
        "--target",
        "speed",
        "--dry-run",
        "--allow",
        "target-cpu=native",
    ];
    let plan = Project::new(&[("Cargo.toml", MANIFEST)]).json(&planned);
    assert_eq!(warnings(&plan.json(), "native-cpu").len(), 1);
    let later = "[build]\nrustflags = [\"-Ctarget-cpu=native\", \"-Ctarget-cpu=x86-64-v2\"]\n";
    let project = Project::new(&[("Cargo.toml", MANIFEST), (".cargo/config.toml", later)]);
    assert!(warnings(&project.json(&["show"]).json(), "native-cpu").is_empty());
}

#[test]
fn every_warning_says_what_to_do() {
    let manifest = format!("{MANIFEST}[profile.release]\nno-such-key = 1\nopt-level = 1\n");
    let config = "[env]\nRUSTFLAGS = \"-Copt-level=2\"\n";
    let project = Project::new(&[("Cargo.toml", &manifest), (".cargo/config.toml", config)])
        .env("RUSTFLAGS", "-Copt-level=3");
    for arguments in [&["show"][..], &["--target", "size", "--dry-run"]] {
        let json = project.json(arguments).json();
        let void = warnings(&json, "void-setting");
        assert!(void.len() >= 3, "{void:?}");
        for warning in json["warnings"].as_array().unwrap() {
            assert!(warning["help"].is_string(), "{warning}");
        }
    }
}

#[test]
fn no_plan_on_stable_has_what_only_nightly_takes() {
    for goal in ["size", "speed", "balanced", "compile-time"] {
        let arguments = ["--target", goal, "--nightly", "--dry-run"];
        let json = Project::new(&[("Cargo.toml", MANIFEST)])
            .json(&arguments)
            .json();
        let rows = json["rows"].to_string();
        for word in ["-Z", "immediate-abort", "trim-paths", "cargo-features"] {
            assert!(!rows.contains(word), "{goal}: {rows}");
        }
    }
    let project = Project::new(&[("Cargo.toml", MANIFEST)]);
    for knob in [
        "location-detail",
        "fmt-debug",
        "immediate-abort",
        "trim-paths",
        "share-generics",
        "build-std",
    ] {
        let run = project.tune(&["explain", knob]);
        assert!(
            run.code == Some(0) && run.stdout.contains("nightly only"),
            "{knob}: {}",
            run.stdout
        );
    }
}
