//! Formatting of floating-point numbers: some 15 KiB of core that one `{}` of an `f64` pulls in.

use super::super::{model::Finding, references::References, source::Source, subject::Subject};
use crate::{
    graph::{Kept, Links, Node},
    ledger::Ledger,
};
use codecost::{
    address::{AddressRange, VirtualAddress},
    attribution::{CrateId, Function, Origin},
    demangle::Name,
    disasm::{Sought, decoder_of},
    graph::{NO_GROUP, Paths},
    units::Bytes,
};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::OnceLock,
};

/// Users that are named.
const NAMED: usize = 3;

/// Where more functions of the workspace format floats, none of them is the reason.
const FEW: usize = 8;

/// What in a function's name says that it formats floats; the last is for methods of `f64`, whose
/// names do not say where they stand.
const PATTERN: &str = "flt2dec|fmt::float|<f(32|64) as core::fmt";

/// The finding: by which functions of the workspace the program asks for it, where they are few;
/// without a workspace, when all callers are in one crate.
pub(super) fn find(
    subject: &Subject<'_>,
    ledger: &Ledger,
    kept: Option<(&References<'_, '_>, &Kept)>,
    artifact_flags: &str,
) -> Option<Finding> {
    if !subject.image.parts.is_empty() {
        return None;
    }
    let functions = &subject.code.functions;
    let group: BTreeSet<u32> = (0..)
        .zip(functions)
        .filter(|(_, function)| formats_floats(subject, function))
        .map(|(at, _)| at)
        .collect();
    if group.is_empty() {
        return None;
    }
    let bytes: u64 = group
        .iter()
        .map(|at| functions[*at as usize].range.size)
        .sum();
    let of_workspace = kept.and_then(|(references, _)| of_workspace(references, &group));
    let (whose, mut evidence) = of_workspace.or_else(|| of_one_crate(subject, ledger, &group))?;
    evidence.push(format!(
        "{} functions of core, {}",
        group.len(),
        Bytes(bytes)
    ));
    let goes = kept.map(|(references, kept)| goes(references, kept, &group));
    if let Some(goes) = goes {
        let goes = Bytes(goes);
        evidence.push(format!("{goes} go with them, tables and all"));
    }
    Some(Finding {
        code: "float-formatting",
        title: format!("formatting of floats is there for {whose}"),
        bytes: goes.unwrap_or(bytes),
        evidence,
        command: format!("cargo slim why '/{PATTERN}/' {artifact_flags}"),
    })
}

/// All bytes that go if the group goes.
fn goes(references: &References<'_, '_>, kept: &Kept, group: &BTreeSet<u32>) -> u64 {
    let graph = &references.graph;
    let mut groups = vec![NO_GROUP; graph.sizes.len()];
    for at in group {
        groups[graph.function(*at) as usize] = 0;
    }
    let keeps = kept.of_groups(graph, &groups, 1);
    let keep = keeps.first().copied().unwrap_or_default();
    keep.retained.shipped().saturating_sub(keep.uncertain)
}

/// The functions of the workspace that ask for it, themselves or through others' code, and where.
fn of_workspace(
    references: &References<'_, '_>,
    group: &BTreeSet<u32>,
) -> Option<(String, Vec<String>)> {
    let graph = &references.graph;
    let is_ours = |node: u32| {
        let is_code = matches!(graph.node(node), Node::Function(_));
        is_code && references.label(node).origin == Origin::Workspace
    };
    let back = graph.edges.reversed();
    let group: Vec<u32> = group.iter().map(|at| graph.function(*at)).collect();
    // What leads there without passing a function of the workspace.
    let enter = |node| graph.is_reached(node) && !is_ours(node);
    let between = Paths::new(&back, &group, enter);
    let mut users: BTreeMap<u32, u32> = BTreeMap::new();
    let nodes = 0..graph.sizes.len() as u32;
    for to in nodes.filter(|node| between.distance(*node).is_some()) {
        for user in back.of(to).iter().filter(|user| is_ours(**user)) {
            if graph.is_reached(*user) {
                users.entry(*user).or_insert(to);
            }
        }
    }
    if users.is_empty() || users.len() > FEW {
        return None;
    }
    let inputs = references.inputs();
    let links = Links::new(graph, &inputs);
    let source = Source::new(references.subject);
    let mut evidence: Vec<String> = users
        .iter()
        .take(NAMED)
        .map(|(user, to)| {
            let mut way = between.to(*to);
            way.push(*user);
            way.reverse();
            let sites: Vec<VirtualAddress> = way
                .windows(2)
                .filter_map(|pair| links.of(pair[0], pair[1], &|_| false).at)
                .collect();
            let mut text = place(references, &source, *user, &sites);
            if !group.contains(to) && matches!(graph.node(*to), Node::Function(_)) {
                text.push_str(&format!(", through `{}`", references.name(*to)));
            }
            text
        })
        .collect();
    if users.len() > NAMED {
        evidence.push(format!("and by {} more functions", users.len() - NAMED));
    }
    let crates: BTreeSet<&str> = users
        .keys()
        .map(|user| &*references.label(*user).name)
        .collect();
    let count = match users.len() {
        1 => "one function".into(),
        count => format!("{count} functions"),
    };
    let whose = match (crates.len(), crates.first()) {
        (1, Some(name)) => format!("{count}, of `{name}`"),
        _ => format!("{count} of the workspace"),
    };
    Some((whose, evidence))
}

