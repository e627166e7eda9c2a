//! What the bytes of an artifact add up to. Computes, never prints.

pub mod crates;
pub mod model;
pub mod subject;
