//! Counts events of programs and all their children, without sampling: a counter costs nothing while
//! it counts.
//!
//! Source: perf_event_open(2). Each event is opened for the process, inherited by its threads and
//! children, and enabled by its `exec`. What the kernel counts about itself (switches, migrations,
//! system calls) needs the right to look at the kernel.

use super::{
    builtin::{
        attributes::{self, SIZE},
        existing,
    },
    event::Event,
    setup::Whom,
};
use crate::stat::model::Counter;
use codecost::report::Warning;
use perf_event_open_sys::bindings as sys;
use std::{
    fs,
    fs::File,
    io::{self, Read as _},
    os::fd::OwnedFd,
    path::Path,
};

const HARDWARE: u32 = sys::PERF_TYPE_HARDWARE;
const SOFTWARE: u32 = sys::PERF_TYPE_SOFTWARE;

/// What is counted: name, type, event.
const EVENTS: [(&str, u32, u32); 7] = [
    ("cycles", HARDWARE, sys::PERF_COUNT_HW_CPU_CYCLES),
    ("instructions", HARDWARE, sys::PERF_COUNT_HW_INSTRUCTIONS),
    (
        "cache-references",
        HARDWARE,
        sys::PERF_COUNT_HW_CACHE_REFERENCES,
    ),
    ("cache-misses", HARDWARE, sys::PERF_COUNT_HW_CACHE_MISSES),
    ("branches", HARDWARE, sys::PERF_COUNT_HW_BRANCH_INSTRUCTIONS),
    ("branch-misses", HARDWARE, sys::PERF_COUNT_HW_BRANCH_MISSES),
    (
        "cpu-migrations",
        SOFTWARE,
        sys::PERF_COUNT_SW_CPU_MIGRATIONS,
    ),
];

/// Where tracefs is mounted, which numbers the kernel's events.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
/// The number of the event of all system calls, below tracefs.
const SYSTEM_CALLS: &str = "events/raw_syscalls/sys_enter/id";

/// Events that are open.
#[derive(Debug, Default)]
pub(super) struct Counters {
    open: Vec<(&'static str, Vec<OwnedFd>)>,
    /// Whether the processor's events leave the kernel out.
    user_only: bool,
    /// Why system calls are not counted.
    problem: Option<Warning>,
}

/// What was counted, and what makes it less than it seems.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub(super) counters: Vec<Counter>,
    pub(super) problems: Vec<Warning>,
}

impl Counters {
    /// Opens what can be opened for processes that wait before their `exec`.
    pub(super) fn open(pids: &[i32]) -> Self {
        let mut counters = Self::default();
        for (name, kind, event) in EVENTS {
            counters.add(name, kind, event.into(), pids);
        }
        counters.problem = match system_calls(&TRACEFS.map(Path::new)) {
            Ok(number) => {
                counters.add("system-calls", sys::PERF_TYPE_TRACEPOINT, number, pids);
                let is_open = counters
                    .open
                    .iter()
                    .any(|(name, _)| *name == "system-calls");
                (!is_open).then(|| {
                    uncounted(
                        "the kernel does not let this user count that event",
                        "run as root, or `sudo sysctl kernel.perf_event_paranoid=-1`",
                    )
                })
            }
            Err(problem) => Some(problem),
        };
        counters
    }

    /// Opens one event; it is left out where the kernel refuses.
    fn add(&mut self, name: &'static str, kind: u32, event: u64, pids: &[i32]) {
        let mut attributes = counting(kind, event);
        let all = |attributes: &mut sys::perf_event_attr| -> Option<Vec<OwnedFd>> {
            let open = |pid: &i32| attributes::open(attributes, *pid, -1).ok();
            pids.iter().map(open).collect()
        };
        let mut files = all(&mut attributes);
        if files.is_none() && kind == HARDWARE {
            attributes.set_exclude_kernel(1);
            attributes.set_exclude_hv(1);
            files = all(&mut attributes);
            self.user_only |= files.is_some();
        }
        if let Some(files) = files {
            self.open.push((name, files));
        }
    }

    /// Reads all counters.
    pub(super) fn read(self) -> Counted {
        let mut counted = Counted::default();
        let mut shared = false;
        for (name, files) in self.open {
            let mut sum = Some(0_u64);
            for file in files {
                let (value, is_part) = match read(file) {
                    Some(read) => read,
                    None => {
                        sum = None;
                        break;
                    }
                };
                shared |= is_part;
                sum = sum.map(|sum| sum.saturating_add(value));
            }
            if let Some(value) = sum {
                counted.counters.push(Counter { name, value });
            }
        }
        if shared {
            counted.problems.push(
                Warning::new(
                    "shared-counters",
                    "the processor has fewer counters than events: each was counted part of the \
                     time and is scaled up",
                )
                .help("let the program run longer, which makes the scaled figures better"),
            );
        }
        counted.problems.extend(self.problem);
        if self.user_only {
            counted.problems.push(
                Warning::new(
                    "user-only",
                    "cycles, instructions and misses in the kernel are not counted",
                )
                .help("sudo sysctl kernel.perf_event_paranoid=1"),
            );
        }
        counted
    }
}

