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

const DEFINES: &str = "it defines `malloc` itself";

/// Why allocations cannot be seen from a preloaded library, and what else can be done.
#[derive(Debug)]
pub(in crate::record) struct Unseen {
    why: String,
    /// `None` where the recorder can be linked in, if cargo builds the program.
    help: Option<&'static str>,
}

impl Unseen {
    pub(super) fn own_allocator(name: Option<&str>) -> Self {
        let name = name.map(|name| format!(", {name}")).unwrap_or_default();
        Self {
            why: format!("it has an allocator of its own{name}"),
            help: None,
        }
    }

    pub(super) fn unknown_allocator() -> Self {
        Self {
            why: "nothing tells whether it has an allocator of its own".into(),
            help: None,
        }
    }

    pub(in crate::record) fn why(&self) -> &str {
        &self.why
    }

    /// Whether the recorder can be linked into the program, if cargo builds it.
    pub(super) fn can_be_linked(&self) -> bool {
        self.help.is_none()
    }

    /// For a program that is there, and is not built.
    pub(super) fn error(&self, path: &Path) -> Error {
        Error::failed(
            format_args!(
                "the allocations of `{}` cannot be seen: {}",
                path.display(),
                self.why
            ),
            self.help.map_or_else(
                || {
                    // It replaces functions of these names wherever they are, and no others.
                    let dhat = match self.why.contains(DEFINES) {
                        true => "; or use `valgrind --tool=dhat`, which replaces `malloc` itself",
                        false => " (valgrind's DHAT does not see them)",
                    };
                    format!(
                        "let cargo build it, and the recorder is linked in: `cargo hotspots alloc --bin \
                         NAME -- ARGS`{dhat}"
                    )
                },
                str::to_owned,
            ),
        )
    }
}

/// Whether a preloaded library can see what the program allocates.
pub(in crate::record) fn check(path: &Path) -> Result<Option<Unseen>> {
    let file = Mapping::open(path)?;
    let image = Image::parse(path, &file)?;
    let unseen = |why: &str, help| {
        Ok(Some(Unseen {
            why: why.into(),
            help,
        }))
    };
    if image.format != Format::Elf {
        return unseen(
            "it is no program of this system (a script?)",
            Some("name the program itself"),
        );
    }
    if is_privileged(path) {
        return unseen(
            "it is setuid or setgid, and the loader preloads nothing into such a program",
            Some(
                "record a copy of it without these rights: `cp PROGRAM /tmp && cargo hotspots alloc \
                 --exec /tmp/PROGRAM`",
            ),
        );
    }
    let needs = image.loader_needs()?;
    let Some(interpreter) = &needs.interpreter else {
        return unseen("it is statically linked, so nothing can be preloaded", None);
    };
    if interpreter.contains("musl") {
        return unseen("it uses musl, and what is preloaded is for glibc", None);
    }
    Ok(match own_allocator(&image) {
        Some("malloc") => Some(Unseen {
            why: DEFINES.into(),
            help: None,
        }),
        Some(name) => Some(Unseen::own_allocator(Some(name))),
        None => None,
    })
}

/// Whether what Rust code allocates comes from std's default allocator, as far as symbols tell.
pub(super) fn has_default_allocator(image: &Image<'_>) -> bool {
    let table = image.symbols();
    let mut defined = table
        .symbols
        .iter()
        .filter(|symbol| symbol.section.is_some());
    defined.any(|symbol| symbol.name.ends_with("__rdl_alloc"))
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
