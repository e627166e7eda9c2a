//! How long threads wait, and where: a sample at each switch away from a thread, and the kernel's records
//! of switches beside it.
//!
//! Truth: perf_event_open(2). The kernel takes the sample of `context-switches` while the thread's stack
//! is still there, then it writes that the thread is switched away from, and whether only because its
//! turn was over (`PERF_RECORD_MISC_SWITCH_OUT_PREEMPT`), and when the thread has a processor again it
//! writes that. So a sample's weight is known when the thread comes back. Limits: the time until a
//! thread that may run again gets a processor is in it; what a thread waits for when the recording
//! begins has no sample.

use super::fold::Addition;
use linux_perf_data::linux_perf_event_reader::{ContextSwitchRecord, TaskWasPreempted};
use std::collections::HashMap;

/// The samples of threads that have no processor. Its size follows the threads that are there.
#[derive(Debug, Default)]
pub(super) struct Waits {
    begun: HashMap<i32, (u64, Addition)>,
    /// When the last record was written.
    last: u64,
}

impl Waits {
    /// A thread is about to lose its processor.
    pub(super) fn begin(&mut self, tid: i32, addition: Addition) {
        if let Some(time) = addition.time {
            self.begun.insert(tid, (time, addition));
        }
    }

    /// A switch; what is over is to be added.
    pub(super) fn switch(
        &mut self,
        tid: i32,
        time: u64,
        switch: &ContextSwitchRecord,
    ) -> Option<Addition> {
        self.last = self.last.max(time);
        match switch {
            ContextSwitchRecord::Out { preempted, .. } => {
                // It did not wait for anything but its turn.
                if *preempted != TaskWasPreempted::No {
                    self.begun.remove(&tid);
                }
                None
            }
            ContextSwitchRecord::In { .. } => {
                let (start, addition) = self.begun.remove(&tid)?;
                Some(ended(addition, start, time))
            }
        }
    }

    /// A thread ended: it does not wait.
    pub(super) fn exit(&mut self, tid: i32, time: u64) {
        self.last = self.last.max(time);
        self.begun.remove(&tid);
    }

    /// Those of threads that still wait at the end.
    pub(super) fn finish(self) -> impl Iterator<Item = Addition> {
        let last = self.last;
        let mut begun: Vec<_> = self.begun.into_iter().collect();
        begun.sort_unstable_by_key(|(tid, (start, _))| (*start, *tid));
        let waits = begun.into_iter();
        waits.map(move |(_, (start, addition))| ended(addition, start, last))
    }
}

fn ended(addition: Addition, start: u64, end: u64) -> Addition {
    Addition {
        period: end.saturating_sub(start),
        ..addition
    }
}
