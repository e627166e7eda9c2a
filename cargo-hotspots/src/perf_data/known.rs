//! What was found out of places, by their position among the frames, so that it is found out once.

use super::module_file::Rule;
use crate::profile::FrameId;
use std::collections::BTreeSet;

/// Answers, or not asked yet.
#[derive(Debug)]
struct Answers<T>(Vec<Option<T>>);

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> Answers<T> {
    fn get(&self, frame: FrameId) -> Option<T> {
        self.0.get(frame.0 as usize).copied().flatten()
    }

    fn set(&mut self, frame: FrameId, answer: T) {
        let at = frame.0 as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        self.0[at] = Some(answer);
    }
}

/// What is known of places.
#[derive(Debug, Default)]
pub(super) struct Known {
    rules: Answers<Rule>,
    /// Whether frame pointers pass over the caller: of innermost functions, and of callers.
    passes_over: [Answers<bool>; 2],
    /// Places without an unwind table whose caller could not be found.
    pub(super) lost: BTreeSet<FrameId>,
    /// Places in libc that a thread's first calls come from.
    pub(super) roots: BTreeSet<FrameId>,
}

impl Known {
    pub(super) fn rule(&self, frame: FrameId) -> Option<Rule> {
        self.rules.get(frame)
    }

    pub(super) fn note_rule(&mut self, frame: FrameId, rule: Rule) {
        self.rules.set(frame, rule);
    }

    pub(super) fn passes_over(&self, frame: FrameId, is_innermost: bool) -> Option<bool> {
        self.passes_over[usize::from(is_innermost)].get(frame)
    }

    pub(super) fn note_passing(&mut self, frame: FrameId, is_innermost: bool, passes: bool) {
        self.passes_over[usize::from(is_innermost)].set(frame, passes);
    }
}
