//! Which of the variants that are worth it is taken: the knee of the front, unless told otherwise.
//!
//! A program that is 0.3 % smaller and takes twice the time is no gain, so size alone does not
//! choose where time is known. What the goal asks for counts double: in a search for size, one per
//! cent of size is worth two per cent of time, in a search for speed the reverse. From the smallest
//! (for speed: the fastest) variant the choice goes on to others as long as they are better by this
//! measure. Only differences of time that are proven count, and only those that the luck of code
//! layout cannot explain.
//!
//! Where no time was measured, none is estimated. But a lower opt-level is known to cost time, so
//! among programs within 1 % of the smallest the one with the faster opt-level is taken.

use codecost::cargo::config::Value;

use super::outcome::{Outcome, Status, worthwhile};
use super::paired::{self, Interval};
use crate::knob::{Key, Subject};
use crate::plan::Goal;

/// A gain of time under this share can be the luck of code layout.
const LAYOUT: f64 = 0.03;
/// Without times, so much more size is accepted for a faster opt-level.
const UNTIMED_SLACK: f64 = 0.01;

/// What the user would rather have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefer {
    /// The smallest, at any price in time.
    Size,
    /// The fastest, at any price in size.
    Speed,
}

/// How to choose among variants that are all worth it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Taste {
    /// One side of the front in place of its knee.
    pub prefer: Option<Prefer>,
    /// The largest share of the baseline's time that may be lost.
    pub max_slowdown: Option<f64>,
}

impl Taste {
    /// Whether it says nothing unless programs were timed.
    pub fn needs_times(self) -> bool {
        self.max_slowdown.is_some() || self.prefer == Some(Prefer::Speed)
    }

    /// The index of the row to take; `None` where the baseline is best.
    pub(super) fn pick(self, goal: Goal, baseline: &Outcome, rows: &[Outcome]) -> Option<usize> {
        let is_timed = rows.iter().any(|row| row.time.is_some());
        let worth = match goal {
            Goal::Speed => faster(rows),
            _ => smaller(baseline, rows),
        };
        let candidates: Vec<Candidate<'_>> = worth
            .into_iter()
            .filter_map(|index| Candidate::new(index, rows.get(index)?, baseline, is_timed))
            // A bound is a promise: the whole interval is within it.
            .filter(|c| {
                self.max_slowdown
                    .is_none_or(|most| c.pace.high <= 1.0 + most)
            })
            .collect();
        let picked = match (goal, self.prefer, self.max_slowdown) {
            (Goal::Speed, Some(Prefer::Size), _) => smallest(&candidates),
            (Goal::Speed, Some(Prefer::Speed), _) => fastest(&candidates),
            (Goal::Speed, None, _) => knee_from_fastest(&candidates),
            (_, None, None) if !is_timed => untimed(&candidates),
            (_, Some(Prefer::Speed), _) => quickest(&candidates),
            (_, Some(Prefer::Size), _) | (_, None, Some(_)) => smallest(&candidates),
            (_, None, None) => {
                let stay = Candidate::new(rows.len(), baseline, baseline, is_timed);
                knee_from_smallest(&candidates, stay)
            }
        };
        picked.map(|c| c.index).filter(|index| *index < rows.len())
    }

    /// The rows that may be within the bound on the slowdown, by their figure, and are not shown to
    /// be by their interval, where they are smaller than what is chosen.
    pub(super) fn unshown<'r>(
        self,
        chosen: &Outcome,
        baseline: &Outcome,
        rows: &'r [Outcome],
    ) -> Vec<&'r Outcome> {
        let Some(most) = self.max_slowdown.map(|most| 1.0 + most) else {
            return Vec::new();
        };
        let worth = smaller(baseline, rows);
        let rows = worth.into_iter().filter_map(|index| rows.get(index));
        rows.filter(|row| row.size() < chosen.size())
            .filter(|row| pace(row, baseline).is_some_and(|p| p.ratio <= most && p.high > most))
            .collect()
    }

    /// The level that goes into the combination of what held: `rows` differ by opt-level only.
    pub(super) fn level<'r>(
        self,
        rows: impl Iterator<Item = &'r Outcome>,
        baseline: &Outcome,
    ) -> Option<&'r Outcome> {
        let rows: Vec<&Outcome> = rows.filter(|row| row.size().is_some()).collect();
        let candidates: Vec<Candidate<'_>> = rows
            .iter()
            .enumerate()
            .filter_map(|(index, row)| Candidate::new(index, row, baseline, false))
            .collect();
        let picked = match self.prefer {
            Some(Prefer::Size) => candidates.iter().min_by_key(|c| c.size).copied(),
            _ => untimed(&candidates),
        };
        rows.get(picked?.index).copied()
    }
}

