//! Comparing run times of programs on a noisy machine.
//!
//! All variants run in the same blocks, each block in a new random order and then in the reverse
//! one, so that drift hits all alike. A block gives one number per variant: the lower of its two
//! times, since noise only adds. The change between two variants is the median over the blocks of
//! the ratio within each block; its interval is the exact order-statistic (sign) interval, which
//! assumes nothing about the distribution: ranks 3 and 10 of 12 cover the median in 96.1 % of
//! cases. Claims about several variants are corrected by Holm's method.
//!
//! Under about 3 %, the luck of code layout is as large as the effect.

use std::time::Duration;

/// How many blocks are run.
pub const BLOCKS: usize = 12;

/// A ratio of times and the interval that contains the true one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The median ratio.
    pub ratio: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
    /// The probability of so many blocks in favour if the variant were not faster at all.
    pub p_faster: f64,
}

/// Times of all variants in all blocks: `times[block][variant]`, in seconds.
#[derive(Debug, Clone, Default)]
pub struct Times(pub Vec<Vec<f64>>);

/// Runs the blocks. `run` runs one variant once.
///
/// # Errors
///
/// What `run` says.
pub fn blocks<E>(
    variants: usize,
    blocks: usize,
    seed: u64,
    mut run: impl FnMut(usize) -> Result<Duration, E>,
) -> Result<Times, E> {
    let mut random = Random(seed | 1);
    let mut times = Vec::with_capacity(blocks);
    for _ in 0..blocks {
        let mut order: Vec<usize> = (0..variants).collect();
        random.shuffle(&mut order);
        let mut best = vec![f64::INFINITY; variants];
        for &variant in order.iter().chain(order.iter().rev()) {
            let seconds = run(variant)?.as_secs_f64();
            if let Some(slot) = best.get_mut(variant) {
                *slot = slot.min(seconds);
            }
        }
        times.push(best);
    }
    Ok(Times(times))
}

impl Times {
    /// `variant` against `reference`, block by block, as logarithms.
    fn logs(&self, variant: usize, reference: usize) -> Vec<f64> {
        let mut logs: Vec<f64> = self
            .0
            .iter()
            .filter_map(|block| {
                let ratio = block.get(variant)? / block.get(reference)?;
                (ratio.is_finite() && ratio > 0.0).then(|| ratio.ln())
            })
            .collect();
        logs.sort_by(f64::total_cmp);
        logs
    }

    /// The ratio of two variants' times; nothing with too few blocks for any interval.
    pub fn compare(&self, variant: usize, reference: usize) -> Option<Interval> {
        let logs = self.logs(variant, reference);
        let n = logs.len();
        let rank = rank(n)?;
        let at = |index: usize| logs.get(index).map(|l| l.exp());
        let middle = match n % 2 {
            1 => at(n / 2)?,
            _ => (at(n / 2 - 1)? * at(n / 2)?).sqrt(),
        };
        Some(Interval {
            ratio: middle,
            low: at(rank - 1)?,
            high: at(n - rank)?,
            p_faster: tail(n, logs.iter().filter(|l| **l < 0.0).count()),
        })
    }
}

/// `P(X >= successes)` for a fair coin thrown `n` times.
fn tail(n: usize, successes: usize) -> f64 {
    let mut term = 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut sum = 0.0;
    for k in 0..=n {
        if k >= successes {
            sum += term;
        }
        term *= (n - k) as f64 / (k + 1) as f64;
    }
    sum.min(1.0)
}

/// The rank, from 1, of the interval's lower end: the largest that keeps 95 %.
fn rank(n: usize) -> Option<usize> {
    let covers = |k: usize| 2.0 * tail(n, n - k + 1) <= 0.05;
    (1..=n / 2).take_while(|k| covers(*k)).last()
}

/// Which of several hypotheses hold at a family error of 5 %, by Holm's method.
pub fn holm(p: &[f64]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| {
        p.get(*a)
            .unwrap_or(&1.0)
            .total_cmp(p.get(*b).unwrap_or(&1.0))
    });
    let mut holds = vec![false; p.len()];
    for (step, index) in order.into_iter().enumerate() {
        let bound = 0.05 / (p.len() - step) as f64;
        if p.get(index).is_none_or(|p| *p > bound) {
            break;
        }
        if let Some(slot) = holds.get_mut(index) {
            *slot = true;
        }
    }
    holds
}

/// Enough randomness to shuffle an order (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn shuffle(&mut self, items: &mut [usize]) {
        for end in (1..items.len()).rev() {
            let other = (self.next() % (end as u64 + 1)) as usize;
            items.swap(end, other);
        }
    }
}

/// A seed that differs between runs.
pub fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |d| d.as_nanos() as u64) ^ (u64::from(std::process::id()) << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_binomial_table() {
        assert_eq!(rank(12), Some(3));
        assert_eq!(rank(6), Some(1));
        assert_eq!(rank(5), None);
        assert_eq!(rank(24), Some(7));
        assert!((tail(12, 12) - 1.0 / 4096.0).abs() < 1e-12);
    }

    fn simulate(factor: f64, noise: f64) -> Times {
        let mut random = Random(42);
        let run = |variant: usize| -> Result<Duration, ()> {
            let jitter = 1.0 + noise * (random.next() % 1000) as f64 / 1000.0;
            let base = if variant == 1 { factor } else { 1.0 };
            Ok(Duration::from_secs_f64(0.01 * base * jitter))
        };
        blocks(2, BLOCKS, 7, run).unwrap()
    }

    #[test]
    fn a_real_difference_is_found_and_noise_is_not() {
        let slower = simulate(1.10, 0.03).compare(1, 0).unwrap();
        assert!(slower.low > 1.05 && slower.high < 1.15, "{slower:?}");
        let same = simulate(1.0, 0.03);
        let interval = same.compare(1, 0).unwrap();
        assert!(interval.low <= 1.0 && interval.high >= 1.0, "{interval:?}");
        assert!(interval.p_faster > 0.05);
        assert!(simulate(0.9, 0.03).compare(1, 0).unwrap().p_faster < 0.001);
    }

    #[test]
    fn holm_is_stricter_than_each_test_alone() {
        assert_eq!(holm(&[0.04, 0.01]), [true, true]);
        assert_eq!(holm(&[0.04, 0.03]), [false, false]);
        assert_eq!(holm(&[0.001, 0.5, 0.02]), [true, false, true]);
    }
}
