//! What changed between two snapshots, and why.
//!
//! Crates partition what ships of a file, and so do sections: their deltas add up to the change of
//! the shipped size exactly. Debug information and symbol tables are told beside the rows. Code that only moved (a renamed module, a split crate, another crate that made
//! the copy) is found by matching functions in passes from strict to loose, and is not growth.
//! Where a side does not say what ships (an older snapshot, another format), the rows are about the
//! whole file, and symbol tables are a row of their own, because other names for the same code
//! change them and nothing else. Padding is one row, because it follows from everything else.

mod basis;
mod causes;
mod change;
mod compared;
mod comparison;
mod crates;
mod families;
mod functions;
mod likeness;
mod matching;
mod names;
mod pairs;
mod renames;
mod replaced;
mod sizes;
mod unknown;

pub use basis::Basis;
pub use causes::Cause;
pub use change::{Change, Kind, Status, delta};
pub use compared::{Compared, Sizes, files, revisions};
pub use comparison::Comparison;
