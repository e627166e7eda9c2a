//! The graph put together.

use super::{
    code, data,
    inputs::{FIRST, Inputs, START, UNKNOWN},
    places::Places,
    roots::{self, Root},
    sizes::{self, Sizes},
};
use codecost::{
    disasm::decoder_of,
    graph::{Edges, reached},
    image::SectionKind,
};

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// The loader.
    Start,
    /// What keeps the nodes that no root reaches.
    Unknown,
    /// A function, by its place in the code map.
    Function(u32),
    /// A data object, by its place in the ledger.
    Object(u32),
}

/// A reference graph.
#[derive(Debug)]
pub struct Graph {
    /// What is known to refer to what; [`START`] refers to the roots.
    pub edges: Edges,
    /// What the loader keeps, and why.
    pub roots: Vec<Root>,
    /// The bytes of each node.
    pub sizes: Vec<Sizes>,
    /// Nodes with bytes that no root reaches.
    pub orphans: Vec<u32>,
    /// Likely, but not proven: neighbours that are kept together.
    pub likely: Vec<(u32, u32)>,
    /// Whether what code refers to could be read.
    pub decoded: bool,
    /// Which nodes the roots reach.
    reached: Vec<bool>,
    functions: u32,
}

impl Graph {
    /// Finds all edges. Linear in code, relocations and data, but for sorting.
    pub fn new(inputs: &Inputs<'_, '_>) -> Self {
        let places = Places::new(inputs);
        let functions = inputs.code.functions.len() as u32;
        let nodes = FIRST as usize + inputs.code.functions.len();
        let nodes = nodes + inputs.objects.len() + inputs.thread_zeroes.len();
        // In objects the instructions wait for the linker to fill in what they refer to.
        let linked = inputs.image.parts.is_empty();
        let decoder = decoder_of(inputs.image).filter(|_| linked);
        let mut pairs = match &decoder {
            Some(decoder) => code::edges(inputs, &places, &**decoder),
            None => Vec::new(),
        };
        if let Some(decoder) = &decoder {
            pairs.extend(code::thread_locals(inputs, &places, &**decoder));
        }
        code::personalities(inputs, &places, &mut pairs);
        data::edges(inputs, &places, &mut pairs);
        let roots = roots::find(inputs, &places);
        pairs.extend(roots.iter().map(|root| (START, root.node)));
        let edges = Edges::new(nodes, &pairs);
        drop(pairs);
        let sizes = sizes::of_nodes(inputs, &places);
        let reached = reached(&edges, &[START], |_| true);
        let orphans = (FIRST..nodes as u32)
            .filter(|node| !reached[*node as usize] && !sizes[*node as usize].is_empty())
            .filter(|node| counts(inputs, functions, *node))
            .collect();
        Self {
            edges,
            roots,
            sizes,
            orphans,
            likely: code::together(inputs),
            decoded: decoder.is_some(),
            reached,
            functions,
        }
    }

    /// What a node stands for.
    pub fn node(&self, node: u32) -> Node {
        match node {
            START => Node::Start,
            UNKNOWN => Node::Unknown,
            _ => match (node - FIRST).checked_sub(self.functions) {
                Some(object) => Node::Object(object),
                None => Node::Function(node - FIRST),
            },
        }
    }

    /// The node of a function, by its place in the code map.
    pub fn function(&self, at: u32) -> u32 {
        FIRST + at
    }

    /// The node of a data object, by its place in the ledger.
    pub fn object(&self, at: u32) -> u32 {
        FIRST + self.functions + at
    }

    /// Whether a root reaches the node.
    pub fn is_reached(&self, node: u32) -> bool {
        self.reached.get(node as usize).copied().unwrap_or_default()
    }

    /// Takes nodes out, with all that only they keep.
    pub fn remove(&mut self, gone: &[bool]) {
        let stays = |node: u32| !gone.get(node as usize).copied().unwrap_or_default();
        let before = std::mem::take(&mut self.reached);
        let now = reached(&self.edges, &[START], stays);
        let goes = |node: u32| before[node as usize] != now[node as usize] || !stays(node);
        let pairs = self.edges.iter();
        let left = pairs.filter(|(from, to)| !goes(*from) && !goes(*to));
        let left: Vec<(u32, u32)> = left.collect();
        self.edges = Edges::new(before.len(), &left);
        for (node, sizes) in (0..).zip(&mut self.sizes) {
            if goes(node) {
                *sizes = Sizes::default();
            }
        }
        self.orphans.retain(|orphan| stays(*orphan));
        self.likely.retain(|(from, to)| !goes(*from) && !goes(*to));
        self.roots.retain(|root| !goes(root.node));
        self.reached = now;
    }

    /// Whether some edges are not seen.
    pub fn has_unknown(&self) -> bool {
        !self.orphans.is_empty() || !self.likely.is_empty()
    }

    /// The same with the edges that we do not see: [`UNKNOWN`] is a root and refers to all orphans,
    /// and what is likely is taken for true.
    pub fn with_unknown(&self) -> Edges {
        let more = self.orphans.iter().map(|orphan| (UNKNOWN, *orphan));
        let more = more.chain([(START, UNKNOWN)]);
        let more = more.chain(self.likely.iter().copied());
        let pairs: Vec<(u32, u32)> = self.edges.iter().chain(more).collect();
        Edges::new(self.edges.nodes(), &pairs)
    }
}

/// Whether a node is anybody's: the linker's own tables are nobody's.
fn counts(inputs: &Inputs<'_, '_>, functions: u32, node: u32) -> bool {
    let Some(object) = (node - FIRST).checked_sub(functions) else {
        return true;
    };
    let section = inputs.objects.get(object as usize).and_then(|object| {
        let section = object.section as usize;
        inputs.image.sections.get(section)
    });
    section.is_some_and(|section| section.kind != SectionKind::Got)
}
