//! A bound on work that holds on a busy machine: processor time, not the clock.

use rayon::{ThreadPool, ThreadPoolBuilder};
use std::time::Duration;

thread_local! {
    /// Rayon's parallel work stays on this thread, so that its processor time is counted too.
    static ALONE: Option<ThreadPool> = {
        let builder = ThreadPoolBuilder::new().num_threads(1).use_current_thread();
        builder.build().ok()
    };
}

/// Does `work`, and says how much processor time the calling thread needed for it.
#[cfg(unix)]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    use rustix::time::{ClockId, clock_gettime};
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    ALONE.with(|_| ());
    let start = now();
    let result = work();
    (result, now() - start)
}

/// As above, where the system does not tell the processor time of a thread: no bound.
#[cfg(not(unix))]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    (work(), Duration::ZERO)
}
