//! Small recordings for tests, written as stacks of names.

use super::subject::Subject;
use crate::{
    profile::{
        CallGraph, Count, Frame, FrameId, ModuleId, Place, Profile, RuntimeAddress, StackId,
        StackNode, Thread, ThreadId,
    },
    recording::Recording,
    symbols::{Chain, Function, FunctionId, Owner, OwnerId, Scope, SourceId, Symbols},
};
use codecost::attribution::{Evidence, Origin};

/// A recording that grows.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) profile: Profile,
    pub(crate) symbols: Symbols,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let profile = Profile {
            event: "cpu-clock".into(),
            call_graph: CallGraph::Dwarf,
            duration_ns: 1_500_000_000,
            threads: vec![Thread {
                pid: 10,
                tid: 10,
                name: "app".into(),
                process: "app".into(),
            }],
            ..Profile::default()
        };
        Self {
            profile,
            symbols: Symbols::default(),
        }
    }

    pub(crate) fn subject<'a>(&'a self, recording: &'a Recording) -> Subject<'a> {
        Subject {
            profile: &self.profile,
            symbols: &self.symbols,
            recording,
            settings: None,
            input_flag: String::new(),
        }
    }

    pub(crate) fn krate(&mut self, name: &str, origin: Origin, system: bool) -> OwnerId {
        self.symbols.crates.push(Owner {
            name: name.into(),
            package: (!system && !name.starts_with('[')).then(|| name.replace('_', "-")),
            version: (!system && !name.starts_with('[')).then(|| "1.0.0".into()),
            origin,
            system,
        });
        OwnerId(self.symbols.crates.len() as u32 - 1)
    }

    pub(crate) fn function(&mut self, name: &str, owner: OwnerId) -> FunctionId {
        let file = SourceId(self.symbols.files.len() as u32);
        self.symbols.files.push(format!(
            "src/{}.rs",
            name.split("::").next().unwrap_or_default()
        ));
        self.symbols.functions.push(Function {
            name: name.into(),
            owner,
            evidence: Evidence::DebugInfo,
            file: Some(file),
            line: Some(10 + file.0),
        });
        FunctionId(self.symbols.functions.len() as u32 - 1)
    }

    /// A frame with its inline chain, innermost first.
    pub(crate) fn frame(&mut self, chain: &[FunctionId]) -> FrameId {
        let id = FrameId(self.profile.frames.len() as u32);
        self.profile.frames.push(Frame {
            module: ModuleId(0),
            place: Place::Memory(RuntimeAddress(u64::from(id.0))),
        });
        self.symbols.chains.push(Chain {
            first: self.symbols.scopes.len() as u32,
            len: chain.len() as u32,
            symbol: chain.last().copied().unwrap_or(FunctionId(u32::MAX)),
            extent: None,
            line_zero: false,
        });
        for function in chain {
            self.symbols.scopes.push(Scope {
                function: *function,
                file: Some(SourceId(function.0)),
                line: Some(20 + id.0),
            });
        }
        id
    }

    /// A stack of frames, outermost first.
    pub(crate) fn stack(&mut self, frames: &[FrameId]) -> StackId {
        let mut caller = None;
        for frame in frames {
            let node = StackNode {
                caller,
                frame: *frame,
            };
            let known = self.profile.stacks.iter().position(|known| *known == node);
            let at = known.unwrap_or_else(|| {
                self.profile.stacks.push(node);
                self.profile.stacks.len() - 1
            });
            caller = Some(StackId(at as u32));
        }
        caller.unwrap_or(StackId(0))
    }

    /// Samples with a period of a million each.
    pub(crate) fn samples(&mut self, stack: StackId, samples: u64) {
        let period = samples * 1_000_000;
        self.profile.samples += samples;
        self.profile.period += period;
        self.profile.counts.push(Count {
            thread: ThreadId(0),
            stack,
            samples,
            period,
            ..Count::default()
        });
    }
}
