//! A recording, read: which code ran, how often, and under which callers.
//!
//! Readers (`perf_data`) make this model, everything after it works on this model only. It is
//! folded: its size follows the distinct addresses and stacks, not the samples. Addresses are
//! places in files, no longer those of one run, and a caller's address is that of its call (the
//! return address less one), so each can be looked up as it is.

use crate::allocations::Allocations;
use codecost::{
    address::{FileOffset, VirtualAddress},
    image::Mapping,
};
use std::{collections::BTreeMap, path::PathBuf};

/// A module, by its position in [`Profile::modules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u32);

/// A distinct place, by its position in [`Profile::frames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u32);

/// A distinct stack, by its innermost frame's position in [`Profile::stacks`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackId(pub u32);

/// A thread, by its position in [`Profile::threads`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(pub u32);

/// An address in the memory of a process while it ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuntimeAddress(pub u64);

/// A recording.
#[derive(Debug, Default)]
pub struct Profile {
    /// The event that was sampled, as perf names it: `cycles:u`, `cpu-clock`.
    pub event: String,
    /// Other events that have samples, which are not in this profile, and how many.
    pub other_events: Vec<(String, u64)>,
    /// How call stacks were recorded.
    pub call_graph: CallGraph,
    /// How much of a stack there can be.
    pub stack_limit: StackLimit,
    /// Samples that were read. Each has a period; `counts` sum to both.
    pub samples: u64,
    /// The sum of all periods.
    pub period: u64,
    /// From the first sample to the last, in nanoseconds.
    pub duration_ns: u64,
    /// How many threads and processes started meanwhile.
    pub started: u64,
    /// All threads that have samples, of all processes.
    pub threads: Vec<Thread>,
    /// All files and other regions that code ran in.
    pub modules: Vec<Module>,
    /// The kernel that ran.
    pub kernel: Kernel,
    /// Distinct places.
    pub frames: Vec<Frame>,
    /// Distinct stacks as a tree: a caller comes before its callees.
    pub stacks: Vec<StackNode>,
    /// The samples, folded by thread and stack.
    pub counts: Vec<Count>,
    /// Every single sample by time, where it was asked for (an export needs it).
    pub timeline: Option<Vec<TimedSample>>,
    /// What the recording itself says of places, the innermost inlined function first: in files of
    /// other tools, whose addresses cannot be looked up.
    pub named: BTreeMap<FrameId, Vec<NamedScope>>,
    /// What was allocated, in a recording of allocations.
    pub allocations: Option<Box<Allocations<StackId>>>,
    /// How good the data is.
    pub losses: Losses,
    /// Places without an unwind table whose caller could not be found, in order.
    pub without_tables: Vec<FrameId>,
    /// Samples that are not in this profile, because other processes or threads were chosen.
    pub left_out: Vec<LeftOut>,
}

/// How much of a stack a sample can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackLimit {
    /// Bytes that are copied of it.
    pub bytes: Option<u32>,
    /// Frames that the kernel follows (`kernel.perf_event_max_stack`).
    pub frames: Option<u32>,
}

/// The event of a recording of where threads wait: a sample is a wait, and its period the time in
/// nanoseconds.
pub const WAITING: &str = "waiting";

/// Samples that are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The process's name, or in brackets what a harness does around what it measures.
    pub process: String,
    /// Its samples.
    pub samples: u64,
    /// The sum of their periods.
    pub period: u64,
    /// Whether other threads of that process are shown.
    pub beside_shown: bool,
}

impl LeftOut {
    /// Stands for threads that wait, in a file that has samples of them beside those of time.
    pub const WAITING: &str = "[waiting]";
    /// Stands for a benchmark's inputs being made.
    pub const INPUTS: &str = "[inputs]";
    /// Stands for a benchmark's inputs and outputs being dropped.
    pub const DROPS: &str = "[drops]";

    /// None of this process yet.
    pub fn of(process: &str) -> Self {
        Self {
            process: process.to_owned(),
            samples: 0,
            period: 0,
            beside_shown: false,
        }
    }
}

/// The kernel that ran while samples were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Its release, as `uname -r` prints it.
    pub release: Option<String>,
    /// Its build id.
    pub build_id: Option<Vec<u8>>,
    /// A symbol of it and where it was, which says where the kernel was loaded.
    pub reference: Option<(String, RuntimeAddress)>,
}

/// How call stacks were recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallGraph {
    /// Copies of the stack, unwound by unwind tables.
    Dwarf,
    /// Frame pointers were followed while the program ran, by the kernel or by the recorder of
    /// allocations.
    FramePointers,
    /// Unwind tables were followed while the program ran, by the recorder of allocations.
    Unwound,
    /// The file of another tool has them, and does not say how they were followed.
    Given,
    /// There were no stacks but edges of calls, over which costs were shared out.
    CallEdges,
    /// Not at all: each sample is one address.
    #[default]
    None,
}

/// A function of a place, as another tool named it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamedScope {
    /// Its name, mangled or not.
    pub function: String,
    /// The source file.
    pub file: Option<String>,
    /// The line.
    pub line: Option<u32>,
}

/// A thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its process.
    pub pid: i32,
    /// Its own number.
    pub tid: i32,
    /// What it calls itself; the process's name where it has none.
    pub name: String,
    /// What its process is called.
    pub process: String,
}

