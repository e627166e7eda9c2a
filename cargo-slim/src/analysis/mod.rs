//! What the bytes of an artifact add up to. Computes, never prints.

pub mod crates;
pub mod model;
mod result;
pub mod subject;

pub use result::{Analysis, Rows, Total};
