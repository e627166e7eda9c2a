//! What each dependency costs: the bytes of the crates in a file, put onto the tree of packages that
//! cargo resolved; and what each feature costs, as builds without it show.

mod features;
mod model;
mod proof;
mod tree;

pub use features::brought;
pub use model::{
    Brought, Counted, DependencyKind, DependencyRow, FeatureRow, Features, PackageNames,
    PackageSizes, Proven, Status, Tree,
};
pub use proof::{Proof, prove};
pub use tree::{bytes, tree};
