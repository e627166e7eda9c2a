//! Which nodes of a graph every way to a node leads through.
//!
//! Truth: T. Lengauer and R. Tarjan, "A fast algorithm for finding dominators in a flowgraph"
//! (1979), the simple version: edges times the logarithm of nodes, whatever the graph, so that
//! hostile code costs no more than honest code of its size.
//!
//! What the entry does not reach (landing pads, targets of jumps that could not be resolved) gets
//! trees of its own, and edges between trees do not count: a landing pad that joins the code again
//! must not take the loops there apart.

use super::Edges;

/// The dominator trees of a graph.
#[derive(Clone, Debug, Default)]
pub struct Dominators {
    /// Nodes by their place in the depth-first order.
    order: Vec<u32>,
    /// Each node's place in that order.
    place: Vec<u32>,
    /// By place: how many nodes the depth-first tree has below and at it.
    below: Vec<u32>,
    /// By place: the immediate dominator's place; [`NONE`] for a root.
    immediate: Vec<u32>,
    /// By place: the interval of the nodes that it dominates.
    interval: Vec<(u32, u32)>,
    /// By place: the tree's root.
    root: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Dominators {
    /// Of the graph with these edges.
    pub fn new(successors: &Edges, entry: u32) -> Self {
        let mut all = Self::default();
        let parents = all.search(successors, entry);
        all.find_immediate(successors, &parents);
        all.find_intervals();
        all
    }

    /// The immediate dominator of a node; `None` for the entry, and for what it does not reach
    /// and nothing else dominates.
    pub fn immediate(&self, node: u32) -> Option<u32> {
        let immediate = *self.immediate.get(self.place_of(node)?)?;
        self.order.get(immediate as usize).copied()
    }

    /// Whether every way to `node` leads through `by`; each node dominates itself.
    pub fn dominates(&self, by: u32, node: u32) -> bool {
        let interval = |node| self.interval.get(self.place_of(node)?).copied();
        match (interval(by), interval(node)) {
            (Some(by), Some(node)) => by.0 <= node.0 && node.1 <= by.1,
            _ => false,
        }
    }

    /// Whether both are reached from the same root.
    pub fn together(&self, a: u32, b: u32) -> bool {
        let root = |node| self.root.get(self.place_of(node)?);
        root(a).is_some() && root(a) == root(b)
    }

    /// Whether `to` stands above `from` in the depth-first tree: an edge between them closes a
    /// cycle.
    pub fn is_above(&self, to: u32, from: u32) -> bool {
        let (Some(to), Some(from)) = (self.place_of(to), self.place_of(from)) else {
            return false;
        };
        let below = self.below.get(to).copied().unwrap_or_default() as usize;
        to <= from && from < to + below
    }

    /// The nodes in depth-first order: what dominates stands before what it dominates.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    fn place_of(&self, node: u32) -> Option<usize> {
        self.place.get(node as usize).map(|place| *place as usize)
    }

    /// Numbers the nodes; returns each one's parent, both as places.
    fn search(&mut self, successors: &Edges, entry: u32) -> Vec<u32> {
        let count = successors.nodes();
        self.place = vec![NONE; count];
        let mut parents = Vec::with_capacity(count);
        let mut ways: Vec<(u32, usize)> = Vec::new();
        let entries = std::iter::once(entry).chain(0..count as u32);
        for root in entries {
            if self.place.get(root as usize) != Some(&NONE) {
                continue;
            }
            let first = self.order.len() as u32;
            self.visit(root, NONE, first, &mut parents);
            ways.push((root, 0));
            while let Some((node, next)) = ways.last_mut() {
                let node = *node;
                let Some(successor) = successors.of(node).get(*next) else {
                    ways.pop();
                    continue;
                };
                *next += 1;
                if self.place.get(*successor as usize) == Some(&NONE) {
                    let parent = self.place[node as usize];
                    self.visit(*successor, parent, first, &mut parents);
                    ways.push((*successor, 0));
                }
            }
        }
        self.below = vec![1; self.order.len()];
        for place in (0..parents.len()).rev() {
            if let Some(parent) = parents.get(place).filter(|parent| **parent != NONE) {
                self.below[*parent as usize] += self.below[place];
            }
        }
        parents
    }

    fn visit(&mut self, node: u32, parent: u32, root: u32, parents: &mut Vec<u32>) {
        self.place[node as usize] = self.order.len() as u32;
        self.order.push(node);
        self.root.push(root);
        parents.push(parent);
    }

    fn find_immediate(&mut self, successors: &Edges, parents: &[u32]) {
        let count = self.order.len();
        let predecessors = successors.reversed();
        let mut forest = Forest {
            ancestor: vec![NONE; count],
            label: (0..count as u32).collect(),
            semi: (0..count as u32).collect(),
            path: Vec::new(),
        };
        let mut immediate = vec![NONE; count];
        // The nodes whose semidominator stands at a place: the first, and for each the next. A node
        // waits for one place only.
        let mut first = vec![NONE; count];
        let mut next = vec![NONE; count];
        for place in (0..count).rev() {
            let parent = parents[place];
            if parent == NONE {
                continue;
            }
            for predecessor in predecessors.of(self.order[place]) {
                let predecessor = self.place[*predecessor as usize];
                if self.root[predecessor as usize] != self.root[place] {
                    continue;
                }
                let best = forest.evaluate(predecessor);
                let semi = forest.semi[best as usize];
                forest.semi[place] = forest.semi[place].min(semi);
            }
            let semi = forest.semi[place] as usize;
            next[place] = std::mem::replace(&mut first[semi], place as u32);
            forest.ancestor[place] = parent;
            let mut node = std::mem::replace(&mut first[parent as usize], NONE);
            while node != NONE {
                let best = forest.evaluate(node);
                let earlier = forest.semi[best as usize] < forest.semi[node as usize];
                immediate[node as usize] = if earlier { best } else { parent };
                node = next[node as usize];
            }
        }
        for place in 0..count {
            let found = immediate[place];
            if found != NONE && found != forest.semi[place] {
                immediate[place] = immediate[found as usize];
            }
        }
        self.immediate = immediate;
    }

