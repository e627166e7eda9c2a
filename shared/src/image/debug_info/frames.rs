//! From nested and overlapping ranges of code to a partition.

/// A range of code with the function that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) start: u64,
    pub(super) end: u64,
    /// How many frames it is nested in.
    pub(super) depth: u32,
    /// Whether the function was inlined here.
    pub(super) inlined: bool,
    /// The entry that the range is of, by a number: a function may be inlined twice in a row.
    pub(super) instance: u32,
    /// The function's entry in `.debug_info`.
    pub(super) target: u64,
}

/// Cuts frames so that they no longer overlap and the deepest one counts; of equally deep ones the
/// one that starts first. The result is sorted. Takes `O(n log n)`, and makes at most twice as many.
pub(super) fn innermost(mut frames: Vec<Frame>) -> Vec<Frame> {
    let simple = frames.is_sorted_by(|a, b| a.end <= b.start);
    if simple {
        return frames;
    }
    frames.sort_unstable_by_key(|frame| (frame.start, frame.depth, frame.end, frame.target));
    let mut parts: Vec<Frame> = Vec::with_capacity(frames.len());
    // The frames that are open, deepest first; `Reverse` prefers the earlier of equals.
    let mut open: std::collections::BinaryHeap<(u32, std::cmp::Reverse<usize>)> =
        std::collections::BinaryHeap::new();
    let mut at = 0;
    for number in 0..=frames.len() {
        let until = frames.get(number).map_or(u64::MAX, |frame| frame.start);
        while let Some((_, std::cmp::Reverse(top))) = open.peek() {
            let Some(frame) = frames.get(*top) else { break };
            if frame.end <= at {
                open.pop();
                continue;
            }
            let end = frame.end.min(until);
            if end <= at {
                break;
            }
            append(
                &mut parts,
                Frame {
                    start: at,
                    end,
                    ..*frame
                },
            );
            at = end;
        }
        if let Some(frame) = frames.get(number) {
            at = until;
            open.push((frame.depth, std::cmp::Reverse(number)));
        }
    }
    parts
}

fn append(parts: &mut Vec<Frame>, frame: Frame) {
    match parts.last_mut() {
        Some(last)
            if last.end == frame.start
                && (last.target, last.instance, last.depth)
                    == (frame.target, frame.instance, frame.depth) =>
        {
            last.end = frame.end;
        }
        _ => parts.push(frame),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the definition, address by address.
        #[test]
        fn the_deepest_frame_counts(
            frames in proptest::collection::vec((0u64..60, 1u64..30, 0u32..4), 0..12)
        ) {
            let frames: Vec<Frame> = frames
                .into_iter()
                .enumerate()
                .map(|(target, (start, size, depth))| Frame {
                    start,
                    end: start + size,
                    depth,
                    inlined: depth > 0,
                    instance: 0,
                    target: target as u64,
                })
                .collect();
            let parts = innermost(frames.clone());
            prop_assert!(parts.is_sorted_by(|a, b| a.end <= b.start));
            prop_assert!(parts.len() <= 2 * frames.len());
            for address in 0..100 {
                let inside = |frame: &&Frame| frame.start <= address && address < frame.end;
                let deepest = frames.iter().filter(inside).map(|frame| frame.depth).max();
                let found = parts.iter().find(inside);
                prop_assert_eq!(found.map(|frame| frame.depth), deepest);
                if let Some(found) = found {
                    let original = &frames[found.target as usize];
                    prop_assert!(inside(&original));
                }
            }
        }
    }
}
