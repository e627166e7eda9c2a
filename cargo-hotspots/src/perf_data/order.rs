//! Records in order of time.
//!
//! Each CPU has a buffer of its own, and `perf record` writes out one after the other. After each
//! such round it says so (`PERF_RECORD_FINISHED_ROUND`): all that is older than the newest record
//! of the round before is then complete and can be put in order. Only two rounds are in memory at
//! a time; a file that never ends a round is put in order piece by piece.

use std::{collections::VecDeque, mem};

/// A record of the kernel's.
#[derive(Debug)]
pub(super) struct Event {
    /// By the recording's clock.
    pub(super) time: u64,
    pub(super) kind: u32,
    pub(super) misc: u16,
    /// The event that it belongs to, by its position among the attributes.
    pub(super) attribute: usize,
    pub(super) body: Vec<u8>,
}

/// Bytes of records that may wait for the end of a round. `perf record` writes a few MiB each.
const MAX_WAITING: usize = 48 << 20;

/// Puts records in order.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    waiting: Vec<Event>,
    waiting_bytes: usize,
    /// What is in order, to be taken from the front.
    ready: VecDeque<Event>,
    /// The newest time of all records.
    newest: u64,
    /// The newest time when the last round ended.
    complete_to: u64,
    /// The time of the last record that was taken.
    taken_to: u64,
    /// Records that were older than one that had been taken already.
    pub(super) disordered: u64,
    /// Bodies to use again.
    spare: Vec<Vec<u8>>,
}

impl Rounds {
    /// A buffer for a body.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Gives a body back.
    pub(super) fn recycle(&mut self, body: Vec<u8>) {
        self.spare.push(body);
    }

    /// The time for a record that has none: it stays where it is.
    pub(super) fn now(&self) -> u64 {
        self.newest
    }

    pub(super) fn push(&mut self, event: Event) {
        self.newest = self.newest.max(event.time);
        self.waiting_bytes += event.body.len() + mem::size_of::<Event>();
        self.waiting.push(event);
        if self.waiting_bytes > MAX_WAITING {
            self.waiting.sort_by_key(|event| event.time);
            self.release(self.waiting.len() / 2 + 1);
        }
    }

    pub(super) fn finish_round(&mut self) {
        self.waiting.sort_by_key(|event| event.time);
        let complete = self
            .waiting
            .partition_point(|event| event.time <= self.complete_to);
        self.release(complete);
        self.complete_to = self.newest;
    }

    /// There are no more records.
    pub(super) fn finish(&mut self) {
        self.waiting.sort_by_key(|event| event.time);
        self.release(self.waiting.len());
    }

    /// The next record in order.
    pub(super) fn take(&mut self) -> Option<Event> {
        let event = self.ready.pop_front()?;
        if event.time < self.taken_to {
            self.disordered += 1;
        }
        self.taken_to = self.taken_to.max(event.time);
        Some(event)
    }

    fn release(&mut self, count: usize) {
        for event in self.waiting.drain(..count) {
            self.waiting_bytes -= event.body.len() + mem::size_of::<Event>();
            self.ready.push_back(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: u64) -> Event {
        Event {
            time,
            kind: 9,
            misc: 0,
            attribute: 0,
            body: Vec::new(),
        }
    }

    fn taken(rounds: &mut Rounds) -> Vec<u64> {
        std::iter::from_fn(|| rounds.take().map(|event| event.time)).collect()
    }

    /// The example in the kernel's documentation of the round event.
    #[test]
    fn a_round_completes_what_is_older_than_the_round_before() {
        let mut rounds = Rounds::default();
        for time in [1, 2, 3, 2, 3, 4] {
            rounds.push(event(time));
        }
        rounds.finish_round();
        assert!(taken(&mut rounds).is_empty());
        for time in [3, 4, 5, 5, 6, 7] {
            rounds.push(event(time));
        }
        rounds.finish_round();
        assert_eq!(taken(&mut rounds), [1, 2, 2, 3, 3, 3, 4, 4]);
        rounds.finish();
        assert_eq!(taken(&mut rounds), [5, 5, 6, 7]);
        assert_eq!(rounds.disordered, 0);
    }

    #[test]
    fn what_comes_too_late_is_counted_and_not_dropped() {
        let mut rounds = Rounds::default();
        rounds.push(event(10));
        rounds.finish_round();
        rounds.finish_round();
        assert_eq!(taken(&mut rounds), [10]);
        rounds.push(event(3));
        rounds.finish();
        assert_eq!(taken(&mut rounds), [3]);
        assert_eq!(rounds.disordered, 1);
    }

    #[test]
    fn without_rounds_memory_stays_bounded() {
        let mut rounds = Rounds::default();
        let mut seen = 0;
        for time in 0..20_000 {
            rounds.push(Event {
                body: vec![0; 16 << 10],
                ..event(time)
            });
            assert!(rounds.waiting_bytes <= MAX_WAITING);
            while let Some(event) = rounds.take() {
                seen += 1;
                rounds.recycle(event.body);
            }
        }
        rounds.finish();
        seen += taken(&mut rounds).len();
        assert_eq!((seen, rounds.disordered), (20_000, 0));
    }
}
