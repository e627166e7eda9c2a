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
//! entry in the table, see [`Tail`]. Limits: glibc on machines of 64 bits.
//!
//! What an allocator must not do rules the style: no allocation, no lazily made thread-local, no
//! lock that a callee may want, no panic.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize};

extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
    fn __libc_free(block: *mut c_void);
    static __libc_stack_end: *mut c_void;
    fn pthread_self() -> usize;
    fn pthread_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
    ) -> c_int;
    fn pthread_key_create(key: *mut u32, end: Option<extern "C" fn(*mut c_void)>) -> c_int;
    fn pthread_setspecific(key: u32, value: *const c_void) -> c_int;
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn getenv(name: *const c_char) -> *mut c_char;
    fn setenv(name: *const c_char, value: *const c_char, overwrite: c_int) -> c_int;
    fn unsetenv(name: *const c_char) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn read(file: c_int, to: *mut c_void, size: usize) -> isize;
    fn close(file: c_int) -> c_int;
    fn getpid() -> c_int;
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

// --- the shared file -----------------------------------------------------------------------------

const MAGIC: u64 = u64::from_le_bytes(*b"hotalloc");
const VERSION: u32 = 1;
/// Threads that count for themselves, and places that all further ones share.
const OWN_SLOTS: usize = 1024;
const SHARED_SLOTS: usize = 64;
const SLOTS_AT: usize = 4096;
const SLOT_SIZE: usize = 128;
const MAPS_AT: usize = SLOTS_AT + (OWN_SLOTS + SHARED_SLOTS) * SLOT_SIZE;
const MAPS_SIZE: usize = 1 << 20;
const INDEX_AT: usize = MAPS_AT + MAPS_SIZE;
const INDEX_SLOTS: usize = 1 << 18;
const ENTRIES_AT: usize = INDEX_AT + INDEX_SLOTS * 4;
const ENTRY_SIZE: usize = 256;
/// Of the first nothing is known, the second is for stacks that had no room.
const MOST_ENTRIES: usize = 96 << 10;
const NO_ROOM: u32 = 1;
const FRAMES_AT: usize = ENTRIES_AT + MOST_ENTRIES * ENTRY_SIZE;
const MOST_FRAMES: usize = 3 << 20;
const SIZE: usize = FRAMES_AT + MOST_FRAMES * 8;
/// Frames of one stack.
const DEPTH: usize = 192;

#[repr(C)]
struct Header {
    magic: AtomicU64,
    version: AtomicU32,
    pid: AtomicU32,
    live: AtomicI64,
    peak: AtomicI64,
    /// How often there was a new peak.
    epoch: AtomicU64,
    threads: AtomicU32,
    entries: AtomicU32,
    frames: AtomicU32,
    forks: AtomicU32,
    /// Stacks for which there was no room.
    no_room: AtomicU64,
    /// Bytes of the text of `/proc/self/maps`.
    maps: AtomicU32,
    /// Whether the program's exit handlers ran.
    ended: AtomicU32,
    interval: AtomicU64,
    /// Whether each block since the start has its entry.
    complete: AtomicU32,
    /// Whether sizes of freed blocks are known.
    sizes: AtomicU32,
    samples: AtomicU64,
    /// Stacks that are deeper than `DEPTH`.
    cut: AtomicU64,
    lock: AtomicBool,
}

/// What a thread counted.
#[repr(C)]
struct Slot {
    allocations: AtomicU64,
    reallocations: AtomicU64,
    frees: AtomicU64,
    bytes: AtomicU64,
    freed_bytes: AtomicU64,
    zeroed: AtomicU64,
}

