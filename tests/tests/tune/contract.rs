//! Exit codes, refusals and the shape of the output.

use std::fs;

use crate::project::{MANIFEST, Project};

fn plain() -> Project {
    Project::new(&[("Cargo.toml", MANIFEST)])
}

#[test]
fn the_size_plan_is_the_contracts() {
    let run = plain().json(&["--target", "size", "--dry-run"]);
    let json = run.json();
    assert_eq!(json["schema"], "cargo-tune/1");
    assert_eq!(json["view"], "plan");
    let rows: Vec<(String, serde_json::Value)> = json["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["key"].as_str().unwrap().to_owned(), r["after"].clone()))
        .collect();
    let expected = [
        ("opt-level", serde_json::json!("z")),
        ("lto", serde_json::json!(true)),
        ("codegen-units", serde_json::json!(1)),
        ("panic", serde_json::json!("abort")),
        ("strip", serde_json::json!("symbols")),
    ];
    assert_eq!(rows, expected.map(|(k, v)| (k.to_owned(), v)));
    for row in json["rows"].as_array().unwrap() {
        for field in [
            "file", "table", "key", "before", "after", "why", "risk", "effect",
        ] {
            assert!(row.get(field).is_some(), "{field} in {row}");
        }
        for field in ["size", "speed", "compile_time"] {
            assert!(row["effect"].get(field).is_some(), "{field} in {row}");
        }
    }
}

#[test]
fn nothing_is_written_without_yes_and_without_a_terminal() {
    let project = plain();
    let before = project.snapshot();
    for arguments in [
        &["--target", "size"][..],
        &["--target", "size", "--dry-run"],
    ] {
        let run = project.tune(arguments);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stdout.contains("+lto = true"), "{}", run.stdout);
        assert_eq!(project.snapshot(), before);
    }
    assert!(
        !project.path("Cargo.lock").exists(),
        "planning made a lock file"
    );
    assert!(!project.path("target").exists(), "planning built something");
}

#[test]
fn a_triple_as_the_goal_is_an_error_with_the_hint() {
    for arguments in [
        &["--target", "x86_64-unknown-linux-gnu"][..],
        &["check", "--target", "wasm32-wasip1"],
    ] {
        let run = plain().tune(arguments);
        assert_eq!(run.code, Some(2));
        assert!(run.stderr.contains("--triple"), "{}", run.stderr);
    }
}

