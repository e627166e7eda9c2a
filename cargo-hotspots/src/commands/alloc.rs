//! `cargo hotspots alloc`.

use crate::{
    analysis::alloc::{self, By, Growth, Options, Unit},
    cli::AllocationFlags,
    report,
};
use clap::{Args, ValueEnum};
use codecost::{
    Result,
    console::Console,
    front::Command,
    report::{FormatFlags, RowFlags},
};

const COUNT: &str = "Counting";

/// Who allocates: blocks and bytes by function and crate
///
/// The program runs with a small library preloaded that counts every allocation, reallocation and
/// free, so the totals are exact. Call stacks are kept of the first ones, then of a random sample by
/// bytes: from there on the figures of functions and crates are estimates, each share with an
/// interval. All other commands show such a recording, too.
#[derive(Args, Debug)]
pub(crate) struct Alloc {
    #[command(flatten)]
    recording: AllocationFlags,
    /// Which function a block counts for
    #[arg(long, value_enum, value_name = "WHOM", default_value_t, help_heading = COUNT)]
    by: ByFlag,
    /// Which stack a block counts for that grew: the one that made it or the one that grew it
    #[arg(long, value_enum, value_name = "HOW", default_value_t, help_heading = COUNT)]
    growth: GrowthFlag,
    /// What the shares are of, and the order of the rows
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, help_heading = COUNT)]
    unit: UnitFlag,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// `--by`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ByFlag {
    /// The innermost function, mostly one of std
    #[value(name = "self")]
    Own,
    /// The nearest function outward that is not of std or the system
    #[default]
    Charged,
    /// The nearest function of your workspace
    Caused,
}

/// `--growth`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum GrowthFlag {
    /// The stack that made the block
    MadeBy,
    /// The stack that gave the block its length
    #[default]
    GrownBy,
}

/// `--unit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum UnitFlag {
    /// Blocks made
    Allocations,
    /// Bytes asked for
    #[default]
    Bytes,
    /// Bytes at the peak of the program
    Peak,
    /// Bytes that were never freed
    Leaked,
    /// Blocks that got another length
    Reallocations,
    /// Blocks that were freed before 16 others were made
    ShortLived,
}

impl Command for Alloc {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            recording,
            by,
            growth,
            unit,
            format,
            rows,
        } = self;
        let output = format.options(rows)?;
        let options = Options {
            by: by.into(),
            growth: growth.into(),
            unit: unit.into(),
        };
        let request = recording.request(console)?;
        let opened = request.open(console)?;
        let mut analysis = alloc::alloc(&opened.subject(), options)?;
        // What the blocks cost in time, a recording of time of the same command knows.
        if let Some(time) = request.time_of_same(&opened) {
            alloc::add_time(&mut analysis, alloc::time_of(&time.subject())?);
        }
        report::alloc::write(&analysis, &output, console)?;
        request.verdict(&analysis.facts, console)
    }
}

impl From<ByFlag> for By {
    fn from(flag: ByFlag) -> Self {
        match flag {
            ByFlag::Own => Self::Own,
            ByFlag::Charged => Self::Charged,
            ByFlag::Caused => Self::Caused,
        }
    }
}

impl From<GrowthFlag> for Growth {
    fn from(flag: GrowthFlag) -> Self {
        match flag {
            GrowthFlag::MadeBy => Self::MadeBy,
            GrowthFlag::GrownBy => Self::GrownBy,
        }
    }
}

impl From<UnitFlag> for Unit {
    fn from(flag: UnitFlag) -> Self {
        match flag {
            UnitFlag::Allocations => Self::Allocations,
            UnitFlag::Bytes => Self::Bytes,
            UnitFlag::Peak => Self::Peak,
            UnitFlag::Leaked => Self::Leaked,
            UnitFlag::Reallocations => Self::Reallocations,
            UnitFlag::ShortLived => Self::ShortLived,
        }
    }
}
