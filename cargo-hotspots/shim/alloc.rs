//! Counts a program's allocations from inside it. `cargo hotspots alloc` compiles this file with the
//! user's own rustc into a library that is preloaded (`LD_PRELOAD`), in front of glibc's allocator.
//!
//! Every allocation, reallocation and free is counted. Call stacks are kept for the first
//! allocations, or for all, and from then on for those that a Poisson process over the allocated
//! bytes picks: a block of `size` bytes is picked with the probability `1 - exp(-size / interval)`
//! and weighs the inverse of that. Equal stacks are one entry of a table, so memory follows the
//! distinct stacks and not the allocations.
//!
//! Everything is in one shared file, which stays when the program aborts, calls `_exit`, is killed
//! or has closed its outputs. `cargo-hotspots/src/record/alloc/image.rs` reads it and must agree on
//! the layout.
//!
//! A block's requested size is kept in the bytes between its end and the end of its chunk, at least
//! one more than requested. The last of them says how many there are and whether the block has an
//! entry in the table, see [`Tail`]. Limits: machines of 64 bits; glibc, where it is preloaded.
//!
//! The same file is compiled with `--cfg linked` for programs in which nothing can be preloaded, or
//! whose allocator is their own: then it is an object that is linked in and stands in front of
//! `__rust_alloc` and its kin (see `linked.rs`).
//!
//! What an allocator must not do rules the style: no allocation, no lazily made thread-local, no
//! lock that a callee may want, no panic.

mod calls;
mod entries;
mod life;
#[cfg(linked)]
mod linked;
mod maps;
mod numbers;
#[cfg(not(linked))]
mod preloaded;
mod shared;
mod stacks;
mod tail;
mod thread;

use calls::*;
use entries::*;
use maps::*;
use numbers::*;
use shared::*;
use stacks::*;
use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize};
use tail::*;
use thread::*;

extern "C" {
    #[cfg(not(linked))]
    fn __libc_malloc(size: usize) -> *mut c_void;
    #[cfg(not(linked))]
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    #[cfg(not(linked))]
    fn __libc_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    #[cfg(not(linked))]
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
    #[cfg(not(linked))]
    fn __libc_free(block: *mut c_void);
    #[cfg(not(linked))]
    static __libc_stack_end: *mut c_void;
    #[cfg(linked)]
    static environ: *mut c_void;
    fn pthread_self() -> usize;
    fn pthread_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
    ) -> c_int;
    fn pthread_key_create(key: *mut u32, end: Option<extern "C" fn(*mut c_void)>) -> c_int;
    fn pthread_setspecific(key: u32, value: *const c_void) -> c_int;
    #[cfg(not(linked))]
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn getenv(name: *const c_char) -> *mut c_char;
    #[cfg(not(linked))]
    fn setenv(name: *const c_char, value: *const c_char, overwrite: c_int) -> c_int;
    #[cfg(not(linked))]
    fn getauxval(kind: usize) -> usize;
    #[cfg(not(linked))]
    fn _exit(code: c_int) -> !;
    fn unsetenv(name: *const c_char) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn read(file: c_int, to: *mut c_void, size: usize) -> isize;
    fn close(file: c_int) -> c_int;
    fn getpid() -> c_int;
    fn prctl(what: c_int, ...) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    #[cfg(not(linked))]
    fn sysconf(name: c_int) -> c_long;
    fn sched_yield() -> c_int;
    fn mmap(
        at: *mut c_void,
        size: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: i64,
    ) -> *mut c_void;
    fn __errno_location() -> *mut c_int;
    fn _Unwind_Backtrace(
        each: extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut c_void) -> usize;
}
