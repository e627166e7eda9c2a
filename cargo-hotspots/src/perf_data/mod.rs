//! Reads `perf.data` into a [`Profile`].
//!
//! ```text
//! header   events, build ids              stream   records, unpacked      order   by time
//! process  what is mapped where           files    the same build?        unwind  callers
//! fold     equal stacks once
//! ```
//!
//! The recording is read once, from front to end, and never held: memory follows the distinct
//! stacks and addresses in it, and two rounds of `perf record`'s buffers. What is wrong with it is
//! counted ([`Losses`]) and what can be read is. Files that code ran in are opened when the first
//! address in them is sampled.
//!
//! Sources: `perf_event_open(2)` and `linux/perf_event.h` for the kernel's records,
//! `tools/perf/Documentation/perf.data-file-format.txt` for perf's; `linux-perf-data` reads the
//! fields of events and records. Limits: recordings of machines with the other byte order are
//! refused, programs of 32 bits are not unwound, hardware traces are skipped.

mod attribute;
mod bytes;
mod files;
mod fold;
mod header;
mod order;
mod process;
mod roots;
mod sample;
mod stream;
mod unwind;

use crate::profile::{
    CallGraph, FrameId, Losses, ModuleId, ModuleKind, Place, Profile, RuntimeAddress,
};
use bytes::until_zero;
use codecost::{Error, Result, address::FileOffset};
use files::{Files, Identity, Special};
use fold::{Addition, EventId, Fold};
use header::{Header, Source};
use linux_perf_data::linux_perf_event_reader::{
    CpuMode, EventRecord, Mmap2FileId, RawData, RawEventRecord, RecordType, SampleFormat,
};
use order::{Event, Rounds};
use process::{AddressSpace, Processes};
use sample::Sample;
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};
use stream::{Stream, kind};
use unwind::{Ending, Engine, Step};

/// What to read of a recording, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Options<'o> {
    /// Paths as recorded, and the copies to open instead.
    pub substitutes: &'o [(PathBuf, PathBuf)],
    /// Whether to keep each single sample.
    pub timeline: bool,
    /// Whether to look for files where they were and where copies are kept by build id; otherwise
    /// only `substitutes` are opened.
    pub search: bool,
}

