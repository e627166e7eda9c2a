//! What the bytes of an artifact add up to. Computes, never prints.
//!
//! [`open`] an [`Input`], read it as a [`Subject`], and ask for one [`Analysis`]: [`sections`],
//! [`crates`], [`functions`], [`generics`], [`data`], [`loads`] or [`overview`].

mod crates;
mod data;
mod depth;
mod findings;
mod functions;
mod generics;
mod loads;
pub mod model;
mod names;
mod open;
mod overview;
mod partition;
mod result;
mod sections;
mod subject;

pub use crates::crates;
pub use data::data;
pub use functions::functions;
pub use generics::{generics, only_named};
pub use loads::loads;
pub use open::{Facts, Input, Opened, open, open_in};
pub use overview::overview;
pub use result::{Analysis, Total};
pub use sections::sections;
pub use subject::{Depth, Files, Subject};

pub(crate) use crates::{labelled as crate_rows, sums as crate_sums};
pub(crate) use names::FunctionNames;
pub(crate) use partition::rows as section_rows;
pub(crate) use subject::Functions;
