//! Shares the costs of a call graph out over stacks.
//!
//! Functions that call each other in a circle are one group: what a call's line in the file says
//! inside of it counts nested calls many times, but what enters the group and what leaves it is
//! exact. Groups are taken callers first, so that each has all that it is called for before it is
//! shared out, and no cost is lost on its way.

use super::{Function, Graph};
use crate::{
    input::build::Builder,
    profile::{ModuleId, StackId, ThreadId},
};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// A part of the whole that is smaller loses the middle of its stack.
const LEAST: f64 = 1e-5;
/// Frames of a stack before its middle is left out.
const MOST_DEPTH: usize = 128;
/// Nodes of all stacks, and calls from them.
const MOST_NODES: usize = 1 << 20;
const NONE: usize = usize::MAX;

/// The stack of a caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    /// Its function, and its stack.
    caller: Option<(usize, StackId)>,
    /// Its outermost frame.
    root: Option<StackId>,
    depth: usize,
}

/// What enters a group: at which function, from where, and how much.
type Entering = BTreeMap<(usize, Way), f64>;

pub(super) struct Shares<'g> {
    pub(super) graph: &'g Graph,
    pub(super) modules: &'g HashMap<u32, ModuleId>,
    pub(super) thread: ThreadId,
}

impl Shares<'_> {
    /// Gives all costs to stacks.
    pub(super) fn give(&self, builder: &mut Builder) {
        let functions = &self.graph.functions;
        let groups = groups(functions);
        let mut group_of = vec![NONE; functions.len()];
        for (group, members) in groups.iter().enumerate() {
            for member in members {
                group_of[*member] = group;
            }
        }
        let whole: f64 = functions.iter().map(|it| it.own_sum as f64).sum();
        let least = whole * LEAST;
        let mut entered = vec![0.0_f64; groups.len()];
        for (id, function) in functions.iter().enumerate() {
            for (callee, cost) in &function.calls {
                if group_of[*callee] != group_of[id] {
                    entered[group_of[*callee]] += *cost as f64;
                }
            }
        }
        let mut given = vec![0.0_f64; functions.len()];
        let mut entering: Vec<Entering> = vec![Entering::new(); groups.len()];
        let mut nodes = 0;
        for (group, members) in groups.iter().enumerate().rev() {
            let inside = |id: usize| group_of[id] == group;
            let total: f64 = members
                .iter()
                .map(|id| leaving(functions, *id, &inside))
                .sum();
            let mut ways = self.short(std::mem::take(&mut entering[group]), least, builder);
            let uncalled = total - entered[group];
            let first = members
                .iter()
                .max_by_key(|id| functions[**id].calls.values().max());
            if let (true, Some(first)) = (uncalled > 0.5, first) {
                *ways.entry((*first, Way::default())).or_default() += uncalled;
            }
            let sum: f64 = ways.values().sum();
            for ((entry, way), amount) in ways {
                if nodes >= MOST_NODES {
                    break;
                }
                let part = amount / sum.max(total).max(1.0);
                for (id, way) in self.members(entry, way, &inside, builder) {
                    let function = &functions[id];
                    nodes += 1 + function.calls.len();
                    given[id] += function.own_sum as f64 * part;
                    let caller = way.caller.map(|(_, stack)| stack);
                    let own = (self.thread, part);
                    self.graph.spend(id, caller, own, self.modules, builder);
                    let inner = self.inner(id, way, builder);
                    let calls = function.calls.iter();
                    for (callee, cost) in calls.filter(|(callee, _)| !inside(**callee)) {
                        let sum = &mut entering[group_of[*callee]];
                        *sum.entry((*callee, inner)).or_default() += *cost as f64 * part;
                    }
                }
            }
        }
        // What a file does not tell any caller of is still the function's own.
        for (id, given) in given.into_iter().enumerate() {
            let rest = functions[id].own_sum as f64 - given;
            if rest > 0.5 {
                let frame = self.graph.frame(id, self.modules, builder);
                let stack = builder.stack(None, frame);
                builder.add_part(self.thread, stack, rest);
            }
        }
    }

    /// The way on from a function that is called by `way`.
    fn inner(&self, id: usize, way: Way, builder: &mut Builder) -> Way {
        let frame = self.graph.frame(id, self.modules, builder);
        let stack = builder.stack(way.caller.map(|(_, stack)| stack), frame);
        Way {
            caller: Some((id, stack)),
            root: way.root.or(Some(stack)),
            depth: way.depth + 1,
        }
    }

    /// The functions of a group, each with the shortest way to it from where the group is entered.
    fn members(
        &self,
        entry: usize,
        way: Way,
        inside: &dyn Fn(usize) -> bool,
        builder: &mut Builder,
    ) -> Vec<(usize, Way)> {
        let mut found = HashSet::from([entry]);
        let mut order = Vec::new();
        let mut queue = VecDeque::from([(entry, way)]);
        while let Some((id, way)) = queue.pop_front() {
            order.push((id, way));
            let calls = self.graph.functions[id].calls.keys();
            for callee in calls.copied().filter(|callee| inside(*callee)) {
                if found.insert(callee) {
                    queue.push_back((callee, self.inner(id, way, builder)));
                }
            }
        }
        order
    }

    /// Without the middle of stacks that are too deep, or of too little to be told apart.
    fn short(&self, entering: Entering, least: f64, builder: &mut Builder) -> Entering {
        let mut ways = Entering::new();
        for ((entry, way), amount) in entering {
            let is_much = amount >= least && way.depth < MOST_DEPTH;
            let way = match (way.caller, way.root) {
                (Some((caller, _)), Some(root)) if !is_much && way.depth > 2 => {
                    let root = Way {
                        caller: Some((NONE, root)),
                        root: Some(root),
                        depth: 1,
                    };
                    self.inner(caller, root, builder)
                }
                _ => way,
            };
            *ways.entry((entry, way)).or_default() += amount;
        }
        ways
    }
}

