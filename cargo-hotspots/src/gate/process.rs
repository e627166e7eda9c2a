//! One process of a gate: started, waited for, ended when it hangs.
//!
//! The process gets a group of its own, so that what it starts ends with it. Its time is taken by
//! a thread that only waits: polling would cost the measured program a part of its CPU on a small
//! machine, and would round its time.

use super::verdict::Status;
use std::{
    fmt,
    io::{self, Read},
    process::{Child, Command, ExitStatus},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// More output than any harness writes about one benchmark: the rest is dropped.
const MOST_OUTPUT: usize = 4 << 20;
/// How often the user's wish to stop is looked for.
const STEP: Duration = Duration::from_millis(50);
/// How long output is waited for after the end: a child of the process may hold the pipe open.
const GRACE: Duration = Duration::from_secs(1);

/// A process that ended with success.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// From its start to its end.
    pub elapsed: Duration,
}

/// Why there is no number of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It could not be started.
    NotStarted(String),
    /// It ended, but not with success.
    Crashed {
        /// Its exit code or signal, in words.
        status: String,
        /// What it said of it on standard error.
        said: String,
    },
    /// It did not end.
    Hung(Duration),
    /// It ended with success but said nothing that can be understood.
    Garbage(String),
    /// It measured nothing.
    NoSamples,
    /// What it measured is zero, negative, or not a number.
    NotATime(String),
    /// Its time says nothing of how fast the code is, and why.
    SaysNothing(String),
    /// It might have ended, but the budget of the whole comparison is over.
    OutOfTime,
    /// The user stopped the run.
    Stopped,
}

impl Failure {
    /// What a benchmark is that has this instead of a number. Where both sides run and are not to be
    /// told apart, nothing is missing.
    pub fn status(&self) -> Status {
        match self {
            Self::SaysNothing(_) | Self::OutOfTime => Status::Inconclusive,
            _ => Status::Missing,
        }
    }

    /// Of a process that would have had `patience`, had there been no budget.
    pub fn before(self, patience: Duration) -> Self {
        match self {
            Self::Hung(limit) if limit < patience => Self::OutOfTime,
            other => other,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(why) => write!(f, "cannot be started: {why}"),
            Self::Crashed { status, said } if said.is_empty() => write!(f, "failed with {status}"),
            Self::Crashed { status, said } => write!(f, "failed with {status}: {said}"),
            Self::Hung(limit) => {
                write!(f, "did not end within {}", codecost::units::Time(*limit))
            }
            Self::Garbage(what) => write!(f, "printed no result: {what}"),
            Self::NoSamples => f.write_str("measured no samples"),
            Self::NotATime(value) => write!(f, "measured `{value}`, which is not a time"),
            Self::SaysNothing(why) => write!(f, "cannot be compared: {why}"),
            Self::OutOfTime => f.write_str("was given up, as the time budget is over"),
            Self::Stopped => f.write_str("was stopped"),
        }
    }
}

/// When to give up.
pub struct Patience<'a> {
    /// The longest that a process may take.
    pub limit: Duration,
    /// Whether the user wants to stop.
    pub stopped: &'a dyn Fn() -> bool,
}

