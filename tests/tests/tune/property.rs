//! Any manifest that cargo accepts, planned, written and undone, is the same bytes.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::project::Project;

/// Lines of a profile in many spellings; combinations that are no TOML are left to the filter.
fn profile() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "[profile.release]\n",
        "[profile.release] # c\n",
        "[ profile . 'release' ]\n",
        "[profile]\n",
        "release.lto = \"off\"\n",
        "release = { codegen-units = 4 }\n",
        "lto = 'thin'\n",
        "lto=false#x\n",
        "  opt-level = 2 \n",
        "\"opt-level\" = \"s\"\n",
        "strip = \"debuginfo\"\n",
        "debug = 0\n",
        "[profile.release.build-override]\n",
        "[profile.dev]\n",
        "[profile.dist]\n",
        "inherits = 'release'\n",
        "# comment\n",
        "\n",
        "   \n",
        "[features]\n",
        "default = []\n",
        "profile.release.panic = 'unwind'\n",
        "[workspace]\n",
        "[package.metadata.x]\n",
        "y = \"\"\"\n[profile.release]\n\"\"\"\n",
        "z = [\n 1,\n]\n",
    ]);
    prop::collection::vec(line, 0..9).prop_map(|lines| lines.concat())
}

fn config() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![
        None,
        None,
        Some(""),
        Some("[build]\nrustflags = [\"--cfg\", \"a\"]\n"),
        Some("[build]\nrustflags = '''--cfg a'''"),
        Some("build.rustflags = [ ] # none\r\n"),
        Some("[target]\nx86_64-unknown-linux-gnu = { rustflags = [\"--cfg\", \"t\"] }\n"),
        Some("[profile.release]\nlto = true\n"),
    ])
}

#[test]
fn plan_write_and_undo_leave_no_trace() {
    let seen = Cell::new(0);
    let written = Cell::new(0);
    let cases = (
        profile(),
        config(),
        any::<bool>(),
        any::<bool>(),
        0..3_usize,
    );
    let mut runner = TestRunner::new(Config {
        cases: 60,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&cases, |(profile, config, crlf, cut, goal)| {
            let mut manifest = format!(
                "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{profile}"
            );
            if crlf {
                manifest = manifest.replace('\n', "\r\n");
            }
            if cut {
                manifest = manifest.trim_end().to_owned();
            }
            prop_assume!(manifest.parse::<toml_edit::DocumentMut>().is_ok());
            let mut files = vec![("Cargo.toml", manifest.as_str())];
            files.extend(config.map(|text| (".cargo/config.toml", text)));
            let project = Project::new(&files);
            let before = project.snapshot();
            let goal = ["size", "speed", "balanced"][goal];
            let run = project.tune(&[
                "--target",
                goal,
                "--allow",
                "relr",
                "--yes",
                "--message-format",
                "json",
            ]);
            // Cargo itself may refuse the manifest: then nothing may have been touched.
            if run.code != Some(0) {
                prop_assert!(
                    !run.stderr.contains("not safe"),
                    "{}\n{}",
                    manifest,
                    run.stderr
                );
                prop_assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
                prop_assert_eq!(project.snapshot(), before);
                return Ok(());
            }
            seen.set(seen.get() + 1);
            if project.snapshot() != before {
                written.set(written.get() + 1);
                let again = project.json(&["--target", goal, "--allow", "relr", "--dry-run"]);
                let rows = again.json()["rows"].as_array().map_or(0, Vec::len);
                prop_assert_eq!(rows, 0, "{}\n{}", project.read("Cargo.toml"), again.stdout);
                prop_assert_eq!(project.tune(&["undo"]).code, Some(0));
            }
            prop_assert_eq!(project.snapshot(), before);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
    let (seen, written) = (seen.get(), written.get());
    assert!(
        seen >= 20 && written >= 15,
        "{seen} plans, {written} of them written"
    );
}
