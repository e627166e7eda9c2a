//! What nobody reaches any more when all nodes of a group are gone, for many groups at once.
//!
//! A dominator tree answers that for single nodes. For groups (the functions of a crate, the copies
//! of a generic function) there is no such tree: two members may keep a third thing together that
//! neither dominates. So each node gets a set of bits, one for each group: whether it is reached
//! without entering that group. Bits only come, so this ends; and it never costs more than one
//! search for each group.

use super::Edges;
use std::{cmp::Reverse, collections::BinaryHeap};

/// The group of a node that is in none.
pub const NO_GROUP: u32 = u32::MAX;

/// So many numbers of 64 bits a node: the memory is bounded, and a processor's vector registers
/// hold them.
const WORDS: usize = 4;

/// So many groups at once.
const BATCH: u32 = WORDS as u32 * 64;

type Bits = [u64; WORDS];

/// A graph that is asked what groups of nodes keep.
#[derive(Debug)]
pub struct Loss<'g> {
    edges: &'g Edges,
    start: u32,
    /// Nodes that are reached, such that most edges lead forward.
    order: Vec<u32>,
    /// Each node's place in that order.
    place: Vec<u32>,
}

impl<'g> Loss<'g> {
    /// Looks at the graph from `start`.
    pub fn new(edges: &'g Edges, start: u32) -> Self {
        let mut order = Vec::new();
        let mut place = vec![NO_GROUP; edges.nodes()];
        let mut ways: Vec<(u32, usize)> = Vec::new();
        let mut seen = vec![false; edges.nodes()];
        if let Some(seen) = seen.get_mut(start as usize) {
            *seen = true;
            ways.push((start, 0));
        }
        while let Some((node, next)) = ways.last_mut() {
            match edges.of(*node).get(*next) {
                Some(to) => {
                    *next += 1;
                    if !seen[*to as usize] {
                        seen[*to as usize] = true;
                        ways.push((*to, 0));
                    }
                }
                None => {
                    order.push(*node);
                    ways.pop();
                }
            }
        }
        order.reverse();
        for (at, node) in (0..).zip(&order) {
            place[*node as usize] = at;
        }
        Self {
            edges,
            start,
            order,
            place,
        }
    }

    /// Calls `lost` with a group and a node for each node that is reached, but not without that
    /// group: members too. `group_of` has the group of each node, smaller than `groups`, or
    /// [`NO_GROUP`].
    ///
    /// Seldom more than three times the edges for 256 groups; never more than the edges times the
    /// groups.
    pub fn of_groups(&self, group_of: &[u32], groups: u32, lost: &mut dyn FnMut(u32, u32)) {
        let mut first = 0;
        while first < groups {
            let count = (groups - first).min(BATCH);
            self.of_batch(group_of, first, count, lost);
            first += count;
        }
    }

    fn of_batch(&self, group_of: &[u32], first: u32, count: u32, lost: &mut dyn FnMut(u32, u32)) {
        let all = full(count);
        let own = |node: u32| -> Bits {
            let mut bits = [0; WORDS];
            let group = group_of.get(node as usize).copied().unwrap_or(NO_GROUP);
            if let Some(at) = group.checked_sub(first).filter(|at| *at < count) {
                bits[at as usize / 64] = 1 << (at % 64);
            }
            bits
        };
        let mut reached: Vec<Bits> = vec![[0; WORDS]; self.order.len()];
        let mut waits = vec![false; self.order.len()];
        let mut queue = BinaryHeap::new();
        let Some(start) = self.place.get(self.start as usize) else {
            return;
        };
        let Some(bits) = reached.get_mut(*start as usize) else {
            return;
        };
        *bits = without(all, own(self.start));
        waits[*start as usize] = true;
        queue.push(Reverse(*start));
        while let Some(Reverse(at)) = queue.pop() {
            waits[at as usize] = false;
            let bits = reached[at as usize];
            for to in self.edges.of(self.order[at as usize]) {
                let place = self.place[*to as usize];
                let known = &mut reached[place as usize];
                // Most have all that they can have.
                if *known == all {
                    continue;
                }
                let more = without(bits, own(*to));
                if add(known, more) && !std::mem::replace(&mut waits[place as usize], true) {
                    queue.push(Reverse(place));
                }
            }
        }
        for (node, bits) in self.order.iter().zip(&reached) {
            for (word, (all, bits)) in (0..).zip(all.iter().zip(bits)) {
                let mut missing = all & !bits;
                while missing != 0 {
                    lost(first + word * 64 + missing.trailing_zeros(), *node);
                    missing &= missing - 1;
                }
            }
        }
    }
}

fn full(count: u32) -> Bits {
    let mut bits = [0; WORDS];
    for at in 0..count {
        bits[at as usize / 64] |= 1 << (at % 64);
    }
    bits
}

fn without(mut bits: Bits, less: Bits) -> Bits {
    bits.iter_mut()
        .zip(less)
        .for_each(|(bits, less)| *bits &= !less);
    bits
}

/// Whether there was something new.
fn add(known: &mut Bits, more: Bits) -> bool {
    let mut new = 0;
    for (known, more) in known.iter_mut().zip(more) {
        new |= more & !*known;
        *known |= more;
    }
    new != 0
}

#[cfg(test)]
mod tests {
    use super::{super::reached, *};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn lost(edges: &Edges, group_of: &[u32], groups: u32) -> BTreeSet<(u32, u32)> {
        let mut all = BTreeSet::new();
        let loss = Loss::new(edges, 0);
        loss.of_groups(group_of, groups, &mut |group, node| {
            assert!(all.insert((group, node)));
        });
        all
    }

    #[test]
    fn two_may_keep_together_what_neither_keeps_alone() {
        // 0 -> 1 -> 3, 0 -> 2 -> 3.
        let edges = Edges::new(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        let apart = lost(&edges, &[NO_GROUP, 0, 1, NO_GROUP], 2);
        assert_eq!(apart, BTreeSet::from([(0, 1), (1, 2)]));
        let together = lost(&edges, &[NO_GROUP, 0, 0, NO_GROUP], 1);
        assert_eq!(together, BTreeSet::from([(0, 1), (0, 2), (0, 3)]));
    }

    proptest! {
        #[test]
        fn it_is_what_a_search_without_the_group_finds(
            pairs in prop::collection::vec((0..20_u32, 0..20_u32), 0..60),
            groups in prop::collection::vec(prop_oneof![0..5_u32, Just(300), Just(NO_GROUP)], 20),
        ) {
            let edges = Edges::new(20, &pairs);
            let whole = reached(&edges, &[0], |_| true);
            let found = lost(&edges, &groups, 301);
            for group in [0, 1, 2, 3, 4, 300] {
                let rest = reached(&edges, &[0], |node| groups[node as usize] != group);
                for node in 0..20 {
                    let goes = whole[node as usize] && !rest[node as usize];
                    prop_assert_eq!(found.contains(&(group, node)), goes, "{} {}", group, node);
                }
            }
        }
    }
}
