//! Maps from numbers of our own making, fast.
//!
//! The standard hasher withstands keys that somebody chose to collide, at the price of some
//! 20 ns a look-up; a ledger makes ten million. Here two 64-bit words are multiplied and the halves
//! of the product folded together. The start is random in each process, so a file cannot be made to
//! collide without knowing it; still, texts from files stay with the standard hasher.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher, RandomState},
    sync::OnceLock,
};

/// A map with small keys: numbers, and structs of numbers.
pub type NumberMap<K, V> = HashMap<K, V, NumberHashing>;

/// Makes the hashers of a [`NumberMap`].
#[derive(Clone, Copy, Debug)]
pub struct NumberHashing(u64);

impl Default for NumberHashing {
    fn default() -> Self {
        static START: OnceLock<u64> = OnceLock::new();
        Self(*START.get_or_init(|| RandomState::new().hash_one(0_u8)))
    }
}

impl BuildHasher for NumberHashing {
    type Hasher = NumberHasher;

    fn build_hasher(&self) -> NumberHasher {
        NumberHasher(self.0)
    }
}

/// See [`NumberMap`].
#[derive(Clone, Debug)]
pub struct NumberHasher(u64);

/// An odd number with well-mixed bits: 2^64 divided by the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let last = rest
                .iter()
                .fold(0, |last, byte| last << 8 | u64::from(*byte));
            self.write_u64(last);
        }
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * u128::from(FACTOR);
        self.0 = (product as u64 ^ (product >> 64) as u64).rotate_left(23);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    #[inline]
    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_that_follow_each_other_spread_over_all_bits() {
        let hashing = NumberHashing::default();
        let hash = |n: u32| hashing.hash_one((n, n / 3));
        let hashes: Vec<u64> = (0..4096).map(hash).collect();
        assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), hashes.len());
        // The map uses the lowest bits for the place and the highest for a first comparison.
        for shift in [0, 56] {
            let seen: HashSet<_> = hashes.iter().map(|hash| (hash >> shift) & 0xff).collect();
            assert!(seen.len() > 240, "{shift}: {}", seen.len());
        }
    }
}
