//! The tools of rustc's LLVM: they merge what instrumented programs write, and are the witness of
//! what `cargo tune pgo` says of a profile.
//!
//! They are installed once below the target directory, from prebuilt packages with fixed hashes.

use crate::command::{command, output, rustc, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// An `llvm-profdata` that reads what rustc's LLVM writes: the toolchain's own component, or one
/// that is installed below `cache`.
///
/// # Panics
///
/// When it cannot be installed.
pub fn profdata(cache: &Path) -> PathBuf {
    static TOOL: OnceLock<PathBuf> = OnceLock::new();
    TOOL.get_or_init(|| component().unwrap_or_else(|| installed(cache)))
        .clone()
}

/// A tool of LLVM that is installed below `cache`, by its name.
///
/// # Panics
///
/// When it cannot be installed.
pub fn tool(name: &str, cache: &Path) -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY
        .get_or_init(|| installed(cache))
        .with_file_name(name)
}

/// rustup's component `llvm-tools`, where it is there.
fn component() -> Option<PathBuf> {
    let sysroot = succeed(rustc().args(["--print", "sysroot"]));
    let host = crate::command::host_triple();
    let tool = Path::new(sysroot.trim()).join("lib/rustlib").join(host);
    let tool = tool.join("bin/llvm-profdata");
    tool.is_file().then_some(tool)
}

fn installed(cache: &Path) -> PathBuf {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/llvm.txt");
    let wanted = fs::read_to_string(&requirements).expect("the packages' names and hashes");
    let directory = cache.join("llvm");
    let (note, tool) = (
        directory.join("installed"),
        directory.join("bin/llvm-profdata"),
    );
    if fs::read_to_string(&note).is_ok_and(|installed| installed == wanted) {
        return tool;
    }
    let _ = fs::remove_dir_all(&directory);
    succeed(command("python3").args(["-m", "venv"]).arg(&directory));
    let python = directory.join("bin/python");
    let mut pip = command(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    pip.args(["--no-deps", "--require-hashes", "--requirement"]);
    succeed(pip.arg(&requirements));
    // The packages make the links between their libraries when Python starts.
    succeed(command(&python).args(["-c", ""]));
    assert!(
        output(command(&tool).args(["show", "--version"]))
            .status
            .success()
    );
    fs::write(&note, wanted).expect("a note");
    tool
}
