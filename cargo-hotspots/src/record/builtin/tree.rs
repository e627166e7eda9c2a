//! Which records of whole CPUs are of the programs that are recorded.
//!
//! An event of a thread first fires one period after the thread has started, so what lives for less
//! is never seen. An event of a CPU goes on firing whoever runs, and sees short-lived threads and
//! processes as often as any other code. It sees strangers, too: their records are dropped here,
//! before anything is written.
//!
//! Processes are followed by the kernel's own records of each `fork`. The buffers of the CPUs are
//! read one after the other, so a child's sample may be read before the record of its birth. A record
//! of an unknown process is therefore kept back for one round: until then all that is older than it
//! has been read. `fork`s are sorted by time over two rounds for the same reason.
//!
//! A thread that ends has no number any more in its last microseconds, which of short-lived threads is a
//! hundredth of their time. The record of its end comes before, in the same buffer.

use super::existing;
use perf_event_open_sys::bindings as sys;
use std::collections::{HashMap, HashSet};

/// Set in `PERF_RECORD_COMM` when the name comes from an `exec`.
const COMM_EXEC: u16 = 1 << 13;
/// What each record but a sample ends with: process and thread, time, CPU.
const TRAILER: usize = 24;

/// Where a sample has its process and thread: after the header and the address.
const PROCESS_AT: usize = 16;
const THREAD_AT: usize = 20;
/// The number of a process or thread that has none any more.
const NOBODY: i32 = -1;

/// The processes that are recorded.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// They count from their `exec` on.
    awaited: Vec<i32>,
    members: HashSet<i32>,
    /// Of the round before.
    forks: Vec<Fork>,
    /// For each buffer the records of the round before whose process was not known.
    kept_back: Vec<Vec<u8>>,
    /// Build ids of mapped files, by path, inode and the inode's generation.
    build_ids: HashMap<(Vec<u8>, u64, u64), Option<Vec<u8>>>,
    /// For each buffer process and thread of the latest record if it was that of a thread's end.
    ending: Vec<Option<[i32; 2]>>,
}

/// A process that started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fork {
    time: u64,
    parent: i32,
    child: i32,
}

impl Tree {
    /// Of processes that wait for their `exec`.
    pub(super) fn of_held(pids: &[i32]) -> Self {
        Self {
            awaited: pids.to_vec(),
            ..Self::default()
        }
    }

    /// Of a process that runs, and the children that it will have.
    pub(super) fn of_running(pid: i32) -> Self {
        Self {
            members: HashSet::from([pid]),
            ..Self::default()
        }
    }

    /// Learns from all records of one round who belongs to the tree.
    pub(super) fn learn(&mut self, buffers: &[Vec<u8>]) {
        let mut forks = Vec::new();
        for record in buffers.iter().flat_map(|bytes| records(bytes)) {
            match kind(record) {
                sys::PERF_RECORD_COMM if misc(record) & COMM_EXEC != 0 => {
                    let pid = number(record, 8);
                    let awaited = pid.filter(|pid| self.awaited.contains(pid));
                    self.members.extend(awaited);
                }
                sys::PERF_RECORD_FORK => forks.extend(fork(record)),
                _ => {}
            }
        }
        let mut known = std::mem::replace(&mut self.forks, forks.clone());
        known.append(&mut forks);
        known.sort_unstable();
        for fork in known {
            // The number of a member that has ended may be given to a stranger.
            match self.members.contains(&fork.parent) {
                true => self.members.insert(fork.child),
                false => self.members.remove(&fork.child),
            };
        }
        self.kept_back.resize(buffers.len(), Vec::new());
        self.ending.resize(buffers.len(), None);
    }