/// What is known of a stack. Counts of blocks are in 256ths, because weights are no integers.
#[repr(C)]
struct Entry {
    hash: AtomicU64,
    frames_at: AtomicU32,
    depth: AtomicU32,
    samples: AtomicU64,
    allocations: AtomicI64,
    reallocations: AtomicI64,
    bytes: AtomicI64,
    /// The variance of `bytes`, in 2^20 bytes².
    variance: AtomicU64,
    live: AtomicI64,
    /// `live` when the peak of `epoch` was reached.
    at_peak: AtomicI64,
    epoch: AtomicU64,
    short_lived: AtomicI64,
    /// What counting by the stack that made a block adds to counting by the one that grew it last.
    made_bytes: AtomicI64,
    made_reallocations: AtomicI64,
    made_live: AtomicI64,
    made_at_peak: AtomicI64,
    /// Blocks made here that were reallocated, how often, and to how many bytes in the end.
    grown_blocks: AtomicI64,
    grown_steps: AtomicI64,
    grown_final: AtomicI64,
    smallest: AtomicU64,
    largest: AtomicU64,
    live_blocks: AtomicI64,
}

/// What is known of a block, at the end of its chunk. The last byte has the kind in its upper two
/// bits; the others, plus the length of the tail, are the bytes between the requested size and the
/// end of the chunk; `BIG` of them are in the eight bytes before the tail.
#[derive(Clone, Copy)]
struct Tail {
    kind: u8,
    size: usize,
    maker: u32,
    maker_weight: f32,
    current: u32,
    current_weight: f32,
    birth: u32,
    thread: u16,
    steps: u8,
}

/// Counted, without an entry.
const PLAIN: u8 = 0;
/// With an entry, at weight 1.
const EXACT: u8 = 1;
/// With entries and weights.
const SAMPLED: u8 = 2;
/// Not counted.
const OURS: u8 = 3;
const LENGTHS: [usize; 4] = [1, 16, 24, 1];
const BIG: usize = 63;

// --- this process --------------------------------------------------------------------------------

static BASE: AtomicUsize = AtomicUsize::new(0);
/// More than one thread has allocated.
static MANY: AtomicBool = AtomicBool::new(false);
/// Allocations that still get an entry each.
static EXACT_LEFT: AtomicI64 = AtomicI64::new(0);
static EVERY: AtomicBool = AtomicBool::new(false);
static BY_TABLES: AtomicBool = AtomicBool::new(false);
static NO_STACKS: AtomicBool = AtomicBool::new(false);
static INTERVAL: AtomicU64 = AtomicU64::new(4096);
static SEED: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
static THREADS: AtomicU32 = AtomicU32::new(0);
/// A thread's value with this key is what makes its end known.
static KEY: AtomicU32 = AtomicU32::new(u32::MAX);
static DUMPS: AtomicU32 = AtomicU32::new(0);
/// What was counted before there was a file.
static EARLY: Slot = Slot {
    allocations: AtomicU64::new(0),
    reallocations: AtomicU64::new(0),
    frees: AtomicU64::new(0),
    bytes: AtomicU64::new(0),
    freed_bytes: AtomicU64::new(0),
    zeroed: AtomicU64::new(0),
};

/// A thread's own state. All zero at the start of a thread.
#[repr(C)]
struct Own {
    slot: *const Slot,
    /// Bytes until the next stack is kept; each allocation is looked at once it is negative.
    countdown: i64,
    /// What is not yet in the header's `live`.
    pending: i64,
    /// Its number; one more than the slot's position.
    number: u32,
    /// Its allocations, to tell short-lived blocks.
    made: u32,
    busy: bool,
    /// Whether `countdown` was drawn.
    drawn: bool,
    /// Whether the thread is ending, so that nothing may stay pending.
    ending: bool,
    random: u64,
    stack_top: usize,
}

/// The state in the thread's static storage, which a preloaded library has: reached without a call.
/// There is no word for that in stable Rust.
#[cfg(target_arch = "x86_64")]
mod storage {
    std::arch::global_asm!(
        ".pushsection .tbss.hotspots_own,\"awT\",@nobits",
        ".p2align 4",
        ".hidden hotspots_own",
        ".globl hotspots_own",
        ".type hotspots_own, @object",
        ".size hotspots_own, 64",
        "hotspots_own: .zero 64",
        ".popsection",
    );

