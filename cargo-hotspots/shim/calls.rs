//! What is counted when a block is made, grows, and goes, whichever functions it comes and goes by.

use super::{life::begin_early, *};

/// Which tail a new block gets, by whether it is picked.
#[inline(always)]
pub(crate) unsafe fn kind_of(own: &mut Own, size: usize) -> u8 {
    // A new thread's countdown is 0, and that of one with work of ours is negative.
    if !own.picks(size) {
        return PLAIN;
    }
    picked(own, size)
}

#[cold]
pub(crate) fn picked(own: &mut Own, size: usize) -> u8 {
    if own.busy {
        return OURS;
    }
    if BASE.load(Relaxed) == 0 && !unsafe { begin_early(own) } {
        return PLAIN;
    }
    if own.number == 0 {
        unsafe { own.register() };
    }
    if EVERY.load(Relaxed) || (!own.drawn && EXACT_LEFT.fetch_sub(1, Relaxed) > 0) {
        own.countdown = -1;
        return EXACT;
    }
    if !own.drawn {
        // From here on by chance, and this one is no exception.
        if let Some(header) = unsafe { header() } {
            header.complete.store(0, Relaxed);
        }
        own.draw();
        if !own.picks(size) {
            return PLAIN;
        }
    }
    own.draw();
    SAMPLED
}

pub(crate) fn weight_of(size: usize) -> f32 {
    let interval = INTERVAL.load(Relaxed) as f64;
    (1.0 / chance(size.max(1) as f64 / interval)) as f32
}

/// Counts a new block that has `room` bytes, and writes its tail.
#[inline(always)]
pub(crate) unsafe fn made(
    own: &mut Own,
    block: *mut c_void,
    room: usize,
    size: usize,
    kind: u8,
    pointer: usize,
) {
    if kind == PLAIN {
        write_plain(block, room, size);
    } else if !enlist(own, block, room, size, kind, pointer) {
        return;
    }
    let (slot, shared) = own.slot();
    count(&slot.allocations, 1, shared);
    count(&slot.bytes, size as u64, shared);
    own.made = own.made.wrapping_add(1);
    own.live(size as i64);
}

/// Gives a block its entry; false for one that does not count.
#[inline(never)]
pub(crate) unsafe fn enlist(
    own: &mut Own,
    block: *mut c_void,
    room: usize,
    size: usize,
    kind: u8,
    at: usize,
) -> bool {
    let mut tail = Tail {
        kind,
        ..plain(size)
    };
    if kind != OURS {
        track(own, &mut tail, at);
    }
    write_tail(block, room, &tail);
    kind != OURS
}

/// Gives a new block its entry.
#[inline(never)]
pub(crate) unsafe fn track(own: &mut Own, tail: &mut Tail, pointer: usize) {
    if tail.kind == SAMPLED {
        tail.maker_weight = weight_of(tail.size);
        tail.current_weight = tail.maker_weight;
    }
    let id = stack(own, pointer);
    tail.maker = id;
    tail.current = id;
    tail.birth = own.made;
    tail.thread = own.number as u16;
    if id != 0 {
        enter(
            id,
            tail.size,
            tail.current_weight,
            false,
            MANY.load(Relaxed),
        );
    }
}

#[inline(always)]
pub(crate) unsafe fn count_gone(own: &mut Own, size: usize) {
    let (slot, shared) = own.slot();
    count(&slot.frees, 1, shared);
    count(&slot.freed_bytes, size as u64, shared);
    own.live(-(size as i64));
}

#[inline(never)]
pub(crate) unsafe fn gone(own: &mut Own, tail: &Tail) {
    if tail.kind != PLAIN {
        leave(own, tail, MANY.load(Relaxed));
    }
    count_gone(own, tail.size);
}

#[inline(never)]
pub(crate) unsafe fn regrow(own: &mut Own, old: &Tail, new: &mut Tail, picked: u8, pointer: usize) {
    let many = MANY.load(Relaxed);
    let Some(header) = header() else { return };
    let tracked = old.kind == EXACT || old.kind == SAMPLED;
    if !tracked {
        new.maker = 0;
        new.maker_weight = 0.0;
    }
    new.current = 0;
    new.current_weight = 0.0;
    if tracked && old.current != 0 {
        let entry = entry(old.current);
        settle(header, entry);
        add(&entry.live, -weighed(old.size, old.current_weight), many);
        add(&entry.live_blocks, -parts(old.current_weight), many);
    }
    let sampled = picked != PLAIN;
    if sampled {
        new.current_weight = if picked == SAMPLED {
            weight_of(new.size)
        } else {
            1.0
        };
        new.current = stack(own, pointer);
        if new.current != 0 {
            enter(new.current, new.size, new.current_weight, true, many);
        }
    }
    let mut before = *old;
    if !tracked {
        before.current = 0;
    }
    regrown(&before, new, sampled, many);
    new.steps = old.steps.saturating_add(1);
    new.birth = own.made;
    new.thread = own.number as u16;
}

/// Which tail a block gets that will have another size, and how that size was picked.
#[inline(always)]
pub(crate) unsafe fn kinds_of_regrown(own: &mut Own, old: &Tail, size: usize) -> (u8, u8) {
    let picked = if old.kind == OURS {
        OURS
    } else {
        kind_of(own, size)
    };
    // A block that has an entry keeps its maker.
    let kind = match (old.kind, picked) {
        (OURS, _) | (_, OURS) => OURS,
        (PLAIN, PLAIN) => PLAIN,
        (EXACT, EXACT) => EXACT,
        _ => SAMPLED,
    };
    (kind, picked)
}

/// Counts a block that has another size now, and writes its tail.
#[inline(always)]
pub(crate) unsafe fn resized(
    own: &mut Own,
    moved: *mut c_void,
    room: usize,
    old: &Tail,
    size: usize,
    (kind, picked): (u8, u8),
    pointer: usize,
) {
    let mut new = Tail { kind, size, ..*old };
    if kind != OURS {
        let (slot, shared) = own.slot();
        count(&slot.reallocations, 1, shared);
        count(&slot.bytes, size as u64, shared);
        count(&slot.freed_bytes, old.size as u64, shared);
        if kind != PLAIN {
            regrow(own, old, &mut new, picked, pointer);
        }
    }
    write_tail(moved, room, &new);
    if kind != OURS {
        own.live(size as i64 - old.size as i64);
    } else if old.kind != OURS {
        gone(own, old);
    }
}
