//! The functions that stand in front of glibc's allocator: those of C.

use super::*;

#[no_mangle]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    let own = own();
    let kind = kind_of(own, size);
    let Some(room) = with_tail(size, kind) else {
        return out_of_memory();
    };
    let block = __libc_malloc(room);
    if !block.is_null() {
        made(own, block, usable(block), size, kind, frame_pointer());
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
        made(own, block, usable(block), size, kind, frame_pointer());
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
        made(own, block, usable(block), size, kind, pointer);
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
    read_tail(block, usable(block)).size
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
        let tail = read_tail(block, room);
        if tail.kind != OURS {
            gone(own, &tail);
        }
    }
    __libc_free(block);
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
            made(own, block, usable(block), size, kind, pointer);
        }
        return block;
    }
    if size == 0 {
        // glibc frees the block.
        free(block);
        return null_mut();
    }
    let old = read_tail(block, usable(block));
    let kinds = kinds_of_regrown(own, &old, size);
    let Some(room) = with_tail(size, kinds.0) else {
        return out_of_memory();
    };
    let moved = __libc_realloc(block, room);
    if !moved.is_null() {
        resized(own, moved, usable(moved), &old, size, kinds, pointer);
    }
    moved
}
