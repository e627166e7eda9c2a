//! A profile in the formats of other tools: folded stacks, a flamegraph, Firefox Profiler, pprof.
//!
//! All of them show each stack with its inlined functions as frames of their own. Each format is
//! bounded by the distinct stacks; the Firefox Profiler's has one row for each sample besides.

mod colors;
mod destination;
mod firefox;
mod flamegraph;
mod folded;
mod pprof;

pub use destination::Destination;
pub use firefox::firefox;
pub use flamegraph::flamegraph;
pub use folded::folded;
pub use pprof::pprof;

use crate::{
    profile::{FrameId, Profile, StackId},
    symbols::{Scope, Symbols},
};

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

/// A profile with the names of its places.
#[derive(Clone, Copy, Debug)]
pub struct Symbolized<'a> {
    /// The recording.
    pub profile: &'a Profile,
    /// Its names.
    pub symbols: &'a Symbols,
}

/// A function on a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    scope: Scope,
    /// Whether its code stands in that of the level around it.
    inlined: bool,
}

impl<'a> Symbolized<'a> {
    /// The functions of a frame, innermost first.
    fn levels(self, frame: FrameId) -> impl DoubleEndedIterator<Item = Level> + 'a {
        let scopes = self.symbols.scopes_of(frame);
        let outer = scopes.len().saturating_sub(1);
        scopes.iter().enumerate().map(move |(at, scope)| Level {
            scope: *scope,
            inlined: at < outer,
        })
    }

    /// The frames of a stack, outermost first, in a buffer that is used again.
    fn frames(self, stack: StackId, into: &mut Vec<FrameId>) {
        into.clear();
        into.extend(self.profile.frames_of(stack));
        into.reverse();
    }

    fn function_name(self, scope: &Scope) -> &'a str {
        let function = self.symbols.functions.get(scope.function.0 as usize);
        function.map_or("[unknown]", |function| &function.name)
    }
}

/// Whether the event's periods are nanoseconds of CPU time.
fn is_clock(event: &str) -> bool {
    let event = event.split(':').next().unwrap_or_default();
    matches!(event, "cpu-clock" | "task-clock")
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
