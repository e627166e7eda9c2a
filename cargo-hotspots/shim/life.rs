//! The beginning and the end of the process, and of its children.

use super::*;

#[used]
#[link_section = ".init_array"]
pub(crate) static BEGIN: extern "C" fn() = begin;

#[used]
#[link_section = ".fini_array"]
pub(crate) static END: extern "C" fn() = end;

/// Whether this process has looked whether it is recorded.
static BEGUN: AtomicBool = AtomicBool::new(false);

pub(crate) extern "C" fn begin() {
    if !BEGUN.swap(true, Relaxed) {
        unsafe { begin_in(own()) }
    }
}

/// Constructors of libraries run before this one's: C++'s allocates 72,704 bytes. So recording begins
/// with the first allocation that finds the environment; whether it did.
#[cold]
pub(crate) unsafe fn begin_early(own: &mut Own) -> bool {
    if BEGUN.load(Relaxed)
        || getenv(c"CARGO_HOTSPOTS_ALLOC_FILE".as_ptr()).is_null()
        || !getenv(c"CARGO_HOTSPOTS_ALLOC_PROBE".as_ptr()).is_null()
    {
        return false;
    }
    BEGUN.store(true, Relaxed);
    begin_in(own);
    BASE.load(Relaxed) != 0
}

/// `PATH`, `INTERVAL:EXACT:HOW:SEED` and the user's own preloaded libraries, each in its variable.
pub(crate) unsafe fn begin_in(own: &mut Own) {
    #[cfg(linked)]
    FIRST_STACK_END.store(environ as usize, Relaxed);
    #[cfg(not(linked))]
    probe(own);
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
    #[cfg(not(linked))]
    restore_preload();
    unsetenv(c"CARGO_HOTSPOTS_ALLOC_FILE".as_ptr());
    unsetenv(c"CARGO_HOTSPOTS_ALLOC_HOW".as_ptr());
    own.end_own_work(countdown);
    own.register();
}

/// Whether the program's allocator passes on to the one that this library stands in front of: told by the
/// exit code, before the program has done anything. Asked for with the distance of `__rust_alloc` from
/// the program's entry. `record/alloc/probe.rs` must agree.
#[cfg(not(linked))]
unsafe fn probe(own: &mut Own) {
    const AT_ENTRY: usize = 9;
    const SIZES: [usize; 3] = [4099, 40_009, 5003];
    /// More than an allocator adds to a block, and less than one takes for many.
    const HEADER: u64 = 512;
    let asked = getenv(c"CARGO_HOTSPOTS_ALLOC_PROBE".as_ptr());
    if asked.is_null() {
        return;
    }
    let at = getauxval(AT_ENTRY).wrapping_add(options(asked)[0] as usize);
    let alloc = std::mem::transmute::<usize, unsafe fn(usize, usize) -> *mut c_void>(at);
    let seen = || (EARLY.allocations.load(Relaxed), EARLY.bytes.load(Relaxed));
    own.register();
    for size in SIZES {
        let before = seen();
        alloc(size, 8);
        let after = seen();
        let blocks = after.0 - before.0;
        let bytes = after.1 - before.1;
        if blocks != 1 || !(size as u64..size as u64 + HEADER).contains(&bytes) {
            _exit(82);
        }
    }
    _exit(81);
}

/// Programs that this one starts are not recorded, and find what the user gave them.
#[cfg(not(linked))]
unsafe fn restore_preload() {
    let before = getenv(c"CARGO_HOTSPOTS_ALLOC_PRELOAD".as_ptr());
    if before.is_null() || *before == 0 {
        unsetenv(c"LD_PRELOAD".as_ptr());
    } else {
        setenv(c"LD_PRELOAD".as_ptr(), before, 1);
    }
    unsetenv(c"CARGO_HOTSPOTS_ALLOC_PRELOAD".as_ptr());
}

