//! Takes records in order of time: who runs where, and the samples, into a profile.

use super::{
    attribute::Attribute,
    bytes::{Cursor, until_zero},
    files::Files,
    fold::{Addition, EventId, Fold},
    header::{Header, KERNEL_MAP},
    kind,
    known::Known,
    module_file::{Identity, Recorded},
    options::{Options, no_event},
    order::{Event, Rounds},
    places::Places,
    process::Processes,
    sample::Sample,
    unwind::Engine,
    waits::Waits,
    walk::Ending,
};
use crate::{
    allocations::{Allocations, Raw, ThreadOf, stacks},
    profile::{CallGraph, FrameId, Kernel, Losses, Profile, RuntimeAddress, StackId, StackLimit},
};
use codecost::{Result, address::FileOffset};
use linux_perf_data::linux_perf_event_reader::{
    CpuMode, EventRecord, Mmap2FileId, RawData, RawEventRecord, RecordType, SampleFormat,
};
use std::{collections::BTreeMap, time::SystemTime};

/// What is known while records are read.
pub(super) struct Reader<'o> {
    header: Header,
    /// For each attribute the event that its samples count for.
    events: Vec<EventId>,
    processes: Processes,
    places: Places<'o>,
    pub(super) losses: Losses,
    /// By `PERF_RECORD_LOST` and `PERF_RECORD_LOST_SAMPLES`.
    lost: (u64, u64),
    /// Threads and processes.
    started: u64,
    kernel: Kernel,
    frames: Vec<FrameId>,
    allocations: Option<Box<Allocations<StackId>>>,
    waits: Waits,
}

impl<'o> Reader<'o> {
    pub(super) fn new(
        mut header: Header,
        recorded: Option<SystemTime>,
        options: &'o Options<'o>,
    ) -> Self {
        let build_ids = std::mem::take(&mut header.build_ids);
        let kernel = Kernel {
            release: header.kernel.clone(),
            build_id: build_ids.get(KERNEL_MAP).cloned(),
            reference: None,
        };
        let recorded = Recorded {
            build_ids,
            kernel: header.kernel.take(),
            at: recorded,
        };
        let (files, special) = Files::new(options, recorded);
        let registers = header.attributes.iter().map(|it| it.layout.user_registers);
        let registers = registers.fold(0, |all, some| all | some);
        let names: Vec<String> = header
            .attributes
            .iter()
            .map(|attribute| event_group(&attribute.own_name()).to_owned())
            .collect();
        // The first attribute of the same name represents all of them.
        let events = names
            .iter()
            .map(|name| {
                names
                    .iter()
                    .position(|other| other == name)
                    .unwrap_or_default()
            })
            .collect();
        Self {
            events,
            processes: Processes::default(),
            places: Places {
                files,
                special,
                engine: Engine::new(header.architecture.as_deref(), registers),
                fold: Fold::new(options.timeline),
                known: Known::default(),
                by_tables: false,
            },
            losses: Losses {
                cut_off: header.cut_off,
                ..Losses::default()
            },
            lost: (0, 0),
            started: 0,
            kernel,
            frames: Vec::new(),
            allocations: None,
            waits: Waits::default(),
            header,
        }
    }

    /// Which attribute a record belongs to.
    pub(super) fn attribute_of(&self, record: u32, body: &[u8]) -> usize {
        let attributes = &self.header.attributes;
        let [first, _, ..] = attributes.as_slice() else {
            return 0;
        };
        let identified = |it: &Attribute| it.layout.fields.contains(SampleFormat::IDENTIFIER);
        let id = if attributes.iter().all(identified) {
            // First in samples, last in other records.
            if record == kind::SAMPLE {
                body.first_chunk().copied()
            } else {
                body.last_chunk().copied()
            }
            .map(u64::from_le_bytes)
        } else {
            raw(record, 0, body, first).id()
        };
        // Records that perf made itself have 0, and are all alike.
        id.filter(|id| *id != 0)
            .and_then(|id| self.header.by_id.get(&id).copied())
            .unwrap_or_default()
    }

    pub(super) fn time_of(&self, record: u32, attribute: usize, body: &[u8]) -> Option<u64> {
        // perf writes these at the end, with no time of their own.
        if record == kind::LOST_SAMPLES {
            return None;
        }
        raw(record, 0, body, self.header.attributes.get(attribute)?).timestamp()
    }

