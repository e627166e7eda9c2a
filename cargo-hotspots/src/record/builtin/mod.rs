//! The built-in recorder: `perf_event_open`, a buffer for each CPU, and one thread that empties
//! them into a `perf.data`.
//!
//! An ordinary user may sample his own programs in user space up to `perf_event_paranoid` 2, and in
//! the kernel up to 1. An inherited event cannot be mapped for all CPUs at once (EINVAL), so there
//! is one event for each thread and CPU; those of a CPU share its buffer.
//!
//! Where whole CPUs may be sampled (up to 0), there is one event for each CPU, and [`tree`] keeps what
//! is the programs': short-lived threads are seen then.
#![allow(unsafe_code)]

pub(crate) mod attributes;
pub(super) mod existing;
pub(super) mod file;
mod pack;
mod ring;
mod tree;

use self::{
    file::{Facts, Writer},
    ring::Ring,
    tree::Tree,
};
use super::{
    event::Event,
    setup::{Setup, Whom},
    system::checked,
};
use crate::record::options::CallGraphChoice;
use perf_event_open_sys::{self as raw, bindings as sys};
use std::{
    fs::{self, File},
    io::{self, PipeReader, PipeWriter},
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::fs::OpenOptionsExt as _,
    },
    thread::{self, JoinHandle},
};

/// How long the emptying thread sleeps at most, so that it hears of the end.
const PATIENCE_MS: i32 = 100;
/// Stands for all threads of a CPU.
const ANYONE: i32 = -1;
/// A buffer must hold at least this many samples of the call graph in use.
const LEAST_SAMPLES: usize = 4;

/// What was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) samples: u64,
    /// Samples that the kernel had no room for.
    pub(crate) lost: u64,
    /// How often the emptying thread woke.
    pub(crate) rounds: u64,
    /// Bytes of a CPU's buffer.
    pub(crate) buffer: usize,
}

/// A recording that goes on.
pub(crate) struct Session {
    /// Closed to ask for the end.
    stop: PipeWriter,
    thread: JoinHandle<io::Result<Counts>>,
}

/// Why it cannot begin.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The kernel does not let this process open the event.
    Open(io::Error),
    /// No room for the buffers.
    Map(io::Error),
    /// The process is gone.
    NoProcess,
    /// It is none that this recorder knows.
    Event,
    /// A file.
    Io(io::Error),
}

impl Session {
    /// Opens everything and begins; sampling of processes that wait begins with their `exec`.
    pub(crate) fn start(setup: &Setup, whom: &Whom) -> Result<Self, Refusal> {
        let event = Event::parse(&setup.event).ok_or(Refusal::Event)?;
        raise_open_files();
        let events = Events::open(setup, &event, whom)?;
        // Copies of stacks may hold secrets: only the user may read them.
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&setup.data)
            .map_err(Refusal::Io)?;
        let attributes = attributes::bytes(&events.attributes).to_vec();
        let pack = setup.call_graph == CallGraphChoice::Dwarf;
        let mut writer = Writer::new(file, &attributes, pack).map_err(Refusal::Io)?;
        let mut longest = events.rings.first().map_or(0, Ring::size);
        let mut before = match event.is_user_only() {
            true => Vec::new(),
            false => existing::kernel(),
        };
        if let Whom::Running(pid) = whom {
            before.extend(existing::records(*pid, &existing::threads(*pid)));
        }
        longest = longest.max(before.len());
        writer.records(&before).map_err(Refusal::Io)?;
        let facts = Facts {
            cpus: u32::try_from(events.rings.len()).unwrap_or(u32::MAX),
            ..facts(setup, attributes, longest)
        };
        let (asked, stop) = io::pipe().map_err(Refusal::Io)?;
        let thread = thread::Builder::new()
            .name("recorder".into())
            .spawn(move || events.empty(writer, &facts, &asked))
            .map_err(Refusal::Io)?;
        Ok(Self { stop, thread })
    }

    /// Whether it has ended by itself, because it failed.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends the recording and closes its file.
    pub(crate) fn finish(self) -> io::Result<Counts> {
        drop(self.stop);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the recording thread failed")))
    }
}

/// All open events with their buffers.
struct Events {
    attributes: sys::perf_event_attr,
    rings: Vec<Ring>,
    files: Vec<OwnedFd>,
    threads: Vec<i32>,
    /// Whose records are kept, where whole CPUs are sampled.
    tree: Option<Tree>,
}

impl Events {
    fn open(setup: &Setup, event: &Event, whom: &Whom) -> Result<Self, Refusal> {
        let cpus = online_cpus();
        let mut pages = first_pages(setup);
        loop {
            match Self::try_open(setup, event, whom, &cpus, pages) {
                // Another recording of the same user may hold part of the allowance.
                Err(Refusal::Map(error))
                    if error.raw_os_error() == Some(libc::EPERM) && fits(pages / 2, setup) =>
                {
                    pages /= 2;
                }
                other => return other,
            }
        }
    }

