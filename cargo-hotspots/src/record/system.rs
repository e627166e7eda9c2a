//! The few calls to the operating system that the standard library does not have.
#![allow(unsafe_code)]

use std::{
    ffi::CString,
    fs::File,
    io,
    os::{fd::AsRawFd as _, unix::ffi::OsStrExt as _},
    path::Path,
    sync::atomic::{AtomicI32, AtomicU32, Ordering},
};

/// Whether this process is root's.
pub(crate) fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// The last error of the operating system when `code` says that there was one.
pub(super) fn checked(code: libc::c_int) -> io::Result<libc::c_int> {
    if code < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(code)
    }
}

/// Makes a named pipe for this user alone.
pub(super) fn make_pipe(path: &Path) -> io::Result<()> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a string with its zero byte, which outlives the call.
    checked(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }).map(drop)
}

/// Sends a signal; that the process is gone already is no failure.
pub(super) fn send(pid: i32, signal: i32) {
    if pid > 0 {
        // SAFETY: takes no memory.
        unsafe { libc::kill(pid, signal) };
    }
}

/// Whether there is such a process.
pub(super) fn exists(pid: i32) -> bool {
    // SAFETY: takes no memory; signal 0 only asks.
    let code = unsafe { libc::kill(pid, 0) };
    code == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// Whether the terminal sends Ctrl-C to our process group, and so to the programs that we start.
fn terminal_sends_to_us() -> bool {
    let Ok(terminal) = File::open("/dev/tty") else {
        return false;
    };
    // SAFETY: the descriptor is open; neither call takes memory.
    unsafe { libc::tcgetpgrp(terminal.as_raw_fd()) == libc::getpgrp() }
}

static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
static LATEST: AtomicI32 = AtomicI32::new(0);
const SIGNALS: [i32; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// Counts Ctrl-C (and requests to end) instead of dying of it, for as long as it lives.
pub(super) struct Interrupts {
    before: Vec<(i32, libc::sigaction)>,
}

extern "C" fn note(signal: libc::c_int) {
    LATEST.store(signal, Ordering::Relaxed);
    INTERRUPTS.fetch_add(1, Ordering::Relaxed);
}

impl Interrupts {
    /// Begins to count, from zero.
    pub(super) fn watch() -> Self {
        INTERRUPTS.store(0, Ordering::Relaxed);
        let mut before = Vec::new();
        for signal in SIGNALS {
            // SAFETY: zero is a valid value of this structure of numbers and an optional pointer.
            let mut own: libc::sigaction = unsafe { std::mem::zeroed() };
            // SAFETY: as above.
            let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
            let handler: extern "C" fn(libc::c_int) = note;
            own.sa_sigaction = handler as *const () as libc::sighandler_t;
            own.sa_flags = libc::SA_RESTART;
            // SAFETY: the handler only touches atomics, which is safe at any moment; both
            // structures are ours.
            unsafe {
                if libc::sigaction(signal, std::ptr::null(), &mut old) != 0
                    // Whoever started us wants it ignored (`nohup`).
                    || old.sa_sigaction == libc::SIG_IGN
                {
                    continue;
                }
                if libc::sigaction(signal, &own, std::ptr::null_mut()) == 0 {
                    before.push((signal, old));
                }
            }
        }
        Self { before }
    }

    /// How many there were.
    pub(super) fn count(&self) -> u32 {
        INTERRUPTS.load(Ordering::Relaxed)
    }

    /// The signal to pass on to the programs, unless they have it from the terminal.
    pub(super) fn to_pass_on(&self) -> Option<i32> {
        let signal = LATEST.load(Ordering::Relaxed);
        (signal != libc::SIGINT || !terminal_sends_to_us()).then_some(signal)
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        for (signal, old) in &self.before {
            // SAFETY: puts back what `watch` found.
            unsafe { libc::sigaction(*signal, old, std::ptr::null_mut()) };
        }
    }
}
