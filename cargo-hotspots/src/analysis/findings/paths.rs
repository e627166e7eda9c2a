//! Stacks as paths: the scopes from the outermost function inward, each with its position.

use crate::{
    analysis::{model::Weight, shares::Shares},
    symbols::{Function, Owner, Scope},
};
use codecost::attribution::Origin;

/// A function on a path.
#[derive(Clone, Copy)]
pub(super) struct Step<'s> {
    /// The position of the scope in [`Symbols::scopes`](crate::symbols::Symbols::scopes).
    pub(super) at: u32,
    pub(super) function: &'s Function,
    pub(super) owner: &'s Owner,
}

impl Step<'_> {
    pub(super) fn name(&self) -> &str {
        &self.function.name
    }

    pub(super) fn system(&self) -> bool {
        self.owner.system
    }
}

/// Calls `with` for each stack that samples end in; the path is outermost first. Linear in the
/// depth of all stacks.
pub(super) fn each<'s>(shares: &Shares<'s>, mut with: impl FnMut(&[Step<'s>], Weight)) {
    let mut path: Vec<Step<'s>> = Vec::new();
    for (stack, weight) in shares.ends() {
        path.clear();
        let mut from = Some(stack);
        while let Some(stack) = from {
            path.extend(
                shares
                    .scopes(stack)
                    .filter_map(|(at, scope)| step(shares, at, scope)),
            );
            from = shares.caller(stack);
        }
        path.reverse();
        with(&path, weight);
    }
}

fn step<'s>(shares: &Shares<'s>, at: u32, scope: &'s Scope) -> Option<Step<'s>> {
    let function = shares.symbols.functions.get(scope.function.0 as usize)?;
    let owner = shares.symbols.crates.get(function.owner.0 as usize)?;
    Some(Step {
        at,
        function,
        owner,
    })
}

/// The nearest function of the workspace outward from the end of `path`; where there is none, as
/// [`asker`].
pub(super) fn own_asker<'p, 's>(path: &'p [Step<'s>]) -> Option<&'p Step<'s>> {
    let mut outward = path.iter().rev();
    let own = outward.find(|step| step.owner.origin == Origin::Workspace);
    own.or_else(|| asker(path))
}

/// The nearest function outward from the end of `path` that is not of the system, nor a harness's.
pub(super) fn asker<'p, 's>(path: &'p [Step<'s>]) -> Option<&'p Step<'s>> {
    let mut outward = path.iter().rev();
    let asker = outward.find(|step| !step.system())?;
    (!super::groups::is_harness(asker.owner)).then_some(asker)
}