    fn try_open(
        setup: &Setup,
        event: &Event,
        whom: &Whom,
        cpus: &[i32],
        pages: usize,
    ) -> Result<Self, Refusal> {
        let size = pages.saturating_mul(ring::page_size());
        // A quarter: the rest is reserve until this process gets its turn.
        let wake_at = u32::try_from(size / 4).unwrap_or(u32::MAX);
        let mut attributes = attributes::sampler(event, setup, wake_at);
        // The kernel marks a record as one with a build id for all events that get it, also for those
        // that have not asked and get no id (6.18). An event of whole CPUs gets everyone's records, so it
        // would spoil all other recordings; `Tree::identify` looks the ids up.
        attributes.set_build_id((!setup.whole_cpus).into());
        let mut events = Self {
            attributes,
            rings: Vec::new(),
            files: Vec::new(),
            threads: Vec::new(),
            tree: None,
        };
        match whom {
            _ if setup.whole_cpus => {
                events.add(ANYONE, cpus, pages)?;
                events.tree = Some(match whom {
                    Whom::Held(pids) => Tree::of_held(pids),
                    Whom::Running(pid) => Tree::of_running(*pid),
                });
                events.enable()?;
            }
            Whom::Held(pids) => {
                events.attributes.set_enable_on_exec(1);
                for &pid in pids {
                    events.add(pid, cpus, pages)?;
                }
            }
            Whom::Running(pid) => events.add_running(*pid, cpus, pages)?,
        }
        if events.rings.is_empty() {
            return Err(Refusal::NoProcess);
        }
        Ok(events)
    }

    /// Opens the event for all threads of a process.
    fn add_running(&mut self, pid: i32, cpus: &[i32], pages: usize) -> Result<(), Refusal> {
        // Threads that start meanwhile belong to threads that were seen, or are seen in the next
        // round.
        loop {
            let before = self.threads.len();
            for thread in existing::threads(pid) {
                if !self.threads.contains(&thread) {
                    match self.add(thread, cpus, pages) {
                        Err(Refusal::NoProcess) => {}
                        result => result?,
                    }
                }
            }
            if self.threads.len() == before {
                return self.enable();
            }
        }
    }

    fn enable(&self) -> Result<(), Refusal> {
        for file in &self.files {
            // SAFETY: an open event of ours; the request takes no memory.
            checked(unsafe { raw::ioctls::ENABLE(file.as_raw_fd(), 0) }).map_err(Refusal::Open)?;
        }
        Ok(())
    }

    /// Opens the event for one thread on all CPUs.
    fn add(&mut self, thread: i32, cpus: &[i32], pages: usize) -> Result<(), Refusal> {
        let result = self.add_all(thread, cpus, pages);
        if result.is_err() && self.threads.is_empty() {
            // Buffers of a thread that is gone on some CPUs only.
            self.rings.clear();
            self.files.clear();
        }
        result
    }

    fn add_all(&mut self, thread: i32, cpus: &[i32], pages: usize) -> Result<(), Refusal> {
        let owners = self.rings.len();
        for (index, &cpu) in cpus.iter().enumerate() {
            let file = self.open_one(thread, cpu)?;
            if owners == 0 {
                self.rings
                    .push(Ring::map(file.as_fd(), pages).map_err(Refusal::Map)?);
            } else if let Some(owner) = self.files.get(index) {
                // SAFETY: both are open events of ours; the request takes no memory.
                let code = unsafe { raw::ioctls::SET_OUTPUT(file.as_raw_fd(), owner.as_raw_fd()) };
                checked(code).map_err(Refusal::Open)?;
            }
            self.files.push(file);
        }
        self.threads.push(thread);
        Ok(())
    }

    fn open_one(&mut self, thread: i32, cpu: i32) -> Result<OwnedFd, Refusal> {
        let refusal = |error: io::Error| match error.raw_os_error() {
            Some(libc::ESRCH) => Refusal::NoProcess,
            _ => Refusal::Open(error),
        };
        match attributes::open(&mut self.attributes, thread, cpu) {
            // Build ids in records are there since Linux 5.12.
            Err(error)
                if error.raw_os_error() == Some(libc::EINVAL)
                    && self.attributes.build_id() == 1 =>
            {
                self.attributes.set_build_id(0);
                attributes::open(&mut self.attributes, thread, cpu).map_err(refusal)
            }
            result => result.map_err(refusal),
        }
    }

