//! Private builds, and what rustc was told in them.

pub mod arguments;
pub mod build;
pub mod link;
mod memory;
pub mod proof;
pub mod wrapper;
