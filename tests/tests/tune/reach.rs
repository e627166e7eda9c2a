//! Which packages, and which platforms, a setting reaches. The witness is cargo's own unit graph,
//! or the arguments that it gives to rustc.

use serde_json::Value;

use crate::project::{MANIFEST, Project, Run};
use integration_tests::command::{cargo, command, succeed};

const DEP: &str = "[package]\nname = \"dep\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

/// A program with a dependency that has a build script, and these tables.
fn program(tables: &str) -> Project {
    let manifest = format!("{MANIFEST}[dependencies]\ndep = {{ path = \"dep\" }}\n{tables}");
    Project::new(&[
        ("Cargo.toml", &manifest),
        ("src/main.rs", "fn main() { dep::f() }\n"),
        ("dep/Cargo.toml", DEP),
        ("dep/src/lib.rs", "pub fn f() {}\n"),
        ("dep/build.rs", "fn main() {}\n"),
    ])
}

/// The values of a key that any unit gets, by cargo.
fn of_units(project: &Project, key: &str) -> Vec<String> {
    let mut cargo = cargo();
    cargo.args(["build", "--release", "--unit-graph"]);
    cargo.args(["-Z", "unstable-options"]);
    cargo
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(project.root());
    let graph: Value = serde_json::from_str(&succeed(&mut cargo)).unwrap();
    let units = graph["units"].as_array().unwrap();
    let compiled = units.iter().filter(|u| u["mode"] == "build");
    let values = compiled.map(|u| u["profile"][key].to_string().replace('"', ""));
    values.collect()
}

/// The rows of a key: the table below the profile's, the value, whether it is void.
fn rows(run: &Run, key: &str) -> Vec<(String, String, bool)> {
    let mut rows = run.rows(key);
    // Cargo does not pass a default, so no unit shows it.
    rows.retain(|row| row["origin"]["kind"] != "default" || key == "strip");
    let rows = rows.into_iter().map(|row| {
        let table = row["table"].as_str().unwrap().to_owned();
        let value = row["value"].to_string().replace('"', "");
        (table, value, !row["void"].is_null())
    });
    rows.collect()
}

/// Each row is in force where a unit has its value, and only there; the values are all different.
#[track_caller]
fn agrees(project: &Project) {
    let keys = [
        ("opt-level", "opt_level"),
        ("codegen-units", "codegen_units"),
    ];
    // Cargo writes the lock file, which tells what other packages there are.
    let got = keys.map(|(_, in_graph)| of_units(project, in_graph));
    let run = project.json(&["show"]);
    for ((key, _), got) in keys.into_iter().zip(got) {
        for (table, value, is_void) in rows(&run, key) {
            let is_got = got.contains(&value);
            assert_eq!(!is_got, is_void, "{table}.{key} = {value}: {got:?}");
        }
    }
}

#[test]
fn a_key_is_void_where_overrides_leave_it_no_package() {
    let all = "[profile.release]\nopt-level = 2\ncodegen-units = 5\n\
               [profile.release.build-override]\nopt-level = 3\ncodegen-units = 6\n";
    let star = "[profile.release.package.\"*\"]\nopt-level = 1\ncodegen-units = 7\n";
    let app = "[profile.release.package.app]\nopt-level = \"s\"\ncodegen-units = 8\n";
    let dep = "[profile.release.package.dep]\nopt-level = \"z\"\n";
    for tables in [
        &[star, app][..],
        &[star],
        &[app],
        &[dep, app],
        &[star, dep, app],
    ] {
        agrees(&program(&format!("{all}{}", tables.concat())));
    }
    // The plan for a program whose own override is all that counts changes that, and check agrees.
    let project = program(&format!("{all}{star}{app}"));
    let run = project.json(&["--target", "size", "--yes"]);
    let changed = run.rows("opt-level");
    assert_eq!(changed.len(), 1, "{}", run.stdout);
    let path = changed[0].to_string();
    assert!(path.contains("package") && path.contains("app"), "{path}");
    assert!(of_units(&project, "opt_level").contains(&"z".to_owned()));
    let check = project.json(&["check", "--target", "size"]);
    // Nothing is said of an override that has the value which is wanted.
    assert!(
        !check.stdout.contains("package.app.opt-level"),
        "{}",
        check.stdout
    );
}

#[test]
fn an_override_for_dependencies_needs_some() {
    let star = "[workspace]\n[profile.release.package.\"*\"]\nopt-level = 1\n";
    let project = program(star);
    agrees(&project);
    assert_eq!(rows(&project.json(&["show"]), "opt-level").len(), 1);
    let plan = project.json(&["--target", "compile-time", "--dry-run"]);
    assert!(!plan.stdout.contains("debug = false"), "{}", plan.stdout);
    // A dependency elsewhere is one.
    assert!(!rows(&program(&star[12..]).json(&["show"]), "opt-level")[0].2);
}

