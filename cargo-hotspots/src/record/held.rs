//! A program that is started but waits just before its `exec`, so that a recorder can attach
//! before its first instruction.
//!
//! The child is stopped between `fork` and `exec`, where only calls that are safe in a signal
//! handler are allowed. It writes its number into one pipe and reads from another; if this process
//! dies meanwhile the kernel kills it.
#![allow(unsafe_code)]

use super::{
    exec::Exec,
    queue::Watch,
    system::{self, Used},
};
use crate::recording::Traffic;
use std::{
    fs,
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, FromRawFd as _, IntoRawFd as _, OwnedFd},
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    process::{Command, ExitStatus},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

/// A child; killed when dropped before its release.
pub(super) struct Held {
    pid: i32,
    /// What the child had used when it was ready, which is not the program's.
    before: Option<Used>,
    gate: Option<PipeWriter>,
    news: Receiver<io::Result<(ExitStatus, Used, Option<Traffic>)>>,
    ended: bool,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    /// The CPU time of all its life, which begins with its release.
    pub(super) used: Used,
    /// What it read and wrote.
    pub(super) traffic: Option<Traffic>,
}

impl Held {
    /// Forks; `command` runs on [`Held::release`].
    pub(super) fn start(command: Command) -> io::Result<Self> {
        let (numbers, number) = io::pipe()?;
        let (wait, gate) = io::pipe()?;
        let (sender, news) = mpsc::channel();
        let copy = gate.as_raw_fd();
        // `spawn` returns after the `exec`, and the thread that forked must live until then: its
        // thread's death would be taken for ours.
        thread::Builder::new()
            .name("program".into())
            .spawn(move || {
                let ended = spawn(command, number, wait, copy).and_then(|child| {
                    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
                    let queue = Watch::start(pid);
                    system::wait_for_end(pid)?;
                    let traffic = system::traffic(pid);
                    let queued = queue.and_then(Watch::finish);
                    let (status, used) = system::wait(pid)?;
                    let used = Used { queued, ..used };
                    Ok((status, used, traffic))
                });
                // Nobody listens when the recording was given up.
                let _ = sender.send(ended);
            })?;
        let mut held = Self {
            pid: 0,
            before: None,
            gate: Some(gate),
            news,
            ended: false,
        };
        held.pid = held.number(numbers)?;
        held.before = system::used_by_waiting(held.pid);
        Ok(held)
    }

    fn number(&mut self, mut numbers: PipeReader) -> io::Result<i32> {
        let mut bytes = [0; 4];
        match numbers.read_exact(&mut bytes) {
            Ok(()) => Ok(i32::from_ne_bytes(bytes)),
            // It could not even be forked.
            Err(error) => match self.news.recv() {
                Ok(Err(cause)) => Err(cause),
                _ => Err(error),
            },
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Lets it run.
    pub(super) fn release(&mut self) -> io::Result<()> {
        match self.gate.take() {
            Some(mut gate) => gate.write_all(&[1]),
            None => Ok(()),
        }
    }

    /// Waits for its end, not longer than `patience`; fails when it could not be executed.
    pub(super) fn wait(&mut self, patience: Duration) -> io::Result<Option<End>> {
        match self.news.recv_timeout(patience) {
            Ok(ended) => {
                self.ended = true;
                let (status, used, traffic) = ended?;
                let used = self.before.map_or(used, |before| used.beyond(before));
                Ok(Some(End {
                    code: status.code(),
                    signal: status.signal(),
                    used,
                    traffic,
                }))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Ok(Some(End::default())),
        }
    }

    pub(super) fn send(&self, signal: i32) {
        if !self.ended {
            system::send(self.pid, signal);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.gate.is_some() {
            self.send(libc::SIGKILL);
        }
    }
}

/// The sockets of this process, by descriptor and inode. std has one pair for each child that is being
/// started, by which it learns of the `exec`. A child that was forked meanwhile and waits would keep
/// another's open, so that the other one's start, and its end, would not be seen.
fn sockets() -> Vec<(i32, u64)> {
    let entries = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let socket = |entry: fs::DirEntry| {
        let link = fs::read_link(entry.path()).ok()?;
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some((
            entry.file_name().to_str()?.parse().ok()?,
            inode.parse().ok()?,
        ))
    };
    entries.filter_map(socket).collect()
}

/// Closes those of the sockets that are still the same and that `exec` would close.
///
/// # Safety
///
/// Nothing else in this process uses them.
unsafe fn close(sockets: &[(i32, u64)]) {
    for (descriptor, inode) in sockets {
        // SAFETY: zero is a valid value of this structure of numbers; both calls take a number and
        // write to the structure only.
        unsafe {
            let mut status: libc::stat = std::mem::zeroed();
            let same = libc::fstat(*descriptor, &mut status) == 0 && status.st_ino == *inode;
            if same && libc::fcntl(*descriptor, libc::F_GETFD) & libc::FD_CLOEXEC != 0 {
                libc::close(*descriptor);
            }
        }
    }
}

fn spawn(
    mut command: Command,
    number: PipeWriter,
    wait: PipeReader,
    gate: i32,
) -> io::Result<std::process::Child> {
    let others = sockets();
    let exec = Exec::new(&command)?;
    let (number, wait) = (number.into_raw_fd(), wait.into_raw_fd());
    let step = move || {
        // SAFETY: every call here is safe between `fork` and `exec`; the memory is local, and the
        // descriptors are open copies of the parent's, `gate` included, which lives in the parent
        // until the child is released.
        unsafe {
            // Ctrl-C while it waits must not run the parent's handler in the child.
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                if libc::signal(signal, libc::SIG_DFL) == libc::SIG_IGN {
                    libc::signal(signal, libc::SIG_IGN);
                }
            }
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong);
            libc::close(gate);
            close(&others);
            let pid = libc::getpid().to_ne_bytes();
            // What the closure has is on the heap, and its copy here is not.
            let (exec, number, wait) = std::hint::black_box((exec, number, wait));
            exec.let_go();
            libc::write(number, pid.as_ptr().cast(), pid.len());
            let mut byte = 0u8;
            loop {
                let read = libc::read(wait, (&raw mut byte).cast(), 1);
                if read == 1 {
                    break;
                }
                if read == 0 || *libc::__errno_location() != libc::EINTR {
                    return Err(io::Error::from_raw_os_error(libc::ECANCELED));
                }
            }
            libc::prctl(libc::PR_SET_PDEATHSIG, 0 as libc::c_ulong);
            Err(exec.run())
        }
    };
    // SAFETY: the closure keeps to what is allowed between `fork` and `exec`.
    unsafe { command.pre_exec(step) };
    let started = command.spawn();
    // SAFETY: both are this function's own, and the command's closure does not run any more. The parent
    // must not hold its ends open: the child's end would not be seen.
    unsafe {
        drop((OwnedFd::from_raw_fd(number), OwnedFd::from_raw_fd(wait)));
        exec.free();
    }
    started
}
