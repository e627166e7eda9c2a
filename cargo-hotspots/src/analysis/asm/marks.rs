//! What is worth knowing about an instruction in hot code.
//!
//! Truth: for checks, the shape that rustc gives them: a conditional jump of which one way leads,
//! without further choice, to a call of a function of `core` that panics. For calls, the name of
//! what is called.

use super::{flow::never_returns, model::MarkKind, names};
use codecost::disasm::{Flow, Graph, Instruction, Target};

/// A mark before its source line is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) kind: MarkKind,
    pub(super) detail: String,
}

/// The code that leads to a panic is short: it loads the location and perhaps moves arguments.
const PANIC_BLOCK: usize = 16;

/// The marks of each instruction.
pub(super) fn marks(
    instructions: &[Instruction],
    graph: &Graph,
    target: &[Option<String>],
) -> Vec<Vec<Plain>> {
    let panics = panicking(instructions, graph, target);
    instructions
        .iter()
        .enumerate()
        .map(|(index, instruction)| {
            let mut marks = Vec::new();
            let called = target.get(index).and_then(Option::as_deref);
            match instruction.flow {
                Flow::Branch(_) => marks.extend(check(graph, &panics, index)),
                Flow::Call(_) | Flow::Jump(_) => {
                    marks.extend(called.and_then(call));
                    if called.is_none() && instruction.flow == Flow::Call(Target::Unknown) {
                        marks.push(Plain {
                            kind: MarkKind::IndirectCall,
                            detail: instruction.text.clone(),
                        });
                    }
                }
                _ => {}
            }
            work(instruction, &mut marks);
            marks
        })
        .collect()
}

/// For each block the panicking function that it ends in, whatever happens.
fn panicking(
    instructions: &[Instruction],
    graph: &Graph,
    target: &[Option<String>],
) -> Vec<Option<String>> {
    let mut ends: Vec<Option<String>> = graph
        .blocks
        .iter()
        .map(|block| {
            let last = block.end.checked_sub(1)?;
            let calls = matches!(instructions.get(last)?.flow, Flow::Call(_) | Flow::Jump(_));
            let name = target.get(last)?.as_ref()?;
            // Unwinding goes on where a check fails nowhere.
            let panics = calls && never_returns(name) && !name.contains("Unwind_Resume");
            (panics && block.end - block.first <= PANIC_BLOCK).then(|| name.clone())
        })
        .collect();
    // Several checks may share one call.
    for _ in 0..2 {
        for (index, block) in graph.blocks.iter().enumerate() {
            if let [only] = block.successors[..]
                && block.end - block.first <= PANIC_BLOCK
                && ends[index].is_none()
            {
                ends[index] = ends.get(only as usize).cloned().flatten();
            }
        }
    }
    ends
}

fn check(graph: &Graph, panics: &[Option<String>], branch: usize) -> Option<Plain> {
    let block = graph.blocks.get(graph.block_of(branch)? as usize)?;
    let ends = |successor: &u32| panics.get(*successor as usize).cloned().flatten();
    let ways: Vec<_> = block.successors.iter().map(ends).collect();
    // Where both ways panic, or there is but one, nothing is checked here.
    let [one, other] = &ways[..] else { return None };
    let name = match (one, other) {
        (Some(name), None) | (None, Some(name)) => name,
        _ => return None,
    };
    let last = names::last(name);
    let bounds = last == "panic_bounds_check"
        || last.starts_with("slice_") && last.ends_with("_fail")
        || last.starts_with("str_index");
    Some(Plain {
        kind: if bounds {
            MarkKind::BoundsCheck
        } else {
            MarkKind::Check
        },
        detail: last,
    })
}

/// What kind of function is called.
fn call(name: &str) -> Option<Plain> {
    let last = names::last(name);
    let shim = ["__rust_", "__rdl_", "__rg_"]
        .iter()
        .find_map(|start| last.strip_prefix(start));
    let ends_as = |trait_: &str| {
        name.rfind(" as ")
            .is_some_and(|at| name[at + 4..].starts_with(trait_))
    };
    let kind = if matches!(shim, Some("alloc" | "dealloc" | "realloc" | "alloc_zeroed"))
        || matches!(
            name,
            "malloc" | "free" | "calloc" | "realloc" | "posix_memalign" | "aligned_alloc"
        )
        || name.contains("raw_vec::")
    {
        MarkKind::Allocation
    } else if matches!(
        last.as_str(),
        "memcpy" | "memmove" | "memset" | "memcmp" | "bcmp" | "mempcpy" | "memchr" | "strlen"
    ) {
        MarkKind::Memory
    } else if last == "clone" && (ends_as("core::clone::Clone") || !name.starts_with('<')) {
        MarkKind::Clone
    } else if name.contains("core::hash::")
        || name.contains("SipHasher")
        || name.contains("hash_one")
        || name.contains("make_hash")
        || ends_as("core::hash::Hash")
    {
        MarkKind::Hashing
    } else if name.contains("core::fmt::") || name.starts_with("alloc::fmt::") {
        MarkKind::Formatting
    } else {
        return None;
    };
    Some(Plain {
        kind,
        detail: name.to_owned(),
    })
}

