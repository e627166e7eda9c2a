//! Control flow: the basic blocks of a function, its loops and how they nest.
//!
//! Truth: A. Aho et al., "Compilers", chapters 8 and 9: leaders, natural loops. A natural loop is
//! what reaches the source of a back edge without passing the edge's target, which dominates the
//! source. Natural loops with different headers nest or are apart, in any graph.
//!
//! Limits: a cycle with two entries is no natural loop; such cycles are counted, not named. What
//! an indirect jump leads to must be told; without that, what stands there looks unreachable, and
//! loops that go through the jump are not found.

use super::{Flow, Instruction, Target};
use crate::{
    address::VirtualAddress,
    graph::{Dominators, Edges},
};

/// Instructions that run one after the other: entered at the first, left at the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The position of its first instruction.
    pub first: usize,
    /// Behind the position of its last.
    pub end: usize,
    /// The blocks that may run next.
    pub successors: Vec<u32>,
}

/// A natural loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// The block through which it is entered.
    pub header: u32,
    /// The loop around it, by its position in [`Graph::loops`].
    pub parent: Option<u32>,
    /// How many loops there are around it, itself included.
    pub depth: u32,
}

/// The control flow of a function.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// In the order of the instructions. Together they cover them.
    pub blocks: Vec<Block>,
    /// Outer loops stand before inner ones.
    pub loops: Vec<Loop>,
    /// For each block the innermost loop around it.
    pub innermost: Vec<Option<u32>>,
    /// Jumps back into a cycle that has more than one entry.
    pub irreducible: usize,
    /// Jumps whose targets nobody told.
    pub unresolved: usize,
}

impl Graph {
    /// The control flow of `instructions`, which stand in the order of their addresses, entered at
    /// `entry`. `returns` says whether a call comes back; `targets`, where an indirect jump may
    /// lead to: both are asked by an instruction's position.
    ///
    /// Near-linear in the number of instructions and targets.
    pub fn new(
        instructions: &[Instruction],
        entry: VirtualAddress,
        returns: impl Fn(usize) -> bool,
        targets: impl Fn(usize) -> Vec<VirtualAddress>,
    ) -> Self {
        let position = |address: VirtualAddress| {
            instructions
                .binary_search_by_key(&address, |instruction| instruction.address)
                .ok()
        };
        let mut unresolved = 0;
        // For each instruction that ends a block: where it leads, and whether also to the next.
        let mut ends: Vec<(usize, Vec<usize>, bool)> = Vec::new();
        for (index, instruction) in instructions.iter().enumerate() {
            let next = instructions.get(index + 1);
            let adjoins = next.is_some_and(|next| next.address == instruction.end());
            let end = match instruction.flow {
                Flow::Next if adjoins => continue,
                Flow::Call(_) if adjoins && returns(index) => continue,
                Flow::Next | Flow::Call(_) | Flow::Return | Flow::Stop => (Vec::new(), false),
                Flow::Branch(to) => (position(to).into_iter().collect(), adjoins),
                Flow::Jump(Target::Address(to)) => (position(to).into_iter().collect(), false),
                Flow::Jump(_) => {
                    let mut to: Vec<_> = targets(index).into_iter().filter_map(position).collect();
                    to.sort_unstable();
                    to.dedup();
                    unresolved += usize::from(to.is_empty());
                    (to, false)
                }
            };
            ends.push((index, end.0, end.1));
        }
        let mut leaders = vec![false; instructions.len()];
        let marked = ends.iter().flat_map(|(index, to, _)| {
            let next = (index + 1 < leaders.len()).then_some(index + 1);
            to.iter().copied().chain(next)
        });
        for leader in marked.chain(position(entry)).chain([0]).collect::<Vec<_>>() {
            if let Some(leader) = leaders.get_mut(leader) {
                *leader = true;
            }
        }
        let mut graph = Self::blocks_of(&leaders, &ends);
        graph.unresolved = unresolved;
        let entry = position(entry).and_then(|entry| graph.block_of(entry));
        graph.find_loops(entry.unwrap_or(0));
        graph
    }

    /// The block of an instruction, by its position.
    pub fn block_of(&self, instruction: usize) -> Option<u32> {
        let next = self
            .blocks
            .partition_point(|block| block.first <= instruction);
        next.checked_sub(1).map(|block| block as u32)
    }

