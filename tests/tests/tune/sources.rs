//! Settings from places that are easily read in two ways or not at all. The witness is what cargo
//! passes to rustc, or that it refuses to build.

use crate::project::{MANIFEST, Project};

/// The value of a key of the release profile that `show` says is in force.
fn in_force(project: &Project, key: &str, arguments: &[&str]) -> Option<serde_json::Value> {
    let run = project.json(&[&["show"], arguments].concat());
    let row = run.rows(key).into_iter().find(|row| {
        row["table"] == "profile.release" && row["shadowed_by"].is_null() && row["void"].is_null()
    });
    row.map(|row| row["value"].clone())
}

/// A program with one dependency, whose manifest ends with `profile`.
fn with_dependency(profile: &str) -> Project {
    Project::new(&[
        (
            "Cargo.toml",
            &format!("{MANIFEST}[dependencies]\ndep = {{ path = \"dep\" }}\n{profile}"),
        ),
        ("src/main.rs", "fn main() { dep::f() }\n"),
        (
            "dep/Cargo.toml",
            "[package]\nname = \"dep\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        ("dep/src/lib.rs", "pub fn f() {}\n"),
    ])
}

#[test]
fn tables_of_includes_are_read() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/config.toml",
            "[[include]]\npath = \"extra.toml\"\n\n[[include]]\npath = \"absent.toml\"\noptional = true\n",
        ),
        (
            ".cargo/extra.toml",
            "[build]\nrustflags = [\"--cfg\", \"needed\"]\n[profile.release]\nlto = \"fat\"\n",
        ),
    ]);
    assert_eq!(in_force(&project, "lto", &[]), Some("fat".into()));
    let run = project.json(&["show"]);
    assert_eq!(
        run.json()["rustflags"],
        serde_json::json!(["--cfg", "needed"])
    );
    let call = project.call("app", &["--release"]);
    assert_eq!(call.codegen("lto").as_deref(), Some("fat"));
    assert_eq!(call.after("--cfg"), ["needed"]);
}

#[test]
fn what_an_argument_includes_is_read() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            ".cargo/a.toml",
            "[profile.release]\nlto = \"fat\"\nopt-level = 1\n",
        ),
        (".cargo/extra.toml", "include = [\"a.toml\"]\n"),
    ]);
    for argument in [".cargo/extra.toml", "include=[\".cargo/a.toml\"]"] {
        let arguments = ["--config", argument];
        assert_eq!(in_force(&project, "lto", &arguments), Some("fat".into()));
        assert_eq!(in_force(&project, "opt-level", &arguments), Some(1.into()));
        let call = project.call("app", &["--release", "--config", argument]);
        assert_eq!(call.codegen("lto").as_deref(), Some("fat"), "{argument}");
        assert_eq!(
            call.codegen("opt-level").as_deref(),
            Some("1"),
            "{argument}"
        );
    }
}

#[test]
fn debug_information_of_a_dependency_cancels_the_implied_strip() {
    for (profile, strip) in [
        ("", "debuginfo"),
        ("[profile.release.package.\"*\"]\ndebug = 1\n", "none"),
        ("[profile.release.package.dep]\ndebug = 1\n", "none"),
        ("[profile.release.package.app]\ndebug = 1\n", "none"),
        (
            "[profile.release.package.dep]\ndebug = false\n",
            "debuginfo",
        ),
        ("[profile.release.build-override]\ndebug = 1\n", "debuginfo"),
    ] {
        let project = with_dependency(profile);
        let call = project.call("app", &["--release"]);
        let passed = call.codegen("strip").unwrap_or_else(|| "none".into());
        assert_eq!(passed, strip, "cargo: {profile}");
        assert_eq!(
            in_force(&project, "strip", &[]),
            Some(strip.into()),
            "{profile}"
        );
    }
}

#[test]
fn strip_of_a_library_is_void() {
    let project = with_dependency("[profile.release.package.dep]\nstrip = true\n");
    let row = &project.json(&["show"]).rows("strip")[0];
    let rows = project.json(&["show"]).rows("strip");
    let of_dep = rows
        .iter()
        .find(|r| r["table"] == "profile.release.package.dep");
    let void = &of_dep.unwrap_or(row)["void"];
    assert!(
        void.as_str().is_some_and(|v| v.contains("library")),
        "{rows:?}"
    );
    // That of the program itself counts.
    let project = with_dependency("[profile.release.package.app]\nstrip = true\n");
    let call = project.call("app", &["--release"]);
    assert_eq!(call.codegen("strip").as_deref(), Some("symbols"));
    let rows = project.json(&["show"]).rows("strip");
    let of_app = rows
        .iter()
        .find(|r| r["table"] == "profile.release.package.app");
    assert!(of_app.unwrap()["void"].is_null(), "{rows:?}");
}

