//! Which variant wins, which knobs are worth it, and what nothing beats.

use super::outcome::{Outcome, Status, worthwhile};
use super::taste::{Taste, level, pace};
use super::variant::Role;
use crate::plan::{Goal, Request};

/// Gives every row its status.
pub fn choose(request: &Request, taste: Taste, baseline: &mut Outcome, rows: &mut [Outcome]) {
    let planned = rows.iter().find(|r| r.variant.role == Role::Plan);
    let whole = planned.unwrap_or(baseline).weighed.clone();
    for row in rows.iter_mut().filter(|r| r.status != Status::Failed) {
        let Some(weighed) = &row.weighed else {
            continue;
        };
        row.status = Status::Dropped;
        let ablation = matches!(row.variant.role, Role::Without(_));
        if let (true, Some(whole)) = (ablation, &whole) {
            let gain = i128::from(weighed.size()) - i128::from(whole.size());
            if weighed.hash == whole.hash {
                row.status = Status::NoEffect;
            } else if request.goal != Goal::Speed && worthwhile(gain, whole.size()) {
                row.status = Status::Kept;
            }
        }
    }
    let winner = taste.pick(request.goal, baseline, rows);
    match winner.and_then(|index| rows.get_mut(index)) {
        Some(row) => row.status = Status::Chosen,
        None => {
            let whole = baseline.size().unwrap_or_default();
            let gain = |row: &Outcome| Some(i128::from(whole) - i128::from(row.size()?));
            let is_smaller = |row: &&Outcome| gain(row).is_some_and(|gain| worthwhile(gain, whole));
            let has_failed = |row: &&Outcome| row.status == Status::Failed;
            // Smaller ones that failed, such as by the command of --verify.
            let failed = rows.iter().filter(has_failed);
            let failed = failed
                .filter(|row| request.goal == Goal::Speed || is_smaller(row))
                .find_map(|row| row.reason.as_deref());
            let mut others = rows.iter().filter(|row| !has_failed(row));
            let is_smaller = others.clone().any(|row| is_smaller(&row));
            let none_left = others.next().is_none();
            baseline.status = Status::Chosen;
            baseline.reason = Some(match request.goal {
                Goal::Speed if none_left && failed.is_some() => {
                    format!("every variant failed: {}", failed.unwrap_or_default())
                }
                Goal::Size if !is_smaller && failed.is_some() => {
                    let reason = failed.unwrap_or_default();
                    format!("every smaller variant failed: {reason}")
                }
                Goal::Speed => "no variant is faster by more than the noise".to_owned(),
                _ if is_smaller && taste.max_slowdown.is_some() => {
                    "no smaller variant is shown to be within --max-slowdown".to_owned()
                }
                _ if is_smaller => "no smaller variant is worth its time".to_owned(),
                _ => "no variant is smaller by more than the threshold".to_owned(),
            });
        }
    }
}

/// The rows that no other row beats in both size and time (or, without time, in size and in the
/// seconds that a build takes, where both builds compiled the same crates).
///
/// Where no time was measured a lower opt-level beats no higher one: it is known to cost time, which
/// is why the choice may be the larger program.
pub fn pareto(baseline: &Outcome, rows: &[Outcome]) -> Vec<String> {
    let all: Vec<&Outcome> = std::iter::once(baseline)
        .chain(rows)
        .filter(|r| r.status != Status::Failed && r.weighed.is_some())
        .collect();
    let is_timed = all.iter().any(|r| r.time.is_some());
    let cost = |r: &Outcome| {
        let size = r.size().unwrap_or(u64::MAX) as f64;
        let build = || r.weighed.as_ref().and_then(|w| w.build_ns);
        let other = if is_timed {
            pace(r, baseline).map_or(f64::MAX, |time| time.ratio)
        } else {
            build().map_or(f64::MAX, |ns| ns as f64)
        };
        (size, other)
    };
    // The times of builds that compiled other crates say nothing beside each other.
    let units = |r: &Outcome| r.weighed.as_ref().map_or(0, |w| w.units);
    // Without a level of its own it has the one that it was built with before.
    let speed = |row: &Outcome| level(row).unwrap_or(u8::MAX);
    let beats = |one: &Outcome, other: &Outcome| {
        let ((s, t), (size, time)) = (cost(one), cost(other));
        let as_fast = is_timed || speed(one) >= speed(other);
        let (no_longer, shorter) = match is_timed || units(one) == units(other) {
            true => (t <= time, t < time),
            false => (true, false),
        };
        as_fast && s <= size && no_longer && (s < size || shorter)
    };
    let taken = |row: &&&Outcome| row.status == Status::Chosen;
    all.iter()
        // The choice is within the threshold of the best, with fewer knobs.
        .filter(|row| taken(row) || !all.iter().any(|other| beats(other, row)))
        .map(|row| row.variant.name())
        .collect()
}

#[cfg(test)]
mod tests;
