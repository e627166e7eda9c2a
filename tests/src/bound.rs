//! Bounds on work that hold on a busy machine: processor time, not the clock.
//!
//! The processor time of a call is that of the calling thread, which is made rayon's only one, so
//! that parallel work is counted too. A watchdog ends the process when a call does not return for
//! minutes: a test that hangs says nothing, one that is ended has said what hung.

use crate::command::command;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any single step takes, whatever runs beside it.
pub const PATIENCE: Duration = Duration::from_secs(20 * 60);

thread_local! {
    /// Dropped with its thread; until then rayon's parallel work stays on this thread.
    static ALONE: Option<ThreadPool> = {
        let builder = ThreadPoolBuilder::new().num_threads(1).use_current_thread();
        // A thread that already works for rayon has its pool, of whatever size.
        builder.build().ok()
    };
}

/// What is under way, with the time at which it becomes a hang.
static UNDER_WAY: LazyLock<Mutex<BTreeMap<u64, (Instant, String)>>> = LazyLock::new(|| {
    thread::spawn(|| {
        loop {
            thread::sleep(Duration::from_secs(1));
            let now = Instant::now();
            if let Some((_, what)) = under_way().values().find(|(end, _)| *end < now) {
                // Behind the test harness's capture, which would be lost with the process.
                let words = format!("{what} hangs: it has not ended within {PATIENCE:?}\n");
                let _ = std::io::Write::write_all(&mut std::io::stderr(), words.as_bytes());
                std::process::abort();
            }
        }
    });
    Mutex::default()
});

fn under_way() -> MutexGuard<'static, BTreeMap<u64, (Instant, String)>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While it lives, the watchdog ends the process after [`PATIENCE`].
#[derive(Debug)]
pub struct Watched(u64);

impl Watched {
    /// Watches over what is called `what`.
    pub fn new(what: &str) -> Self {
        let mut all = under_way();
        let number = all.keys().next_back().map_or(0, |last| last + 1);
        all.insert(number, (Instant::now() + PATIENCE, what.to_owned()));
        Self(number)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        under_way().remove(&self.0);
    }
}

/// Does `work`, which is called `what`, and demands that it takes less than `limit` of processor
/// time.
///
/// # Panics
///
/// When it takes longer. Where the system does not tell the processor time of a thread, only the
/// watchdog is left.
pub fn bounded<T>(limit: Duration, what: &str, work: impl FnOnce() -> T) -> T {
    ALONE.with(|_| ());
    let _watched = Watched::new(what);
    let start = processor_time();
    let result = work();
    if let (Some(start), Some(end)) = (start, processor_time()) {
        let used = end.saturating_sub(start);
        assert!(used < limit, "{what} took {used:?} of processor time");
    }
    result
}

/// The processor time that this thread has had.
#[cfg(unix)]
fn processor_time() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Some(Duration::new(
        time.tv_sec.try_into().ok()?,
        time.tv_nsec.try_into().ok()?,
    ))
}

#[cfg(not(unix))]
fn processor_time() -> Option<Duration> {
    None
}

/// `program`, which the kernel ends by a signal when it has had `limit` of processor time, in whole
/// seconds. Unix only, by the shell's `ulimit`.
pub fn limited(program: &Path, limit: Duration) -> Command {
    let mut command = command("sh");
    let script = format!("ulimit -t {} && exec \"$0\" \"$@\"", limit.as_secs());
    command.args(["-c", &script]).arg(program);
    command
}

/// `program` with the signals of a terminal as a terminal leaves them. A shell starts what runs in
/// the background with interrupts ignored, and that is passed on to everything below.
pub fn interruptible(program: &Path) -> Command {
    let mut command = command("env");
    command
        .args(["--default-signal=INT,QUIT,TERM,HUP"])
        .arg(program);
    command
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use rayon::prelude::*;

    fn spin(time: Duration) {
        let start = processor_time().unwrap();
        while processor_time().unwrap() - start < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn time_asleep_is_not_counted_and_work_is() {
        let limit = Duration::from_millis(60);
        bounded(limit, "sleep", || thread::sleep(2 * limit));
        let over = std::panic::catch_unwind(|| bounded(limit, "spin", || spin(limit)));
        let message = over.unwrap_err();
        let message = message.downcast_ref::<String>().unwrap();
        assert!(message.starts_with("spin took"), "{message}");
    }

    #[test]
    fn what_rayon_does_is_counted() {
        let (limit, pieces) = (Duration::from_millis(60), 10);
        let work = || {
            (0..pieces)
                .into_par_iter()
                .for_each(|_| spin(limit / pieces))
        };
        assert!(std::panic::catch_unwind(|| bounded(limit, "pieces", work)).is_err());
    }

    #[test]
    fn a_program_is_ended_at_its_limit() {
        let shell = Path::new("sh");
        let loops = ["-c", "while :; do :; done"];
        let ended = limited(shell, Duration::from_secs(1)).args(loops).status();
        assert_eq!(ended.unwrap().code(), None);
        let short = limited(shell, Duration::from_secs(1))
            .args(["-c", "exit 7"])
            .status();
        assert_eq!(short.unwrap().code(), Some(7));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_interrupt_reaches_a_program_wherever_the_suite_was_started() {
        let mut outer = command("sh");
        // As a shell does it for what is started in the background.
        outer.args(["-c", "trap '' INT; \"$@\"", "sh"]);
        let inner = interruptible(Path::new("sh"));
        outer.arg(inner.get_program()).args(inner.get_args());
        let status = outer.args(["-c", "kill -INT $$; exit 7"]).status().unwrap();
        // The outer shell tells of a signal as a number above 128.
        assert_eq!(status.code(), Some(130));
    }
}
