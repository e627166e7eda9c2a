//! Which variant wins, which knobs are worth it, and what nothing beats.

use super::outcome::{Outcome, Status, worthwhile};
use super::paired::{self, Interval};
use super::variant::Role;
use crate::plan::{Goal, Request};

/// Gives every row its status.
pub fn choose(request: &Request, baseline: &mut Outcome, rows: &mut [Outcome]) {
    let recipe = rows.iter().find(|r| r.variant.role == Role::Recipe);
    let whole = recipe.unwrap_or(baseline).weighed.clone();
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
    let winner = match request.goal {
        Goal::Speed => fastest(rows),
        _ => smallest(rows, baseline),
    };
    match winner.and_then(|index| rows.get_mut(index)) {
        Some(row) => row.status = Status::Chosen,
        None => {
            baseline.status = Status::Chosen;
            baseline.reason = Some(match request.goal {
                Goal::Speed => "no variant is faster by more than the noise".to_owned(),
                _ => "no variant is smaller by more than the threshold".to_owned(),
            });
        }
    }
}

/// The smallest, unless it is no better than the baseline. Among those within the threshold of the
/// smallest, the one that turns the fewest knobs.
fn smallest(rows: &[Outcome], baseline: &Outcome) -> Option<usize> {
    let fit = |r: &&Outcome| r.status != Status::Failed && r.size().is_some();
    let least = rows.iter().filter(fit).filter_map(Outcome::size).min()?;
    let whole = baseline.size()?;
    if !worthwhile(i128::from(whole) - i128::from(least), whole) {
        return None;
    }
    let close = |r: &Outcome| {
        r.size()
            .is_some_and(|size| !worthwhile(i128::from(size) - i128::from(least), least))
    };
    rows.iter()
        .enumerate()
        .filter(|(_, r)| fit(r) && close(r))
        .min_by_key(|(_, r)| (r.variant.assignments.len(), r.size()))
        .map(|(index, _)| index)
}

/// The fastest of those whose gain is proven against all that were tried.
fn fastest(rows: &[Outcome]) -> Option<usize> {
    let timed: Vec<(usize, Interval)> = rows
        .iter()
        .enumerate()
        .filter(|(_, r)| r.status != Status::Failed)
        .filter_map(|(index, r)| Some((index, r.time?)))
        .collect();
    let p: Vec<f64> = timed.iter().map(|(_, time)| time.p_faster).collect();
    timed
        .into_iter()
        .zip(paired::holm(&p))
        .filter(|((_, time), holds)| *holds && time.high < 1.0)
        .map(|(row, _)| row)
        .min_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio))
        .map(|(index, _)| index)
}

/// The rows that no other row beats in both size and time (or, without time, in size and in the
/// seconds that a build takes).
pub fn pareto(baseline: &Outcome, rows: &[Outcome]) -> Vec<String> {
    let all: Vec<&Outcome> = std::iter::once(baseline)
        .chain(rows)
        .filter(|r| r.status != Status::Failed && r.weighed.is_some())
        .collect();
    let cost = |r: &Outcome| {
        let size = r.size().unwrap_or(u64::MAX) as f64;
        let other = r.time.map_or_else(
            || {
                r.weighed
                    .as_ref()
                    .and_then(|w| w.build_ns)
                    .map_or(f64::MAX, |ns| ns as f64)
            },
            |t| t.ratio,
        );
        (size, other)
    };
    all.iter()
        .filter(|r| {
            let (size, other) = cost(r);
            !all.iter().any(|o| {
                let (s, t) = cost(o);
                s <= size && t <= other && (s < size || t < other)
            })
        })
        .map(|r| r.variant.name())
        .collect()
}

#[cfg(test)]
mod tests;
