//! What the allocation recorder counts, and how it is written into a recording: beside the call
//! stack of each sample, as its raw data (`PERF_SAMPLE_RAW`), in 64-bit little-endian words.
//!
//! One sample stands for all allocations with its stack. A first one without a stack has the totals
//! of the process, which are exact however few stacks were kept.

use std::ops::AddAssign;

/// The start of our raw data, and of no kernel tracepoint's.
const MAGIC: u32 = u32::from_le_bytes(*b"hspA");
const TOTALS: u32 = 1;
const COUNTS: u32 = 2;
const THREAD: u32 = 3;
/// Counts of blocks are in so many parts of one, because the weights of samples are no integers.
pub const PARTS: u64 = 256;

/// What a process allocated, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Blocks that were made, by `malloc` and its kin.
    pub allocations: u64,
    /// Blocks that got another length.
    pub reallocations: u64,
    /// Blocks that were freed.
    pub frees: u64,
    /// Bytes that were asked for: the sizes of new blocks, and the new sizes of reallocated ones.
    pub bytes: u64,
    /// The most bytes that were allocated at one time.
    pub peak_bytes: u64,
    /// Bytes that were allocated when the process ended.
    pub leaked_bytes: u64,
    /// Threads that allocated.
    pub threads: u64,
    /// How often the process forked; what a child allocates before an `exec` is not counted.
    pub forks: u64,
    /// Stacks that were taken.
    pub samples: u64,
    /// Stacks of these that there was no room for.
    pub lost: u64,
    /// Whether each block counts for its own stack, so that nothing is estimated: 1 or 0.
    pub complete: u64,
    /// Whether the process ran its exit handlers: 1 or 0.
    pub ended: u64,
    /// The mean number of bytes between two stacks, after those that were all kept; 0 when each
    /// block counts for its own stack, or in recordings that do not say.
    pub interval: u64,
    /// How stacks were followed: one of [`stacks`], or 0 in recordings that do not say.
    pub stacks: u64,
}

/// How the recorder followed stacks.
pub mod stacks {
    /// By frame pointers.
    pub const POINTERS: u64 = 1;
    /// By unwind tables.
    pub const TABLES: u64 = 2;
    /// Not at all.
    pub const NONE: u64 = 3;
}

/// What a thread did, exactly, however few stacks were kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadCounts {
    /// Blocks made.
    pub allocations: u64,
    /// Blocks that got another length.
    pub reallocations: u64,
    /// Blocks freed, whoever made them.
    pub frees: u64,
    /// Bytes asked for.
    pub bytes: u64,
}

/// A thread, and what it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadOf {
    /// Its process.
    pub pid: i32,
    /// Its own number.
    pub tid: i32,
    /// What it calls itself.
    pub name: String,
    /// What it did.
    pub counts: ThreadCounts,
}

/// What was allocated with one stack, or by one function. Blocks are in [`PARTS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Stacks that were taken.
    pub samples: u64,
    /// Blocks made.
    pub allocations: u64,
    /// Blocks that got another length.
    pub reallocations: u64,
    /// Bytes asked for.
    pub bytes: u64,
    /// The variance of `bytes`, in 2^20 bytes².
    pub variance: u64,
    /// Bytes that were allocated at the peak of the process.
    pub peak_bytes: u64,
    /// Bytes that were never freed.
    pub leaked_bytes: u64,
    /// Blocks that were freed before their thread had made 16 others.
    pub short_lived: u64,
    /// The same by the stack that made a block, whoever made it grow.
    pub made_reallocations: u64,
    /// Bytes by the stack that made the block.
    pub made_bytes: u64,
    /// Bytes at the peak by the stack that made the block.
    pub made_peak_bytes: u64,
    /// Bytes never freed by the stack that made the block.
    pub made_leaked_bytes: u64,
    /// Blocks made here that were reallocated at least once.
    pub grown_blocks: u64,
    /// How often they were.
    pub grown_steps: u64,
    /// The bytes that they had in the end.
    pub grown_final: u64,
    /// The smallest of the blocks.
    pub smallest: u64,
    /// The largest of them.
    pub largest: u64,
}

