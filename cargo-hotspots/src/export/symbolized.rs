//! A profile with its names, as all formats walk it: stacks whose inlined functions are frames.

use crate::{
    analysis::fold::OfFunction,
    profile::{FrameId, Profile, StackId, WAITING},
    symbols::{FunctionId, Scope, Symbols},
};

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
pub(super) struct Level {
    pub(super) scope: Scope,
    /// Whether it is inlined into the level around it.
    pub(super) inlined: bool,
}

impl OfFunction for Level {
    fn function(&self) -> FunctionId {
        self.scope.function
    }
}

impl<'a> Symbolized<'a> {
    /// The functions of a frame, innermost first.
    pub(super) fn levels(self, frame: FrameId) -> impl DoubleEndedIterator<Item = Level> + 'a {
        let scopes = self.symbols.scopes_of(frame);
        let outer = scopes.len().saturating_sub(1);
        scopes.iter().enumerate().map(move |(at, scope)| Level {
            scope: *scope,
            inlined: at < outer,
        })
    }

    /// The frames of a stack, outermost first, in a buffer that is used again.
    pub(super) fn frames(self, stack: StackId, into: &mut Vec<FrameId>) {
        into.clear();
        into.extend(self.profile.frames_of(stack));
        into.reverse();
    }

    pub(super) fn function_name(self, scope: &Scope) -> &'a str {
        let function = self.symbols.functions.get(scope.function.0 as usize);
        function.map_or("[unknown]", |function| &function.name)
    }
}

/// The unit of the event's periods, which are the numbers of folded stacks: that of a clock has one of
/// its own, another event is counted.
pub fn unit(event: &str) -> &str {
    match is_clock(event) {
        true => "ns",
        false => event.split(':').next().unwrap_or_default(),
    }
}

/// Whether the event's periods are nanoseconds, of CPU time or of waiting.
pub(super) fn is_clock(event: &str) -> bool {
    let event = event.split(':').next().unwrap_or_default();
    matches!(event, "cpu-clock" | "task-clock" | WAITING)
}
