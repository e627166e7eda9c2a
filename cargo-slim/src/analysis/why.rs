//! Why something is in the file: the shortest chains from the roots to it.

use super::{
    model::{Referrer, Why, WhyRow},
    open::Opened,
    references::References,
    result::Analysis,
    source::{At, Source},
    subject::Subject,
    wanted::Wanted,
};
use crate::{
    graph::{FIRST, Keep, Kept, Links, Node, START, UNKNOWN},
    ledger::Ledger,
};
use codecost::{
    Result,
    graph::{Edges, NO_GROUP, Paths},
};
use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

/// Why `wanted` is in the file, in at most `most` chains.
///
/// # Errors
///
/// Nothing is called that, or a file changed while it was read.
pub fn why<'s>(
    opened: &Opened,
    subject: &'s Subject<'_>,
    ledger: &'s Ledger,
    wanted: &Wanted,
    most: usize,
) -> Result<Analysis<Why<'s>>> {
    subject.one_image()?;
    let references = References::new(subject, ledger);
    let nodes = wanted.nodes(&references)?;
    let kept = Kept::new(&references.graph);
    let question = Question::new(&references, &kept, &nodes);
    let keep = question.keep();
    let chains = question.chains();
    let more = chains.len().saturating_sub(most) as u64;
    let source = Source::new(subject);
    let inputs = references.inputs();
    let links = Links::new(&references.graph, &inputs);
    let mut rows = Vec::new();
    for (chain, number) in chains.iter().take(most).zip(1..) {
        question.steps(chain, number, &links, &source, &mut rows);
    }
    let shown = chains.iter().take(most);
    let (referrers, more_referrers) = question.referrers();
    let why = Why {
        wanted: wanted.to_string(),
        matches: nodes.len() as u64,
        own: keep.own.own(),
        retained: keep.retained.linked(),
        uncertain: keep.uncertain,
        shipped: keep.retained.shipped(),
        rows,
        chains: shown.map(|chain| (chain.matches, chain.own)).collect(),
        more,
        referrers,
        more_referrers,
        lines: source.is_there(),
        graph: references.facts(),
    };
    let warning = references.warning();
    Analysis::new(opened, subject, why, warning)
}

/// So many who refer to the matches are weighed.
const REFERRERS: usize = 256;

/// Several ways that differ in the copies of generic functions only.
struct Chain {
    /// The shortest of them, its root first.
    way: Vec<u32>,
    /// How many of the matches are reached through it first.
    matches: u64,
    /// Their own bytes.
    own: u64,
}

/// One generic function, or its copies, that refers to a match.
#[derive(Default)]
struct Contact {
    /// The shortest way: how far the one that refers is from the root, it, and the match.
    nearest: Option<(u32, u32, u32)>,
    /// How many matches are behind, and their bytes.
    behind: (u64, u64),
}

impl Contact {
    fn add(&mut self, behind: (u64, u64), way: (u32, u32, u32)) {
        self.behind.0 += behind.0;
        self.behind.1 += behind.1;
        let nearest = self.nearest.get_or_insert(way);
        *nearest = way.min(*nearest);
    }
}

/// A question that is being answered.
struct Question<'q, 's, 'a> {
    references: &'q References<'s, 'a>,
    kept: &'q Kept,
    nodes: &'q [u32],
    /// Which nodes are asked about.
    asked: Vec<bool>,
    known: Paths,
    /// The known edges the other way round.
    back: Edges,
    /// Where no known way leads, ways through what we do not see.
    unknown: Option<Paths>,
}

impl<'q, 's, 'a> Question<'q, 's, 'a> {
    fn new(references: &'q References<'s, 'a>, kept: &'q Kept, nodes: &'q [u32]) -> Self {
        let graph = &references.graph;
        let mut asked = vec![false; graph.sizes.len()];
        for node in nodes {
            asked[*node as usize] = true;
        }
        let known = Paths::new(&graph.edges, &[START], |_| true);
        let lost = nodes.iter().any(|node| known.distance(*node).is_none());
        let unknown = lost.then(|| Paths::new(&graph.with_unknown(), &[START], |_| true));
        Self {
            references,
            kept,
            nodes,
            asked,
            known,
            back: graph.edges.reversed(),
            unknown,
        }
    }

    /// What goes if all that was asked about goes.
    fn keep(&self) -> Keep {
        let asked = self.asked.iter();
        let groups: Vec<u32> = asked
            .map(|asked| if *asked { 0 } else { NO_GROUP })
            .collect();
        let keeps = self.kept.of_groups(&self.references.graph, &groups, 1);
        keeps.first().copied().unwrap_or_default()
    }

    /// The ways to the matches that are reached without passing another one: one through each
    /// function or constant that refers to them. Those with most bytes of matches behind them first,
    /// of these the shortest.
    fn chains(&self) -> Vec<Chain> {
        let mut found: BTreeMap<(String, String), Contact> = BTreeMap::new();
        let first = self.known.first_stop(|node| self.asked[node as usize]);
        for (node, behind) in self.contacts(&first) {
            let target = self.folded(node);
            for from in self.back.of(node).iter().copied() {
                let distance = self.known.distance(from);
                // What is only reached through a match is behind it.
                let (Some(distance), None) = (distance, first[from as usize]) else {
                    continue;
                };
                let key = (self.folded(from), target.clone());
                let contact = found.entry(key).or_default();
                contact.add(behind, (distance, from, node));
            }
        }
        if let Some(unknown) = &self.unknown {
            let first = unknown.first_stop(|node| self.asked[node as usize]);
            for (node, behind) in self.contacts(&first) {
                if self.known.distance(node).is_some() {
                    continue;
                }
                let from = unknown.before(node).unwrap_or(UNKNOWN);
                let key = (self.folded(from), self.folded(node));
                let distance = unknown.distance(from).unwrap_or_default();
                let contact = found.entry(key).or_default();
                contact.add(behind, (distance, from, node));
            }
        }
        let mut found: Vec<Contact> = found.into_values().collect();
        found.sort_by_key(|contact| (Reverse(contact.behind.1), contact.nearest));
        found
            .into_iter()
            .filter_map(|own| self.chain(own))
            .collect()
    }

