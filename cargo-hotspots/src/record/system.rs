//! The few calls to the operating system that the standard library does not have.
#![allow(unsafe_code)]

use crate::recording::Traffic;
use std::{
    ffi::CString,
    fs::{self, File},
    io,
    ops::AddAssign,
    os::{
        fd::AsRawFd as _,
        unix::{ffi::OsStrExt as _, process::ExitStatusExt as _},
    },
    path::Path,
    process::ExitStatus,
    sync::atomic::{AtomicI32, AtomicU32, Ordering},
    time::Duration,
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

/// What a child that waits reads of its own code from there to its `exec`, at most.
const UNTIL_EXEC: u64 = 256 << 10;

/// CPU time, and of programs that have ended what else the kernel counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// In a program's own code.
    pub(super) user: Duration,
    /// In the kernel on its behalf.
    pub(super) system: Duration,
    /// Page faults without input, and with.
    pub(super) minor_faults: u64,
    pub(super) major_faults: u64,
    /// Switches because it waited, and because its time was up.
    pub(super) voluntary: u64,
    pub(super) involuntary: u64,
    /// The largest resident memory of one process; 0 where it is not known.
    pub(super) peak_bytes: u64,
    /// How long its threads were ready and had no processor, all together, where the kernel says it.
    pub(super) queued: Option<Duration>,
}

impl Used {
    /// What a program used beyond what its process had used `before` its `exec`. The kernel keeps the
    /// largest memory of both: it is the program's where it is larger than before.
    pub(super) fn beyond(self, before: Self) -> Self {
        Self {
            minor_faults: self.minor_faults.saturating_sub(before.minor_faults),
            major_faults: self.major_faults.saturating_sub(before.major_faults),
            voluntary: self.voluntary.saturating_sub(before.voluntary),
            involuntary: self.involuntary.saturating_sub(before.involuntary),
            peak_bytes: match self.peak_bytes > before.peak_bytes + UNTIL_EXEC {
                true => self.peak_bytes,
                false => 0,
            },
            ..self
        }
    }

    /// What was used since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
            ..self
        }
    }
}

/// What a child that waits before its `exec` has used; `None` where it is not seen to wait.
pub(super) fn used_by_waiting(pid: i32) -> Option<Used> {
    const LOOKS: u32 = 200;
    const PAUSE: Duration = Duration::from_micros(100);
    for _ in 0..LOOKS {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| -> Option<&str> {
            let mut lines = status.lines();
            Some(lines.find_map(|line| line.strip_prefix(name))?.trim())
        };
        if field("State:")?.starts_with('S') {
            let number = |name| field(name)?.parse::<u64>().ok();
            let peak: u64 = field("VmHWM:")?.strip_suffix("kB")?.trim().parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (_, rest) = stat.rsplit_once(')')?;
            // The fields 10 and 12; the first of the rest is the third.
            let mut faults = rest.split_ascii_whitespace().skip(7).step_by(2);
            return Some(Used {
                minor_faults: faults.next()?.parse().ok()?,
                major_faults: faults.next()?.parse().ok()?,
                voluntary: number("voluntary_ctxt_switches:")?,
                involuntary: number("nonvoluntary_ctxt_switches:")?,
                peak_bytes: peak.saturating_mul(1024),
                ..Used::default()
            });
        }
        std::thread::sleep(PAUSE);
    }
    None
}

impl AddAssign for Used {
    fn add_assign(&mut self, other: Self) {
        self.user += other.user;
        self.system += other.system;
        self.minor_faults += other.minor_faults;
        self.major_faults += other.major_faults;
        self.voluntary += other.voluntary;
        self.involuntary += other.involuntary;
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
        self.queued = match (self.queued, other.queued) {
            (Some(own), Some(other)) => Some(own + other),
            (own, other) => own.or(other),
        };
    }
}

