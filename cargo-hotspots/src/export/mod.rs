//! A profile in the formats of other tools: folded stacks, a flamegraph, Firefox Profiler, pprof.
//!
//! All of them show each stack with its inlined functions as frames of their own. Each format is
//! bounded by the distinct stacks; the Firefox Profiler's also has one row for each sample.

mod colors;
mod destination;
mod firefox;
mod flamegraph;
mod folded;
mod pprof;
mod symbolized;

pub use destination::Destination;
pub use firefox::firefox;
pub use flamegraph::flamegraph;
pub use folded::folded;
pub use pprof::pprof;
pub use symbolized::Symbolized;

/// A format of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// The Firefox Profiler's processed profile.
    Firefox,
    /// pprof's protocol buffer, compressed with gzip.
    Pprof,
    /// One line for each stack, as Brendan Gregg's scripts take it.
    Folded,
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
