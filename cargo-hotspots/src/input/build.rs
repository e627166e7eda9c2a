//! Puts a profile together from the frames and stacks of another tool's file.

use crate::profile::{
    CallGraph, Count, Frame, FrameId, Losses, Module, ModuleId, ModuleKind, NamedScope, Place,
    Profile, RuntimeAddress, StackId, StackNode, Thread, ThreadId, TimedSample,
};
use codecost::{
    address::VirtualAddress,
    image::{Image, Mapping},
};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

/// A profile in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    modules: Vec<Module>,
    module_ids: HashMap<String, ModuleId>,
    frames: Vec<Frame>,
    code: HashMap<Frame, FrameId>,
    named: BTreeMap<FrameId, Vec<NamedScope>>,
    named_ids: HashMap<(ModuleId, Vec<NamedScope>), FrameId>,
    stacks: Vec<StackNode>,
    stack_ids: HashMap<StackNode, StackId>,
    threads: Vec<Thread>,
    counts: HashMap<(ThreadId, StackId), (u64, u64)>,
    timeline: Vec<TimedSample>,
    /// Parts of costs, which are made whole in the end.
    parts: HashMap<(ThreadId, StackId), f64>,
}

impl Builder {
    /// The module of this name. Its file is opened when `build_id` is that of the file at `path`, or
    /// when nothing is known that could differ.
    pub(super) fn module(&mut self, name: &str, path: &Path, build_id: Option<&str>) -> ModuleId {
        if let Some(id) = self.module_ids.get(name) {
            return *id;
        }
        let file = Mapping::open(path).ok().filter(|file| {
            let Ok(image) = Image::parse(path, file) else {
                return false;
            };
            match (build_id, image.build_id()) {
                (Some(wanted), Some(found)) => hex(found).eq_ignore_ascii_case(wanted),
                (Some(_), None) => false,
                (None, _) => true,
            }
        });
        let id = ModuleId(self.modules.len() as u32);
        self.modules.push(Module {
            name: name.to_owned(),
            kind: ModuleKind::File,
            build_id: None,
            file,
            problem: None,
        });
        self.module_ids.insert(name.to_owned(), id);
        id
    }

    /// Whether the module's own file is at hand.
    pub(super) fn has_file(&self, module: ModuleId) -> bool {
        let module = self.modules.get(module.0 as usize);
        module.is_some_and(|module| module.file.is_some())
    }

    /// The file of a module.
    pub(super) fn file(&self, module: ModuleId) -> Option<&Mapping> {
        self.modules.get(module.0 as usize)?.file.as_ref()
    }

    /// A place in a module's file, to be looked up.
    pub(super) fn code(&mut self, module: ModuleId, address: VirtualAddress) -> FrameId {
        let frame = Frame {
            module,
            place: Place::Code(address),
        };
        if let Some(id) = self.code.get(&frame) {
            return *id;
        }
        let id = self.push(frame);
        self.code.insert(frame, id);
        id
    }

    /// A place that the file has names for, innermost first; never without any.
    pub(super) fn named(&mut self, module: ModuleId, scopes: Vec<NamedScope>) -> FrameId {
        let key = (module, scopes);
        if let Some(id) = self.named_ids.get(&key) {
            return *id;
        }
        let next = self.frames.len() as u64;
        let id = self.push(Frame {
            module,
            place: Place::Memory(RuntimeAddress(next)),
        });
        self.named.insert(id, key.1.clone());
        self.named_ids.insert(key, id);
        id
    }

    fn push(&mut self, frame: Frame) -> FrameId {
        self.frames.push(frame);
        FrameId(self.frames.len() as u32 - 1)
    }

    /// The stack of `frame` called by `caller`.
    pub(super) fn stack(&mut self, caller: Option<StackId>, frame: FrameId) -> StackId {
        let node = StackNode { caller, frame };
        if let Some(id) = self.stack_ids.get(&node) {
            return *id;
        }
        let id = StackId(self.stacks.len() as u32);
        self.stacks.push(node);
        self.stack_ids.insert(node, id);
        id
    }

