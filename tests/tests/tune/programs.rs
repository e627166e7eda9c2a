//! What overrides and rustflags give to the program itself. The witness is what cargo passes to
//! rustc.

use crate::project::{MANIFEST, Project};

/// A program whose manifest ends with `profile`, with a config file.
fn program(profile: &str, config: &str) -> Project {
    let manifest = format!("{MANIFEST}{profile}");
    let mut files = vec![("Cargo.toml", manifest.as_str())];
    if !config.is_empty() {
        files.push((".cargo/config.toml", config));
    }
    Project::new(&files)
}

/// Settings with which everything is as planned for size, but for what an override says.
const PLANNED: &str = "[profile.release]\nopt-level = \"z\"\nlto = true\ncodegen-units = 1\npanic = \"abort\"\nstrip = \"symbols\"\n";

#[test]
fn an_override_for_the_program_drifts_and_the_plan_puts_it_right() {
    let strip = "strip = true\n";
    for (spec, keys, option, got) in [
        ("app", "opt-level = 3\nstrip = true\n", "opt-level", "3"),
        (
            "\"app@0.1\"",
            "codegen-units = 16\nstrip = true\n",
            "codegen-units",
            "16",
        ),
        ("app", "strip = \"none\"\n", "strip", ""),
        // Cargo forgets the profile's `strip`, whatever the override is about.
        ("\"app:0.1.0\"", "", "strip", "debuginfo"),
        ("app", "debug = 0\n", "strip", "debuginfo"),
    ] {
        let table = format!("[profile.release.package.{spec}]\n{keys}");
        // An override of each place.
        let in_config = keys.contains("16") || keys.contains("debug");
        let (manifest, config) = match in_config {
            true => (PLANNED.to_owned(), table.clone()),
            false => (format!("{PLANNED}{table}"), String::new()),
        };
        {
            let project = program(&manifest, &config);
            let call = project.call("app", &["--release"]);
            assert_eq!(call.codegen(option).unwrap_or_default(), got, "{table}");
            let check = project.tune(&["check", "--target", "size"]);
            assert_eq!(check.code, Some(100), "{table}{}", check.stdout);
            assert!(
                check.stdout.contains(&format!(".{option}")),
                "{}",
                check.stdout
            );
            project.json(&["--target", "size", "--yes"]);
            let call = project.call("app", &["--release"]);
            let planned = match option {
                "opt-level" => "z",
                "codegen-units" => "1",
                _ => "symbols",
            };
            assert_eq!(call.codegen(option).as_deref(), Some(planned), "{table}");
            let check = project.tune(&["check", "--target", "size"]);
            assert_eq!(check.code, Some(0), "{table}{}", check.stdout);
        }
    }
    // What a variable gives to an override, no file takes away.
    let table = format!("[profile.release.package.app]\n{strip}");
    let project = program(PLANNED, &table).env("CARGO_PROFILE_RELEASE_PACKAGE_app_OPT_LEVEL", "3");
    let call = project.call("app", &["--release"]);
    assert_eq!(call.codegen("opt-level").as_deref(), Some("3"));
    let check = project.tune(&["check", "--target", "size"]);
    assert_eq!(check.code, Some(100), "{}", check.stdout);
    let unset = "help: unset CARGO_PROFILE_RELEASE_PACKAGE_app_OPT_LEVEL";
    assert!(check.stderr.contains(unset), "{}", check.stderr);
}

#[test]
fn show_says_what_an_override_leaves_of_strip() {
    // An override for others, or for a version that is not there, is not the program's.
    for (spec, passed) in [
        ("app", "debuginfo"),
        ("\"*\"", "symbols"),
        ("\"app@9\"", "symbols"),
    ] {
        let table = format!("[profile.release.package.{spec}]\ndebug = 0\n");
        // An inherited override counts like one's own.
        for profile in ["release", "dist"] {
            if profile == "dist" && spec != "app" {
                continue;
            }
            let project = program(
                &format!("{PLANNED}[profile.dist]\ninherits = \"release\"\n{table}"),
                "",
            );
            let call = project.call("app", &["--profile", profile]);
            assert_eq!(call.codegen("strip").as_deref(), Some(passed), "{table}");
            let rows = project.json(&["show", "--profile", profile]).rows("strip");
            let in_force = rows
                .iter()
                .filter(|row| row["void"].is_null() && row["shadowed_by"].is_null());
            let values: Vec<_> = in_force.map(|row| row["value"].clone()).collect();
            assert_eq!(values, [passed], "{profile}: {table}{rows:?}");
        }
    }
}

#[test]
fn the_proof_says_what_rustc_got_by_an_override() {
    let table = "[profile.release.package.app]\nopt-level = 3\ncodegen-units = 16\nstrip = true\n";
    let project = program(&format!("{PLANNED}{table}"), "");
    let run = project.tune(&[
        "check",
        "--target",
        "size",
        "--build",
        "--message-format",
        "json",
    ]);
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    for (key, got) in [("opt-level", "3"), ("codegen-units", "16")] {
        let rows = run.rows(key);
        // The profile's own key reaches nothing: the override names the only package.
        assert_eq!(rows.len(), 1, "{rows:?}");
        for row in rows {
            let proof = row["proof"].as_str().unwrap_or_default();
            assert!(proof.contains(&format!("`-C {key}={got}`")), "{row}");
        }
    }
}

