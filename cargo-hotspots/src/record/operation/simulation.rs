//! Instructions by valgrind's callgrind, of a whole program or of a benchmark's operation alone.
//!
//! A harness takes the time around the operation, in a loop; its clock and its loop are instructions of
//! the same function. For an operation of a hundred instructions they are three times as many as its
//! own. So callgrind is told to write down what it has counted at each reading of the clock: what
//! counts is what lies between the first and the second, as it is what the harness times. Where the
//! harness can be told to run more iterations with each call, two calls are compared: what
//! both have once is the harness's.
//!
//! Source: "Callgrind: a call-graph generating cache and branch prediction profiler" in valgrind's manual
//! (`--dump-before`, `--dump-after`, the file format). Of two options of one pattern callgrind 3.19
//! heeds one; so no pattern is used twice.

use super::{NotRun, ran, rounded, with_surroundings};
use crate::work::{Clock, Runs};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The functions of harnesses other than divan that run a benchmark's operation.
const BENCHER: &str = "*Bencher*iter*";
/// The same by another pattern.
const BENCHER_ENDS: &str = "*::bench*::*Bencher*iter*";

/// All instructions, or those of the functions of a pattern and of what these call.
///
/// # Errors
///
/// There is no count, and why.
pub(super) fn total(command: &Command, runs: &Runs, function: Option<&str>) -> Result<u64, String> {
    let toggle = function.map(|function| format!("--toggle-collect={function}"));
    let toggle: Vec<String> = toggle.into_iter().collect();
    let directory = simulated(command, runs, &toggle)?;
    let sum = part(&directory.path().join(FILE)).map(|part| part.sum);
    sum.filter(|sum| *sum > 0).ok_or_else(no_call)
}

/// The instructions of one operation, in a run whose calls of the harness's function have 1, 2, 4 and so on
/// iterations, or in which there is one call of one iteration.
///
/// # Errors
///
/// There is no count, and why.
pub(super) fn operation(command: &Command, clock: Clock, runs: &Runs) -> Result<u64, String> {
    let (start, end) = match clock {
        Clock::Criterion => ("*Measurement>::start", "*Measurement>::end"),
        Clock::Libtest => ("*time::Instant*::now", "*time::Instant*::elapsed"),
    };
    // A name that two patterns of one kind match would be switched on and off again.
    let flags = [
        format!("--toggle-collect={BENCHER}"),
        format!("--dump-after={BENCHER_ENDS}"),
        format!("--dump-before={start}"),
        format!("--dump-before={end}"),
    ];
    let directory = simulated(command, runs, &flags)?;
    let ends = |name: &str, pattern: &str| name.ends_with(pattern.rsplit('*').next().unwrap_or(""));
    let mut parts: Vec<(u64, Part)> = Vec::new();
    let entries = fs::read_dir(directory.path()).map_err(|error| error.to_string())?;
    for path in entries.flatten().map(|entry| entry.path()) {
        // The last part has no number.
        let number = match path.extension().and_then(|it| it.to_str()) {
            Some("out") => u64::MAX,
            Some(number) => number.parse().unwrap_or(u64::MAX),
            None => continue,
        };
        parts.extend(part(&path).map(|part| (number, part)));
    }
    parts.sort_by_key(|(number, _)| *number);
    let parts = parts.into_iter().map(|(_, part)| {
        let Part {
            sum,
            clock,
            trigger,
        } = part;
        let at = match &trigger {
            Some(name) if ends(name, start) => At::Start,
            Some(name) if ends(name, end) => At::End,
            Some(_) => At::CallsEnd,
            None => At::ProgramsEnd,
        };
        (at, sum, clock)
    });
    slope(&calls(parts))
}

/// Where a part ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the clock is read first.
    Start,
    /// Before it is read again.
    End,
    CallsEnd,
    ProgramsEnd,
}

