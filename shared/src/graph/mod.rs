//! Directed graphs whose nodes are small numbers: edges in one block of memory, what every way to a
//! node leads through, and what nobody reaches once some nodes are gone.
//!
//! Nothing here recurses, and each algorithm's cost is bounded by the size of the graph (times a
//! logarithm, or the number of groups asked about), whatever the graph looks like: graphs are made
//! from files that anybody may have written.

mod dominators;
mod edges;
mod loss;
mod paths;

pub use dominators::Dominators;
pub use edges::Edges;
pub use loss::{Loss, NO_GROUP};
pub use paths::{Paths, reached};
