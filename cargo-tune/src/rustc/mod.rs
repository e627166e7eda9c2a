//! Private builds, and what rustc was told in them.

pub mod arguments;
pub mod build;
pub mod link;
mod memory;
mod messages;
pub mod proof;
pub mod wrapper;
