//! The exact sign test, the interval that belongs to it, and Holm's correction.
//!
//! Under the hypothesis that a change has the median m, each block is above m with probability one
//! half, whatever the distribution of the noise. The number of blocks above m is therefore
//! binomial, and every probability here is a finite sum: nothing is approximated, and no random
//! numbers are drawn. Source: Conover, "Practical Nonparametric Statistics", chapters 3.2 (order
//! statistics) and 3.4 (sign test); Holm 1979 for the correction.

/// `P(X >= successes)` of `n` throws of a coin that shows success with probability `p`.
pub fn tail(n: usize, p: f64, successes: usize) -> f64 {
    (successes..=n)
        .map(|count| probability(n, p, count))
        .sum::<f64>()
        .min(1.0)
}

/// `P(X = count)` of `n` throws.
pub(super) fn probability(n: usize, p: f64, count: usize) -> f64 {
    if count > n {
        return 0.0;
    }
    // The coefficient and the powers together: alone, either leaves the range of an f64.
    let mut term = 1.0;
    let rest = n - count;
    let mut divided = 0;
    for i in 0..count {
        term *= p * (rest + i + 1) as f64 / (i + 1) as f64;
        // Large terms are brought down by the other side's powers as soon as they grow.
        while term > 1.0 && divided < rest {
            term *= 1.0 - p;
            divided += 1;
        }
    }
    term * (1.0 - p).powi(i32::try_from(rest - divided).unwrap_or(i32::MAX))
}

/// The p-value of "the median is above the threshold" when `above` of `n` blocks are.
pub fn p_above(n: usize, above: usize) -> f64 {
    tail(n, 0.5, above)
}

/// The smallest number of blocks above a threshold, of `n`, whose p-value is at most `level`;
/// `None` where not even all of them reach it.
pub fn blocks_to_reject(n: usize, level: f64) -> Option<usize> {
    (0..=n).find(|above| p_above(n, *above) <= level)
}

/// The smallest number of blocks with which a test at `level` can reject at all.
pub fn smallest_n(level: f64) -> usize {
    (1..=1000)
        .find(|n| p_above(*n, *n) <= level)
        .unwrap_or(1000)
}

/// The confidence of a single benchmark's interval.
const CONFIDENCE: f64 = 0.95;

/// The ranks, from 1, of the interval's ends among `n` sorted values: the narrowest interval of
/// order statistics that covers the median with at least 95 %. `None` with fewer than six values.
pub fn ranks(n: usize) -> Option<(usize, usize)> {
    let covers = |rank: usize| coverage(n, rank) >= CONFIDENCE;
    let low = (1..=n / 2).take_while(|rank| covers(*rank)).last()?;
    Some((low, n + 1 - low))
}

/// The probability that the median is between the values of rank `low` and `n + 1 - low`.
pub fn coverage(n: usize, low: usize) -> f64 {
    1.0 - 2.0 * tail(n, 0.5, n + 1 - low)
}

/// Which hypotheses are rejected at the family error `level`, by Holm's step-down method. A family
/// can be larger than `p`: its other members count as not rejected.
pub fn holm(p: &[f64], family: usize, level: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    let value = |index: &usize| p.get(*index).copied().unwrap_or(1.0);
    order.sort_by(|a, b| value(a).total_cmp(&value(b)));
    let mut rejected = vec![false; p.len()];
    for (step, index) in order.iter().enumerate() {
        let remaining = family.max(p.len()) - step;
        // Also stops at NaN: what is not a number supports no claim.
        let holds = value(index) <= level / remaining as f64;
        if !holds {
            break;
        }
        if let Some(slot) = rejected.get_mut(*index) {
            *slot = true;
        }
    }
    rejected
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn tails_are_those_of_the_binomial_table() {
        // 1, 12, 66, 220 ways of 4096 to have 12, 11, 10, 9 of 12.
        assert!(close(p_above(12, 12), 1.0 / 4096.0));
        assert!(close(p_above(12, 11), 13.0 / 4096.0));
        assert!(close(p_above(12, 10), 79.0 / 4096.0));
        assert!(close(p_above(12, 9), 299.0 / 4096.0));
        assert!(close(p_above(12, 0), 1.0));
        assert!(close(tail(2, 0.25, 1), 1.0 - 0.75 * 0.75));
        assert!(close(tail(3, 1.0, 3), 1.0));
        assert!(close(tail(3, 0.0, 1), 0.0));
        // Far outside what a factorial in an f64 holds.
        assert!((tail(2000, 0.5, 1000) - 0.508_919_49).abs() < 1e-6);
    }

    #[test]
    fn the_interval_of_twelve_is_from_the_third_to_the_tenth() {
        assert_eq!(ranks(5), None);
        assert_eq!(ranks(6), Some((1, 6)));
        assert_eq!(ranks(12), Some((3, 10)));
        assert_eq!(ranks(24), Some((7, 18)));
        // 1 - 2 * 79/4096
        assert!(close(coverage(12, 3), 1.0 - 158.0 / 4096.0));
        assert!((coverage(12, 3) - 0.961).abs() < 5e-4);
    }

    #[test]
    fn too_few_blocks_can_never_reject() {
        // The case of gate designs that were silently blind: six blocks, two benchmarks, two looks.
        assert_eq!(blocks_to_reject(6, 0.025 / 2.0), None);
        assert_eq!(smallest_n(0.025), 6);
        assert_eq!(smallest_n(0.025 / 2.0), 7);
        assert_eq!(smallest_n(0.025 / 102.0), 12);
        assert_eq!(smallest_n(0.025 / 103.0), 13);
        assert_eq!(blocks_to_reject(12, 0.025), Some(10));
        assert_eq!(blocks_to_reject(12, 0.025 / 2.0), Some(11));
        assert_eq!(blocks_to_reject(12, 0.025 / 10.0), Some(12));
        assert_eq!(blocks_to_reject(24, 0.025 / 10.0), Some(20));
    }

    #[test]
    fn holm_steps_down_and_counts_the_whole_family() {
        assert_eq!(holm(&[0.04, 0.01], 2, 0.05), [true, true]);
        assert_eq!(holm(&[0.04, 0.03], 2, 0.05), [false, false]);
        assert_eq!(holm(&[0.001, 0.5, 0.02], 3, 0.05), [true, false, true]);
        assert_eq!(holm(&[0.02], 3, 0.05), [false]);
        assert_eq!(holm(&[f64::NAN, 0.01], 2, 0.05), [false, true]);
        assert!(holm(&[], 0, 0.05).is_empty());
    }

    proptest! {
        #[test]
        fn holm_rejects_what_bonferroni_does_and_nothing_that_no_correction_would_not(
            p in prop::collection::vec(0.0_f64..0.1, 0..12)
        ) {
            let rejected = holm(&p, p.len(), 0.05);
            for (p_value, rejected) in p.iter().zip(rejected) {
                prop_assert!(!rejected || *p_value <= 0.05);
                prop_assert!(rejected || *p_value > 0.05 / p.len() as f64);
            }
        }

        #[test]
        fn probabilities_sum_to_one(n in 1_usize..200, p in 0.0_f64..=1.0) {
            let sum: f64 = (0..=n).map(|count| probability(n, p, count)).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
    }
}
