//! The `exec` of a child that has let go of the memory that it inherited.
//!
//! The kernel counts the largest resident memory of a process from its `fork`, not from its `exec`:
//! what a child inherits of its parent's memory is a floor under what `wait4` says of the program that
//! it becomes (`exec_mmap` in fs/exec.c keeps the old memory's maximum in `signal->maxrss`). So before its
//! `exec` the child gives back what it has of the parent's heap, and has the kernel forget the
//! maximum until then (`/proc/self/clear_refs`, see "proc_pid_clear_refs(5)"). What the `exec` needs lies in a
//! mapping of its own, because the heap has it no more.
#![allow(unsafe_code)]

use std::{
    ffi::{CString, OsString},
    fs, io,
    ops::Range,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    process::Command,
    ptr,
};

/// Smaller mappings stay: among them is what the C library and the loader need.
const WORTH: usize = 64 << 10;

/// What a child needs for its `exec`, outside of the heap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exec {
    start: *mut usize,
    /// In bytes.
    size: usize,
    /// Indices of the words where each part begins.
    arguments: usize,
    environment: usize,
    ranges: usize,
}

// SAFETY: the mapping belongs to this value alone and is only read after `new`.
unsafe impl Send for Exec {}
// SAFETY: as above.
unsafe impl Sync for Exec {}

impl Exec {
    /// For a command that names its program by a path.
    ///
    /// # Errors
    ///
    /// A string has a zero byte, or there is no memory.
    pub(super) fn new(command: &Command) -> io::Result<Self> {
        let arguments = [command.get_program()]
            .into_iter()
            .chain(command.get_args());
        let arguments: Vec<CString> = arguments
            .map(|argument| CString::new(argument.as_bytes()))
            .collect::<Result<_, _>>()?;
        let environment = environment(command)?;
        let strings: usize = arguments
            .iter()
            .chain(&environment)
            .map(|text| text.as_bytes_with_nul().len())
            .sum();
        // A zero ends each list; the ranges may become more by the mapping itself.
        let most = ranges(0..0)?.len() + 8;
        let words = arguments.len() + 1 + environment.len() + 1 + 2 * most + 1;
        let size = words * size_of::<usize>() + strings;
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let own = start as usize..start as usize + size;
        let mut lists: Vec<usize> = Vec::with_capacity(words);
        let mut place = own.start + words * size_of::<usize>();
        let mut list = |strings: &[CString]| {
            let at = lists.len();
            for text in strings {
                let bytes = text.as_bytes_with_nul();
                // SAFETY: the mapping has room for all strings behind its words.
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), place as *mut u8, bytes.len()) };
                lists.push(place);
                place += bytes.len();
            }
            lists.push(0);
            at
        };
        let (arguments, environment) = (list(&arguments), list(&environment));
        let of_ranges = lists.len();
        for range in ranges(own)?.iter().take(most) {
            lists.extend([range.start, range.len()]);
        }
        lists.push(0);
        // SAFETY: there are at most so many words as the mapping has room for.
        unsafe { ptr::copy_nonoverlapping(lists.as_ptr(), start.cast(), lists.len()) };
        Ok(Self {
            start: start.cast(),
            size,
            arguments,
            environment,
            ranges: of_ranges,
        })
    }

    /// Gives the memory of this process back.
    ///
    /// # Safety
    ///
    /// Only in a child, between `fork` and `exec`: nothing on the heap is there any more.
    pub(super) unsafe fn let_go(self) {
        // SAFETY: the mapping has a zero after its last range. Of the calls none takes memory but the
        // ranges, which nothing uses any more, and constants.
        unsafe {
            let mut range = self.start.add(self.ranges);
            while *range != 0 {
                libc::madvise(
                    *range as *mut libc::c_void,
                    *range.add(1),
                    libc::MADV_DONTNEED,
                );
                range = range.add(2);
            }
            let forget = libc::open(
                c"/proc/self/clear_refs".as_ptr(),
                libc::O_WRONLY | libc::O_CLOEXEC,
            );
            if forget >= 0 {
                libc::write(forget, c"5".as_ptr().cast(), 1);
                libc::close(forget);
            }
        }
    }

    /// Becomes the program; returns when that failed.
    ///
    /// # Safety
    ///
    /// Only in a child, between `fork` and `exec`.
    pub(super) unsafe fn run(self) -> io::Error {
        // SAFETY: both lists end with a null pointer, and their strings with a zero byte.
        unsafe {
            let arguments: *const *const libc::c_char = self.start.add(self.arguments).cast();
            let environment = self.start.add(self.environment).cast();
            libc::execve(*arguments, arguments, environment);
        }
        io::Error::last_os_error()
    }

    /// Gives the mapping back, in the parent.
    ///
    /// # Safety
    ///
    /// Nothing uses this value, or a copy of it, any more.
    pub(super) unsafe fn free(self) {
        // SAFETY: the mapping is this value's own.
        unsafe { libc::munmap(self.start.cast(), self.size) };
    }
}

