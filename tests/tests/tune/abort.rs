//! `panic = "abort"`: blocked with evidence, warned about, allowed.

use crate::project::{MANIFEST, Project};

const GUARDED: &str = "use std::panic;\n\nfn main() {\n    let caught = panic::catch_unwind(|| work());\n    println!(\"{}\", caught.is_err());\n}\n\nfn work() {\n    panic!(\"x\");\n}\n";

#[test]
fn code_that_catches_panics_blocks_abort_with_file_and_line() {
    let project = Project::new(&[("Cargo.toml", MANIFEST), ("src/main.rs", GUARDED)]);
    let run = project.json(&["--target", "size", "--dry-run"]);
    assert!(run.rows("panic").is_empty());
    let json = run.json();
    let skipped = json["skipped"].as_array().unwrap();
    let panic = skipped
        .iter()
        .find(|s| s["key"] == "panic")
        .expect("skipped");
    let evidence = panic["evidence"].to_string();
    assert!(evidence.contains("src/main.rs:4"), "{evidence}");
    assert!(evidence.contains("catch_unwind"), "{evidence}");
}

#[test]
fn the_block_is_right_and_tests_do_not_show_the_break() {
    // The witness: the program's own output changes, and `cargo test --release` does not mind.
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (
            "src/main.rs",
            &format!(
                "{GUARDED}\n#[test]\nfn catches() {{ assert!(panic::catch_unwind(work).is_err()); }}\n"
            ),
        ),
    ]);
    let run = |more: &[&str], verb: &str| {
        let mut cargo = integration_tests::command::cargo();
        cargo
            .args([verb, "--release", "-q"])
            .args(more)
            .current_dir(project.root());
        cargo.output().expect("cargo starts").status.success()
    };
    let abort = ["--config", "profile.release.panic=\"abort\""];
    assert!(run(&[], "run"));
    assert!(!run(&abort, "run"));
    assert!(run(&abort, "test"));
    let applied = project.tune(&["--target", "size", "--allow", "abort", "--yes"]);
    assert_eq!(applied.code, Some(0));
    assert!(
        applied.stderr.contains("src/main.rs:4"),
        "{}",
        applied.stderr
    );
    assert!(project.read("Cargo.toml").contains("panic = \"abort\""));
}

#[test]
fn test_code_does_not_block() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        ("src/main.rs", "fn main() {}\n#[cfg(test)]\nmod tests;\n"),
        (
            "src/tests.rs",
            "#[test]\nfn f() { let _ = std::panic::catch_unwind(|| ()); }\n",
        ),
        (
            "tests/t.rs",
            "#[test]\nfn f() { let _ = std::panic::catch_unwind(|| ()); }\n",
        ),
        (
            "build.rs",
            "fn main() { let _ = std::panic::catch_unwind(|| ()); }\n",
        ),
    ]);
    let run = project.json(&["--target", "size", "--dry-run"]);
    assert_eq!(run.rows("panic").len(), 1);
}

#[test]
fn another_members_code_blocks_too() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"app\", \"lib\"]\nresolver = \"2\"\n",
        ),
        ("app/Cargo.toml", MANIFEST),
        ("app/src/main.rs", crate::project::MAIN),
        (
            "lib/Cargo.toml",
            "[package]\nname = \"lib\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        (
            "lib/src/lib.rs",
            "pub fn f() -> bool {\n    std::thread::spawn(|| ()).join().is_err()\n}\n",
        ),
    ]);
    let run = project.json(&["--target", "size", "--dry-run"]);
    assert!(
        run.json()["skipped"]
            .to_string()
            .contains("lib/src/lib.rs:2"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_library_for_other_programs_is_warned_about() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            &format!("{MANIFEST}[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n"),
        ),
        ("src/lib.rs", "pub fn f() {}\n"),
    ]);
    let run = project.json(&["--target", "size", "--dry-run"]);
    let warnings = run.json()["warnings"].to_string();
    assert!(warnings.contains("abort-in-foreign-process"), "{warnings}");
    assert!(warnings.contains("lto-skipped") || run.json()["skipped"].to_string().contains("rlib"));
}

#[test]
fn a_dependency_that_isolates_panics_is_warned_about_and_does_not_block() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            &format!("{MANIFEST}[dependencies]\nrayon = {{ path = \"rayon\" }}\n[workspace]\n"),
        ),
        ("src/main.rs", crate::project::MAIN),
        (
            "rayon/Cargo.toml",
            "[package]\nname = \"rayon\"\nversion = \"1.0.0\"\nedition = \"2021\"\n",
        ),
        ("rayon/src/lib.rs", ""),
    ]);
    let run = project.json(&["--target", "size", "--dry-run"]);
    assert_eq!(run.rows("panic").len(), 1);
    assert!(run.json()["warnings"].to_string().contains("rayon"));
}

#[test]
fn a_dylib_that_only_examples_link_is_named() {
    let manifest = format!("{MANIFEST}[dev-dependencies]\ndd = {{ path = \"dd\" }}\n");
    let library = MANIFEST.replace("app", "dd") + "[lib]\ncrate-type = [\"dylib\"]\n";
    let project = Project::new(&[
        ("Cargo.toml", &manifest),
        ("src/main.rs", "fn main() {}\n"),
        ("examples/e.rs", "fn main() { dd::x() }\n"),
        ("dd/Cargo.toml", &library),
        ("dd/src/lib.rs", "pub fn x() {}\n"),
    ]);
    let run = project.json(&["--target", "size", "--yes"]);
    assert!(
        run.stdout.contains("abort-breaks-examples"),
        "{}",
        run.stdout
    );
    assert!(!project.builds(&["--release", "--examples"]));
}
