//! The buffer that the kernel writes records into, mapped: the only memory shared with it.
//!
//! Protocol: perf_event_open(2), "MMAP layout". The kernel moves `data_head` and writes up to it;
//! we read up to it and move `data_tail`. Both only grow, and the place is their remainder by the
//! size, which is a power of two.
#![allow(unsafe_code)]

use perf_event_open_sys::bindings as sys;
use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering},
};

/// A mapped buffer.
pub(super) struct Ring {
    page: NonNull<sys::perf_event_mmap_page>,
    data: NonNull<u8>,
    size: usize,
    mapped: usize,
}

// SAFETY: the mapping belongs to this value alone, and no thread has a claim on it.
unsafe impl Send for Ring {}

/// The bytes of a page of memory.
pub(super) fn page_size() -> usize {
    // SAFETY: takes no memory.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

impl Ring {
    /// Maps `pages` (a power of two) of data.
    pub(super) fn map(event: BorrowedFd<'_>, pages: usize) -> io::Result<Self> {
        let page_size = page_size();
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        if !pages.is_power_of_two() {
            return Err(invalid());
        }
        let size = pages.checked_mul(page_size).ok_or_else(invalid)?;
        let mapped = size.checked_add(page_size).ok_or_else(invalid)?;
        // SAFETY: a new mapping where the kernel finds room; the descriptor is open.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                mapped,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                event.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let page = NonNull::new(start).ok_or_else(invalid)?;
        // SAFETY: the mapping is one page longer than `size`.
        let data = unsafe { page.cast::<u8>().add(page_size) };
        Ok(Self {
            page: page.cast(),
            data,
            size,
            mapped,
        })
    }

    /// Bytes of data that fit.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    fn field(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: an aligned field of the mapped page, which both sides use atomically and which
        // lives as long as this value.
        unsafe { AtomicU64::from_ptr(self.page.cast::<u8>().add(offset).cast().as_ptr()) }
    }

    /// Appends all records that are complete to `to` and gives their room back.
    pub(super) fn take(&self, to: &mut Vec<u8>) {
        let head = self.field(std::mem::offset_of!(sys::perf_event_mmap_page, data_head));
        let tail = self.field(std::mem::offset_of!(sys::perf_event_mmap_page, data_tail));
        // Pairs with the kernel's barrier between writing records and moving the head.
        let end = head.load(Ordering::Acquire);
        let start = tail.load(Ordering::Relaxed);
        let length = usize::try_from(end.wrapping_sub(start)).unwrap_or(usize::MAX);
        let length = length.min(self.size);
        let offset = usize::try_from(start & (self.size as u64 - 1)).unwrap_or(0);
        let first = length.min(self.size - offset);
        for (offset, length) in [(offset, first), (0, length - first)] {
            to.reserve(length);
            // SAFETY: both pieces are inside the mapping; the kernel does not write between tail
            // and head; `to` has room for the bytes and is no part of the mapping.
            unsafe {
                let free = to.as_mut_ptr().add(to.len());
                ptr::copy_nonoverlapping(self.data.add(offset).as_ptr(), free, length);
                to.set_len(to.len() + length);
            }
        }
        // Pairs with the kernel's reading of the tail: the bytes are copied.
        tail.store(end, Ordering::Release);
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: exactly what `map` mapped, and nothing borrows it any longer.
        unsafe {
            libc::munmap(self.page.as_ptr().cast(), self.mapped);
        }
    }
}