#[test]
fn proc_macros_have_no_lto() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            &format!("{MANIFEST}[lib]\nproc-macro = true\n[profile.release]\nlto = true\n"),
        ),
        ("src/lib.rs", "\n"),
    ]);
    assert_eq!(in_force(&project, "lto", &[]), None);
    assert_eq!(project.call("app", &["--release"]).codegen("lto"), None);
}

#[test]
fn a_variable_with_which_cargo_refuses_every_build_is_refused() {
    let manifest =
        format!("{MANIFEST}[profile.release-lto]\ninherits = \"release\"\nlto = \"fat\"\n");
    let project = |name: &str| Project::new(&[("Cargo.toml", &manifest)]).env(name, "1");
    let refused = project("CARGO_PROFILE_RELEASE_LTO_OPT_LEVEL");
    assert!(!refused.builds(&["--profile", "release-lto"]));
    let run = refused.tune(&["show", "--profile", "release-lto"]);
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert!(
        run.stderr.contains("CARGO_PROFILE_RELEASE_LTO_OPT_LEVEL")
            && run.stderr.contains("`lto` of the profile `release`"),
        "{}",
        run.stderr
    );
    let accepted = project("CARGO_PROFILE_RELEASE_OPT_LEVEL");
    assert_eq!(in_force(&accepted, "opt-level", &[]), Some(1.into()));
}

#[test]
fn values_with_which_nothing_builds_are_not_in_force_and_a_plan_replaces_them() {
    for value in [
        "lto = \"true\"",
        "lto = \"thin-local\"",
        "opt-level = \"3\"",
        "strip = \"true\"",
        "debug = \"2\"",
        "codegen-units = 0",
    ] {
        let project = Project::new(&[
            ("Cargo.toml", MANIFEST),
            (
                ".cargo/config.toml",
                &format!("[profile.release]\n{value}\n"),
            ),
        ]);
        assert!(!project.builds(&["--release"]), "{value}");
        let key = value.split(' ').next().unwrap();
        assert_eq!(in_force(&project, key, &[]), None, "{value}");
        let warnings = project.json(&["show"]).json()["warnings"].to_string();
        assert!(warnings.contains("invalid-value"), "{value}: {warnings}");
        if key == "debug" {
            continue;
        }
        assert_eq!(project.tune(&["--target", "size", "--yes"]).code, Some(0));
        let release = ["--release"];
        assert!(project.is_accepted(&release), "{value} after the plan");
        if value == "lto = \"true\"" {
            assert!(project.builds(&release), "{value} after the plan");
        }
    }
}

#[test]
fn lto_in_the_rustflags_needs_it_in_the_profile() {
    let project = Project::new(&[("Cargo.toml", MANIFEST)]).env("RUSTFLAGS", "-Clto=fat");
    assert!(!project.builds(&["--release"]));
    let show = project.json(&["show"]);
    let void = show.rows("lto")[0]["void"].to_string();
    assert!(void.contains("embed-bitcode"), "{void}");
    let plan = project.json(&["--target", "size", "--yes"]);
    assert_eq!(plan.rows("lto").len(), 1, "{}", plan.stdout);
    assert!(project.builds(&["--release"]), "the plan makes it build");
}

#[test]
fn flags_of_a_profile_come_after_its_keys() {
    // A nightly feature, so cargo is not asked here.
    let manifest = format!(
        "cargo-features = [\"profile-rustflags\"]\n{MANIFEST}[profile.release]\nrustflags = [\"-Copt-level=1\"]\n"
    );
    let project = Project::new(&[("Cargo.toml", &manifest)]).env("RUSTC_BOOTSTRAP", "1");
    let call = project.call("app", &["--release"]);
    assert_eq!(call.codegen("opt-level").as_deref(), Some("1"));
    let rows = project.json(&["show"]).rows("opt-level");
    assert!(
        rows[0]["void"]
            .as_str()
            .is_some_and(|v| v.contains("rustflags")),
        "{rows:?}"
    );
}

