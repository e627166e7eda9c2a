//! What does a piece of code cost, and whose is it?
//!
//! A byte of a file and a sample of a profile are the same question: *an address, and who owns
//! it*. This library answers it once, for `cargo slim`, `cargo tune` and `cargo hotspots`:
//!
//! ```text
//! artifact --load--> Image --attribute--> Owner { crate, instantiated_by, function, evidence }
//! ```
//!
//! An owner always carries its [evidence](attribution::Evidence): how we know.
//!
//! The modules below are in order: each imports only from those above it.

pub mod units;

pub mod hashing;

pub mod graph;

pub mod error;

pub mod pattern;

pub mod stdin;

pub mod address;

pub mod demangle;

#[cfg(feature = "binary")]
pub mod image;

#[cfg(feature = "disasm")]
pub mod disasm;

pub mod cargo;

pub mod attribution;

pub mod report;

pub mod revisions;

pub mod console;

pub mod front;

pub use error::{Error, Result};
