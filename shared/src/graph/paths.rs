//! Shortest ways, and what is reached at all.

use super::Edges;

const NONE: u32 = u32::MAX;

/// The shortest way to each node from the nearest of several starts.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The node before each one; itself for a start, [`NONE`] where nothing leads.
    before: Vec<u32>,
    /// How many edges lead there.
    distance: Vec<u32>,
    /// What is reached, nearest first.
    order: Vec<u32>,
}

impl Paths {
    /// Breadth first from `starts` over nodes that `enter` lets in. Linear in the edges.
    pub fn new(edges: &Edges, starts: &[u32], enter: impl Fn(u32) -> bool) -> Self {
        let mut paths = Self {
            before: vec![NONE; edges.nodes()],
            distance: vec![NONE; edges.nodes()],
            order: Vec::new(),
        };
        let mut queue = Vec::new();
        for start in starts {
            if let Some(before) = paths.before.get_mut(*start as usize)
                && *before == NONE
                && enter(*start)
            {
                *before = *start;
                paths.distance[*start as usize] = 0;
                queue.push(*start);
            }
        }
        let mut next = 0;
        while let Some(node) = queue.get(next).copied() {
            next += 1;
            for to in edges.of(node) {
                if paths.before[*to as usize] == NONE && enter(*to) {
                    paths.before[*to as usize] = node;
                    paths.distance[*to as usize] = paths.distance[node as usize] + 1;
                    queue.push(*to);
                }
            }
        }
        paths.order = queue;
        paths
    }

    /// For each node the first one on the way to it that `stops` it, itself included; `None` where
    /// none does. Linear in the nodes.
    pub fn first_stop(&self, stops: impl Fn(u32) -> bool) -> Vec<Option<u32>> {
        let mut first: Vec<Option<u32>> = vec![None; self.before.len()];
        for node in &self.order {
            let before = self.before[*node as usize];
            let known = first[before as usize];
            first[*node as usize] = known.or_else(|| stops(*node).then_some(*node));
        }
        first
    }

    /// How many edges lead to `node`; `None` where it is not reached.
    pub fn distance(&self, node: u32) -> Option<u32> {
        let distance = self.distance.get(node as usize).copied();
        distance.filter(|distance| *distance != NONE)
    }

    /// The node before `node` on the way to it; `None` for a start, and where it is not reached.
    pub fn before(&self, node: u32) -> Option<u32> {
        let before = self.before.get(node as usize).copied();
        before.filter(|before| *before != NONE && *before != node)
    }

    /// The way to `node`, its start first; empty where it is not reached.
    pub fn to(&self, node: u32) -> Vec<u32> {
        let mut way = Vec::new();
        if self.distance(node).is_none() {
            return way;
        }
        let mut at = node;
        loop {
            way.push(at);
            let before = self.before[at as usize];
            if before == at {
                break;
            }
            at = before;
        }
        way.reverse();
        way
    }
}

/// Which nodes are reached from `starts` over nodes that `enter` lets in. Linear in the edges.
pub fn reached(edges: &Edges, starts: &[u32], enter: impl Fn(u32) -> bool) -> Vec<bool> {
    let mut seen = vec![false; edges.nodes()];
    let mut open = Vec::new();
    let mut visit = |node: u32, open: &mut Vec<u32>| {
        if let Some(seen) = seen.get_mut(node as usize)
            && !*seen
            && enter(node)
        {
            *seen = true;
            open.push(node);
        }
    };
    starts.iter().for_each(|start| visit(*start, &mut open));
    while let Some(node) = open.pop() {
        edges.of(node).iter().for_each(|to| visit(*to, &mut open));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_way_is_found_around_what_is_closed() {
        // 0 -> 1 -> 2 -> 3, 0 -> 3 by way of 4.
        let edges = Edges::new(6, &[(0, 1), (1, 2), (2, 3), (0, 4), (4, 3)]);
        let paths = Paths::new(&edges, &[0], |_| true);
        assert_eq!(paths.to(3), [0, 4, 3]);
        assert_eq!(paths.distance(3), Some(2));
        let stops = paths.first_stop(|node| node == 4 || node == 3);
        assert_eq!(stops, [None, None, None, Some(4), Some(4), None]);
        let around = Paths::new(&edges, &[0], |node| node != 4);
        assert_eq!(around.to(3), [0, 1, 2, 3]);
        assert_eq!(around.to(5), [0_u32; 0]);
        assert_eq!(
            reached(&edges, &[0, 9], |node| node != 1),
            [true, false, false, true, true, false]
        );
    }

    #[test]
    fn circles_and_long_chains_end() {
        let pairs: Vec<(u32, u32)> = (0..100_000).map(|at| (at, (at + 1) % 100_000)).collect();
        let edges = Edges::new(100_000, &pairs);
        assert_eq!(Paths::new(&edges, &[0], |_| true).to(99_999).len(), 100_000);
        assert!(reached(&edges, &[7], |_| true).iter().all(|seen| *seen));
    }
}
