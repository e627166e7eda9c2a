//! Plans that hold: what they write neither breaks a build nor the tools that read the program.

use crate::project::{MAIN, MANIFEST, Project};

/// A program of this source with one dependency, whose manifest ends with `library`.
fn with_library(name: &str, library: &str, main: &str) -> Project {
    let manifest = format!("{MANIFEST}[dependencies]\n{name} = {{ path = \"{name}\" }}\n");
    let of_library =
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{library}");
    let (toml, source) = (format!("{name}/Cargo.toml"), format!("{name}/src/lib.rs"));
    Project::new(&[
        ("Cargo.toml", manifest.as_str()),
        (toml.as_str(), of_library.as_str()),
        (source.as_str(), "pub fn f() -> u8 { 3 }\n"),
        ("src/main.rs", main),
    ])
}

#[test]
fn nothing_aborts_where_a_dylib_is_linked() {
    for with_lock in [true, false] {
        let project = with_library(
            "dep",
            "[lib]\ncrate-type = [\"dylib\", \"rlib\"]\n",
            "fn main() { println!(\"{}\", dep::f()) }\n",
        );
        if with_lock {
            assert!(project.builds(&["--release"]));
        }
        let run = project.json(&["--target", "size", "--yes"]);
        assert!(run.rows("panic").is_empty(), "{}", run.stdout);
        let skipped = run.json()["skipped"].to_string();
        assert!(
            skipped.contains("dylib") && skipped.contains("dep"),
            "{skipped}"
        );
        assert!(project.builds(&["--release"]), "the plan keeps the build");
    }
}

#[test]
fn what_a_target_does_on_panic_is_asked_of_rustc() {
    let project = Project::new(&[("Cargo.toml", MANIFEST)]);
    for triple in [
        "x86_64-unknown-linux-gnu",
        "thumbv7em-none-eabihf",
        "riscv32imac-unknown-none-elf",
        "x86_64-unknown-none",
        "x86_64-unknown-uefi",
        "wasm32-unknown-unknown",
        "wasm32-wasip1",
        "wasm32-unknown-emscripten",
    ] {
        let mut rustc = integration_tests::command::rustc();
        let output = rustc.args(["--print", "cfg", "--target", triple]).output();
        let cfg = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(cfg.contains("panic=\""), "{triple}: {cfg}");
        let run = project.json(&["--target", "size", "--triple", triple, "--dry-run"]);
        let is_planned = !run.rows("panic").is_empty();
        assert_eq!(is_planned, cfg.contains("panic=\"unwind\""), "{triple}");
    }
}

#[test]
fn symbols_stay_where_something_reads_them() {
    let firmware = with_library("defmt", "", MAIN);
    let run = firmware.json(&[
        "--target",
        "size",
        "--triple",
        "thumbv7em-none-eabihf",
        "--dry-run",
    ]);
    assert!(run.rows("strip").is_empty(), "{}", run.stdout);
    assert!(run.json()["skipped"].to_string().contains("defmt"));
    // wasm-bindgen reads modules, and nothing else.
    let web = with_library("wasm-bindgen", "", MAIN);
    let wasm = [
        "--target",
        "size",
        "--triple",
        "wasm32-unknown-unknown",
        "--dry-run",
    ];
    let run = web.json(&wasm);
    assert!(run.rows("strip").is_empty(), "{}", run.stdout);
    let run = web.json(&["--target", "size", "--dry-run"]);
    assert_eq!(run.rows("strip").len(), 1, "{}", run.stdout);
}

#[test]
fn dependencies_that_are_not_built_cause_no_warning() {
    let manifest = |optional: bool, extra: &str| {
        format!(
            "{MANIFEST}[dependencies]\nrayon = {{ path = \"rayon\", optional = {optional} }}\n{extra}"
        )
    };
    let library = "[package]\nname = \"rayon\"\nversion = \"1.0.0\"\nedition = \"2021\"\n";
    let warned = |manifest: &str| {
        let project = Project::new(&[
            ("Cargo.toml", manifest),
            ("src/main.rs", "fn main() {}\n"),
            ("rayon/Cargo.toml", library),
            ("rayon/src/lib.rs", "\n"),
        ]);
        assert!(project.builds(&["--release"]));
        let run = project.json(&["--target", "size", "--dry-run"]);
        run.json()["warnings"]
            .to_string()
            .contains("dependency-isolates-panics")
    };
    assert!(warned(&manifest(false, "")));
    assert!(!warned(&manifest(true, "")));
    assert!(warned(&manifest(
        true,
        "[features]\ndefault = [\"dep:rayon\"]\n"
    )));
    // Not for this platform.
    let elsewhere = format!(
        "{MANIFEST}[target.'cfg(target_os = \"none\")'.dependencies]\nrayon = {{ path = \"rayon\" }}\n"
    );
    assert!(!warned(&elsewhere));
}

