//! Sorting by numbers.
//!
//! A ledger sorts a million things by addresses of some 25 bits. Digit by digit, from the lowest on,
//! that takes three passes, each of which only copies: a fifth of the time of comparing.

/// The widest digit, in bits: its counters stay in the nearest cache.
const DIGIT: u32 = 10;

/// All things of all lists, by their keys; those of one key in the order in which they were.
/// Linear in their number and in the bits by which the keys differ.
pub(super) fn by_number<T: Copy>(lists: &[&[T]], key: impl Fn(&T) -> u64) -> Vec<T> {
    let all = || lists.iter().copied().flatten();
    let Some(first) = all().next() else {
        return Vec::new();
    };
    let (low, high) = all().fold((u64::MAX, 0), |(low, high), thing| {
        let key = key(thing);
        (low.min(key), high.max(key))
    });
    let bits = u64::BITS - (high - low).leading_zeros();
    let passes = bits.div_ceil(DIGIT).max(1);
    let width = bits.div_ceil(passes);
    let digit =
        |thing: &T, pass: u32| ((key(thing) - low) >> (pass * width)) as usize & ((1 << width) - 1);
    let count = lists.iter().map(|list| list.len()).sum();
    let mut sorted = vec![*first; count];
    scatter(all(), width, |thing| digit(thing, 0), &mut sorted);
    let mut other = Vec::new();
    for pass in 1..passes {
        other.resize(count, *first);
        scatter(sorted.iter(), width, |thing| digit(thing, pass), &mut other);
        std::mem::swap(&mut sorted, &mut other);
    }
    sorted
}

/// Copies `things` in the order of one digit.
fn scatter<'t, T: Copy + 't>(
    things: impl Iterator<Item = &'t T> + Clone,
    width: u32,
    digit: impl Fn(&T) -> usize,
    to: &mut [T],
) {
    let mut next = vec![0; 1 << width];
    for thing in things.clone() {
        next[digit(thing)] += 1;
    }
    let mut before = 0;
    for place in &mut next {
        before += std::mem::replace(place, before);
    }
    for thing in things {
        let place = &mut next[digit(thing)];
        to[*place] = *thing;
        *place += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_a_stable_sort(
            lists in prop::collection::vec(
                prop::collection::vec(prop_oneof![0..9_u64, 500..90_000_u64, any::<u64>()], 0..40),
                0..5,
            ),
        ) {
            let lists: Vec<Vec<(u64, usize)>> = lists
                .iter()
                .enumerate()
                .map(|(list, keys)| keys.iter().map(|key| (*key, list)).collect())
                .collect();
            let mut expected = lists.concat();
            expected.sort_by_key(|(key, _)| *key);
            let lists: Vec<&[_]> = lists.iter().map(|list| &list[..]).collect();
            prop_assert_eq!(by_number(&lists, |(key, _)| *key), expected);
        }
    }
}