/// What a range of addresses is mapped to.
#[derive(Debug)]
pub struct Module {
    /// As the recording names it: a path, or a name in brackets such as `[kernel]`.
    pub name: String,
    /// What it is.
    pub kind: ModuleKind,
    /// The build id that the recording has for it.
    pub build_id: Option<Vec<u8>>,
    /// The file that was opened for it: the very file that ran, as far as its build id tells.
    pub file: Option<Mapping>,
    /// Why there is none.
    pub problem: Option<ModuleProblem>,
}

/// What a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleKind {
    /// A mapped file.
    File,
    /// The kernel and its modules.
    Kernel,
    /// The page of code that the kernel gives to each process.
    Vdso,
    /// Executable memory that belongs to no file.
    Jit,
    /// No code: it stands for the callers that a stack does not have, whose end is missing.
    Missing,
    /// Nothing is known of these addresses.
    Unknown,
}

/// Why a module's file could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleProblem {
    /// There is no file at its path.
    Missing,
    /// The file there is another build.
    Rebuilt {
        /// The file that is there now.
        path: PathBuf,
    },
    /// It cannot be read.
    Unreadable(String),
}

/// The address of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// In a file that was opened, by that file's own tables.
    Code(VirtualAddress),
    /// In a file that could not be opened, so that there are no segments to translate with.
    Offset(FileOffset),
    /// In no file.
    Memory(RuntimeAddress),
}

/// A distinct place of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    /// The module.
    pub module: ModuleId,
    /// Where in it.
    pub place: Place,
}

/// A node of the tree of stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackNode {
    /// The stack of the caller; it comes earlier in the list.
    pub caller: Option<StackId>,
    /// The innermost frame.
    pub frame: FrameId,
}

/// Samples of one thread with one stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The thread.
    pub thread: ThreadId,
    /// The stack.
    pub stack: StackId,
    /// Samples.
    pub samples: u64,
    /// The sum of their periods.
    pub period: u64,
    /// How many of the samples have a stack that ends before its thread's first function.
    pub unrooted: u64,
    /// How many others have a stack that was cut off, because there was no room for more.
    pub truncated: u64,
    /// How many have a stack with a hole, see [`Losses::broken`].
    pub broken: u64,
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedSample {
    /// Nanoseconds since the first sample.
    pub time_ns: u64,
    /// The thread.
    pub thread: ThreadId,
    /// The stack.
    pub stack: StackId,
    /// Its period.
    pub period: u64,
}

/// What is missing or doubtful. In samples unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// That the kernel says it dropped (`PERF_RECORD_LOST`, `LOST_SAMPLES`).
    pub lost: u64,
    /// Whose stack ends before a thread's first function, though it was not cut off. Zero when no
    /// stacks were recorded.
    pub unrooted: u64,
    /// Whose stack was cut off: the copy of it was too small, or the kernel follows no more frames.
    pub truncated: u64,
    /// Whose frame pointers pass over a caller: the unwind table of one of the functions says that
    /// the frame pointer does not lead to its caller. Zero when stacks were copied.
    pub broken: u64,
    /// How often the kernel stopped sampling for a while, because samples took it too long.
    pub throttled: u64,
    /// Records, not samples, that came out of order.
    pub disordered: u64,
    /// Records, not samples, that could not be read.
    pub unreadable: u64,
    /// Whether the file ends in the middle of a record: the recording was cut off.
    pub cut_off: bool,
}

impl CallGraph {
    /// Whether it is known of each stack how it ends: the readers of other tools' files do not look.
    pub fn has_known_ends(self) -> bool {
        match self {
            Self::Dwarf | Self::FramePointers | Self::Unwound => true,
            Self::Given | Self::CallEdges | Self::None => false,
        }
    }
}

impl Profile {
    /// Adds up samples, periods and what of `losses` concerns single samples, after `counts` have
    /// changed.
    pub fn add_up(&mut self) {
        let sum = |of: fn(&Count) -> u64| {
            let counts = self.counts.iter().map(of);
            counts.fold(0_u64, u64::saturating_add)
        };
        self.samples = sum(|count| count.samples);
        self.period = sum(|count| count.period);
        let known = self.call_graph.has_known_ends();
        let if_any = |losses: u64| if known { losses } else { 0 };
        self.losses.unrooted = if_any(sum(|count| count.unrooted));
        self.losses.truncated = if_any(sum(|count| count.truncated));
        self.losses.broken = if_any(sum(|count| count.broken));
    }

    /// Whether a frame stands for callers that are missing.
    pub fn is_missing(&self, frame: FrameId) -> bool {
        let frame = self.frames.get(frame.0 as usize);
        let module = frame.and_then(|frame| self.modules.get(frame.module.0 as usize));
        module.is_some_and(|module| module.kind == ModuleKind::Missing)
    }

    /// The frames of a stack, innermost first.
    pub fn frames_of(&self, stack: StackId) -> impl Iterator<Item = FrameId> + '_ {
        let mut next = Some(stack);
        std::iter::from_fn(move || {
            let node = self.stacks.get(next?.0 as usize)?;
            // Callers come earlier, so this ends.
            next = node.caller.filter(|caller| Some(*caller) < next);
            Some(node.frame)
        })
    }
}
