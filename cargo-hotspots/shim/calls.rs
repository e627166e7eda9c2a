//! The functions that stand in front of the allocator's.

use super::*;

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
    if BASE.load(Relaxed) == 0 {
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
    let chance = -(-(size.max(1) as f64) / interval).exp_m1();
    (1.0 / chance) as f32
}

/// Counts a new block and writes its tail.
#[inline(always)]
pub(crate) unsafe fn made(
    own: &mut Own,
    block: *mut c_void,
    size: usize,
    kind: u8,
    pointer: usize,
) {
    if kind == PLAIN {
        write_plain(block, size);
    } else if !enlist(own, block, size, kind, pointer) {
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
    write_tail(block, &tail);
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

#[no_mangle]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    let own = own();
    let kind = kind_of(own, size);
    let Some(room) = with_tail(size, kind) else {
        return out_of_memory();
    };
    let block = __libc_malloc(room);
    if !block.is_null() {
        made(own, block, size, kind, frame_pointer());
    }
    block
}

#[no_mangle]
pub unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let Some(size) = count.checked_mul(size) else {
        return out_of_memory();
    };
    let own = own();
    let kind = kind_of(own, size);
    let Some(room) = with_tail(size, kind) else {
        return out_of_memory();
    };
    let block = __libc_calloc(1, room);
    if !block.is_null() {
        made(own, block, size, kind, frame_pointer());
    }
    block
}

#[inline(always)]
pub(crate) unsafe fn aligned(alignment: usize, size: usize, pointer: usize) -> *mut c_void {
    let own = own();
    let kind = kind_of(own, size);
    let Some(room) = with_tail(size, kind) else {
        return out_of_memory();
    };
    let block = __libc_memalign(alignment, room);
    if !block.is_null() {
        made(own, block, size, kind, pointer);
    }
    block
}

#[no_mangle]
pub unsafe extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    aligned(alignment, size, frame_pointer())
}

#[no_mangle]
pub unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    aligned(alignment, size, frame_pointer())
}

#[no_mangle]
pub unsafe extern "C" fn posix_memalign(
    to: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> c_int {
    if alignment % 8 != 0 || !alignment.is_power_of_two() {
        return 22;
    }
    let before = *__errno_location();
    let block = aligned(alignment, size, frame_pointer());
    *__errno_location() = before;
    if block.is_null() {
        return 12;
    }
    *to = block;
    0
}

#[no_mangle]
pub unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    aligned(page(), size, frame_pointer())
}

#[no_mangle]
pub unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    let page = page();
    match size.checked_add(page - 1) {
        Some(size) => aligned(page, size & !(page - 1), frame_pointer()),
        None => out_of_memory(),
    }
}

pub(crate) unsafe fn page() -> usize {
    // _SC_PAGESIZE
    sysconf(30).max(4096) as usize
}

#[no_mangle]
pub unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    if block.is_null() {
        return 0;
    }
    // What is after it is the tail's.
    read_tail(block).size
}

#[no_mangle]
pub unsafe extern "C" fn free(block: *mut c_void) {
    if block.is_null() {
        return;
    }
    let room = usable(block);
    let last = (block as *const u8).add(room - 1).read();
    let own = own();
    if usize::from(last) < BIG {
        count_gone(own, room - 1 - usize::from(last));
    } else {
        let tail = read_tail(block);
        if tail.kind != OURS {
            gone(own, &tail);
        }
    }
    __libc_free(block);
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

#[no_mangle]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    let pointer = frame_pointer();
    let own = own();
    if block.is_null() {
        let kind = kind_of(own, size);
        let Some(room) = with_tail(size, kind) else {
            return out_of_memory();
        };
        let block = __libc_malloc(room);
        if !block.is_null() {
            made(own, block, size, kind, pointer);
        }
        return block;
    }
    if size == 0 {
        // glibc frees the block.
        free(block);
        return null_mut();
    }
    let old = read_tail(block);
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
    let Some(room) = with_tail(size, kind) else {
        return out_of_memory();
    };
    let moved = __libc_realloc(block, room);
    if moved.is_null() {
        return moved;
    }
    let mut new = Tail { kind, size, ..old };
    if kind != OURS {
        let (slot, shared) = own.slot();
        count(&slot.reallocations, 1, shared);
        count(&slot.bytes, size as u64, shared);
        count(&slot.freed_bytes, old.size as u64, shared);
        if kind != PLAIN {
            regrow(own, &old, &mut new, picked, pointer);
        }
    }
    write_tail(moved, &new);
    if kind != OURS {
        own.live(size as i64 - old.size as i64);
    } else if old.kind != OURS {
        gone(own, &old);
    }
    moved
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
