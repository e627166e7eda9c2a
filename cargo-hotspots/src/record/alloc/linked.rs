//! Programs in which nothing can be preloaded, or whose allocator is their own, and that cargo builds:
//! the recorder is linked in, in front of `__rust_alloc` and its kin, by the linker's `--wrap`.
//!
//! Truth: rustc calls the allocator through four functions, whatever the allocator is. Only these are
//! seen then, so what C code allocates is not counted, and that is said.
//!
//! Two things can go around it. A definition of `__rust_alloc` in the program's own code (that is what
//! `#[global_allocator]` makes) can be optimised together with its callers: LLVM is told not to. And a linker
//! that resolves names within an object before it wraps them (fat LTO makes one object of all) leaves
//! calls as they were. So the finished program is read: a call that leads past the recorder is an
//! error, never a smaller figure.

use super::{super::plan::Job, library, seen};
use crate::record::RecordOptions;
use codecost::{
    Error, Result,
    address::{AddressRange, VirtualAddress},
    cargo::{Additions, Build, BuiltArtifact, Context, Relink},
    disasm::{self, Piece},
    image::{Image, Mapping, SymbolKind},
};
use std::{collections::HashMap, fmt, fs, path::Path};

/// What rustc calls, and what the names end with.
const FUNCTIONS: [&str; 4] = [
    "__rust_alloc",
    "__rust_alloc_zeroed",
    "__rust_realloc",
    "__rust_dealloc",
];

/// A program that calls all four, and nothing that could make one needless.
const CALLS: &str = r"
use std::alloc::{self, Layout};
pub unsafe fn a(layout: Layout) -> *mut u8 { alloc::alloc(layout) }
pub unsafe fn z(layout: Layout) -> *mut u8 { alloc::alloc_zeroed(layout) }
pub unsafe fn r(block: *mut u8, layout: Layout, size: usize) -> *mut u8 { alloc::realloc(block, layout, size) }
pub unsafe fn d(block: *mut u8, layout: Layout) { alloc::dealloc(block, layout) }
";

/// The build with the recorder in it, and the program.
pub(super) struct Linked {
    pub(super) build: Build,
    pub(super) artifact: BuiltArtifact,
}

/// Links the program of `job`, which `build` has made, once more with the recorder.
pub(super) fn link(
    context: &Context,
    options: &RecordOptions,
    additions: &Additions,
    build: &Build,
    job: &Job,
    compiling: &mut dyn FnMut(),
) -> Result<Linked> {
    let made = build.artifacts.iter();
    let of_job = made.into_iter().find(|made| made.path == job.path);
    let target = &of_job
        .ok_or_else(|| impossible(job, "it was not built"))?
        .target;
    let names = names(context, build)?;
    let object = library::object(context, &build.toolchain, &build.triple, &names, compiling)?;
    let mut relink = Relink {
        arguments: vec![format!("-Clink-arg={}", object.display())],
        ..Relink::default()
    };
    // The object comes after the libraries, of which some linkers take only what is missing so far.
    for symbol in undefined(&object)? {
        let is_wrapped = symbol.starts_with("__real_") || symbol.starts_with("_GLOBAL");
        if !is_wrapped {
            let wanted = format!("-Clink-arg=-Wl,-u,{symbol}");
            relink.arguments.push(wanted);
        }
    }
    for name in &names {
        relink
            .arguments
            .push(format!("-Clink-arg=-Wl,--wrap={name}"));
    }
    // `nobuiltin` keeps LLVM from relying on what the definition does: it would not even pass on a size
    // that the allocator has no use for.
    let never = names.iter().flat_map(|name| {
        ["noinline", "nobuiltin"].map(|attribute| format!("-force-attribute={name}:{attribute}"))
    });
    let never: Vec<String> = never.collect();
    let never = format!("-Cllvm-args={}", never.join(" "));
    let before = Mapping::open(&job.path)?;
    match seen::has_default_allocator(&Image::parse(&job.path, &before)?) {
        // Defined where the program is put together.
        true => relink.arguments.push(never),
        // Any crate may define it.
        false => relink.flags.push(never),
    }
    let arguments = relink.arguments.clone();
    let (mut is_lld, mut is_lto) = (false, true);
    loop {
        let selection = &options.selection;
        let mut linked = Build::relinked(context, selection, additions, target, &relink)?;
        let artifact = linked.artifacts.pop();
        let artifact = artifact.ok_or_else(|| impossible(job, "cargo named no file"))?;
        let Some(past) = past(&artifact.path, &names)? else {
            linked.additions.push(match is_lld {
                true => "the recorder linked in by lld".into(),
                false => "the recorder linked in".into(),
            });
            return Ok(Linked {
                build: linked,
                artifact,
            });
        };
        match past {
            // GNU's linker wraps only what an object does not define itself; LLVM's wraps all.
            Past::Calls(_) if !is_lld => is_lld = true,
            // Link-time optimisation takes std's own `__rust_alloc` apart, which no flag reaches.
            _ if is_lto => (is_lld, is_lto) = (true, false),
            past => return Err(impossible(job, &past.to_string())),
        }
        relink.arguments = [arguments.clone(), llvm_linker(build)].concat();
        if !is_lto {
            relink.settings = vec!["lto=false".into()];
        }
    }
}

fn impossible(job: &Job, why: &str) -> Error {
    Error::failed(
        format_args!(
            "the recorder of allocations could not be linked into `{}`: {why}",
            job.name
        ),
        "link with LLVM's linker (`-Clink-arg=-fuse-ld=lld`), or build for a target with a shared C \
         library and without the `#[global_allocator]`",
    )
}

