//! The file that the preloaded library counts in: made before the program runs, read after.
//!
//! The layout is that of `shim/shared.rs`, which must agree. The program could have written anything
//! into it, so nothing in it is trusted.

use crate::allocations::{Counts, ThreadCounts, Totals};
use codecost::{Error, Result, image::Mapping};
use std::{
    fs::File,
    io,
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    path::Path,
};

const MAGIC: &[u8; 8] = b"hotalloc";
const VERSION: u32 = 2;
const OWN_SLOTS: usize = 1024;
const SLOTS: usize = OWN_SLOTS + 64;
const SLOTS_AT: usize = 4096;
const SLOT_SIZE: usize = 128;
const MAPS_AT: usize = SLOTS_AT + SLOTS * SLOT_SIZE;
const MAPS_SIZE: usize = 1 << 20;
const INDEX_AT: usize = MAPS_AT + MAPS_SIZE;
const INDEX_SIZE: usize = (1 << 18) * 4;
const ENTRIES_AT: usize = INDEX_AT + INDEX_SIZE;
const ENTRY_SIZE: usize = 256;
const MOST_ENTRIES: usize = 96 << 10;
const FRAMES_AT: usize = ENTRIES_AT + MOST_ENTRIES * ENTRY_SIZE;
const MOST_FRAMES: usize = 3 << 20;
const SIZE: usize = FRAMES_AT + MOST_FRAMES * 8;
/// Frames of one stack.
pub(super) const DEPTH: usize = 192;

/// What a process counted.
#[derive(Clone, Debug, Default)]
pub(in crate::record) struct Counted {
    pub(in crate::record) pid: i32,
    pub(in crate::record) totals: Totals,
    /// Whether the sizes of freed blocks are known.
    pub(in crate::record) sizes: bool,
    /// The text of `/proc/PID/maps`.
    pub(in crate::record) maps: String,
    /// The return addresses of each stack, innermost first, what it counts, and the thread that alone
    /// has it, by its position.
    pub(in crate::record) stacks: Vec<(Vec<u64>, Counts, Option<usize>)>,
    /// The threads that count for themselves.
    pub(in crate::record) threads: Vec<CountedThread>,
}

/// What a thread counted, exactly.
#[derive(Clone, Debug, Default)]
pub(in crate::record) struct CountedThread {
    pub(in crate::record) tid: i32,
    pub(in crate::record) name: String,
    pub(in crate::record) counts: ThreadCounts,
}

/// Makes the file, all of it: a program must not die for want of room on the disk.
#[allow(unsafe_code)]
pub(in crate::record) fn create(path: &Path) -> Result<()> {
    let write = |source| Error::write(path, source);
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(write)?;
    file.set_len(SIZE as u64).map_err(write)?;
    let size = libc::off_t::try_from(SIZE).map_err(|error| write(io::Error::other(error)))?;
    // SAFETY: the descriptor is open, and the call takes no memory.
    let code = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, size) };
    let error = io::Error::last_os_error();
    match (code, error.raw_os_error()) {
        (0, _) => Ok(()),
        // A file system that cannot reserve; then the file has holes.
        (_, Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL)) => Ok(()),
        _ => Err(write(error)),
    }
}

/// Reads the file; `None` when no program has begun to count in it.
pub(in crate::record) fn read(path: &Path) -> Result<Option<Counted>> {
    let file = Mapping::open(path)?;
    Ok(parse(&file))
}