/// Runs it to its end.
///
/// # Errors
///
/// There is no successful end, and why.
pub fn run(command: &mut Command, patience: &Patience<'_>) -> Result<Finished, Failure> {
    if (patience.stopped)() {
        return Err(Failure::Stopped);
    }
    group_of_its_own(command);
    let start = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| Failure::NotStarted(error.to_string()))?;
    let id = child.id();
    let stdout = child.stdout.take().map(collect);
    let stderr = child.stderr.take().map(collect);
    let ended = wait(child);
    let outcome = loop {
        match ended.recv_timeout(STEP) {
            Ok((at, status)) => break Ok((at, status)),
            Err(RecvTimeoutError::Disconnected) => {
                break Err(Failure::NotStarted("its end was lost".into()));
            }
            Err(RecvTimeoutError::Timeout) => {
                if (patience.stopped)() {
                    break Err(Failure::Stopped);
                }
                if start.elapsed() > patience.limit {
                    break Err(Failure::Hung(patience.limit));
                }
            }
        }
    };
    let (at, status) = match outcome {
        Ok(ended) => ended,
        Err(failure) => {
            end(id);
            // Nothing of it may run beside the next measurement.
            let _ = ended.recv_timeout(GRACE);
            return Err(failure);
        }
    };
    let stdout = stdout.map(|output| output.recv_timeout(GRACE).unwrap_or_default());
    let stderr = stderr.map(|output| output.recv_timeout(GRACE).unwrap_or_default());
    let status = status.map_err(|error| Failure::NotStarted(error.to_string()))?;
    if !status.success() {
        return Err(Failure::Crashed {
            status: in_words(status),
            said: said(&stderr.unwrap_or_default()),
        });
    }
    Ok(Finished {
        stdout: stdout.unwrap_or_default(),
        elapsed: at.duration_since(start),
    })
}

type Ended = (Instant, io::Result<ExitStatus>);

fn wait(mut child: Child) -> Receiver<Ended> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let status = child.wait();
        // Nobody listens any more when the process was given up.
        let _ = sender.send((Instant::now(), status));
    });
    receiver
}

/// Reads to the end, and keeps the beginning.
fn collect(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        let mut buffer = [0; 8192];
        while let Ok(count) = from.read(&mut buffer) {
            if count == 0 {
                break;
            }
            if kept.len() < MOST_OUTPUT {
                kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
            }
        }
        let _ = sender.send(kept);
    });
    receiver
}

/// What a process that failed said of it: the message of its panic, else its last line about an
/// error, else its last line; without backtraces and what harnesses always print.
fn said(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !is_noise(line))
        .collect();
    let line = panic_message(&lines).or_else(|| {
        let is_error = |line: &&&str| {
            let line = line.to_lowercase();
            ["error", "fatal", "abort", "overflow"]
                .iter()
                .any(|word| line.contains(word))
        };
        let last = lines.iter().rfind(is_error).or(lines.last())?;
        Some((*last).to_owned())
    });
    line.unwrap_or_default().chars().take(200).collect()
}

/// `panicked at src/lib.rs:3:5: boom`: of the first panic, as others follow from it: in a harness that
/// finds its thread gone, or when one cannot unwind. The message is on the line after the place; before
/// Rust 1.73 both are on one.
fn panic_message(lines: &[&str]) -> Option<String> {
    let (at, place) = lines.iter().enumerate().find_map(|(at, line)| {
        let (_, place) = line.split_once("panicked at ")?;
        Some((at, place))
    })?;
    let rest = match place.strip_suffix(':') {
        Some(place) => format!(
            "{place}: {}",
            lines.get(at + 1).copied().unwrap_or_default()
        ),
        None => place.to_owned(),
    };
    Some(format!("panicked at {}", rest.trim_end_matches([':', ' '])))
}

fn is_noise(line: &str) -> bool {
    const PRINTED: [&str; 8] = [
        "note:",
        "stack backtrace:",
        "Timer precision",
        "Benchmarking ",
        "Gnuplot not found",
        "Running ",
        "warning:",
        "at ",
    ];
    // `  12: core::panicking::panic`
    let is_frame = line
        .split_once(": ")
        .is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    line.is_empty() || is_frame || PRINTED.iter().any(|text| line.starts_with(text))
}

fn in_words(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return match signal_name(signal) {
                Some(name) => format!("signal {signal} ({name})"),
                None => format!("signal {signal}"),
            };
        }
    }
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

/// Those by which programs end of themselves.
#[cfg(unix)]
fn signal_name(signal: i32) -> Option<&'static str> {
    use rustix::process::Signal;
    [
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::TERM, "SIGTERM"),
    ]
    .iter()
    .find(|(of, _)| of.as_raw() == signal)
    .map(|(_, name)| *name)
}