/// What each call took between its readings of the clock; all of it, where these cannot be seen because
/// they are inlined. Of a part there are its instructions, and those of one reading of the clock.
fn calls(parts: impl IntoIterator<Item = (At, u64, u64)>) -> Vec<u64> {
    let mut calls = Vec::new();
    let (mut all, mut timed, mut before) = (0u64, None, At::CallsEnd);
    for (at, sum, clock) in parts {
        all += sum;
        if (before, at) == (At::Start, At::End) {
            // The first reading is the beginning of this part.
            *timed.get_or_insert(0) += sum.saturating_sub(clock);
        }
        // What is collected after the last call belongs to none.
        let is_over = match at {
            At::CallsEnd => true,
            At::ProgramsEnd => calls.is_empty(),
            At::Start | At::End => false,
        };
        if is_over && all > 0 {
            calls.push(timed.unwrap_or(all));
            (all, timed) = (0, None);
        }
        before = at;
    }
    calls
}

/// What an iteration more takes, of calls with 1, 2, 4 and so on.
fn slope(calls: &[u64]) -> Result<u64, String> {
    match calls {
        [] => Err(no_call()),
        [only] => Ok(*only),
        [.., before, last] => {
            let more = 1 << (calls.len() - 2).min(62);
            match last.checked_sub(*before).filter(|more| *more > 0) {
                Some(took) => Ok(rounded(took, more).max(1)),
                None => Err("more iterations took no more instructions".into()),
            }
        }
    }
}

fn no_call() -> String {
    "callgrind saw no call of the harness's function".into()
}

/// What callgrind writes to.
const FILE: &str = "callgrind.out";

/// Runs the command under callgrind; the directory has the files that it left.
fn simulated(
    command: &Command,
    runs: &Runs,
    flags: &[String],
) -> Result<tempfile::TempDir, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file: PathBuf = directory.path().join(FILE);
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet"]).args(flags);
    valgrind.arg(format!("--callgrind-out-file={}", file.display()));
    valgrind.arg(command.get_program()).args(command.get_args());
    with_surroundings(&mut valgrind, command);
    ran(valgrind, runs).map_err(|why| match why {
        NotRun::Missing => "valgrind is not installed".to_owned(),
        why => format!("under valgrind {why}"),
    })?;
    Ok(directory)
}

/// One of callgrind's files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    /// All instructions in it.
    sum: u64,
    /// Those of one reading of the clock, where it has one.
    clock: u64,
    /// The function at which it was written; `None` at the program's end.
    trigger: Option<String>,
}

fn part(path: &Path) -> Option<Part> {
    parsed(&fs::read_to_string(path).ok()?)
}

/// What a function is to the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Other,
    /// The standard library's way to it, and the harness's.
    Way,
    /// The system's call, one for each reading.
    Reading,
}

impl Role {
    fn of(name: &str) -> Self {
        let is_way = ["Instant", "Timespec"].iter().any(|of| name.contains(of))
            && name.ends_with("::now")
            || name.ends_with("Measurement>::start");
        match name.starts_with("clock_gettime") {
            true => Self::Reading,
            false if is_way => Self::Way,
            false => Self::Other,
        }
    }
}