#[test]
fn wrong_usage_is_2_and_impossible_work_is_101() {
    let project = plain();
    for arguments in [
        &[][..],
        &["--target", "tiny"],
        &["--target", "size", "--allow", "everything"],
        &["show", "--profile", "nope"],
        &["--target", "size", "--profile", "nope"],
        &["explain", "nope"],
        &["search", "--target", "speed"],
        &["search", "--target", "balanced"],
        &["search", "--target", "size", "--shard", "3/2"],
        &["measure", "--target", "size", "--workload", "true"],
    ] {
        let run = project.tune(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    }
    assert_eq!(project.tune(&["undo"]).code, Some(101));
    let broken = Project::new(&[("Cargo.toml", "[package\n")]);
    let run = broken.tune(&["--target", "size", "--yes"]);
    assert_eq!(run.code, Some(101), "{}", run.stderr);
    assert_eq!(broken.read("Cargo.toml"), "[package\n");
    let run = broken.tune(&["undo"]);
    assert_eq!(run.code, Some(101), "{}", run.stderr);
}

#[test]
fn check_tells_drift_from_agreement() {
    let project = plain();
    let run = project.tune(&["check", "--target", "size", "--message-format", "json"]);
    assert_eq!(run.code, Some(100));
    assert!(run.json()["drifted"].to_string().contains("panic"));
    assert_eq!(project.tune(&["--target", "size", "--yes"]).code, Some(0));
    assert_eq!(project.tune(&["check", "--target", "size"]).code, Some(0));
    let run = project.tune(&["check", "--target", "size", "--build"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // A fresh private build proves the same.
    assert_eq!(
        project.tune(&["check", "--target", "size", "--build"]).code,
        Some(0)
    );
    assert!(
        !project.path("target/release").exists(),
        "the user's directory was built into"
    );
    project.write(
        "Cargo.toml",
        &project
            .read("Cargo.toml")
            .replace("lto = true", "lto = \"thin\""),
    );
    let run = project.tune(&["check", "--target", "size", "--message-format", "json"]);
    assert_eq!(run.code, Some(100));
    assert_eq!(run.json()["drifted"], serde_json::json!(["lto"]));
}

#[test]
fn a_variable_that_wins_is_drift_with_its_name() {
    let project = plain();
    assert_eq!(project.tune(&["--target", "size", "--yes"]).code, Some(0));
    let project = project.env("CARGO_PROFILE_RELEASE_LTO", "off");
    let run = project.tune(&["check", "--target", "size", "--message-format", "json"]);
    assert_eq!(run.code, Some(100));
    assert!(
        run.json()["warnings"]
            .to_string()
            .contains("CARGO_PROFILE_RELEASE_LTO")
    );
    let plan = project.json(&["--target", "size", "--dry-run"]);
    assert!(plan.rows("lto").is_empty());
    assert!(
        plan.json()["skipped"]
            .to_string()
            .contains("CARGO_PROFILE_RELEASE_LTO")
    );
}

#[test]
fn the_users_wrapper_still_runs() {
    let project = plain();
    let log = project.path("wrapped.log");
    project.write(
        "wrap.sh",
        &format!("#!/bin/sh\necho \"$@\" >> {}\nexec \"$@\"\n", log.display()),
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(project.path("wrap.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        project.write(
            ".cargo/config.toml",
            "[build]\nrustc-wrapper = \"./wrap.sh\"\n",
        );
        assert_eq!(project.tune(&["--target", "size", "--yes"]).code, Some(0));
        let run = project.tune(&["check", "--target", "size", "--build"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(
            fs::read_to_string(&log)
                .unwrap()
                .contains("--crate-name app")
        );
    }
}

#[test]
fn undo_refuses_what_was_edited_since_and_shows_both() {
    let project = plain();
    assert_eq!(project.tune(&["--target", "size", "--yes"]).code, Some(0));
    let edited = project
        .read("Cargo.toml")
        .replace("edition", "# mine\nedition");
    project.write("Cargo.toml", &edited);
    let run = project.tune(&["undo"]);
    assert_eq!(run.code, Some(101));
    assert!(run.stdout.contains("+# mine"), "{}", run.stdout);
    assert!(run.stdout.contains("-lto = true"), "{}", run.stdout);
    assert_eq!(project.read("Cargo.toml"), edited);
}

#[test]
fn plans_are_undone_one_by_one() {
    let project = plain();
    let first = project.snapshot();
    assert_eq!(
        project.tune(&["--target", "balanced", "--yes"]).code,
        Some(0)
    );
    let second = project.snapshot();
    assert_eq!(
        project
            .tune(&["--target", "size", "--allow", "relr", "--yes"])
            .code,
        Some(0)
    );
    assert_ne!(project.snapshot(), second);
    assert_eq!(project.tune(&["undo"]).code, Some(0));
    assert_eq!(project.snapshot(), second);
    assert_eq!(project.tune(&["undo"]).code, Some(0));
    assert_eq!(project.snapshot(), first);
    assert_eq!(project.tune(&["undo"]).code, Some(101));
}

#[cfg(unix)]
#[test]
fn a_read_only_file_is_refused_and_nothing_is_half_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (".cargo/config.toml", "[build]\n"),
    ]);
    let path = project.path(".cargo/config.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let before = project.snapshot();
    let run = project.tune(&["--target", "size", "--allow", "relr", "--yes"]);
    assert_eq!(run.code, Some(101), "{}", run.stdout);
    assert!(run.stderr.contains("read-only"), "{}", run.stderr);
    assert_eq!(project.snapshot(), before);
    assert_eq!(
        project.tune(&["undo"]).code,
        Some(101),
        "a receipt of nothing"
    );
}

#[cfg(unix)]
#[test]
fn a_symlinked_manifest_stays_a_link_and_its_mode_stays() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let project = plain();
    fs::rename(project.path("Cargo.toml"), project.path("real.toml")).unwrap();
    symlink("real.toml", project.path("Cargo.toml")).unwrap();
    fs::set_permissions(project.path("real.toml"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(project.tune(&["--target", "size", "--yes"]).code, Some(0));
    assert!(
        fs::symlink_metadata(project.path("Cargo.toml"))
            .unwrap()
            .is_symlink()
    );
    assert!(project.read("real.toml").contains("lto = true"));
    let mode = fs::metadata(project.path("real.toml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(project.tune(&["undo"]).code, Some(0));
    assert_eq!(project.read("real.toml"), MANIFEST);
}

#[test]
fn an_explicit_overflow_check_stays() {
    let project = Project::new(&[(
        "Cargo.toml",
        &format!("{MANIFEST}[profile.release]\noverflow-checks = true\n"),
    )]);
    for goal in ["size", "speed", "balanced"] {
        let run = project.json(&["--target", goal, "--dry-run"]);
        assert!(run.rows("overflow-checks").is_empty());
        assert!(
            run.json()["skipped"]
                .to_string()
                .contains("overflow-checks")
        );
    }
}

#[test]
fn relr_minds_the_oldest_glibc() {
    let project = plain();
    let run = project.json(&[
        "--target",
        "size",
        "--allow",
        "relr",
        "--glibc",
        "2.31",
        "--dry-run",
    ]);
    assert!(run.rows("rustflags").is_empty());
    assert!(run.json()["skipped"].to_string().contains("2.31"));
    let run = project.json(&[
        "--target",
        "size",
        "--allow",
        "relr",
        "--glibc",
        "2.36",
        "--dry-run",
    ]);
    assert_eq!(run.rows("rustflags").len(), 1);
    let stated = format!("{MANIFEST}[package.metadata.cargo-tune]\nglibc = \"2.17\"\n");
    let run = Project::new(&[("Cargo.toml", &stated)]).json(&[
        "--target",
        "size",
        "--allow",
        "relr",
        "--dry-run",
    ]);
    assert!(run.json()["skipped"].to_string().contains("2.17"));
}

#[test]
fn without_config_only_the_manifest_is_written() {
    let project = plain();
    let run = project.json(&[
        "--target",
        "size",
        "--allow",
        "relr",
        "--no-config",
        "--yes",
    ]);
    assert!(run.json()["skipped"].to_string().contains("--no-config"));
    assert!(!project.path(".cargo").exists());
}

#[test]
fn every_goal_has_a_plan_and_undoes() {
    for goal in ["size", "speed", "compile-time", "balanced"] {
        let project = plain();
        let before = project.snapshot();
        let run = project.json(&["--target", goal, "--yes", "--comments"]);
        assert!(!run.json()["rows"].as_array().unwrap().is_empty(), "{goal}");
        assert_eq!(
            project.tune(&["check", "--target", goal, "--build"]).code,
            Some(0),
            "{goal}"
        );
        assert_eq!(project.tune(&["undo", "--yes"]).code, Some(0));
        assert_eq!(project.snapshot(), before);
    }
}

#[test]
fn formats_and_manuals_work() {
    let project = plain();
    let run = project.tune(&["show", "--message-format", "csv"]);
    assert!(
        run.stdout.starts_with("key,value,state,origin"),
        "{}",
        run.stdout
    );
    let run = project.tune(&[
        "--target",
        "size",
        "--dry-run",
        "--message-format",
        "markdown",
    ]);
    assert!(run.stdout.contains("| opt-level |"), "{}", run.stdout);
    let run = project.tune(&["explain", "lto"]);
    assert!(run.stdout.contains("thin LTO"), "{}", run.stdout);
    assert_eq!(project.tune(&["completions", "bash"]).code, Some(0));
    assert!(project.tune(&["man"]).stdout.contains(".TH"));
    assert_eq!(project.tune(&["--version"]).code, Some(0));
    let help = project.tune(&["-h"]).stdout;
    assert!(help.lines().count() <= 50, "{}", help.lines().count());
    // Features are for what builds; a plan is the same with and without.
    let help = |arguments: &[&str]| project.tune(arguments).stdout;
    assert!(help(&["measure", "--help"]).contains("--no-default-features"));
    assert!(!help(&["--help"]).contains("--no-default-features"));
}

#[test]
fn the_gate_annotates_for_github_and_other_views_refuse() {
    let project = plain().env("GITHUB_STEP_SUMMARY", "");
    let summary = project.path("summary.md");
    let project = project.env("GITHUB_STEP_SUMMARY", summary.to_str().unwrap());
    let run = project.tune(&["check", "--target", "size", "--message-format", "github"]);
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    assert_eq!(run.stdout.matches("::error ").count(), 5, "{}", run.stdout);
    assert!(
        fs::read_to_string(&summary)
            .unwrap()
            .contains("| drifted |")
    );
    let run = project.tune(&["show", "--message-format", "github"]);
    assert_eq!(run.code, Some(2));
}

#[test]
fn flags_are_not_written_where_a_variable_makes_them_void() {
    for (name, value) in [
        ("RUSTFLAGS", ""),
        ("RUSTFLAGS", "--cfg a"),
        ("CARGO_ENCODED_RUSTFLAGS", ""),
    ] {
        let project = Project::new(&[
            ("Cargo.toml", MANIFEST),
            (
                ".cargo/config.toml",
                "[build]\nrustflags = [\"--cfg\", \"b\"]\n",
            ),
        ])
        .env(name, value);
        let run = project.json(&["--target", "size", "--allow", "relr", "--yes"]);
        assert!(run.rows("rustflags").is_empty());
        let json = run.json();
        assert!(json["skipped"].to_string().contains(name), "{json}");
        assert!(json["warnings"].to_string().contains(name), "{json}");
        assert!(!project.read(".cargo/config.toml").contains("pack-relative"));
    }
}

#[test]
fn a_processor_that_is_set_in_two_tokens_is_seen() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config.toml",
            "[build]\nrustflags = [\"-C\", \"target-cpu=x86-64-v2\"]\n",
        ),
    ]);
    let run = project.json(&[
        "--target",
        "speed",
        "--allow",
        "target-cpu=x86-64-v3",
        "--dry-run",
    ]);
    assert!(run.rows("rustflags").is_empty());
    assert!(
        run.json()["skipped"]
            .to_string()
            .contains("target-cpu=x86-64-v2"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_config_that_sets_the_profile_is_edited_or_with_no_config_named() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config.toml",
            "[profile.release]\nlto = \"off\" # mine\n",
        ),
    ]);
    let run = project.json(&["--target", "size", "--no-config", "--dry-run"]);
    assert!(run.rows("lto").is_empty());
    assert!(run.json()["warnings"].to_string().contains("config.toml"));
    let run = project.json(&["--target", "size", "--yes"]);
    assert!(
        run.rows("lto")[0]["file"]
            .as_str()
            .unwrap()
            .ends_with("config.toml")
    );
    assert_eq!(
        project.read(".cargo/config.toml"),
        "[profile.release]\nlto = true # mine\n"
    );
    assert_eq!(
        project.tune(&["check", "--target", "size", "--build"]).code,
        Some(0)
    );
}

#[test]
fn a_legacy_config_is_named_and_edited() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (".cargo/config", "[build]\nrustflags = [\"--cfg\", \"a\"]\n"),
    ]);
    let run = project.json(&["--target", "size", "--allow", "relr", "--yes"]);
    assert!(run.json()["warnings"].to_string().contains("legacy-config"));
    assert!(
        project
            .read(".cargo/config")
            .contains("pack-relative-relocs")
    );
    assert!(!project.path(".cargo/config.toml").exists());
}

