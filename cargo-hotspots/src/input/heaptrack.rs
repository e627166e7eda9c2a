//! heaptrack's files: the interpreted trace of all allocations and frees.
//!
//! Source: heaptrack's `src/analyze/accumulatedtracedata.cpp`. A line is a letter and numbers in
//! hexadecimal: `s` a string, `i` an instruction with its functions, `t` a place and its caller, `a`
//! a size and where it is allocated, `+` and `-` such a block that is made and freed. A reallocation
//! is a free and an allocation, so growth counts for who did it.

use super::build::{Builder, scope};
use crate::{
    allocations::{Allocations, Counts, PARTS, Totals},
    profile::{CallGraph, FrameId, Profile, StackId},
};
use std::{collections::HashMap, io::BufRead, path::Path};

/// Longer lines are of no heaptrack.
const MOST_LINE: usize = 1 << 20;

#[derive(Default)]
struct State {
    strings: Vec<String>,
    frames: Vec<FrameId>,
    stacks: Vec<Option<StackId>>,
    blocks: Vec<(u64, usize)>,
    counts: HashMap<usize, Counts>,
    live: Live,
    totals: Totals,
    program: String,
}

/// What lives, and what of each stack lived at the peak: kept when it changes after, as there may be
/// a peak with each allocation.
#[derive(Default)]
struct Live {
    sum: u64,
    peak: u64,
    epoch: u64,
    of: HashMap<usize, (u64, u64, u64)>,
}

impl Live {
    fn change(&mut self, stack: usize, change: impl FnOnce(u64) -> u64) {
        let (live, at_peak, epoch) = self.of.entry(stack).or_default();
        if *epoch != self.epoch {
            (*at_peak, *epoch) = (*live, self.epoch);
        }
        let before = *live;
        *live = change(before);
        self.sum = (self.sum + *live).saturating_sub(before);
        if self.sum > self.peak {
            self.peak = self.sum;
            self.epoch += 1;
        }
    }
}

pub(super) fn read(reader: &mut dyn BufRead) -> Result<Profile, String> {
    let mut builder = Builder::default();
    let mut state = State::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = std::io::Read::take(&mut *reader, MOST_LINE as u64).read_until(b'\n', &mut line);
        let read = read.map_err(|error| error.to_string())?;
        if read == 0 {
            break;
        }
        if read == MOST_LINE {
            return Err("a line is too long".into());
        }
        let text = String::from_utf8_lossy(&line);
        take(text.trim_end_matches('\n'), &mut state, &mut builder);
    }
    let State {
        stacks,
        counts,
        live,
        mut totals,
        program,
        ..
    } = state;
    let name = program.split(' ').next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or(name).to_owned();
    let thread = builder.thread(0, 0, &name);
    totals.peak_bytes = live.peak;
    totals.leaked_bytes = live.sum;
    totals.samples = totals.allocations;
    (totals.complete, totals.ended) = (1, 1);
    let mut of_stacks = Vec::new();
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by_key(|(trace, _)| *trace);
    for (trace, mut counts) in counts {
        let Some(stack) = stacks.get(trace).copied().flatten() else {
            continue;
        };
        let (now, at_peak, epoch) = live.of.get(&trace).copied().unwrap_or_default();
        counts.leaked_bytes = now;
        counts.peak_bytes = if epoch == live.epoch { at_peak } else { now };
        builder.add(thread, stack, counts.samples, counts.bytes);
        of_stacks.push((stack, counts));
    }
    if of_stacks.is_empty() {
        return Err("it has no allocations".into());
    }
    let mut profile = builder.finish("alloc-bytes", CallGraph::Given, false);
    profile.allocations = Some(Box::new(Allocations {
        totals,
        stacks: of_stacks,
        told_apart: false,
        threads: Vec::new(),
    }));
    Ok(profile)
}

