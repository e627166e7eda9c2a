//! How one node refers to another, and where: found again for the few steps that are shown.

use super::{
    inputs::Inputs,
    nodes::{Graph, Node},
    places::Places,
    roots::RootKind,
};
use crate::ledger::piece_of;
use codecost::{
    address::VirtualAddress,
    disasm::{Decoder, Reference, ReferenceKind, decoder_of},
};

/// How one node refers to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// Execution starts there.
    Entry,
    /// It runs before `main` or after it.
    Init,
    /// Others may ask for it by its name.
    Export,
    /// A call or a jump.
    Call,
    /// The address of a function is taken.
    Address,
    /// A vtable is used, or the method is in one.
    Vtable,
    /// A constant or variable is used, or a pointer in one.
    Data,
    /// By something that we do not see.
    Unknown,
}

impl Via {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Init => "init",
            Self::Export => "export",
            Self::Call => "call",
            Self::Address => "address",
            Self::Vtable => "vtable",
            Self::Data => "data",
            Self::Unknown => "unknown",
        }
    }
}

/// A reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// How.
    pub via: Via,
    /// The instruction, where it is one.
    pub at: Option<VirtualAddress>,
}

/// Finds references again.
pub struct Links<'a, 'd> {
    graph: &'a Graph,
    inputs: &'a Inputs<'a, 'd>,
    places: Places<'a, 'd>,
    decoder: Option<Decoder<'a>>,
}

impl<'a, 'd> Links<'a, 'd> {
    /// `inputs` are what `graph` was made from.
    pub fn new(graph: &'a Graph, inputs: &'a Inputs<'a, 'd>) -> Self {
        Self {
            graph,
            inputs,
            places: Places::new(inputs),
            decoder: decoder_of(inputs.image),
        }
    }

    /// How `from` refers to `to`. `is_vtable` says of a data object, by its place in the ledger,
    /// whether it is one.
    pub fn of(&self, from: u32, to: u32, is_vtable: &dyn Fn(u32) -> bool) -> Link {
        let plain = |via| Link { via, at: None };
        match self.graph.node(from) {
            Node::Start => {
                let root = self.graph.roots.iter().find(|root| root.node == to);
                plain(root.map_or(Via::Unknown, |root| match root.kind {
                    RootKind::Entry => Via::Entry,
                    RootKind::Init => Via::Init,
                    RootKind::Export => Via::Export,
                }))
            }
            Node::Unknown => plain(Via::Unknown),
            Node::Object(at) if is_vtable(at) => plain(Via::Vtable),
            Node::Object(_) => plain(Via::Data),
            Node::Function(at) => {
                let object = match self.graph.node(to) {
                    Node::Object(at) if is_vtable(at) => Some(Via::Vtable),
                    Node::Object(_) => Some(Via::Data),
                    Node::Function(_) | Node::Start | Node::Unknown => None,
                };
                let via = |kind| match (object, kind) {
                    (Some(via), _) => via,
                    (None, ReferenceKind::Call) => Via::Call,
                    (None, _) => Via::Address,
                };
                let sites = self.sites(at, to).into_iter();
                let links = sites.map(|reference| Link {
                    via: via(reference.kind),
                    at: Some(reference.from),
                });
                // The unwind tables refer to the personality routine.
                links.min().unwrap_or(plain(Via::Data))
            }
        }
    }

    /// The instructions of a function that refer to `to`.
    fn sites(&self, function: u32, to: u32) -> Vec<Reference> {
        let mut sites = Vec::new();
        let image = self.inputs.image;
        let function = self.inputs.code.functions.get(function as usize);
        let (Some(function), Some(decoder)) = (function, &self.decoder) else {
            return sites;
        };
        let piece = piece_of(image, function);
        let mut add = |_, reference: Reference| {
            if self.places.node_at(reference.to) == Some(to) {
                sites.push(reference);
            }
        };
        decoder.calls(&[piece], &mut add);
        if !image.position_independent {
            decoder.references(&[piece], true, &mut add);
        }
        let threads = &self.places.threads;
        threads.each(&**decoder, piece, &mut |from, variable| {
            if variable == to {
                sites.push(Reference {
                    from,
                    to: VirtualAddress::default(),
                    kind: ReferenceKind::Address,
                });
            }
        });
        sites
    }
}
