//! The reference graph: which function or constant keeps which other one in the file.
//!
//! Nodes are the functions of the code map and the data objects of the ledger. An edge says that
//! one cannot be linked without the other: a call, a jump, an address that is taken, a pointer in
//! data, an unwind personality. That is a linker's view (`--gc-sections`), not a run's: whose
//! address is taken is kept, whether it is ever called or not, so calls through a register or a
//! vtable need no edges of their own.
//!
//! [`Graph`] is made once from the ledger's parts; [`Kept`] says what each node keeps. What no known
//! edge reaches is in the file for a reason that we do not see, such as a neighbour in the same
//! section of a C object, or code that is not decoded: these nodes hang on the node [`UNKNOWN`], and
//! what they refer to is *uncertain*. So is what a neighbour in one section of assembly may keep.

mod code;
mod data;
mod inputs;
mod kept;
mod links;
mod nodes;
mod places;
mod roots;
mod sizes;
mod threads;

pub use inputs::{FIRST, Inputs, START, UNKNOWN};
pub use kept::{Keep, Kept};
pub use links::{Link, Links, Via};
pub use nodes::{Graph, Node};
pub use places::Nodes;
pub use roots::{Root, RootKind};
pub use sizes::Sizes;
