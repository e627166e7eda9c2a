//! What is counted for a stack when a block is made, grows, and goes.

use super::*;

/// Keeps what lived at the last peak before it changes.
#[inline(always)]
pub(crate) unsafe fn settle(header: &Header, entry: &Entry) {
    let epoch = header.epoch.load(Relaxed);
    if entry.epoch.load(Relaxed) != epoch {
        entry.at_peak.store(entry.live.load(Relaxed), Relaxed);
        entry
            .made_at_peak
            .store(entry.made_live.load(Relaxed), Relaxed);
        entry.epoch.store(epoch, Relaxed);
    }
}

pub(crate) fn weighed(size: usize, weight: f32) -> i64 {
    if weight == 1.0 {
        size as i64
    } else {
        whole(size as f64 * f64::from(weight))
    }
}

pub(crate) fn parts(weight: f32) -> i64 {
    whole(f64::from(weight) * 256.0)
}

/// A new block, or a new length of one.
pub(crate) unsafe fn enter(id: u32, size: usize, weight: f32, again: bool, many: bool) {
    let Some(header) = header() else { return };
    let entry = entry(id);
    settle(header, entry);
    let bytes = weighed(size, weight);
    let counter = if again {
        &entry.reallocations
    } else {
        &entry.allocations
    };
    add(counter, parts(weight), many);
    add(&entry.bytes, bytes, many);
    add(&entry.live, bytes, many);
    add(&entry.live_blocks, parts(weight), many);
    entry.samples.fetch_add(1, Relaxed);
    if weight != 1.0 {
        let (size, weight) = (size.max(1) as f64, f64::from(weight));
        let variance = size * size * weight * (weight - 1.0) / (1u64 << 20) as f64;
        // Rounded up but for next to nothing: cut off, all samples of a size near the interval would
        // have no error at all.
        entry.variance.fetch_add((variance + 0.9) as u64, Relaxed);
    }
    let size = size as u64;
    if size < entry.smallest.load(Relaxed) {
        entry.smallest.store(size, Relaxed);
    }
    if size > entry.largest.load(Relaxed) {
        entry.largest.store(size, Relaxed);
    }
}

/// A block that is gone.
pub(crate) unsafe fn leave(own: &Own, tail: &Tail, many: bool) {
    let Some(header) = header() else { return };
    let (current, maker) = (tail.current, tail.maker);
    if current != 0 {
        let entry = entry(current);
        settle(header, entry);
        add(&entry.live, -weighed(tail.size, tail.current_weight), many);
        add(&entry.live_blocks, -parts(tail.current_weight), many);
        let same = u32::from(tail.thread) == own.number & 0xffff;
        if same && own.made.wrapping_sub(tail.birth) <= SHORT {
            add(&entry.short_lived, parts(tail.current_weight), many);
        }
    }
    if maker != current || tail.maker_weight != tail.current_weight {
        if current != 0 {
            let gone = weighed(tail.size, tail.current_weight);
            add(&entry(current).made_live, gone, many);
        }
        if maker != 0 {
            let entry = entry(maker);
            settle(header, entry);
            let gone = weighed(tail.size, tail.maker_weight);
            add(&entry.made_live, -gone, many);
        }
    }
}

/// A block that is freed before its thread has made so many others is short-lived.
pub(crate) const SHORT: u32 = 16;

/// A block that got another length: what counting by its maker adds.
pub(crate) unsafe fn regrown(old: &Tail, new: &Tail, sampled: bool, many: bool) {
    let Some(header) = header() else { return };
    if sampled && new.current != 0 {
        let entry = entry(new.current);
        settle(header, entry);
        let bytes = weighed(new.size, new.current_weight);
        add(&entry.made_bytes, -bytes, many);
        add(&entry.made_reallocations, -parts(new.current_weight), many);
        add(&entry.made_live, -bytes, many);
    }
    if old.current != 0 {
        let entry = entry(old.current);
        settle(header, entry);
        let bytes = weighed(old.size, old.current_weight);
        add(&entry.made_live, bytes, many);
    }
    if new.maker != 0 {
        let entry = entry(new.maker);
        settle(header, entry);
        let (before, after) = (
            weighed(old.size, new.maker_weight),
            weighed(new.size, new.maker_weight),
        );
        add(&entry.made_bytes, after, many);
        add(&entry.made_reallocations, parts(new.maker_weight), many);
        add(&entry.made_live, after - before, many);
        let first = old.steps == 0;
        if first {
            add(&entry.grown_blocks, parts(new.maker_weight), many);
        }
        add(&entry.grown_steps, parts(new.maker_weight), many);
        add(
            &entry.grown_final,
            if first { after } else { after - before },
            many,
        );
    }
}
