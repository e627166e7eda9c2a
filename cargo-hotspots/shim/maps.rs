//! Where code is mapped: copied into the file, and again when code is seen that was not there.

use super::*;

pub(crate) static KNOWN: [AtomicUsize; 256] = [const { AtomicUsize::new(0) }; 256];
pub(crate) static KNOWN_COUNT: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn is_known(address: usize) -> bool {
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
pub(crate) unsafe fn dump_maps(header: &Header) {
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

pub(crate) unsafe fn hex(text: *const u8, mut at: usize, length: usize) -> (usize, usize) {
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
