//! Enough randomness for the order of runs: not for secrets.

use std::time::{SystemTime, UNIX_EPOCH};

/// SplitMix64 (Steele, Lea and Flood 2014): any seed gives a good sequence, also small ones.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed that differs between runs.
    pub fn seed() -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = now.map_or(1, |since| since.as_nanos() as u64);
        nanos ^ (u64::from(std::process::id()) << 32)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Heads or tails.
    pub fn coin(&mut self) -> bool {
        self.draw() >> 63 == 1
    }

    /// A number above 0 and at most 1.
    pub fn fraction(&mut self) -> f64 {
        ((self.draw() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Brings the items into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = (self.draw() % (end as u64 + 1)) as usize;
            items.swap(end, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coins_are_fair_and_orders_equally_frequent() {
        let mut random = Random::new(1);
        let heads = (0..10_000).filter(|_| random.coin()).count();
        assert!((4_800..5_200).contains(&heads), "{heads}");
        let mut first = [0_u32; 3];
        for _ in 0..9_000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            first[items[0]] += 1;
        }
        assert!(
            first.iter().all(|n| (2_700..3_300).contains(n)),
            "{first:?}"
        );
    }
}