/// What a recording has to say of allocations, folded by stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allocations<Stack> {
    /// Of all processes.
    pub totals: Totals,
    /// Of each stack.
    pub stacks: Vec<(Stack, Counts)>,
    /// Whether reallocations, frees, threads and short-lived blocks were counted: where they were not,
    /// a new length of a block is another block, and these figures are zeros that mean nothing.
    pub told_apart: bool,
    /// The threads that counted for themselves; empty in recordings that do not say.
    pub threads: Vec<ThreadOf>,
}

/// Raw data of a sample that is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw {
    /// Of a process.
    Totals(Totals),
    /// Of the sample's stack.
    Counts(Counts),
    /// Of the sample's thread.
    Thread(ThreadCounts),
}

impl Totals {
    fn words(&self) -> [u64; 14] {
        [
            self.allocations,
            self.reallocations,
            self.frees,
            self.bytes,
            self.peak_bytes,
            self.leaked_bytes,
            self.threads,
            self.forks,
            self.samples,
            self.lost,
            self.complete,
            self.ended,
            self.interval,
            self.stacks,
        ]
    }
}

impl Counts {
    fn words(&self) -> [u64; 17] {
        [
            self.samples,
            self.allocations,
            self.reallocations,
            self.bytes,
            self.variance,
            self.peak_bytes,
            self.leaked_bytes,
            self.short_lived,
            self.made_reallocations,
            self.made_bytes,
            self.made_peak_bytes,
            self.made_leaked_bytes,
            self.grown_blocks,
            self.grown_steps,
            self.grown_final,
            self.smallest,
            self.largest,
        ]
    }
}

impl Raw {
    /// The raw data of a sample: a length that leaves the next field aligned.
    pub fn bytes(&self) -> Vec<u8> {
        let (kind, words) = match self {
            Self::Totals(totals) => (TOTALS, totals.words().to_vec()),
            Self::Counts(counts) => (COUNTS, counts.words().to_vec()),
            Self::Thread(counts) => {
                let ThreadCounts {
                    allocations,
                    reallocations,
                    frees,
                    bytes,
                } = *counts;
                (THREAD, vec![allocations, reallocations, frees, bytes])
            }
        };
        let mut bytes = [MAGIC.to_le_bytes(), kind.to_le_bytes()].concat();
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        // The length of four bytes stands in front.
        bytes.extend([0; 4]);
        bytes
    }

    /// Reads raw data; `None` when it is another's. Fields that a newer recorder adds at the end are
    /// not read, those that an older one has not are 0.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (start, rest) = bytes.split_first_chunk::<8>()?;
        let [a, b, c, d, e, f, g, h] = *start;
        if u32::from_le_bytes([a, b, c, d]) != MAGIC {
            return None;
        }
        let (words, _) = rest.as_chunks::<8>();
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
        let mut next = || words.next().unwrap_or_default();
        match u32::from_le_bytes([e, f, g, h]) {
            TOTALS => Some(Self::Totals(Totals {
                allocations: next(),
                reallocations: next(),
                frees: next(),
                bytes: next(),
                peak_bytes: next(),
                leaked_bytes: next(),
                threads: next(),
                forks: next(),
                samples: next(),
                lost: next(),
                complete: next(),
                ended: next(),
                interval: next(),
                stacks: next(),
            })),
            THREAD => Some(Self::Thread(ThreadCounts {
                allocations: next(),
                reallocations: next(),
                frees: next(),
                bytes: next(),
            })),
            COUNTS => Some(Self::Counts(Counts {
                samples: next(),
                allocations: next(),
                reallocations: next(),
                bytes: next(),
                variance: next(),
                peak_bytes: next(),
                leaked_bytes: next(),
                short_lived: next(),
                made_reallocations: next(),
                made_bytes: next(),
                made_peak_bytes: next(),
                made_leaked_bytes: next(),
                grown_blocks: next(),
                grown_steps: next(),
                grown_final: next(),
                smallest: next(),
                largest: next(),
            })),
            _ => None,
        }
    }
}