    /// Takes what is in order.
    pub(super) fn take_all(&mut self, rounds: &mut Rounds) {
        while let Some(event) = rounds.take() {
            if self.take(&event).is_none() {
                self.losses.unreadable += 1;
            }
            rounds.recycle(event.body);
        }
    }

    /// Takes one record; `None` when it is damaged.
    fn take(&mut self, event: &Event) -> Option<()> {
        let attribute = self.header.attributes.get(event.attribute)?;
        if event.kind == kind::SAMPLE {
            let sample = Sample::parse(&event.body, event.misc, &attribute.layout)?;
            return self.take_sample(&sample, event.attribute);
        }
        if event.kind == kind::LOST_SAMPLES {
            let count = Cursor::new(&event.body).u64()?;
            self.lost.1 = self.lost.1.saturating_add(count);
            return Some(());
        }
        if event.kind == kind::SWITCH || event.kind == kind::EXIT {
            return self.take_switch(event);
        }
        // The reader of such a record would give up on the whole program.
        if is_impossible_mmap(event) {
            return None;
        }
        match raw(event.kind, event.misc, &event.body, attribute)
            .parse()
            .ok()?
        {
            EventRecord::Comm(record) => {
                let name = record.name.as_slice();
                let name = String::from_utf8_lossy(until_zero(&name)).into_owned();
                self.processes
                    .name(record.pid, record.tid, &name, record.is_execve);
                self.places.fold.rename(record.pid, record.tid, &name);
            }
            EventRecord::Throttle(_) => self.losses.throttled += 1,
            EventRecord::Fork(record) => {
                self.started += 1;
                self.processes
                    .fork(record.pid, record.tid, (record.ppid, record.ptid));
                self.places.fold.forget_thread(record.pid, record.tid);
            }
            EventRecord::Lost(record) => {
                self.lost.0 = self.lost.0.saturating_add(record.count);
            }
            EventRecord::Mmap(record) => {
                let path = record.path.as_slice();
                self.map(Map {
                    pid: record.pid,
                    mode: record.cpu_mode,
                    start: RuntimeAddress(record.address),
                    size: record.length,
                    offset: FileOffset(record.page_offset),
                    executable: record.is_executable,
                    path: until_zero(&path),
                    identity: Identity::Unknown,
                });
            }
            EventRecord::Mmap2(record) => {
                const PROT_EXEC: u32 = 4;
                let path = record.path.as_slice();
                self.map(Map {
                    pid: record.pid,
                    mode: record.cpu_mode,
                    start: RuntimeAddress(record.address),
                    size: record.length,
                    offset: FileOffset(record.page_offset),
                    executable: record.protection & PROT_EXEC != 0,
                    path: until_zero(&path),
                    identity: match record.file_id {
                        Mmap2FileId::BuildId(id) => Identity::BuildId(id),
                        Mmap2FileId::InodeAndVersion(file) if file.inode == 0 => Identity::Unknown,
                        Mmap2FileId::InodeAndVersion(file) => Identity::Inode {
                            major: file.major,
                            minor: file.minor,
                            inode: file.inode,
                            generation: file.inode_generation,
                        },
                    },
                });
            }
            _ => {}
        }
        Some(())
    }

    /// A thread gets or loses its processor, or ends.
    fn take_switch(&mut self, event: &Event) -> Option<()> {
        let attribute = self.header.attributes.get(event.attribute)?;
        let record = raw(event.kind, event.misc, &event.body, attribute);
        if event.kind == kind::EXIT {
            let thread = Cursor::new(event.body.get(8..)?).u32()?;
            self.waits.exit(thread.cast_signed(), event.time);
            return Some(());
        }
        let thread = record.common_data().ok()?.tid;
        if let (Some(thread), EventRecord::ContextSwitch(switch)) = (thread, record.parse().ok()?)
            && let Some(wait) = self.waits.switch(thread, event.time, &switch)
        {
            self.places.fold.add(wait);
        }
        Some(())
    }

