//! Flags and overrides with which cargo or rustc refuses what a plan would write, and flags that
//! decide in its place. The witness is cargo's own build.

use serde_json::Value;

use crate::project::{MAIN, MANIFEST, Project, Run};

/// A program with rustflags in its config file.
fn with_flags(flags: &str) -> Project {
    let config = format!("[build]\nrustflags = {flags}\n");
    Project::new(&[
        ("Cargo.toml", MANIFEST),
        (".cargo/config.toml", config.as_str()),
    ])
}

/// What the plan left out of a key.
fn skipped(run: &Run, key: &str) -> Value {
    let json = run.json();
    let skipped = json["skipped"].as_array().expect("skipped");
    let found = skipped.iter().find(|s| s["key"] == key);
    found
        .unwrap_or_else(|| panic!("{key} is not skipped: {}", run.stdout))
        .clone()
}

/// The warnings of this code.
fn warned(run: &Run, code: &str) -> Vec<String> {
    let json = run.json();
    let warnings = json["warnings"].as_array().expect("warnings");
    let found = warnings.iter().filter(|w| w["code"] == code);
    found.map(|w| w["message"].to_string()).collect()
}

/// The row of a profile's own key.
fn row(run: &Run, key: &str) -> Value {
    let found = run.rows(key).into_iter().find(|r| {
        let table = r["table"].as_str().unwrap_or_default();
        r["shadowed_by"].is_null() && !table.contains("package")
    });
    found.unwrap_or_else(|| panic!("no {key}: {}", run.stdout))
}

const ABORT: [&str; 2] = ["--config", "profile.release.panic=\"abort\""];
const LTO: [&str; 2] = ["--config", "profile.release.lto=true"];

#[test]
fn dynamic_linking_goes_with_neither_abort_nor_lto() {
    let project = with_flags("[\"-C\", \"prefer_dynamic=yes\"]");
    for refused in [ABORT, LTO] {
        assert!(!project.builds(&[&["--release"], &refused[..]].concat()));
        let shown = project.json(&[&["show"], &refused[..]].concat());
        let conflict = warned(&shown, "conflicting-flags");
        assert_eq!(conflict.len(), 1, "{}", shown.stdout);
        assert!(conflict[0].contains("config.toml:2"), "{conflict:?}");
    }
    let run = project.json(&["--target", "size", "--yes"]);
    for key in ["panic", "lto"] {
        assert!(run.rows(key).is_empty(), "{}", run.stdout);
        let evidence = skipped(&run, key)["evidence"].to_string();
        assert!(evidence.contains("prefer_dynamic=yes"), "{evidence}");
    }
    assert!(project.builds(&["--release"]), "the plan keeps the build");
    // Taken back, it keeps nothing out.
    let back = with_flags("[\"-Cprefer-dynamic\", \"-Cprefer-dynamic=no\"]");
    let run = back.json(&["--target", "size", "--dry-run"]);
    assert_eq!((run.rows("panic").len(), run.rows("lto").len()), (1, 1));
    assert!(back.builds(&[&["--release"], &ABORT[..], &LTO[..]].concat()));
}

#[test]
fn lto_needs_bitcode_that_flags_can_take_and_give() {
    let project = Project::new(&[("Cargo.toml", MANIFEST)]).env("RUSTFLAGS", "-Cembed-bitcode=no");
    assert!(!project.builds(&[&["--release"], &LTO[..]].concat()));
    let run = project.json(&["--target", "size", "--yes"]);
    let evidence = skipped(&run, "lto")["evidence"].to_string();
    assert!(evidence.contains("RUSTFLAGS"), "{evidence}");
    assert!(project.builds(&["--release"]), "the plan keeps the build");
    // The last value counts, also over what cargo passes.
    let given = with_flags("[\"-Cembed-bitcode=yes\", \"-Clto=fat\"]");
    assert!(given.builds(&["--release"]));
    let run = given.json(&["--target", "size", "--dry-run"]);
    assert!(run.rows("lto").is_empty(), "{}", run.stdout);
    assert_eq!(skipped(&run, "lto")["reason"], "already in force");
    assert!(!run.stdout.contains("refuses"), "{}", run.stdout);
}

