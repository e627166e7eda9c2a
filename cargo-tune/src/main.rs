//! Wiring only.

use std::process::ExitCode;

use codecost::console::Console;

fn main() -> ExitCode {
    cargo_tune::run(std::env::args_os(), &mut Console::system())
}
