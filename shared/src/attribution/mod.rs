//! From an address to its owner: which crate, which function, and how we know.

pub mod catalogue;
#[cfg(feature = "binary")]
mod code;
mod crates;
mod evidence;
#[cfg(feature = "binary")]
mod function;
#[cfg(feature = "binary")]
mod instances;
#[cfg(feature = "binary")]
mod neighbours;
mod origin;
#[cfg(feature = "binary")]
mod owner;
#[cfg(feature = "binary")]
mod packages;
#[cfg(feature = "binary")]
mod signatures;
#[cfg(feature = "binary")]
mod units;

#[cfg(feature = "binary")]
pub use catalogue::Surroundings;
pub use catalogue::{Catalogue, CrateInfo, CrateKey, Role};
#[cfg(feature = "binary")]
pub use code::{CodeMap, KnownFunction};
pub use crates::{CrateId, Crates};
pub use evidence::Evidence;
#[cfg(feature = "binary")]
pub use function::Function;
#[cfg(feature = "binary")]
pub use instances::has_two_instances;
pub use origin::Origin;
#[cfg(feature = "binary")]
pub use owner::{Owner, SymbolOwners, codegen_unit, made_by_compiler, path_root};
#[cfg(feature = "binary")]
pub use packages::{ListedPackage, PackageList};
#[cfg(feature = "binary")]
pub use signatures::{Archives, Hole, Signature, Signatures};
#[cfg(feature = "binary")]
pub use units::UnitOwners;