#[test]
fn an_lto_that_cargo_skips_is_void() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            &format!(
                "{MANIFEST}[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n[profile.release]\nlto = true\n"
            ),
        ),
        ("src/lib.rs", "pub fn f() {}\n"),
    ]);
    let run = project.json(&["show"]);
    let row = &run.rows("lto")[0];
    assert!(row["void"].as_str().unwrap().contains("rlib"), "{row}");
    // The witness: rustc gets no LTO.
    assert_eq!(project.call("app", &["--release"]).codegen("lto"), None);
}

#[test]
fn balanced_takes_nothing_away() {
    let project = Project::new(&[(
        "Cargo.toml",
        &format!("{MANIFEST}[profile.release]\nopt-level = \"s\"\nlto = \"fat\"\n"),
    )]);
    let run = project.json(&["--target", "balanced", "--dry-run"]);
    let keys: Vec<_> = run.json()["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["key"].clone())
        .collect();
    assert_eq!(keys, ["codegen-units"]);
}

#[test]
fn effects_are_those_of_the_value_and_of_the_project() {
    let effect = |profile: &str, goal: &str, key: &str, of: &str| {
        let project = Project::new(&[("Cargo.toml", &format!("{MANIFEST}{profile}"))]);
        let run = project.json(&["--target", goal, "--dry-run"]);
        run.rows(key)[0]["effect"][of].as_str().unwrap().to_owned()
    };
    let fat = effect("", "size", "lto", "size");
    assert_ne!(effect("", "balanced", "lto", "size"), fat);
    assert!(effect("", "size", "opt-level", "speed").contains("or worse"));
    // What stripping gives depends on what there is to strip.
    let stripped = effect("", "size", "strip", "size");
    for profile in [
        "debug = 2",
        "debug = \"line-tables-only\"",
        "strip = \"none\"",
    ] {
        let profile = format!("[profile.release]\n{profile}\n");
        assert_ne!(
            effect(&profile, "size", "strip", "size"),
            stripped,
            "{profile}"
        );
    }
}
