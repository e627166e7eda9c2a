//! Time in the kernel that many small requests cost, and that touching new memory costs.
//!
//! Which it is shows the function that the kernel was entered from: a system call is made by a
//! function of libc, a page fault by any code that touches memory. Where the kernel's own functions
//! have names, they say it.

use super::{
    command::all_callers,
    groups::{Requester, Spent},
    names::{allocates, copies_memory},
    paths::{self, Step, asker, own_asker},
};
use crate::{
    analysis::{
        model::{Finding, Weight},
        select::path_of,
        shares::Shares,
        subject::Subject,
    },
    recording::Traffic,
};
use codecost::{
    attribution::Origin,
    units::{Bytes, counted},
};
use std::collections::HashMap;

/// Requests of more bytes than this on average are large.
const SMALL: u64 = 2048;
/// Fewer of them are not many.
const MANY: u64 = 500;

/// How a stream hands data to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stream {
    /// Standard output writes at each end of a line, and so does a `LineWriter`.
    Lines,
    /// Standard error does not buffer.
    StandardError,
    /// A file, pipe or socket without a buffer around it.
    Written,
    /// The same for reading.
    Read,
}

pub(super) const SMALL_CALLS: &str = "small-system-calls";
pub(super) const PAGE_FAULTS: &str = "page-faults";

/// A kind of stream, its time by who asked, and the number of calls and their mean size.
pub(super) type SmallCalls = (Stream, Spent, Option<(u64, u64)>);