fn parse(bytes: &[u8]) -> Option<Counted> {
    if bytes.len() < SIZE || bytes.get(..8) != Some(MAGIC) {
        return None;
    }
    let header = Words(bytes.get(..4096)?);
    if header.u32(8) != VERSION {
        return None;
    }
    let epoch = header.u64(32);
    let entries = (header.u32(44) as usize).min(MOST_ENTRIES);
    let maps = (header.u32(64) as usize).min(MAPS_SIZE);
    let mut totals = Totals {
        threads: header.u32(40).into(),
        forks: header.u32(52).into(),
        samples: header.u64(88),
        lost: header.u64(56),
        complete: header.u32(80).min(1).into(),
        ended: header.u32(68).min(1).into(),
        ..Totals::default()
    };
    let mut freed_bytes = 0_u64;
    let mut threads = Vec::new();
    for number in 0..SLOTS {
        let at = SLOTS_AT + number * SLOT_SIZE;
        let slot = Words(bytes.get(at..at + SLOT_SIZE)?);
        let sum = |own: &mut u64, at: usize| *own = own.saturating_add(slot.u64(at));
        sum(&mut totals.allocations, 0);
        sum(&mut totals.reallocations, 8);
        sum(&mut totals.frees, 16);
        sum(&mut totals.bytes, 24);
        sum(&mut freed_bytes, 32);
        if number < OWN_SLOTS && slot.u32(48) != 0 {
            threads.push(thread(slot));
        }
    }
    totals.leaked_bytes = totals.bytes.saturating_sub(freed_bytes);
    totals.peak_bytes = positive(header.i64(24)).max(totals.leaked_bytes);
    let frames = bytes.get(FRAMES_AT..)?;
    let mut stacks = Vec::new();
    // Of the first nothing is known.
    for id in 1..entries {
        let at = ENTRIES_AT + id * ENTRY_SIZE;
        let entry = Words(bytes.get(at..at + ENTRY_SIZE)?);
        let counts = counts(entry, epoch);
        if counts.samples == 0 {
            continue;
        }
        let start = (entry.u32(8) as usize).saturating_mul(8);
        let depth = (entry.u32(12) as usize).min(DEPTH);
        let words = frames.get(start..start.saturating_add(depth * 8));
        let (words, _) = words.unwrap_or_default().as_chunks::<8>();
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        // Numbers begin with 1, and threads register in their order.
        let thread = (entry.u32(168) as usize).checked_sub(1);
        stacks.push((words.collect(), counts, thread));
    }
    let maps = bytes.get(MAPS_AT..MAPS_AT + maps)?;
    Some(Counted {
        pid: header.u32(12).cast_signed(),
        totals,
        sizes: header.u32(84) != 0,
        maps: String::from_utf8_lossy(maps).into_owned(),
        stacks,
        threads,
    })
}

fn thread(slot: Words<'_>) -> CountedThread {
    let name = slot.0.get(56..72).unwrap_or_default();
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    CountedThread {
        tid: slot.u32(48).cast_signed(),
        name: String::from_utf8_lossy(name).into_owned(),
        counts: ThreadCounts {
            allocations: slot.u64(0),
            reallocations: slot.u64(8),
            frees: slot.u64(16),
            bytes: slot.u64(24),
        },
    }
}

/// What an entry counts. Its bytes at the peak were kept when it changed after; where it did not,
/// they are what lives now.
fn counts(entry: Words<'_>, epoch: u64) -> Counts {
    let (live, at_peak) = (entry.i64(56), entry.i64(64));
    let (made_live, made_at_peak) = (entry.i64(104), entry.i64(112));
    let is_kept = entry.u64(72) == epoch;
    let (peak, made_peak) = match is_kept {
        true => (at_peak, made_at_peak),
        false => (live, made_live),
    };
    let (bytes, reallocations) = (entry.i64(40), entry.i64(32));
    let with = |own: i64, other: i64| positive(own.saturating_add(other));
    Counts {
        samples: entry.u64(16),
        allocations: positive(entry.i64(24)),
        reallocations: positive(reallocations),
        bytes: positive(bytes),
        variance: entry.u64(48),
        peak_bytes: positive(peak),
        leaked_bytes: positive(live),
        short_lived: positive(entry.i64(80)),
        made_bytes: with(bytes, entry.i64(88)),
        made_reallocations: with(reallocations, entry.i64(96)),
        made_leaked_bytes: with(live, made_live),
        made_peak_bytes: with(peak, made_peak),
        grown_blocks: positive(entry.i64(120)),
        grown_steps: positive(entry.i64(128)),
        grown_final: positive(entry.i64(136)),
        smallest: entry.u64(144),
        largest: entry.u64(152),
    }
}

fn positive(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Little-endian numbers at their places; 0 beyond the end.
#[derive(Clone, Copy)]
struct Words<'d>(&'d [u8]);

impl Words<'_> {
    fn u32(self, at: usize) -> u32 {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    fn u64(self, at: usize) -> u64 {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    fn i64(self, at: usize) -> i64 {
        self.u64(at).cast_signed()
    }
}