    fn map(&mut self, map: Map<'_>) {
        // The kernel's own memory needs no map: all of it is one module. Its record has the place
        // of a symbol: `[kernel.kallsyms]_text`.
        if let Some(symbol) = map.path.strip_prefix(KERNEL_MAP)
            && map.pid == -1
            && !symbol.is_empty()
        {
            let symbol = String::from_utf8_lossy(symbol).into_owned();
            self.kernel.reference = Some((symbol, RuntimeAddress(map.offset.0)));
        }
        if map.pid == -1 || !matches!(map.mode, CpuMode::User | CpuMode::Unknown) {
            return;
        }
        let Places { files, special, .. } = &mut self.places;
        let what = map.executable.then(|| {
            let module = files.module(map.path, map.identity, map.offset, map.size, special);
            (module, map.offset)
        });
        self.processes
            .space_mut(map.pid)
            .map(map.start, map.size, what);
    }

    fn take_sample(&mut self, sample: &Sample<'_>, attribute: usize) -> Option<()> {
        let event = *self.events.get(attribute)?;
        let counts = match Raw::parse(sample.raw) {
            Some(Raw::Totals(totals)) => {
                let allocations = self.allocations.get_or_insert_default();
                allocations.totals += totals;
                allocations.told_apart = true;
                self.places.by_tables = totals.stacks == stacks::TABLES;
                return Some(());
            }
            Some(Raw::Thread(counts)) => {
                let name = self.processes.name_of(sample.pid, sample.tid);
                let thread = ThreadOf {
                    pid: sample.pid,
                    tid: sample.tid,
                    name: name.unwrap_or_default().to_owned(),
                    counts,
                };
                self.allocations
                    .get_or_insert_default()
                    .threads
                    .push(thread);
                return Some(());
            }
            Some(Raw::Counts(counts)) => Some(counts),
            None => None,
        };
        let space = self.processes.space(sample.pid).clone();
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        let end = self.places.stack_of(sample, &space, &mut frames);
        let stack = self.places.fold.stack(&frames);
        self.frames = frames;
        let names = [sample.tid, sample.pid].map(|tid| self.processes.name_of(sample.pid, tid));
        let fold = &mut self.places.fold;
        let thread = fold.thread(sample.pid, sample.tid, names);
        let addition = Addition {
            event,
            thread,
            stack: stack?,
            time: sample.time,
            samples: counts.map_or(1, |counts| counts.samples),
            period: sample.period,
            unrooted: end.ending == Ending::Lost,
            truncated: end.ending == Ending::Truncated,
            broken: end.broken,
        };
        let is_waiting = self.header.attributes.get(attribute)?.is_waiting();
        match is_waiting {
            true => self.waits.begin(sample.tid, addition),
            false => fold.add(addition),
        }
        if let (Some(counts), Some(stack)) = (counts, stack) {
            let allocations = self.allocations.get_or_insert_default();
            allocations.stacks.push((stack, counts));
        }
        Some(())
    }

