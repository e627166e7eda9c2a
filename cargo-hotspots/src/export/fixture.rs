//! A small profile: `main` calls `burn`, into which `rotate` was inlined.

use crate::{
    profile::{
        CallGraph, Count, Frame, FrameId, Module, ModuleId, ModuleKind, Place, Profile, StackId,
        StackNode, Thread, ThreadId, TimedSample,
    },
    symbols::{Chain, Function, FunctionId, Owner, OwnerId, Scope, SourceId, Symbols},
};
use codecost::{
    address::VirtualAddress,
    attribution::{Evidence, Origin},
};

pub(super) fn profile() -> Profile {
    let frame = |address| Frame {
        module: ModuleId(0),
        place: Place::Code(VirtualAddress(address)),
    };
    let count = |stack, samples| Count {
        thread: ThreadId(0),
        stack: StackId(stack),
        samples,
        period: samples * 1_000_000,
        ..Count::default()
    };
    let timed = |time_ns, stack| TimedSample {
        time_ns,
        thread: ThreadId(0),
        stack: StackId(stack),
        period: 1_000_000,
    };
    Profile {
        event: "cpu-clock:u".into(),
        call_graph: CallGraph::Dwarf,
        samples: 4,
        period: 4_000_000,
        duration_ns: 4_000_000,
        threads: vec![Thread {
            pid: 7,
            tid: 7,
            name: "app".into(),
            process: "app".into(),
        }],
        modules: vec![Module {
            name: "/app".into(),
            kind: ModuleKind::File,
            build_id: Some(vec![0xab, 0x01]),
            file: None,
            problem: None,
        }],
        frames: vec![frame(0x1000), frame(0x2000)],
        stacks: vec![
            StackNode {
                caller: None,
                frame: FrameId(0),
            },
            StackNode {
                caller: Some(StackId(0)),
                frame: FrameId(1),
            },
        ],
        counts: vec![count(1, 3), count(0, 1)],
        timeline: Some(vec![timed(0, 1), timed(1, 0), timed(2, 1), timed(3, 1)]),
        ..Profile::default()
    }
}

pub(super) fn symbols() -> Symbols {
    let owner = |name: &str, origin, system| Owner {
        name: name.into(),
        package: None,
        version: Some("1.0.0".into()),
        origin,
        system,
    };
    let function = |name: &str, owner| Function {
        name: name.into(),
        owner: OwnerId(owner),
        evidence: Evidence::DebugInfo,
        file: Some(SourceId(0)),
        line: Some(1),
    };
    let scope = |function, line| Scope {
        function: FunctionId(function),
        file: Some(SourceId(0)),
        line: Some(line),
    };
    let chain = |first, len, symbol| Chain {
        first,
        len,
        symbol: FunctionId(symbol),
        extent: None,
        line_zero: false,
    };
    Symbols {
        functions: vec![
            function("app::main", 0),
            function("alpha::burn::<[u8; 4]>", 0),
            function("core::num::rotate", 1),
        ],
        crates: vec![
            owner("app", Origin::Workspace, false),
            owner("core", Origin::Std, true),
        ],
        files: vec!["src/main.rs".into()],
        chains: vec![chain(0, 1, 0), chain(1, 2, 1)],
        scopes: vec![scope(0, 2), scope(2, 9), scope(1, 5)],
        ..Symbols::default()
    }
}
