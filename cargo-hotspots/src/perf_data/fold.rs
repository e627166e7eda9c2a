//! Samples, folded: what is equal is kept once and counted.

use crate::profile::{
    Count, Frame, FrameId, ModuleId, Place, StackId, StackNode, Thread, ThreadId, TimedSample,
};
use std::collections::HashMap;

/// All samples so far. Its size follows the distinct places, stacks and threads.
#[derive(Debug, Default)]
pub(super) struct Fold {
    frame_ids: HashMap<Frame, FrameId>,
    frames: Vec<Frame>,
    stack_ids: HashMap<StackNode, StackId>,
    stacks: Vec<StackNode>,
    thread_ids: HashMap<(i32, i32), ThreadId>,
    threads: Vec<Thread>,
    counts: HashMap<(EventId, ThreadId, StackId), Tally>,
    timeline: Option<Vec<(EventId, TimedSample)>>,
    totals: HashMap<EventId, Total>,
}

/// Events that are counted together.
pub(super) type EventId = usize;

/// Samples and their periods.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    samples: u64,
    period: u64,
    unrooted: u64,
    truncated: u64,
    broken: u64,
}

/// All samples of an event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Total {
    pub(super) samples: u64,
    pub(super) first: Option<u64>,
    pub(super) last: Option<u64>,
}

/// One sample, to be added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addition {
    pub(super) event: EventId,
    pub(super) thread: ThreadId,
    pub(super) stack: StackId,
    pub(super) time: Option<u64>,
    /// How many samples it stands for.
    pub(super) samples: u64,
    pub(super) period: u64,
    pub(super) unrooted: bool,
    pub(super) truncated: bool,
    pub(super) broken: bool,
}

/// What is left when one event was chosen.
pub(super) struct Folded {
    pub(super) threads: Vec<Thread>,
    pub(super) frames: Vec<Frame>,
    pub(super) stacks: Vec<StackNode>,
    pub(super) counts: Vec<Count>,
    pub(super) timeline: Option<Vec<TimedSample>>,
}

impl Fold {
    pub(super) fn new(timeline: bool) -> Self {
        Self {
            timeline: timeline.then(Vec::new),
            ..Self::default()
        }
    }

    pub(super) fn frame(&mut self, module: ModuleId, place: Place) -> FrameId {
        let frame = Frame { module, place };
        *self.frame_ids.entry(frame).or_insert_with(|| {
            self.frames.push(frame);
            FrameId(self.frames.len() as u32 - 1)
        })
    }

    /// What a frame is.
    pub(super) fn frame_at(&self, frame: FrameId) -> Option<Frame> {
        self.frames.get(frame.0 as usize).copied()
    }

    /// The stack of these frames, innermost first; `None` when there are none.
    pub(super) fn stack(&mut self, frames: &[FrameId]) -> Option<StackId> {
        let mut caller = None;
        for frame in frames.iter().rev() {
            let node = StackNode {
                caller,
                frame: *frame,
            };
            let id = *self.stack_ids.entry(node).or_insert_with(|| {
                self.stacks.push(node);
                StackId(self.stacks.len() as u32 - 1)
            });
            caller = Some(id);
        }
        caller
    }

    /// The thread, with its name and that of its process.
    pub(super) fn thread(&mut self, pid: i32, tid: i32, names: [Option<&str>; 2]) -> ThreadId {
        *self.thread_ids.entry((pid, tid)).or_insert_with(|| {
            let [name, process] = names;
            let or = |name: Option<&str>, number: i32| {
                name.map_or_else(|| format!("[{number}]"), str::to_owned)
            };
            self.threads.push(Thread {
                pid,
                tid,
                name: or(name, tid),
                process: or(process, pid),
            });
            ThreadId(self.threads.len() as u32 - 1)
        })
    }

    /// A thread got a name.
    pub(super) fn rename(&mut self, pid: i32, tid: i32, name: &str) {
        let id = self.thread_ids.get(&(pid, tid));
        if let Some(thread) = id.and_then(|id| self.threads.get_mut(id.0 as usize)) {
            name.clone_into(&mut thread.name);
        }
        if pid == tid {
            let own = self.threads.iter_mut().filter(|thread| thread.pid == pid);
            own.for_each(|thread| name.clone_into(&mut thread.process));
        }
    }

    /// A new thread starts: an earlier one with its number is over.
    pub(super) fn forget_thread(&mut self, pid: i32, tid: i32) {
        self.thread_ids.remove(&(pid, tid));
    }

    pub(super) fn add(&mut self, addition: Addition) {
        let Addition {
            event,
            thread,
            stack,
            time,
            samples,
            period,
            unrooted,
            truncated,
            broken,
        } = addition;
        let tally = self.counts.entry((event, thread, stack)).or_default();
        tally.samples = tally.samples.saturating_add(samples);
        tally.period = tally.period.saturating_add(period);
        let add = |sum: &mut u64, is: bool| *sum = sum.saturating_add(if is { samples } else { 0 });
        add(&mut tally.unrooted, unrooted);
        add(&mut tally.truncated, truncated);
        add(&mut tally.broken, broken);
        let total = self.totals.entry(event).or_default();
        add(&mut total.samples, true);
        if let Some(time) = time {
            total.first = Some(total.first.map_or(time, |first| first.min(time)));
            total.last = Some(total.last.map_or(time, |last| last.max(time)));
        }
        if let Some(timeline) = &mut self.timeline {
            let sample = TimedSample {
                time_ns: time.unwrap_or_default(),
                thread,
                stack,
                period,
            };
            timeline.push((event, sample));
        }
    }

    pub(super) fn total(&self, event: EventId) -> Total {
        self.totals.get(&event).copied().unwrap_or_default()
    }

    /// Keeps the samples of one event.
    pub(super) fn finish(self, event: EventId) -> Folded {
        let start = self.total(event).first.unwrap_or_default();
        let mut kept: Vec<(ThreadId, StackId, Tally)> = self
            .counts
            .into_iter()
            .filter(|((of, ..), _)| *of == event)
            .map(|((_, thread, stack), tally)| (thread, stack, tally))
            .collect();
        kept.sort_unstable_by_key(|(thread, stack, _)| (*thread, *stack));
        // Only threads that have samples of this event.
        let mut new_ids: HashMap<ThreadId, ThreadId> = HashMap::new();
        let mut threads = Vec::new();
        let mut counts = Vec::with_capacity(kept.len());
        for (old, stack, tally) in kept {
            let thread = *new_ids.entry(old).or_insert_with(|| {
                threads.extend(self.threads.get(old.0 as usize).cloned());
                ThreadId(threads.len() as u32 - 1)
            });
            counts.push(Count {
                thread,
                stack,
                samples: tally.samples,
                period: tally.period,
                unrooted: tally.unrooted,
                truncated: tally.truncated,
                broken: tally.broken,
            });
        }
        let timeline = self.timeline.map(|timeline| {
            let of_event = timeline.into_iter().filter(|(of, _)| *of == event);
            let mut timeline: Vec<TimedSample> = of_event
                .filter_map(|(_, sample)| {
                    Some(TimedSample {
                        time_ns: sample.time_ns.saturating_sub(start),
                        thread: *new_ids.get(&sample.thread)?,
                        ..sample
                    })
                })
                .collect();
            timeline.sort_by_key(|sample| sample.time_ns);
            timeline
        });
        Folded {
            threads,
            frames: self.frames,
            stacks: self.stacks,
            counts,
            timeline,
        }
    }
}