    /// Empties the buffers until it is told to stop, and closes the file.
    fn empty(mut self, mut writer: Writer, facts: &Facts, stop: &PipeReader) -> io::Result<Counts> {
        let mut counts = Counts {
            buffer: self.rings.first().map_or(0, Ring::size),
            ..Counts::default()
        };
        let descriptors = [stop.as_raw_fd()].into_iter();
        let descriptors = descriptors.chain(self.files.iter().map(|file| file.as_raw_fd()));
        let mut waiting: Vec<libc::pollfd> = descriptors
            .map(|fd| libc::pollfd {
                fd,
                events: libc::POLLIN,
                revents: 0,
            })
            .collect();
        let mut tree = self.tree.take();
        if tree.is_some() {
            // Everyone's samples come in, also while everyone wants to run.
            super::system::hurry();
        }
        let mut buffers = vec![Vec::new(); self.rings.len()];
        // After the request to stop comes one more look, and what a tree has kept back.
        let mut looks_left = None;
        loop {
            let before = counts.samples;
            for (ring, bytes) in self.rings.iter().zip(&mut buffers) {
                bytes.clear();
                ring.take(bytes);
            }
            write(&buffers, tree.as_mut(), &mut writer, &mut counts)?;
            counts.rounds += 1;
            // What a tree keeps back is a round older than the rest.
            let complete = tree.is_none() || counts.rounds.is_multiple_of(2);
            if counts.samples > before && complete || looks_left == Some(0) {
                writer.round()?;
            }
            if looks_left == Some(0) {
                break;
            }
            if looks_left.is_none() {
                let length = libc::nfds_t::try_from(waiting.len()).unwrap_or(0);
                // SAFETY: the array is ours and as long as said.
                unsafe { libc::poll(waiting.as_mut_ptr(), length, PATIENCE_MS) };
            }
            let stopped = waiting.first().is_none_or(|stop| stop.revents != 0);
            looks_left = match looks_left {
                Some(left) => Some(left - 1),
                None => stopped.then_some(u32::from(tree.is_some())),
            };
            for entry in &mut waiting {
                // Its process is gone; it would be ready for ever.
                if entry.revents & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0 {
                    entry.fd = -1;
                }
            }
        }
        writer.finish(facts)?;
        Ok(counts)
    }
}

/// Writes what was in the buffers; with a tree, what of it is the programs'.
fn write(
    buffers: &[Vec<u8>],
    tree: Option<&mut Tree>,
    writer: &mut Writer,
    counts: &mut Counts,
) -> io::Result<()> {
    let Some(tree) = tree else {
        for bytes in buffers {
            count(bytes, counts);
            writer.records(bytes)?;
        }
        return Ok(());
    };
    tree.learn(buffers);
    let mut kept = Vec::new();
    for (index, bytes) in buffers.iter().enumerate() {
        // Apart, because a reader unpacks no more than a buffer's length at a time.
        for bytes in [&[][..], bytes] {
            kept.clear();
            tree.sift(index, bytes, &mut kept);
            tree.identify(&mut kept);
            count(&kept, counts);
            writer.records(&kept)?;
        }
    }
    Ok(())
}

/// What a file says of this machine and the recording.
pub(super) fn facts(setup: &Setup, attributes: Vec<u8>, longest: usize) -> Facts {
    Facts {
        host: kernel_fact("hostname"),
        release: kernel_fact("osrelease"),
        architecture: std::env::consts::ARCH.to_owned(),
        cpus: 1,
        command: setup.command.clone(),
        event: setup.event.clone(),
        attributes,
        longest,
    }
}

/// Counts what is worth counting; the records are the kernel's own.
fn count(bytes: &[u8], counts: &mut Counts) {
    for record in tree::records(bytes) {
        match tree::kind(record) {
            sys::PERF_RECORD_SAMPLE => counts.samples += 1,
            sys::PERF_RECORD_LOST => {
                let lost = record.get(16..24).and_then(|field| field.first_chunk());
                counts.lost += lost.map_or(0, |field| u64::from_ne_bytes(*field));
            }
            _ => {}
        }
    }
}

fn first_pages(setup: &Setup) -> usize {
    if setup.root {
        return 1024;
    }
    let allowed = setup.mlock_kb.unwrap_or(516).saturating_mul(1024);
    let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
    // One page is the header.
    let pages = (allowed / ring::page_size())
        .saturating_sub(1)
        .clamp(1, 1024);
    1 << pages.ilog2()
}

fn fits(pages: usize, setup: &Setup) -> bool {
    let sample = match setup.call_graph {
        CallGraphChoice::Dwarf => setup.stack_bytes as usize + 512,
        CallGraphChoice::FramePointers => 1200,
        CallGraphChoice::None => 64,
    };
    pages.saturating_mul(ring::page_size()) >= sample * LEAST_SAMPLES
}

/// `0-3,6`
pub(super) fn online_cpus() -> Vec<i32> {
    let text = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let mut cpus = Vec::new();
    for range in text.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) {
            cpus.extend((first..=last).map(i32::from));
        }
    }
    if cpus.is_empty() {
        let count = thread::available_parallelism().map_or(1, usize::from);
        cpus.extend((0..count).filter_map(|cpu| i32::try_from(cpu).ok()));
    }
    cpus
}

fn kernel_fact(name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    text.trim().to_owned()
}

/// One descriptor for each thread and CPU may be many: takes what the hard limit allows.
fn raise_open_files() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls read or write the structure, which is ours.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}
