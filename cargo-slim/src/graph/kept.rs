//! What goes if something goes.

use super::{
    inputs::{FIRST, START, UNKNOWN},
    nodes::Graph,
    sizes::Sizes,
};
use codecost::graph::{Dominators, Edges, Loss, reached};

/// What a node or a group of nodes keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Its own bytes.
    pub own: Sizes,
    /// All that goes if it goes, itself included.
    pub retained: Sizes,
    /// Code, data and padding of `retained` that may stay, because something that we do not see may
    /// refer to it.
    pub uncertain: u64,
}

/// What every node keeps.
#[derive(Debug)]
pub struct Kept {
    known: Tree,
    /// With the edges that we do not see; `None` where there are none.
    unknown: Option<Unknown>,
}

#[derive(Debug)]
struct Unknown {
    edges: Edges,
    tree: Tree,
}

/// A dominator tree with sums.
#[derive(Debug)]
struct Tree {
    dominators: Dominators,
    retained: Vec<Sizes>,
}

impl Tree {
    fn new(edges: &Edges, sizes: &[Sizes]) -> Self {
        let dominators = Dominators::new(edges, START);
        let mut retained = sizes.to_vec();
        // What dominates comes first in this order.
        for node in dominators.order().iter().rev() {
            if let Some(above) = dominators.immediate(*node) {
                let part = retained[*node as usize];
                retained[above as usize] += part;
            }
        }
        Self {
            dominators,
            retained,
        }
    }
}

impl Kept {
    /// Finds the dominators. Edges times the logarithm of nodes.
    pub fn new(graph: &Graph) -> Self {
        let unknown = graph.has_unknown().then(|| graph.with_unknown());
        let (known, unknown) = rayon::join(
            || Tree::new(&graph.edges, &graph.sizes),
            || {
                let edges = unknown?;
                let tree = Tree::new(&edges, &graph.sizes);
                Some(Unknown { edges, tree })
            },
        );
        Self { known, unknown }
    }

    /// What one node keeps.
    pub fn of(&self, graph: &Graph, node: u32) -> Keep {
        let at = node as usize;
        let own = graph.sizes.get(at).copied().unwrap_or_default();
        let by = |tree: &Tree| tree.retained.get(at).copied().unwrap_or_default();
        let sure = self.unknown.as_ref().map(|unknown| by(&unknown.tree));
        if !graph.is_reached(node) {
            // Nothing known keeps it, so nothing is known of what it keeps.
            let retained = sure.unwrap_or(own);
            return Keep {
                own,
                retained,
                uncertain: retained.linked(),
            };
        }
        let retained = by(&self.known);
        let sure = sure.map_or(retained.linked(), |sure| sure.linked());
        Keep {
            own,
            retained,
            uncertain: retained.linked().saturating_sub(sure),
        }
    }

    /// The node that every known way to `node` leads through last.
    pub fn keeper(&self, node: u32) -> Option<u32> {
        let above = self.known.dominators.immediate(node)?;
        (above >= FIRST).then_some(above)
    }

    /// Whether every known way from a root to `node` leads through `by`.
    pub fn is_kept_by(&self, node: u32, by: u32) -> bool {
        let dominators = &self.known.dominators;
        dominators.together(START, node) && dominators.dominates(by, node)
    }

    /// What groups of nodes keep, all members of a group gone at once. `group_of` has each node's
    /// group, smaller than `groups`, or [`codecost::graph::NO_GROUP`].
    pub fn of_groups(&self, graph: &Graph, group_of: &[u32], groups: u32) -> Vec<Keep> {
        let mut keeps = vec![Keep::default(); groups as usize];
        let (mut loose, mut sure) = (vec![0; groups as usize], vec![0; groups as usize]);
        for (node, group) in group_of.iter().enumerate() {
            let Some(keep) = keeps.get_mut(*group as usize) else {
                continue;
            };
            keep.own += graph.sizes[node];
            if !graph.is_reached(node as u32) {
                keep.retained += graph.sizes[node];
                loose[*group as usize] += graph.sizes[node].linked();
            }
        }
        Loss::new(&graph.edges, START).of_groups(group_of, groups, &mut |group, node| {
            keeps[group as usize].retained += graph.sizes[node as usize];
        });
        let Some(unknown) = &self.unknown else {
            return keeps;
        };
        Loss::new(&unknown.edges, START).of_groups(group_of, groups, &mut |group, node| {
            if graph.is_reached(node) {
                sure[group as usize] += graph.sizes[node as usize].linked();
            }
        });
        for ((keep, sure), loose) in keeps.iter_mut().zip(sure).zip(loose) {
            let known = keep.retained.linked().saturating_sub(loose);
            keep.uncertain = loose + known.saturating_sub(sure);
        }
        keeps
    }

    /// Which nodes go when these go together: reached now, not without them. Beside each, whether
    /// it may stay.
    pub fn lost(&self, graph: &Graph, gone: &[bool]) -> Vec<(u32, bool)> {
        let stays = |node: u32| !gone.get(node as usize).copied().unwrap_or_default();
        let rest = reached(&graph.edges, &[START], stays);
        let may = self
            .unknown
            .as_ref()
            .map(|unknown| reached(&unknown.edges, &[START, UNKNOWN], stays));
        (FIRST..graph.sizes.len() as u32)
            .filter(|node| !rest[*node as usize])
            .filter(|node| graph.is_reached(*node) || !stays(*node))
            .map(|node| (node, may.as_ref().is_some_and(|may| may[node as usize])))
            .collect()
    }
}