    fn blocks_of(leaders: &[bool], ends: &[(usize, Vec<usize>, bool)]) -> Self {
        let mut starts: Vec<usize> = Vec::new();
        starts.extend((0..leaders.len()).filter(|index| leaders[*index]));
        let mut blocks: Vec<Block> = starts
            .iter()
            .enumerate()
            .map(|(block, first)| Block {
                first: *first,
                end: starts.get(block + 1).copied().unwrap_or(leaders.len()),
                successors: Vec::new(),
            })
            .collect();
        let block_at = |index: usize| starts.binary_search(&index).ok().map(|block| block as u32);
        let mut ends = ends.iter().peekable();
        let count = blocks.len() as u32;
        for (number, block) in blocks.iter_mut().enumerate() {
            let next = (number as u32 + 1 < count).then_some(number as u32 + 1);
            match ends.next_if(|(index, ..)| *index + 1 == block.end) {
                Some((_, to, falls)) => {
                    block
                        .successors
                        .extend(to.iter().copied().filter_map(block_at));
                    block.successors.extend(next.filter(|_| *falls));
                }
                // Somebody jumps to what comes next.
                None => block.successors.extend(next),
            }
            block.successors.dedup();
        }
        Self {
            innermost: vec![None; blocks.len()],
            blocks,
            ..Self::default()
        }
    }

    fn find_loops(&mut self, entry: u32) {
        let successors: Vec<Vec<u32>> = self
            .blocks
            .iter()
            .map(|block| block.successors.clone())
            .collect();
        let (loops, innermost, irreducible) = find_loops(&successors, entry);
        self.loops = loops;
        self.innermost = innermost;
        self.irreducible = irreducible;
    }
}

/// The loops of a graph, each node's innermost loop, and how many edges close other cycles.
fn find_loops(successors: &[Vec<u32>], entry: u32) -> (Vec<Loop>, Vec<Option<u32>>, usize) {
    let dominators = Dominators::new(&Edges::of_lists(successors), entry);
    let mut predecessors = vec![Vec::new(); successors.len()];
    let mut sources = vec![Vec::new(); successors.len()];
    let mut irreducible = 0;
    for (from, to) in successors
        .iter()
        .enumerate()
        .flat_map(|(from, to)| to.iter().map(move |to| (from as u32, *to)))
    {
        if !dominators.together(from, to) {
            continue;
        }
        if dominators.dominates(to, from) {
            sources[to as usize].push(from);
        } else {
            irreducible += usize::from(dominators.is_above(to, from));
        }
        predecessors[to as usize].push(from);
    }

    // Inner loops first: each found loop shrinks to its header, so that every node is walked over
    // once for the loop that it is in itself.
    let mut shrunk: Vec<u32> = (0..successors.len() as u32).collect();
    let mut loops: Vec<Loop> = Vec::new();
    let mut innermost: Vec<Option<u32>> = vec![None; successors.len()];
    // The outermost loop found so far that a node is the header of.
    let mut headed: Vec<Option<u32>> = vec![None; successors.len()];
    for header in dominators.order().iter().rev().copied() {
        let sources = std::mem::take(&mut sources[header as usize]);
        if sources.is_empty() {
            continue;
        }
        let this = loops.len() as u32;
        loops.push(Loop {
            header,
            parent: None,
            depth: 0,
        });
        innermost[header as usize] = Some(this);
        headed[header as usize] = Some(this);
        let mut open = sources;
        while let Some(node) = open.pop() {
            let node = find(&mut shrunk, node);
            if node == header {
                continue;
            }
            shrunk[node as usize] = header;
            match headed[node as usize] {
                Some(inner) => loops[inner as usize].parent = Some(this),
                None => innermost[node as usize] = Some(this),
            }
            open.extend(&predecessors[node as usize]);
        }
    }
    // Outer loops first.
    let last = loops.len().wrapping_sub(1) as u32;
    loops.reverse();
    for index in 0..loops.len() {
        loops[index].parent = loops[index].parent.map(|parent| last.wrapping_sub(parent));
        loops[index].depth = 1 + match loops[index].parent {
            Some(parent) => loops.get(parent as usize).map_or(0, |parent| parent.depth),
            None => 0,
        };
    }
    for innermost in innermost.iter_mut().flatten() {
        *innermost = last.wrapping_sub(*innermost);
    }
    (loops, innermost, irreducible)
}

