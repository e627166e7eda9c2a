//! Does the workspace's code rely on unwinding?
//!
//! With `panic = "abort"` a panic ends the process at once: `catch_unwind` never returns `Err`,
//! and the `join()` of a thread never reports that it panicked. Tests do not show it, because cargo
//! compiles test targets with unwinding whatever the profile says. So the code itself is read:
//! `syn` for Rust, tokens where a macro's body is no Rust, and a byte search first, so that files
//! that cannot matter are not parsed.
//!
//! Files are found as rustc finds them, from each target's root through `mod` declarations. What
//! `cfg` excludes from a build that aborts (`test`, `panic = "unwind"`) does not count; other
//! conditions count as true. Limits: types are not inferred, so a `join()` whose receiver cannot be
//! traced is judged by what its package defines (see `symbols`); code that a macro makes up from
//! pieces, or that a build script writes, is not seen.

mod cfg;
mod imports;
mod locks;
mod modules;
mod prefilter;
mod source;
mod symbols;
mod tokens;
mod visit;
mod walk;

use std::collections::HashSet;
use std::path::PathBuf;

use codecost::{Error, Result};
pub use source::{Evidence, Reliance};
use source::{Module, Parsed};

/// Finds what relies on unwinding in one package, given the root files of its targets.
///
/// Cost is linear in the size of the sources; files are parsed only where they declare modules or
/// hold one of the words that matter.
///
/// # Errors
///
/// A root file that cannot be read. A module that is declared but missing is skipped: the build
/// itself will say so.
pub fn scan(roots: &[PathBuf]) -> Result<Vec<Evidence>> {
    let mut files: Vec<Parsed> = Vec::new();
    let mut found: Vec<Evidence> = Vec::new();
    let mut seen: HashSet<PathBuf> = HashSet::new();
    let mut pending: Vec<(PathBuf, bool, Vec<u8>)> = Vec::new();
    // Files that matter only where another one defines a function that hands a panic on.
    let mut plain: Vec<PathBuf> = Vec::new();
    let mut queue: Vec<Module> = roots.iter().map(|path| Module::root(path)).collect();
    while let Some(module) = queue.pop() {
        if !seen.insert(module.file.clone()) {
            continue;
        }
        let bytes = match std::fs::read(&module.file) {
            Ok(bytes) => bytes,
            Err(error) if module.is_root => return Err(Error::read(&module.file, error)),
            Err(_) => continue,
        };
        let wanted = prefilter::look(&bytes);
        if !wanted.modules && !wanted.words {
            if wanted.symbols {
                pending.push((module.file, wanted.threads, bytes));
            } else {
                plain.push(module.file);
            }
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        match syn::parse_file(&text) {
            Ok(tree) => {
                if cfg::excluded(&tree.attrs) {
                    continue;
                }
                queue.extend(modules::submodules(&module, &tree));
                if wanted.words || wanted.symbols {
                    files.push(Parsed {
                        path: module.file,
                        tree,
                        mentions_threads: wanted.threads,
                        matters: wanted.words,
                    });
                }
            }
            // Syntax that `syn` does not know yet: words alone must do, and err on the safe side.
            Err(_) => found.extend(prefilter::word_evidence(&module.file, &text)),
        }
    }
    if !files.iter().any(|file| file.matters) {
        found.sort();
        return Ok(found);
    }
    let parse = |path: PathBuf, mentions_threads, bytes: &[u8]| {
        let tree = syn::parse_file(&String::from_utf8_lossy(bytes)).ok()?;
        Some(Parsed {
            path,
            tree,
            mentions_threads,
            matters: false,
        })
    };
    for (path, mentions_threads, bytes) in pending {
        files.extend(parse(path, mentions_threads, &bytes));
    }
    let mut symbols = symbols::Symbols::default();
    for file in &files {
        symbols.add(&file.tree);
        symbols.mentions_threads |= file.mentions_threads;
    }
    symbols.finish();
    let calls = |bytes: &[u8]| symbols.hands_on_a_panic(|name| prefilter::names(bytes, name));
    for path in plain {
        let bytes = std::fs::read(&path).unwrap_or_default();
        files.extend(parse(path, false, &bytes).filter(|_| calls(&bytes)));
    }
    // Any call may look at what a function that hands a panic on returns.
    let all = symbols.hands_on_a_panic(|_| true);
    for file in files.iter().filter(|file| file.matters || all) {
        found.extend(visit::evidence(file, &symbols));
    }
    found.sort();
    found.dedup();
    Ok(found)
}
