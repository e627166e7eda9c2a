//! What a program that was built finds around it, beside what cargo itself gives it; and what a
//! build for profiling adds. The witnesses are `cargo run`, `cargo bench` and rustc's own arguments.

use crate::project::{HELLO, Project, quiet};
use codecost::cargo::{Additions, Build, BuiltArtifact, Context, Selection, TargetChoice};
use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

/// Prints its environment and where it is.
const PRINT: &str = "fn main() { for (k, v) in std::env::vars() { println!(\"{k}={v}\"); }\n\
                     println!(\"<directory>={}\", std::env::current_dir().unwrap().display()); }\n";
const FILES: [(&str, &str); 6] = [
    (
        "Cargo.toml",
        "[workspace]\nmembers = [\"member\"]\nresolver = \"2\"\n",
    ),
    (
        "member/Cargo.toml",
        "[package]\nname = \"print-it\"\nversion = \"1.2.3-pre\"\nedition = \"2021\"\n\
         authors = [\"A <a@b>\", \"C\"]\ndescription = \"d\"\nlicense = \"MIT\"\n\
         rust-version = \"1.70\"\nrepository = \"https://example.org\"\n\
         [[bench]]\nname = \"plain\"\nharness = false\n",
    ),
    (
        "member/build.rs",
        "fn main() { println!(\"cargo:rustc-env=FROM_SCRIPT=yes\");\n\
         println!(\"cargo:rustc-link-search={}\", std::env::var(\"OUT_DIR\").unwrap()); }\n",
    ),
    ("member/src/main.rs", PRINT),
    ("member/benches/plain.rs", PRINT),
    (
        ".cargo/config.toml",
        "[env]\nPLAIN = \"a\"\nTAKEN = \"ours\"\nFORCED = { value = \"b\", force = true }\n\
         RELATIVE = { value = \"c/d\", relative = true }\n",
    ),
];

/// The variables of a run, without those that rustup's proxy sets for cargo.
fn printed(command: &mut Command) -> BTreeMap<String, String> {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let mut found: BTreeMap<String, String> = pairs
        .filter(|(name, _)| {
            !name.starts_with("RUST") && !["_", "CARGO", "CARGO_HOME", "PATH"].contains(name)
        })
        .map(|(name, value)| (name.to_owned(), without_hashes(value)))
        .collect();
    // rustup adds the toolchain's own directory for cargo.
    if let Some(path) = found.get_mut("LD_LIBRARY_PATH") {
        let own = path
            .split(':')
            .filter(|part| !part.ends_with("/lib") || part.contains("rustlib"));
        *path = own.collect::<Vec<_>>().join(":");
    }
    found
}

/// `build/print-it-0123456789abcdef/out`: the hash follows the flags.
fn without_hashes(value: &str) -> String {
    let parts = value.split('/').map(|part| match part.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            name
        }
        _ => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn run(context: &Context, artifact: &BuiltArtifact) -> Command {
    let mut command = context.command(&artifact.path);
    let environment = artifact.environment.iter();
    command.envs(environment.map(|(name, value)| (name, value)));
    command
}

#[test]
fn a_program_finds_what_cargo_would_give_it() {
    let project = Project::new(&FILES);
    let context = project
        .context()
        .with_env("TAKEN", "theirs")
        .with_env("FORCED", "theirs");
    let target = project.path("target/codecost/profiling");

    let built = Build::one(&context, &quiet(), &Additions::PROFILING).unwrap();
    let ours = printed(&mut run(&context, &built.artifacts[0]));
    let mut cargo = context.cargo();
    cargo
        .args(["run", "-q", "--release", "--target-dir"])
        .arg(&target);
    let theirs = printed(&mut cargo);
    assert_eq!(theirs.get("FROM_SCRIPT").map(String::as_str), Some("yes"));
    assert_eq!(theirs.get("TAKEN").map(String::as_str), Some("theirs"));
    assert_eq!(ours, theirs);

    let bench = Selection {
        target: TargetChoice::Bench(Some("plain".into())),
        ..quiet()
    };
    let built = Build::one(&context, &bench, &Additions::PROFILING).unwrap();
    let artifact = &built.artifacts[0];
    let ours = printed(run(&context, artifact).current_dir(&artifact.package_root));
    let mut cargo = context.cargo();
    cargo
        .args(["bench", "-q", "--bench", "plain", "--target-dir"])
        .arg(&target);
    let theirs = printed(&mut cargo);
    assert!(theirs.contains_key("CARGO_BIN_EXE_print-it"));
    assert_eq!(ours, theirs);
    assert_eq!(built.target_directory, project.path("target"));
}

#[test]
fn a_build_for_profiling_adds_lines_and_keeps_more_where_there_is_more() {
    let debug_of = |profile: &str, additions: &Additions| {
        let project = Project::new(&HELLO);
        project.write("Cargo.toml", &format!("{}{profile}", HELLO[0].1));
        let context = project.recording(project.context());
        let built = Build::one(&context, &quiet(), additions).unwrap();
        let calls = project.recorded("hello");
        let [arguments] = calls.as_slice() else {
            panic!("{calls:?}")
        };
        let joined = arguments.join(" ").replace("-C ", "-C");
        let words = joined.split(' ').map(str::to_owned);
        let own: Vec<String> = words
            .filter(|word| {
                ["-Cdebuginfo", "-Cstrip", "-Cforce", "-Csymbol"]
                    .iter()
                    .any(|start| word.starts_with(start))
            })
            .collect();
        (own.join(" "), built.additions)
    };
    let (flags, notes) = debug_of("", &Additions::PROFILING);
    assert!(flags.ends_with("-Cstrip=none -Cdebuginfo=1"), "{flags}");
    assert_eq!(notes, ["strip=none", "debug=1"]);
    // Nothing else: names stay as the user's build makes them.
    assert!(!flags.contains("symbol-mangling"), "{flags}");

    let frames = Additions::PROFILING.with_frame_pointers();
    let (flags, notes) = debug_of("", &frames);
    assert!(flags.ends_with("-Cforce-frame-pointers=yes"), "{flags}");
    assert!(notes.contains(&"frame pointers".to_owned()));

    for level in ["2", "true", "\"full\""] {
        let profile = format!("[profile.release]\ndebug = {level}\n");
        let (flags, notes) = debug_of(&profile, &Additions::PROFILING);
        assert!(
            flags.contains("-Cdebuginfo=2") && !flags.contains("-Cdebuginfo=1"),
            "{flags}"
        );
        assert_eq!(notes, ["strip=none", "debug=2 as the profile has it"]);
    }
    let lines = "[profile.release]\ndebug = \"line-tables-only\"\n";
    let (flags, _) = debug_of(lines, &Additions::PROFILING);
    assert!(flags.ends_with("-Cdebuginfo=1"), "{flags}");
}