/// The node that `node` has shrunk to.
fn find(shrunk: &mut [u32], node: u32) -> u32 {
    let mut root = node;
    while shrunk[root as usize] != root {
        root = shrunk[root as usize];
    }
    let mut at = node;
    while shrunk[at as usize] != root {
        at = std::mem::replace(&mut shrunk[at as usize], root);
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        disasm::{Syntax, lister},
        image::Architecture,
    };
    use proptest::prelude::*;

    fn loops(edges: &[&[u32]]) -> (Vec<(u32, u32)>, Vec<Option<u32>>, usize) {
        let successors: Vec<Vec<u32>> = edges.iter().map(|edges| edges.to_vec()).collect();
        let (loops, innermost, irreducible) = find_loops(&successors, 0);
        let headers: Vec<u32> = loops.iter().map(|found| found.header).collect();
        let innermost = innermost
            .iter()
            .map(|found| found.map(|found| headers[found as usize]));
        let innermost = innermost.collect();
        let loops = loops.iter().map(|found| (found.header, found.depth));
        (loops.collect(), innermost, irreducible)
    }

    #[test]
    fn loops_nest() {
        // 0 -> 1 -> 2 -> 3 -> 2; 3 -> 4 -> 1; 4 -> 5; 5 -> 5; 5 -> 6
        let (found, innermost, irreducible) =
            loops(&[&[1], &[2], &[3], &[2, 4], &[1, 5], &[5, 6], &[]]);
        let mut sorted = found.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [(1, 1), (2, 2), (5, 1)]);
        assert_eq!(
            innermost,
            [None, Some(1), Some(2), Some(2), Some(1), Some(5), None]
        );
        assert_eq!(irreducible, 0);
        // Outer before inner.
        let place = |header| found.iter().position(|found| found.0 == header);
        assert!(place(1) < place(2));
    }

    #[test]
    fn two_ways_back_are_one_loop() {
        let (found, innermost, _) = loops(&[&[1], &[2, 3], &[1], &[1, 4], &[]]);
        assert_eq!(found, [(1, 1)]);
        assert_eq!(innermost, [None, Some(1), Some(1), Some(1), None]);
    }

    #[test]
    fn a_cycle_with_two_entries_is_counted_but_no_loop() {
        // 0 -> 1, 2; 1 <-> 2; and a proper loop around both: 2 -> 3 -> 0's successor 4.
        let (found, innermost, irreducible) = loops(&[&[1, 2], &[2], &[1, 3], &[]]);
        assert_eq!(found, []);
        assert_eq!(innermost, [None; 4]);
        assert_eq!(irreducible, 1);
        // The same inside a proper loop: that one is found, with all that is in it.
        let (found, innermost, irreducible) = loops(&[&[1], &[2, 3], &[3], &[2, 4], &[1, 5], &[]]);
        assert_eq!(found, [(1, 1)]);
        assert_eq!(innermost, [None, Some(1), Some(1), Some(1), Some(1), None]);
        assert_eq!(irreducible, 1);
    }

    #[test]
    fn a_landing_pad_does_not_take_a_loop_apart() {
        let (found, ..) = loops(&[&[1], &[2, 3], &[1], &[], &[2]]);
        assert_eq!(found, [(1, 1)]);
    }

    proptest! {
        #[test]
        fn loops_are_what_their_definition_says(
            successors in (1_usize..10).prop_flat_map(|count| {
                let node = prop::collection::vec(0..count as u32, 0..3);
                prop::collection::vec(node, count)
            })
        ) {
            let dominators = Dominators::new(&Edges::of_lists(&successors), 0);
            let (loops, innermost, _) = find_loops(&successors, 0);
            let live = |node: u32| dominators.together(0, node);
            // Each header's body, node by node.
            for header in (0..successors.len() as u32).filter(|node| live(*node)) {
                let mut body = vec![];
                let mut open: Vec<u32> = (0..successors.len() as u32)
                    .filter(|from| {
                        live(*from) && successors[*from as usize].contains(&header)
                            && dominators.dominates(header, *from)
                    })
                    .collect();
                let is_header = !open.is_empty();
                while let Some(node) = open.pop() {
                    if node == header || body.contains(&node) {
                        continue;
                    }
                    body.push(node);
                    open.extend((0..successors.len() as u32).filter(|from| {
                        live(*from) && successors[*from as usize].contains(&node)
                    }));
                }
                let found = loops.iter().position(|found| found.header == header);
                prop_assert_eq!(found.is_some(), is_header);
                let Some(found) = found else { continue };
                body.push(header);
                body.sort_unstable();
                let inside = |node: u32| {
                    let mut at = innermost[node as usize];
                    while let Some(this) = at {
                        if this as usize == found {
                            return true;
                        }
                        at = loops[this as usize].parent;
                    }
                    false
                };
                let ours: Vec<u32> =
                    (0..successors.len() as u32).filter(|node| live(*node) && inside(*node)).collect();
                prop_assert_eq!(ours, body);
            }
        }

        #[test]
        fn blocks_partition_any_code(code in prop::collection::vec(any::<u8>(), 0..300)) {
            let start = VirtualAddress(0x1000);
            let x86 = lister(Architecture::X86_64).unwrap();
            let instructions = x86.instructions(&code, start, Syntax::Intel);
            let bytes: usize = instructions.iter().map(|i| usize::from(i.length)).sum();
            prop_assert_eq!(bytes, code.len());
            let graph = Graph::new(&instructions, start, |_| true, |_| Vec::new());
            let mut at = 0;
            for block in &graph.blocks {
                prop_assert_eq!(block.first, at);
                prop_assert!(block.end > block.first);
                at = block.end;
            }
            prop_assert_eq!(at, instructions.len());
            let count = graph.blocks.len() as u32;
            prop_assert!(graph.blocks.iter().flat_map(|b| &b.successors).all(|to| *to < count));
        }
    }

    fn graph(code: &[u8], returns: bool) -> (Vec<Instruction>, Graph) {
        let start = VirtualAddress(0x1000);
        let x86 = lister(Architecture::X86_64).unwrap();
        let instructions = x86.instructions(code, start, Syntax::Intel);
        let graph = Graph::new(&instructions, start, |_| returns, |_| Vec::new());
        (instructions, graph)
    }

    #[test]
    fn a_loop_in_code() {
        // xor eax, eax; again: add rax, rdi; dec rsi; jne again; ret
        let code = [
            0x31, 0xc0, 0x48, 0x01, 0xf8, 0x48, 0xff, 0xce, 0x75, 0xf8, 0xc3,
        ];
        let (_, graph) = graph(&code, true);
        let blocks: Vec<_> = graph
            .blocks
            .iter()
            .map(|block| (block.first..block.end, block.successors.clone()))
            .collect();
        assert_eq!(
            blocks,
            [(0..1, vec![1]), (1..4, vec![1, 2]), (4..5, vec![])]
        );
        assert_eq!(graph.innermost, [None, Some(0), None]);
        assert_eq!(graph.loops[0].depth, 1);
    }

    #[test]
    fn a_call_that_does_not_return_ends_its_block() {
        // call; ret
        let code = [0xe8, 0, 0, 0, 0, 0xc3];
        assert_eq!(graph(&code, true).1.blocks.len(), 1);
        let (_, graph) = graph(&code, false);
        assert_eq!(graph.blocks.len(), 2);
        assert!(graph.blocks[0].successors.is_empty());
    }

    #[test]
    fn the_targets_of_a_jump_through_a_table_are_followed_when_told() {
        // jmp rax; ret; ret
        let start = VirtualAddress(0x1000);
        let code = [0xff, 0xe0, 0xc3, 0xc3];
        let x86 = lister(Architecture::X86_64).unwrap();
        let instructions = x86.instructions(&code, start, Syntax::Intel);
        let told = [0x1002, 0x1003, 0x1001, 0x1002]
            .map(VirtualAddress)
            .to_vec();
        let graph = Graph::new(&instructions, start, |_| true, |_| told.clone());
        assert_eq!(graph.blocks[0].successors, [1, 2]);
        assert_eq!(graph.unresolved, 0);
    }
}
