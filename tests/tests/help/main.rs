//! Help is truthful: each flag that the help of a command shows has an effect, and every other flag
//! is refused, with the reason.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
// What cannot be set up fails its test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod effects;
mod laboratory;
mod refusals;

use codecost::console::Console;
use std::ffi::OsString;
use std::process::ExitCode;

/// A tool as its users' shell sees it, and as its own code defines it.
struct Tool {
    /// `slim` of `cargo slim`.
    name: &'static str,
    program: &'static str,
    definition: fn() -> clap::Command,
    run: fn(Vec<OsString>, &mut Console) -> ExitCode,
}

const TOOLS: [Tool; 3] = [
    Tool {
        name: "slim",
        program: env!("CARGO_BIN_EXE_slim-under-test"),
        definition: cargo_slim::definition,
        run: |words, console| cargo_slim::run(words, console),
    },
    Tool {
        name: "tune",
        program: env!("CARGO_BIN_EXE_tune-under-test"),
        definition: cargo_tune::definition,
        run: |words, console| cargo_tune::run(words, console),
    },
    Tool {
        name: "hotspots",
        program: env!("CARGO_BIN_EXE_hotspots-under-test"),
        definition: cargo_hotspots::definition,
        run: |words, console| cargo_hotspots::run(words, console),
    },
];

/// One command of a tool; the name is empty for the tool without a command.
struct Command {
    name: String,
    flags: Vec<Flag>,
}

/// A flag of a command.
#[derive(Clone, Debug, PartialEq)]
struct Flag {
    /// As it is written: `--jobs`, `-Z`.
    word: String,
    takes_value: bool,
    is_hidden: bool,
}

impl Tool {
    /// All commands but those that print completions and man pages.
    fn commands(&self) -> Vec<Command> {
        let definition = (self.definition)();
        let of = |name: &str, command: &clap::Command| Command {
            name: name.to_owned(),
            flags: command.get_arguments().filter_map(flag).collect(),
        };
        let mut commands = vec![of("", &definition)];
        for command in definition.get_subcommands() {
            if !["completions", "man", "help"].contains(&command.get_name()) {
                commands.push(of(command.get_name(), command));
            }
        }
        commands
    }
}

fn flag(argument: &clap::Arg) -> Option<Flag> {
    let word = match (argument.get_long(), argument.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => return None,
    };
    Some(Flag {
        word,
        takes_value: argument.get_action().takes_values(),
        is_hidden: argument.is_hide_set(),
    })
}
