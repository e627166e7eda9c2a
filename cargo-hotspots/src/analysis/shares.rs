//! Whose a sample is: the four shares, exactly as `interface.md` defines them.
//!
//! A stack is a sequence of scopes, innermost first: the inline chain of its innermost frame, then
//! that of its caller, and so on. A sample's period counts
//!
//! - as `self` for the innermost scope;
//! - as `charged` for the first scope, outward, that is none of the system (std, libc, the
//!   allocator, kernel, vdso). Where there is none, as in a stack that ends inside libc, it stays
//!   with the innermost scope: no time is lost, and no crate gets what it may not have asked for;
//! - as `caused` for the first scope of a workspace crate, or for no crate; where callers are
//!   missing, for these;
//! - as `inclusive` once for each crate and function that occurs in it.
//!
//! Stacks share their callers, so all of it is computed once for each node of the tree of stacks,
//! callers first: linear in nodes and scopes. Sums are integers and exact.

use crate::{
    profile::{FrameId, Profile, StackId},
    symbols::{FunctionId, OwnerId, Scope, Symbols},
};
use codecost::attribution::Origin;
use std::ops::AddAssign;

/// Time, and the samples that it was measured by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// The sum of the periods.
    pub period: u64,
    /// How many samples.
    pub samples: u64,
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Self) {
        self.period = self.period.saturating_add(other.period);
        self.samples = self.samples.saturating_add(other.samples);
    }
}

/// A scope by its position in [`Symbols::scopes`]; `None` where there is none.
pub(crate) type At = Option<u32>;

/// For which scopes the samples of a stack count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// The innermost.
    pub(crate) own: At,
    /// The innermost that is none of the system, else `own`.
    pub(crate) charged: At,
    /// The innermost of the workspace.
    pub(crate) caused: At,
}

/// A profile with its samples settled.
#[derive(Debug)]
pub(crate) struct Shares<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) symbols: &'a Symbols,
    /// The sum of all periods; never zero when there are samples.
    pub(crate) total: Weight,
    /// For each stack, the samples that end there.
    pub(crate) ends: Vec<Weight>,
    /// For each stack, the samples that end there or further in.
    pub(crate) below: Vec<Weight>,
    /// For each stack, for whom its samples count.
    pub(crate) settled: Vec<Settled>,
    /// For each function whether it is charged to its caller.
    passes_on: Vec<bool>,
    tree: Tree,
}

impl<'a> Shares<'a> {
    /// Settles all samples.
    pub(crate) fn new(profile: &'a Profile, symbols: &'a Symbols) -> Self {
        let stacks = profile.stacks.len();
        let mut ends = vec![Weight::default(); stacks];
        let mut total = Weight::default();
        // An event that has no period counts samples.
        let weightless = profile.counts.iter().all(|count| count.period == 0);
        for count in &profile.counts {
            let weight = Weight {
                period: if weightless {
                    count.samples
                } else {
                    count.period
                },
                samples: count.samples,
            };
            if let Some(end) = ends.get_mut(count.stack.0 as usize) {
                *end += weight;
                total += weight;
            }
        }
        let tree = Tree::new(profile);
        let mut below = ends.clone();
        for stack in (0..stacks).rev() {
            if let Some(caller) = tree.caller(stack) {
                let weight = below[stack];
                below[caller] += weight;
            }
        }
        let mut shares = Self {
            profile,
            symbols,
            total,
            ends,
            below,
            settled: Vec::with_capacity(stacks),
            passes_on: passes_on(profile, symbols),
            tree,
        };
        for stack in 0..stacks {
            let settled = shares.settle(stack);
            shares.settled.push(settled);
        }
        shares
    }