#[test]
fn debug_information_of_other_packages_leaves_the_program_stripped() {
    let tables = "[workspace]\n[profile.release.package.far]\ndebug = 1\n";
    let project = program(tables);
    let dep = format!("{DEP}[dependencies]\nfar = {{ path = \"../far\" }}\n");
    project.write("dep/Cargo.toml", &dep);
    project.write("far/Cargo.toml", &DEP.replace("dep", "far"));
    project.write("far/src/lib.rs", "");
    let strip = |project: &Project| rows(&project.json(&["show"]), "strip")[0].1.clone();
    let call = |project: &Project| project.call("app", &["--release"]).codegen("strip");
    assert_eq!(call(&project).as_deref(), Some("debuginfo"));
    assert_eq!(strip(&project), "debuginfo");
    let near = program(&tables.replace("far", "dep"));
    assert_eq!((call(&near), strip(&near).as_str()), (None, "none"));
}

#[test]
fn panic_is_not_planned_where_cargo_ignores_it() {
    let project = program("[profile.test]\npanic = \"abort\"\n");
    let run = project.json(&["show", "--profile", "test"]);
    assert!(rows(&run, "panic")[0].2, "{}", run.stdout);
    let run = project.json(&["--target", "size", "--profile", "bench", "--dry-run"]);
    assert!(run.rows("panic").is_empty(), "{}", run.stdout);
}

#[test]
fn profiles_with_which_cargo_builds_nothing_are_errors() {
    for tables in [
        "[profile.c]\nopt-level = 1\n",
        "[profile.a]\ninherits = \"b\"\n[profile.b]\ninherits = \"a\"\n",
        "[profile.release]\ninherits = \"dev\"\n",
        "[profile.c]\ninherits = \"none\"\n",
    ] {
        let project = program(tables);
        assert!(!project.is_accepted(&["--release"]), "{tables}");
        let run = project.tune(&["show"]);
        assert_eq!(run.code, Some(101), "{tables}: {}", run.stdout);
    }
    // One that only a config file has is not looked at until it is asked for.
    let project = program("");
    project.write(".cargo/config.toml", "[profile.c]\nopt-level = 1\n");
    assert!(project.is_accepted(&["--release"]));
    project.json(&["show"]);
}

