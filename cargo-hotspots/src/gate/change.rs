//! How much slower: the change of one benchmark, from its blocks.
//!
//! A block holds one number of each side, measured within seconds of each other, so that what the
//! machine does to one it does to the other. The change is the median over the blocks of the
//! logarithm of their ratio; logarithms make a doubling and a halving equally large. Its interval
//! is the one that belongs to the sign test (see [`super::sign`]). What is shown is the ratio less
//! one: 0.05 is five percent slower.

use super::sign;

/// What the blocks of a benchmark say about its change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Logarithms of the ratios, current by baseline, in ascending order.
    logs: Vec<f64>,
}

/// An interval of relative changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Change {
    /// Of the pairs of baseline and current, both in any unit that is the same for both. A pair
    /// that is not of two finite positive numbers has no ratio and is left out.
    pub fn of_pairs(pairs: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let usable = |x: f64| x.is_finite() && x > 0.0;
        let pairs = pairs.into_iter();
        let logs = pairs
            .filter(|(baseline, current)| usable(*baseline) && usable(*current))
            .map(|(baseline, current)| (current / baseline).ln());
        Self::of_logs(logs)
    }

    /// Of logarithms of ratios.
    pub fn of_logs(logs: impl IntoIterator<Item = f64>) -> Self {
        let mut logs: Vec<f64> = logs.into_iter().filter(|log| log.is_finite()).collect();
        logs.sort_by(f64::total_cmp);
        Self { logs }
    }

    /// The number of blocks.
    pub fn n(&self) -> usize {
        self.logs.len()
    }

    /// The logarithms, in ascending order.
    pub fn logs(&self) -> &[f64] {
        &self.logs
    }

    /// The median; `None` without any block.
    pub fn estimate(&self) -> Option<f64> {
        median_of_sorted(&self.logs).map(f64::exp_m1)
    }

    /// The interval that covers the true median change with at least 95 %; `None` with fewer than
    /// six blocks.
    pub fn interval(&self) -> Option<Interval> {
        let (low, high) = sign::ranks(self.n())?;
        let at = |rank: usize| self.logs.get(rank - 1).map(|log| log.exp_m1());
        Some(Interval {
            low: at(low)?,
            high: at(high)?,
        })
    }

    /// The p-value of "the change is above `threshold`". A block that is exactly there does not
    /// speak for it.
    pub fn p_above(&self, threshold: f64) -> f64 {
        let log = threshold.ln_1p();
        let above = self.logs.iter().filter(|own| **own > log).count();
        if self.logs.is_empty() {
            return 1.0;
        }
        sign::p_above(self.n(), above)
    }

    /// The p-value of "the change is below `threshold`".
    pub fn p_below(&self, threshold: f64) -> f64 {
        self.reversed().p_above(-threshold / (1.0 + threshold))
    }

    /// The same with the two sides exchanged.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self {
            logs: self.logs.iter().rev().map(|log| -log).collect(),
        }
    }

    /// The logarithms less their median.
    pub(super) fn residuals(&self) -> Vec<f64> {
        let middle = median_of_sorted(&self.logs).unwrap_or(0.0);
        self.logs.iter().map(|log| log - middle).collect()
    }
}

/// The median of values in ascending order; the mean of the two middle ones where there are two.
fn median_of_sorted(values: &[f64]) -> Option<f64> {
    let upper = values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(*upper);
    }
    let lower = values.get(values.len() / 2 - 1)?;
    Some(lower.midpoint(*upper))
}