/// What it starts can be ended with it; a terminal's Ctrl-C does not reach it.
#[cfg(unix)]
pub(crate) fn group_of_its_own(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(not(unix))]
pub(crate) fn group_of_its_own(_: &mut Command) {}

/// Ends the process and what it has started, if it has a group of its own.
#[cfg(unix)]
pub(crate) fn end(id: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = i32::try_from(id).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        // It may have ended by itself meanwhile.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
pub(crate) fn end(id: u32) {
    let mut kill = Command::new("taskkill");
    kill.args(["/F", "/T", "/PID", &id.to_string()]);
    use std::process::Stdio;
    let _ = kill.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Stdio;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn within(limit: Duration) -> Patience<'static> {
        Patience {
            limit,
            stopped: &|| false,
        }
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn output_and_time_are_those_of_the_process() {
        let done = run(&mut shell("sleep 0.1; echo out"), &within(LONG)).unwrap();
        assert_eq!(done.stdout, b"out\n");
        assert!(done.elapsed >= Duration::from_millis(100));
    }

    #[test]
    fn a_crash_says_how_and_what_was_said_last() {
        let said = "echo \"error: no input\" >&2; echo note: x >&2; ";
        let failure = run(&mut shell(&format!("{said} exit 3")), &within(LONG)).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "failed with exit code 3: error: no input"
        );
        let failure = run(&mut shell("kill -6 $$"), &within(LONG)).unwrap_err();
        assert_eq!(failure.to_string(), "failed with signal 6 (SIGABRT)");
        let failure = run(&mut Command::new("/nonexistent"), &within(LONG)).unwrap_err();
        assert!(matches!(failure, Failure::NotStarted(_)));
    }

    #[test]
    fn of_a_panic_its_message_is_said_and_no_line_of_its_backtrace() {
        let output = "Timer precision: 17 ns\n\
            thread 'main' (71) panicked at benches/dv.rs:4:5:\nboom\nstack backtrace:\n\
            \u{20}  0: __rustc::rust_begin_unwind\n             at /rustc/x/panicking.rs:1:2\n\
            note: Some details are omitted\n";
        assert_eq!(
            said(output.as_bytes()),
            "panicked at benches/dv.rs:4:5: boom"
        );
        let twice = "thread 'a' panicked at src/lib.rs:1:1:\nfirst\n\
            thread 'a' panicked at library/core/src/panicking.rs:9:9:\n\
            panic in a function that cannot unwind\nthread caused non-unwinding panic. aborting.\n";
        assert_eq!(said(twice.as_bytes()), "panicked at src/lib.rs:1:1: first");
        let old = "thread 'main' panicked at 'boom', src/main.rs:2:5\n";
        assert_eq!(said(old.as_bytes()), "panicked at 'boom', src/main.rs:2:5");
        let overflow =
            "thread 'main' has overflowed its stack\nfatal runtime error: stack overflow\n";
        assert_eq!(
            said(overflow.as_bytes()),
            "fatal runtime error: stack overflow"
        );
        assert_eq!(said(b"Timer precision: 17 ns\n"), "");
        assert_eq!(said(b"one\ntwo\n"), "two");
    }

    #[test]
    fn a_process_that_hangs_is_ended_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let mark = directory.path().join("mark");
        let script = format!("(sleep 3; touch {}) & sleep 60", mark.display());
        let start = Instant::now();
        let limit = Duration::from_millis(200);
        let failure = run(&mut shell(&script), &within(limit)).unwrap_err();
        assert_eq!(failure, Failure::Hung(limit));
        assert!(start.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_secs(4).saturating_sub(start.elapsed()));
        assert!(!mark.exists());
    }

    #[test]
    fn a_stopped_run_starts_nothing_more() {
        let patience = Patience {
            limit: LONG,
            stopped: &|| true,
        };
        assert_eq!(run(&mut shell("true"), &patience), Err(Failure::Stopped));
    }
}
