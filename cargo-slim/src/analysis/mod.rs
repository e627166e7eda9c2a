//! What the bytes of an artifact add up to. Computes, never prints.

pub mod crates;
pub mod data;
pub mod functions;
pub mod generics;
pub mod model;
pub mod sections;
pub mod subject;