    fn find_intervals(&mut self) {
        let count = self.order.len();
        let mut sizes = vec![1_u32; count];
        for place in (0..count).rev() {
            let above = self.immediate[place];
            if above != NONE {
                sizes[above as usize] += sizes[place];
            }
        }
        let mut next_root = 0;
        let mut next = vec![0; count];
        self.interval = vec![(0, 0); count];
        for place in 0..count {
            let above = self.immediate[place];
            let free = match above {
                NONE => &mut next_root,
                above => &mut next[above as usize],
            };
            let start = *free;
            *free += sizes[place];
            next[place] = start + 1;
            self.interval[place] = (start, start + sizes[place]);
        }
    }
}

/// The forest of the algorithm, with its paths compressed.
struct Forest {
    ancestor: Vec<u32>,
    label: Vec<u32>,
    semi: Vec<u32>,
    path: Vec<u32>,
}

impl Forest {
    /// The node with the least semidominator between `node` and the root of its tree.
    fn evaluate(&mut self, node: u32) -> u32 {
        self.path.clear();
        let mut at = node;
        while self.ancestor[at as usize] != NONE {
            self.path.push(at);
            at = self.ancestor[at as usize];
        }
        let root = at;
        // The topmost hangs on the root itself: its label is final.
        let mut above = match self.path.pop() {
            Some(top) => top,
            None => return self.label[node as usize],
        };
        while let Some(at) = self.path.pop() {
            let (upper, own) = (self.label[above as usize], self.label[at as usize]);
            if self.semi[upper as usize] < self.semi[own as usize] {
                self.label[at as usize] = upper;
            }
            self.ancestor[at as usize] = root;
            above = at;
        }
        self.label[node as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By definition: `by` dominates `node` when `node` cannot be reached without it.
    fn by_definition(successors: &[Vec<u32>], by: u32, node: u32) -> bool {
        by == node || !reached(successors, Some(by)).contains(&node)
    }

    fn reached(successors: &[Vec<u32>], without: Option<u32>) -> Vec<u32> {
        let mut seen = Vec::new();
        let mut open = vec![0];
        while let Some(node) = open.pop() {
            if Some(node) == without || seen.contains(&node) {
                continue;
            }
            seen.push(node);
            open.extend(&successors[node as usize]);
        }
        seen
    }

    fn check(successors: &[Vec<u32>]) {
        let dominators = Dominators::new(&Edges::of_lists(successors), 0);
        let live = reached(successors, None);
        for node in &live {
            for by in &live {
                assert_eq!(
                    dominators.dominates(*by, *node),
                    by_definition(successors, *by, *node),
                    "{by} over {node} in {successors:?}"
                );
            }
            // The immediate one is dominated by all others.
            let strict = live
                .iter()
                .filter(|by| *by != node && by_definition(successors, **by, *node));
            let strict: Vec<_> = strict.copied().collect();
            let immediate = dominators.immediate(*node);
            assert_eq!(immediate.is_none(), strict.is_empty());
            if let Some(immediate) = immediate {
                assert!(strict.contains(&immediate));
                for by in strict {
                    assert!(by_definition(successors, by, immediate));
                }
            }
        }
    }

    #[test]
    fn the_graph_of_the_paper() {
        // R A B C D E F G H I J K L as 0..12.
        let edges: [&[u32]; 13] = [
            &[1, 2, 3],
            &[4],
            &[1, 4, 5],
            &[6, 7],
            &[12],
            &[8],
            &[9],
            &[9, 10],
            &[5, 11],
            &[11],
            &[9],
            &[9, 0],
            &[8],
        ];
        let successors: Vec<Vec<u32>> = edges.iter().map(|edges| edges.to_vec()).collect();
        check(&successors);
        let dominators = Dominators::new(&Edges::of_lists(&successors), 0);
        let immediate: Vec<_> = (1..13).map(|node| dominators.immediate(node)).collect();
        let expected = [0, 0, 0, 0, 0, 3, 3, 0, 0, 7, 0, 4].map(Some);
        assert_eq!(immediate, expected);
    }

    #[test]
    fn what_the_entry_does_not_reach_changes_nothing() {
        // 0 -> 1 -> 1; 2, a landing pad, joins at 1.
        let successors = [vec![1], vec![1], vec![1]];
        let dominators = Dominators::new(&Edges::of_lists(&successors), 0);
        assert!(dominators.dominates(0, 1));
        assert_eq!(dominators.immediate(2), None);
        assert!(!dominators.dominates(0, 2));
        assert!(!dominators.together(1, 2));
    }

    #[test]
    fn long_chains_do_not_exhaust_the_stack() {
        let count = 200_000;
        let successors: Vec<Vec<u32>> = (0..count).map(|node| vec![node + 1, 0]).collect();
        let dominators = Dominators::new(&Edges::of_lists(&successors), 0);
        assert_eq!(dominators.immediate(count - 1), Some(count - 2));
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            successors in (1_usize..12).prop_flat_map(|count| {
                let node = prop::collection::vec(0..count as u32, 0..4);
                prop::collection::vec(node, count)
            })
        ) {
            check(&successors);
        }
    }
}
