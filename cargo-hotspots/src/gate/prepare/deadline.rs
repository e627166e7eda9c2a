//! How long a process may take where the whole comparison has a budget: one that hangs must not
//! take all of it, and nothing is waited for when it is over.

use std::time::{Duration, Instant};

/// One process that hangs may take this part of the budget. A comparison needs some fifty
/// processes of each benchmark, so what takes longer does not fit in it anyway.
const PART: u32 = 8;
/// Any process may take so long.
const LEAST: Duration = Duration::from_secs(1);

/// When a comparison has to be at its end.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    start: Instant,
    budget: Option<Duration>,
}

impl Deadline {
    /// Of a comparison that begins now.
    pub fn new(budget: Option<Duration>) -> Self {
        Self {
            start: Instant::now(),
            budget,
        }
    }

    /// How much of the budget is left.
    pub fn left(&self) -> Option<Duration> {
        let budget = self.budget?;
        Some(budget.saturating_sub(self.start.elapsed()))
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// The patience with a process of which nothing is known; `most` without a budget.
    pub(in crate::gate) fn first(&self, most: Duration) -> Duration {
        let Some((budget, left)) = self.budget.zip(self.left()) else {
            return most;
        };
        most.min((budget / PART).min(left).max(LEAST))
    }

    /// The patience with one that took `expected` before; `most` without a budget.
    pub(super) fn known(&self, most: Duration, expected: Duration) -> Duration {
        let Some(left) = self.left() else {
            return most;
        };
        most.min(left.max(expected * 4).max(LEAST))
    }
}
