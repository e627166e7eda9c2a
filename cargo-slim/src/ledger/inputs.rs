//! What a ledger is made from.

use super::{debug::DebugClaims, pointers::Pointers, references::CodeReferences};
use codecost::{
    address::AddressRange,
    attribution::{CodeMap, CrateId, Evidence, SymbolOwners},
    image::{Image, SymbolTable, UnwindTables},
};

/// Code that was inlined, the crate that wrote it, and how that is known.
pub type Inlined = (AddressRange, CrateId, Evidence);

/// What the ledger is made from.
pub struct Inputs<'a, 'd> {
    /// The analysed file.
    pub image: &'a Image<'d>,
    /// Its symbols, maybe from a debug file.
    pub symbols: &'a SymbolTable<'d>,
    /// The loader's symbols.
    pub dynamic_symbols: &'a SymbolTable<'d>,
    /// Who owns the symbols.
    pub owners: &'a SymbolOwners,
    /// The unwind tables.
    pub unwind: &'a UnwindTables,
    /// All functions.
    pub code: &'a CodeMap,
    /// What they refer to.
    pub references: &'a CodeReferences,
    /// What the loader writes into data.
    pub pointers: &'a Pointers,
    /// The crate of the innermost inlined function, by address, where that is asked for.
    pub inlined: &'a [Inlined],
    /// The crate of each compilation unit and its bytes, where there is debug information.
    pub debug: Option<&'a DebugClaims>,
    /// The crate that the artifact itself is, where known.
    pub leaf: Option<CrateId>,
}
