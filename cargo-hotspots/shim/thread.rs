//! The state of this process and of each of its threads.

use super::*;

pub(crate) static BASE: AtomicUsize = AtomicUsize::new(0);
/// More than one thread has allocated.
pub(crate) static MANY: AtomicBool = AtomicBool::new(false);
/// Allocations that still get an entry each.
pub(crate) static EXACT_LEFT: AtomicI64 = AtomicI64::new(0);
pub(crate) static EVERY: AtomicBool = AtomicBool::new(false);
pub(crate) static BY_TABLES: AtomicBool = AtomicBool::new(false);
pub(crate) static NO_STACKS: AtomicBool = AtomicBool::new(false);
pub(crate) static INTERVAL: AtomicU64 = AtomicU64::new(4096);
pub(crate) static SEED: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
pub(crate) static THREADS: AtomicU32 = AtomicU32::new(0);
/// A thread's value with this key is what makes its end known.
pub(crate) static KEY: AtomicU32 = AtomicU32::new(u32::MAX);
pub(crate) static DUMPS: AtomicU32 = AtomicU32::new(0);
/// The end of the first thread's stack.
#[cfg(linked)]
pub(crate) static FIRST_STACK_END: AtomicUsize = AtomicUsize::new(0);
/// What was counted before there was a file.
pub(crate) static EARLY: Slot = Slot {
    allocations: AtomicU64::new(0),
    reallocations: AtomicU64::new(0),
    frees: AtomicU64::new(0),
    bytes: AtomicU64::new(0),
    freed_bytes: AtomicU64::new(0),
    zeroed: AtomicU64::new(0),
    tid: AtomicU32::new(0),
    ended: AtomicU32::new(0),
    name: [AtomicU64::new(0), AtomicU64::new(0)],
};

/// `gettid`, which the C library has for itself only since 2.30.
#[cfg(target_arch = "x86_64")]
pub(crate) const SYS_GETTID: c_long = 186;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const SYS_GETTID: c_long = 178;
/// Asks for the name of the calling thread.
pub(crate) const PR_GET_NAME: c_int = 16;

impl Slot {
    /// What the calling thread is called now.
    pub(crate) unsafe fn note_name(&self) {
        let mut name = [0u64; 2];
        if prctl(PR_GET_NAME, name.as_mut_ptr()) == 0 {
            self.name[0].store(name[0], Relaxed);
            self.name[1].store(name[1], Relaxed);
        }
    }
}

/// A thread's own state. All zero at the start of a thread.
#[repr(C)]
pub(crate) struct Own {
    pub(crate) slot: *const Slot,
    /// Bytes until the next stack is kept; each allocation is looked at once it is negative.
    pub(crate) countdown: i64,
    /// What is not yet in the header's `live`.
    pub(crate) pending: i64,
    /// Its number; one more than the slot's position.
    pub(crate) number: u32,
    /// Its allocations, to tell short-lived blocks.
    pub(crate) made: u32,
    pub(crate) busy: bool,
    /// Whether `countdown` was drawn.
    pub(crate) drawn: bool,
    /// Whether the thread is ending, so that nothing may stay pending.
    pub(crate) ending: bool,
    pub(crate) random: u64,
    pub(crate) stack_top: usize,
}

/// The state in the thread's static storage, which a preloaded library and the program itself have:
/// reached without a call.
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
pub(crate) fn own() -> &'static mut Own {
    // The state has no destructor, so it is there as long as its thread; only its thread asks.
    unsafe { &mut *storage::own() }
}

#[inline(always)]
pub(crate) unsafe fn header() -> Option<&'static Header> {
    let base = BASE.load(Acquire);
    if base == 0 {
        None
    } else {
        Some(&*(base as *const Header))
    }
}

pub(crate) unsafe fn entry(id: u32) -> &'static Entry {
    let at = BASE.load(Relaxed) + ENTRIES_AT + (id as usize).min(MOST_ENTRIES - 1) * ENTRY_SIZE;
    &*(at as *const Entry)
}

/// Adds to a counter that no other thread writes to, unless there are many threads.
#[inline(always)]
pub(crate) fn add(counter: &AtomicI64, value: i64, many: bool) -> i64 {
    if many {
        counter.fetch_add(value, Relaxed).wrapping_add(value)
    } else {
        let sum = counter.load(Relaxed).wrapping_add(value);
        counter.store(sum, Relaxed);
        sum
    }
}

#[inline(always)]
pub(crate) fn count(counter: &AtomicU64, value: u64, shared: bool) {
    if shared {
        counter.fetch_add(value, Relaxed);
    } else {
        counter.store(counter.load(Relaxed).wrapping_add(value), Relaxed);
    }
}

impl Own {
    #[inline(always)]
    pub(crate) unsafe fn slot(&mut self) -> (&'static Slot, bool) {
        if self.slot.is_null() {
            self.register();
        }
        (&*self.slot, self.number as usize > OWN_SLOTS)
    }

    #[cold]
    pub(crate) unsafe fn register(&mut self) {
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
        if index < OWN_SLOTS {
            (*self.slot).tid.store(syscall(SYS_GETTID) as u32, Relaxed);
            (*self.slot).note_name();
        }
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
    pub(crate) fn begin_own_work(&mut self) -> i64 {
        self.busy = true;
        std::mem::replace(&mut self.countdown, i64::MIN / 2)
    }

    pub(crate) fn end_own_work(&mut self, countdown: i64) {
        self.busy = false;
        self.countdown = countdown;
    }

    /// Bytes to the next picked one: exponentially distributed.
    pub(crate) fn draw(&mut self) {
        // xorshift64*
        let mut x = self.random;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random = x;
        let bits = x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        let uniform = (bits as f64 + 1.0) / (1u64 << 53) as f64;
        let interval = INTERVAL.load(Relaxed) as f64;
        self.countdown = (-logarithm(uniform) * interval) as i64;
        self.drawn = true;
    }

    /// `live` of all threads, and the peak.
    #[inline(always)]
    pub(crate) unsafe fn live(&mut self, change: i64) {
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
    pub(crate) fn picks(&mut self, size: usize) -> bool {
        self.countdown = self.countdown.saturating_sub((size as i64).max(1));
        self.countdown < 0
    }
}
