//! The minimum detectable change: how blind a run was.
//!
//! It is the smallest true slowdown that the rule of [`super::verdict`] would have called at least
//! `attention` in four of five runs with the spread of this one. The spread is taken as it is: the
//! distribution of the blocks around their median, with straight lines between them, so no shape
//! is assumed. For a given change the two conditions of the rule (enough blocks above the floor,
//! and an interval that reaches the concern) are counts of the same blocks, and their joint
//! probability is a finite sum.

use super::{
    change::Change,
    limits::{FLOOR, SLACK},
    sign,
};

/// Four of five runs.
const POWER: f64 = 0.8;
/// An alarm has to be raised in this many independent stages.
const STAGES: f64 = 2.0;
/// No change is looked for beyond a factor of e to this power.
const MOST: f64 = 5.0;

/// The minimum detectable change of a run with these blocks; `level` is what the smallest p-value
/// has to reach. `None` where so few blocks cannot raise any alarm.
pub fn minimum_detectable(change: &Change, concern: f64, level: f64) -> Option<f64> {
    let n = change.n();
    let above = sign::blocks_to_reject(n, level)?;
    let (reaching, _) = sign::ranks(n)?;
    let spread = Spread(change.residuals());
    let floor = FLOOR.ln_1p();
    let reach = (concern - SLACK).ln_1p();
    let power = |shift: f64| {
        let over_floor = spread.above(floor - shift);
        let over_reach = spread.above(reach - shift);
        if over_reach <= over_floor {
            joint(n, (over_floor, above), (over_reach, reaching))
        } else {
            joint(n, (over_reach, reaching), (over_floor, above))
        }
    };
    let wanted = POWER.powf(1.0 / STAGES);
    let (mut low, mut high) = (0.0, MOST);
    if power(high) < wanted {
        return None;
    }
    for _ in 0..32 {
        let middle = f64::midpoint(low, high);
        if power(middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high.exp_m1())
}

/// The probability that of `n` blocks at least `outer.1` are in a set of probability `outer.0`,
/// and at least `inner.1` in its part of probability `inner.0`.
fn joint(n: usize, outer: (f64, usize), inner: (f64, usize)) -> f64 {
    let within = if outer.0 > 0.0 {
        (inner.0 / outer.0).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (outer.1.max(inner.1)..=n)
        .map(|count| sign::probability(n, outer.0, count) * sign::tail(count, within, inner.1))
        .sum()
}

/// Differences from the median, in ascending order.
struct Spread(Vec<f64>);

impl Spread {
    /// The probability of a difference above `x`.
    fn above(&self, x: f64) -> f64 {
        let n = self.0.len();
        let below = self.0.partition_point(|own| *own <= x);
        let part = |rank: usize| (rank as f64 - 0.5) / n as f64;
        match (below.checked_sub(1).map(|i| self.0[i]), self.0.get(below)) {
            (None, _) => 1.0,
            (_, None) => 0.0,
            (Some(left), Some(right)) => {
                let way = if right > &left {
                    (x - left) / (right - left)
                } else {
                    0.0
                };
                1.0 - (part(below) + way / n as f64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::limits::LOOK_LEVEL;

    #[test]
    fn without_noise_the_limits_of_the_rule_are_what_can_be_detected() {
        let change = Change::of_logs([0.0; 12]);
        // The interval has to reach concern - 0.5 points: 4.5 percent.
        let least = minimum_detectable(&change, 0.05, LOOK_LEVEL).unwrap();
        assert!((least - 0.045).abs() < 1e-6, "{least}");
        // With a concern below the floor, the floor.
        let least = minimum_detectable(&change, 0.01, LOOK_LEVEL).unwrap();
        assert!((least - 0.02).abs() < 1e-6, "{least}");
    }

    #[test]
    fn few_blocks_and_many_benchmarks_detect_nothing() {
        let change = Change::of_logs([0.0; 6]);
        assert_eq!(minimum_detectable(&change, 0.05, LOOK_LEVEL / 2.0), None);
        assert!(minimum_detectable(&change, 0.05, LOOK_LEVEL).is_some());
    }
}
