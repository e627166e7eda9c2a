//! Who calls a function, and what it calls: two trees around its outermost occurrence in each
//! stack, so that recursion counts once and the direct callers (or callees) sum to its inclusive
//! time. Inlined functions are callers and callees like others. What only starts the program is left
//! out, and a recursion is one row (`fold`), unless all frames are asked for.

use super::{
    fold::{self, StartUp},
    label::{label, label_of, unknown},
    merged,
    model::{Analysis, CallRow, Calls, CrateInfo, Weight},
    select::{Selected, select},
    shares::{Shares, Step},
    subject::Subject,
};
use crate::symbols::FunctionId;
use codecost::{Result, attribution::Origin};
use std::collections::HashMap;

/// Calls further away than this are not told apart.
const DEPTH: u32 = 64;

/// Not a function: the stack has no further caller.
const ROOT: FunctionId = FunctionId(u32::MAX);
/// Not a function: the time in the function itself.
const OWN: FunctionId = FunctionId(u32::MAX - 1);

/// Which functions of a stack are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frames {
    /// Without those that only start the program, and each recursion once.
    #[default]
    Folded,
    /// All.
    All,
}

/// Who calls the function that `name` means.
///
/// # Errors
///
/// There is not one sample, or no one function is meant.
pub fn callers(subject: &Subject<'_>, name: &str, frames: Frames) -> Result<Analysis<Calls>> {
    analyse(subject, name, |shares, selected| {
        outward(shares, selected, frames)
    })
}

/// What the function that `name` means calls.
///
/// # Errors
///
/// There is not one sample, or no one function is meant.
pub fn callees(subject: &Subject<'_>, name: &str, frames: Frames) -> Result<Analysis<Calls>> {
    analyse(subject, name, |shares, selected| {
        inward(shares, selected, frames)
    })
}