    /// The matches that are reached first, each with how many matches are behind it, itself
    /// included, and their bytes. `first` has for each node the match that is first on its way.
    fn contacts(&self, first: &[Option<u32>]) -> BTreeMap<u32, (u64, u64)> {
        let mut contacts: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for node in self.nodes {
            if let Some(contact) = first[*node as usize] {
                let (matches, own) = contacts.entry(contact).or_default();
                *matches += 1;
                *own += self.references.graph.sizes[*node as usize].own();
            }
        }
        contacts
    }

    fn chain(&self, contact: Contact) -> Option<Chain> {
        let (_, from, node) = contact.nearest?;
        let mut way = self.known.to(from);
        if let (Some(unknown), true) = (&self.unknown, way.is_empty()) {
            way = unknown.to(from);
        }
        way.push(node);
        let (matches, own) = contact.behind;
        Some(Chain { way, matches, own })
    }

    /// A text that all copies of one generic function share.
    fn folded(&self, node: u32) -> String {
        match self.references.family(node) {
            Some((_, key)) => key,
            None => node.to_string(),
        }
    }

    /// The rows of one chain.
    fn steps(
        &self,
        chain: &Chain,
        number: u32,
        links: &Links<'_, '_>,
        source: &Source<'_>,
        rows: &mut Vec<WhyRow<'s>>,
    ) {
        let graph = &self.references.graph;
        let last = chain.way.last().copied().unwrap_or(START);
        let is_vtable = |object: u32| {
            let object = self.references.ledger.object(object);
            object.is_some_and(|object| self.references.data_row(object).kind == "vtable")
        };
        let pairs = chain.way.windows(2).filter(|pair| pair[1] != UNKNOWN);
        for (pair, step) in pairs.zip(1..) {
            let node = pair[1];
            let link = links.of(pair[0], node, &is_vtable);
            let At { place, inlined } = link.at.map(|at| source.at(at)).unwrap_or_default();
            let keep = self.kept.of(graph, node);
            rows.push(WhyRow {
                chain: number,
                step,
                name: self.references.name(node),
                symbol: self.references.symbol(node),
                label: self.references.label(node),
                via: link.via.as_str(),
                place,
                inlined,
                site: link.at,
                only: self.kept.is_kept_by(last, node),
                own: keep.own.own(),
                retained: keep.retained.linked(),
            });
        }
    }

    /// Who refers to the matches, and is not one of them nor kept by them alone.
    ///
    /// At most so many as can be weighed at once; beside them, how many more there are.
    fn referrers(&self) -> (Vec<Referrer<'s>>, u64) {
        let graph = &self.references.graph;
        let mut goes = vec![false; graph.sizes.len()];
        for (node, _) in self.kept.lost(graph, &self.asked) {
            goes[node as usize] = true;
        }
        let mut found: HashMap<String, Vec<u32>> = HashMap::new();
        let mut seen = vec![false; graph.sizes.len()];
        for from in self.nodes.iter().flat_map(|node| self.back.of(*node)) {
            let counts = *from >= FIRST && !goes[*from as usize] && graph.is_reached(*from);
            if counts && !std::mem::replace(&mut seen[*from as usize], true) {
                found.entry(self.folded(*from)).or_default().push(*from);
            }
        }
        let mut groups: Vec<Vec<u32>> = found.into_values().collect();
        // What each one of them keeps alone is a first guess of which keep most.
        groups.sort_by_cached_key(|nodes| {
            let keeps = nodes
                .iter()
                .map(|node| self.kept.of(graph, *node).retained.linked());
            (Reverse(keeps.sum::<u64>()), nodes.first().copied())
        });
        let more = groups.len().saturating_sub(REFERRERS);
        groups.truncate(REFERRERS);
        let mut group_of = vec![NO_GROUP; graph.sizes.len()];
        for (nodes, group) in groups.iter().zip(0..) {
            for node in nodes {
                group_of[*node as usize] = group;
            }
        }
        let keeps = self.kept.of_groups(graph, &group_of, groups.len() as u32);
        let mut referrers: Vec<Referrer<'s>> = groups
            .iter()
            .zip(keeps)
            .filter_map(|(nodes, keep)| {
                let first = *nodes.iter().min()?;
                let name = match (nodes.len(), self.references.family(first)) {
                    (2.., Some((name, _))) => Cow::Owned(name.family()),
                    _ => self.references.name(first),
                };
                Some(Referrer {
                    name,
                    label: self.references.label(first),
                    copies: nodes.len() as u64,
                    retained: keep.retained.linked(),
                    is_code: matches!(graph.node(first), Node::Function(_)),
                })
            })
            .collect();
        referrers.sort_by(|a, b| {
            let by_weight = b.retained.cmp(&a.retained);
            by_weight.then_with(|| a.name.cmp(&b.name))
        });
        (referrers, more as u64)
    }
}
