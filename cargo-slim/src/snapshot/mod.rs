//! What one build weighs, in full but without its bytes: enough for every later comparison and
//! every later check.
//!
//! A snapshot holds nothing that changes between two builds of one source: no addresses, no
//! hashes, no absolute paths. Names are in the full form of [`codecost::demangle`].

mod depth;
mod listing;
pub mod measure;
mod model;
mod names;
mod provenance;
mod read;
mod sorting;
mod survey;
mod take;
mod write;

pub(crate) use depth::JsonDepth;
pub use measure::Compressors;
pub use model::{Artifact, Build, Crate, Function, Measures, NAMELESS, Package, Section, Snapshot};
pub use names::Names;
pub use read::{is_snapshot, open, parse};
pub use survey::survey;
pub use take::{
    NamedTarget, Options, Step, Surveyed, measures_as_built, open_or_survey, snapshot_of,
    survey_of, take,
};