/// What a function costs by itself and in functions outside its group.
fn leaving(functions: &[Function], id: usize, inside: &dyn Fn(usize) -> bool) -> f64 {
    let function = &functions[id];
    let outside = function
        .calls
        .iter()
        .filter(|(callee, _)| !inside(**callee));
    function.own_sum as f64 + outside.map(|(_, cost)| *cost as f64).sum::<f64>()
}

/// Functions that reach each other, callees before callers (Tarjan's algorithm).
fn groups(functions: &[Function]) -> Vec<Vec<usize>> {
    let mut number = vec![NONE; functions.len()];
    let mut low = vec![NONE; functions.len()];
    let mut open = Vec::new();
    let mut is_open = vec![false; functions.len()];
    let mut groups = Vec::new();
    let mut next = 0;
    let callees = |id: usize| functions[id].calls.keys();
    for start in 0..functions.len() {
        if number[start] != NONE {
            continue;
        }
        let mut work = vec![(start, None)];
        while let Some((id, rest)) = work.pop() {
            let mut rest = rest.unwrap_or_else(|| {
                (number[id], low[id]) = (next, next);
                next += 1;
                open.push(id);
                is_open[id] = true;
                callees(id)
            });
            let mut entered = false;
            while let Some(callee) = rest.next().copied() {
                if number[callee] == NONE {
                    // Its own place is looked at again when this function goes on.
                    work.push((id, Some(rest.clone())));
                    work.push((callee, None));
                    entered = true;
                    break;
                }
                if is_open[callee] {
                    low[id] = low[id].min(low[callee]);
                }
            }
            if entered {
                continue;
            }
            if let Some((caller, _)) = work.last() {
                low[*caller] = low[*caller].min(low[id]);
            }
            if low[id] == number[id] {
                let at = open.iter().rposition(|it| *it == id).unwrap_or_default();
                let members = open.split_off(at);
                members.iter().for_each(|member| is_open[*member] = false);
                groups.push(members);
            }
        }
    }
    groups
}
