//! What is kept between a block's end and the end of its room.

use super::*;

/// The bytes that a block has room for. glibc keeps the size of a chunk in the word before the
/// block, with three flags in its low bits; the next chunk lends its first word unless this one was
/// mapped by itself. `check_usable` holds it against glibc's own answer.
#[cfg(not(linked))]
#[inline(always)]
pub(crate) unsafe fn usable(block: *mut c_void) -> usize {
    let size = *(block as *const usize).sub(1);
    let chunk = size & !7;
    if size & 2 != 0 { chunk - 16 } else { chunk - 8 }
}

/// `room`: the bytes from the block's start to the tail's end.
#[inline(always)]
pub(crate) unsafe fn write_tail(block: *mut c_void, room: usize, tail: &Tail) {
    let kind = tail.kind as usize & 3;
    let length = LENGTHS[kind];
    let end = (block as *mut u8).add(room);
    let slack = room - tail.size;
    let code = slack - length;
    let code = if code >= BIG {
        (end.sub(length + 8) as *mut u64).write_unaligned(slack as u64);
        BIG
    } else {
        code
    };
    if length > 1 {
        let start = end.sub(length);
        (start as *mut u32).write_unaligned(tail.maker);
        (start.add(4) as *mut u32).write_unaligned(tail.current);
        (start.add(8) as *mut u32).write_unaligned(tail.birth);
        (end.sub(4) as *mut u16).write_unaligned(tail.thread);
        end.sub(2).write(tail.steps);
        if tail.kind == SAMPLED {
            (start.add(12) as *mut f32).write_unaligned(tail.maker_weight);
            (start.add(16) as *mut f32).write_unaligned(tail.current_weight);
        }
    }
    end.sub(1).write((kind as u8) << 6 | code as u8);
}

#[inline(always)]
pub(crate) unsafe fn read_tail(block: *mut c_void, room: usize) -> Tail {
    let end = (block as *mut u8).add(room);
    let last = end.sub(1).read();
    let kind = last >> 6;
    let length = LENGTHS[kind as usize];
    let code = (last & 63) as usize;
    let slack = if code == BIG && room >= length + 8 {
        (end.sub(length + 8) as *const u64).read_unaligned() as usize
    } else {
        code + length
    };
    let mut tail = Tail {
        kind,
        size: room.saturating_sub(slack),
        maker: 0,
        maker_weight: 1.0,
        current: 0,
        current_weight: 1.0,
        birth: 0,
        thread: 0,
        steps: 0,
    };
    if length > 1 && room >= length {
        let start = end.sub(length);
        tail.maker = (start as *const u32).read_unaligned();
        tail.current = (start.add(4) as *const u32).read_unaligned();
        tail.birth = (start.add(8) as *const u32).read_unaligned();
        tail.thread = (end.sub(4) as *const u16).read_unaligned();
        tail.steps = end.sub(2).read();
        if kind == SAMPLED {
            tail.maker_weight = (start.add(12) as *const f32).read_unaligned();
            tail.current_weight = (start.add(16) as *const f32).read_unaligned();
        }
    }
    tail
}

/// The tail of a block without an entry.
#[inline(always)]
pub(crate) unsafe fn write_plain(block: *mut c_void, room: usize, size: usize) {
    let code = room - size - 1;
    if code < BIG {
        (block as *mut u8).add(room - 1).write(code as u8);
    } else {
        write_tail(block, room, &plain(size));
    }
}

pub(crate) fn plain(size: usize) -> Tail {
    Tail {
        kind: PLAIN,
        size,
        maker: 0,
        maker_weight: 1.0,
        current: 0,
        current_weight: 1.0,
        birth: 0,
        thread: 0,
        steps: 0,
    }
}

/// `size` with room for a tail, which is at least one byte more than a size that fits.
#[cfg(not(linked))]
#[inline(always)]
pub(crate) fn with_tail(size: usize, kind: u8) -> Option<usize> {
    size.checked_add(LENGTHS[kind as usize & 3])
}

#[cfg(not(linked))]
pub(crate) fn out_of_memory() -> *mut c_void {
    unsafe { *__errno_location() = 12 };
    null_mut()
}