/// A variant that may be taken.
#[derive(Clone, Copy)]
struct Candidate<'r> {
    index: usize,
    outcome: &'r Outcome,
    size: u64,
    /// Its time against the baseline's.
    pace: Interval,
}

impl<'r> Candidate<'r> {
    /// `None` where a figure is missing that the others have.
    fn new(index: usize, row: &'r Outcome, baseline: &Outcome, timed: bool) -> Option<Self> {
        let pace = match pace(row, baseline) {
            Some(pace) => pace,
            None if timed => return None,
            None => Interval::SAME,
        };
        Some(Self {
            index,
            outcome: row,
            size: row.size()?,
            pace,
        })
    }

    fn knobs(self) -> usize {
        self.outcome.variant.assignments.len()
    }

    /// What the knee has the least of: size times time, that of the goal squared.
    fn cost(self, goal: Goal) -> f64 {
        let (size, time) = (self.size as f64, self.pace.ratio);
        match goal {
            Goal::Speed => size * time * time,
            _ => size * size * time,
        }
    }

    fn is_as_fast_as(self, other: Self) -> bool {
        self.pace.low <= other.pace.high
    }

    /// Whether it is proven to be faster, by more than the luck of code layout.
    fn is_faster_than(self, other: Self) -> bool {
        self.pace.high < other.pace.low && self.pace.ratio < other.pace.ratio * (1.0 - LAYOUT)
    }

    fn level(self) -> u8 {
        // Nothing is preferred to what says nothing.
        level(self.outcome).unwrap_or(0)
    }
}

/// How fast the opt-level of a variant is meant to be; `None` where it says nothing of it.
pub(super) fn level(row: &Outcome) -> Option<u8> {
    let subject = Subject::key(Key::OptLevel);
    let mut own = row.variant.assignments.iter();
    match own.find(|a| a.subject() == subject)?.value() {
        Value::String(level) if level == "z" => Some(0),
        Value::String(level) if level == "s" => Some(1),
        Value::Integer(level) => Some(2 + u8::try_from(level).unwrap_or_default()),
        _ => None,
    }
}

/// A variant's time against the baseline's; identical bytes take the same time.
pub fn pace(row: &Outcome, baseline: &Outcome) -> Option<Interval> {
    let hash = |outcome: &Outcome| outcome.weighed.as_ref().map(|w| w.hash);
    let same = || baseline.time.filter(|_| hash(row) == hash(baseline));
    row.time.or_else(same)
}

/// The rows that are smaller than the baseline by more than the threshold.
fn smaller(baseline: &Outcome, rows: &[Outcome]) -> Vec<usize> {
    let Some(whole) = baseline.size() else {
        return Vec::new();
    };
    let gains = |row: &Outcome| {
        let gain = row.size().map(|size| i128::from(whole) - i128::from(size));
        row.status != Status::Failed && gain.is_some_and(|gain| worthwhile(gain, whole))
    };
    (0..rows.len())
        .filter(|index| rows.get(*index).is_some_and(gains))
        .collect()
}

