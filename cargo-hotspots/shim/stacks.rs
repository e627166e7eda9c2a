//! Call stacks: followed by frame pointers or unwind tables, and found in the table.

use super::*;

#[inline(always)]
pub(crate) fn frame_pointer() -> usize {
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

pub(crate) struct Walk {
    pub(crate) frames: [usize; DEPTH],
    pub(crate) depth: usize,
    /// The return address of the shim's own function; frames within it are skipped.
    pub(crate) from: usize,
    pub(crate) cut: bool,
}

pub(crate) extern "C" fn each_frame(context: *mut c_void, argument: *mut c_void) -> c_int {
    let walk = unsafe { &mut *(argument as *mut Walk) };
    let address = unsafe { _Unwind_GetIP(context) };
    if walk.depth == 0 && address != walk.from {
        return 0;
    }
    // The caller of a thread's first function, which there is not.
    if address == 0 {
        return 0;
    }
    if walk.depth == DEPTH {
        walk.cut = true;
        // Any other code than 0 ends the walk.
        return 5;
    }
    walk.push(address);
    0
}

// A check of a bound would need code of core's to panic, which is not in every program that this is
// linked into.
impl Walk {
    /// Adds a frame; there is room while `depth` is below `DEPTH`.
    #[inline(always)]
    fn push(&mut self, address: usize) {
        unsafe { *self.frames.get_unchecked_mut(self.depth) = address };
        self.depth += 1;
    }

    /// `at` is below `depth`.
    #[inline(always)]
    fn frame(&self, at: usize) -> usize {
        unsafe { *self.frames.get_unchecked(at) }
    }

    /// Follows the frame pointers from that of the shim's own function.
    #[inline(always)]
    pub(crate) unsafe fn by_pointers(&mut self, own: &mut Own, first: usize) {
        if own.stack_top == 0 {
            // The thread's control block is above its stack; the first thread's is elsewhere.
            let end = first_stack_end();
            let control = pthread_self();
            own.stack_top = if first < end && end - first < MOST_STACK {
                end
            } else {
                control
            };
        }
        let top = own.stack_top;
        if first >= top || top - first > MOST_STACK {
            // A stack of the program's own making: only the caller is sure.
            self.push(self.from);
            self.cut = true;
            return;
        }
        let mut pointer = first;
        while self.depth < DEPTH {
            let address = *((pointer + 8) as *const usize);
            if address < 4096 {
                return;
            }
            self.push(address);
            let next = *(pointer as *const usize);
            if next <= pointer || next & 7 != 0 || next >= top - 16 || next - pointer > MOST_FRAME {
                return;
            }
            pointer = next;
        }
        self.cut = true;
    }

    pub(crate) unsafe fn by_tables(&mut self) {
        let walk: *mut Self = self;
        _Unwind_Backtrace(each_frame, walk as *mut c_void);
    }
}

#[cfg(not(linked))]
unsafe fn first_stack_end() -> usize {
    __libc_stack_end as usize
}

/// musl does not say it; what `main` gets as its environment is just above its stack.
#[cfg(linked)]
unsafe fn first_stack_end() -> usize {
    FIRST_STACK_END.load(Relaxed)
}

/// More than a stack has, and than one function takes of it.
pub(crate) const MOST_STACK: usize = 1 << 30;
pub(crate) const MOST_FRAME: usize = 1 << 20;

/// The entry of the stack that ends in the function with this frame pointer.
#[inline(never)]
pub(crate) unsafe fn stack(own: &mut Own, pointer: usize) -> u32 {
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
    let thread = if own.number <= OWN_STACKS {
        own.number
    } else {
        0
    };
    let id = find(header, walk, thread);
    own.end_own_work(countdown);
    id
}

pub(crate) unsafe fn find(header: &Header, walk: &Walk, thread: u32) -> u32 {
    let mut hash: u64 = 0x51_7cc1_b727_220a ^ u64::from(thread) << 48;
    let mut at = 0;
    while at < walk.depth {
        hash = (hash.rotate_left(5) ^ walk.frame(at) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
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
    insert(header, walk, hash, place, thread)
}

#[cold]
pub(crate) unsafe fn insert(
    header: &Header,
    walk: &Walk,
    hash: u64,
    mut place: usize,
    thread: u32,
) -> u32 {
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
        frames
            .add(frames_at as usize + at)
            .write(walk.frame(at) as u64);
        at += 1;
    }
    let new = entry(id);
    new.hash.store(hash, Relaxed);
    new.thread.store(thread, Relaxed);
    new.frames_at.store(frames_at, Relaxed);
    new.depth.store(walk.depth as u32, Relaxed);
    new.epoch.store(header.epoch.load(Relaxed), Relaxed);
    new.smallest.store(u64::MAX, Relaxed);
    header.frames.store(frames_end as u32, Relaxed);
    header.entries.store(id + 1, Relaxed);
    (*index.add(place)).store(id, Release);
    header.lock.store(false, Release);
    // Code that was loaded since the maps were read.
    if walk.depth > 0 && !is_known(walk.frame(0)) && DUMPS.fetch_add(1, Relaxed) < 64 {
        dump_maps(header);
    }
    id
}
