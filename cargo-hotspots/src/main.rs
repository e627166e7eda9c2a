//! Wiring only.

use codecost::console::Console;
use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_hotspots::run(std::env::args_os(), &mut Console::system())
}