impl AddAssign for Totals {
    /// The sum over processes that ran one after the other: the peak is the highest of theirs.
    fn add_assign(&mut self, other: Self) {
        let sum = |own: &mut u64, other: u64| *own = own.saturating_add(other);
        let first = *self == Self::default();
        sum(&mut self.allocations, other.allocations);
        sum(&mut self.reallocations, other.reallocations);
        sum(&mut self.frees, other.frees);
        sum(&mut self.bytes, other.bytes);
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
        sum(&mut self.leaked_bytes, other.leaked_bytes);
        sum(&mut self.threads, other.threads);
        sum(&mut self.forks, other.forks);
        sum(&mut self.samples, other.samples);
        sum(&mut self.lost, other.lost);
        self.complete = other.complete & if first { 1 } else { self.complete };
        self.ended = other.ended & if first { 1 } else { self.ended };
        // What each process hides adds up.
        sum(&mut self.interval, other.interval);
        // All processes of a recording are recorded in the same way.
        self.stacks = other.stacks;
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let sum = |own: &mut u64, other: u64| *own = own.saturating_add(other);
        let empty = self.samples == 0;
        sum(&mut self.samples, other.samples);
        sum(&mut self.allocations, other.allocations);
        sum(&mut self.reallocations, other.reallocations);
        sum(&mut self.bytes, other.bytes);
        sum(&mut self.variance, other.variance);
        sum(&mut self.peak_bytes, other.peak_bytes);
        sum(&mut self.leaked_bytes, other.leaked_bytes);
        sum(&mut self.short_lived, other.short_lived);
        sum(&mut self.made_reallocations, other.made_reallocations);
        sum(&mut self.made_bytes, other.made_bytes);
        sum(&mut self.made_peak_bytes, other.made_peak_bytes);
        sum(&mut self.made_leaked_bytes, other.made_leaked_bytes);
        sum(&mut self.grown_blocks, other.grown_blocks);
        sum(&mut self.grown_steps, other.grown_steps);
        sum(&mut self.grown_final, other.grown_final);
        if other.samples > 0 {
            self.smallest = match empty {
                true => other.smallest,
                false => self.smallest.min(other.smallest),
            };
            self.largest = self.largest.max(other.largest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_data_comes_back_and_that_of_others_is_left_alone() {
        let totals = Totals {
            allocations: 7,
            peak_bytes: u64::MAX,
            ended: 1,
            ..Totals::default()
        };
        let counts = Counts {
            samples: 3,
            made_bytes: 1 << 40,
            largest: 9,
            ..Counts::default()
        };
        let of_thread = ThreadCounts {
            bytes: 5,
            ..ThreadCounts::default()
        };
        for raw in [
            Raw::Totals(totals),
            Raw::Counts(counts),
            Raw::Thread(of_thread),
        ] {
            let bytes = raw.bytes();
            assert_eq!((bytes.len() + 4) % 8, 0);
            assert_eq!(Raw::parse(&bytes), Some(raw));
            // A shorter one of an older version, and any cut.
            for length in 0..bytes.len() {
                let _ = Raw::parse(&bytes[..length]);
            }
        }
        assert_eq!(Raw::parse(b"tracepoint data of the kernel"), None);
        assert_eq!(Raw::parse(b""), None);
    }

    #[test]
    fn processes_that_ran_one_after_the_other_have_one_peak() {
        let one = Totals {
            peak_bytes: 10,
            bytes: 5,
            complete: 1,
            ..Totals::default()
        };
        let mut sum = Totals::default();
        sum += one;
        sum += Totals {
            peak_bytes: 3,
            ..one
        };
        assert_eq!((sum.peak_bytes, sum.bytes, sum.complete), (10, 10, 1));
        sum += Totals { complete: 0, ..one };
        assert_eq!(sum.complete, 0);
    }
}