/// The rows whose gain of time is proven against all that were tried.
fn faster(rows: &[Outcome]) -> Vec<usize> {
    let timed: Vec<(usize, Interval)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.status != Status::Failed)
        .filter_map(|(index, row)| Some((index, row.time?)))
        .collect();
    let p: Vec<f64> = timed.iter().map(|(_, time)| time.p_faster).collect();
    timed
        .into_iter()
        .zip(paired::holm(&p))
        .filter(|((_, time), holds)| *holds && time.high < 1.0)
        .map(|((index, _), _)| index)
        .collect()
}

/// Of those within the threshold of the smallest, the one that turns the fewest knobs.
fn smallest<'r>(candidates: &[Candidate<'r>]) -> Option<Candidate<'r>> {
    let least = candidates.iter().min_by_key(|c| c.size)?;
    simplest(candidates, *least, |_| true)
}

/// Of those as small as `chosen`, within the threshold, the one that turns the fewest knobs.
fn simplest<'r>(
    candidates: &[Candidate<'r>],
    chosen: Candidate<'r>,
    accept: impl Fn(&Candidate<'r>) -> bool,
) -> Option<Candidate<'r>> {
    let close = |c: &&Candidate<'r>| {
        !worthwhile(i128::from(c.size) - i128::from(chosen.size), chosen.size) && accept(c)
    };
    let close = candidates.iter().filter(close);
    close.min_by_key(|c| (c.knobs(), c.size)).copied()
}

fn fastest<'r>(candidates: &[Candidate<'r>]) -> Option<Candidate<'r>> {
    let all = candidates.iter();
    all.min_by(|a, b| a.pace.ratio.total_cmp(&b.pace.ratio))
        .copied()
}

/// Of those that are not proven slower than the fastest, the smallest.
fn quickest<'r>(candidates: &[Candidate<'r>]) -> Option<Candidate<'r>> {
    let first = fastest(candidates)?;
    let close = candidates.iter().filter(|c| c.is_as_fast_as(first));
    let close: Vec<Candidate<'r>> = close.copied().collect();
    smallest(&close)
}

/// From the smallest on, while the time saved is worth the size. `stay` is the baseline.
fn knee_from_smallest<'r>(
    candidates: &[Candidate<'r>],
    stay: Option<Candidate<'r>>,
) -> Option<Candidate<'r>> {
    let mut knee = smallest(candidates)?;
    let mut by_size: Vec<Candidate<'r>> = candidates.iter().copied().chain(stay).collect();
    by_size.sort_by_key(|c| c.size);
    for next in by_size {
        if next.is_faster_than(knee) && next.cost(Goal::Size) < knee.cost(Goal::Size) {
            knee = next;
        }
    }
    // Fewer knobs are better, if they are as small and not proven slower.
    let simple = simplest(candidates, knee, |c| c.is_as_fast_as(knee));
    match simple {
        Some(simple) if stay.is_none_or(|stay| stay.index != knee.index) => Some(simple),
        _ => Some(knee),
    }
}

/// From the fastest on, while the size saved is worth the time.
fn knee_from_fastest<'r>(candidates: &[Candidate<'r>]) -> Option<Candidate<'r>> {
    let mut knee = fastest(candidates)?;
    let mut by_time = candidates.to_vec();
    by_time.sort_by(|a, b| a.pace.ratio.total_cmp(&b.pace.ratio));
    for next in by_time {
        let gain = i128::from(knee.size) - i128::from(next.size);
        if worthwhile(gain, knee.size) && next.cost(Goal::Speed) < knee.cost(Goal::Speed) {
            knee = next;
        }
    }
    Some(knee)
}

/// Without times: within 1 % of the smallest the fastest opt-level, then the fewest knobs.
fn untimed<'r>(candidates: &[Candidate<'r>]) -> Option<Candidate<'r>> {
    let least = candidates.iter().map(|c| c.size).min()?;
    let limit = least as f64 * (1.0 + UNTIMED_SLACK);
    let near = candidates.iter().filter(|c| c.size as f64 <= limit);
    let best = near.max_by_key(|c| (c.level(), std::cmp::Reverse(c.size)))?;
    let level = best.level();
    simplest(candidates, *best, |c| c.level() == level)
}

#[cfg(test)]
mod tests;
