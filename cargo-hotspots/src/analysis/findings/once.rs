//! One-time initialisation (`LazyLock`, `OnceLock`, `Once`) that takes a noticeable part of the
//! run: what it computes may be a constant.
//!
//! What happens once has one caller, so all its samples have the same stack outside. A cell in each of
//! many values is initialised from many places, and is no matter of start-up.

use super::{command::callees, groups};
use crate::analysis::{
    model::{Finding, Weight},
    select::path_of,
    shares::{At, Shares, Step},
    subject::Subject,
};
use crate::symbols::FunctionId;
use std::collections::{BTreeSet, HashMap};

pub(super) fn find(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let symbols = shares.symbols;
    let once: Vec<bool> = symbols
        .functions
        .iter()
        .map(|function| initialises(&function.name))
        .collect();
    if !once.contains(&true) {
        return None;
    }
    let is_system = |function: FunctionId| {
        let owner = shares.owner(function);
        let owner = owner.and_then(|owner| symbols.crates.get(owner.0 as usize));
        owner.is_none_or(|owner| owner.system)
    };
    // On the way from the root: the caller of an initialisation that is under way, and by which
    // function it is done.
    let mut way: Vec<(Option<usize>, At)> = Vec::new();
    let mut initialisers: HashMap<u32, Weight> = HashMap::new();
    let mut callers: HashMap<FunctionId, BTreeSet<usize>> = HashMap::new();
    shares.walk(|step| match step {
        Step::Enter(stack) => {
            let (mut within, mut by) = way.last().copied().unwrap_or_default();
            for (at, scope) in shares.scopes(stack).rev() {
                if once.get(scope.function.0 as usize) == Some(&true) {
                    within = within.or(Some(shares.caller(stack).unwrap_or(stack)));
                } else if within.is_some() && by.is_none() && !is_system(scope.function) {
                    by = Some(at);
                }
            }
            if let (Some(at), Some(caller)) = (by, within) {
                *initialisers.entry(at).or_default() += shares.ends[stack];
                if let Some(function) = shares.function(by) {
                    callers.entry(function).or_default().insert(caller);
                }
            }
            way.push((within, by));
        }
        Step::Leave(_) => {
            way.pop();
        }
    });
    initialisers.retain(|at, _| {
        let function = shares.function(Some(*at));
        let callers = function.and_then(|function| callers.get(&function));
        callers.is_none_or(|callers| callers.len() == 1)
    });
    let requesters = groups::by_function(shares, initialisers);
    let first = requesters.first()?;
    Some(Finding {
        code: "one-time-initialisation",
        title: format!("one-time initialisation by `{}`", first.function),
        time: first.time.period,
        sureness: 0.5,
        place: Some(first.place()),
        evidence: vec![first.evidence(shares.total)],
        advice: "what does not depend on the run can be a `const`, or be made by a build script; \
                 what is not always needed can be made later"
            .into(),
        command: callees(&first.function, subject),
    })
}

/// The functions that run an initialiser once.
fn initialises(name: &str) -> bool {
    let path = path_of(name);
    [
        "std::sync::once::Once::call",
        "std::sys::sync::once::",
        "std::sync::poison::once::Once::call",
        "std::sync::lazy_lock::LazyLock::force",
        "std::sync::once_lock::OnceLock::initialize",
        "core::cell::once::OnceCell::try_init",
        "core::cell::lazy::LazyCell::",
        "once_cell::imp::",
        "once_cell::race::",
        "lazy_static::lazy::Lazy::get",
        "spin::once::Once::try_call_once_slow",
    ]
    .iter()
    .any(|prefix| path.starts_with(prefix))
}
