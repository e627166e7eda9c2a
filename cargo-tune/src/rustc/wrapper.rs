//! This program as cargo's compiler wrapper.
//!
//! A private build runs with this program as `RUSTC_WRAPPER`: it writes down the arguments of each
//! compilation and then runs the wrapper that the user has, or rustc, with the same arguments but
//! for two things that cargo has no way to say: flags for what runs at compile time only, and an
//! option that is not to be passed at all.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use codecost::Error;

use super::arguments::Unit;

/// Where the wrapper writes; its presence makes this program a wrapper.
pub const DIRECTORY: &str = "CARGO_TUNE_RECORD";
/// The user's own wrapper.
pub const INNER: &str = "CARGO_TUNE_INNER_WRAPPER";
/// Flags for build scripts, proc-macros and what they are linked from, separated by U+001F: set
/// where the build names a target that the user's own build does not name.
pub const HOST_FLAGS: &str = "CARGO_TUNE_HOST_FLAGS";
/// The value of a `-C` that is taken out.
pub const WITHHELD: &str = "CARGO_TUNE_WITHHELD";

/// Does the work of a compiler wrapper and returns its exit code, if cargo started this process as
/// one.
pub fn intercept(args: &[OsString]) -> Option<ExitCode> {
    let directory = env::var_os(DIRECTORY)?;
    // The first argument of a wrapper is the compiler, or the user's workspace wrapper, and always
    // a program. A user who has the variable set by mistake gives a command or a flag instead.
    let program = args.get(1)?;
    let name = Path::new(program)
        .file_stem()?
        .to_string_lossy()
        .into_owned();
    if args.len() < 3
        || name.starts_with('-')
        || (!name.contains("rustc") && !Path::new(program).is_file())
    {
        return None;
    }
    let rest = changed(args.get(2..).unwrap_or_default());
    write(Path::new(&directory), &rest);
    let inner = env::var_os(INNER).filter(|inner| !inner.is_empty());
    let mut command = match inner {
        Some(inner) => {
            let mut command = Command::new(inner);
            command.arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args(rest);
    Some(run(command, program))
}

/// The arguments that rustc gets.
fn changed(args: &[OsString]) -> Vec<OsString> {
    let mut changed = args.to_vec();
    if let Ok(withheld) = env::var(WITHHELD) {
        let at = changed.iter().position(|arg| **arg == *withheld);
        // `-C` and its value are two arguments.
        if let Some(at) = at.filter(|at| *at > 0 && changed.get(at - 1).is_some_and(|c| c == "-C"))
        {
            changed.drain(at - 1..=at);
        }
    }
    let is_compilation = changed.iter().any(|arg| arg == "--crate-name");
    let is_of_target = changed.iter().any(|arg| arg == "--target");
    if let Ok(flags) = env::var(HOST_FLAGS)
        && is_compilation
        && !is_of_target
    {
        let flags = flags.split('\u{1f}').filter(|flag| !flag.is_empty());
        changed.extend(flags.map(OsString::from));
    }
    changed
}

/// Replaces this process where that is possible, so that signals and limits are the compiler's.
#[cfg(unix)]
fn run(mut command: Command, program: &OsStr) -> ExitCode {
    use std::os::unix::process::CommandExt as _;
    failed(program, &command.exec())
}

#[cfg(not(unix))]
fn run(mut command: Command, program: &OsStr) -> ExitCode {
    match command.status() {
        Ok(status) => ExitCode::from(
            status
                .code()
                .and_then(|c| u8::try_from(c).ok())
                .unwrap_or(101),
        ),
        Err(error) => failed(program, &error),
    }
}

fn failed(program: &OsStr, error: &std::io::Error) -> ExitCode {
    let mut console = codecost::console::Console::system();
    let error = Error::failed(
        format!("cannot run `{}`: {error}", Path::new(program).display()),
        "check RUSTC, RUSTC_WRAPPER and build.rustc-wrapper",
    );
    ExitCode::from(console.fail(&error))
}

/// Writes the arguments of one compilation. A file that cannot be written must not fail the user's
/// build; the proof then misses the unit and says so.
fn write(directory: &Path, args: &[OsString]) {
    let args: Vec<String> = args
        .iter()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let unit = Unit {
        package: variable("CARGO_PKG_NAME"),
        root: PathBuf::from(variable("CARGO_MANIFEST_DIR")),
        primary: env::var_os("CARGO_PRIMARY_PACKAGE").is_some(),
        args,
    };
    // Cargo also runs the compiler to ask it about itself.
    if unit.crate_name().is_empty() || unit.crate_name() == "___" {
        return;
    }
    let name = format!("{}{}.json", unit.crate_name(), unit.extra_filename());
    if let Ok(text) = serde_json::to_string(&unit) {
        let _ = fs::create_dir_all(directory);
        let _ =
            codecost::report::write_file(&directory.join(name), |to| to.write_all(text.as_bytes()));
    }
}
