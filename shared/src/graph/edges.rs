//! The edges of a graph, packed.

/// The edges of a graph, by the node that they leave: two lists of numbers, whatever their count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edges {
    /// Where the edges of each node begin in `to`, and where the last node's end.
    starts: Vec<u32>,
    to: Vec<u32>,
}

impl Edges {
    /// The edges `pairs` of a graph of `nodes` nodes, in the order in which each node's are given.
    /// Those of or to nodes that do not exist are left out. Linear.
    pub fn new(nodes: usize, pairs: &[(u32, u32)]) -> Self {
        let exists = |node: u32| (node as usize) < nodes;
        let valid = || {
            let pairs = pairs.iter().copied();
            pairs.filter(move |(from, to)| exists(*from) && exists(*to))
        };
        let mut starts = vec![0_u32; nodes + 1];
        for (from, _) in valid() {
            starts[from as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut to = vec![0; starts.last().map_or(0, |end| *end as usize)];
        for (from, target) in valid() {
            let place = &mut next[from as usize];
            to[*place as usize] = target;
            *place += 1;
        }
        Self { starts, to }
    }

    /// One list for each node.
    pub fn of_lists(lists: &[Vec<u32>]) -> Self {
        let mut edges = Self {
            starts: Vec::with_capacity(lists.len() + 1),
            to: Vec::with_capacity(lists.iter().map(Vec::len).sum()),
        };
        edges.starts.push(0);
        for list in lists {
            let targets = list.iter().copied();
            edges
                .to
                .extend(targets.filter(|to| (*to as usize) < lists.len()));
            edges.starts.push(edges.to.len() as u32);
        }
        edges
    }

    /// How many nodes the graph has.
    pub fn nodes(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// How many edges there are.
    pub fn len(&self) -> usize {
        self.to.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    /// The nodes that the edges of `node` lead to.
    #[inline]
    pub fn of(&self, node: u32) -> &[u32] {
        let range = || {
            let start = *self.starts.get(node as usize)? as usize;
            let end = *self.starts.get(node as usize + 1)? as usize;
            self.to.get(start..end)
        };
        range().unwrap_or_default()
    }

    /// All edges, by the node that they leave.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..self.nodes() as u32).flat_map(|from| self.of(from).iter().map(move |to| (from, *to)))
    }

    /// The same edges the other way round. Linear.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let nodes = self.nodes();
        let mut starts = vec![0_u32; nodes + 1];
        for to in &self.to {
            starts[*to as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut from = vec![0; self.to.len()];
        for (source, target) in self.iter() {
            let place = &mut next[target as usize];
            from[*place as usize] = source;
            *place += 1;
        }
        Self { starts, to: from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_come_back_in_order_and_the_impossible_is_left_out() {
        let edges = Edges::new(3, &[(2, 0), (0, 1), (0, 2), (0, 3), (7, 0), (2, 2)]);
        assert_eq!(edges.of(0), [1, 2]);
        assert_eq!(edges.of(1), [0_u32; 0]);
        assert_eq!(edges.of(2), [0, 2]);
        assert_eq!(edges.of(3), [0_u32; 0]);
        assert_eq!((edges.nodes(), edges.len()), (3, 4));
        let lists = [vec![1, 2, 3], vec![], vec![0, 2]];
        assert_eq!(Edges::of_lists(&lists), edges);
        let back = edges.reversed();
        assert_eq!(back.of(2), [0, 2]);
        assert_eq!(back.of(0), [2]);
        assert_eq!(Edges::default().reversed().nodes(), 0);
    }
}
