//! What was found out of places, by their position among the frames, so that it is found out once.

use crate::profile::FrameId;
use std::collections::BTreeSet;

/// Answers of yes, no, or not asked yet.
#[derive(Debug, Default)]
struct Answers(Vec<Option<bool>>);

impl Answers {
    fn get(&self, frame: FrameId) -> Option<bool> {
        self.0.get(frame.0 as usize).copied().flatten()
    }

    fn set(&mut self, frame: FrameId, answer: bool) {
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
    without_table: Answers,
    /// Whether frame pointers pass over the caller: of innermost functions, and of callers.
    passes_over: [Answers; 2],
    /// Places without an unwind table whose caller could not be found.
    pub(super) lost: BTreeSet<FrameId>,
    /// Places in libc that a thread's first calls come from.
    pub(super) roots: BTreeSet<FrameId>,
}

impl Known {
    pub(super) fn is_without_table(&self, frame: FrameId) -> Option<bool> {
        self.without_table.get(frame)
    }

    pub(super) fn note_table(&mut self, frame: FrameId, without: bool) {
        self.without_table.set(frame, without);
    }

    pub(super) fn passes_over(&self, frame: FrameId, is_innermost: bool) -> Option<bool> {
        self.passes_over[usize::from(is_innermost)].get(frame)
    }

    pub(super) fn note_passing(&mut self, frame: FrameId, is_innermost: bool, passes: bool) {
        self.passes_over[usize::from(is_innermost)].set(frame, passes);
    }
}
