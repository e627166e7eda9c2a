//! The library that is preloaded: its source is in this program, and the user's own rustc compiles
//! it, once for each toolchain.

use super::super::store::Store;
use codecost::{
    Error, Result,
    cargo::{Context, Toolchain},
};
use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Stdio,
};

/// Its source, the root first.
const SOURCES: [(&str, &str); 9] = [
    ("alloc.rs", include_str!("../../../shim/alloc.rs")),
    ("calls.rs", include_str!("../../../shim/calls.rs")),
    ("entries.rs", include_str!("../../../shim/entries.rs")),
    ("life.rs", include_str!("../../../shim/life.rs")),
    ("maps.rs", include_str!("../../../shim/maps.rs")),
    ("shared.rs", include_str!("../../../shim/shared.rs")),
    ("stacks.rs", include_str!("../../../shim/stacks.rs")),
    ("tail.rs", include_str!("../../../shim/tail.rs")),
    ("thread.rs", include_str!("../../../shim/thread.rs")),
];

/// Optimised; frame pointers, because stacks are followed from its own frames outward; stripped,
/// because it is mapped into every recorded program.
const FLAGS: [&str; 8] = [
    "--edition=2021",
    "--crate-type=cdylib",
    "--crate-name=hotspots_alloc",
    "-Copt-level=3",
    "-Cpanic=abort",
    "-Cstrip=symbols",
    "-Cforce-frame-pointers=yes",
    "--cap-lints=allow",
];

/// The path of the library, compiled now if it was not before.
pub(in crate::record) fn library(
    context: &Context,
    toolchain: &Toolchain,
    compiling: &mut dyn FnMut(),
) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    (SOURCES, FLAGS, &toolchain.release, &toolchain.commit_hash).hash(&mut hasher);
    toolchain.host.hash(&mut hasher);
    let name = format!("hotspots-alloc-{:016x}.so", hasher.finish());
    let directory = Store::of_user(context)?.directory().join("library");
    fs::create_dir_all(&directory).map_err(|source| Error::write(&directory, source))?;
    let path = directory.join(name);
    if !path.is_file() {
        compiling();
        compile(context, toolchain, &directory, &path)?;
    }
    preloadable(path)
}

fn compile(context: &Context, toolchain: &Toolchain, directory: &Path, to: &Path) -> Result<()> {
    let scratch =
        tempfile::tempdir_in(directory).map_err(|source| Error::write(directory, source))?;
    let made = scratch.path().join("alloc.so");
    for (name, text) in SOURCES {
        let source = scratch.path().join(name);
        fs::write(&source, text).map_err(|error| Error::write(source, error))?;
    }
    let mut command = context.command(&toolchain.rustc);
    command.args(FLAGS).arg("-o").arg(&made);
    command.arg(scratch.path().join("alloc.rs"));
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Spawn {
            command: toolchain.rustc.display().to_string(),
            source,
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().find(|line| line.starts_with("error"));
        return Err(Error::failed(
            format_args!(
                "`{}` cannot compile the allocation recorder: {}",
                toolchain.rustc.display(),
                first.unwrap_or("it did not say why")
            ),
            "use Rust 1.77 or newer with a linker, or measure with `valgrind --tool=dhat`",
        ));
    }
    // Whoever compiled it at the same moment made the same file.
    fs::rename(&made, to).map_err(|source| Error::write(to, source))
}

/// The loader separates paths at spaces and colons, so one with these is reached by another name.
fn preloadable(path: PathBuf) -> Result<PathBuf> {
    let is_plain = |path: &Path| {
        let text = path.to_string_lossy();
        !text.contains([' ', ':', '$'])
    };
    if is_plain(&path) {
        return Ok(path);
    }
    let name = path.file_name().unwrap_or_default();
    let copy = std::env::temp_dir().join(name);
    if !is_plain(&copy) {
        return Err(Error::failed(
            format_args!(
                "`{}` cannot be preloaded: its path has a space or colon",
                path.display()
            ),
            "set XDG_STATE_HOME to a directory without",
        ));
    }
    let write = |source| Error::write(&copy, source);
    let unfinished = tempfile::NamedTempFile::new().map_err(write)?;
    fs::copy(&path, unfinished.path()).map_err(write)?;
    unfinished
        .persist(&copy)
        .map_err(|error| write(error.error))?;
    Ok(copy)
}