#[test]
fn a_dotted_package_key_does_not_keep_a_plan_from_being_written() {
    let manifest = format!(
        "profile.release.package.dep.opt-level = 1\n{MANIFEST}[dependencies]\ndep = {{ path = \"dep\" }}\n"
    );
    let project = with_dependency("");
    project.write("Cargo.toml", &manifest);
    assert!(project.builds(&["--release"]), "cargo reads it");
    let run = project.tune(&["--target", "speed", "--yes"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let call = project.call("app", &["--release"]);
    assert_eq!(call.codegen("lto").as_deref(), Some(""));
    assert_eq!(project.tune(&["undo"]).code, Some(0));
    assert_eq!(project.read("Cargo.toml"), manifest);
}

#[cfg(unix)]
#[test]
fn a_packages_variable_counts_where_the_configuration_has_its_table() {
    let config = "[profile.release.package.dep]\n";
    for (config, manifest, name, level) in [
        (
            config,
            "",
            "CARGO_PROFILE_RELEASE_PACKAGE_dep_OPT_LEVEL",
            "1",
        ),
        (
            config,
            "",
            "CARGO_PROFILE_RELEASE_PACKAGE_DEP_OPT_LEVEL",
            "3",
        ),
        ("", "", "CARGO_PROFILE_RELEASE_PACKAGE_dep_OPT_LEVEL", "3"),
        (
            "",
            config,
            "CARGO_PROFILE_RELEASE_PACKAGE_dep_OPT_LEVEL",
            "3",
        ),
        (
            "[profile.release.package.\"*\"]\n",
            "",
            "CARGO_PROFILE_RELEASE_PACKAGE_*_OPT_LEVEL",
            "1",
        ),
    ] {
        let project = with_dependency(manifest);
        project.write(".cargo/config.toml", config);
        let project = project.env(name, "1");
        let calls = project.recorded(&["--release"]);
        let dep = calls.iter().find(|c| c.after("--crate-name") == ["dep"]);
        let passed = dep.and_then(|c| c.codegen("opt-level"));
        assert_eq!(passed.as_deref(), Some(level), "cargo: {config} {name}");
        let rows = project.json(&["show"]).rows("opt-level");
        let row = rows.iter().find(|r| r["origin"]["path"] == name);
        assert_eq!(row.is_some(), level == "1", "{config} {name}: {rows:?}");
    }
}

#[test]
fn a_value_of_a_package_with_which_nothing_builds_is_not_in_force() {
    for table in ["package.dep", "build-override"] {
        let project = with_dependency("");
        let config = format!("[profile.release.{table}]\nopt-level = \"3\"\n");
        project.write(".cargo/config.toml", &config);
        assert!(!project.builds(&["--release"]), "{table}");
        let run = project.json(&["show"]);
        let rows = run.rows("opt-level");
        let row = rows.iter().find(|r| r["value"] == "3");
        let void = row.map(|r| r["void"].to_string()).unwrap_or_default();
        assert!(void.contains("no build works"), "{table}: {rows:?}");
        let warnings = run.json()["warnings"].to_string();
        assert!(warnings.contains("invalid-value"), "{table}: {warnings}");
    }
}

#[cfg(unix)]
#[test]
fn codegen_units_that_are_written_out_are_not_the_default() {
    // rustc's own number: 256 for an incremental build.
    for (profile, units) in [("incremental = true\n", 256), ("", 16)] {
        let manifest = format!("{MANIFEST}[profile.release]\n{profile}");
        let project = Project::new(&[("Cargo.toml", &manifest)]);
        assert_eq!(in_force(&project, "codegen-units", &[]), Some(units.into()));
        let calls = project.recorded(&["--release"]);
        assert_eq!(calls[0].codegen("codegen-units"), None);
        // A plan for short builds leaves that choice to rustc.
        let arguments = ["--target", "compile-time", "--profile", "release"];
        let run = project.tune(&[&arguments[..], &["--yes"]].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(!project.read("Cargo.toml").contains("codegen-units"));
        let again = project.json(&[&arguments[..], &["--dry-run"]].concat());
        assert_eq!(again.json()["rows"], serde_json::json!([]));
    }
}
