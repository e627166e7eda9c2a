//! The command line as a whole: what help shows, and what is refused.

use codecost::console::Console;
use std::ffi::OsString;

/// A command's definition with its help at a fixed width.
fn commands() -> Vec<clap::Command> {
    let mut tool = crate::definition().term_width(100);
    tool.build();
    let inner = tool.get_subcommands().cloned();
    inner.chain([tool.clone()]).collect()
}

/// One snapshot for `-h` and one for `--help` of the tool and of each command.
#[test]
fn help_is_what_it_was() {
    for mut command in commands() {
        let name = match command.get_name() {
            "cargo-tune" => "tune",
            name => name,
        }
        .to_owned();
        let short = command.render_help().to_string();
        insta::assert_snapshot!(format!("{name}-h"), short);
        let long = command.render_long_help().to_string();
        insta::assert_snapshot!(format!("{name}-help"), long);
    }
}

#[test]
fn short_help_fits_a_screen() {
    for mut command in commands() {
        let lines = command.render_help().to_string().lines().count();
        assert!(lines <= 40, "{}: {lines} lines", command.get_name());
    }
}

#[test]
fn the_definition_is_sound() {
    crate::definition().debug_assert();
}

/// The exit code and the message of a line that is refused before any work.
fn refused(line: &str) -> String {
    let (mut console, captured) = Console::in_memory();
    let code = crate::run(line.split_whitespace().map(OsString::from), &mut console);
    let expected = std::process::ExitCode::from(2);
    let stderr = captured.stderr();
    assert_eq!(
        format!("{code:?}"),
        format!("{expected:?}"),
        "{line}: {stderr}"
    );
    stderr
}

#[test]
fn flags_without_an_effect_are_refused() {
    for line in [
        // Nothing of the project is built; `show` links nothing either.
        "cargo-tune --target size --features x",
        "cargo-tune --target size -j 1",
        "cargo-tune show --target-dir x",
        "cargo-tune show --features x",
        "cargo-tune show --yes",
        "cargo-tune explain --bin app",
        "cargo-tune check --target size --features x",
        "cargo-tune search --target size --merge a.json --bin app",
        "cargo-tune search --target size --merge a.json --budget 4",
        "cargo-tune search --target size --shard 1/2 --yes",
        // One knob has no rows, and all knobs have no project.
        "cargo-tune explain lto --sort size",
        "cargo-tune explain lto -n 3",
        "cargo-tune explain --profile dev",
        "cargo-tune explain --triple wasm32-wasip1",
        // Undo reads a receipt and writes files.
        "cargo-tune undo --sort nonsense",
        "cargo-tune undo -n 3",
        "cargo-tune undo --features nope",
        "cargo-tune undo --bench",
        "cargo-tune undo --profile dev",
        "cargo-tune undo --message-format json",
        "cargo-tune undo --target size",
    ] {
        let stderr = refused(line);
        assert!(
            stderr.starts_with("error: ") && stderr.contains("help: "),
            "{line}: {stderr}"
        );
    }
}

#[test]
fn a_triple_as_the_goal_is_refused_with_the_hint() {
    for command in ["", "check", "measure", "search", "show", "explain lto"] {
        for triple in ["x86_64-unknown-linux-gnu", "wasm32-wasip1"] {
            let stderr = refused(&format!("cargo-tune tune {command} --target {triple}"));
            let hint = format!("--triple {triple}");
            assert!(stderr.contains(&hint), "{command}: {stderr}");
        }
    }
}