#[test]
fn rustflags_are_compared_with_the_planned_value() {
    for (flags, key, in_force) in [
        ("-Copt-level=3", "opt-level", "3"),
        ("-O", "opt-level", "3"),
        ("-C panic=unwind", "panic", "\"unwind\""),
        ("-Ccodegen-units=16", "codegen-units", "16"),
    ] {
        let config = format!("[build]\nrustflags = \"{flags}\"\n");
        for (config, variable) in [("", flags), (config.as_str(), "")] {
            let project = program("", config);
            let project = match variable {
                "" => project,
                flags => project.env("RUSTFLAGS", flags),
            };
            let plan = project.json(&["--target", "size", "--yes"]);
            assert!(plan.rows(key).is_empty(), "{flags}: {}", plan.stdout);
            let warned = plan.json()["warnings"].to_string();
            assert!(
                warned.contains(&format!("`{key}` in the manifest")),
                "{warned}"
            );
            assert!(!project.read("Cargo.toml").contains(key));
            let check = project.tune(&["check", "--target", "size"]);
            assert_eq!(check.code, Some(100), "{}", check.stdout);
            let row = check.stdout.lines().find(|line| line.contains("drifted  "));
            assert!(row.unwrap().contains(in_force), "{}", check.stdout);
            // The plan has nothing left: the flag is what is to be changed.
            assert!(
                !check.stderr.contains("cargo tune --target"),
                "{}",
                check.stderr
            );
            let flag = format!("help: take `{flags}` out of the ");
            let place = match variable {
                "" => "config.toml:2",
                _ => "environment variable RUSTFLAGS",
            };
            let help = check.stderr.lines().find(|line| line.starts_with(&flag));
            assert!(help.unwrap().contains(place), "{}", check.stderr);
        }
    }
    // A flag may give just what the plan wants.
    let project = program(PLANNED, "").env("RUSTFLAGS", "-Copt-level=z");
    project.write(
        "Cargo.toml",
        &format!("{MANIFEST}{}", PLANNED.replace("\"z\"", "3")),
    );
    let call = project.call("app", &["--release"]);
    assert_eq!(call.codegen("opt-level").as_deref(), Some("z"));
    let check = project.tune(&["check", "--target", "size"]);
    assert_eq!(check.code, Some(0), "{}", check.stdout);
}

#[test]
fn a_plan_does_not_warn_about_itself() {
    for (goal, profile, manifest) in [
        ("speed", "dev", ""),
        ("size", "dev", ""),
        ("compile-time", "dev", "[profile.dev]\nlto = true\n"),
    ] {
        let project = program(manifest, "");
        let before = project.json(&["--target", goal, "--profile", profile, "--yes"]);
        let after = project.json(&["--target", goal, "--profile", profile]);
        for run in [&before, &after] {
            assert_eq!(run.json()["warnings"], serde_json::json!([]), "{goal}");
        }
        assert!(
            after.json()["rows"].as_array().unwrap().is_empty(),
            "{goal}"
        );
        let check = project.tune(&["check", "--target", goal, "--profile", profile]);
        assert_eq!(check.code, Some(0), "{goal}: {}", check.stdout);
    }
}

#[test]
fn the_plan_for_a_library_says_what_it_is_worth() {
    let library = Project::new(&[("Cargo.toml", MANIFEST), ("src/lib.rs", "pub fn f() {}\n")]);
    for arguments in [
        &["--target", "size", "--dry-run"][..],
        &["check", "--target", "size"],
    ] {
        let run = library.tune(arguments);
        let first = run.stderr.lines().next().unwrap_or_default();
        assert!(first.contains("`app` is a library"), "{}", run.stderr);
    }
    let program = program("", "");
    let run = program.tune(&["--target", "size", "--dry-run"]);
    assert!(!run.stderr.contains("library"), "{}", run.stderr);
    let of_c = Project::new(&[
        (
            "Cargo.toml",
            &format!("{MANIFEST}[lib]\ncrate-type = [\"cdylib\"]\n"),
        ),
        ("src/lib.rs", "pub fn f() {}\n"),
    ]);
    let run = of_c.tune(&["--target", "size", "--dry-run"]);
    assert!(!run.stderr.contains("is a library"), "{}", run.stderr);
}

#[test]
fn a_value_that_cargo_refuses_in_a_manifest_is_named_with_the_right_one() {
    for (profile, line, right) in [
        ("[profile.release]\nopt-level = \"3\"\n", 6, "opt-level = 3"),
        ("[profile.dev]\n\nlto = \"true\"\n", 7, "lto = true"),
        (
            "[profile.release.package.app]\ncodegen-units = \"1\"\n",
            6,
            "codegen-units = 1",
        ),
    ] {
        let project = program(profile, "");
        let run = project.tune(&["--target", "size"]);
        assert_eq!(run.code, Some(101), "{}", run.stderr);
        assert!(
            run.stderr.contains(&format!("Cargo.toml:{line}")),
            "{}",
            run.stderr
        );
        assert!(
            run.stderr.contains(&format!("write `{right}`")),
            "{}",
            run.stderr
        );
    }
}