/// How code of a program reaches its allocator past the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    /// The recorder is not in the program.
    LeftOut,
    /// So many calls lead to the allocator itself.
    Calls(u64),
}

impl fmt::Display for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut => write!(f, "nothing in the program calls it"),
            Self::Calls(1) => write!(f, "a call in the program reaches its allocator directly"),
            Self::Calls(calls) => {
                write!(
                    f,
                    "{calls} calls in the program reach its allocator directly"
                )
            }
        }
    }
}

/// Arguments that make a C compiler link with the LLVM linker of the toolchain, or with one that is
/// installed.
fn llvm_linker(build: &Build) -> Vec<String> {
    let toolchain = &build.toolchain;
    let own = toolchain.sysroot.join("lib/rustlib").join(&toolchain.host);
    let own = own.join("bin/gcc-ld");
    let mut arguments = vec!["-Clink-arg=-fuse-ld=lld".to_owned()];
    if own.is_dir() {
        arguments.push(format!("-Clink-arg=-B{}", own.display()));
    }
    arguments
}

/// What the four functions are called: names that this toolchain has made for itself.
fn names(context: &Context, build: &Build) -> Result<[String; 4]> {
    let directory =
        tempfile::tempdir().map_err(|source| Error::write(std::env::temp_dir(), source))?;
    let source = directory.path().join("calls.rs");
    let object = directory.path().join("calls.o");
    fs::write(&source, CALLS).map_err(|error| Error::write(&source, error))?;
    let flags = [
        "--edition=2021",
        "--crate-type=lib",
        "--emit=obj",
        "-Copt-level=3",
    ];
    let mut flags = flags.to_vec();
    flags.extend(["--target", &build.triple]);
    library::compile(context, &build.toolchain, &flags, &source, &object)?;
    let called = undefined(&object)?;
    let find =
        |function: &str| {
            let found = called.iter().find(|symbol| symbol.ends_with(function));
            found.cloned().ok_or_else(|| {
            Error::failed(
                format_args!("`{}` makes no call of `{function}`", build.toolchain.rustc.display()),
                "build for a target with a shared C library and without a `#[global_allocator]`",
            )
        })
        };
    let [alloc, zeroed, realloc, dealloc] = FUNCTIONS;
    Ok([find(alloc)?, find(zeroed)?, find(realloc)?, find(dealloc)?])
}

/// What an object file refers to and does not define.
fn undefined(object: &Path) -> Result<Vec<String>> {
    let file = Mapping::open(object)?;
    let image = Image::parse(object, &file)?;
    let table = image.symbols();
    let undefined = table
        .symbols
        .iter()
        .filter(|symbol| symbol.section.is_none());
    let named =
        undefined.filter(|symbol| !symbol.name.is_empty() && symbol.kind != SymbolKind::File);
    Ok(named.map(|symbol| symbol.name.to_string()).collect())
}

/// How code of the program reaches its allocator past the recorder; `None` where none does.
fn past(path: &Path, names: &[String; 4]) -> Result<Option<Past>> {
    let file = Mapping::open(path)?;
    let image = Image::parse(path, &file)?;
    let table = image.symbols();
    let functions = || {
        let defined = table.symbols.iter().filter(|it| it.section.is_some());
        defined.filter(|symbol| symbol.kind == SymbolKind::Function && symbol.size > 0)
    };
    let find = |prefix: &str, name: &str| {
        let mut named = functions();
        named.find(|symbol| symbol.name.strip_prefix(prefix) == Some(name))
    };
    let [alloc, .., dealloc] = names;
    // Programs do without the other two.
    if find("__wrap_", alloc).is_none() || find("__wrap_", dealloc).is_none() {
        return Ok(Some(Past::LeftOut));
    }
    let recorder: Vec<AddressRange> = names
        .iter()
        .filter_map(|name| find("__wrap_", name))
        .map(|symbol| AddressRange {
            start: symbol.address,
            size: symbol.size,
        })
        .collect();
    let allocator = names.iter().filter_map(|name| find("", name));
    let allocator: Vec<VirtualAddress> = allocator.map(|symbol| symbol.address).collect();
    // Only instructions that can be read can be looked at.
    let Some(reader) = disasm::disassembler(image.architecture) else {
        return Ok(None);
    };
    let is_recorders = |address: VirtualAddress| {
        let mut ranges = recorder.iter();
        ranges.any(|range| range.start <= address && address < range.end())
    };
    let pieces: Vec<Piece<'_>> = functions()
        .filter(|symbol| !is_recorders(symbol.address))
        .filter_map(|symbol| {
            let size = usize::try_from(symbol.size).ok()?;
            Some(Piece {
                code: image.bytes_at(symbol.address)?.get(..size)?,
                address: symbol.address,
            })
        })
        .collect();
    // A call may go by a slot that the loader fills.
    let tables = image.relocations(&image.dynamic_symbols());
    let slots: HashMap<u64, VirtualAddress> = tables
        .iter()
        .flat_map(|table| &table.relocations)
        .filter_map(|relocation| Some((relocation.slot.0, relocation.target?)))
        .collect();
    let (mut seen, mut unseen) = (0_u64, 0_u64);
    reader.calls(&pieces, &mut |_, reference| {
        let filled = slots.get(&reference.to.0).copied();
        let word = || image.word_at(reference.to).map(VirtualAddress);
        for to in [Some(reference.to), filled.or_else(word)] {
            unseen += u64::from(to.is_some_and(|to| allocator.contains(&to)));
            seen += u64::from(to.is_some_and(is_recorders));
        }
    });
    Ok(match (seen, unseen) {
        (0, 0) => Some(Past::LeftOut),
        (_, 0) => None,
        (_, unseen) => Some(Past::Calls(unseen)),
    })
}
