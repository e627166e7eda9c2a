//! Who calls a function, and what it calls: two trees around its outermost occurrence in each
//! stack, so that recursion counts once and the direct callers (or callees) sum to its inclusive
//! time. Inlined functions are callers and callees like others.

use super::{
    label::{label, label_of, unknown},
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

/// Who calls the function that `name` means.
///
/// # Errors
///
/// There is not one sample, or no one function is meant.
pub fn callers(subject: &Subject<'_>, name: &str) -> Result<Analysis<Calls>> {
    subject.analyse(|shares| Ok(outward(shares, &named(shares, name)?)))
}

/// What the function that `name` means calls.
///
/// # Errors
///
/// There is not one sample, or no one function is meant.
pub fn callees(subject: &Subject<'_>, name: &str) -> Result<Analysis<Calls>> {
    subject.analyse(|shares| Ok(inward(shares, &named(shares, name)?)))
}

/// The function that the user means, or an error that lists the candidates by their time.
fn named(shares: &Shares<'_>, name: &str) -> Result<Selected> {
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
pub(super) fn outward(shares: &Shares<'_>, selected: &Selected) -> Calls {
    let mut tree = Tree::new();
    let mut total = Weight::default();
    outermost(shares, selected, |stack, at| {
        let weight = shares.below[stack];
        if weight == Weight::default() {
            return;
        }
        total += weight;
        let mut node = 0;
        let mut from = Some((stack, Some(at)));
        let mut outermost = stack;
        'outward: while let Some((stack, behind)) = from {
            outermost = stack;
            for (position, scope) in shares.scopes(stack) {
                if behind.is_some_and(|behind| position <= behind) {
                    continue;
                }
                if tree.depth(node) == DEPTH {
                    break 'outward;
                }
                node = tree.child(node, scope.function);
                tree.add(node, weight);
            }
            from = shares.caller(stack).map(|caller| (caller, None));
        }
        // Where callers are missing, the scope that stands for them is the outermost.
        if from.is_none() && !shares.is_missing(outermost) {
            node = tree.child(node, ROOT);
            tree.add(node, weight);
        }
    });
    tree.calls(shares, selected, total)
}

/// The tree inward.
pub(super) fn inward(shares: &Shares<'_>, selected: &Selected) -> Calls {
    let is_selected = flags(shares, selected);
    let mut tree = Tree::new();
    // Where in the tree each stack on the way is; none outside the function.
    let mut way: Vec<Option<u32>> = Vec::new();
    shares.walk(|step| match step {
        Step::Enter(stack) => {
            let mut node = way.last().copied().flatten();
            for (_, scope) in shares.scopes(stack).rev() {
                node = match node {
                    Some(node) if tree.depth(node) == DEPTH => Some(node),
                    Some(node) => Some(tree.child(node, scope.function)),
                    None => is_selected
                        .get(scope.function.0 as usize)
                        .copied()
                        .unwrap_or_default()
                        .then_some(0),
                };
            }
            if let Some(node) = node {
                tree.add(node, shares.ends[stack]);
            }
            way.push(node);
        }
        Step::Leave(_) => {
            way.pop();
        }
    });
    let own = tree.weight(0);
    tree.sum_up();
    let total = tree.weight(0);
    if own != Weight::default() {
        let node = tree.child(0, OWN);
        tree.add(node, own);
    }
    tree.calls(shares, selected, total)
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
fn outermost(shares: &Shares<'_>, selected: &Selected, mut found: impl FnMut(usize, u32)) {
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

    fn depth(&self, node: u32) -> u32 {
        self.nodes[node as usize].depth
    }

    fn weight(&self, node: u32) -> Weight {
        self.nodes[node as usize].weight
    }

    fn add(&mut self, node: u32, weight: Weight) {
        self.nodes[node as usize].weight += weight;
    }

    fn child(&mut self, parent: u32, function: FunctionId) -> u32 {
        let next = self.nodes.len() as u32;
        let depth = self.depth(parent) + 1;
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
