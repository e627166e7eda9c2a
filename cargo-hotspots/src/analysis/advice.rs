//! What to do about a recording that is not what it could be: one function from what is wrong, what
//! was recorded and how stacks were, how much of a stack there can be, and whose code is in the way,
//! to the remedy. No remedy is what was done already, and none has a flag that the command which
//! records has not: `cargo hotspots alloc` samples no time.

use crate::{
    profile::{CallGraph, StackLimit},
    record::MOST_STACK_BYTES,
};
use std::fmt;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symptom {
    /// Samples were lost, because the recorder was too slow.
    Lost,
    /// The kernel stopped sampling for a while, because it took too long.
    Throttled,
    /// Stacks were cut off.
    Truncated,
    /// Stacks have holes.
    Broken,
    /// Stacks end in code without unwind tables.
    NoTables,
    /// Stacks end too early for another reason.
    Unrooted,
    /// No stacks were recorded.
    NoStacks,
    /// Threads and processes ended before their first sample.
    ShortLived,
    /// Time in the kernel is not sampled.
    KernelNotSampled,
    /// Time is missing, and the recording does not say why.
    Uncovered,
    /// Not each allocation has its stack.
    Estimated,
}

/// What was recorded, and how its stacks were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) call_graph: CallGraph,
    /// Allocations, and not time.
    pub(super) of_allocations: bool,
}

/// Whose code is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Culprit {
    /// The function that most of the samples concern.
    pub(super) function: String,
    /// The file that it is in.
    pub(super) file: String,
    /// Whether that is the program itself, which the user builds.
    pub(super) is_program: bool,
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of `{}`", self.function, self.file)
    }
}

/// How many frames the kernel follows after the remedy for stacks that are too deep.
const FRAMES: u32 = 1024;

/// What to do about it.
pub(super) fn remedy(
    symptom: Symptom,
    mode: Mode,
    limit: StackLimit,
    culprit: Option<&Culprit>,
) -> String {
    match mode.of_allocations {
        true => of_allocations(symptom, mode.call_graph, culprit),
        false => of_time(symptom, mode.call_graph, limit, culprit),
    }
}

/// The remedies that `cargo hotspots alloc` has.
fn of_allocations(symptom: Symptom, mode: CallGraph, culprit: Option<&Culprit>) -> String {
    let of_program = culprit.is_some_and(|culprit| culprit.is_program);
    match (symptom, mode) {
        // There was no room for more different stacks.
        (Symptom::Lost, _) => {
            "keep fewer stacks: `--sample-bytes 1000000`; or count a shorter run".into()
        }
        // The recorder's own limit, which no setting moves.
        (Symptom::Truncated, _) => "`valgrind --tool=dhat --num-callers=500` keeps more of each stack, \
                                    and `--input` opens its file; `self` and mostly `charged` need only \
                                    what is there"
            .into(),
        (Symptom::Broken | Symptom::Unrooted, CallGraph::FramePointers) if of_program => {
            "`--call-graph dwarf` needs no frame pointers (with `--sample-bytes 0` each allocation has \
             its stack); or let cargo build the program with them: `cargo hotspots alloc --bin NAME`"
                .into()
        }
        (Symptom::Broken | Symptom::Unrooted, CallGraph::FramePointers) => {
            "`--call-graph dwarf` needs no frame pointers (with `--sample-bytes 0` each allocation has \
             its stack)"
                .into()
        }
        (Symptom::Broken | Symptom::Unrooted, CallGraph::Dwarf | CallGraph::Unwound) => {
            "`cargo hotspots callees '[callers missing]'` lists where the stacks end".into()
        }
        (Symptom::NoTables, _) => "give it unwind tables: `.cfi_startproc` and `.cfi_endproc` in \
                                   assembly, `-fasynchronous-unwind-tables` for C"
            .into(),
        (Symptom::Estimated, CallGraph::FramePointers) => {
            "`--sample-bytes 0` keeps the stack of each allocation, for half as much CPU time again"
                .into()
        }
        (Symptom::Estimated, CallGraph::Dwarf | CallGraph::Unwound) => {
            "`--sample-bytes 0` keeps the stack of each allocation, which takes some ten times the CPU \
             time by unwind tables; with frame pointers, `--call-graph fp`, half as much again"
                .into()
        }
        (Symptom::NoStacks | Symptom::Estimated, _)
        | (
            Symptom::Broken | Symptom::Unrooted,
            CallGraph::None | CallGraph::Given | CallGraph::CallEdges,
        ) => "count with `--call-graph fp` or `--call-graph dwarf`".into(),
        // Nothing is sampled by time.
        (
            Symptom::Throttled
            | Symptom::ShortLived
            | Symptom::KernelNotSampled
            | Symptom::Uncovered,
            _,
        ) => "count again".into(),
    }
}

