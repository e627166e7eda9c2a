//! Builds all published programs below the directory that is given: what the tests would do one
//! after the other when they come to it, done early and beside other work.

use published_programs::programs::ALL;
use std::{env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let Some(cache) = env::args_os().nth(1) else {
        return ExitCode::from(2);
    };
    for (program, variant) in ALL {
        program.build(variant, Path::new(&cache));
    }
    ExitCode::SUCCESS
}
