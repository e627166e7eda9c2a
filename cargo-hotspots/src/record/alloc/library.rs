//! The recorder itself: its source is in this program, and the user's own rustc compiles it, once for
//! each toolchain: as a library that is preloaded, and as an object that is linked in.

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
const SOURCES: [(&str, &str); 12] = [
    ("alloc.rs", include_str!("../../../shim/alloc.rs")),
    ("calls.rs", include_str!("../../../shim/calls.rs")),
    ("entries.rs", include_str!("../../../shim/entries.rs")),
    ("life.rs", include_str!("../../../shim/life.rs")),
    ("linked.rs", include_str!("../../../shim/linked.rs")),
    ("maps.rs", include_str!("../../../shim/maps.rs")),
    ("numbers.rs", include_str!("../../../shim/numbers.rs")),
    ("preloaded.rs", include_str!("../../../shim/preloaded.rs")),
    ("shared.rs", include_str!("../../../shim/shared.rs")),
    ("stacks.rs", include_str!("../../../shim/stacks.rs")),
    ("tail.rs", include_str!("../../../shim/tail.rs")),
    ("thread.rs", include_str!("../../../shim/thread.rs")),
];

/// Optimised; frame pointers, because stacks are followed from its own frames outward.
const FLAGS: [&str; 6] = [
    "--edition=2021",
    "--crate-name=hotspots_alloc",
    "-Copt-level=3",
    "-Cpanic=abort",
    "-Cforce-frame-pointers=yes",
    "--cap-lints=allow",
];

/// Stripped, because it is mapped into every recorded program.
const LIBRARY: [&str; 2] = ["--crate-type=cdylib", "-Cstrip=symbols"];

/// One object, which a linker takes as it is.
const OBJECT: [&str; 5] = [
    "--crate-type=lib",
    "--emit=obj",
    "-Ccodegen-units=1",
    "-Crelocation-model=pic",
    "--cfg=linked",
];

/// The path of the library, compiled now if it was not before.
pub(in crate::record) fn library(
    context: &Context,
    toolchain: &Toolchain,
    compiling: &mut dyn FnMut(),
) -> Result<PathBuf> {
    let path = made(context, toolchain, &LIBRARY, &[], "so", compiling)?;
    preloadable(path)
}

/// The path of the object for programs of this target, which calls the program's allocator by these
/// names: those of `alloc`, `alloc_zeroed`, `realloc` and `dealloc`.
pub(super) fn object(
    context: &Context,
    toolchain: &Toolchain,
    triple: &str,
    names: &[String; 4],
    compiling: &mut dyn FnMut(),
) -> Result<PathBuf> {
    let flags = OBJECT.iter().copied().chain(["--target", triple]);
    let flags: Vec<&str> = flags.collect();
    made(context, toolchain, &flags, names, "o", compiling)
}

/// What the recorder's entries are called in its source; the order of [`object`]'s names.
const PLACES: [&str; 4] = ["@alloc@", "@alloc_zeroed@", "@realloc@", "@dealloc@"];

fn made(
    context: &Context,
    toolchain: &Toolchain,
    flags: &[&str],
    names: &[String],
    extension: &str,
    compiling: &mut dyn FnMut(),
) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    (SOURCES, FLAGS, flags, names).hash(&mut hasher);
    (&toolchain.release, &toolchain.commit_hash, &toolchain.host).hash(&mut hasher);
    let name = format!("hotspots-alloc-{:016x}.{extension}", hasher.finish());
    let directory = Store::of_user(context)?.directory().join("library");
    fs::create_dir_all(&directory).map_err(|source| Error::write(&directory, source))?;
    let path = directory.join(name);
    if path.is_file() {
        return Ok(path);
    }
    compiling();
    let scratch =
        tempfile::tempdir_in(&directory).map_err(|source| Error::write(&directory, source))?;
    for (name, text) in SOURCES {
        let source = scratch.path().join(name);
        let mut text = text.to_owned();
        for (place, name) in PLACES.iter().zip(names) {
            text = text.replace(place, name);
        }
        fs::write(&source, text).map_err(|error| Error::write(source, error))?;
    }
    let compiled = scratch.path().join("compiled");
    let mut arguments: Vec<&str> = FLAGS.to_vec();
    arguments.extend(flags);
    let source = scratch.path().join("alloc.rs");
    compile(context, toolchain, &arguments, &source, &compiled)?;
    // Whoever compiled it at the same moment made the same file.
    fs::rename(&compiled, &path).map_err(|source| Error::write(&path, source))?;
    Ok(path)
}

/// Compiles `source` to `to`.
pub(super) fn compile(
    context: &Context,
    toolchain: &Toolchain,
    arguments: &[&str],
    source: &Path,
    to: &Path,
) -> Result<()> {
    let mut command = context.command(&toolchain.rustc);
    command.args(arguments).arg("-o").arg(to).arg(source);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Spawn {
            command: toolchain.rustc.display().to_string(),
            source,
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().find(|line| line.starts_with("error"));
    Err(Error::failed(
        format_args!(
            "`{}` cannot compile the allocation recorder: {}",
            toolchain.rustc.display(),
            first.unwrap_or("it did not say why")
        ),
        "use Rust 1.77 or newer with a linker, or measure with `valgrind --tool=dhat`",
    ))
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
