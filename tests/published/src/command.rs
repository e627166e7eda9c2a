//! Commands with an environment that does not depend on who runs the tests.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Variables that would change what cargo, rustc or the tools do.
fn is_ours_to_remove(name: &str) -> bool {
    let keep = [
        "CARGO_HOME",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
        "RUSTUP_AUTO_INSTALL",
    ];
    let colour = [
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "FORCE_COLOR",
        "COLUMNS",
    ];
    let cargo = ["CARGO", "RUST", "CODECOST"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    // The registry and the network are the machine's business.
    let network = name.starts_with("CARGO_REGISTR")
        || name.starts_with("CARGO_SOURCE")
        || name.starts_with("CARGO_HTTP")
        || name.starts_with("CARGO_NET");
    colour.contains(&name) || (cargo && !network && !keep.contains(&name))
}

/// A command without the variables that cargo sets for tests and users set for cargo.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_ours_to_remove) {
            command.env_remove(name);
        }
    }
    // Messages are compared as text.
    command.env("LC_ALL", "C");
    command
}

/// The cargo that runs the tests.
pub fn cargo() -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    command(program)
}

/// The rustc that belongs to [`cargo`].
pub fn rustc() -> Command {
    command(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// Runs a command that must succeed, and returns what it wrote to standard output.
///
/// # Panics
///
/// When the program is not there or fails; the message says which package brings the common ones.
pub fn succeed(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?} failed with {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command to its end, whatever the end.
///
/// # Panics
///
/// When the program is not there.
pub fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| {
        panic!("cannot run {command:?}: {error} (`nm`, `size`, `readelf`, `strip`: binutils)")
    })
}

/// The host's target triple, as rustc names it.
pub fn host_triple() -> String {
    let version = succeed(rustc().arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("`rustc -vV` names the host").to_owned()
}

/// Copies a directory with all that is in it.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
    let entries = fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    for entry in entries {
        let entry = entry.expect("a directory entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target)
                .unwrap_or_else(|error| panic!("{}: {error}", target.display()));
        }
    }
}
