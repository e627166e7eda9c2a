//! The ledger: the file cut into ranges, each with one owner and one evidence tag.
//!
//! `layout` cuts the file into sections, headers and gaps; each section's bytes are then claimed
//! by their contents, strongest evidence first (`claims`). Unclaimed bytes are padding
//! where they do nothing, and unknown otherwise. So the entries partition the file by
//! construction. Wrong claims, as a damaged file can make, do not change that.

mod accounts;
mod book;
mod category;
mod claims;
mod code;
mod data;
mod debug;
mod extents;
mod inputs;
mod layout;
mod marks;
mod object;
mod padding;
mod parts;
mod pointers;
mod radix;
mod references;
mod relative;
mod sharing;
mod tables;

pub use accounts::Ledger;
pub use book::{Amount, Key};
pub use category::{ByCategory, Category};
pub use debug::DebugClaims;
pub use inputs::{Inlined, Inputs};
pub use layout::{Layout, Piece, PieceKind};
pub use object::{DataKind, DataObject};
pub use pointers::Pointers;
pub use references::{CodeReferences, code_pieces, piece_of};
pub use sharing::{Parties, PartyId};
