//! Processes and threads as the recording tells of them: what is mapped where, and names.

use crate::profile::{ModuleId, RuntimeAddress};
use codecost::address::FileOffset;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Executable memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MappedRange {
    /// The first address after it.
    pub(super) end: RuntimeAddress,
    /// What is mapped.
    pub(super) module: ModuleId,
    /// Where in the file the range starts.
    pub(super) offset: FileOffset,
}

/// What is mapped where; sorted, without overlaps.
#[derive(Clone, Debug, Default)]
pub(super) struct AddressSpace {
    ranges: BTreeMap<RuntimeAddress, MappedRange>,
}

/// As many mappings as the kernel gives to one process.
const MAX_RANGES: usize = 65_530;
/// Mappings that may be copied from processes to their children altogether.
const MAX_COPIED: usize = 1 << 20;

impl AddressSpace {
    /// What is mapped at an address, and where in its file that is.
    pub(super) fn find(&self, address: RuntimeAddress) -> Option<(ModuleId, FileOffset)> {
        let (start, range) = self.ranges.range(..=address).next_back()?;
        if address >= range.end {
            return None;
        }
        // A sum beyond the end of all offsets finds nothing in any file.
        let offset = FileOffset(range.offset.0.wrapping_add(address.0 - start.0));
        Some((range.module, offset))
    }

    /// Takes whatever was mapped out of a range.
    fn clear(&mut self, start: RuntimeAddress, end: RuntimeAddress) {
        let before = self.ranges.range(..start).next_back();
        let before = before.map(|(start, range)| (*start, *range));
        let inside: Vec<RuntimeAddress> = self
            .ranges
            .range(start..end)
            .map(|(start, _)| *start)
            .collect();
        let mut cut = |old_start: RuntimeAddress, old: MappedRange| {
            if old.end > end {
                let offset = FileOffset(old.offset.0.wrapping_add(end.0 - old_start.0));
                self.ranges.insert(end, MappedRange { offset, ..old });
            }
        };
        if let Some((old_start, old)) = before.filter(|(_, range)| range.end > start) {
            cut(old_start, old);
            self.ranges
                .insert(old_start, MappedRange { end: start, ..old });
        }
        for old_start in inside {
            if let Some(old) = self.ranges.remove(&old_start)
                && old.end > end
            {
                let offset = FileOffset(old.offset.0.wrapping_add(end.0 - old_start.0));
                self.ranges.insert(end, MappedRange { offset, ..old });
            }
        }
    }

    /// Maps `size` bytes from `start`; `what` is `None` for memory that is not executable.
    pub(super) fn map(
        &mut self,
        start: RuntimeAddress,
        size: u64,
        what: Option<(ModuleId, FileOffset)>,
    ) {
        let end = RuntimeAddress(start.0.saturating_add(size));
        if start >= end {
            return;
        }
        self.clear(start, end);
        if let Some((module, offset)) = what
            && self.ranges.len() < MAX_RANGES
        {
            let range = MappedRange {
                end,
                module,
                offset,
            };
            self.ranges.insert(start, range);
        }
    }
}

/// All processes of a recording.
#[derive(Debug, Default)]
pub(super) struct Processes {
    spaces: HashMap<i32, Arc<AddressSpace>>,
    /// Names by process and thread.
    names: HashMap<(i32, i32), String>,
    copied: usize,
    empty: Arc<AddressSpace>,
}

impl Processes {
    /// The address space of a process.
    pub(super) fn space(&self, pid: i32) -> &Arc<AddressSpace> {
        self.spaces.get(&pid).unwrap_or(&self.empty)
    }

    /// To change the address space of a process.
    pub(super) fn space_mut(&mut self, pid: i32) -> &mut AddressSpace {
        let space = self.spaces.entry(pid).or_default();
        if Arc::strong_count(space) > 1 {
            self.copied += space.ranges.len();
            if self.copied > MAX_COPIED {
                // Only a file that means no good has so many.
                *space = Arc::default();
            }
        }
        Arc::make_mut(space)
    }

    /// A thread was named; by running another program, which starts with nothing mapped, if
    /// `exec`.
    pub(super) fn name(&mut self, pid: i32, tid: i32, name: &str, exec: bool) {
        self.names.insert((pid, tid), name.to_owned());
        if exec {
            self.spaces.remove(&pid);
        }
    }

    /// A thread was started; in a process of its own if `pid` is not `parent.0`.
    pub(super) fn fork(&mut self, pid: i32, tid: i32, parent: (i32, i32)) {
        if pid != parent.0
            && let Some(space) = self.spaces.get(&parent.0).cloned()
        {
            self.spaces.insert(pid, space);
        }
        let name = self
            .names
            .get(&parent)
            .or(self.names.get(&(parent.0, parent.0)));
        if let Some(name) = name.cloned() {
            self.names.insert((pid, tid), name);
        }
    }

    /// What a thread calls itself.
    pub(super) fn name_of(&self, pid: i32, tid: i32) -> Option<&str> {
        let name = self.names.get(&(pid, tid)).or(self.names.get(&(pid, pid)));
        name.map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ModuleId = ModuleId(1);
    const B: ModuleId = ModuleId(2);

    fn found(space: &AddressSpace, address: u64) -> Option<(u32, u64)> {
        space
            .find(RuntimeAddress(address))
            .map(|(module, offset)| (module.0, offset.0))
    }

    #[test]
    fn a_new_mapping_replaces_what_it_covers_and_cuts_its_neighbours() {
        let mut space = AddressSpace::default();
        space.map(RuntimeAddress(0x1000), 0x4000, Some((A, FileOffset(0x100))));
        space.map(RuntimeAddress(0x2000), 0x1000, Some((B, FileOffset(0))));
        assert_eq!(found(&space, 0xfff), None);
        assert_eq!(found(&space, 0x1fff), Some((1, 0x10ff)));
        assert_eq!(found(&space, 0x2000), Some((2, 0)));
        assert_eq!(found(&space, 0x3000), Some((1, 0x2100)));
        assert_eq!(found(&space, 0x5000), None);
        // Over the end of one and the start of the next.
        space.map(RuntimeAddress(0x2800), 0x1000, None);
        assert_eq!(found(&space, 0x27ff), Some((2, 0x7ff)));
        assert_eq!(found(&space, 0x2800), None);
        assert_eq!(found(&space, 0x3800), Some((1, 0x2900)));
        space.map(
            RuntimeAddress(u64::MAX - 5),
            u64::MAX,
            Some((A, FileOffset(u64::MAX))),
        );
        assert_eq!(found(&space, u64::MAX - 1), Some((1, 3)));
    }

    #[test]
    fn children_inherit_and_programs_start_anew() {
        let mut processes = Processes::default();
        processes.name(1, 1, "parent", false);
        processes
            .space_mut(1)
            .map(RuntimeAddress(0), 10, Some((A, FileOffset(0))));
        processes.fork(2, 2, (1, 1));
        processes
            .space_mut(2)
            .map(RuntimeAddress(0), 5, Some((B, FileOffset(0))));
        assert_eq!(found(processes.space(1), 1), Some((1, 1)));
        assert_eq!(found(processes.space(2), 1), Some((2, 1)));
        assert_eq!(found(processes.space(2), 5), Some((1, 5)));
        assert_eq!(processes.name_of(2, 7), Some("parent"));
        processes.name(2, 2, "child", true);
        assert_eq!(found(processes.space(2), 1), None);
        assert_eq!(processes.name_of(2, 2), Some("child"));
    }
}