    #[inline(always)]
    pub fn own() -> *mut super::Own {
        let place: *mut super::Own;
        unsafe {
            std::arch::asm!(
                "mov {0}, qword ptr [rip + hotspots_own@GOTTPOFF]",
                "add {0}, qword ptr fs:[0]",
                out(reg) place,
                options(pure, readonly, nostack),
            );
        }
        place
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod storage {
    use std::cell::UnsafeCell;

    thread_local! {
        static OWN: UnsafeCell<super::Own> = const {
            UnsafeCell::new(super::Own {
                slot: std::ptr::null(),
                countdown: 0,
                pending: 0,
                number: 0,
                made: 0,
                busy: false,
                drawn: false,
                ending: false,
                random: 0,
                stack_top: 0,
            })
        };
    }

    #[inline(always)]
    pub fn own() -> *mut super::Own {
        OWN.with(UnsafeCell::get)
    }
}

const _: () = assert!(std::mem::size_of::<Own>() <= 64);

#[inline(always)]
fn own() -> &'static mut Own {
    // The state has no destructor, so it is there as long as its thread; only its thread asks.
    unsafe { &mut *storage::own() }
}

#[inline(always)]
unsafe fn header() -> Option<&'static Header> {
    let base = BASE.load(Acquire);
    if base == 0 {
        None
    } else {
        Some(&*(base as *const Header))
    }
}

unsafe fn entry(id: u32) -> &'static Entry {
    let at = BASE.load(Relaxed) + ENTRIES_AT + (id as usize).min(MOST_ENTRIES - 1) * ENTRY_SIZE;
    &*(at as *const Entry)
}

/// Adds to a counter that no other thread writes to, unless there are many threads.
#[inline(always)]
fn add(counter: &AtomicI64, value: i64, many: bool) -> i64 {
    if many {
        counter.fetch_add(value, Relaxed).wrapping_add(value)
    } else {
        let sum = counter.load(Relaxed).wrapping_add(value);
        counter.store(sum, Relaxed);
        sum
    }
}

#[inline(always)]
fn count(counter: &AtomicU64, value: u64, shared: bool) {
    if shared {
        counter.fetch_add(value, Relaxed);
    } else {
        counter.store(counter.load(Relaxed).wrapping_add(value), Relaxed);
    }
}

impl Own {
    #[inline(always)]
    unsafe fn slot(&mut self) -> (&'static Slot, bool) {
        if self.slot.is_null() {
            self.register();
        }
        (&*self.slot, self.number as usize > OWN_SLOTS)
    }

    #[cold]
    unsafe fn register(&mut self) {
        if BASE.load(Acquire) == 0 {
            self.slot = &EARLY;
            return;
        }
        self.number = THREADS.fetch_add(1, Relaxed) + 1;
        if let Some(header) = header() {
            header.threads.fetch_add(1, Relaxed);
        }
        let index = self.number as usize - 1;
        let index = if index < OWN_SLOTS {
            index
        } else {
            OWN_SLOTS + index % SHARED_SLOTS
        };
        self.slot = (BASE.load(Relaxed) + SLOTS_AT + index * SLOT_SIZE) as *const Slot;
        if self.number > 1 {
            MANY.store(true, Relaxed);
            let key = KEY.load(Relaxed);
            if key != u32::MAX {
                pthread_setspecific(key, self.slot.cast());
            }
        }
        let seed = SEED.load(Relaxed) ^ u64::from(self.number).wrapping_mul(0xd134_2543_de82_ef95);
        self.random = seed | 1;
    }

    /// What the thread allocates from here on is ours. Each allocation is looked at meanwhile.
    fn begin_own_work(&mut self) -> i64 {
        self.busy = true;
        std::mem::replace(&mut self.countdown, i64::MIN / 2)
    }

    fn end_own_work(&mut self, countdown: i64) {
        self.busy = false;
        self.countdown = countdown;
    }

    /// Bytes to the next picked one: exponentially distributed.
    fn draw(&mut self) {
        // xorshift64*
        let mut x = self.random;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random = x;
        let bits = x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        let uniform = (bits as f64 + 1.0) / (1u64 << 53) as f64;
        let interval = INTERVAL.load(Relaxed) as f64;
        self.countdown = (-uniform.ln() * interval) as i64;
        self.drawn = true;
    }