#[test]
fn flags_that_rustc_refuses_are_named() {
    for (flags, is_refused) in [
        ("-Copt-level=9", true),
        ("-Cnope=1", true),
        ("--cfg=a", false),
    ] {
        let project = program("").env("RUSTFLAGS", flags);
        assert_eq!(project.is_accepted(&["--release"]), !is_refused, "{flags}");
        let run = project.json(&["show"]);
        let is_named = run.stdout.contains("refused-rustflags");
        assert_eq!(is_named, is_refused, "{flags}: {}", run.stdout);
    }
    let project = program("").env("RUSTFLAGS", "@flags.txt");
    let run = project.json(&["show"]);
    assert!(run.stdout.contains("flags-not-read"), "{}", run.stdout);
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn flags_in_files_are_read_as_rustc_and_the_linker_read_them() {
    let project = program("[profile.release]\nopt-level = \"s\"\nstrip = \"debuginfo\"\n")
        .env("RUSTFLAGS", "@flags.txt");
    project.write("flags.txt", "-C\nopt-level=1\n-Clink-arg=@link.txt\n");
    project.write("link.txt", "-Wl,--strip-all\n");
    let json = project.json(&["show"]).json();
    assert!(!json["warnings"].to_string().contains("flags-not-read"));
    let void = |key: &str| {
        let rows = json["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["key"] == key).expect(key);
        row["void"].as_str().unwrap_or_default().to_owned()
    };
    for (key, flag) in [
        ("opt-level", "-C opt-level=1"),
        ("strip", "-Clink-arg=-Wl,--strip-all"),
    ] {
        let void = void(key);
        assert!(void.contains(flag), "{key}: {void}");
    }
    // The program that cargo builds has neither symbols nor code of another level.
    assert!(project.builds(&["--release"]));
    let program = project.path("../target/release/app");
    let sections = succeed(command("readelf").args(["-SW"]).arg(&program));
    assert!(sections.contains(".text") && !sections.contains(".symtab"));
}

#[test]
fn targets_and_processors_are_rustcs() {
    let project = program("");
    let of = |arguments: &[&str]| project.tune(&[arguments, &["--dry-run"]].concat());
    let plan = ["--target", "size"];
    let run = of(&[&plan[..], &["--triple", "nope"]].concat());
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let run = project.tune(&["show", "--triple", "nope"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    project.json(&["show", "--triple", "aarch64-unknown-linux-gnu"]);
    for (cpu, code) in [("nope", 2), ("native", 0)] {
        let run = of(&[&plan[..], &["--allow", &format!("target-cpu={cpu}")]].concat());
        assert_eq!(run.code, Some(code), "{cpu}: {}", run.stderr);
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn a_flag_goes_to_the_platform_that_it_was_planned_for() {
    let triple = "x86_64-unknown-linux-gnu";
    let flag = "-Clink-arg=-Wl,-z,pack-relative-relocs";
    let plan = ["--target", "size", "--allow", "relr", "--yes"];
    let shared = "[target.'cfg(unix)']\nrustflags = [\"--cfg\", \"a\"]\n";
    let project = program("");
    project.write(".cargo/config.toml", shared);
    let run = project.json(&plan);
    let written = project.read(".cargo/config.toml");
    assert!(written.starts_with(shared), "{written}");
    assert!(
        written.contains(&format!("[target.{triple}]\n")),
        "{written}"
    );
    let call = project.call("app", &["--release"]);
    let has = |word: &str| call.words.iter().any(|w| w == word);
    assert!(has(flag) && has("a"), "{:?}", call.words);
    // A build that names no target takes the flag into build scripts, whatever the plan was told.
    let code = "flags-reach-build-scripts";
    assert!(run.stdout.contains(code), "{}", run.stdout);
    assert!(!run.stdout.contains("flags-reach-all-targets"));
    let of = |arguments: &[&str]| {
        let calls = project.build(&[&["--release"], arguments].concat());
        let script = calls
            .into_iter()
            .find(|c| c.after("--crate-name") == ["build_script_build"]);
        script.unwrap().words.iter().any(|word| word == flag)
    };
    assert!(of(&[]) && !of(&["--target", triple]));
    project.tune(&["undo"]);
    let with_triple = [&plan[..4], &["--triple", triple, "--dry-run"]].concat();
    assert!(project.json(&with_triple).stdout.contains(code));
    let configured = format!("[build]\ntarget = \"{triple}\"\n{shared}");
    project.write(".cargo/config.toml", &configured);
    let run = project.json(&[&plan[..4], &["--dry-run"]].concat());
    assert!(!run.stdout.contains(code), "{}", run.stdout);

    // Beside `build.rustflags` a table of the target's own would make that void.
    let all = "[build]\nrustflags = [\"--cfg\", \"a\", # why\n \"--cfg\", \"b\"]\n";
    project.write(".cargo/config.toml", all);
    let run = project.json(&plan);
    assert!(run.stdout.contains("flags-reach-all-targets"));
    let call = project.call("app", &["--release"]);
    let has = |word: &str| call.words.iter().any(|w| w == word);
    assert!(has(flag) && has("a") && has("b"), "{:?}", call.words);
}

#[test]
fn a_file_weighs_the_same_compressed_in_all_tools() {
    let project = program("");
    let tool = env!("CARGO_BIN_EXE_tune-under-test");
    let json = project.json(&["measure", "--target", "balanced"]).json();
    let row = &json["rows"][0];
    let own = row["compressed_size"].as_u64().unwrap();
    let variants = project.path("target/codecost/tune/trials/variants");
    let size = row["file_size"].as_u64().unwrap();
    let files = std::fs::read_dir(variants).unwrap();
    let mut files = files.map(|variant| variant.unwrap().path().join("app"));
    let file = files.find(|file| file.metadata().unwrap().len() == size);
    let file = file.unwrap_or_else(|| panic!("no file of {tool} has {size} bytes"));
    let mut gzip = command("gzip");
    let packed = gzip.args(["-9nc"]).arg(&file).output().unwrap().stdout;
    let ratio = own as f64 / packed.len() as f64;
    assert!((0.99..1.01).contains(&ratio), "{own} and {}", packed.len());
    let snapshot = project.path("slim.json");
    let mut slim = command(env!("CARGO_BIN_EXE_slim-under-test"));
    slim.args(["slim", "snapshot", "--compressed", "--file"]);
    succeed(slim.arg(&file).arg("-o").arg(&snapshot));
    let text = project.read("slim.json").replace(' ', "");
    assert!(text.contains(&format!("\"gzip\":{own}")), "{own}: {text}");
}