/// What a plan for size says of `panic` in a program of this source.
fn abort_with(source: &str) -> (bool, String) {
    let project = Project::new(&[("Cargo.toml", MANIFEST), ("src/main.rs", source)]);
    let run = project.json(&["--target", "size", "--dry-run"]);
    let json = run.json();
    let said = format!("{}{}", json["skipped"], json["warnings"]);
    (!run.rows("panic").is_empty(), said)
}

#[test]
fn results_of_join_that_are_kept_block_abort() {
    let spawned = "let hs: Vec<_> = (0..3).map(|i| std::thread::spawn(move || i)).collect();";
    for use_of_them in [
        "let rs: Vec<std::thread::Result<i32>> = hs.into_iter().map(|h| h.join()).collect(); println!(\"{}\", rs.iter().filter(|r| r.is_err()).count());",
        "let failed = hs.into_iter().map(std::thread::JoinHandle::join).filter(Result::is_err).count(); println!(\"{failed}\");",
        "let mut rs = Vec::new(); for h in hs { rs.push(h.join()); } println!(\"{}\", rs.len());",
        "for h in hs { if std::thread::JoinHandle::join(h).is_err() { println!(\"again\") } }",
    ] {
        let (planned, said) = abort_with(&format!("fn main() {{ {spawned} {use_of_them} }}\n"));
        assert!(
            !planned && said.contains("main.rs:1"),
            "{use_of_them}: {said}"
        );
    }
    // A panic that is handed on is lost with or without.
    let source = format!("fn main() {{ {spawned} for h in hs {{ h.join().unwrap(); }} }}\n");
    let (planned, said) = abort_with(&source);
    assert!(planned, "{said}");
}

#[test]
fn a_destructor_that_asks_for_a_panic_is_named() {
    let (planned, said) = abort_with(
        "struct G;\nimpl Drop for G { fn drop(&mut self) {\n if std::thread::panicking() { let _ = std::fs::remove_file(\"lock\"); }\n} }\nfn main() { let _g = G; }\n",
    );
    assert!(planned && said.contains("main.rs:3"), "{said}");
}

#[test]
fn a_plan_written_into_an_ignored_file_says_so() {
    let project = Project::new(&[
        ("Cargo.toml", MANIFEST),
        (".gitignore", ".cargo/\ntarget/\n"),
        (
            ".cargo/config.toml",
            "[build]\nrustflags = [\"--cfg\", \"a\"]\n",
        ),
    ]);
    let ignored = |project: &Project| {
        let run = project.json(&["--target", "size", "--allow", "relr", "--dry-run"]);
        run.json()["warnings"]
            .to_string()
            .contains("ignored-by-git")
    };
    assert!(!ignored(&project), "no repository");
    let mut git = integration_tests::command::command("git");
    let status = git
        .args(["init", "-q"])
        .current_dir(project.root())
        .status();
    assert!(status.unwrap().success());
    assert!(ignored(&project));
    project.write(".gitignore", "target/\n");
    assert!(!ignored(&project));
}

/// A member of a chain: a package without a workspace of its own.
fn package(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}")
}

#[test]
fn dependencies_are_resolved_without_a_lock_file_and_without_writing_one() {
    let mid = package(
        "mid",
        "[dependencies]\ndep = { path = \"../dep\" }\n[dev-dependencies]\nnever-downloaded = \"77\"\n",
    );
    let dep = package("dep", "[lib]\ncrate-type = [\"dylib\"]\n");
    let manifest = format!("{MANIFEST}[dependencies]\nmid = {{ path = \"mid\" }}\n");
    let project = Project::new(&[
        ("Cargo.toml", manifest.as_str()),
        ("src/main.rs", "fn main() { mid::f() }\n"),
        ("mid/Cargo.toml", mid.as_str()),
        ("mid/src/lib.rs", "pub fn f() { dep::f() }\n"),
        ("dep/Cargo.toml", dep.as_str()),
        ("dep/src/lib.rs", "pub fn f() {}\n"),
    ]);
    let run = project.json(&["--target", "size", "--yes"]);
    assert!(!project.path("Cargo.lock").exists());
    assert!(run.rows("panic").is_empty(), "{}", run.stdout);
    assert!(run.json()["skipped"].to_string().contains("dep 0.1.0"));
    assert!(
        !run.stdout.contains("dependencies-unknown"),
        "{}",
        run.stdout
    );
    // The witness: the plan builds, and with what it left out nothing does.
    project.write(
        "mid/Cargo.toml",
        &mid.replace("never-downloaded = \"77\"\n", ""),
    );
    assert!(project.builds(&["--release"]));
    let abort = ["--release", "--config", "profile.release.panic=\"abort\""];
    assert!(!project.builds(&abort));
}

