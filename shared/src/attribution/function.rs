//! One function of a program, with its owner.

use super::{Evidence, Owner};
use crate::{address::AddressRange, demangle::Shape};

/// One function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its code.
    pub range: AddressRange,
    /// The section that holds it.
    pub section: u32,
    /// Its symbol, an index into [`SymbolTable::symbols`](crate::image::SymbolTable::symbols); `None` when only the unwind tables or
    /// the debug information know it.
    pub symbol: Option<u32>,
    /// Whether that symbol stands in no table: its code was found in a library.
    pub guessed: bool,
    /// What reading the symbol's name found out.
    pub shape: Shape,
    /// Further symbols at the same address: a range of [`CodeMap::aliases`](super::CodeMap::aliases).
    pub aliases: std::ops::Range<u32>,
    /// Who owns it.
    pub owner: Owner,
    /// How its extent is known.
    pub extent: Evidence,
}