/// Waits for the end of a child, and leaves it to [`wait`]: until then the kernel's files say what it
/// did.
pub(super) fn wait_for_end(pid: i32) -> io::Result<()> {
    let id = libc::id_t::try_from(pid).map_err(io::Error::other)?;
    loop {
        // SAFETY: zero is a valid value of this structure of numbers.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = libc::WEXITED | libc::WNOWAIT;
        // SAFETY: writes to the variable, which is ours.
        let code = unsafe { libc::waitid(libc::P_PID, id, &mut info, options) };
        match checked(code) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What a process has read and written so far; also of one that has ended and is not waited for.
pub(super) fn traffic(pid: i32) -> Option<Traffic> {
    traffic_by(&fs::read_to_string(format!("/proc/{pid}/io")).ok()?)
}

/// Reads `/proc/PID/io`, see "proc_pid_io(5)".
fn traffic_by(text: &str) -> Option<Traffic> {
    let field = |name: &str| -> Option<u64> {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    };
    Some(Traffic {
        reads: field("syscr:")?,
        read_bytes: field("rchar:")?,
        writes: field("syscw:")?,
        written_bytes: field("wchar:")?,
    })
}

/// Waits for the end of a child. What it used includes the children that it waited for itself.
pub(super) fn wait(pid: i32) -> io::Result<(ExitStatus, Used)> {
    let mut status = 0;
    // SAFETY: zero is a valid value of this structure of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: writes to the two variables, which are ours.
        let code = unsafe { libc::wait4(pid, &mut status, 0, &mut usage) };
        match checked(code) {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let used = Used {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        minor_faults: number(usage.ru_minflt),
        major_faults: number(usage.ru_majflt),
        voluntary: number(usage.ru_nvcsw),
        involuntary: number(usage.ru_nivcsw),
        // Linux counts in KiB.
        peak_bytes: number(usage.ru_maxrss).saturating_mul(1024),
        queued: None,
    };
    Ok((ExitStatus::from_raw(status), used))
}

fn number(value: libc::c_long) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let micros = u64::try_from(time.tv_usec).unwrap_or_default();
    Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros))
}

/// What a process that runs has used so far, with the children that it waited for. The kernel
/// counts in ticks, mostly of 10 ms.
pub(super) fn used(pid: i32) -> Option<Used> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // SAFETY: takes no memory.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    used_by(&text, u64::try_from(ticks).ok().filter(|ticks| *ticks > 0)?)
}

/// Reads `/proc/PID/stat`, see "proc_pid_stat(5)": `utime`, `stime`, `cutime` and `cstime` are the
/// fields 14 to 17. The second is the program's name in parentheses, which may hold anything.
fn used_by(text: &str, ticks_a_second: u64) -> Option<Used> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut time = || -> Option<Duration> {
        let ticks: u64 = fields.next()?.parse().ok()?;
        let nanoseconds = u128::from(ticks) * 1_000_000_000 / u128::from(ticks_a_second);
        Some(Duration::from_nanos(u64::try_from(nanoseconds).ok()?))
    };
    let (user, system, user_of_children, system_of_children) = (time()?, time()?, time()?, time()?);
    Some(Used {
        user: user + user_of_children,
        system: system + system_of_children,
        ..Used::default()
    })
}

/// Lets the calling thread run before others, where that is allowed.
pub(super) fn hurry() {
    const BEFORE_OTHERS: i32 = -10;
    // SAFETY: takes no memory. To Linux zero is the calling thread, not its process.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, BEFORE_OTHERS) };
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

/// The process of a thread; of a process it is the process itself.
pub(super) fn process_of(number: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{number}/status")).ok()?;
    let process = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    process.trim().parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_says_what_it_used_whatever_its_name() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 30 20 20 0 1 0 5 6 7";
        let used = used_by(text, 100).unwrap();
        assert_eq!(used.user, Duration::from_millis(2800));
        assert_eq!(used.system, Duration::from_millis(700));
        assert_eq!(used_by("7 (a) S 1", 100), None);
    }

    #[test]
    fn a_process_says_what_it_read_and_wrote() {
        let text = "rchar: 2012\nwchar: 30\nsyscr: 7\nsyscw: 3\nread_bytes: 0\nwrite_bytes: 0\n";
        let traffic = traffic_by(text).unwrap();
        assert_eq!((traffic.reads, traffic.read_bytes), (7, 2012));
        assert_eq!((traffic.writes, traffic.written_bytes), (3, 30));
        assert_eq!(traffic_by("rchar: 1"), None);
    }
}