    /// The profile of the event that is asked for; else of the one that counts time, or else the
    /// first, that has samples.
    ///
    /// # Errors
    ///
    /// A usage error: there is no such event.
    pub(super) fn finish(mut self, event: Option<&str>) -> Result<Profile> {
        for wait in std::mem::take(&mut self.waits).finish() {
            self.places.fold.add(wait);
        }
        let attributes = &self.header.attributes;
        let fold = &self.places.fold;
        let sampled = |index: &usize| fold.total(*index).samples > 0;
        let is_time = |index: &usize| attributes.get(*index).is_some_and(|it| it.is_time());
        let all = 0..attributes.len();
        let chosen = match event {
            Some(event) => self.event_of(event)?,
            None => all
                .clone()
                .filter(sampled)
                .find(is_time)
                .or_else(|| all.clone().find(sampled))
                .or_else(|| all.clone().find(is_time))
                .unwrap_or_default(),
        };
        let others = all.filter(|index| *index != chosen && sampled(index));
        let name = |index: usize| {
            let name = attributes.get(index).map(|it| it.display_name());
            name.unwrap_or_default()
        };
        let other_events = others
            .filter_map(|index| {
                Some((attributes.get(index)?.own_name(), fold.total(index).samples))
            })
            .collect();
        let total = fold.total(chosen);
        let fields = attributes.get(chosen).map(|it| it.layout.fields);
        let fields = fields.unwrap_or(SampleFormat::empty());
        let followed = self.allocations.as_ref().map(|all| all.totals.stacks);
        let call_graph = if fields.contains(SampleFormat::STACK_USER | SampleFormat::REGS_USER) {
            CallGraph::Dwarf
        } else {
            match followed {
                Some(stacks::TABLES) => CallGraph::Unwound,
                Some(stacks::NONE) => CallGraph::None,
                _ if fields.contains(SampleFormat::CALLCHAIN) => CallGraph::FramePointers,
                _ => CallGraph::None,
            }
        };
        let event = name(chosen);
        let layout = attributes.get(chosen).map(|it| it.layout);
        let stack_limit = match call_graph {
            CallGraph::Dwarf => StackLimit {
                bytes: layout.map(|layout| layout.stack_bytes),
                frames: None,
            },
            CallGraph::FramePointers | CallGraph::Unwound => StackLimit {
                bytes: None,
                frames: layout.map(|layout| layout.most_frames),
            },
            CallGraph::None | CallGraph::Given | CallGraph::CallEdges => StackLimit::default(),
        };
        let without_tables = self.places.without_tables();
        let folded = self.places.fold.finish(chosen);
        // The tables of files go first: the files then belong to the profile alone.
        drop(self.places.engine);
        let unplaced = self.allocations.as_ref().map_or(0, |it| it.totals.lost);
        let mut profile = Profile {
            event,
            other_events,
            call_graph,
            stack_limit,
            samples: 0,
            period: 0,
            duration_ns: match (total.first, total.last) {
                (Some(first), Some(last)) => last.saturating_sub(first),
                _ => 0,
            },
            started: self.started,
            threads: folded.threads,
            modules: self.places.files.into_modules(),
            kernel: self.kernel,
            frames: folded.frames,
            stacks: folded.stacks,
            counts: folded.counts,
            timeline: folded.timeline,
            named: BTreeMap::new(),
            allocations: self.allocations,
            losses: Losses {
                // perf asks the kernel for its count of lost samples at the end, and writes down
                // what the buffers said on the way: the same ones.
                lost: self.lost.0.max(self.lost.1).saturating_add(unplaced),
                ..self.losses
            },
            without_tables,
            left_out: Vec::new(),
        };
        profile.add_up();
        Ok(profile)
    }

    /// The event of this name: in full, else without its modifiers.
    fn event_of(&self, wanted: &str) -> Result<EventId> {
        let attributes = &self.header.attributes;
        let names: Vec<String> = attributes.iter().map(Attribute::own_name).collect();
        let in_full = names.iter().position(|name| name == wanted);
        let found = in_full.or_else(|| {
            let kinds = names.iter().cloned();
            let kinds = kinds.chain(attributes.iter().map(Attribute::display_name));
            let at = { kinds }.position(|name| name.split(':').next() == Some(wanted))?;
            Some(at % names.len().max(1))
        });
        found
            .and_then(|at| self.events.get(at).copied())
            .ok_or_else(|| no_event(wanted, &names))
    }
}

/// A mapping, as the recording tells of it.
struct Map<'d> {
    pid: i32,
    mode: CpuMode,
    start: RuntimeAddress,
    size: u64,
    offset: FileOffset,
    executable: bool,
    path: &'d [u8],
    identity: Identity,
}

fn raw<'d>(record: u32, misc: u16, body: &'d [u8], attribute: &Attribute) -> RawEventRecord<'d> {
    RawEventRecord::new(
        RecordType(record),
        misc,
        RawData::Single(body),
        attribute.parse_info,
    )
}

/// Whether a record claims to hold a build id of more bytes than it has room for.
fn is_impossible_mmap(event: &Event) -> bool {
    const MMAP2: u32 = 10;
    const MISC_BUILD_ID: u16 = 1 << 14;
    const LENGTH_AT: usize = 32;
    let length = event.body.get(LENGTH_AT).copied().unwrap_or_default();
    event.kind == MMAP2 && event.misc & MISC_BUILD_ID != 0 && length > 20
}

/// The event without the kind of core, where a processor has two kinds: `cpu_core/cycles/` and
/// `cpu_atom/cycles/` count the same.
fn event_group(name: &str) -> &str {
    for core in ["cpu_core/", "cpu_atom/"] {
        if let Some(event) = name.strip_prefix(core) {
            return event;
        }
    }
    name
}