    /// The callers of `stack` are settled already.
    fn settle(&self, stack: usize) -> Settled {
        let outer = self.tree.caller(stack).map(|caller| self.settled[caller]);
        let inner = |wanted: &dyn Fn(&Scope) -> bool| {
            let mut scopes = self.scopes(stack);
            scopes.find(|(_, scope)| wanted(scope)).map(|(at, _)| at)
        };
        let own = inner(&|_| true).or(outer.and_then(|outer| outer.own));
        // A caller whose own chain is all system, and everything outside it too, was not charged
        // to any crate: then none asked for this stack either.
        let asked = |at: &u32| !self.is_system(*at);
        let charged = inner(&|scope| !self.owner_is_system(scope))
            .or_else(|| outer.and_then(|outer| outer.charged).filter(asked))
            .or(own);
        let of_workspace = |scope: &Scope| {
            self.origin(scope) == Some(Origin::Workspace) && !self.owner_is_system(scope)
        };
        // Who caused a stack whose callers are missing is not known.
        let missing = || own.filter(|_| self.is_missing(stack));
        let caused = inner(&of_workspace)
            .or_else(|| outer.and_then(|outer| outer.caused))
            .or_else(missing);
        Settled {
            own,
            charged,
            caused,
        }
    }

    /// The scopes of the innermost frame of a stack, innermost first, each with its position.
    pub(crate) fn scopes(
        &self,
        stack: usize,
    ) -> impl DoubleEndedIterator<Item = (u32, &'a Scope)> + use<'a> {
        let frame = self
            .profile
            .stacks
            .get(stack)
            .map_or(FrameId(u32::MAX), |node| node.frame);
        let first = self
            .symbols
            .chains
            .get(frame.0 as usize)
            .map_or(0, |chain| chain.first);
        let scopes = self.symbols.scopes_of(frame);
        scopes
            .iter()
            .enumerate()
            .map(move |(nth, scope)| (first + nth as u32, scope))
    }

    /// Whether a stack stands for callers that are missing.
    pub(crate) fn is_missing(&self, stack: usize) -> bool {
        let node = self.profile.stacks.get(stack);
        node.is_some_and(|node| self.profile.is_missing(node.frame))
    }

    /// The scope at a position.
    pub(crate) fn scope(&self, at: At) -> Option<&'a Scope> {
        self.symbols.scopes.get(at? as usize)
    }

    /// The function of the scope at a position.
    pub(crate) fn function(&self, at: At) -> Option<FunctionId> {
        let function = self.scope(at)?.function;
        ((function.0 as usize) < self.symbols.functions.len()).then_some(function)
    }

    /// The crate of a function.
    pub(crate) fn owner(&self, function: FunctionId) -> Option<OwnerId> {
        let owner = self.symbols.functions.get(function.0 as usize)?.owner;
        ((owner.0 as usize) < self.symbols.crates.len()).then_some(owner)
    }

    fn owner_is_system(&self, scope: &Scope) -> bool {
        let passes_on = self.passes_on.get(scope.function.0 as usize);
        passes_on.copied().unwrap_or_default()
    }

    /// Whether a scope is the system's, by its position.
    pub(crate) fn is_system(&self, at: u32) -> bool {
        self.scope(Some(at))
            .is_some_and(|scope| self.owner_is_system(scope))
    }

    fn origin(&self, scope: &Scope) -> Option<Origin> {
        let owner = self.owner(scope.function)?;
        Some(self.symbols.crates.get(owner.0 as usize)?.origin)
    }

    /// The stack of the caller.
    pub(crate) fn caller(&self, stack: usize) -> Option<usize> {
        self.tree.caller(stack)
    }

