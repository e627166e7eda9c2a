//! What stands between functions of one crate.
//!
//! Linkers keep the functions of a codegen unit together, and an optimiser that merges units keeps
//! their order. Of the small functions in between many are copies of generic ones that others wrote;
//! large ones mostly are the crate's own.

use super::{Basis, Guess, Inputs, Slots, calls, is_open, written_by};
use codecost::attribution::{CodeMap, CrateId, Crates, Origin};

/// Smaller functions are mostly copies of generic ones.
const LEAST: u64 = 256;

/// So far to either side a function of `std` may stand, when the one between calls `std` as well, and
/// is not called by it, as copies of generic functions are.
///
/// Without that condition a lone function between two of `std`'s was right for 15 % of the bytes on
/// Mach-O, where the crates that `std` depends on are linked among its own functions. `core` and `alloc`
/// are mostly generic, so their copies stand among those of every crate that uses them (43 % right).
const NEAR: usize = 16;

pub(super) fn find(
    inputs: &Inputs<'_, '_>,
    slots: &Slots,
    code: &CodeMap,
    crates: &Crates<'_>,
    guesses: &mut [Option<Guess>],
) {
    let owners: Vec<CrateId> = code
        .functions
        .iter()
        .zip(guesses.iter())
        .map(|(function, guess)| match guess {
            Some(guess) => guess.owner.defined,
            None => function.owner.defined,
        })
        .collect();
    let mut between: Vec<(usize, CrateId, bool)> = Vec::new();
    let mut before: Option<usize> = None;
    for (at, owner) in owners.iter().enumerate() {
        if *owner == CrateId::UNKNOWN {
            continue;
        }
        let from = before.replace(at);
        let Some(from) = from.filter(|from| owners[*from] == *owner && at - from > 1) else {
            continue;
        };
        let same = code.functions[from].section == code.functions[at].section;
        let alone = at - from == 2;
        let info = crates.info(*owner);
        let in_std = info.origin == Origin::Std && info.name == "std";
        if crates.is_bucket(*owner) || !(alone || in_std) {
            continue;
        }
        let alone = alone && !in_std;
        let open = (from + 1..at).filter(|one| {
            let near = one - from <= NEAR && at - one <= NEAR;
            same && near && code.functions[*one].range.size >= LEAST
        });
        between.extend(open.map(|one| (one, *owner, alone)));
    }
    if between.is_empty() {
        return;
    }
    let calls = calls::find(inputs.image, slots, code);
    let mut called = vec![CrateId::UNKNOWN; owners.len()];
    let mut takes = |at: usize, by: CrateId| {
        if let Some(called) = called.get_mut(at)
            && by != CrateId::UNKNOWN
        {
            *called = by;
        }
    };
    for (from, to) in &calls {
        takes(*to as usize, owners[*from as usize]);
    }
    for (at, owner, alone) in between {
        let first = calls.partition_point(|(from, _)| (*from as usize) < at);
        let own = calls.get(first..).unwrap_or_default().iter();
        let mut own = own.take_while(|(from, _)| *from as usize == at);
        let calls_it = own.any(|(_, to)| owners[*to as usize] == owner);
        let is_called = called[at] == owner;
        if guesses[at].is_none()
            && is_open(code.functions[at].owner)
            && (alone || (calls_it && !is_called))
        {
            guesses[at] = Some(Guess {
                basis: Basis::Neighbour,
                owner: written_by(owner),
                symbol: None,
            });
        }
    }
}