    /// Hands over the records of a buffer that are the tree's: first what was kept back.
    pub(super) fn sift(&mut self, buffer: usize, bytes: &[u8], to: &mut Vec<u8>) {
        let (Some(kept_back), Some(ending)) =
            (self.kept_back.get_mut(buffer), self.ending.get_mut(buffer))
        else {
            return;
        };
        let belongs = |pid: Option<i32>| pid.is_none_or(|pid| self.members.contains(&pid));
        for record in records(kept_back) {
            if belongs(process(record)) {
                to.extend_from_slice(record);
            }
        }
        kept_back.clear();
        for record in records(bytes) {
            let mut pid = process(record);
            let ended = ending.filter(|[process, _]| {
                // A thread that is not its process's first one keeps the process's number.
                let without_thread =
                    || pid == Some(*process) && number(record, THREAD_AT) == Some(NOBODY);
                kind(record) == sys::PERF_RECORD_SAMPLE && (pid == Some(NOBODY) || without_thread())
            });
            if let Some([process, _]) = ended {
                pid = Some(process);
            }
            let to = if belongs(pid) {
                &mut *to
            } else {
                &mut *kept_back
            };
            match ended {
                Some(numbers) => {
                    let (before, after) = record.split_at(PROCESS_AT);
                    to.extend_from_slice(before);
                    to.extend(numbers.into_iter().flat_map(i32::to_ne_bytes));
                    to.extend_from_slice(after.get(8..).unwrap_or_default());
                }
                None => to.extend_from_slice(record),
            }
            *ending = match kind(record) {
                sys::PERF_RECORD_EXIT => number(record, 8).zip(number(record, 16)).map(Into::into),
                sys::PERF_RECORD_SAMPLE if ended.is_none() => None,
                _ => *ending,
            };
        }
    }
}

/// Of `PERF_RECORD_MMAP2`: the inode's number, the identity of the file, in which a build id goes by its
/// length, and the path.
const INODE_AT: usize = 48;
const IDENTITY: std::ops::Range<usize> = 40..64;
const PATH_AT: usize = 72;
/// Set where the identity is a build id.
const MMAP_BUILD_ID: u16 = 1 << 14;
/// Longer ids are cut, as the kernel cuts them.
const MOST_ID: usize = 20;

impl Tree {
    /// Puts the build ids of mapped files in place of their inodes: what is at a path later may be
    /// another file.
    pub(super) fn identify(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while let Some(record) = bytes.get(at..).and_then(|rest| records(rest).next()) {
            let (start, end) = (at, at + record.len());
            at = end;
            let misc = misc(record);
            if kind(record) != sys::PERF_RECORD_MMAP2 || misc & MMAP_BUILD_ID != 0 {
                continue;
            }
            let path = record
                .get(PATH_AT..)
                .and_then(|path| path.split(|byte| *byte == 0).next());
            let (Some(path), Some(inode), Some(generation)) = (
                path,
                number64(record, INODE_AT),
                number64(record, INODE_AT + 8),
            ) else {
                continue;
            };
            let id = self.build_ids.entry((path.to_vec(), inode, generation));
            let id = id.or_insert_with(|| existing::build_id(path, inode, generation));
            if let Some(id) = id
                && let Some(record) = bytes.get_mut(start..end)
                && let Some(identity) = record.get_mut(IDENTITY)
            {
                let length = id.len().min(MOST_ID);
                identity.fill(0);
                identity[0] = length as u8;
                identity[4..4 + length].copy_from_slice(&id[..length]);
                record[4..6].copy_from_slice(&(misc | MMAP_BUILD_ID).to_ne_bytes());
            }
        }
    }
}

/// The records in a buffer; each begins with a header of 8 bytes that has its length.
pub(super) fn records(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let header = bytes.first_chunk::<8>()?;
        let size = usize::from(u16::from_ne_bytes([header[6], header[7]]));
        // No record is shorter than its header.
        let (record, rest) = bytes.split_at_checked(size.max(8))?;
        bytes = rest;
        Some(record)
    })
}

fn number64(record: &[u8], at: usize) -> Option<u64> {
    let bytes = record.get(at..)?.first_chunk()?;
    Some(u64::from_ne_bytes(*bytes))
}

/// The type of a record.
pub(super) fn kind(record: &[u8]) -> u32 {
    let bytes = record.first_chunk().copied();
    bytes.map_or(0, u32::from_ne_bytes)
}

fn misc(record: &[u8]) -> u16 {
    let bytes = record.get(4..).and_then(<[u8]>::first_chunk).copied();
    bytes.map_or(0, u16::from_ne_bytes)
}

