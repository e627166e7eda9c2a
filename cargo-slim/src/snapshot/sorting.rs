//! Sorting by long texts that begin alike, as names of generic code do.
//!
//! Eight bytes of each text are compared as a number; only where they are equal the next eight are
//! looked at (multikey quicksort, Bentley and Sedgewick). Comparing whole texts reads what two
//! neighbours share again and again.

use rayon::prelude::*;
use std::cmp::Ordering;

/// Runs no longer than this are sorted by comparing.
const SHORT: usize = 12;
/// Texts that are equal to here are compared as a whole: real names seldom are, and the recursion
/// has an end.
const DEEP: usize = 2048;

/// From here on runs are shared out among the cores.
const MANY: usize = 4096;

/// The order of `count` things by their texts; `then` decides where these are equal.
pub(super) fn order<'t>(
    count: usize,
    text: impl Fn(usize) -> &'t str + Sync,
    then: impl Fn(usize, usize) -> Ordering + Sync,
) -> Vec<usize> {
    let mut keyed: Vec<Keyed> = (0..count).map(|at| (0, at)).collect();
    let texts = |at: usize| text(at).as_bytes();
    refine(&mut keyed, 0, &texts, &then);
    keyed.into_iter().map(|(_, at)| at).collect()
}

/// Eight bytes of a text, and which text it is.
type Keyed = (u64, usize);

fn refine<'t>(
    run: &mut [Keyed],
    depth: usize,
    text: &(impl Fn(usize) -> &'t [u8] + Sync),
    then: &(impl Fn(usize, usize) -> Ordering + Sync),
) {
    let rest = |at| text(at).get(depth..).unwrap_or_default();
    if run.len() <= SHORT || depth >= DEEP {
        run.sort_unstable_by(|(_, a), (_, b)| rest(*a).cmp(rest(*b)).then_with(|| then(*a, *b)));
        return;
    }
    for (key, at) in &mut *run {
        let rest = rest(*at);
        *key = match rest.first_chunk::<8>() {
            Some(bytes) => u64::from_be_bytes(*bytes),
            None => {
                let mut bytes = [0; 8];
                bytes
                    .iter_mut()
                    .zip(rest)
                    .for_each(|(to, from)| *to = *from);
                u64::from_be_bytes(bytes)
            }
        };
    }
    let next = |same: &mut [Keyed]| match same {
        [] | [_] => {}
        // A text that ends here, or one with a zero inside: as a whole, so that both are right.
        [(key, _), ..] if key.to_be_bytes().contains(&0) => same
            .sort_unstable_by(|(_, a), (_, b)| rest(*a).cmp(rest(*b)).then_with(|| then(*a, *b))),
        same => refine(same, depth + 8, text, then),
    };
    let alike = |a: &Keyed, b: &Keyed| a.0 == b.0;
    if run.len() < MANY {
        run.sort_unstable_by_key(|(key, _)| *key);
        run.chunk_by_mut(alike).for_each(next);
    } else {
        run.par_sort_unstable_by_key(|(key, _)| *key);
        run.par_chunk_by_mut(alike).for_each(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_comparing(
            texts in prop::collection::vec("(aaaaaaaa|bbbbbbbbbbbb|\\PC|\0){0,6}", 0..60),
        ) {
            let mut expected: Vec<usize> = (0..texts.len()).collect();
            expected.sort_by_key(|at| (&texts[*at], *at));
            prop_assert_eq!(order(texts.len(), |at| &texts[at], |a, b| a.cmp(&b)), expected);
        }
    }

    #[test]
    fn many_texts_and_long_ones() {
        let texts: Vec<String> = (0..10_000)
            .map(|n| format!("{}{}", "x".repeat(n % 3 * 1500), n % 97))
            .collect();
        let mut expected: Vec<usize> = (0..texts.len()).collect();
        expected.sort_by_key(|at| (&texts[*at], *at));
        assert_eq!(
            order(texts.len(), |at| &texts[at], |a, b| a.cmp(&b)),
            expected
        );
    }
}
