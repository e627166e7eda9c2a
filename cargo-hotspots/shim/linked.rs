//! The functions that stand in front of the program's own allocator: `__rust_alloc` and its kin, which
//! the linker is told to call in place of those (`--wrap`). So whatever the allocator is, and however
//! the program is linked, all that Rust code asks for passes through here. The names have the
//! toolchain's hash in them: whoever compiles this file puts them in place of the `@…@`.
//!
//! A block's room is not known from outside, so its tail is right behind its requested size, and where
//! that is more than the last byte, one byte more before it says the kind, too.

use super::*;

extern "Rust" {
    #[link_name = "__real_@alloc@"]
    fn real_alloc(size: usize, alignment: usize) -> *mut u8;
    #[link_name = "__real_@alloc_zeroed@"]
    fn real_alloc_zeroed(size: usize, alignment: usize) -> *mut u8;
    #[link_name = "__real_@realloc@"]
    fn real_realloc(block: *mut u8, size: usize, alignment: usize, new_size: usize) -> *mut u8;
    #[link_name = "__real_@dealloc@"]
    fn real_dealloc(block: *mut u8, size: usize, alignment: usize);
}

/// What a block of `size` bytes takes; `None` where Rust's limit of a size would be exceeded.
#[inline(always)]
fn room_for(size: usize, alignment: usize, kind: u8) -> Option<usize> {
    let length = LENGTHS[kind as usize & 3];
    let room = size.checked_add(length + usize::from(length > 1))?;
    (room <= isize::MAX as usize - (alignment - 1)).then_some(room)
}

/// The bytes of a block that was made here.
#[inline(always)]
unsafe fn room_of(block: *mut u8, size: usize) -> usize {
    let length = LENGTHS[usize::from(block.add(size).read() >> 6)];
    size + length + usize::from(length > 1)
}

#[inline(always)]
unsafe fn write_kind(block: *mut u8, size: usize, kind: u8) {
    // The last byte of a short tail is this one, and the same.
    block.add(size).write(kind << 6);
}

#[inline(always)]
unsafe fn new(
    size: usize,
    alignment: usize,
    pointer: usize,
    real: unsafe fn(usize, usize) -> *mut u8,
) -> *mut u8 {
    let own = own();
    let kind = kind_of(own, size);
    let Some(room) = room_for(size, alignment, kind) else {
        return null_mut();
    };
    let block = real(room, alignment);
    if !block.is_null() {
        made(own, block.cast(), room, size, kind, pointer);
        write_kind(block, size, kind);
    }
    block
}

#[export_name = "__wrap_@alloc@"]
pub unsafe fn alloc(size: usize, alignment: usize) -> *mut u8 {
    new(size, alignment, frame_pointer(), |size, alignment| {
        real_alloc(size, alignment)
    })
}

#[export_name = "__wrap_@alloc_zeroed@"]
pub unsafe fn alloc_zeroed(size: usize, alignment: usize) -> *mut u8 {
    new(size, alignment, frame_pointer(), |size, alignment| {
        real_alloc_zeroed(size, alignment)
    })
}

#[export_name = "__wrap_@dealloc@"]
pub unsafe fn dealloc(block: *mut u8, size: usize, alignment: usize) {
    let room = room_of(block, size);
    let own = own();
    if block.add(size).read() >> 6 == PLAIN {
        count_gone(own, size);
    } else {
        let tail = read_tail(block.cast(), room);
        if tail.kind != OURS {
            gone(own, &tail);
        }
    }
    real_dealloc(block, room, alignment);
}

#[export_name = "__wrap_@realloc@"]
pub unsafe fn realloc(block: *mut u8, size: usize, alignment: usize, new_size: usize) -> *mut u8 {
    let pointer = frame_pointer();
    let own = own();
    let room = room_of(block, size);
    let old = read_tail(block.cast(), room);
    let kinds = kinds_of_regrown(own, &old, new_size);
    let Some(new_room) = room_for(new_size, alignment, kinds.0) else {
        return null_mut();
    };
    let moved = real_realloc(block, room, alignment, new_room);
    if !moved.is_null() {
        resized(own, moved.cast(), new_room, &old, new_size, kinds, pointer);
        write_kind(moved, new_size, kinds.0);
    }
    moved
}
