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
mod viewer;

pub use destination::Destination;
pub use firefox::firefox;
pub use flamegraph::{Drawing, flamegraph};
pub use folded::folded;
pub use pprof::pprof;
pub use symbolized::{Symbolized, unit};
pub use viewer::open;

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

impl ExportFormat {
    /// What opens such a file, whose numbers are in this unit.
    pub fn opened_with(self, file: &str, unit: &str) -> String {
        match self {
            Self::Firefox => format!(
                "open it at https://profiler.firefox.com with \"Load a profile from file\", or \
                 with `samply load {file}`"
            ),
            Self::Pprof => format!("open it with `go tool pprof -http=: {file}`"),
            Self::Folded => format!(
                "draw it with `inferno-flamegraph --countname {unit} {file} > flamegraph.svg`, or \
                 open it at https://www.speedscope.app"
            ),
        }
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
