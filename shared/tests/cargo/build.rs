//! Building: the choice of the artifact, the flags that reach rustc, the user's files untouched.

use crate::project::{HELLO, Project, bin, quiet};
use codecost::{
    Error,
    cargo::{Additions, Build, Context, Selection, TargetChoice, TargetKind},
};
use object::{Object, ObjectSymbol};
use std::{fs, path::Path, process::Stdio};

fn symbols(path: &Path) -> Vec<String> {
    let data = fs::read(path).unwrap();
    let file = object::File::parse(&*data).unwrap();
    file.symbols()
        .filter_map(|symbol| Some(symbol.name().ok()?.to_owned()))
        .collect()
}

fn usage(result: codecost::Result<Build>) -> (String, String) {
    match result {
        Err(error @ Error::Usage { .. }) => {
            assert_eq!(error.exit_code(), 2);
            (error.to_string(), error.hint().unwrap_or_default())
        }
        other => panic!("not a usage error: {other:?}"),
    }
}

fn cargo_build(context: &Context, args: &[&str]) {
    let status = context
        .cargo()
        .args(["build", "-q"])
        .args(args)
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn the_users_own_artifact_stays_as_it_is() {
    let project = Project::new(&HELLO);
    project.write(
        "Cargo.toml",
        &format!("{}[profile.release]\nstrip = true\n", HELLO[0].1),
    );
    let context = project.context();
    cargo_build(&context, &["--release"]);
    let own = project
        .path("target/release")
        .join(format!("hello{}", std::env::consts::EXE_SUFFIX));
    let before = fs::read(&own).unwrap();

    let built = Build::one(&context, &quiet(), &Additions::ANALYSIS.with_debug()).unwrap();
    let artifact = &built.artifacts[0];
    assert_eq!(fs::read(&own).unwrap(), before);
    assert!(
        artifact.path.starts_with(project.path("target/codecost")),
        "{:?}",
        artifact.path
    );
    assert_eq!(artifact.target.package, "hello");
    assert_eq!(artifact.target.kind, TargetKind::Bin);
    assert!(!artifact.fresh);
    assert_eq!(built.profile, "release");
    assert!(built.additions.contains(&"strip=none".to_owned()));
    assert!(fs::metadata(&artifact.path).unwrap().len() > before.len() as u64);

    let again = Build::one(&context, &quiet(), &Additions::ANALYSIS.with_debug()).unwrap();
    assert!(again.artifacts[0].fresh);
    // Without additions it is what the user's own profile builds, elsewhere.
    let plain = Build::one(&context, &quiet(), &Additions::NONE).unwrap();
    assert_eq!(fs::read(&plain.artifacts[0].path).unwrap(), before);
    assert!(plain.additions.is_empty());
    assert!(artifact.path.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn symbols_are_kept_and_say_their_crates() {
    let project = Project::new(&HELLO);
    project.write(
        "Cargo.toml",
        &format!(
            "{}[profile.small]\ninherits = \"release\"\nstrip = \"symbols\"\n\
             [profile.small.package.hello]\nstrip = \"symbols\"\n",
            HELLO[0].1
        ),
    );
    project.write(
        ".cargo/config.toml",
        "build.rustflags = [\"-Cstrip=symbols\"]",
    );
    let selection = Selection {
        profile: Some("small".into()),
        ..quiet()
    };
    let built = Build::one(&project.context(), &selection, &Additions::ANALYSIS).unwrap();
    assert_eq!(built.profile, "small");
    let names = symbols(&built.artifacts[0].path);
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("_R") && name.ends_with("5hello4main"))
    );
    let stripped = Build::one(&project.context(), &selection, &Additions::NONE).unwrap();
    assert!(symbols(&stripped.artifacts[0].path).is_empty());
}

#[cfg(unix)]
mod flags {
    use super::*;
    use codecost::cargo::{RustflagsSource, Toolchain};

    /// What the compiler of `hello` was given behind cargo's own arguments.
    fn given(project: &Project, context: Context, selection: &Selection) -> (Build, Vec<String>) {
        let context = project.recording(context);
        let built = Build::one(&context, selection, &Additions::ANALYSIS).unwrap();
        let mut recorded = project.recorded("hello");
        assert_eq!(
            recorded.len(),
            1,
            "the user's wrapper must see the compilation"
        );
        (built, recorded.remove(0))
    }

    fn has(args: &[String], wanted: &[&str]) -> bool {
        args.windows(wanted.len()).any(|window| window == wanted)
    }

    /// The flags wanted, in order, at the end, with the additions behind them.
    fn assert_ends(project: &Project, args: &[String], wanted: &[&str]) {
        let mut all = wanted.to_vec();
        all.push("-Cstrip=none");
        let toolchain = Toolchain::load(&project.context(), &Selection::default()).unwrap();
        if !toolchain.v0_is_default() {
            all.push("-Csymbol-mangling-version=v0");
        }
        assert!(
            args.ends_with(&all.iter().map(|&flag| flag.to_owned()).collect::<Vec<_>>()),
            "{args:?}"
        );
    }

    const CONFIG: &str = r#"
        [build]
        rustflags = ["--cfg", "from_build"]
    "#;
    const TARGETS: &str = r#"
        [target.'cfg(unix)']
        rustflags = ["--cfg", "from_unix"]
        [target.'cfg(windows)']
        rustflags = ["--cfg", "from_windows"]
        [target.'cfg(from_triple)']
        rustflags = "--cfg from_round_two"
    "#;

    #[test]
    fn each_source_of_rustflags_stays_in_force_and_no_other_enters() {
        let project = Project::new(&HELLO);
        project.write(".cargo/config.toml", CONFIG);
        let plain = || project.context();

        let (built, args) = given(&project, plain(), &quiet());
        assert_eq!(built.rustflags.source, RustflagsSource::Build);
        assert_ends(&project, &args, &["--cfg", "from_build"]);

        let context = plain().with_env("CARGO_BUILD_RUSTFLAGS", "--cfg from_env");
        let selection = Selection {
            config: vec!["build.rustflags=['--cfg', 'from_cli']".into()],
            ..quiet()
        };
        let (_, args) = given(&project, context, &selection);
        assert_ends(
            &project,
            &args,
            &[
                "--cfg",
                "from_build",
                "--cfg",
                "from_env",
                "--cfg",
                "from_cli",
            ],
        );

        let context = plain().with_env("RUSTFLAGS", " --cfg  from_variable ");
        let (built, args) = given(&project, context, &quiet());
        assert_eq!(built.rustflags.source, RustflagsSource::Variable);
        assert_ends(&project, &args, &["--cfg", "from_variable"]);
        assert!(!has(&args, &["--cfg", "from_build"]));

        // Set but empty: it voids the configuration.
        let (built, args) = given(&project, plain().with_env("RUSTFLAGS", ""), &quiet());
        assert_eq!(built.rustflags.source, RustflagsSource::Variable);
        assert!(!has(&args, &["--cfg", "from_build"]));
        assert_ends(&project, &args, &[]);

        let context = plain()
            .with_env("RUSTFLAGS", "--cfg from_variable")
            .with_env("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}from_encoded=\"a b\"");
        let (built, args) = given(&project, context, &quiet());
        assert_eq!(built.rustflags.source, RustflagsSource::EncodedVariable);
        assert_ends(&project, &args, &["--cfg", "from_encoded=\"a b\""]);
        assert!(!has(&args, &["--cfg", "from_variable"]));
    }

    #[test]
    fn tables_of_the_target_are_joined_by_cfg_and_replace_those_of_the_build() {
        let project = Project::new(&HELLO);
        project.write(".cargo/config.toml", &format!("{CONFIG}{TARGETS}"));
        let host = Toolchain::load(&project.context(), &Selection::default())
            .unwrap()
            .host;
        let (built, args) = given(&project, project.context(), &quiet());
        assert_eq!(built.rustflags.source, RustflagsSource::Target);
        assert_ends(&project, &args, &["--cfg", "from_unix"]);
        assert!(!has(&args, &["--cfg", "from_build"]));

        let variable = format!(
            "CARGO_TARGET_{}_RUSTFLAGS",
            host.to_uppercase().replace('-', "_")
        );
        let context = project.context().with_env(variable, "--cfg from_triple");
        let (_, args) = given(&project, context, &quiet());
        let joined = [
            "--cfg",
            "from_triple",
            "--cfg",
            "from_round_two",
            "--cfg",
            "from_unix",
        ];
        assert_ends(&project, &args, &joined);
    }

    #[test]
    fn an_explicit_target_keeps_its_flags_from_build_scripts() {
        let project = Project::new(&HELLO);
        project.write(".cargo/config.toml", CONFIG);
        project.write("build.rs", "fn main() {}");
        let host = Toolchain::load(&project.context(), &Selection::default())
            .unwrap()
            .host;
        let context = project.recording(project.context());
        let selection = Selection {
            triple: Some(host.clone()),
            ..quiet()
        };
        let built = Build::one(&context, &selection, &Additions::ANALYSIS).unwrap();
        assert_eq!(built.triple, host);
        assert!(built.artifacts[0].path.to_string_lossy().contains(&host));
        let text = fs::read_to_string(project.path("recorded")).unwrap();
        let script = text
            .lines()
            .find(|line| line.contains("build_script_build"))
            .unwrap();
        assert!(!script.contains("from_build") && !script.contains("strip=none"));
        assert_ends(
            &project,
            &project.recorded("hello")[0],
            &["--cfg", "from_build"],
        );
    }

    #[test]
    fn configuration_is_found_as_cargo_finds_it() {
        let project = Project::new(&[]);
        for (path, text) in HELLO {
            project.write(&format!("work/{path}"), text);
        }
        project.write(
            "cargo-home/config.toml",
            "build.rustflags = ['--cfg', 'home']",
        );
        project.write(".cargo/config", "build.rustflags = ['--cfg', 'legacy']");
        project.write(
            ".cargo/config.toml",
            "build.rustflags = ['--cfg', 'shadowed']",
        );
        project.write(
            "work/.cargo/config.toml",
            "build.rustflags = ['--cfg', 'near']",
        );
        project.write("given.toml", "build.rustflags = ['--cfg', 'file']");
        let selection = Selection {
            config: vec!["../given.toml".into()],
            ..quiet()
        };
        let (_, args) = given(&project, project.context_in("work"), &selection);
        let wanted = [
            "--cfg", "home", "--cfg", "legacy", "--cfg", "near", "--cfg", "file",
        ];
        assert_ends(&project, &args, &wanted);
    }

    #[test]
    fn files_may_include_others_where_cargo_knows_that() {
        let project = Project::new(&HELLO);
        let toolchain = Toolchain::load(&project.context(), &Selection::default()).unwrap();
        if toolchain.minor() < Some(95) {
            return;
        }
        project.write(
            ".cargo/config.toml",
            "include = ['one.toml', { path = 'none.toml', optional = true }]\n\
             build.rustflags = ['--cfg', 'own']",
        );
        project.write(".cargo/one.toml", "build.rustflags = ['--cfg', 'included']");
        let (_, args) = given(&project, project.context(), &quiet());
        assert_ends(&project, &args, &["--cfg", "included", "--cfg", "own"]);
    }

    #[test]
    fn without_additions_rustc_gets_what_the_user_s_build_gives_it() {
        let project = Project::new(&HELLO);
        project.write(".cargo/config.toml", CONFIG);
        let context = project.recording(project.context());
        cargo_build(&context, &["--release"]);
        let own = project.recorded("hello").remove(0);
        Build::one(&context, &quiet(), &Additions::NONE).unwrap();
        let plain = project.recorded("hello").remove(0);
        let without_directories = |args: &[String]| -> Vec<String> {
            args.iter()
                .filter(|arg| !arg.contains("target"))
                .cloned()
                .collect()
        };
        assert_eq!(without_directories(&own), without_directories(&plain));
    }
}

#[test]
fn directories_of_every_kind_are_followed() {
    let project = Project::new(&HELLO);
    let exe = format!("hello{}", std::env::consts::EXE_SUFFIX);
    let context = project
        .context()
        .with_env("CARGO_TARGET_DIR", project.path("by-variable"));
    let built = Build::one(&context, &quiet(), &Additions::ANALYSIS).unwrap();
    assert_eq!(
        built.artifacts[0].path,
        project
            .path("by-variable/codecost/analysis/release")
            .join(&exe)
    );
    let selection = Selection {
        target_dir: Some("by-flag".into()),
        ..quiet()
    };
    let built = Build::one(&context, &selection, &Additions::ANALYSIS).unwrap();
    assert!(
        built.artifacts[0]
            .path
            .starts_with(project.path("by-flag/codecost"))
    );

    project.write(".cargo/config.toml", "build.build-dir = 'intermediate'");
    let built = Build::one(&project.context(), &quiet(), &Additions::ANALYSIS).unwrap();
    assert!(
        built.artifacts[0]
            .path
            .starts_with(project.path("target/codecost"))
    );
    if built.toolchain.minor() >= Some(91) {
        let entries: Vec<_> = fs::read_dir(project.path("intermediate"))
            .unwrap()
            .collect();
        assert_eq!(entries.len(), 1, "nothing beside codecost/: {entries:?}");
        assert!(
            project
                .path("intermediate/codecost/analysis/release/deps")
                .is_dir()
        );
    }
}

#[test]
fn a_failing_build_is_the_commands_error_and_exits_with_101() {
    let project = Project::new(&HELLO);
    project.write("src/main.rs", "fn main() { 1 + }");
    let error = Build::one(&project.context(), &quiet(), &Additions::ANALYSIS).unwrap_err();
    assert!(matches!(error, Error::Command { .. }), "{error:?}");
    assert_eq!(error.exit_code(), 101);
    assert!(
        error.to_string().contains("cargo build --release"),
        "{error}"
    );
    // A profile that does not exist is cargo's error as well.
    let selection = Selection {
        profile: Some("nope".into()),
        ..quiet()
    };
    let error = Build::one(&project.context(), &selection, &Additions::ANALYSIS).unwrap_err();
    assert_eq!(error.exit_code(), 101);
}

const SEVERAL: [(&str, &str); 8] = [
    (
        "Cargo.toml",
        "[workspace]\nmembers = [\"one\", \"two\", \"three\"]\nresolver = \"2\"\n",
    ),
    (
        "one/Cargo.toml",
        "[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    ),
    ("one/src/main.rs", "fn main() {}"),
    ("one/src/bin/other.rs", "fn main() {}"),
    (
        "two/Cargo.toml",
        "[package]\nname = \"two\"\nversion = \"0.2.0\"\nedition = \"2021\"\ndefault-run = \"b\"\n",
    ),
    ("two/src/bin/a.rs", "fn main() {}"),
    ("two/src/bin/b.rs", "fn main() {}"),
    (
        "three/Cargo.toml",
        "[package]\nname = \"three\"\nversion = \"0.3.0\"\nedition = \"2021\"\n",
    ),
];

#[test]
fn the_choice_is_cargo_runs_and_an_open_one_lists_flags_to_paste() {
    let project = Project::new(&SEVERAL);
    project.write("three/src/lib.rs", "");
    project.write("three/examples/show.rs", "fn main() {}");
    let context = project.context();
    let build = |selection: &Selection| Build::one(&context, selection, &Additions::NONE);
    let of = |package: &str| Selection {
        packages: vec![package.into()],
        ..quiet()
    };

    let (message, hint) = usage(build(&of("one")));
    assert!(message.contains("2 targets"), "{message}");
    assert!(
        hint.contains("\n  -p one --bin one\n  -p one --bin other"),
        "{hint}"
    );

    let (message, hint) = usage(build(&bin("nope")));
    assert!(message.contains("`nope`"), "{message}");
    assert!(hint.contains("-p two --bin b"), "{hint}");
    let (_, hint) = usage(build(&Selection {
        packages: vec!["one".into()],
        ..bin("b")
    }));
    assert_eq!(
        hint.lines().last(),
        Some("  -p two --bin b"),
        "the name is another package's"
    );

    let (message, hint) = usage(build(&of("four")));
    assert!(
        message.contains("`four`") && hint.contains("-p three"),
        "{message} {hint}"
    );

    // Neither a binary nor a linked library: says what there is, and what could be.
    let (message, hint) = usage(build(&of("three")));
    assert!(message.contains("`three`"), "{message}");
    assert!(
        hint.contains("-p three --example show") && hint.contains("-p three --lib   (lib)"),
        "{hint}"
    );
    assert!(hint.contains("cdylib"), "{hint}");

    let built = build(&of("two")).unwrap();
    assert_eq!(built.artifacts[0].target.name, "b");
    // In the whole workspace two's default-run is the only one.
    assert_eq!(build(&quiet()).unwrap().artifacts[0].target.name, "b");
    // In a member's directory that member is meant.
    let inside = project.context_in("two");
    let built = Build::one(&inside, &quiet(), &Additions::NONE).unwrap();
    assert_eq!(built.artifacts[0].target.package, "two");

    let library = Selection {
        target: TargetChoice::Lib,
        ..of("three")
    };
    let built = build(&library).unwrap();
    assert_eq!(built.artifacts[0].target.kind, TargetKind::Rlib);
    assert_eq!(built.artifacts[0].path.extension().unwrap(), "rlib");
    let example = Selection {
        target: TargetChoice::Example(None),
        ..of("three")
    };
    assert_eq!(
        build(&example).unwrap().artifacts[0].target.kind,
        TargetKind::Example
    );
}

#[test]
fn libraries_are_analysed_in_their_linked_form() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            "[package]\nname = \"my-lib\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
             [lib]\ncrate-type = [\"rlib\", \"staticlib\", \"cdylib\"]\n",
        ),
        (
            "src/lib.rs",
            "#[no_mangle] pub extern \"C\" fn seven() -> i32 { 7 }",
        ),
    ]);
    let built = Build::one(&project.context(), &quiet(), &Additions::ANALYSIS).unwrap();
    let artifact = &built.artifacts[0];
    assert_eq!(artifact.target.kind, TargetKind::Cdylib);
    assert_eq!(
        artifact.path.extension().unwrap(),
        std::env::consts::DLL_EXTENSION
    );
    assert!(artifact.target.crate_types.contains(&"rlib".to_owned()));
}

#[test]
fn benchmarks_and_tests_are_built_as_such() {
    let project = Project::new(&HELLO);
    project.write("benches/speed.rs", "#[test] fn it_works() {}");
    project.write("benches/more.rs", "#[test] fn it_works() {}");
    project.write("tests/check.rs", "#[test] fn it_works() {}");
    let context = project.context();
    let bench = Selection {
        target: TargetChoice::Bench(Some("speed".into())),
        ..quiet()
    };
    let built = Build::one(&context, &bench, &Additions::ANALYSIS).unwrap();
    assert_eq!(
        (built.profile.as_str(), built.artifacts[0].target.kind),
        ("bench", TargetKind::Bench)
    );
    let all = Selection {
        target: TargetChoice::Bench(None),
        ..quiet()
    };
    assert_eq!(
        Build::all(&context, &all, &Additions::ANALYSIS)
            .unwrap()
            .artifacts
            .len(),
        2
    );
    let test = Selection {
        target: TargetChoice::Test(None),
        ..quiet()
    };
    let built = Build::one(&context, &test, &Additions::ANALYSIS).unwrap();
    let output = context.command(&built.artifacts[0].path).output().unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("it_works"),
        "has its harness"
    );
}