/// `NAME=VALUE` of all that the command's program gets.
fn environment(command: &Command) -> io::Result<Vec<CString>> {
    let mut all: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    for (name, value) in command.get_envs() {
        all.retain(|(known, _)| known != name);
        all.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }
    let strings = all.into_iter().map(|(name, value)| {
        let mut bytes = name.into_vec();
        bytes.push(b'=');
        bytes.extend(value.as_bytes());
        Ok(CString::new(bytes)?)
    });
    strings.collect()
}

/// The larger mappings that a child can do without or has again from their files, without `own` and this
/// thread's stack.
fn ranges(own: Range<usize>) -> io::Result<Vec<Range<usize>>> {
    let here = ptr::from_ref(&own) as usize;
    let maps = fs::read_to_string("/proc/self/maps")?;
    let found = maps.lines().filter_map(dispensable);
    let wanted = |range: &Range<usize>| {
        range.len() >= WORTH
            && !range.contains(&here)
            && (range.end <= own.start || range.start >= own.end)
    };
    Ok(found.filter(wanted).collect())
}

/// The range of a line of `/proc/PID/maps`, where it is of the heap or another thread's stack, or of
/// code, which nobody has written to. Data of a file has been: it is relocated.
fn dispensable(line: &str) -> Option<Range<usize>> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let access = words.next()?;
    let has_file = words.nth(2)? != "0";
    let name = words.next();
    let dispensable = match access {
        "rw-p" => !has_file && name.is_none_or(|name| ["[heap]", "[stack]"].contains(&name)),
        "r-xp" => has_file,
        _ => false,
    };
    let number = |text| usize::from_str_radix(text, 16).ok();
    dispensable.then_some(number(start)?..number(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_to_a_file_s_data_stays() {
        let code = "562fc2a12000-562fc3f7a000 r-xp 00841000 fe:00 5615529    /w/cargo-hotspots";
        assert_eq!(dispensable(code), Some(0x562f_c2a1_2000..0x562f_c3f7_a000));
        let heap = "562fc40d4000-562fc4200000 rw-p 00000000 00:00 0    [heap]";
        assert_eq!(dispensable(heap).unwrap().len(), 0x12_c000);
        assert!(dispensable("7fb1268d3000-7fb126ad3000 rw-p 00000000 00:00 0 ").is_some());
        for stays in [
            "562fc3f7a000-562fc40ce000 r--p 01da8000 fe:00 5615529    /w/cargo-hotspots",
            "562fc40ce000-562fc40d1000 rw-p 01efb000 fe:00 5615529    /w/cargo-hotspots",
            "7fffdb9fe000-7fffdba00000 r-xp 00000000 00:00 0    [vdso]",
            "7f0000000000-7f0000010000 rw-s 00000000 00:0f 1    anon_inode:[perf_event]",
        ] {
            assert_eq!(dispensable(stays), None, "{stays}");
        }
    }
}