    pub(super) fn thread(&mut self, pid: i32, tid: i32, name: &str) -> ThreadId {
        self.threads.push(Thread {
            pid,
            tid,
            name: name.to_owned(),
            process: String::new(),
        });
        ThreadId(self.threads.len() as u32 - 1)
    }

    pub(super) fn add(&mut self, thread: ThreadId, stack: StackId, samples: u64, period: u64) {
        let count = self.counts.entry((thread, stack)).or_default();
        count.0 = count.0.saturating_add(samples);
        count.1 = count.1.saturating_add(period);
    }

    /// A part of a cost.
    pub(super) fn add_part(&mut self, thread: ThreadId, stack: StackId, part: f64) {
        *self.parts.entry((thread, stack)).or_default() += part;
    }

    /// Makes parts whole: what is less than one is carried on to the next stack, in the order of a walk
    /// over the tree, so that what any stack and its callees have together is off by less than one.
    fn settle_parts(&mut self) {
        let mut callees: Vec<Vec<StackId>> = vec![Vec::new(); self.stacks.len()];
        let mut open = Vec::new();
        for (id, node) in (0..).map(StackId).zip(&self.stacks) {
            match node
                .caller
                .and_then(|caller| callees.get_mut(caller.0 as usize))
            {
                Some(callees) => callees.push(id),
                None => open.push(id),
            }
        }
        let mut carried = 0.0;
        let threads = (0..self.threads.len() as u32).map(ThreadId);
        while let Some(stack) = open.pop() {
            for thread in threads.clone() {
                carried += self.parts.remove(&(thread, stack)).unwrap_or_default();
                let whole = (carried + 1e-6_f64).floor().max(0.0);
                carried -= whole;
                if whole > 0.0 {
                    self.add(thread, stack, whole as u64, whole as u64);
                }
            }
            open.extend(callees.get(stack.0 as usize).into_iter().flatten());
        }
    }

    /// Keeps a single sample.
    pub(super) fn sample(&mut self, sample: TimedSample) {
        self.timeline.push(sample);
    }

    /// The profile; `timeline` where single samples were kept.
    pub(super) fn finish(mut self, event: &str, call_graph: CallGraph, timeline: bool) -> Profile {
        if !self.parts.is_empty() {
            self.settle_parts();
        }
        let mut counts: Vec<Count> = self
            .counts
            .into_iter()
            .map(|((thread, stack), (samples, period))| Count {
                thread,
                stack,
                samples,
                period,
                ..Count::default()
            })
            .collect();
        counts.sort_unstable_by_key(|count| (count.thread, count.stack));
        let sum =
            |read: fn(&Count) -> u64| counts.iter().map(read).fold(0_u64, u64::saturating_add);
        let mut single = self.timeline;
        single.sort_by_key(|sample| sample.time_ns);
        let last = single.last().map_or(0, |sample| sample.time_ns);
        Profile {
            event: event.to_owned(),
            call_graph,
            samples: sum(|count| count.samples),
            period: sum(|count| count.period),
            duration_ns: last,
            threads: self.threads,
            modules: self.modules,
            frames: self.frames,
            stacks: self.stacks,
            counts,
            timeline: timeline.then_some(single),
            named: self.named,
            losses: Losses::default(),
            ..Profile::default()
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One function by its name.
pub(super) fn scope(function: &str, file: Option<&str>, line: Option<u32>) -> NamedScope {
    NamedScope {
        function: match function {
            "" | "???" => "[unknown]".to_owned(),
            // Our own exports mark what is inlined.
            name => name.strip_suffix(" (inlined)").unwrap_or(name).to_owned(),
        },
        file: file
            .filter(|file| !matches!(*file, "" | "???"))
            .map(str::to_owned),
        line: line.filter(|line| *line > 0),
    }
}

/// The lowest address that is loaded: what library-relative addresses are relative to.
pub(super) fn lowest(file: &Mapping) -> Option<VirtualAddress> {
    let image = Image::parse(file.path(), file).ok()?;
    let loaded = image.segments.iter().filter(|segment| segment.loaded);
    loaded.map(|segment| segment.address).min()
}
