//! What changed between two snapshots, and why.
//!
//! Crates partition the file, and so do sections: their deltas add up to the difference of the
//! files exactly. Code that only moved (a renamed module, a split crate, another crate that made
//! the copy) is found by matching functions in passes from strict to loose, and is not growth.
//! Symbol tables are a row of their own, because other names for the same code change them and
//! nothing else; padding is one row, because it follows from everything else.

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
mod unknown;

pub use causes::Cause;
pub use change::{Change, Kind, Status, delta};
pub use compared::{Compared, Sizes, files, revisions};
pub use comparison::Comparison;