fn number(record: &[u8], at: usize) -> Option<i32> {
    let bytes = record.get(at..)?.first_chunk()?;
    Some(i32::from_ne_bytes(*bytes))
}

/// Whose record it is; `None` for what is the buffer's own.
fn process(record: &[u8]) -> Option<i32> {
    match kind(record) {
        sys::PERF_RECORD_SAMPLE => number(record, PROCESS_AT),
        sys::PERF_RECORD_MMAP
        | sys::PERF_RECORD_MMAP2
        | sys::PERF_RECORD_COMM
        | sys::PERF_RECORD_FORK
        | sys::PERF_RECORD_EXIT => number(record, 8),
        _ => None,
    }
}

/// A `fork` that made a process; one that made a thread is none.
fn fork(record: &[u8]) -> Option<Fork> {
    let (child, parent) = (number(record, 8)?, number(record, 12)?);
    let time_at = record.len().checked_sub(TRAILER)? + 8;
    let time = u64::from_ne_bytes(*record.get(time_at..)?.first_chunk()?);
    // Processes of another namespace have no number here.
    (child != parent && child > 0).then_some(Fork {
        time,
        parent,
        child,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, misc: u16, body: &[i32], time: u64) -> Vec<u8> {
        let mut bytes: Vec<u8> = body.iter().flat_map(|word| word.to_ne_bytes()).collect();
        if kind != sys::PERF_RECORD_SAMPLE {
            bytes.extend([0; 8]);
            bytes.extend(time.to_ne_bytes());
            bytes.extend([0; 8]);
        }
        let size = u16::try_from(bytes.len() + 8).unwrap();
        let header = [
            &kind.to_ne_bytes()[..],
            &misc.to_ne_bytes(),
            &size.to_ne_bytes(),
        ];
        [header.concat(), bytes].concat()
    }

    fn sample(pid: i32) -> Vec<u8> {
        record(sys::PERF_RECORD_SAMPLE, 2, &[0, 0, pid, pid], 0)
    }

    fn fork(parent: i32, child: i32, time: u64) -> Vec<u8> {
        record(
            sys::PERF_RECORD_FORK,
            0,
            &[child, parent, child, parent, 0, 0],
            time,
        )
    }

    /// The processes of the samples that come through, round by round.
    fn sifted(tree: &mut Tree, rounds: &[[Vec<Vec<u8>>; 2]]) -> Vec<Vec<i32>> {
        let round = |buffers: &[Vec<Vec<u8>>; 2]| {
            let buffers = buffers.each_ref().map(|records| records.concat());
            tree.learn(&buffers);
            let mut kept = Vec::new();
            for (index, bytes) in buffers.iter().enumerate() {
                tree.sift(index, bytes, &mut kept);
            }
            let samples = records(&kept).filter(|it| kind(it) == sys::PERF_RECORD_SAMPLE);
            samples.filter_map(process).collect()
        };
        rounds.iter().map(round).collect()
    }

    #[test]
    fn a_program_counts_from_its_exec_and_strangers_never_do() {
        let exec = record(sys::PERF_RECORD_COMM, COMM_EXEC, &[7, 7, 0, 0], 5);
        let rename = record(sys::PERF_RECORD_COMM, 0, &[7, 7, 0, 0], 3);
        let rounds = [
            [vec![sample(7), rename], vec![sample(8)]],
            [vec![], vec![]],
            [
                vec![exec, sample(7)],
                vec![sample(8), sample(0), sample(-1)],
            ],
            [vec![sample(7)], vec![sample(8)]],
        ];
        let kept = sifted(&mut Tree::of_held(&[7]), &rounds);
        assert_eq!(kept, [vec![], vec![], vec![7], vec![7]]);
    }

    #[test]
    fn children_are_known_whichever_buffer_is_read_first() {
        let rounds = [
            // A grandchild is born and sampled in a buffer that is read before its parent's birth,
            // which comes with the next round.
            [vec![], vec![fork(8, 9, 20), sample(9)]],
            [vec![fork(7, 8, 10), sample(8)], vec![sample(9), sample(5)]],
            [vec![], vec![]],
            // The number of the grandchild is a stranger's now.
            [vec![fork(1, 9, 30), sample(9)], vec![]],
            [vec![], vec![]],
        ];
        let kept = sifted(&mut Tree::of_running(7), &rounds);
        assert_eq!(kept, [vec![], vec![8, 9, 9], vec![], vec![], vec![]]);
    }

    #[test]
    fn the_last_moments_of_a_thread_are_its_own() {
        let exit = |pid, tid| record(sys::PERF_RECORD_EXIT, 0, &[pid, 1, tid, 1, 0, 0], 9);
        let rounds = [
            // Of a member, of a stranger, and after somebody else has run.
            [
                vec![exit(7, 12), sample(-1), sample(-1), sample(8), sample(-1)],
                vec![exit(8, 8), sample(-1)],
            ],
            // A child that is known a round later.
            [vec![exit(9, 9), sample(-1)], vec![]],
            [vec![], vec![fork(7, 9, 1)]],
        ];
        let kept = sifted(&mut Tree::of_running(7), &rounds);
        assert_eq!(kept, [vec![7, 7], vec![], vec![9]]);
    }

    #[test]
    fn a_thread_that_ends_before_its_process_is_no_thread_of_its_own() {
        let last = |pid, tid| record(sys::PERF_RECORD_SAMPLE, 2, &[0, 0, pid, tid], 0);
        let exit = record(sys::PERF_RECORD_EXIT, 0, &[7, 1, 12, 1, 0, 0], 9);
        let mut tree = Tree::of_running(7);
        let bytes = [exit, last(7, -1), last(7, 7), last(7, -1)].concat();
        tree.learn(std::slice::from_ref(&bytes));
        let mut kept = Vec::new();
        tree.sift(0, &bytes, &mut kept);
        let samples = records(&kept).filter(|it| kind(it) == sys::PERF_RECORD_SAMPLE);
        let threads: Vec<_> = samples.filter_map(|it| number(it, THREAD_AT)).collect();
        // After somebody else has run, nothing says whose it is.
        assert_eq!(threads, [12, 7, -1]);
    }

    #[test]
    fn files_are_known_by_their_build_ids() {
        let own = std::fs::canonicalize("/proc/self/exe").unwrap();
        let inode = std::os::unix::fs::MetadataExt::ino(&own.metadata().unwrap());
        let mapped = |inode: u64| {
            let mut body = vec![0; PATH_AT - 8];
            body[INODE_AT - 8..][..8].copy_from_slice(&inode.to_ne_bytes());
            body.extend(own.as_os_str().as_encoded_bytes());
            body.push(0);
            body.resize(body.len().next_multiple_of(8), 0);
            let words: Vec<i32> = body
                .chunks(4)
                .map(|word| i32::from_ne_bytes(word.try_into().unwrap()))
                .collect();
            record(sys::PERF_RECORD_MMAP2, 2, &words, 0)
        };
        let mut records = [mapped(inode), mapped(inode + 1)].concat();
        let other = records.clone();
        Tree::of_running(7).identify(&mut records);
        let half = records.len() / 2;
        assert_eq!(misc(&records), 2 | MMAP_BUILD_ID);
        let file = codecost::image::Mapping::open(&own).unwrap();
        let image = codecost::image::Image::parse(&own, &file).unwrap();
        let id = image.build_id().unwrap();
        assert_eq!(records[IDENTITY.start + 4..][..id.len()], *id);
        // Another file at its path.
        assert_eq!(records[half..], other[half..]);
    }

    #[test]
    fn what_the_kernel_could_not_write_is_always_said() {
        let lost = record(sys::PERF_RECORD_LOST, 0, &[0, 0, 3, 0], 1);
        let mut tree = Tree::of_running(7);
        tree.learn(std::slice::from_ref(&lost));
        let mut kept = Vec::new();
        tree.sift(0, &lost, &mut kept);
        assert_eq!(kept, lost);
        // A damaged length ends the buffer.
        assert_eq!(records(&[0, 0, 0, 0, 0, 0, 0xff, 0xff]).count(), 0);
    }
}
