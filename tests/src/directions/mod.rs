//! Which file depends on which, read off the source: the rules of ARCHITECTURE.md as a check.
//!
//! [`source`] reads a file: its modules, what it imports, and the paths that its code names.
//! [`graph`] resolves these to files, through `crate`, `self`, `super`, imported names and
//! re-exports. [`rules`] says what may not be. Nothing is compiled, so the limits are those of
//! reading: paths that a macro puts together are not seen, nor are methods called without a path.

pub mod graph;
pub mod rules;
pub mod source;