    /// `live` of all threads, and the peak.
    #[inline(always)]
    unsafe fn live(&mut self, change: i64) {
        let Some(header) = header() else {
            return;
        };
        self.pending += change;
        let many = MANY.load(Relaxed);
        // Threads do not fight for one line of the cache over every block.
        if many && self.pending.unsigned_abs() < 4096 && !self.ending {
            return;
        }
        let live = add(&header.live, self.pending, many);
        self.pending = 0;
        if live > header.peak.load(Relaxed) {
            header.peak.store(live, Relaxed);
            if many {
                header.epoch.fetch_add(1, Relaxed);
            } else {
                header.epoch.store(header.epoch.load(Relaxed) + 1, Relaxed);
            }
        }
    }

    /// Whether this allocation of `size` bytes gets an entry.
    #[inline(always)]
    fn picks(&mut self, size: usize) -> bool {
        self.countdown = self.countdown.saturating_sub((size as i64).max(1));
        self.countdown < 0
    }
}

// --- chunks and tails ----------------------------------------------------------------------------

/// The bytes that a block has room for. glibc keeps the size of a chunk in the word before the
/// block, with three flags in its low bits; the next chunk lends its first word unless this one was
/// mapped by itself. `check_usable` holds it against glibc's own answer.
#[inline(always)]
unsafe fn usable(block: *mut c_void) -> usize {
    let size = *(block as *const usize).sub(1);
    let chunk = size & !7;
    if size & 2 != 0 {
        chunk - 16
    } else {
        chunk - 8
    }
}

