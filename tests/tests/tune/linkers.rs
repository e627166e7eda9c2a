//! Flags for the linker, with the linkers that are here. The witness links a program of its own with
//! rustc; `readelf` and `nm` read what came of it, and the program is started.

use std::io::Write;
use std::path::Path;

use integration_tests::command::{command, succeed};
use serde_json::Value;
use tempfile::TempDir;

use crate::project::{MANIFEST, Project};

/// Two functions of the same machine code, in a program that says nothing of them.
const TWINS: &str = "use std::hint::black_box;\n\
    #[inline(never)] #[no_mangle] pub extern \"C\" fn one_twin(x: u64) -> u64 { x.rotate_left(3) ^ 7 }\n\
    #[inline(never)] #[no_mangle] pub extern \"C\" fn other_twin(x: u64) -> u64 { x.rotate_left(3) ^ 7 }\n\
    fn main() { assert!(black_box(one_twin as fn_)(4) == black_box(other_twin as fn_)(4)); }\n\
    #[allow(non_camel_case_types)] type fn_ = extern \"C\" fn(u64) -> u64;\n";

/// What rustc is told to link with each of them; nothing for its own choice.
const LINKERS: [&[&str]; 5] = [
    &[],
    &["-Clink-arg=-fuse-ld=bfd"],
    &["-Clink-arg=-fuse-ld=gold"],
    &["-Clinker-features=-lld", "-Clink-arg=-fuse-ld=lld"],
    &["-Clink-arg=-fuse-ld=mold"],
];

/// Whether a program linked with `linker` and `flag` starts and is what `holds` says.
fn witness(linker: &[&str], flag: &str, triple: &str, holds: impl Fn(&Path) -> bool) -> bool {
    let directory = TempDir::with_prefix("linkers-").unwrap();
    let (source, program) = (
        directory.path().join("twins.rs"),
        directory.path().join("twins"),
    );
    std::fs::write(&source, TWINS).unwrap();
    let mut rustc = command("rustc");
    rustc
        .args(["--edition=2021", "--target", triple])
        .args(linker);
    rustc.arg(flag).arg(&source).arg("-o").arg(&program);
    let linked = rustc.output().expect("rustc starts").status.success();
    let starts = || command(&program).output().is_ok_and(|o| o.status.success());
    linked && starts() && holds(&program)
}

fn has_relr(program: &Path) -> bool {
    let dynamic = succeed(
        command("readelf")
            .args(["--dynamic", "--wide"])
            .arg(program),
    );
    dynamic.contains("(RELR)")
}

/// Whether the two functions have one address, or one symbol is left of them.
fn is_folded(program: &Path) -> bool {
    let names = succeed(command("nm").arg(program));
    let twins = names.lines().filter(|line| line.ends_with("_twin"));
    let mut addresses: Vec<_> = twins.filter_map(|line| line.split(' ').next()).collect();
    addresses.dedup();
    addresses.len() == 1
}

fn with_linker(linker: &[&str]) -> Project {
    let config = format!("[build]\nrustflags = {linker:?}\n");
    Project::new(&[("Cargo.toml", MANIFEST), (".cargo/config.toml", &config)])
}

fn plan(project: &Project, more: &[&str]) -> Value {
    let arguments = ["--target", "size", "--dry-run"];
    project.json(&[&arguments[..], more].concat()).json()
}

/// Whether a flag is planned; what is not is skipped with what the linker is or said.
fn is_planned(plan: &Value, knob: &str, flag: &str) -> bool {
    let rows = plan["rows"].as_array().unwrap();
    let planned = rows
        .iter()
        .any(|row| row["after"].to_string().contains(flag));
    let skipped = plan["skipped"].as_array().unwrap();
    let skipped: Vec<_> = skipped.iter().filter(|s| s["key"] == knob).collect();
    assert_eq!(skipped.len(), usize::from(!planned), "{knob}: {skipped:?}");
    let told = skipped.iter().all(|s| {
        s["reason"].as_str().unwrap().contains("link")
            && !s["evidence"].as_array().unwrap().is_empty()
    });
    assert!(told, "{skipped:?}");
    planned
}

#[test]
fn a_flag_is_planned_where_the_linker_heeds_it() {
    let triple = "x86_64-unknown-linux-gnu";
    let mut seen = [[false; 2]; 2];
    for linker in LINKERS {
        let plan = plan(&with_linker(linker), &["--allow", "relr", "--allow", "icf"]);
        let relr = "-Clink-arg=-Wl,-z,pack-relative-relocs";
        let icf = "-Clink-arg=-Wl,--icf=all";
        let expected = [
            witness(linker, relr, triple, has_relr),
            witness(linker, icf, triple, is_folded),
        ];
        let planned = [
            is_planned(&plan, "relr", relr),
            is_planned(&plan, "icf", icf),
        ];
        assert_eq!(planned, expected, "{linker:?}: {plan}");
        for (seen, is) in seen.iter_mut().zip(expected) {
            seen[usize::from(is)] = true;
        }
    }
    assert_eq!(seen, [[true; 2]; 2], "each flag is both heeded and not");
}

#[test]
fn musl_has_a_linker_of_its_own() {
    let triple = "x86_64-unknown-linux-musl";
    let installed =
        succeed(command("rustc").args(["--print", "target-libdir", "--target", triple]));
    if !Path::new(installed.trim()).join("self-contained").is_dir() {
        let what = "left out: no standard library for musl, `rustup target add` brings it";
        writeln!(std::io::stderr(), "{what}").unwrap();
        return;
    }
    let plan = plan(
        &with_linker(&[]),
        &["--allow", "relr", "--allow", "icf", "--triple", triple],
    );
    for (knob, flag, holds) in [
        (
            "relr",
            "-Clink-arg=-Wl,-z,pack-relative-relocs",
            has_relr as fn(&Path) -> bool,
        ),
        ("icf", "-Clink-arg=-Wl,--icf=all", is_folded),
    ] {
        let expected = witness(&[], flag, triple, holds);
        assert_eq!(is_planned(&plan, knob, flag), expected, "{plan}");
    }
}

#[test]
fn what_cannot_be_tried_is_said() {
    let triple = "sparc64-unknown-linux-gnu";
    let arguments = ["--allow", "relr", "--glibc", "2.40", "--triple", triple];
    let plan = plan(&with_linker(&[]), &arguments);
    assert!(plan["rows"].to_string().contains("pack-relative-relocs"));
    let warnings = plan["warnings"].as_array().unwrap();
    let untried = warnings.iter().find(|w| w["code"] == "link-untried");
    let untried = untried.expect("a warning");
    assert!(untried["message"].as_str().unwrap().contains(triple));
    assert!(untried["help"].is_string());
}

#[test]
fn a_trial_stays_below_the_target_directory() {
    let project = with_linker(&[]);
    let before = project.snapshot();
    plan(&project, &["--allow", "icf", "--target-dir", "elsewhere"]);
    assert!(project.path("elsewhere/codecost/tune/link").is_dir());
    assert!(!project.path("target").exists());
    std::fs::remove_dir_all(project.path("elsewhere")).unwrap();
    assert_eq!(project.snapshot(), before);
}