/// Takes one line; what makes no sense is left out.
fn take(line: &str, state: &mut State, builder: &mut Builder) -> Option<()> {
    let (kind, rest) = line.split_at_checked(1)?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let mut numbers = rest
        .split(' ')
        .map(|word| u64::from_str_radix(word, 16).ok());
    let mut next = || numbers.next().flatten();
    let index = |number: u64| usize::try_from(number).ok();
    match kind {
        "X" => state.program = rest.to_owned(),
        // With its length in front, since version 3.
        "s" => {
            let text = match rest.split_once(' ') {
                Some((length, text)) if u64::from_str_radix(length, 16).is_ok() => text,
                _ => rest,
            };
            state.strings.push(text.to_owned());
        }
        "i" => {
            let frame = instruction(&mut next, state, builder);
            state.frames.push(frame);
        }
        "t" => {
            let (instruction, parent) = (index(next()?)?, index(next()?)?);
            // Both count from 1; a parent comes before.
            let caller = match parent.checked_sub(1) {
                Some(parent) => state.stacks.get(parent).copied().flatten(),
                None => None,
            };
            let frame = instruction
                .checked_sub(1)
                .and_then(|at| state.frames.get(at).copied());
            let stack = frame.map(|frame| builder.stack(caller, frame)).or(caller);
            state.stacks.push(stack);
        }
        "a" => {
            let (size, trace) = (next()?, index(next()?)?);
            state.blocks.push((size, trace.checked_sub(1)?));
        }
        "+" => {
            let (size, trace) = *state.blocks.get(index(next()?)?)?;
            let counts = state.counts.entry(trace).or_default();
            counts.samples += 1;
            counts.allocations = counts.allocations.saturating_add(PARTS);
            counts.bytes = counts.bytes.saturating_add(size);
            state.totals.allocations += 1;
            state.totals.bytes = state.totals.bytes.saturating_add(size);
            state.live.change(trace, |live| live.saturating_add(size));
        }
        "-" => {
            let (size, trace) = *state.blocks.get(index(next()?)?)?;
            state.totals.frees += 1;
            state.live.change(trace, |live| live.saturating_sub(size));
        }
        _ => {}
    }
    Some(())
}

/// `i ADDRESS MODULE [FUNCTION FILE LINE]…`, the innermost inlined function first.
fn instruction(
    next: &mut dyn FnMut() -> Option<u64>,
    state: &State,
    builder: &mut Builder,
) -> FrameId {
    let string = |number: u64| {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        state.strings.get(at).map(String::as_str)
    };
    let _address = next();
    let module = next().and_then(string).unwrap_or("[unknown]");
    let mut scopes = Vec::new();
    while let Some(function) = next() {
        let file = next().and_then(string);
        let line = next().and_then(|line| u32::try_from(line).ok());
        scopes.push(scope(string(function).unwrap_or_default(), file, line));
    }
    if scopes.is_empty() {
        scopes.push(scope("", None, None));
    }
    let module = builder.module(module, Path::new(""), Some(""));
    builder.named(module, scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "v 10400 3\nX /bin/app x\ns 4 /bin/app\ns 9 app::main\ns 9 app::make\n\
                        s 7 main.rs\ni 10 1 2 4 9\nt 1 0\ni 20 1 3 4 3\nt 2 1\na 64 2\na 8 1\n\
                        + 0\n+ 0\n- 0\n+ 1\nc 5\n";

    #[test]
    fn allocations_and_what_lives() {
        let profile = read(&mut FILE.as_bytes()).unwrap();
        let allocations = profile.allocations.as_ref().unwrap();
        assert_eq!(allocations.totals.allocations, 3);
        assert_eq!(allocations.totals.bytes, 208);
        assert_eq!(allocations.totals.peak_bytes, 200);
        assert_eq!(allocations.totals.leaked_bytes, 108);
        let (stack, main) = allocations.stacks[0];
        assert_eq!((main.bytes, main.peak_bytes), (8, 0));
        assert_eq!(profile.frames_of(stack).count(), 1);
        let (stack, make) = allocations.stacks[1];
        assert_eq!(
            (make.bytes, make.peak_bytes, make.leaked_bytes),
            (200, 200, 100)
        );
        assert_eq!(profile.frames_of(stack).count(), 2);
    }

    #[test]
    fn damage_is_no_panic() {
        for cut in 0..FILE.len() {
            let _ = read(&mut &FILE.as_bytes()[..cut]);
        }
        assert!(read(&mut &b"v 1 3\nX a\n+ ffffffffffffffff\nt 0 0\n"[..]).is_err());
    }
}