/// Small calls on the kind of stream that takes most time; with their number and mean size, where the
/// kernel says that.
pub(super) fn in_small_calls(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<SmallCalls> {
    let mut streams: HashMap<Stream, HashMap<u32, Weight>> = HashMap::new();
    paths::each(shares, |path, weight| {
        let Some(call) = path.iter().rposition(|step| direction(step).is_some()) else {
            return;
        };
        let Some(outside) = path.get(..call) else {
            return;
        };
        // The writer is often a dependency's; who handed it the stream can buffer it.
        let Some(asker) = own_asker(outside) else {
            return;
        };
        let reads = path.get(call).and_then(direction) == Some(Direction::Read);
        if let Some(stream) = stream(outside, reads) {
            let requesters = streams.entry(stream).or_default();
            *requesters.entry(asker.at).or_default() += weight;
        }
    });
    let traffic = traffic(subject);
    let streams = streams.into_iter().filter_map(|(stream, requesters)| {
        let calls = traffic.map(|traffic| match stream {
            Stream::Read => (traffic.reads, traffic.read_bytes),
            _ => (traffic.writes, traffic.written_bytes),
        });
        let known = calls.map(|(calls, bytes)| (calls, bytes / calls.max(1)));
        // What is counted as few or large is no finding, whatever the share.
        let small = known.is_none_or(|(calls, size)| calls >= MANY && size <= SMALL);
        small.then(|| (stream, Spent::of(shares, requesters), known))
    });
    streams.max_by_key(|(stream, spent, _)| (spent.all.period, *stream as u8))
}

/// Many small system calls.
pub(super) fn small_calls(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let (stream, spent, known) = in_small_calls(subject, shares)?;
    let first = spent.requesters.first()?;
    let mut evidence = spent.evidence(shares.total);
    if let Some((calls, size)) = known {
        let what = match stream {
            Stream::Read => "read",
            _ => "write",
        };
        evidence.push(format!(
            "the program made {} of {} on average",
            counted(calls, what),
            Bytes(size)
        ));
    }
    Some(Finding {
        code: SMALL_CALLS,
        title: stream.title().into(),
        time: spent.all.period,
        sureness: if known.is_some() { 0.95 } else { 0.6 },
        place: Some(first.place()),
        evidence,
        advice: stream.advice().into(),
        command: all_callers(SMALL_CALLS, subject),
    })
}

impl Stream {
    fn title(self) -> &'static str {
        match self {
            Self::Lines => "a system call for each line: the output is line-buffered",
            Self::StandardError => "a system call for each piece: standard error is not buffered",
            Self::Written => "many small writes without a buffer",
            Self::Read => "many small reads without a buffer",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Lines => {
                "`BufWriter::new(io::stdout().lock())`, and `flush` at the end: fewer, larger writes"
            }
            Self::StandardError => {
                "`BufWriter::new(io::stderr().lock())` where much is written, and `flush` at the end"
            }
            Self::Written => "a `BufWriter` around it, and `flush` at the end",
            Self::Read => "a `BufReader` around it",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

/// The direction of a system call of libc, or of std's own where it was inlined.
fn direction(step: &Step<'_>) -> Option<Direction> {
    if !step.system() {
        return None;
    }
    let plain = step.name().trim_start_matches('_');
    let plain = plain.strip_prefix("GI_").unwrap_or(plain);
    let plain = plain.trim_start_matches('_');
    let plain = plain.strip_prefix("libc_").unwrap_or(plain);
    match plain.split('@').next().unwrap_or(plain) {
        "write" | "writev" | "pwrite" | "pwrite64" | "send" | "sendto" => Some(Direction::Write),
        "read" | "readv" | "pread" | "pread64" | "recv" | "recvfrom" => Some(Direction::Read),
        _ => {
            let path = path_of(step.name());
            let of_file = path.starts_with("std::sys::fd::") || path.contains("::fd::FileDesc::");
            match path.rsplit("::").next() {
                Some("write" | "write_vectored") if of_file => Some(Direction::Write),
                Some("read" | "read_buf" | "read_vectored") if of_file => Some(Direction::Read),
                _ => None,
            }
        }
    }
}

/// What is between the user's function and the system call; `None` where that is buffered or large.
fn stream(outside: &[Step<'_>], reads: bool) -> Option<Stream> {
    let inner = outside.iter().rev().take_while(|step| step.system());
    let names: Vec<String> = inner.map(|step| path_of(step.name())).collect();
    let has = |text: &str| names.iter().any(|name| name.contains(text));
    if names.is_empty() && outside.is_empty() {
        return None;
    }
    if reads {
        let buffered = [
            "BufReader",
            "Stdin",
            "read_to_end",
            "read_to_string",
            "copy",
            "fs::read",
        ];
        return (!buffered.iter().any(|text| has(text))).then_some(Stream::Read);
    }
    if has("LineWriter") || has("Stdout") {
        Some(Stream::Lines)
    } else if has("Stderr") {
        Some(Stream::StandardError)
    } else if has("BufWriter") || has("io::copy") || has("fs::write") {
        None
    } else {
        Some(Stream::Written)
    }
}

fn traffic(subject: &Subject<'_>) -> Option<Traffic> {
    let about = subject.recording.about.as_ref()?;
    let mut sum = Traffic::default();
    for program in &about.programs {
        let Traffic {
            reads,
            read_bytes,
            writes,
            written_bytes,
        } = program.traffic?;
        sum.reads = sum.reads.saturating_add(reads);
        sum.read_bytes = sum.read_bytes.saturating_add(read_bytes);
        sum.writes = sum.writes.saturating_add(writes);
        sum.written_bytes = sum.written_bytes.saturating_add(written_bytes);
    }
    (!about.programs.is_empty()).then_some(sum)
}

/// Time in page faults: memory that is touched for the first time.
pub(super) fn in_page_faults(shares: &Shares<'_>) -> Spent {
    let mut requesters: HashMap<u32, Weight> = HashMap::new();
    paths::each(shares, |path, weight| {
        let kernel = path.iter().rev();
        let inside = kernel
            .take_while(|step| step.owner.origin == Origin::Kernel)
            .count();
        let (outside, kernel) = path.split_at(path.len() - inside);
        let Some(entered) = outside.last().filter(|_| inside > 0) else {
            return;
        };
        if !is_fault(entered, kernel) {
            return;
        }
        if let Some(asker) = asker(outside) {
            *requesters.entry(asker.at).or_default() += weight;
        }
    });
    Spent::of(shares, requesters)
}

/// Page faults, in a benchmark or elsewhere.
pub(super) fn page_faults(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let spent = in_page_faults(shares);
    let first: &Requester = spent.requesters.first()?;
    let about = subject.recording.about.as_ref();
    let bench = about.is_some_and(|about| {
        let mut programs = about.programs.iter();
        programs.any(|program| program.harness.is_some())
    });
    let (title, advice) = if bench {
        (
            "page faults: the benchmark touches new memory, which is measured with it",
            "make the input once, outside of what is measured (`iter_batched_ref`, or a `clone_from` \
             into memory that is kept), or the benchmark times the kernel",
        )
    } else {
        (
            "page faults: memory that is touched for the first time",
            "memory that is kept and used again faults only once; large buffers that are given back \
             are new each time",
        )
    };
    Some(Finding {
        code: PAGE_FAULTS,
        title: title.into(),
        time: spent.all.period,
        sureness: 0.6,
        place: Some(first.place()),
        evidence: spent.evidence(shares.total),
        advice: advice.into(),
        command: all_callers(PAGE_FAULTS, subject),
    })
}

/// Whether the kernel was entered by touching memory.
fn is_fault(entered: &Step<'_>, kernel: &[Step<'_>]) -> bool {
    let named = |text: &str| kernel.iter().any(|step| step.name().contains(text));
    if named("page_fault") || named("do_anonymous_page") {
        return true;
    }
    if named("syscall") || named("SYSCALL") {
        return false;
    }
    // Without names: libc makes the system calls, and all other code only touches memory. Interrupts
    // enter from anywhere, but seldom.
    let name = entered.name();
    match entered.owner.origin {
        Origin::Native => {
            let plain = name.trim_start_matches('_');
            copies_memory(name) || plain.starts_with("mem") || allocates(name)
        }
        Origin::Vdso | Origin::Kernel | Origin::Unknown | Origin::Linker => false,
        _ => true,
    }
}