/// Reads the recording at `path`. `substitutes` are paths as recorded, and the copies to open
/// instead; `timeline` keeps each single sample.
///
/// Time follows the file's size, memory the distinct stacks in it.
///
/// # Errors
///
/// The file cannot be read or is no recording. Damage inside is no error but counted.
pub fn read(path: &Path, substitutes: &[(PathBuf, PathBuf)], timeline: bool) -> Result<Profile> {
    let fail = |error| Error::read(path, error);
    let before = std::fs::metadata(path).map_err(fail)?;
    if before.is_dir() {
        return Err(fail(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    if !before.is_file() {
        return Err(Error::failed(
            format!(
                "`{}` cannot be read: it is not a regular file",
                path.display()
            ),
            "write the recording to a file first",
        ));
    }
    let file = File::open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    let options = Options {
        substitutes,
        timeline,
        search: true,
    };
    let reader = BufReader::with_capacity(64 << 10, file);
    read_from(
        reader,
        path,
        metadata.len(),
        metadata.modified().ok(),
        &options,
    )
}

/// Reads a recording of `size` bytes; `path` is for messages, `recorded` is when it ended.
///
/// # Errors
///
/// As of [`read`].
pub fn read_from(
    reader: impl Read + Seek,
    path: &Path,
    size: u64,
    recorded: Option<SystemTime>,
    options: &Options<'_>,
) -> Result<Profile> {
    let mut source = Source { reader, size };
    let header = Header::read(&mut source, path)?;
    let (start, size) = (header.start, header.size);
    let fail = |error| Error::read(path, error);
    let mut stream = Stream::new(source, start, size).map_err(fail)?;
    let mut reader = Reader::new(header, recorded, options);
    let mut rounds = Rounds::default();
    let mut body = Vec::new();
    while let Some(start) = stream.next(&mut body).map_err(fail)? {
        if start.kind < kind::FIRST_OF_PERF {
            let attribute = reader.attribute_of(start.kind, &body);
            let time = reader.time_of(start.kind, attribute, &body);
            rounds.push(Event {
                time: time.unwrap_or(rounds.now()),
                kind: start.kind,
                misc: start.misc,
                attribute,
                body,
            });
            body = rounds.buffer();
        } else if start.kind == kind::FINISHED_ROUND {
            rounds.finish_round();
        }
        reader.take_all(&mut rounds);
    }
    rounds.finish();
    reader.take_all(&mut rounds);
    reader.losses.disordered = rounds.disordered;
    reader.losses.unreadable += stream.unreadable;
    reader.losses.cut_off |= stream.cut_off;
    Ok(reader.finish())
}

/// What is known while records are read.
struct Reader<'o> {
    header: Header,
    /// For each attribute the event that its samples count for.
    events: Vec<EventId>,
    processes: Processes,
    places: Places<'o>,
    losses: Losses,
    /// By `PERF_RECORD_LOST` and `PERF_RECORD_LOST_SAMPLES`.
    lost: (u64, u64),
    frames: Vec<FrameId>,
}

/// From addresses to places.
struct Places<'o> {
    files: Files<'o>,
    special: Special,
    /// `None` for a processor whose stacks cannot be unwound.
    engine: Option<Engine>,
    fold: Fold,
}

impl<'o> Reader<'o> {
    fn new(mut header: Header, recorded: Option<SystemTime>, options: &'o Options<'o>) -> Self {
        let build_ids = std::mem::take(&mut header.build_ids);
        let (files, special) = Files::new(options, build_ids, recorded);
        let registers = header.attributes.iter().map(|it| it.layout.user_registers);
        let registers = registers.fold(0, |all, some| all | some);
        let names: Vec<String> = header
            .attributes
            .iter()
            .map(|attribute| event_group(&attribute.display_name()).to_owned())
            .collect();
        // The first attribute of the same name stands for all of them.
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
            },
            losses: Losses {
                cut_off: header.cut_off,
                ..Losses::default()
            },
            lost: (0, 0),
            frames: Vec::new(),
            header,
        }
    }

    /// Which attribute a record belongs to.
    fn attribute_of(&self, record: u32, body: &[u8]) -> usize {
        let attributes = &self.header.attributes;
        let [first, _, ..] = attributes.as_slice() else {
            return 0;
        };
        let identified =
            |it: &attribute::Attribute| it.layout.fields.contains(SampleFormat::IDENTIFIER);
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

    fn time_of(&self, record: u32, attribute: usize, body: &[u8]) -> Option<u64> {
        raw(record, 0, body, self.header.attributes.get(attribute)?).timestamp()
    }

    /// Takes what is in order.
    fn take_all(&mut self, rounds: &mut Rounds) {
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
            let count = bytes::Cursor::new(&event.body).u64()?;
            self.lost.1 = self.lost.1.saturating_add(count);
            return Some(());
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
            EventRecord::Fork(record) => {
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
                        },
                    },
                });
            }
            _ => {}
        }
        Some(())
    }

    fn map(&mut self, map: Map<'_>) {
        // The kernel's own memory needs no map: all of it is one module.
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
        let space = self.processes.space(sample.pid).clone();
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        let ending = self.places.stack_of(sample, &space, &mut frames);
        let stack = self.places.fold.stack(&frames);
        self.frames = frames;
        let name = self.processes.name_of(sample.pid, sample.tid);
        let fold = &mut self.places.fold;
        let thread = fold.thread(sample.pid, sample.tid, name);
        fold.add(Addition {
            event,
            thread,
            stack: stack?,
            time: sample.time,
            period: sample.period,
            unrooted: ending != Ending::Root,
            truncated: ending == Ending::Truncated,
        });
        Some(())
    }

    /// The profile of the event that stands for time, or else the first, that has samples.
    fn finish(self) -> Profile {
        let attributes = &self.header.attributes;
        let fold = &self.places.fold;
        let sampled = |index: &usize| fold.total(*index).samples > 0;
        let is_time = |index: &usize| attributes.get(*index).is_some_and(|it| it.is_time());
        let all = 0..attributes.len();
        let chosen = all
            .clone()
            .filter(sampled)
            .find(is_time)
            .or_else(|| all.clone().find(sampled))
            .or_else(|| all.clone().find(is_time))
            .unwrap_or_default();
        let others = all.filter(|index| *index != chosen && sampled(index));
        let name = |index: usize| {
            let name = attributes.get(index).map(|it| it.display_name());
            name.unwrap_or_default()
        };
        let other_events = others
            .map(|index| (name(index), fold.total(index).samples))
            .collect();
        let total = fold.total(chosen);
        let fields = attributes.get(chosen).map(|it| it.layout.fields);
        let fields = fields.unwrap_or(SampleFormat::empty());
        let call_graph = if fields.contains(SampleFormat::STACK_USER | SampleFormat::REGS_USER) {
            CallGraph::Dwarf
        } else if fields.contains(SampleFormat::CALLCHAIN) {
            CallGraph::FramePointers
        } else {
            CallGraph::None
        };
        let event = name(chosen);
        let folded = self.places.fold.finish(chosen);
        // The tables of files go first: the files then belong to the profile alone.
        drop(self.places.engine);
        Profile {
            event,
            other_events,
            call_graph,
            samples: total.samples,
            period: total.period,
            duration_ns: match (total.first, total.last) {
                (Some(first), Some(last)) => last.saturating_sub(first),
                _ => 0,
            },
            threads: folded.threads,
            modules: self.places.files.into_modules(),
            frames: folded.frames,
            stacks: folded.stacks,
            counts: folded.counts,
            timeline: folded.timeline,
            losses: Losses {
                // perf asks the kernel for its count of lost samples at the end, and writes down
                // what the buffers said on the way: the same ones.
                lost: self.lost.0.max(self.lost.1),
                unrooted: match call_graph {
                    CallGraph::None => 0,
                    _ => total.unrooted,
                },
                truncated: total.truncated,
                ..self.losses
            },
        }
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

/// Marks in a callchain, by `enum perf_callchain_context`: what follows is of the kernel, …
mod context {
    pub(super) const FIRST: u64 = -4095_i64 as u64;
    pub(super) const HYPERVISOR: u64 = -32_i64 as u64;
    pub(super) const KERNEL: u64 = -128_i64 as u64;
    pub(super) const USER: u64 = -512_i64 as u64;
}

impl Places<'_> {
    /// The frames of a sample, innermost first, and how they end.
    fn stack_of(
        &mut self,
        sample: &Sample<'_>,
        space: &Arc<AddressSpace>,
        frames: &mut Vec<FrameId>,
    ) -> Ending {
        let mut mode = sample.mode;
        let mut is_first = true;
        let mut user_chain = false;
        let mut last = Step::Stop;
        for address in sample.callchain.iter() {
            if address >= context::FIRST {
                mode = match address {
                    context::HYPERVISOR => CpuMode::Hypervisor,
                    context::KERNEL => CpuMode::Kernel,
                    context::USER => CpuMode::User,
                    _ => mode,
                };
                is_first = true;
                continue;
            }
            // The first is where execution stands; the others are where calls return to.
            let address = RuntimeAddress(address.saturating_sub(u64::from(!is_first)));
            is_first = false;
            if is_kernel(mode) {
                frames.push(self.kernel(address));
                continue;
            }
            if sample.stack.is_some() {
                continue;
            }
            let (frame, step) = self.resolve(space, address);
            // Whoever uses the frame pointer for something else leads nowhere.
            if user_chain && step == Step::Stop && !self.is_mapped(frame) {
                last = Step::Stop;
                break;
            }
            user_chain = true;
            last = step;
            frames.push(frame);
        }
        if frames.is_empty()
            && is_kernel(sample.mode)
            && let Some(ip) = sample.ip
        {
            frames.push(self.kernel(RuntimeAddress(ip)));
        }
        if user_chain {
            return match self.begins_a_thread(frames, last) {
                true => Ending::Root,
                false => Ending::Lost,
            };
        }
        if let (Some(registers), Some(_)) = (&sample.registers, &sample.stack) {
            let ip = self
                .engine
                .as_ref()
                .and_then(|it| it.instruction_pointer(registers));
            if let Some(ip) = ip {
                return self.unwind(sample, space, RuntimeAddress(ip), frames);
            }
        }
        match sample.ip {
            Some(ip) if !is_kernel(sample.mode) => {
                let (frame, step) = self.resolve(space, RuntimeAddress(ip));
                frames.push(frame);
                let engine = self.engine.as_mut();
                match engine.is_some_and(|engine| engine.is_root(step)) {
                    true => Ending::Root,
                    false => Ending::Lost,
                }
            }
            // A thread of the kernel, or one whose program is gone already.
            _ if !frames.is_empty() => Ending::Root,
            _ => {
                let address = RuntimeAddress(sample.ip.unwrap_or_default());
                let frame = self
                    .fold
                    .frame(self.special.unknown, Place::Memory(address));
                frames.push(frame);
                Ending::Lost
            }
        }
    }

    /// Whether the last of the frames that frame pointers led to is the first of its thread.
    fn begins_a_thread(&mut self, frames: &[FrameId], last: Step) -> bool {
        if let Some(engine) = &mut self.engine
            && engine.is_root(last)
        {
            return true;
        }
        let mut outward = frames.iter().rev().map(|frame| self.fold.frame_at(*frame));
        let (Some(Some(outermost)), callee) = (outward.next(), outward.next().flatten()) else {
            return false;
        };
        let calls_the_program = callee.is_some_and(|callee| {
            callee.module != outermost.module && callee.module != self.special.kernel
        });
        if calls_the_program && self.files.is_c_library(outermost.module) {
            return true;
        }
        match outermost.place {
            Place::Code(address) => self.files.is_named_root(outermost.module, address),
            _ => false,
        }
    }

    /// Unwinds the program's part of a stack.
    fn unwind(
        &mut self,
        sample: &Sample<'_>,
        space: &Arc<AddressSpace>,
        ip: RuntimeAddress,
        frames: &mut Vec<FrameId>,
    ) -> Ending {
        let (mut frame, mut step) = self.resolve(space, ip);
        // Where a precise event stands; the registers may be an instruction on.
        if let Some(precise) = sample.ip
            && !is_kernel(sample.mode)
            && precise != ip.0
        {
            (frame, _) = self.resolve(space, RuntimeAddress(precise));
        }
        frames.push(frame);
        let (Some(registers), Some(stack)) = (&sample.registers, sample.stack) else {
            return Ending::Lost;
        };
        let walk = self
            .engine
            .as_ref()
            .and_then(|it| it.start(registers, stack));
        let Some(mut walk) = walk else {
            return Ending::Lost;
        };
        loop {
            let Some(engine) = self.engine.as_mut() else {
                return Ending::Lost;
            };
            let return_address = match engine.next(&mut walk, step) {
                Ok(address) => address,
                Err(ending) => return ending,
            };
            let call = RuntimeAddress(return_address.saturating_sub(1));
            let (frame, next) = self.resolve(space, call);
            if next == Step::Stop && !self.is_mapped(frame) {
                // No caller, but something else that stood on the stack.
                return Ending::Lost;
            }
            frames.push(frame);
            step = next;
        }
    }

    fn kernel(&mut self, address: RuntimeAddress) -> FrameId {
        self.fold.frame(self.special.kernel, Place::Memory(address))
    }

    /// Whether a frame is in something that was mapped.
    fn is_mapped(&self, frame: FrameId) -> bool {
        let frame = self.fold.frame_at(frame);
        frame.is_some_and(|frame| frame.module != self.special.unknown)
    }

    /// What stands at an address of a program.
    fn resolve(&mut self, space: &Arc<AddressSpace>, address: RuntimeAddress) -> (FrameId, Step) {
        let Some((module, offset)) = space.find(address) else {
            let frame = self
                .fold
                .frame(self.special.unknown, Place::Memory(address));
            return (frame, Step::Stop);
        };
        match self.files.kind(module) {
            ModuleKind::File | ModuleKind::Vdso => self.resolve_in_file(module, offset),
            kind => {
                let step = match kind {
                    ModuleKind::Jit => Step::FramePointer,
                    _ => Step::Stop,
                };
                (self.fold.frame(module, Place::Memory(address)), step)
            }
        }
    }

    fn resolve_in_file(&mut self, module: ModuleId, offset: FileOffset) -> (FrameId, Step) {
        if let Some((opened, true)) = self.files.open(module)
            && let Some(engine) = &mut self.engine
        {
            opened.span = engine.add(&opened.mapping);
        }
        let (place, opened) = self.files.place(module, offset);
        let step = match (place, opened.and_then(|opened| opened.span)) {
            (Place::Code(address), Some(span)) => {
                span.address(address).map_or(Step::Stop, Step::Tables)
            }
            _ => Step::Stop,
        };
        (self.fold.frame(module, place), step)
    }
}

fn is_kernel(mode: CpuMode) -> bool {
    matches!(
        mode,
        CpuMode::Kernel | CpuMode::Hypervisor | CpuMode::GuestKernel
    )
}

fn raw<'d>(
    record: u32,
    misc: u16,
    body: &'d [u8],
    attribute: &attribute::Attribute,
) -> RawEventRecord<'d> {
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