/// The remedies of recordings of time.
fn of_time(
    symptom: Symptom,
    mode: CallGraph,
    limit: StackLimit,
    culprit: Option<&Culprit>,
) -> String {
    let more_bytes = format!("`--call-graph dwarf,{MOST_STACK_BYTES}`");
    let sysctl = || {
        let frames = limit
            .frames
            .unwrap_or_default()
            .saturating_mul(4)
            .max(FRAMES);
        format!("`sudo sysctl kernel.perf_event_max_stack={frames}`")
    };
    let of_others = culprit.is_some_and(|culprit| !culprit.is_program);
    match (symptom, mode) {
        (Symptom::Lost | Symptom::Throttled, CallGraph::Dwarf) => {
            "lower `--frequency`, or record stacks by `--call-graph fp`, which are smaller".into()
        }
        (
            Symptom::Lost | Symptom::Throttled,
            CallGraph::FramePointers
            | CallGraph::Unwound
            | CallGraph::Given
            | CallGraph::None
            | CallGraph::CallEdges,
        ) => "lower `--frequency`".into(),
        (Symptom::Truncated, CallGraph::Dwarf) => match limit.bytes {
            Some(bytes) if bytes >= MOST_STACK_BYTES => {
                format!("{}, then record with `--call-graph fp`", sysctl())
            }
            _ => format!("copy more of each stack: {more_bytes}"),
        },
        (Symptom::Truncated, CallGraph::FramePointers) => format!(
            "let the kernel follow more frames: {}; or copy the stacks: {more_bytes}",
            sysctl()
        ),
        (Symptom::Broken, CallGraph::FramePointers)
            if culprit.is_some_and(|culprit| culprit.is_program) =>
        {
            "record with `--call-graph dwarf`, or build the program with \
             `-C force-frame-pointers=yes`, as `cargo hotspots --bin NAME` does"
                .into()
        }
        // The chain ends where a caller that is not seen, often a library's, keeps no frame pointer.
        (Symptom::Broken | Symptom::Unrooted, CallGraph::FramePointers) => {
            "record with `--call-graph dwarf`, which needs no frame pointers".into()
        }
        (Symptom::NoTables, CallGraph::Dwarf) if of_others => {
            "it is not the program's own code; where that keeps frame pointers, `--call-graph fp` goes on"
                .into()
        }
        (Symptom::NoTables, _) => "give it unwind tables: `.cfi_startproc` and `.cfi_endproc` in \
                                   assembly, `-fasynchronous-unwind-tables` for C"
            .into(),
        (Symptom::Broken | Symptom::Unrooted, CallGraph::Dwarf | CallGraph::Unwound) => {
            "`cargo hotspots callees '[callers missing]'` lists where the stacks end".into()
        }
        (
            Symptom::NoStacks | Symptom::Truncated | Symptom::Broken | Symptom::Unrooted,
            CallGraph::None | CallGraph::Given | CallGraph::CallEdges,
        )
        | (Symptom::Truncated, CallGraph::Unwound) => "record with `--call-graph dwarf` or `--call-graph fp`".into(),
        (Symptom::NoStacks, _) => {
            "`cargo hotspots doctor` says what this machine allows a recorder".into()
        }
        (Symptom::ShortLived, _) => {
            "sample whole CPUs, which sees them: as root or with `sudo sysctl \
             kernel.perf_event_paranoid=0`, by the built-in recorder; or raise `--frequency`"
                .into()
        }
        (Symptom::KernelNotSampled, _) => {
            "`sudo sysctl kernel.perf_event_paranoid=1` lets an ordinary user sample the kernel, too; \
             `cargo hotspots doctor` says what else is in the way"
                .into()
        }
        (Symptom::Uncovered | Symptom::Estimated, _) => "raise or lower `--frequency`, and compare; `cargo hotspots \
                                    doctor` says what this machine allows"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMPTOMS: [Symptom; 11] = [
        Symptom::Lost,
        Symptom::Throttled,
        Symptom::Truncated,
        Symptom::Broken,
        Symptom::NoTables,
        Symptom::Unrooted,
        Symptom::NoStacks,
        Symptom::ShortLived,
        Symptom::KernelNotSampled,
        Symptom::Uncovered,
        Symptom::Estimated,
    ];

    fn of_time(call_graph: CallGraph) -> Mode {
        Mode {
            call_graph,
            of_allocations: false,
        }
    }

    #[test]
    fn no_remedy_is_what_was_done_already() {
        let culprit = |is_program| Culprit {
            function: "f".into(),
            file: "a".into(),
            is_program,
        };
        let culprits = [None, Some(culprit(true)), Some(culprit(false))];
        for symptom in SYMPTOMS {
            for bytes in [Some(8192), Some(16384), Some(MOST_STACK_BYTES), None] {
                for (mode, same) in [
                    (CallGraph::Dwarf, "`--call-graph dwarf`"),
                    (CallGraph::FramePointers, "`--call-graph fp`"),
                    (CallGraph::None, "`--call-graph none`"),
                ] {
                    for culprit in &culprits {
                        let frames = Some(127);
                        let limit = StackLimit { bytes, frames };
                        let said = remedy(symptom, of_time(mode), limit, culprit.as_ref());
                        let cell = format!("{symptom:?} {mode:?} {bytes:?}: {said}");
                        assert!(!said.is_empty() && !said.contains(same), "{cell}");
                        let largest = bytes == Some(MOST_STACK_BYTES) && mode == CallGraph::Dwarf;
                        assert!(!(largest && said.contains("dwarf,")), "{cell}");
                    }
                }
            }
        }
    }

    #[test]
    fn allocations_have_remedies_of_their_own_command() {
        let culprit = |is_program| Culprit {
            function: "f".into(),
            file: "a".into(),
            is_program,
        };
        let limit = StackLimit {
            bytes: None,
            frames: Some(192),
        };
        for symptom in SYMPTOMS {
            for (call_graph, same) in [
                // What is advised may have the mode in use with more stacks, which is another one.
                (CallGraph::Unwound, "`--call-graph dwarf`"),
                (CallGraph::Dwarf, "`--call-graph dwarf`"),
                (CallGraph::FramePointers, "`--call-graph fp`"),
                (CallGraph::None, "`--call-graph none`"),
            ] {
                for culprit in [None, Some(culprit(true)), Some(culprit(false))] {
                    let mode = Mode {
                        call_graph,
                        of_allocations: true,
                    };
                    let said = remedy(symptom, mode, limit, culprit.as_ref());
                    // No stacks at all in a recording that has some is none.
                    let possible = symptom != Symptom::NoStacks || call_graph == CallGraph::None;
                    let cell = format!("{symptom:?} {call_graph:?}: {said}");
                    assert!(!said.is_empty(), "{cell}");
                    assert!(!possible || !said.contains(same), "{cell}");
                    for other in ["--frequency", "sysctl", "dwarf,", "--recorder", "--event"] {
                        assert!(!said.contains(other), "{cell}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_cuts_a_stack_off_is_what_is_raised() {
        let of = |mode, bytes, frames| {
            let limit = StackLimit { bytes, frames };
            remedy(Symptom::Truncated, of_time(mode), limit, None)
        };
        let copied = of(CallGraph::Dwarf, Some(16384), None);
        assert!(copied.contains("--call-graph dwarf,65528"), "{copied}");
        let all = of(CallGraph::Dwarf, Some(65528), None);
        assert!(all.contains("kernel.perf_event_max_stack=1024"), "{all}");
        let followed = of(CallGraph::FramePointers, None, Some(1024));
        assert!(followed.contains("max_stack=4096"), "{followed}");
    }
}
