//! The reference graph of a subject, with what its nodes are called.

use super::{
    data::{self, Slots},
    model::{CrateInfo, DataRow, GraphFacts},
    subject::Subject,
};
use crate::{
    graph::{FIRST, Graph, Inputs, Node},
    ledger::{DataObject, Ledger},
};
use codecost::{
    attribution::{CrateId, Evidence},
    demangle::Name,
    image::RelocationTable,
    report::Warning,
    units::{Bytes, Share},
};
use std::borrow::Cow;

/// A subject, its ledger and its graph.
pub(super) struct References<'s, 'a> {
    pub(super) subject: &'s Subject<'a>,
    pub(super) ledger: &'s Ledger,
    pub(super) graph: Graph,
    relocations: Cow<'s, [RelocationTable]>,
    slots: Slots,
}

impl<'s, 'a> References<'s, 'a> {
    /// Makes the graph; linear in code, data and relocations, but for sorting.
    pub(super) fn new(subject: &'s Subject<'a>, ledger: &'s Ledger) -> Self {
        // Of objects what the loader's symbols, which they seldom have, say.
        let relocations = match subject.image.parts.is_empty() {
            true => subject.relocations(),
            false => subject.image.relocations(&subject.dynamic_symbols).into(),
        };
        let graph = Graph::new(&inputs(subject, ledger, &relocations));
        Self {
            subject,
            ledger,
            graph,
            slots: Slots::new(&relocations),
            relocations,
        }
    }

    /// What the graph was made from.
    pub(super) fn inputs(&self) -> Inputs<'_, 'a> {
        inputs(self.subject, self.ledger, &self.relocations)
    }

    /// How much of the file the graph explains.
    pub(super) fn facts(&self) -> GraphFacts {
        let graph = &self.graph;
        let (mut known, mut unknown) = (0, 0);
        for (node, sizes) in (0..).zip(&graph.sizes) {
            match graph.is_reached(node) {
                true => known += sizes.linked(),
                false => unknown += sizes.linked(),
            }
        }
        GraphFacts {
            nodes: graph.sizes.len().saturating_sub(FIRST as usize) as u64,
            edges: graph.edges.len() as u64,
            roots: graph.roots.len() as u64,
            known,
            unknown,
            decoded: graph.decoded,
        }
    }

    /// What makes the graph less than it seems.
    pub(super) fn warning(&self) -> Option<Warning> {
        let facts = self.facts();
        let image = &self.subject.image;
        if !image.parts.is_empty() {
            let message = "objects are not linked, so nothing is known to refer to anything, and all \
                           that is retained is uncertain";
            let help = "look at the program that they are linked into";
            return Some(Warning::new("graph-incomplete", message).help(help));
        }
        if !facts.decoded {
            let message = format!(
                "{} code is not decoded here, so only pointers in data are known as references, \
                 and nearly all that is retained is uncertain",
                image.architecture
            );
            let help = "look at a build of the same program for x86-64 or AArch64";
            return Some(Warning::new("graph-incomplete", message).help(help));
        }
        let whole = facts.known + facts.unknown;
        (facts.unknown > whole / MUCH).then(|| {
            let message = format!(
                "{} of code and data ({}) is kept by nothing that we see, so what it refers to \
                 is uncertain",
                Bytes(facts.unknown),
                Share::of(facts.unknown, whole)
            );
            let help = "treat the `uncertain` bytes as bytes that may stay; `deps --features` proves \
                        by builds";
            Warning::new("graph-incomplete", message).help(help)
        })
    }

    /// The row that `data` shows of an object.
    pub(super) fn data_row(&self, object: &DataObject) -> DataRow<'s> {
        data::row(self.subject, self.ledger, object, &self.slots)
    }

    /// All rows that `data` has, each beside its object's place in the ledger.
    pub(super) fn all_data(&self) -> Vec<(usize, DataRow<'s>)> {
        data::all(self.subject, self.ledger, &self.slots)
    }

    /// Where the loader writes pointers.
    pub(super) fn slots(&self) -> &Slots {
        &self.slots
    }

    /// The name of a node, in full.
    pub(super) fn name(&self, node: u32) -> Cow<'s, str> {
        match self.graph.node(node) {
            Node::Start => "[loader]".into(),
            Node::Unknown => "[unknown]".into(),
            Node::Function(at) => self.subject.name(at as usize),
            Node::Object(at) => match self.ledger.object(at) {
                Some(object) => self.data_row(object).name.into(),
                None => "[unknown]".into(),
            },
        }
    }

    /// The symbol of a node; empty where it has none.
    pub(super) fn symbol(&self, node: u32) -> &'s str {
        let symbol = match self.graph.node(node) {
            Node::Start | Node::Unknown => None,
            Node::Function(at) => {
                let function = self.subject.code.functions.get(at as usize);
                function.and_then(|function| function.symbol)
            }
            Node::Object(at) => {
                let object = self.ledger.object(at);
                object.and_then(|object| object.symbol)
            }
        };
        let symbol = symbol.and_then(|at| self.subject.symbols.symbols.get(at as usize));
        symbol.map_or("", |symbol| &symbol.name)
    }

    /// The crate that wrote it; of data that several use, the first.
    pub(super) fn crate_of(&self, node: u32) -> CrateId {
        match self.graph.node(node) {
            Node::Start | Node::Unknown => CrateId::LINKER,
            Node::Function(at) => {
                let function = self.subject.code.functions.get(at as usize);
                function.map_or(CrateId::UNKNOWN, |function| function.owner.defined)
            }
            Node::Object(at) => {
                let object = self.ledger.object(at);
                object.map_or(CrateId::UNKNOWN, |object| {
                    self.ledger.parties.first(object.party).defined
                })
            }
        }
    }

    /// The crate that has the node to itself; `None` for data that several use.
    pub(super) fn only_crate_of(&self, node: u32) -> Option<CrateId> {
        if let Node::Object(at) = self.graph.node(node) {
            let object = self.ledger.object(at)?;
            if object.evidence == Evidence::None {
                return None;
            }
            let members = self.ledger.parties.members(object.party);
            let first = members.first()?.defined;
            let same = members.iter().all(|owner| owner.defined == first);
            return same.then_some(first);
        }
        Some(self.crate_of(node))
    }

    /// How the crate of a node is shown.
    pub(super) fn label(&self, node: u32) -> &'s CrateInfo {
        self.subject.label(self.crate_of(node))
    }

    /// The generic family of a function, for people and as a key; `None` for what is not generic.
    pub(super) fn family(&self, node: u32) -> Option<(Name<'s>, String)> {
        let Node::Function(at) = self.graph.node(node) else {
            return None;
        };
        let function = self.subject.code.functions.get(at as usize)?;
        let name = super::names::name_of(function, &self.subject.symbols)?;
        name.is_generic().then(|| {
            let mut key = String::with_capacity(name.symbol().len());
            name.write_family_key(&mut key);
            (name, key)
        })
    }
}

fn inputs<'i, 'a>(
    subject: &'i Subject<'a>,
    ledger: &'i Ledger,
    relocations: &'i [RelocationTable],
) -> Inputs<'i, 'a> {
    Inputs {
        image: &subject.image,
        dynamic_symbols: &subject.dynamic_symbols,
        unwind: &subject.unwind,
        code: &subject.code,
        objects: &ledger.data,
        thread_zeroes: &ledger.thread_zeroes,
        relocations,
        references: subject.references(),
    }
}

/// One part in so many of code and data that nothing keeps is worth a warning.
const MUCH: u64 = 20;
