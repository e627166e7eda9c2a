//! Whether a preloaded library can see what a program allocates. Where it cannot, its counters stay
//! at zero, which must never look like a program that allocates nothing.

use super::super::held::End;
use codecost::{
    Error, Result,
    image::{Format, Image, Mapping, SymbolKind},
};
use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

/// What other allocators are known by: a symbol that each defines when it is linked in.
const ALLOCATORS: [(&str, &str); 9] = [
    ("mi_malloc", "mimalloc"),
    ("_rjem_malloc", "jemalloc"),
    ("_rjem_mallocx", "jemalloc"),
    ("je_malloc", "jemalloc"),
    ("sn_malloc", "snmalloc"),
    ("sn_rust_alloc", "snmalloc"),
    ("tc_malloc", "tcmalloc"),
    ("rpmalloc", "rpmalloc"),
    ("scudo_malloc", "scudo"),
];

const DHAT: &str =
    "measure it with `valgrind --tool=dhat` instead, which replaces them at run time";

/// Refuses a program whose allocations cannot be seen, with the way round.
pub(in crate::record) fn check(path: &Path) -> Result<()> {
    let file = Mapping::open(path)?;
    let image = Image::parse(path, &file)?;
    let refuse = |why: &str, help: &str| {
        let message = format!(
            "the allocations of `{}` cannot be seen: {why}",
            path.display()
        );
        Err(Error::failed(message, help))
    };
    if image.format != Format::Elf {
        return refuse(
            "it is no program of this system (a script?)",
            "name the program itself",
        );
    }
    let needs = image.loader_needs()?;
    let Some(interpreter) = &needs.interpreter else {
        return refuse(
            "it is statically linked, so nothing can be preloaded",
            "build it for a target with a shared C library (`x86_64-unknown-linux-gnu` without \
             `-Ctarget-feature=+crt-static`)",
        );
    };
    if interpreter.contains("musl") {
        return refuse(
            "it uses musl, and the recorder knows glibc's allocator",
            "build it for the `-gnu` target",
        );
    }
    if is_privileged(path) {
        return refuse(
            "it is setuid or setgid, and the loader preloads nothing into such a program",
            "record a copy of it without these rights: `cp PROGRAM /tmp && cargo hotspots alloc \
             --exec /tmp/PROGRAM`",
        );
    }
    match own_allocator(&image) {
        Some("malloc") => refuse("it defines `malloc` itself", DHAT),
        Some(name) => refuse(
            &format!("it has an allocator of its own, {name}"),
            "build it without that `#[global_allocator]` (most crates have a feature for it) to \
             count on the system's allocator; the calls are the same",
        ),
        None => Ok(()),
    }
}

/// Why a program that ran has counted nothing.
pub(super) fn nothing(path: &Path, end: Option<&End>) -> Error {
    let failed = end.is_some_and(|end| end.code != Some(0));
    if failed {
        return Error::failed(
            format_args!(
                "`{}` ended before its allocations could be counted",
                path.display()
            ),
            "see what it says above; its own arguments go after `--`",
        );
    }
    Error::failed(
        format_args!(
            "no allocation of `{}` was seen: it loads no preloaded library, or has an allocator of \
             its own",
            path.display()
        ),
        "record the program itself and not a script or wrapper that starts it; with an allocator \
         of its own, build it without",
    )
}

/// The allocator that is linked in, by the symbols that are left.
fn own_allocator(image: &Image<'_>) -> Option<&'static str> {
    let tables = [image.symbols(), image.dynamic_symbols()];
    let mut found = None;
    for symbol in tables.iter().flat_map(|table| &table.symbols) {
        if symbol.section.is_none() || symbol.kind != SymbolKind::Function {
            continue;
        }
        let known = ALLOCATORS.iter().find(|(name, _)| symbol.name == *name);
        if let Some((_, name)) = known {
            return Some(name);
        }
        if symbol.name == "malloc" {
            found = Some("malloc");
        }
    }
    found
}

/// Whether the program runs with rights that its user does not have.
fn is_privileged(path: &Path) -> bool {
    const SETUID: u32 = 0o4000;
    const SETGID: u32 = 0o2000;
    let Ok(found) = fs::metadata(path) else {
        return false;
    };
    let user = super::super::system::is_root();
    found.mode() & (SETUID | SETGID) != 0 && !user
}