    /// All stacks whose samples end there, with their weight.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (usize, Weight)> + '_ {
        let ends = self.ends.iter().copied().enumerate();
        ends.filter(|(_, weight)| *weight != Weight::default())
    }

    /// Visits all stacks, callers before callees; `visit` is told of each stack when it is entered
    /// and when it is left.
    pub(crate) fn walk(&self, mut visit: impl FnMut(Step)) {
        self.tree.walk(&mut visit);
    }

    /// For each of `keys` things the time in which it occurs anywhere in the stack, and how much
    /// of that with its outermost occurrence inlined into its caller.
    pub(crate) fn inclusive(&self, keys: usize, key: impl Fn(&Scope) -> Option<usize>) -> Anywhere {
        let mut anywhere = Anywhere {
            inclusive: vec![Weight::default(); keys],
            inlined: vec![0; keys],
        };
        // How often each occurs on the way from the root.
        let mut open = vec![0_u32; keys];
        self.walk(|step| match step {
            Step::Enter(stack) => {
                let weight = self.below[stack];
                for (nth, (_, scope)) in self.scopes(stack).rev().enumerate() {
                    let Some(key) = key(scope).filter(|key| *key < keys) else {
                        continue;
                    };
                    if open[key] == 0 {
                        anywhere.inclusive[key] += weight;
                        if nth > 0 {
                            anywhere.inlined[key] =
                                anywhere.inlined[key].saturating_add(weight.period);
                        }
                    }
                    open[key] += 1;
                }
            }
            Step::Leave(stack) => {
                for (_, scope) in self.scopes(stack) {
                    if let Some(key) = key(scope).filter(|key| *key < keys) {
                        open[key] -= 1;
                    }
                }
            }
        });
        anywhere
    }
}

/// Which functions are the system's. In a recording of allocations the user's own allocator is, too:
/// nobody wants to know that it is what allocates.
fn passes_on(profile: &Profile, symbols: &Symbols) -> Vec<bool> {
    let of_allocations = profile.allocations.is_some();
    let functions = symbols.functions.iter();
    functions
        .map(|function| {
            let owner = symbols.crates.get(function.owner.0 as usize);
            owner.is_some_and(|owner| owner.system) || of_allocations && allocates(&function.name)
        })
        .collect()
}

/// The methods of a `#[global_allocator]`, and what the compiler makes of it.
fn allocates(name: &str) -> bool {
    name.contains(" as core::alloc::global::GlobalAlloc>::")
        || name.contains("__rust_alloc")
        || name.contains("__rust_realloc")
}

/// What [`Shares::inclusive`] finds.
#[derive(Debug)]
pub(crate) struct Anywhere {
    pub(crate) inclusive: Vec<Weight>,
    /// Periods.
    pub(crate) inlined: Vec<u64>,
}

/// A step of a walk over the tree of stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A stack, before all that it calls.
    Enter(usize),
    /// A stack, after all that it calls.
    Leave(usize),
}

/// The tree of stacks, from callers to callees.
#[derive(Debug)]
struct Tree {
    /// The caller of each stack, or [`NONE`].
    callers: Vec<u32>,
    /// The first callee of each stack, or [`NONE`].
    first: Vec<u32>,
    /// The next callee of the same caller, or [`NONE`].
    next: Vec<u32>,
    /// The first stack without a caller; the others follow by `next`.
    root: u32,
}

const NONE: u32 = u32::MAX;

impl Tree {
    fn new(profile: &Profile) -> Self {
        let stacks = profile.stacks.len();
        let mut tree = Self {
            callers: vec![NONE; stacks],
            first: vec![NONE; stacks],
            next: vec![NONE; stacks],
            root: NONE,
        };
        // Backwards, so that the lists are in the order of the profile.
        for (stack, node) in profile.stacks.iter().enumerate().rev() {
            // A caller that does not come earlier is no caller, or walks would not end.
            let caller = node.caller.map(|StackId(caller)| caller);
            let caller = caller.filter(|caller| (*caller as usize) < stack);
            let list = match caller {
                Some(caller) => {
                    tree.callers[stack] = caller;
                    &mut tree.first[caller as usize]
                }
                None => &mut tree.root,
            };
            tree.next[stack] = *list;
            *list = stack as u32;
        }
        tree
    }

    fn caller(&self, stack: usize) -> Option<usize> {
        let caller = *self.callers.get(stack)?;
        (caller != NONE).then_some(caller as usize)
    }

    fn walk(&self, visit: &mut dyn FnMut(Step)) {
        let mut at = self.root;
        while at != NONE {
            let mut stack = at as usize;
            visit(Step::Enter(stack));
            at = self.first[stack];
            // Up again until there is a way down.
            while at == NONE {
                visit(Step::Leave(stack));
                at = self.next[stack];
                match self.caller(stack) {
                    Some(caller) if at == NONE => stack = caller,
                    _ => break,
                }
            }
        }
    }
}
