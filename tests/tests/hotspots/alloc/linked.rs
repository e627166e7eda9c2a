//! Programs with an allocator of their own, and static ones: the recorder is linked in, and counts what
//! the program counts itself when nobody records it.

use super::{COUNT, by_name, json, number, rows, told};
use crate::hotspots;
use integration_tests::command::{command, output};
use integration_tests::fixture::Fixture;
use integration_tests::tool::{Run, Tool};
use serde_json::Value;

/// What is said when the recorder is linked in.
const LINKED: &str = "with the allocation recorder";

fn recorded(tool: &Tool, flags: &[&str]) -> Run {
    let view = ["alloc", "--message-format", "json", "--bin", "allocating"];
    tool.run(view.iter().chain(flags).chain(&["--", COUNT]))
}

/// An arena of the program's own, a static program with it, one that is optimised as a whole, and a
/// static one with std's allocator: to the block and the byte, and with the note that C code is not in.
/// The program tells what it counts in a run that nobody records: each block is a little longer then,
/// which an allocator of its own sees.
#[test]
fn what_is_linked_in_counts_what_the_program_counts() {
    let fixture = Fixture::new("allocating");
    let tool = hotspots().in_directory(fixture.path());
    let own = ["--features", "own"];
    let fixed = "build.rustflags=[\"-Ctarget-feature=+crt-static\"]";
    let fixed = ["--target", "x86_64-unknown-linux-gnu", "--config", fixed];
    let fat = ["--config", "profile.release.lto=\"fat\""];
    let plain = [&["run", "--quiet", "--release"], &own[..], &["--", COUNT]].concat();
    let told = told(&fixture.cargo(&plain));
    for (name, flags) in [
        ("own", own.to_vec()),
        ("own, fat LTO", [own, fat].concat()),
        ("own, static", [&own[..], &fixed].concat()),
        ("std's, static", fixed.to_vec()),
    ] {
        let run = recorded(&tool, &flags);
        let report = json(&run);
        assert!(run.stderr.contains(LINKED), "{name}: {}", run.stderr);
        assert_eq!(report["estimated"], false, "{name}");
        for (crate_name, counted) in &told {
            if crate_name == "all" {
                continue;
            }
            let row = by_name(rows(&report, "crates"), crate_name);
            let found = ["allocations", "reallocations", "bytes"].map(|key| number(row, key));
            assert_eq!(found, *counted, "{name}: {crate_name}");
        }
        let notes = rows(&report["recording"], "degradations");
        let says = |note: &Value| note["code"] == "rust-only";
        assert!(notes.iter().any(says), "{name}: {notes:?}");
        // Blocks that are freed are known again.
        let [frees, made] = ["frees", "allocations"].map(|key| number(&report["totals"], key));
        assert!(
            frees <= made && made - frees < 20,
            "{name}: {frees} of {made}"
        );
    }

    // A program that only passes on to the C library's allocator needs none of that.
    let tool = hotspots().in_directory(fixture.path());
    let run = recorded(&tool, &["--features", "counting"]);
    assert!(!run.stderr.contains(LINKED), "{}", run.stderr);

    // One that is there cannot be linked anew: refused, with the way round.
    let program = fixture.path().join("target/release/allocating");
    let state = fixture.root().join("state");
    let mut exec = command(env!("CARGO_BIN_EXE_hotspots-under-test"));
    exec.env("XDG_STATE_HOME", state)
        .args(["hotspots", "alloc", "--exec"]);
    let ended = output(exec.arg(program).args(["--", COUNT]));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(101), "{said}");
    assert!(
        said.contains("it has an allocator of its own") && said.contains("--bin NAME"),
        "{said}"
    );
}
