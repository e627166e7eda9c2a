//! Rows of allocations, as the analysis hands them to `report`.

use std::collections::BTreeMap;

use crate::{
    allocations::{Counts, Totals},
    analysis::model::CrateInfo,
};

/// What is done at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A vector or string that got more room, step by step.
    Growth,
    /// A string made by formatting.
    Formatting,
    /// A copy of a value.
    Clone,
    /// A hash table that got more room.
    HashTable,
    /// Values boxed one by one, all of one size.
    Boxes,
    /// Blocks that were freed soon after.
    ShortLived,
}

impl Kind {
    /// The code in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Growth => "grown-step-by-step",
            Self::Formatting => "formatting",
            Self::Clone => "clones",
            Self::HashTable => "hash-tables",
            Self::Boxes => "boxes-of-one-size",
            Self::ShortLived => "short-lived",
        }
    }
}

/// Something worth acting on.
#[derive(Clone, Debug)]
pub struct AllocFinding {
    /// What is done.
    pub kind: Kind,
    /// One sentence.
    pub title: String,
    /// The function that it is charged to.
    pub function: String,
    /// The source file.
    pub file: Option<String>,
    /// The line.
    pub line: Option<u32>,
    /// Allocations and reallocations there; of blocks that grow, these and their reallocations.
    pub count: u64,
    /// The bytes that these asked for.
    pub bytes: u64,
    /// `count` as a share of all.
    pub share: f64,
    /// The part of the CPU time that the allocator takes there, by a recording of time.
    pub time_share: Option<f64>,
    /// The evidence, line by line.
    pub evidence: Vec<String>,
    /// The command to look further.
    pub command: String,
}

/// Shares of fewer samples are not said: half of ten may be a quarter or three quarters.
pub const FEWEST_SAMPLES: u64 = 30;

/// How much of the CPU time is in the allocator, by a recording of time of the same command.
#[derive(Clone, Debug)]
pub struct TimeOf {
    /// The number of that recording, where it is one that is kept.
    pub number: Option<u64>,
    /// The samples that this rests on.
    pub samples: u64,
    /// All of it, as a share.
    pub share: f64,
    /// By the function that asked, and by its lines.
    pub(super) functions: BTreeMap<String, (f64, BTreeMap<Place, f64>)>,
}

/// A line of the source, by its file and number.
pub(super) type Place = (Option<String>, Option<u32>);

/// For whom a block counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// The innermost function, inlined or not.
    Own,
    /// The nearest function outward that is none of the system.
    #[default]
    Charged,
    /// The nearest function of the workspace.
    Caused,
}

impl By {
    /// The name on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "self",
            Self::Charged => "charged",
            Self::Caused => "caused",
        }
    }
}

/// For which stack a block counts that became larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Growth {
    /// The one that made it.
    MadeBy,
    /// The one that made it grow, for its length from then on.
    #[default]
    GrownBy,
}

impl Growth {
    /// The name on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MadeBy => "made-by",
            Self::GrownBy => "grown-by",
        }
    }

    /// The counts of a stack, counted this way.
    pub(super) fn of(self, counts: &Counts) -> Counts {
        match self {
            Self::GrownBy => *counts,
            Self::MadeBy => Counts {
                reallocations: counts.made_reallocations,
                bytes: counts.made_bytes,
                peak_bytes: counts.made_peak_bytes,
                leaked_bytes: counts.made_leaked_bytes,
                ..*counts
            },
        }
    }
}

/// What the shares are shares of, and the rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Blocks made.
    Allocations,
    /// Bytes asked for.
    #[default]
    Bytes,
    /// Bytes at the peak.
    Peak,
    /// Bytes never freed.
    Leaked,
    /// Blocks that got another length.
    Reallocations,
    /// Blocks that were freed soon.
    ShortLived,
}

impl Unit {
    /// The name on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allocations => "allocations",
            Self::Bytes => "bytes",
            Self::Peak => "peak",
            Self::Leaked => "leaked",
            Self::Reallocations => "reallocations",
            Self::ShortLived => "short-lived",
        }
    }

    pub(super) fn of(self, counts: &Counts) -> u64 {
        match self {
            Self::Allocations => counts.allocations,
            Self::Bytes => counts.bytes,
            Self::Peak => counts.peak_bytes,
            Self::Leaked => counts.leaked_bytes,
            Self::Reallocations => counts.reallocations,
            Self::ShortLived => counts.short_lived,
        }
    }

    pub(super) fn of_figures(self, figures: &Figures) -> u64 {
        match self {
            Self::Allocations => figures.allocations,
            Self::Bytes => figures.bytes,
            Self::Peak => figures.peak_bytes,
            Self::Leaked => figures.leaked_bytes,
            Self::Reallocations => figures.reallocations,
            Self::ShortLived => figures.short_lived,
        }
    }
}

/// What to show of a recording of allocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// For whom each block counts.
    pub by: By,
    /// For which stack a block counts that became larger.
    pub growth: Growth,
    /// What the shares are of.
    pub unit: Unit,
}

/// Allocations, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Blocks made.
    pub allocations: u64,
    /// Blocks that got another length.
    pub reallocations: u64,
    /// Bytes asked for, again for each new length.
    pub bytes: u64,
    /// Bytes at the peak of the process.
    pub peak_bytes: u64,
    /// Bytes never freed.
    pub leaked_bytes: u64,
    /// Blocks that were freed before their thread had made 16 others.
    pub short_lived: u64,
}

/// A function, or a crate.
#[derive(Clone, Debug)]
pub struct AllocRow {
    /// Its name in full.
    pub name: String,
    /// The crate.
    pub label: CrateInfo,
    /// Where it is declared.
    pub file: Option<String>,
    /// The line of its declaration.
    pub line: Option<u32>,
    /// What counts for it, by [`Options::by`].
    pub figures: Figures,
    /// Stacks that were taken of these.
    pub samples: u64,
    /// Its share of the unit as the innermost function.
    pub own: f64,
    /// With all that it asked of the system.
    pub charged: f64,
    /// As the nearest of the workspace.
    pub caused: f64,
    /// Where the share by [`Options::by`] is in 19 of 20 cases; `None` where that is not known.
    pub interval: Option<(f64, f64)>,
}

/// All that is known of a program's allocations.
#[derive(Debug)]
pub struct AllocTable {
    /// For whom each block counts.
    pub by: By,
    /// For which stack a block counts that became larger.
    pub growth: Growth,
    /// What the shares are of.
    pub unit: Unit,
    /// Of the processes, exactly.
    pub totals: Totals,
    /// Whether the rows are estimated.
    pub estimated: bool,
    /// The CPU time that the allocator takes, where a recording of time has it.
    pub time: Option<TimeOf>,
    /// Whether reallocations, frees, threads and short-lived blocks were counted; else their figures
    /// mean nothing.
    pub told_apart: bool,
    /// The bytes that a function may have without a row; `None` where that is not known.
    pub unseen_bytes: Option<u64>,
    /// By function.
    pub rows: Vec<AllocRow>,
    /// By crate.
    pub crates: Vec<AllocRow>,
    /// What a programmer can act on.
    pub findings: Vec<AllocFinding>,
}
