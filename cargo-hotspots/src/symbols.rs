//! What is known of each place of a [`Profile`](crate::profile::Profile): its functions, inlined
//! ones included, their source lines and their crates. Made by `symbolize`, read by `analysis`.

use crate::profile::FrameId;
use codecost::{
    address::AddressRange,
    attribution::{Evidence, Origin},
};

/// A function, by its position in [`Symbols::functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId(pub u32);

/// A crate or bucket, by its position in [`Symbols::crates`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(pub u32);

/// A source file, by its position in [`Symbols::files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// The names of all places of a profile.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// Distinct functions.
    pub functions: Vec<Function>,
    /// What else functions are called: the names that symbol tables have for their code.
    pub aliases: Vec<(String, FunctionId)>,
    /// Other functions whose code is the same, so that the compiler or the linker has kept it once: a
    /// call of the one cannot be told from a call of the other. Without those of the system's libraries.
    pub merged: Vec<(String, FunctionId)>,
    /// Crates and buckets (`[kernel]`, `[libc]`, `[unknown]`).
    pub crates: Vec<Owner>,
    /// Source files as the debug information names them.
    pub files: Vec<String>,
    /// One for each frame of the profile, in its order.
    pub chains: Vec<Chain>,
    /// All scopes, chain after chain.
    pub scopes: Vec<Scope>,
    /// What could not be resolved.
    pub gaps: Gaps,
}

/// Whose code a frame is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The crate as rustc knows it, or a name in brackets.
    pub name: String,
    /// The package, where known.
    pub package: Option<String>,
    /// Its version, where known.
    pub version: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether time in it is charged to the caller that asked for it: std and its dependencies,
    /// libc, the allocator, kernel and vdso.
    pub system: bool,
}

/// A function, by its name and crate: all its copies are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Function {
    /// In full, without hash: `alpha::burn::<u64>`; or `[unknown]` and the like.
    pub name: String,
    /// Its crate.
    pub owner: OwnerId,
    /// How the crate is known.
    pub evidence: Evidence,
    /// Where it is declared, where known.
    pub file: Option<SourceId>,
    /// The line of its declaration.
    pub line: Option<u32>,
}

/// The inlined functions at one place, innermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The first of its scopes in [`Symbols::scopes`], the innermost inlined function.
    pub first: u32,
    /// How many scopes; at least one. The last is the function that is not inlined.
    pub len: u32,
    /// The function that the physical code around the address is of: what the debug information
    /// says, else the symbol table. Both are one function, by its address.
    pub symbol: FunctionId,
    /// The symbol's extent, where there is one.
    pub extent: Option<AddressRange>,
    /// Whether the line is borrowed from the neighbouring row, because there was line 0.
    pub line_zero: bool,
}

/// One function of an inline chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The function.
    pub function: FunctionId,
    /// The file of the line.
    pub file: Option<SourceId>,
    /// The line that is executed in this function: of the innermost the instruction's, of the
    /// others that of the call.
    pub line: Option<u32>,
}

/// What could not be resolved, in distinct addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Modules without debug information, by name, with how many addresses that concerns.
    pub no_debug_info: Vec<(String, u64)>,
    /// Modules without a symbol for some addresses.
    pub no_symbol: Vec<(String, u64)>,
    /// Modules of whose debug information `dwz` moved parts to another file that is not here, with its
    /// path.
    pub no_shared_debug: Vec<(String, String)>,
}

impl Symbols {
    /// The scopes of a frame, innermost first; empty for a frame of another profile.
    pub fn scopes_of(&self, frame: FrameId) -> &[Scope] {
        let Some(chain) = self.chains.get(frame.0 as usize) else {
            return &[];
        };
        let first = chain.first as usize;
        self.scopes
            .get(first..first + chain.len as usize)
            .unwrap_or_default()
    }
}
