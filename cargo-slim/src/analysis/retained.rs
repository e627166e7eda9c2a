//! What goes if something goes: retained bytes.

use super::{
    model::{CrateInfo, Removed, Retained, RetainedBy, RetainedRow, Without},
    open::Opened,
    references::References,
    result::Analysis,
    subject::Subject,
    wanted::Wanted,
};
use crate::{
    graph::{FIRST, Keep, Kept, Node},
    ledger::Ledger,
};
use codecost::{Result, attribution::CrateId, graph::NO_GROUP, report::numbered};
use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{HashMap, hash_map::Entry},
};

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct RetainedOptions {
    /// Whose.
    pub by: RetainedBy,
    /// What is taken out before.
    pub without: Vec<Wanted>,
    /// Whether rows are told apart that have one name: to count constants all of them are named.
    pub numbers: bool,
}

/// What each function, crate or generic function retains.
///
/// # Errors
///
/// Nothing is called what shall be taken out, or a file changed while it was read.
pub fn retained<'s>(
    opened: &Opened,
    subject: &'s Subject<'_>,
    ledger: &'s Ledger,
    options: &RetainedOptions,
) -> Result<Analysis<Retained<'s>>> {
    subject.one_image()?;
    // All of them will be asked for.
    subject.names();
    let mut references = References::new(subject, ledger);
    let without = match options.without.is_empty() {
        true => None,
        false => Some(take_out(&mut references, &options.without)?),
    };
    let kept = Kept::new(&references.graph);
    let mut rows = match options.by {
        RetainedBy::Function => functions(&references, &kept, options.numbers),
        RetainedBy::Crate => crates(&references, &kept),
        RetainedBy::Generic => generics(&references, &kept),
    };
    if without.is_some() {
        // What went is no row.
        rows.retain(|row| row.retained > 0);
    }
    rows.sort_by_cached_key(|row| (Reverse(row.retained), Reverse(row.own)));
    let graph = references.facts();
    let warning = references.warning();
    let rows = Retained {
        rows,
        graph,
        without,
    };
    Analysis::new(opened, subject, rows, warning)
}

/// Takes the nodes out of the graph and says what went.
fn take_out(references: &mut References<'_, '_>, wanted: &[Wanted]) -> Result<Without> {
    let kept = Kept::new(&references.graph);
    let mut gone = vec![false; references.graph.sizes.len()];
    let mut each = Vec::new();
    for wanted in wanted {
        let nodes = wanted.nodes(references)?;
        let mut alone = vec![false; gone.len()];
        let mut own = 0;
        for node in &nodes {
            gone[*node as usize] = true;
            alone[*node as usize] = true;
            own += references.graph.sizes[*node as usize].own();
        }
        let lost = kept.lost(&references.graph, &alone);
        let lost = lost
            .iter()
            .map(|(node, _)| references.graph.sizes[*node as usize].linked());
        each.push(Removed {
            name: wanted.to_string(),
            matches: nodes.len() as u64,
            own,
            retained: lost.sum(),
        });
    }
    let before = references.facts();
    let (mut retained, mut uncertain, mut shipped) = (0, 0, 0);
    for (node, may_stay) in kept.lost(&references.graph, &gone) {
        let sizes = references.graph.sizes[node as usize];
        retained += sizes.linked();
        shipped += sizes.shipped();
        uncertain += if may_stay { sizes.linked() } else { 0 };
    }
    references.graph.remove(&gone);
    Ok(Without {
        each,
        retained,
        uncertain,
        shipped,
        stays: (before.known + before.unknown).saturating_sub(retained),
    })
}

fn row<'s>(
    kind: &'static str,
    name: impl Into<Cow<'s, str>>,
    label: &'s CrateInfo,
    keep: Keep,
) -> RetainedRow<'s> {
    let Keep {
        own,
        retained,
        uncertain,
    } = keep;
    RetainedRow {
        kind,
        name: name.into(),
        nameless: None,
        nth: 1,
        label,
        own: own.own(),
        retained: retained.linked(),
        uncertain,
        shipped: retained.shipped(),
        memory: retained.memory(),
        code: retained.code + retained.padding,
        data: retained.data,
    }
}