/// The median of any values; `None` where there are none, or one is not a number.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    median_of_sorted(&sorted).filter(|median| median.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::random::Random;
    use proptest::prelude::*;

    /// Twelve blocks recorded of `memory` (+10 %), in nanoseconds: baseline, current.
    pub(crate) const RECORDED: [(f64, f64); 12] = [
        (1000.0, 1090.0),
        (1010.0, 1121.1),
        (1003.0, 1093.27),
        (998.0, 1107.78),
        (1020.0, 1132.2),
        (1000.0, 1040.0),
        (1005.0, 1115.55),
        (1001.0, 1091.09),
        (999.0, 1108.89),
        (1040.0, 1040.0),
        (1002.0, 1112.22),
        (1000.0, 1200.0),
    ];

    #[test]
    fn the_interval_is_made_of_the_third_and_the_tenth_block() {
        let change = Change::of_pairs(RECORDED);
        // In order: 0, 4, 9, 9, 9, 11, 11, 11, 11, 11, 11, 20 percent. The median is between the
        // sixth and the seventh, the interval from the third to the tenth.
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(change.estimate().unwrap(), 0.11));
        let Interval { low, high } = change.interval().unwrap();
        assert!(close(low, 0.09) && close(high, 0.11), "{low} {high}");
        // Ten of twelve are above 5 percent: 79 of 4096. Eleven above 2: 13 of 4096.
        assert!(close(change.p_above(0.05), 79.0 / 4096.0));
        assert!(close(change.p_above(0.02), 13.0 / 4096.0));
        assert!(close(change.p_below(-0.02), 1.0));
    }

    #[test]
    fn exchanging_the_sides_exchanges_the_claims() {
        let change = Change::of_pairs(RECORDED);
        let back = change.reversed();
        assert!((back.estimate().unwrap() - (1.0 / 1.11 - 1.0)).abs() < 1e-9);
        assert!((back.p_below(-0.02) - change.p_above(1.0 / 0.98 - 1.0)).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_number_is_no_block() {
        let change = Change::of_pairs([
            (0.0, 1.0),
            (1.0, 0.0),
            (f64::NAN, 1.0),
            (1.0, f64::INFINITY),
            (-1.0, 1.0),
        ]);
        assert_eq!(change.n(), 0);
        assert_eq!(change.estimate(), None);
        assert_eq!(change.interval(), None);
        assert_eq!(change.p_above(0.05), 1.0);
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[f64::NAN]), None);
    }

    #[test]
    fn a_block_at_the_threshold_does_not_speak_for_a_change() {
        let change = Change::of_pairs([(100.0, 100.0); 12]);
        assert_eq!(change.p_above(0.0), 1.0);
        assert_eq!(change.p_below(0.0), 1.0);
    }

    /// The interval covers the true median as often as it says, for noise that is skewed as
    /// measured times are: 4,000 simulated runs of twelve blocks, true coverage 96.1 %.
    #[test]
    fn the_interval_covers_the_truth_as_often_as_it_says() {
        let mut random = Random::new(11);
        let runs = 4000;
        let mut covered = 0;
        for _ in 0..runs {
            let noise = |random: &mut Random| -random.fraction().ln() * 0.05;
            let logs = (0..12).map(|_| 0.1_f64.ln_1p() + noise(&mut random) - noise(&mut random));
            let Interval { low, high } = Change::of_logs(logs.collect::<Vec<_>>())
                .interval()
                .unwrap();
            covered += u32::from(low <= 0.1 && 0.1 <= high);
        }
        let share = f64::from(covered) / f64::from(runs);
        // Four standard errors of a share of 0.961 among 4,000 are 0.012.
        assert!((share - 0.961).abs() < 0.012, "{share}");
    }

    proptest! {
        #[test]
        fn the_estimate_is_inside_its_interval_and_scale_does_not_matter(
            logs in prop::collection::vec(-0.5_f64..0.5, 6..40),
            scale in 1e-3_f64..1e6,
        ) {
            let pairs: Vec<(f64, f64)> = logs.iter().map(|log| (1.0, log.exp())).collect();
            let change = Change::of_pairs(pairs.iter().copied());
            let Interval { low, high } = change.interval().unwrap();
            let estimate = change.estimate().unwrap();
            prop_assert!(low <= estimate && estimate <= high);
            let scaled = Change::of_pairs(pairs.iter().map(|(a, b)| (a * scale, b * scale)));
            prop_assert!((scaled.estimate().unwrap() - estimate).abs() < 1e-9);
            // Whoever is significantly above is also above by the interval's own count.
            if low > 0.05 {
                prop_assert!(change.p_above(0.05) <= 0.025);
            }
        }
    }
}
