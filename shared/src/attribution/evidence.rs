//! How we know who owns something.

use std::fmt;

/// How the owner of a range of bytes, or of a sample, is known; strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// A symbol whose name says it exactly (v0), or that an object file of the crate defines.
    Symbol,
    /// The unwind tables: where a function starts and ends.
    Unwind,
    /// The compilation unit, subprogram or line table of the debug information.
    DebugInfo,
    /// A relocation: the owner of the slot that it patches.
    Relocation,
    /// Code, or data that code refers to, refers to it.
    Reference,
    /// The file format itself: headers, tables and padding that the linker writes.
    Format,
    /// A guess from a name or from the surroundings: likely, not proven.
    Inferred,
    /// None: the owner is unknown.
    None,
}

impl Evidence {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Symbol => "symbol",
            Self::Unwind => "unwind",
            Self::DebugInfo => "debug-info",
            Self::Relocation => "relocation",
            Self::Reference => "reference",
            Self::Format => "format",
            Self::Inferred => "inferred",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