/// One row a function, and one for each constant that keeps more than itself.
fn functions<'s>(
    references: &References<'s, '_>,
    kept: &Kept,
    numbers: bool,
) -> Vec<RetainedRow<'s>> {
    let graph = &references.graph;
    let code = &references.subject.code.functions;
    let of_node = |node: u32, kind| {
        let (name, label) = (references.name(node), references.label(node));
        row(kind, name, label, kept.of(graph, node))
    };
    // In the order of `functions`, and counted as there.
    let mut order: Vec<u32> = (0..code.len() as u32).collect();
    order.sort_by_key(|at| Reverse(code[*at as usize].range.size));
    let own = order
        .iter()
        .map(|at| of_node(graph.function(*at), "function"));
    let mut rows: Vec<RetainedRow<'s>> = own.collect();
    number(&mut rows);
    let mut data: Vec<(usize, RetainedRow<'s>)> = (FIRST..graph.sizes.len() as u32)
        .filter_map(|node| {
            let Node::Object(at) = graph.node(node) else {
                return None;
            };
            let keep = kept.of(graph, node);
            let more = keep.retained.linked() > keep.own.linked();
            more.then(|| (at as usize, of_node(node, "data")))
        })
        .collect();
    if numbers {
        let mut known: HashMap<usize, (u32, Option<&'static str>)> = references
            .all_data()
            .into_iter()
            .map(|(at, row)| (at, (row.nth, row.nameless)))
            .collect();
        for (at, row) in &mut data {
            if let Some((nth, nameless)) = known.remove(at) {
                (row.nth, row.nameless) = (nth, nameless);
            }
        }
    }
    rows.extend(data.into_iter().map(|(_, row)| row));
    rows
}

/// Counts the rows of one crate and name in their order.
fn number(rows: &mut [RetainedRow<'_>]) {
    let numbers = numbered(rows, |row| [&*row.label.name, &*row.name]);
    let numbers: Vec<u32> = numbers.iter().map(|row| row.nth).collect();
    for (row, nth) in rows.iter_mut().zip(numbers) {
        row.nth = nth;
    }
}

fn crates<'s>(references: &References<'s, '_>, kept: &Kept) -> Vec<RetainedRow<'s>> {
    let graph = &references.graph;
    let nodes = 0..graph.sizes.len() as u32;
    let of_crate = |node: u32| match node {
        0..FIRST => NO_GROUP,
        _ => references.only_crate_of(node).map_or(NO_GROUP, |id| id.0),
    };
    let groups: Vec<u32> = nodes.map(of_crate).collect();
    let several = references.subject.crates.len() as u32;
    let keeps = kept.of_groups(graph, &groups, several);
    (0..)
        .zip(keeps)
        .filter(|(_, keep)| keep.retained.linked() > 0)
        .map(|(id, keep)| {
            let label = references.subject.label(CrateId(id));
            row("crate", label.name.as_str(), label, keep)
        })
        .collect()
}

/// One row a generic function, with as many copies as there are.
fn generics<'s>(references: &References<'s, '_>, kept: &Kept) -> Vec<RetainedRow<'s>> {
    let graph = &references.graph;
    let mut families: HashMap<(CrateId, String), u32> = HashMap::new();
    let mut names = Vec::new();
    let mut groups = vec![NO_GROUP; graph.sizes.len()];
    for node in FIRST..graph.sizes.len() as u32 {
        let Some((name, key)) = references.family(node) else {
            continue;
        };
        let next = names.len() as u32;
        let group = match families.entry((references.crate_of(node), key)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                names.push((name, references.label(node)));
                *new.insert(next)
            }
        };
        groups[node as usize] = group;
    }
    let keeps = kept.of_groups(graph, &groups, names.len() as u32);
    let rows = names.iter().zip(keeps);
    let rows = rows.map(|((name, label), keep)| row("generic", name.family(), label, keep));
    let mut rows: Vec<RetainedRow<'s>> = rows.collect();
    // In the order of `generics`.
    rows.sort_by(|a, b| (b.own, &a.name).cmp(&(a.own, &b.name)));
    number(&mut rows);
    rows
}