/// The innermost function of the user's crate on the way, which `sites` are, with its line where that
/// is known. It may be a closure that was inlined into others' code.
fn place(
    references: &References<'_, '_>,
    source: &Source<'_>,
    user: u32,
    sites: &[VirtualAddress],
) -> String {
    let ours = &references.label(user).name;
    let mut frames = sites.iter().rev().flat_map(|site| source.frames(*site));
    let innermost = frames.find_map(|frame| {
        let name = Name::parse(frame.symbol.as_deref()?);
        let is_ours = name.defining().is_some_and(|found| found.name == **ours);
        is_ours.then(|| (name.full(), frame.place))
    });
    let Some((name, place)) = innermost else {
        return format!("asked for by `{}`", references.name(user));
    };
    let place = place.map(|place| format!(" ({})", place.short()));
    format!("asked for by `{name}`{}", place.unwrap_or_default())
}

/// The crate that all callers are of, and who they are.
fn of_one_crate(
    subject: &Subject<'_>,
    ledger: &Ledger,
    group: &BTreeSet<u32>,
) -> Option<(String, Vec<String>)> {
    let callers = callers(subject, ledger, group)?;
    let only = callers.first()?.owner.defined;
    // The library's own functions ask for it on behalf of others, and who has no crate is no one.
    if subject.crates.is_bucket(only) || subject.label(only).origin == Origin::Std {
        return None;
    }
    let name = |function: &&Function| {
        let symbol = subject.symbols.symbols.get(function.symbol? as usize)?;
        Some(format!("called by `{}`", Name::parse(&symbol.name).full()))
    };
    let mut evidence: Vec<_> = callers.iter().filter_map(name).take(NAMED).collect();
    if callers.len() > NAMED {
        evidence.push(format!(
            "and by {} more functions of that crate",
            callers.len() - NAMED
        ));
    }
    let whose = match callers.len() {
        1 => "one function",
        _ => "one crate only",
    };
    let label = subject.label(only);
    Some((format!("{whose}, of `{}`", label.name), evidence))
}

/// So many functions are looked through at once.
const FUNCTIONS: usize = 256;

/// The functions outside of `group` that call one of it; `None` where they are of several crates, or
/// code is not decoded.
fn callers<'s>(
    subject: &'s Subject<'_>,
    ledger: &Ledger,
    group: &BTreeSet<u32>,
) -> Option<Vec<&'s Function>> {
    let decoder = decoder_of(&subject.image)?;
    let functions = &subject.code.functions;
    // Calls go through slots that hold the address of one of them: entries of the global offset
    // table, tables of formatting arguments, whose own address is taken.
    let mut slots: HashSet<VirtualAddress> = subject
        .relocations()
        .iter()
        .flat_map(|table| &table.relocations)
        .filter(|relocation| {
            let at = relocation.target.and_then(|to| subject.code.at(to));
            at.is_some_and(|at| group.contains(&at))
        })
        .map(|relocation| relocation.slot)
        .collect();
    let tables = slots.iter().filter_map(|slot| {
        let data = &ledger.data;
        let next = data.partition_point(|object| object.range.start <= *slot);
        Some(data.get(next.checked_sub(1)?)?.range.start)
    });
    let tables: Vec<VirtualAddress> = tables.collect();
    slots.extend(tables);
    let ranges = group.iter().map(|at| functions[*at as usize].range);
    let sought = Sought::new(ranges.chain(slots.iter().map(|slot| AddressRange::new(*slot, 1))));
    // A short jump leads no further than to a neighbour.
    let beside = |at: u32| group.contains(&(at + 1)) || group.contains(&at.wrapping_sub(1));
    let is_called = |at: usize| {
        let piece = crate::ledger::piece_of(&subject.image, &functions[at]);
        if group.contains(&(at as u32)) || !(decoder.may_refer(piece, &sought) || beside(at as u32))
        {
            return false;
        }
        let mut calls = false;
        decoder.calls(&[piece], &mut |_, reference| {
            let to = subject.code.at(reference.to);
            calls |= slots.contains(&reference.to) || to.is_some_and(|to| group.contains(&to));
        });
        calls
    };
    let only: OnceLock<CrateId> = OnceLock::new();
    let of_one = |at: usize| {
        let owner = functions[at].owner.defined;
        (*only.get_or_init(|| owner) == owner).then_some(&functions[at])
    };
    let all = (0..functions.len()).into_par_iter().with_min_len(FUNCTIONS);
    // The first of another crate ends the search.
    all.filter(|at| is_called(*at)).map(of_one).collect()
}

fn formats_floats(subject: &Subject<'_>, function: &Function) -> bool {
    let symbol = function
        .symbol
        .and_then(|at| subject.symbols.symbols.get(at as usize));
    // Both modules are named in every such symbol, of either scheme; cheaper than parsing all, and few
    // are core's.
    symbol.is_some_and(|symbol| {
        subject.label(function.owner.defined).name == "core"
            && (symbol.name.contains("7flt2dec") || symbol.name.contains("5float"))
            && {
                let key = Name::parse(&symbol.name).family_key();
                key.contains("::num::flt2dec::")
                    || key.contains("::num::imp::flt2dec::")
                    || key.contains("::fmt::float::")
            }
    })
}
