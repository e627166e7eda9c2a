//! Builds of real projects by the real cargo, and what is found out about them.

mod build;
mod catalogue;
mod project;