fn work(instruction: &Instruction, marks: &mut Vec<Plain>) {
    let work = instruction.work;
    let mut add = |kind, detail: String| marks.push(Plain { kind, detail });
    let name = || instruction.mnemonic().to_owned();
    if work.division {
        add(MarkKind::Division, name());
    }
    if work.square_root {
        add(MarkKind::SquareRoot, name());
    }
    if work.locked {
        add(MarkKind::Locked, name());
    }
    if work.repeated {
        let words = instruction.text.split_whitespace().take(2);
        add(MarkKind::Repeated, words.collect::<Vec<_>>().join(" "));
    }
    if let Some(vector) = work.vector.filter(|vector| !vector.moves) {
        if vector.packed {
            add(MarkKind::Packed, format!("{} bits", vector.bits));
        } else {
            add(MarkKind::Scalar, name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codecost::{
        address::VirtualAddress,
        disasm::{Syntax, lister},
        image::Architecture,
    };

    fn kind(name: &str) -> Option<MarkKind> {
        call(name).map(|mark| mark.kind)
    }

    #[test]
    fn calls_by_name() {
        use MarkKind::{Allocation, Clone, Formatting, Hashing, Memory};
        let cases = [
            ("malloc", Some(Allocation)),
            ("__rust_alloc", Some(Allocation)),
            ("__rustc::__rust_dealloc", Some(Allocation)),
            ("<alloc::raw_vec::RawVec<u8>>::grow_one", Some(Allocation)),
            ("memcpy", Some(Memory)),
            (
                "<alloc::string::String as core::clone::Clone>::clone",
                Some(Clone),
            ),
            (
                "<core::hash::sip::Hasher<_> as core::hash::Hasher>::write",
                Some(Hashing),
            ),
            ("<u32 as core::fmt::Display>::fmt", Some(Formatting)),
            ("app::free", None),
            ("app::work", None),
        ];
        for (name, expected) in cases {
            assert_eq!(kind(name), expected, "{name}");
        }
    }

    /// cmp; jae panic; ret; panic: call
    const CHECK: [u8; 12] = [0x48, 0x39, 0xf7, 0x73, 0x01, 0xc3, 0xe8, 0, 0, 0, 0, 0xc3];

    fn marks_of(code: &[u8], called: &str) -> Vec<(usize, MarkKind, String)> {
        let start = VirtualAddress(0x1000);
        let x86 = lister(Architecture::X86_64).unwrap();
        let instructions = x86.instructions(code, start, Syntax::Intel);
        let target: Vec<Option<String>> = instructions
            .iter()
            .map(|i| matches!(i.flow, Flow::Call(_)).then(|| called.to_owned()))
            .collect();
        let returns = |index: usize| !target[index].as_deref().is_some_and(never_returns);
        let graph = Graph::new(&instructions, start, returns, |_| Vec::new());
        let marks = marks(&instructions, &graph, &target);
        let numbered = marks.into_iter().enumerate();
        numbered
            .flat_map(|(index, marks)| marks.into_iter().map(move |m| (index, m.kind, m.detail)))
            .collect()
    }

    #[test]
    fn a_jump_to_a_panic_is_a_check() {
        let found = marks_of(&CHECK, "core::panicking::panic_bounds_check");
        assert_eq!(
            found,
            [(1, MarkKind::BoundsCheck, "panic_bounds_check".into())]
        );
        let found = marks_of(&CHECK, "core::option::unwrap_failed");
        assert_eq!(found, [(1, MarkKind::Check, "unwrap_failed".into())]);
        // A function that returns is no panic, whatever the jump.
        assert_eq!(marks_of(&CHECK, "app::work"), []);
    }

    #[test]
    fn checks_may_share_the_call() {
        // jae a; jb b; ret; a: xor eax, eax; jmp b; b: call
        let code = [
            0x73, 0x03, 0x72, 0x05, 0xc3, 0x31, 0xc0, 0xeb, 0x00, 0xe8, 0, 0, 0, 0,
        ];
        let found = marks_of(&code, "core::panicking::panic_bounds_check");
        let at: Vec<_> = found.iter().map(|(index, ..)| *index).collect();
        assert_eq!(at, [0, 1]);
    }
}
