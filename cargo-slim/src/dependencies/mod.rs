//! What each dependency costs: the bytes of the crates in a file, put onto the tree of packages that
//! cargo resolved; and what each feature costs, as builds without it show.

mod model;
mod proof;
mod tree;

pub use model::{
    Counted, DependencyKind, DependencyRow, FeatureRow, Features, Proven, Status, Tree,
};
pub use proof::{Proof, prove};
pub use tree::tree;
