//! Talking to cargo: its flags, its builds, its artifacts and the toolchain behind it.
//!
//! The tools never guess where cargo puts a file or which flags it passes. What is built is chosen
//! from `cargo metadata`; what was built is named by the build's own JSON messages. A build that
//! this library makes goes into a directory of its own below the target directory, so that what
//! the user's `cargo build` put at its path stays there.

pub mod build;
mod child;
pub mod config;
mod context;
mod dependencies;
mod environment;
pub mod flags;
mod kept;
mod lookup;
mod messages;
mod packageid;
mod runner;
mod rustflags;
pub mod rustup;
mod selection;
mod toolchain;
mod unstable;
mod workspace;

pub use build::{Additions, Build, Relink};
pub use child::ends_with_us;
pub use context::Context;
pub use dependencies::{Dependencies, Dependency, Use};
pub use flags::{
    BUILD_ARGUMENTS, BuildFlags, CargoFlags, LOOKUP_ARGUMENTS, LookupFlags, ManifestFlags,
    ProfileFlags, TargetFlags, TripleFlag,
};
pub use messages::{BuiltArtifact, BuiltCrate, BuiltExecutable, ScriptOutput};
pub use packageid::{PackageSource, package_of_id};
pub use runner::Runner;
pub use rustflags::{Rustflags, RustflagsSource};
pub use selection::{Selection, TargetChoice};
pub use toolchain::{Toolchain, v0_is_default};
pub use workspace::{Candidate, TargetKind, Workspace};