/// A name stands where it is used first, and is a number from then on. The line after `calls=` has what
/// the callee took.
fn parsed(text: &str) -> Option<Part> {
    let mut part = Part::default();
    let mut roles: HashMap<&str, Role> = HashMap::new();
    let (mut of_clock, mut readings) = (0u64, 0u64);
    let (mut own, mut callee, mut is_calls) = (Role::Other, Role::Other, false);
    let mut sum = None;
    for line in text.lines() {
        let (key, value) = line.split_once(['=', ':']).unwrap_or(("", line));
        let mut known = |value| {
            let (number, name) = str::split_once(value, ' ').unwrap_or((value, ""));
            *roles.entry(number).or_insert_with(|| Role::of(name))
        };
        let first = |value: &str| value.split_whitespace().next()?.parse::<u64>().ok();
        match key {
            "desc" => {
                if let Some(trigger) = value.strip_prefix(" Trigger: --dump-") {
                    part.trigger = trigger.split_once('=').map(|(_, name)| name.to_owned());
                }
            }
            "summary" | "totals" => sum = sum.or(first(value)),
            "fn" => own = known(value),
            "cfn" => callee = known(value),
            "calls" if callee == Role::Reading => readings += first(value)?,
            "" if !is_calls && own != Role::Other => {
                let count = value.split_whitespace().nth(1);
                of_clock += count.and_then(|count| count.parse().ok()).unwrap_or(0);
            }
            _ => {}
        }
        is_calls = key == "calls";
    }
    part.sum = sum?;
    part.clock = of_clock / readings.max(1);
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of callgrind 3.19, shortened: the operation is called twice.
    const WINDOW: &str = "version: 1\npositions: line\nevents: Ir\n\
        desc: Trigger: --dump-before=<criterion::measurement::WallTime as \
        criterion::measurement::Measurement>::end\nsummary: 205\n\n\
        fn=(0) main\ncfn=(6) criterion::bencher::Bencher<M>::iter\ncalls=0 83\n121 205\n\n\
        fn=(1) clock_gettime@@GLIBC_2.17\n38 2\n+2 8\n\n\
        fn=(2) <std::sys::pal::unix::time::Timespec>::now\n10 16\n\
        cfn=(1)\ncalls=1 38\n+3 10\n\n\
        fn=(3) <std::time::Instant>::now\n7 2\ncfn=(2)\ncalls=1 10\n* 26\n\n\
        fn=(4) <criterion::measurement::WallTime as criterion::measurement::Measurement>::start\n5 1\n\
        cfn=(3)\ncalls=1 7\n* 28\n\n\
        fn=(5) crc32fast::specialized::pclmulqdq::calculate\n1 78\n\n\
        fn=(6)\n9 98\ncfn=(5)\ncalls=2 1\n* 78\n";

    #[test]
    fn a_part_says_what_the_clock_took() {
        let found = parsed(WINDOW).unwrap();
        assert_eq!((found.sum, found.clock), (205, 29));
        assert!(found.trigger.unwrap().ends_with("Measurement>::end"));
        let last = "desc: Trigger: Program termination\nevents: Ir\nsummary: 7\n";
        assert_eq!(parsed(last).unwrap().trigger, None);
        assert_eq!(parsed("events: Ir\n"), None);
    }

    /// Each call of the harness's function reads the clock four times; the operation takes 80.
    #[test]
    fn what_is_between_two_readings_counts() {
        let call = |iterations: u64, clock| {
            let timed = 45 + 80 * iterations;
            [
                (At::Start, 44, 0),
                (At::End, timed, clock),
                (At::CallsEnd, 200, 0),
            ]
        };
        let whole = [call(1, 29), call(2, 29), call(4, 29)].concat();
        let parts = whole.into_iter().chain([(At::ProgramsEnd, 3, 0)]);
        let found = calls(parts);
        assert_eq!(found, [96, 176, 336]);
        assert_eq!(slope(&found), Ok(80));
        // One call of one iteration, as in a harness's test mode.
        let once = [
            (At::Start, 44, 0),
            (At::End, 110, 29),
            (At::ProgramsEnd, 9, 0),
        ];
        assert_eq!(slope(&calls(once)), Ok(81));
    }

    /// Each of three batches of one call is set up before its time is taken.
    #[test]
    fn what_is_set_up_does_not_count() {
        let batch = [(At::Start, 1000, 0), (At::End, 129, 29)];
        let call = [batch, batch, batch].concat().into_iter();
        let found = calls(call.chain([(At::CallsEnd, 70, 0)]));
        assert_eq!(found, [300]);
    }

    /// Link-time optimization leaves no function that reads the clock: calls are compared as they are.
    #[test]
    fn where_no_reading_is_seen_calls_are_compared() {
        let call = |iterations: u64| (At::CallsEnd, 290 + 80 * iterations, 0);
        let found = calls([call(1), call(2), call(4), call(8)]);
        assert_eq!(slope(&found), Ok(80));
        assert!(slope(&[]).is_err() && slope(&[9, 9]).is_err());
    }
}