#[test]
fn dependencies_that_nobody_knows_are_no_reason_to_abort() {
    let manifest = format!("{MANIFEST}[dependencies]\nnever-downloaded = \"77\"\n");
    let project = Project::new(&[("Cargo.toml", manifest.as_str())]);
    let run = project.json(&["--target", "size", "--dry-run"]);
    assert!(run.rows("panic").is_empty(), "{}", run.stdout);
    let warnings = run.json()["warnings"].to_string();
    assert!(warnings.contains("dependencies-unknown"), "{warnings}");
    assert!(warnings.contains("never-downloaded"), "{warnings}");
    let run = project.json(&["--target", "size", "--allow", "abort", "--dry-run"]);
    assert_eq!(run.rows("panic").len(), 1, "{}", run.stdout);
}

#[test]
fn defmt_is_known_by_its_linker_script() {
    let firmware = |file: &str, text: &str| {
        let project = Project::new(&[("Cargo.toml", MANIFEST), (file, text)]);
        project.write("src/main.rs", MAIN);
        let triple = "thumbv7em-none-eabihf";
        let run = project.json(&["--target", "size", "--triple", triple, "--dry-run"]);
        assert!(run.rows("strip").is_empty(), "{file}: {}", run.stdout);
        assert!(
            run.json()["skipped"].to_string().contains("defmt.x"),
            "{file}"
        );
    };
    firmware(
        ".cargo/config.toml",
        "[build]\nrustflags = [\"-C\", \"link-arg=-Tdefmt.x\"]\n",
    );
    firmware(
        "build.rs",
        "fn main() { println!(\"cargo:rustc-link-arg-bins=-Tdefmt.x\"); }\n",
    );
}

/// What a program says and whether it succeeds, with and without unwinding.
fn unwinding_and_aborting(project: &Project) -> [(String, bool); 2] {
    ["unwind", "abort"].map(|panic| {
        let config = format!("profile.release.panic=\"{panic}\"");
        let mut cargo = integration_tests::command::cargo();
        cargo.args(["run", "-q", "--release", "--config", &config]);
        let output = cargo
            .current_dir(project.root())
            .output()
            .expect("cargo starts");
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (said, output.status.success())
    })
}

#[test]
fn a_path_dependency_that_catches_panics_blocks_abort() {
    let project = with_library("dep", "", "fn main() { println!(\"{}\", dep::f()) }\n");
    let caught = "pub fn f() -> bool {\n    std::panic::catch_unwind(|| panic!()).is_err()\n}\n";
    project.write("dep/src/lib.rs", caught);
    project.write("dep/Cargo.toml", &package("dep", "[workspace]\n"));
    let run = project.json(&["--target", "size", "--dry-run"]);
    assert!(run.rows("panic").is_empty(), "{}", run.stdout);
    assert!(
        run.json()["skipped"]
            .to_string()
            .contains("dep/src/lib.rs:2")
    );
    let [unwinding, aborting] = unwinding_and_aborting(&project);
    assert_eq!(unwinding, ("true".to_owned(), true));
    assert!(!aborting.1);
}

#[test]
fn code_that_outlives_a_panic_in_a_thread_is_named() {
    let source = "use std::sync::{Arc, Mutex, PoisonError};\n\
        fn main() {\n\
            let value = Arc::new(Mutex::new(1));\n\
            let held = value.clone();\n\
            let worker = std::thread::spawn(move || { let _held = held.lock(); panic!() });\n\
            let _ = worker.join();\n\
            println!(\"{}\", value.lock().unwrap_or_else(PoisonError::into_inner));\n\
        }\n";
    let project = Project::new(&[("Cargo.toml", MANIFEST), ("src/main.rs", source)]);
    let run = project.json(&["--target", "size", "--dry-run"]);
    assert_eq!(run.rows("panic").len(), 1, "a warning does not block");
    let warnings = run.json()["warnings"].to_string();
    assert!(warnings.contains("src/main.rs:6: the result"), "{warnings}");
    assert!(warnings.contains("src/main.rs:7: a poisoned"), "{warnings}");
    let [unwinding, aborting] = unwinding_and_aborting(&project);
    assert_eq!(unwinding, ("1".to_owned(), true));
    assert!(!aborting.1);
}