#[cfg(target_os = "linux")]
#[test]
fn the_linkers_own_stripping_decides() {
    let stripped = |project: &Project, value: &str| {
        let target = project.path("target");
        let config = format!("profile.release.strip=\"{value}\"");
        let directory = target.to_str().unwrap();
        let all = ["--release", "--target-dir", directory, "--config", &config];
        assert!(project.builds(&all[..1]) || value.is_empty());
        let mut cargo = integration_tests::command::cargo();
        let status = cargo
            .arg("build")
            .arg("-q")
            .args(all)
            .current_dir(project.root());
        assert!(status.status().expect("cargo starts").success());
        std::fs::read(target.join("release/app"))
            .expect("the program")
            .len()
    };
    // For the linker: the profile's value makes no difference.
    let project = with_flags("[\"-Clink-arg=-Wl,-s\"]");
    assert_eq!(
        stripped(&project, "debuginfo"),
        stripped(&project, "symbols")
    );
    let run = project.json(&["--target", "size", "--dry-run"]);
    assert!(run.rows("strip").is_empty(), "{}", run.stdout);
    assert!(!row(&project.json(&["show"]), "strip")["void"].is_null());
    // For the compiler driver: rustc's `--strip-debug` comes after it.
    let project = with_flags("[\"-Clink-arg=-s\"]");
    assert!(stripped(&project, "debuginfo") > stripped(&project, "symbols"));
    let run = project.json(&["--target", "size", "--dry-run"]);
    assert_eq!(run.rows("strip").len(), 1, "{}", run.stdout);
}

#[test]
fn nothing_strips_a_static_library() {
    let manifest = format!(
        "{MANIFEST}[lib]\ncrate-type = [\"staticlib\"]\n[profile.release]\nstrip = \"symbols\"\n"
    );
    let files = [
        ("Cargo.toml", manifest.as_str()),
        ("src/lib.rs", "#[no_mangle]\npub extern \"C\" fn f() {}\n"),
    ];
    let project = Project::new(&files);
    // rustc gets the value and uses it where it calls the linker, which it does for no archive.
    let call = project.call("app", &["--release"]);
    assert_eq!(call.after("--crate-type"), ["staticlib"]);
    let void = row(&project.json(&["show"]), "strip")["void"].to_string();
    assert!(void.contains("static library"), "{void}");
    let plain = Project::new(&[
        ("Cargo.toml", &manifest.replace("symbols", "none")),
        files[1],
    ]);
    let run = plain.json(&["--target", "size", "--dry-run"]);
    assert!(run.rows("strip").is_empty(), "{}", run.stdout);
}

#[test]
fn two_overrides_for_one_package_are_refused_in_any_profile() {
    for (tables, profile, refused) in [
        (
            "[profile.release.package.dep]\nopt-level = 1\n[profile.release.package.\"dep@0.1.0\"]\ndebug = 2\n",
            "release",
            true,
        ),
        (
            "[profile.release.package.dep]\n[profile.dist]\ninherits = \"release\"\n[profile.dist.package.\"dep@0.1\"]\ndebug = 2\n",
            "dist",
            true,
        ),
        (
            "[profile.release.package.dep]\nopt-level = 1\n[profile.release.package.\"dep@0.2.0\"]\ndebug = 2\n[profile.release.package.\"*\"]\nopt-level = 2\n",
            "release",
            false,
        ),
    ] {
        let manifest = format!("{MANIFEST}[dependencies]\ndep = {{ path = \"dep\" }}\n{tables}");
        let project = Project::new(&[
            ("Cargo.toml", manifest.as_str()),
            ("src/main.rs", MAIN),
            (
                "dep/Cargo.toml",
                "[package]\nname = \"dep\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
            ),
            ("dep/src/lib.rs", ""),
        ]);
        let run = project.json(&["show"]);
        let found = warned(&run, "overlapping-overrides");
        assert_eq!(
            found.len(),
            usize::from(refused),
            "{tables}: {}",
            run.stdout
        );
        assert!(
            found
                .iter()
                .all(|w| w.contains(&format!("profile `{profile}`"))),
            "{found:?}"
        );
        assert_eq!(project.builds(&["--release"]), !refused, "{tables}");
    }
}

#[test]
fn flags_of_inherited_profiles_and_packages_are_read() {
    let manifest = format!(
        "cargo-features = [\"profile-rustflags\"]\n{MANIFEST}\
         [profile.release]\nrustflags = [\"-Copt-level=1\"]\n\
         [profile.dist]\ninherits = \"release\"\n\
         [profile.other]\ninherits = \"dist\"\nrustflags = []\n"
    );
    let project = Project::new(&[("Cargo.toml", manifest.as_str())]);
    // A stable toolchain reads the nightly feature with it.
    let project = project.env("RUSTC_BOOTSTRAP", "1");
    for (profile, level) in [("dist", "1"), ("other", "3")] {
        let call = project.call("app", &["--profile", profile]);
        assert_eq!(call.codegen("opt-level").as_deref(), Some(level));
        let run = project.json(&["show", "--profile", profile]);
        let void = !row(&run, "opt-level")["void"].is_null();
        assert_eq!(void, level == "1", "{profile}: {}", run.stdout);
    }
    let packages = "[profile.dist.package.app]\nrustflags = [\"-Copt-level=2\"]\n";
    project.write("Cargo.toml", &format!("{manifest}{packages}"));
    let call = project.call("app", &["--profile", "dist"]);
    assert_eq!(call.codegen("opt-level").as_deref(), Some("2"));
    let void = row(&project.json(&["show", "--profile", "dist"]), "opt-level")["void"].to_string();
    assert!(void.contains("-Copt-level=2"), "{void}");
}
