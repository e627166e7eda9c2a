//! What help says about the tool as a whole, and the next step after wrong usage.

use crate::commands::{Cli, Unnamed};
use codecost::front::{self, Commands};

const USAGE: &str = "\
cargo hotspots [--bin X | --bench [X] | …] [FLAGS] [-- ARGS]   record one
       cargo hotspots COMMAND [FLAGS]                       show the latest one
       cargo hotspots COMMAND [--input FILE | --bin X | …]  show another, or a new";

const AFTER_HELP: &str = "\
Cargo builds the target with debug information for this recording, in a directory of its own: your \
`cargo build` output stays as it is. Then the program runs, with its output on standard error, and \
is sampled until it ends or you press Ctrl-C. The recording is kept: a command without a target \
opens it again.

Shares are parts of the whole recording:
  self       time in the crate's or function's own instructions
  charged    this, plus what it asked of std, libc, the allocator and the kernel (the default order)
  caused     time spent on behalf of your code, counted for the nearest caller in your workspace
  inclusive  time in which it is anywhere in the call stack

Examples:
  cargo hotspots                               build, run and record the default binary
  cargo hotspots --bench parse                 record a benchmark
  cargo hotspots functions                     show the same recording by function
  cargo hotspots crates --bin rg -- TODO src   record again, and show it by crate
  cargo hotspots asm my_crate::hot             show a function's annotated assembly
  cargo hotspots overview --input perf.data    open an existing recording
  cargo hotspots alloc --bin rg -- TODO src    who allocates, how much, and for whom
  cargo hotspots stat --bin rg -- TODO src     what the run costs, counted
  cargo hotspots report --bench -o perf.md     all of it on one page, with what to do first
  cargo hotspots --bench --save-baseline main  keep the benchmarks to compare with later
  cargo hotspots check --bench --baseline main check whether one became slower since

Exit codes: 0 done; 2 wrong usage; 100 a check failed, or --strict refuses the recording; 101 \
error.";

const TEST: &str = "A test: of this name, or the unit tests of the binary or library of this name; \
                    without a name all that `cargo test` would run";

/// What `-h` leaves to `--help`, so that it fits a screen.
const RARE: [&str; 9] = [
    "pid", "package", "example", "profile", "features", "output", "limit", "filter", "exec",
];

impl Commands for Cli {
    type Unnamed = Unnamed;
    const NAME: &'static str = "hotspots";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn describe(command: clap::Command) -> clap::Command {
        let arrange = |arg: clap::Arg| match arg.get_id().as_str() {
            // What runs of a library are its unit tests.
            "lib" => arg.help("The unit tests of the library"),
            "test" => arg.help(TEST),
            // Benchmarks are what this tool is used for most.
            "bench" => arg.hide_short_help(false),
            _ => arg,
        };
        let command = command
            .about("Where does the time go, by crate, function, line and instruction?")
            .override_usage(USAGE)
            .after_long_help(AFTER_HELP)
            .mut_args(arrange)
            .mut_subcommands(|command| command.mut_args(arrange));
        front::hide_in_short_help(command, &RARE)
    }

    fn hint_for_word(word: &str) -> String {
        if word.contains(['/', '\\', '.']) {
            format!("to open a recording, write `cargo hotspots overview --input {word}`")
        } else {
            format!(
                "to record a binary of that name, write `cargo hotspots --bin {word}` (or \
                 `--bench`, `--example`, `--test`); arguments for it go after `--`"
            )
        }
    }

    fn hint_for_conflict(flag: &str) -> Option<String> {
        let hint = "`--input` opens a recording that exists; nothing is built or run for it";
        (flag == "--input").then(|| hint.to_owned())
    }
}
