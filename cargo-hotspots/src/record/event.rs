//! Which event is sampled: its name as perf has it, and for the built-in recorder what it is to
//! the kernel.

use crate::profile::WAITING;
use perf_event_open_sys::bindings as sys;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// With its modifier: `cycles:u`.
    pub(crate) name: String,
    /// `perf_event_attr.type`.
    pub(crate) kind: u32,
    /// `perf_event_attr.config`.
    pub(crate) config: u64,
}

/// What the built-in recorder can sample; perf knows many more.
const KNOWN: [(&str, u32, u32); 13] = [
    ("cycles", HARDWARE, sys::PERF_COUNT_HW_CPU_CYCLES),
    ("cpu-cycles", HARDWARE, sys::PERF_COUNT_HW_CPU_CYCLES),
    ("instructions", HARDWARE, sys::PERF_COUNT_HW_INSTRUCTIONS),
    (
        "cache-references",
        HARDWARE,
        sys::PERF_COUNT_HW_CACHE_REFERENCES,
    ),
    ("cache-misses", HARDWARE, sys::PERF_COUNT_HW_CACHE_MISSES),
    ("branches", HARDWARE, sys::PERF_COUNT_HW_BRANCH_INSTRUCTIONS),
    ("branch-misses", HARDWARE, sys::PERF_COUNT_HW_BRANCH_MISSES),
    ("cpu-clock", SOFTWARE, sys::PERF_COUNT_SW_CPU_CLOCK),
    ("task-clock", SOFTWARE, sys::PERF_COUNT_SW_TASK_CLOCK),
    ("page-faults", SOFTWARE, sys::PERF_COUNT_SW_PAGE_FAULTS),
    ("minor-faults", SOFTWARE, sys::PERF_COUNT_SW_PAGE_FAULTS_MIN),
    ("major-faults", SOFTWARE, sys::PERF_COUNT_SW_PAGE_FAULTS_MAJ),
    (WAITING, SOFTWARE, sys::PERF_COUNT_SW_CONTEXT_SWITCHES),
];
const HARDWARE: u32 = sys::PERF_TYPE_HARDWARE;
const SOFTWARE: u32 = sys::PERF_TYPE_SOFTWARE;

impl Event {
    /// The event of this name, with `:u` or without, where the built-in recorder knows it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let bare = name.strip_suffix(":u").unwrap_or(name);
        let (_, kind, config) = KNOWN.iter().find(|(known, ..)| *known == bare)?;
        Some(Self {
            name: name.to_owned(),
            kind: *kind,
            config: u64::from(*config),
        })
    }

    /// Whether the kernel is left out.
    pub(crate) fn is_user_only(&self) -> bool {
        self.name.ends_with(":u")
    }

    /// Whether it is no event but where threads wait, and for how long.
    pub(crate) fn is_waiting(&self) -> bool {
        self.name == WAITING
    }

    /// Whether the kernel makes the event itself, without the processor's counters.
    pub(crate) fn is_software(&self) -> bool {
        self.kind == SOFTWARE
    }

    /// All names that [`Event::parse`] knows.
    pub(crate) fn names() -> String {
        KNOWN.map(|(name, ..)| name).join(", ")
    }
}
