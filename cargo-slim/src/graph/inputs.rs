//! What a graph is made from.

use crate::ledger::{CodeReferences, DataObject};
use codecost::{
    attribution::CodeMap,
    image::{Image, RelocationTable, SymbolTable, UnwindTables},
};

/// The node that all roots hang on: the loader.
pub const START: u32 = 0;
/// The node that all hangs on that no root reaches.
pub const UNKNOWN: u32 = 1;
/// The first function's node; those of the data objects follow the functions'.
pub const FIRST: u32 = 2;

/// What a graph is made from.
#[derive(Clone, Copy)]
pub struct Inputs<'a, 'd> {
    /// The analysed file.
    pub image: &'a Image<'d>,
    /// The loader's symbols.
    pub dynamic_symbols: &'a SymbolTable<'d>,
    /// The unwind tables.
    pub unwind: &'a UnwindTables,
    /// All functions.
    pub code: &'a CodeMap,
    /// All data objects, by address.
    pub objects: &'a [DataObject],
    /// Thread-local variables that start as zero. Their nodes follow those of `objects`.
    pub thread_zeroes: &'a [DataObject],
    /// What the loader writes into data.
    pub relocations: &'a [RelocationTable],
    /// What the functions refer to, calls included, where that is known already.
    pub references: Option<&'a CodeReferences>,
}