#[inline(always)]
unsafe fn write_tail(block: *mut c_void, tail: &Tail) {
    let room = usable(block);
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
unsafe fn read_tail(block: *mut c_void) -> Tail {
    let room = usable(block);
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
unsafe fn write_plain(block: *mut c_void, size: usize) {
    let room = usable(block);
    let code = room - size - 1;
    if code < BIG {
        (block as *mut u8).add(room - 1).write(code as u8);
    } else {
        write_tail(block, &plain(size));
    }
}

fn plain(size: usize) -> Tail {
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
#[inline(always)]
fn with_tail(size: usize, kind: u8) -> Option<usize> {
    size.checked_add(LENGTHS[kind as usize & 3])
}

fn out_of_memory() -> *mut c_void {
    unsafe { *__errno_location() = 12 };
    null_mut()
}

// --- entries -------------------------------------------------------------------------------------

/// Keeps what lived at the last peak before it changes.
#[inline(always)]
unsafe fn settle(header: &Header, entry: &Entry) {
    let epoch = header.epoch.load(Relaxed);
    if entry.epoch.load(Relaxed) != epoch {
        entry.at_peak.store(entry.live.load(Relaxed), Relaxed);
        entry.made_at_peak.store(entry.made_live.load(Relaxed), Relaxed);
        entry.epoch.store(epoch, Relaxed);
    }
}

fn weighed(size: usize, weight: f32) -> i64 {
    if weight == 1.0 {
        size as i64
    } else {
        (size as f64 * f64::from(weight)).round() as i64
    }
}

fn parts(weight: f32) -> i64 {
    (f64::from(weight) * 256.0).round() as i64
}

/// A new block, or a new length of one.
unsafe fn enter(id: u32, size: usize, weight: f32, again: bool, many: bool) {
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
        entry.variance.fetch_add(variance as u64, Relaxed);
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
unsafe fn leave(own: &Own, tail: &Tail, many: bool) {
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
const SHORT: u32 = 16;

/// A block that got another length: what counting by its maker adds.
unsafe fn regrown(old: &Tail, new: &Tail, sampled: bool, many: bool) {
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
        add(&entry.grown_final, if first { after } else { after - before }, many);
    }
}

// --- stacks --------------------------------------------------------------------------------------

#[inline(always)]
fn frame_pointer() -> usize {
    let pointer: usize;
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("mov {}, rbp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("mov {}, x29", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

struct Walk {
    frames: [usize; DEPTH],
    depth: usize,
    /// The return address of the shim's own function; frames within it are skipped.
    from: usize,
    cut: bool,
}

extern "C" fn each_frame(context: *mut c_void, argument: *mut c_void) -> c_int {
    let walk = unsafe { &mut *(argument as *mut Walk) };
    let address = unsafe { _Unwind_GetIP(context) };
    if walk.depth == 0 && address != walk.from {
        return 0;
    }
    if walk.depth == DEPTH {
        walk.cut = true;
        // Any other code than 0 ends the walk.
        return 5;
    }
    walk.frames[walk.depth] = address;
    walk.depth += 1;
    0
}

impl Walk {
    /// Follows the frame pointers from that of the shim's own function.
    #[inline(always)]
    unsafe fn by_pointers(&mut self, own: &mut Own, first: usize) {
        if own.stack_top == 0 {
            // The thread's control block is above its stack; the first thread's is elsewhere.
            let end = __libc_stack_end as usize;
            let control = pthread_self();
            own.stack_top = if first < end && end - first < MOST_STACK { end } else { control };
        }
        let top = own.stack_top;
        if first >= top || top - first > MOST_STACK {
            // A stack of the program's own making: only the caller is sure.
            self.frames[0] = self.from;
            self.depth = 1;
            self.cut = true;
            return;
        }
        let mut pointer = first;
        while self.depth < DEPTH {
            let address = *((pointer + 8) as *const usize);
            if address < 4096 {
                return;
            }
            self.frames[self.depth] = address;
            self.depth += 1;
            let next = *(pointer as *const usize);
            if next <= pointer || next & 7 != 0 || next >= top - 16 || next - pointer > MOST_FRAME {
                return;
            }
            pointer = next;
        }
        self.cut = true;
    }

    unsafe fn by_tables(&mut self) {
        let walk: *mut Self = self;
        _Unwind_Backtrace(each_frame, walk as *mut c_void);
    }
}

/// More than a stack has, and than one function takes of it.
const MOST_STACK: usize = 1 << 30;
const MOST_FRAME: usize = 1 << 20;

/// The entry of the stack that ends in the function with this frame pointer.
#[inline(never)]
unsafe fn stack(own: &mut Own, pointer: usize) -> u32 {
    let Some(header) = header() else { return 0 };
    if NO_STACKS.load(Relaxed) {
        return 0;
    }
    let mut walk: std::mem::MaybeUninit<Walk> = std::mem::MaybeUninit::uninit();
    let walk = {
        let start = walk.as_mut_ptr();
        std::ptr::addr_of_mut!((*start).depth).write(0);
        std::ptr::addr_of_mut!((*start).cut).write(false);
        std::ptr::addr_of_mut!((*start).from).write(*((pointer + 8) as *const usize));
        // The frames are written before they are read.
        &mut *start
    };
    let countdown = own.begin_own_work();
    if BY_TABLES.load(Relaxed) {
        walk.by_tables();
    } else {
        walk.by_pointers(own, pointer);
    }
    header.samples.fetch_add(1, Relaxed);
    if walk.cut {
        header.cut.fetch_add(1, Relaxed);
    }
    let id = find(header, walk);
    own.end_own_work(countdown);
    id
}

unsafe fn find(header: &Header, walk: &Walk) -> u32 {
    let mut hash: u64 = 0x51_7cc1_b727_220a;
    let mut at = 0;
    while at < walk.depth {
        hash = (hash.rotate_left(5) ^ walk.frames[at] as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        at += 1;
    }
    hash |= 1;
    let index = (BASE.load(Relaxed) + INDEX_AT) as *const AtomicU32;
    let mut place = (hash >> 40) as usize % INDEX_SLOTS;
    loop {
        let id = (*index.add(place)).load(Acquire);
        if id == 0 {
            break;
        }
        if entry(id).hash.load(Relaxed) == hash {
            return id;
        }
        place = (place + 1) % INDEX_SLOTS;
    }
    insert(header, walk, hash, place)
}

#[cold]
unsafe fn insert(header: &Header, walk: &Walk, hash: u64, mut place: usize) -> u32 {
    let index = (BASE.load(Relaxed) + INDEX_AT) as *const AtomicU32;
    while header.lock.swap(true, Acquire) {
        sched_yield();
    }
    let id = loop {
        let id = (*index.add(place)).load(Acquire);
        if id == 0 {
            break 0;
        }
        if entry(id).hash.load(Relaxed) == hash {
            break id;
        }
        place = (place + 1) % INDEX_SLOTS;
    };
    if id != 0 {
        header.lock.store(false, Release);
        return id;
    }
    let id = header.entries.load(Relaxed);
    let frames_at = header.frames.load(Relaxed);
    let frames_end = frames_at as usize + walk.depth;
    if id as usize >= MOST_ENTRIES || frames_end > MOST_FRAMES {
        header.lock.store(false, Release);
        header.no_room.fetch_add(1, Relaxed);
        return NO_ROOM;
    }
    let frames = (BASE.load(Relaxed) + FRAMES_AT) as *mut u64;
    let mut at = 0;
    while at < walk.depth {
        frames.add(frames_at as usize + at).write(walk.frames[at] as u64);
        at += 1;
    }
    let new = entry(id);
    new.hash.store(hash, Relaxed);
    new.frames_at.store(frames_at, Relaxed);
    new.depth.store(walk.depth as u32, Relaxed);
    new.epoch.store(header.epoch.load(Relaxed), Relaxed);
    new.smallest.store(u64::MAX, Relaxed);
    header.frames.store(frames_end as u32, Relaxed);
    header.entries.store(id + 1, Relaxed);
    (*index.add(place)).store(id, Release);
    header.lock.store(false, Release);
    // Code that was loaded since the maps were read.
    if walk.depth > 0 && !is_known(walk.frames[0]) && DUMPS.fetch_add(1, Relaxed) < 64 {
        dump_maps(header);
    }
    id
}

// --- maps ----------------------------------------------------------------------------------------

static KNOWN: [AtomicUsize; 256] = [const { AtomicUsize::new(0) }; 256];
static KNOWN_COUNT: AtomicUsize = AtomicUsize::new(0);

fn is_known(address: usize) -> bool {
    let count = KNOWN_COUNT.load(Acquire).min(KNOWN.len() / 2);
    let mut at = 0;
    while at < count {
        if address >= KNOWN[2 * at].load(Relaxed) && address < KNOWN[2 * at + 1].load(Relaxed) {
            return true;
        }
        at += 1;
    }
    false
}

/// Copies `/proc/self/maps` into the file and remembers where code is.
unsafe fn dump_maps(header: &Header) {
    let file = open(c"/proc/self/maps".as_ptr(), 0o2000000);
    if file < 0 {
        return;
    }
    let to = (BASE.load(Relaxed) + MAPS_AT) as *mut u8;
    let mut length = 0;
    while length < MAPS_SIZE {
        let got = read(file, to.add(length) as *mut c_void, MAPS_SIZE - length);
        if got <= 0 {
            break;
        }
        length += got as usize;
    }
    close(file);
    header.maps.store(length as u32, Release);
    let mut count = 0;
    let mut at = 0;
    while at < length && count < KNOWN.len() / 2 {
        let (start, after) = hex(to, at, length);
        let (end, after) = hex(to, after + 1, length);
        // ` r-xp`
        if after + 3 < length && to.add(after + 3).read() == b'x' {
            KNOWN[2 * count].store(start, Relaxed);
            KNOWN[2 * count + 1].store(end, Relaxed);
            count += 1;
        }
        at = after;
        while at < length && to.add(at).read() != b'\n' {
            at += 1;
        }
        at += 1;
    }
    KNOWN_COUNT.store(count, Release);
}

unsafe fn hex(text: *const u8, mut at: usize, length: usize) -> (usize, usize) {
    let mut value = 0usize;
    while at < length {
        let digit = match text.add(at).read() {
            c @ b'0'..=b'9' => c - b'0',
            c @ b'a'..=b'f' => c - b'a' + 10,
            _ => break,
        };
        value = value.wrapping_mul(16).wrapping_add(digit as usize);
        at += 1;
    }
    (value, at)
}

// --- the allocator's functions -------------------------------------------------------------------

/// Which tail a new block gets, by whether it is picked.
#[inline(always)]
unsafe fn kind_of(own: &mut Own, size: usize) -> u8 {
    // A new thread's countdown is 0, and that of one with work of ours is negative.
    if !own.picks(size) {
        return PLAIN;
    }
    picked(own, size)
}

#[cold]
fn picked(own: &mut Own, size: usize) -> u8 {
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

fn weight_of(size: usize) -> f32 {
    let interval = INTERVAL.load(Relaxed) as f64;
    let chance = -(-(size.max(1) as f64) / interval).exp_m1();
    (1.0 / chance) as f32
}

/// Counts a new block and writes its tail.
#[inline(always)]
unsafe fn made(own: &mut Own, block: *mut c_void, size: usize, kind: u8, pointer: usize) {
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
unsafe fn enlist(own: &mut Own, block: *mut c_void, size: usize, kind: u8, at: usize) -> bool {
    let mut tail = Tail { kind, ..plain(size) };
    if kind != OURS {
        track(own, &mut tail, at);
    }
    write_tail(block, &tail);
    kind != OURS
}

/// Gives a new block its entry.
#[inline(never)]
unsafe fn track(own: &mut Own, tail: &mut Tail, pointer: usize) {
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
        enter(id, tail.size, tail.current_weight, false, MANY.load(Relaxed));
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
unsafe fn aligned(alignment: usize, size: usize, pointer: usize) -> *mut c_void {
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

unsafe fn page() -> usize {
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
unsafe fn count_gone(own: &mut Own, size: usize) {
    let (slot, shared) = own.slot();
    count(&slot.frees, 1, shared);
    count(&slot.freed_bytes, size as u64, shared);
    own.live(-(size as i64));
}

#[inline(never)]
unsafe fn gone(own: &mut Own, tail: &Tail) {
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
    let picked = if old.kind == OURS { OURS } else { kind_of(own, size) };
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
unsafe fn regrow(own: &mut Own, old: &Tail, new: &mut Tail, picked: u8, pointer: usize) {
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

// --- beginning and end ---------------------------------------------------------------------------

#[used]
#[link_section = ".init_array"]
static BEGIN: extern "C" fn() = begin;

#[used]
#[link_section = ".fini_array"]
static END: extern "C" fn() = end;

extern "C" fn begin() {
    unsafe { begin_in(own()) }
}

/// `PATH`, `INTERVAL:EXACT:HOW:SEED` and the user's own preloaded libraries, each in its variable.
unsafe fn begin_in(own: &mut Own) {
    let path = getenv(c"CARGO_HOTSPOTS_ALLOC_FILE".as_ptr());
    let how = getenv(c"CARGO_HOTSPOTS_ALLOC_HOW".as_ptr());
    if path.is_null() || how.is_null() {
        return;
    }
    let countdown = own.begin_own_work();
    let file = open(path, 0o2000002);
    if file >= 0 {
        // Readable and writable, shared.
        let base = mmap(null_mut(), SIZE, 3, 1, file, 0);
        close(file);
        if base as isize != -1 {
            let options = options(how);
            INTERVAL.store(options[0].max(1), Relaxed);
            EVERY.store(options[1] == u64::MAX, Relaxed);
            EXACT_LEFT.store(options[1].min(i64::MAX as u64) as i64, Relaxed);
            BY_TABLES.store(options[2] == 1, Relaxed);
            NO_STACKS.store(options[2] == 2, Relaxed);
            SEED.store(options[3], Relaxed);
            set_up(&*(base as *const Header), base as usize, options[0]);
        }
    }
    // Programs that this one starts are not recorded, and find what the user gave them.
    let before = getenv(c"CARGO_HOTSPOTS_ALLOC_PRELOAD".as_ptr());
    if before.is_null() || *before == 0 {
        unsetenv(c"LD_PRELOAD".as_ptr());
    } else {
        setenv(c"LD_PRELOAD".as_ptr(), before, 1);
    }
    unsetenv(c"CARGO_HOTSPOTS_ALLOC_FILE".as_ptr());
    unsetenv(c"CARGO_HOTSPOTS_ALLOC_HOW".as_ptr());
    unsetenv(c"CARGO_HOTSPOTS_ALLOC_PRELOAD".as_ptr());
    own.end_own_work(countdown);
    own.register();
}

unsafe fn set_up(header: &Header, base: usize, interval: u64) {
    header.version.store(VERSION, Relaxed);
    header.pid.store(getpid() as u32, Relaxed);
    header.interval.store(interval, Relaxed);
    header.complete.store(1, Relaxed);
    header.entries.store(NO_ROOM + 1, Relaxed);
    header.sizes.store(u32::from(check_usable()), Relaxed);
    // What there was before the file.
    let live = EARLY.bytes.load(Relaxed) as i64 - EARLY.freed_bytes.load(Relaxed) as i64;
    header.live.store(live, Relaxed);
    header.peak.store(live, Relaxed);
    let first = &*((base + SLOTS_AT + (OWN_SLOTS + SHARED_SLOTS - 1) * SLOT_SIZE) as *const Slot);
    first.allocations.store(EARLY.allocations.load(Relaxed), Relaxed);
    first.reallocations.store(EARLY.reallocations.load(Relaxed), Relaxed);
    first.frees.store(EARLY.frees.load(Relaxed), Relaxed);
    first.bytes.store(EARLY.bytes.load(Relaxed), Relaxed);
    first.freed_bytes.store(EARLY.freed_bytes.load(Relaxed), Relaxed);
    BASE.store(base, Release);
    dump_maps(header);
    if BY_TABLES.load(Relaxed) {
        // The first walk allocates and loads tables; now nobody is in the way.
        let mut walk = Walk { frames: [0; DEPTH], depth: 0, from: 0, cut: false };
        walk.by_tables();
    }
    pthread_atfork(None, Some(forked), Some(is_child));
    let mut key = 0;
    if pthread_key_create(&mut key, Some(thread_ends)) == 0 {
        KEY.store(key, Relaxed);
    }
    header.magic.store(MAGIC, Release);
}

/// Numbers with `:` between them.
unsafe fn options(text: *const c_char) -> [u64; 4] {
    let mut values = [0u64; 4];
    let mut nth = 0;
    let mut at = text as *const u8;
    while *at != 0 && nth < 4 {
        match *at {
            b':' => nth += 1,
            c @ b'0'..=b'9' => {
                values[nth] = values[nth].saturating_mul(10).saturating_add(u64::from(c - b'0'));
            }
            _ => {}
        }
        at = at.add(1);
    }
    values
}

/// Whether `usable` is what glibc says.
unsafe fn check_usable() -> bool {
    // RTLD_NEXT
    let theirs = dlsym(-1isize as *mut c_void, c"malloc_usable_size".as_ptr());
    if theirs.is_null() {
        return false;
    }
    let theirs: unsafe extern "C" fn(*mut c_void) -> usize = std::mem::transmute(theirs);
    for size in [1, 24, 25, 100, 4096, 100_000, 1 << 20] {
        let block = __libc_malloc(size);
        if block.is_null() {
            return false;
        }
        let same = usable(block) == theirs(block);
        __libc_free(block);
        if !same {
            return false;
        }
    }
    true
}

/// Thread-locals are destroyed before this or after; from here on each block counts at once.
extern "C" fn thread_ends(_: *mut c_void) {
    let own = own();
    own.ending = true;
    unsafe { own.live(0) };
}

extern "C" fn forked() {
    if let Some(header) = unsafe { header() } {
        header.forks.fetch_add(1, Relaxed);
    }
}

/// A child that goes on without an `exec` counts for itself, which nobody reads.
extern "C" fn is_child() {
    let base = BASE.load(Relaxed);
    if base != 0 {
        // Private, anonymous, fixed.
        unsafe { mmap(base as *mut c_void, SIZE, 3, 0x32 | 0x4000, -1, 0) };
        NO_STACKS.store(true, Relaxed);
    }
}

extern "C" fn end() {
    if let Some(header) = unsafe { header() } {
        let own = own();
        let countdown = own.begin_own_work();
        unsafe { dump_maps(header) };
        own.end_own_work(countdown);
        header.ended.store(1, Relaxed);
    }
}
