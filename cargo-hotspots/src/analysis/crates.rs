//! Time by crate.

use super::{
    label::{label_of, no_workspace_caller, unknown},
    model::{Analysis, CrateRow, Times},
    shares::{At, Shares},
    subject::Subject,
};
use codecost::Result;

/// All crates that occur, most charged first.
///
/// # Errors
///
/// There is not one sample.
pub fn crates(subject: &Subject<'_>) -> Result<Analysis<Vec<CrateRow>>> {
    subject.analyse(|shares| Ok(rows(shares)))
}

/// All crates that occur, most charged first. `own`, `charged` and `caused` each sum to the whole.
pub(super) fn rows(shares: &Shares<'_>) -> Vec<CrateRow> {
    let crates = shares.symbols.crates.len();
    // One more, for what has no crate at all, and one for what no workspace crate caused.
    let (nobody, uncaused) = (crates, crates + 1);
    let mut times = vec![Times::default(); crates + 2];
    let owner = |at: At| {
        let owner = shares
            .function(at)
            .and_then(|function| shares.owner(function));
        owner.map(|owner| owner.0 as usize)
    };
    for (stack, weight) in shares.ends() {
        let settled = shares.settled[stack];
        let own = &mut times[owner(settled.own).unwrap_or(nobody)].own;
        *own = own.saturating_add(weight.period);
        times[owner(settled.charged).unwrap_or(nobody)].charged += weight;
        let caused = &mut times[owner(settled.caused).unwrap_or(uncaused)].caused;
        *caused = caused.saturating_add(weight.period);
    }
    let anywhere = shares.inclusive(crates, |scope| {
        shares.owner(scope.function).map(|owner| owner.0 as usize)
    });
    for (times, inclusive) in times.iter_mut().zip(&anywhere.inclusive) {
        times.inclusive = inclusive.period;
    }
    times[nobody].inclusive = times[nobody].own;

    let label = |at: usize| match shares.symbols.crates.get(at) {
        Some(owner) => label_of(owner),
        None if at == nobody => unknown(),
        None => no_workspace_caller(),
    };
    let mut rows: Vec<CrateRow> = times
        .into_iter()
        .enumerate()
        .filter(|(_, times)| !times.is_nothing())
        .map(|(at, times)| CrateRow {
            label: label(at),
            times,
        })
        .collect();
    rows.sort_by(|a, b| {
        order(&b.times)
            .cmp(&order(&a.times))
            .then_with(|| a.label.name.cmp(&b.label.name))
    });
    rows
}

/// Most charged first.
pub(super) fn order(times: &Times) -> (u64, u64, u64, u64) {
    (
        times.charged.period,
        times.own,
        times.inclusive,
        times.caused,
    )
}
