//! One-time initialisation (`LazyLock`, `OnceLock`, `Once`) that takes a noticeable part of the
//! run: what it computes may be a constant.

use super::{command::callees, groups};
use crate::analysis::{
    model::{Finding, Weight},
    select::path_of,
    shares::{At, Shares, Step},
    subject::Subject,
};
use std::collections::HashMap;

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
    let is_system = |function: crate::symbols::FunctionId| {
        let owner = shares.owner(function);
        let owner = owner.and_then(|owner| symbols.crates.get(owner.0 as usize));
        owner.is_none_or(|owner| owner.system)
    };
    // On the way from the root: whether an initialisation is under way, and by which function.
    let mut way: Vec<(bool, At)> = Vec::new();
    let mut initialisers: HashMap<u32, Weight> = HashMap::new();
    shares.walk(|step| match step {
        Step::Enter(stack) => {
            let (mut within, mut by) = way.last().copied().unwrap_or_default();
            for (at, scope) in shares.scopes(stack).rev() {
                if once.get(scope.function.0 as usize) == Some(&true) {
                    (within, by) = (true, by);
                } else if within && by.is_none() && !is_system(scope.function) {
                    by = Some(at);
                }
            }
            if let Some(by) = by.filter(|_| within) {
                *initialisers.entry(by).or_default() += shares.ends[stack];
            }
            way.push((within, by));
        }
        Step::Leave(_) => {
            way.pop();
        }
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
