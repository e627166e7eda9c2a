//! What the bytes of an artifact add up to. Computes, never prints.
//!
//! [`open`] an [`Input`], read it as a [`Subject`], and ask for one [`Analysis`]: [`sections`],
//! [`crates`], [`functions`], [`generics`], [`data`], [`loads`] or [`overview`].

mod crates;
mod data;
mod debug_sections;
mod dependencies;
mod depth;
mod files;
mod findings;
mod functions;
mod generics;
mod inferred;
mod inlined;
mod language;
mod loads;
pub mod model;
mod names;
mod open;
mod overview;
pub mod package;
mod partition;
mod references;
pub mod regions;
mod result;
mod retained;
mod roles;
mod sections;
mod source;
mod subject;
mod users;
mod wanted;
mod why;

pub use crates::crates;
pub use data::data;
pub use dependencies::{ProofOptions, dependencies};
pub use depth::of as depth_of;
pub use files::Files;
pub use functions::functions;
pub use generics::{generics, only_named};
pub use inlined::inlined;
pub use language::language;
pub use loads::loads;
pub use open::{Facts, Input, Opened, architecture_name, mapped, open, open_in, open_tables};
pub use overview::overview;
pub use result::{Analysis, Total};
pub use retained::{RetainedOptions, retained};
pub use sections::sections;
pub use subject::{Depth, Slice, Subject};
pub use users::data_named;
pub use wanted::Wanted;
pub use why::why;

pub(crate) use crates::{between as between_images, labelled as crate_rows, sums as crate_sums};
pub(crate) use names::FunctionNames;
pub(crate) use partition::rows as section_rows;
pub(crate) use result::{memory, notes, warnings};
pub(crate) use subject::Functions;