pub(crate) unsafe fn set_up(header: &Header, base: usize, interval: u64) {
    header.version.store(VERSION, Relaxed);
    header.pid.store(getpid() as u32, Relaxed);
    header.interval.store(interval, Relaxed);
    let early = EARLY.allocations.load(Relaxed);
    header.complete.store(u32::from(early == 0), Relaxed);
    header.entries.store(NO_ROOM + 1, Relaxed);
    header.sizes.store(u32::from(check_usable()), Relaxed);
    // What there was before the file.
    let live = EARLY.bytes.load(Relaxed) as i64 - EARLY.freed_bytes.load(Relaxed) as i64;
    header.live.store(live, Relaxed);
    header.peak.store(live, Relaxed);
    let first = &*((base + SLOTS_AT + (OWN_SLOTS + SHARED_SLOTS - 1) * SLOT_SIZE) as *const Slot);
    first.allocations.store(early, Relaxed);
    first
        .reallocations
        .store(EARLY.reallocations.load(Relaxed), Relaxed);
    first.frees.store(EARLY.frees.load(Relaxed), Relaxed);
    first.bytes.store(EARLY.bytes.load(Relaxed), Relaxed);
    first
        .freed_bytes
        .store(EARLY.freed_bytes.load(Relaxed), Relaxed);
    BASE.store(base, Release);
    dump_maps(header);
    if BY_TABLES.load(Relaxed) {
        // The first walk allocates and loads tables; now nobody is in the way.
        let mut walk = Walk {
            frames: [0; DEPTH],
            depth: 0,
            from: 0,
            cut: false,
        };
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
pub(crate) unsafe fn options(text: *const c_char) -> [u64; 4] {
    let mut values = [0u64; 4];
    let mut nth = 0;
    let mut at = text as *const u8;
    while *at != 0 && nth < 4 {
        match *at {
            b':' => nth += 1,
            c @ b'0'..=b'9' => {
                values[nth] = values[nth]
                    .saturating_mul(10)
                    .saturating_add(u64::from(c - b'0'));
            }
            _ => {}
        }
        at = at.add(1);
    }
    values
}

/// The size of each block is with the block.
#[cfg(linked)]
unsafe fn check_usable() -> bool {
    true
}

/// Whether `usable` is what glibc says.
#[cfg(not(linked))]
pub(crate) unsafe fn check_usable() -> bool {
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
pub(crate) extern "C" fn thread_ends(_: *mut c_void) {
    let own = own();
    own.ending = true;
    unsafe {
        own.live(0);
        // It has its name by now.
        if own.number != 0 && own.number as usize <= OWN_SLOTS {
            (*own.slot).note_name();
            (*own.slot).ended.store(1, Relaxed);
        }
    }
}

pub(crate) extern "C" fn forked() {
    if let Some(header) = unsafe { header() } {
        header.forks.fetch_add(1, Relaxed);
    }
}

/// A child that goes on without an `exec` counts for itself, which nobody reads.
pub(crate) extern "C" fn is_child() {
    let base = BASE.load(Relaxed);
    if base != 0 {
        // Private, anonymous, fixed.
        unsafe { mmap(base as *mut c_void, SIZE, 3, 0x32 | 0x4000, -1, 0) };
        NO_STACKS.store(true, Relaxed);
    }
}

/// What the threads are called that have not ended.
unsafe fn note_names() {
    let threads = (THREADS.load(Relaxed) as usize).min(OWN_SLOTS);
    for index in 0..threads {
        let slot = &*((BASE.load(Relaxed) + SLOTS_AT + index * SLOT_SIZE) as *const Slot);
        let tid = slot.tid.load(Relaxed);
        if tid == 0 || slot.ended.load(Relaxed) != 0 {
            continue;
        }
        // `/proc/self/task/TID/comm`
        let mut path = [0u8; 40];
        let mut at = 0;
        for byte in b"/proc/self/task/" {
            path[at] = *byte;
            at += 1;
        }
        let mut place = 1_000_000_000;
        while place > 0 {
            let digit = tid / place % 10;
            if place <= tid {
                path[at] = b'0' + digit as u8;
                at += 1;
            }
            place /= 10;
        }
        for byte in b"/comm" {
            path[at] = *byte;
            at += 1;
        }
        let file = open(path.as_ptr().cast(), 0o2000000);
        if file < 0 {
            continue;
        }
        let mut name = [0u64; 2];
        // A line; its end is no part of the name.
        let length = read(file, name.as_mut_ptr().cast(), 16);
        close(file);
        if length > 0 {
            let bytes = name.as_mut_ptr() as *mut u8;
            bytes.add(length as usize - 1).write(0);
            slot.name[0].store(name[0], Relaxed);
            slot.name[1].store(name[1], Relaxed);
        }
    }
}

pub(crate) extern "C" fn end() {
    if let Some(header) = unsafe { header() } {
        let own = own();
        let countdown = own.begin_own_work();
        unsafe {
            dump_maps(header);
            note_names();
        }
        own.end_own_work(countdown);
        header.ended.store(1, Relaxed);
    }
}
