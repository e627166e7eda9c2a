//! How the library is told where and what to count: environment variables, which it removes before the
//! program's own code runs, so that programs that this one starts are not counted.

use crate::record::options::CallGraphChoice;
use codecost::cargo::Context;
use std::{
    collections::hash_map::RandomState,
    ffi::OsString,
    hash::{BuildHasher as _, Hasher as _},
    path::Path,
};

/// Bytes between two stacks: one by frame pointers takes a tenth of a microsecond, one by unwind
/// tables ten.
pub(super) const BY_POINTERS: u64 = 4 << 10;
pub(super) const BY_TABLES: u64 = 16 << 10;
/// So many allocations have their stacks by frame pointers before any is left to chance: what a
/// small program does is known exactly, and a large one has not been slowed by much.
pub(super) const EXACT: u64 = 50_000;
/// The same by unwind tables, which take ten milliseconds for these.
pub(super) const EXACT_BY_TABLES: u64 = 1_000;

/// The mean number of bytes between two stacks, once they are left to chance.
pub(super) fn interval_of(asked: Option<u64>, call_graph: CallGraphChoice) -> u64 {
    asked.unwrap_or(match call_graph {
        CallGraphChoice::FramePointers => BY_POINTERS,
        CallGraphChoice::Dwarf | CallGraphChoice::None => BY_TABLES,
    })
}

/// The variables for a program that counts in `file`, by the library, or without one by what is linked
/// in. With `interval` 0, and with `every` where
/// stacks are followed by frame pointers, each allocation has its stack.
pub(in crate::record) fn variables(
    context: &Context,
    library: Option<&Path>,
    file: &Path,
    interval: Option<u64>,
    every: bool,
    call_graph: CallGraphChoice,
) -> Vec<(OsString, OsString)> {
    let usual = interval_of(None, call_graph);
    let stacks = match call_graph {
        CallGraphChoice::FramePointers => 0,
        CallGraphChoice::Dwarf => 1,
        CallGraphChoice::None => 2,
    };
    let (interval, exact) = match interval {
        Some(0) => (1, u64::MAX),
        Some(interval) => (interval, 0),
        // Asked for by name: then all of them.
        None if every && stacks == 0 => (usual, u64::MAX),
        None if stacks == 0 => (usual, EXACT),
        None => (usual, EXACT_BY_TABLES),
    };
    // Another one in each run: what chance leaves out is not always the same.
    let seed = RandomState::new().build_hasher().finish();
    let how = format!("{interval}:{exact}:{stacks}:{seed}");
    let mut variables: Vec<(&str, OsString)> = vec![
        ("CARGO_HOTSPOTS_ALLOC_FILE", file.into()),
        ("CARGO_HOTSPOTS_ALLOC_HOW", how.into()),
    ];
    if let Some(library) = library {
        let before = context.var_os("LD_PRELOAD").unwrap_or_default();
        let mut preload = library.as_os_str().to_owned();
        if !before.is_empty() {
            preload.push(":");
            preload.push(&before);
        }
        variables.push(("LD_PRELOAD", preload));
        variables.push(("CARGO_HOTSPOTS_ALLOC_PRELOAD", before));
    }
    let named = variables.into_iter();
    named.map(|(name, value)| (name.into(), value)).collect()
}
