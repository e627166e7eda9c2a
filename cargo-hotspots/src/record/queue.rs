//! How long the threads of a program were ready to run and had no processor, because others had them.
//!
//! The kernel keeps it for each thread and forgets it with the thread's end, so it is looked at while the
//! program runs: the second number of `/proc/PID/task/TID/schedstat` ("proc_pid_task(5)",
//! `Documentation/scheduler/sched-stats.rst`). What a thread waits after the last look at it is not
//! seen, nor a thread that begins and ends between two looks; so the sum is at least so much.

use std::{
    collections::HashMap,
    fs,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How often is looked.
const EVERY: Duration = Duration::from_millis(10);
/// Looking takes at most this part of one processor.
const AT_MOST: u32 = 100;
/// More tasks than these are not looked at.
const MOST: usize = 4096;

/// Looks at a process and its children until it is told to stop.
pub(super) struct Watch {
    pid: i32,
    stop: Sender<()>,
    looking: JoinHandle<HashMap<i32, u64>>,
}

impl Watch {
    /// Begins to look; `None` where no thread can be started.
    pub(super) fn start(pid: i32) -> Option<Self> {
        let (stop, stopped) = mpsc::channel();
        let looking = thread::Builder::new().name("queue".into());
        let looking = looking.spawn(move || {
            let mut queued = HashMap::new();
            let mut pause = EVERY;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let start = Instant::now();
                look(pid, &mut queued);
                pause = EVERY.max(start.elapsed() * AT_MOST);
            }
            queued
        });
        Some(Self {
            pid,
            stop,
            looking: looking.ok()?,
        })
    }

    /// The sum over all threads, when the process has ended and nobody has waited for it yet; `None`
    /// where the kernel does not say.
    pub(super) fn finish(self) -> Option<Duration> {
        // That it has stopped already is no failure.
        let _ = self.stop.send(());
        let mut queued = self.looking.join().unwrap_or_default();
        // Its first thread stays until it is waited for.
        queued.insert(self.pid, of(&format!("/proc/{}/schedstat", self.pid))?);
        let sum = queued
            .values()
            .fold(0, |sum: u64, own| sum.saturating_add(*own));
        Some(Duration::from_nanos(sum))
    }
}

fn of(file: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Notes what each task has now.
fn look(pid: i32, queued: &mut HashMap<i32, u64>) {
    let mut processes = vec![pid];
    let mut seen = 0;
    while let Some(pid) = processes.pop() {
        let tasks = fs::read_dir(format!("/proc/{pid}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let name = task.file_name();
            let Some(task) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            seen += 1;
            if seen > MOST {
                return;
            }
            if let Some(own) = of(&format!("/proc/{pid}/task/{task}/schedstat")) {
                queued.insert(task, own);
            }
            let children = fs::read_to_string(format!("/proc/{pid}/task/{task}/children"));
            let children = children.unwrap_or_default();
            processes.extend(
                children
                    .split_ascii_whitespace()
                    .filter_map(|id| id.parse::<i32>().ok()),
            );
        }
    }
}
