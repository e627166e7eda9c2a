//! From an address to its owner: which crate, which function, and how we know.

mod evidence;
mod origin;

pub use evidence::Evidence;
pub use origin::Origin;
