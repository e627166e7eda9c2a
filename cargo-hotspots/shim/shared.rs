//! The layout of the shared file, and its parts. `record/alloc/image.rs` must agree.

use super::*;

pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"hotalloc");
pub(crate) const VERSION: u32 = 2;
/// Threads that count for themselves, and places that all further ones share.
pub(crate) const OWN_SLOTS: usize = 1024;
pub(crate) const SHARED_SLOTS: usize = 64;
/// Threads whose stacks are told from those of others; there is room for so many stacks only.
pub(crate) const OWN_STACKS: u32 = 64;
pub(crate) const SLOTS_AT: usize = 4096;
pub(crate) const SLOT_SIZE: usize = 128;
pub(crate) const MAPS_AT: usize = SLOTS_AT + (OWN_SLOTS + SHARED_SLOTS) * SLOT_SIZE;
pub(crate) const MAPS_SIZE: usize = 1 << 20;
pub(crate) const INDEX_AT: usize = MAPS_AT + MAPS_SIZE;
pub(crate) const INDEX_SLOTS: usize = 1 << 18;
pub(crate) const ENTRIES_AT: usize = INDEX_AT + INDEX_SLOTS * 4;
pub(crate) const ENTRY_SIZE: usize = 256;
/// Of the first nothing is known, the second is for stacks that had no room.
pub(crate) const MOST_ENTRIES: usize = 96 << 10;
pub(crate) const NO_ROOM: u32 = 1;
pub(crate) const FRAMES_AT: usize = ENTRIES_AT + MOST_ENTRIES * ENTRY_SIZE;
pub(crate) const MOST_FRAMES: usize = 3 << 20;
pub(crate) const SIZE: usize = FRAMES_AT + MOST_FRAMES * 8;
/// Frames of one stack.
pub(crate) const DEPTH: usize = 192;

#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: AtomicU64,
    pub(crate) version: AtomicU32,
    pub(crate) pid: AtomicU32,
    pub(crate) live: AtomicI64,
    pub(crate) peak: AtomicI64,
    /// How often there was a new peak.
    pub(crate) epoch: AtomicU64,
    pub(crate) threads: AtomicU32,
    pub(crate) entries: AtomicU32,
    pub(crate) frames: AtomicU32,
    pub(crate) forks: AtomicU32,
    /// Stacks for which there was no room.
    pub(crate) no_room: AtomicU64,
    /// Bytes of the text of `/proc/self/maps`.
    pub(crate) maps: AtomicU32,
    /// Whether the program's exit handlers ran.
    pub(crate) ended: AtomicU32,
    pub(crate) interval: AtomicU64,
    /// Whether each block since the start has its entry.
    pub(crate) complete: AtomicU32,
    /// Whether sizes of freed blocks are known.
    pub(crate) sizes: AtomicU32,
    pub(crate) samples: AtomicU64,
    /// Stacks that are deeper than `DEPTH`.
    pub(crate) cut: AtomicU64,
    pub(crate) lock: AtomicBool,
}

/// What a thread counted.
#[repr(C)]
pub(crate) struct Slot {
    pub(crate) allocations: AtomicU64,
    pub(crate) reallocations: AtomicU64,
    pub(crate) frees: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) freed_bytes: AtomicU64,
    pub(crate) zeroed: AtomicU64,
    /// The thread, by the kernel's number; 0 in a place that threads share.
    pub(crate) tid: AtomicU32,
    pub(crate) ended: AtomicU32,
    /// What it is called: 15 bytes and a zero.
    pub(crate) name: [AtomicU64; 2],
}

/// What is known of a stack. Counts of blocks are in 256ths, because weights are no integers.
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) hash: AtomicU64,
    pub(crate) frames_at: AtomicU32,
    pub(crate) depth: AtomicU32,
    pub(crate) samples: AtomicU64,
    pub(crate) allocations: AtomicI64,
    pub(crate) reallocations: AtomicI64,
    pub(crate) bytes: AtomicI64,
    /// The variance of `bytes`, in 2^20 bytes².
    pub(crate) variance: AtomicU64,
    pub(crate) live: AtomicI64,
    /// `live` when the peak of `epoch` was reached.
    pub(crate) at_peak: AtomicI64,
    pub(crate) epoch: AtomicU64,
    pub(crate) short_lived: AtomicI64,
    /// What counting by the stack that made a block adds to counting by the one that grew it last.
    pub(crate) made_bytes: AtomicI64,
    pub(crate) made_reallocations: AtomicI64,
    pub(crate) made_live: AtomicI64,
    pub(crate) made_at_peak: AtomicI64,
    /// Blocks made here that were reallocated, how often, and to how many bytes in the end.
    pub(crate) grown_blocks: AtomicI64,
    pub(crate) grown_steps: AtomicI64,
    pub(crate) grown_final: AtomicI64,
    pub(crate) smallest: AtomicU64,
    pub(crate) largest: AtomicU64,
    pub(crate) live_blocks: AtomicI64,
    /// The number of the only thread that has this stack; 0 for one of many.
    pub(crate) thread: AtomicU32,
}

/// What is known of a block, at the end of its chunk. The last byte has the kind in its upper two
/// bits; the others, plus the length of the tail, are the bytes between the requested size and the
/// end of the chunk; `BIG` of them are in the eight bytes before the tail.
#[derive(Clone, Copy)]
pub(crate) struct Tail {
    pub(crate) kind: u8,
    pub(crate) size: usize,
    pub(crate) maker: u32,
    pub(crate) maker_weight: f32,
    pub(crate) current: u32,
    pub(crate) current_weight: f32,
    pub(crate) birth: u32,
    pub(crate) thread: u16,
    pub(crate) steps: u8,
}

/// Counted, without an entry.
pub(crate) const PLAIN: u8 = 0;
/// With an entry, at weight 1.
pub(crate) const EXACT: u8 = 1;
/// With entries and weights.
pub(crate) const SAMPLED: u8 = 2;
/// Not counted.
pub(crate) const OURS: u8 = 3;
pub(crate) const LENGTHS: [usize; 4] = [1, 16, 24, 1];
pub(crate) const BIG: usize = 63;