fn analyse(
    subject: &Subject<'_>,
    name: &str,
    calls: impl FnOnce(&Shares<'_>, &Selected) -> Calls,
) -> Result<Analysis<Calls>> {
    let mut warning = None;
    let mut analysis = subject.analyse(|shares| {
        let selected = named(shares, name)?;
        warning = merged::of_selected(shares.symbols, &selected.functions);
        Ok(calls(shares, &selected))
    })?;
    analysis.warnings.extend(warning);
    Ok(analysis)
}

/// The function that the user means, or an error that lists the candidates by their time.
pub(super) fn named(shares: &Shares<'_>, name: &str) -> Result<Selected> {
    let functions = shares.symbols.functions.len();
    let anywhere = shares.inclusive(functions, |scope| Some(scope.function.0 as usize));
    select(
        shares.symbols,
        name,
        shares.total.period,
        |FunctionId(at)| anywhere.inclusive[at as usize].period,
    )
}

/// The tree outward.
pub(super) fn outward(shares: &Shares<'_>, selected: &Selected, frames: Frames) -> Calls {
    let start_up = start_up(shares, selected, frames);
    let mut tree = Tree::new();
    let mut total = Weight::default();
    let mut path = Vec::new();
    outermost(shares, selected, |stack, at| {
        let weight = shares.below[stack];
        if weight == Weight::default() {
            return;
        }
        total += weight;
        path.clear();
        let mut from = Some((stack, Some(at)));
        let mut outermost = stack;
        while let Some((stack, behind)) = from {
            outermost = stack;
            let callers = shares
                .scopes(stack)
                .filter(|(position, _)| behind.is_none_or(|behind| *position > behind));
            path.extend(callers.map(|(_, scope)| scope.function));
            from = shares.caller(stack).map(|caller| (caller, None));
        }
        path.reverse();
        let path = shown(&path, start_up.as_ref());
        let mut node = 0;
        for function in path.iter().rev().take(DEPTH as usize) {
            node = tree.child(node, *function);
            tree.add(node, weight);
        }
        // Where callers are missing, the scope that stands for them is the outermost.
        if path.len() <= DEPTH as usize && !shares.is_missing(outermost) {
            node = tree.child(node, ROOT);
            tree.add(node, weight);
        }
    });
    tree.calls(shares, selected, total)
}

/// The tree inward.
pub(super) fn inward(shares: &Shares<'_>, selected: &Selected, frames: Frames) -> Calls {
    let is_selected = flags(shares, selected);
    let mut tree = Tree::new();
    let mut path = Vec::new();
    for (stack, weight) in shares.ends() {
        path.clear();
        let mut from = Some(stack);
        while let Some(stack) = from {
            path.extend(shares.scopes(stack).map(|(_, scope)| scope.function));
            from = shares.caller(stack);
        }
        // Now outermost first; what is outside the function does not count.
        path.reverse();
        let is_this = |function: &FunctionId| is_selected.get(function.0 as usize) == Some(&true);
        let Some(first) = path.iter().position(is_this) else {
            continue;
        };
        let inside = path.get(first..).unwrap_or_default();
        let inside = match frames {
            Frames::All => inside.to_vec(),
            Frames::Folded => folded(inside),
        };
        let mut node = 0;
        for function in inside.iter().skip(1).take(DEPTH as usize) {
            node = tree.child(node, *function);
        }
        tree.add(node, weight);
    }
    let own = tree.weight(0);
    tree.sum_up();
    let total = tree.weight(0);
    if own != Weight::default() {
        let node = tree.child(0, OWN);
        tree.add(node, own);
    }
    tree.calls(shares, selected, total)
}

/// What starts the program; `None` where that is shown, too, or what is asked for.
fn start_up(shares: &Shares<'_>, selected: &Selected, frames: Frames) -> Option<StartUp> {
    let start_up = StartUp::of(shares.symbols);
    let asked = selected.functions.iter();
    let asked = asked.copied().any(|function| start_up.has(function));
    (frames == Frames::Folded && !asked).then_some(start_up)
}

/// The functions of a path, outermost first, that are shown.
fn shown(path: &[FunctionId], start_up: Option<&StartUp>) -> Vec<FunctionId> {
    match start_up {
        None => path.to_vec(),
        Some(start_up) => {
            let only_start = start_up.count(path.iter().copied());
            folded(path.get(only_start..).unwrap_or_default())
        }
    }
}

fn folded(path: &[FunctionId]) -> Vec<FunctionId> {
    let mut folded = Vec::with_capacity(path.len());
    for function in path {
        fold::push(&mut folded, *function);
    }
    folded
}

fn flags(shares: &Shares<'_>, selected: &Selected) -> Vec<bool> {
    let mut flags = vec![false; shares.symbols.functions.len()];
    for function in &selected.functions {
        if let Some(flag) = flags.get_mut(function.0 as usize) {
            *flag = true;
        }
    }
    flags
}

/// Calls `found` with each stack, and the position of the scope in it, where the function occurs
/// for the first time on the way from the root.
pub(super) fn outermost(
    shares: &Shares<'_>,
    selected: &Selected,
    mut found: impl FnMut(usize, u32),
) {
    let is_selected = flags(shares, selected);
    let mut inside: Vec<bool> = Vec::new();
    shares.walk(|step| match step {
        Step::Enter(stack) => {
            let mut within = inside.last().copied().unwrap_or_default();
            if !within {
                let first = shares
                    .scopes(stack)
                    .rev()
                    .find(|(_, scope)| is_selected.get(scope.function.0 as usize) == Some(&true));
                if let Some((at, _)) = first {
                    within = true;
                    found(stack, at);
                }
            }
            inside.push(within);
        }
        Step::Leave(_) => {
            inside.pop();
        }
    });
}

/// Functions by the way that leads to them; the first node is the function in the middle.
struct Tree {
    nodes: Vec<Node>,
    children: HashMap<(u32, FunctionId), u32>,
}

struct Node {
    function: FunctionId,
    parent: u32,
    depth: u32,
    weight: Weight,
}

impl Tree {
    fn new() -> Self {
        Self {
            nodes: vec![Node {
                function: ROOT,
                parent: 0,
                depth: 0,
                weight: Weight::default(),
            }],
            children: HashMap::new(),
        }
    }

    fn weight(&self, node: u32) -> Weight {
        self.nodes[node as usize].weight
    }

    fn add(&mut self, node: u32, weight: Weight) {
        self.nodes[node as usize].weight += weight;
    }

    fn child(&mut self, parent: u32, function: FunctionId) -> u32 {
        let next = self.nodes.len() as u32;
        let depth = self.nodes[parent as usize].depth + 1;
        *self.children.entry((parent, function)).or_insert_with(|| {
            self.nodes.push(Node {
                function,
                parent,
                depth,
                weight: Weight::default(),
            });
            next
        })
    }

    /// Adds each node's weight to its parent's. Parents come earlier.
    fn sum_up(&mut self) {
        for node in (1..self.nodes.len()).rev() {
            let Node { parent, weight, .. } = self.nodes[node];
            self.nodes[parent as usize].weight += weight;
        }
    }

    fn calls(&self, shares: &Shares<'_>, selected: &Selected, inclusive: Weight) -> Calls {
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().skip(1) {
            if node.weight != Weight::default() {
                children[node.parent as usize].push(index as u32);
            }
        }
        for list in &mut children {
            // The stack's last takes from the front.
            list.sort_by_key(|node| (self.weight(*node).period, std::cmp::Reverse(*node)));
        }
        let mut rows = Vec::new();
        let mut open = std::mem::take(&mut children[0]);
        while let Some(node) = open.pop() {
            let Node {
                function,
                depth,
                weight,
                ..
            } = self.nodes[node as usize];
            let (name, label) = name_of(shares, function);
            rows.push(CallRow {
                depth,
                name,
                label,
                inclusive: weight,
            });
            open.append(&mut children[node as usize]);
        }
        let first = selected.functions.first().copied().unwrap_or(ROOT);
        Calls {
            function: selected.name.clone(),
            label: name_of(shares, first).1,
            inclusive,
            rows,
        }
    }
}

fn name_of(shares: &Shares<'_>, function: FunctionId) -> (String, CrateInfo) {
    match shares.symbols.functions.get(function.0 as usize) {
        Some(known) => {
            let owner = shares.symbols.crates.get(known.owner.0 as usize);
            (known.name.clone(), owner.map_or_else(unknown, label_of))
        }
        None if function == ROOT => ("[root]".into(), label("[root]", Origin::Unknown)),
        None if function == OWN => ("[self]".into(), label("[self]", Origin::Unknown)),
        None => ("[unknown]".into(), unknown()),
    }
}