/// The number of the event of all system calls, or why it is not known and what to do about it.
fn system_calls(roots: &[&Path]) -> Result<u64, Warning> {
    let mut denied = false;
    for root in roots {
        match fs::read_to_string(root.join(SYSTEM_CALLS)) {
            Ok(text) => {
                if let Ok(number) = text.trim().parse() {
                    return Ok(number);
                }
            }
            Err(error) => denied |= error.kind() == io::ErrorKind::PermissionDenied,
        }
    }
    Err(if denied {
        uncounted(
            "this user may not read the kernel's list of events (tracefs)",
            "run as root, or `sudo mount -o remount,mode=755 /sys/kernel/tracing`",
        )
    } else if roots.iter().any(|root| root.join("events").is_dir()) {
        uncounted(
            "this kernel has no such event: it was built without `CONFIG_FTRACE_SYSCALLS`",
            "count them with `strace -c -f`",
        )
    } else if roots.iter().any(|root| root.is_dir()) {
        uncounted(
            "tracefs is not mounted, which has the kernel's list of events",
            "`sudo mount -t tracefs tracefs /sys/kernel/tracing`, or count them with `strace -c -f`",
        )
    } else {
        uncounted(
            "this kernel has no tracefs: it was built without tracing",
            "count them with `strace -c -f`",
        )
    })
}

fn uncounted(why: &str, help: &str) -> Warning {
    let text = format!("system calls were not counted: {why}");
    Warning::new("no-system-calls", text).help(help)
}

/// Counts the event that is sampled: what the samples can be held against, also where the event does
/// not count time.
#[derive(Debug)]
pub(super) struct Total {
    files: Vec<OwnedFd>,
}

impl Total {
    /// Opens it for processes that wait before their `exec`, or for all threads of one that runs;
    /// `None` where the event is not known here or the kernel refuses.
    pub(super) fn open(event: &str, whom: &Whom) -> Option<Self> {
        let (name, modifiers) = event.split_once(':').unwrap_or((event, ""));
        let known = Event::parse(name)?;
        let mut attributes = counting(known.kind, known.config);
        let user_only = modifiers.contains('u') && !modifiers.contains('k');
        attributes.set_exclude_kernel(user_only.into());
        attributes.set_exclude_hv(user_only.into());
        let threads = match whom {
            Whom::Held(pids) => pids.clone(),
            Whom::Running(pid) => {
                attributes.set_disabled(0);
                attributes.set_enable_on_exec(0);
                existing::threads(*pid)
            }
        };
        let mut files = Vec::new();
        for thread in threads {
            match attributes::open(&mut attributes, thread, -1) {
                Ok(file) => files.push(file),
                // A thread that has ended meanwhile.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(_) => return None,
            }
        }
        (!files.is_empty()).then_some(Self { files })
    }

    /// What was counted, of ended children too.
    pub(super) fn read(self) -> Option<u64> {
        let counts = self.files.into_iter().map(|file| Some(read(file)?.0));
        counts.sum()
    }
}

/// An event that is inherited, counts from the next `exec` on, and says how long it was counted.
fn counting(kind: u32, config: u64) -> sys::perf_event_attr {
    let mut attributes = sys::perf_event_attr {
        type_: kind,
        size: SIZE,
        config,
        read_format: u64::from(
            sys::PERF_FORMAT_TOTAL_TIME_ENABLED | sys::PERF_FORMAT_TOTAL_TIME_RUNNING,
        ),
        ..Default::default()
    };
    attributes.set_disabled(1);
    attributes.set_enable_on_exec(1);
    attributes.set_inherit(1);
    attributes
}

/// A counter's value, and whether it was scaled; `None` when it never ran.
fn read(file: OwnedFd) -> Option<(u64, bool)> {
    let mut bytes = [0; 24];
    File::from(file).read_exact(&mut bytes).ok()?;
    let (words, _) = bytes.as_chunks::<8>();
    let mut words = words.iter().map(|word| u64::from_ne_bytes(*word));
    let (value, enabled, running) = (words.next()?, words.next()?, words.next()?);
    match running {
        0 if enabled > 0 => None,
        running if running < enabled => {
            let scaled = u128::from(value) * u128::from(enabled) / u128::from(running.max(1));
            Some((u64::try_from(scaled).unwrap_or(u64::MAX), true))
        }
        _ => Some((value, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_of_uncounted_system_calls_has_its_remedy() {
        let root = tempfile::tempdir().unwrap();
        let said = |path: &Path| {
            let warning = system_calls(&[path]).unwrap_err();
            (warning.message, warning.help.unwrap())
        };
        let (why, help) = said(&root.path().join("none"));
        assert!(
            why.contains("no tracefs") && help.contains("strace"),
            "{why}"
        );
        let (why, help) = said(root.path());
        assert!(
            why.contains("not mounted") && help.contains("mount -t tracefs"),
            "{why}"
        );
        assert!(!why.contains("root"), "{why}");
        let event = root.path().join(SYSTEM_CALLS);
        fs::create_dir_all(root.path().join("events")).unwrap();
        let (why, _) = said(root.path());
        assert!(why.contains("CONFIG_FTRACE_SYSCALLS"), "{why}");
        fs::create_dir_all(event.parent().unwrap()).unwrap();
        fs::write(&event, "348\n").unwrap();
        assert_eq!(system_calls(&[root.path()]).unwrap(), 348);
    }
}
