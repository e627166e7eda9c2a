//! `cargo hotspots stat`.

use crate::{cli::StatFlags, record, report, stat};
use clap::{Args, ValueEnum};
use codecost::{
    Result,
    console::Console,
    error::exit_code,
    front::Command,
    report::{FormatFlags, RowFlags},
};

/// What a run costs: time, memory, faults, switches, system calls, instructions
///
/// Everything is counted, nothing sampled. On a machine without counters of its own, instructions
/// and misses come from a second run under valgrind's cachegrind, and are labelled as simulated.
#[derive(Args, Debug)]
pub(crate) struct Stat {
    #[command(flatten)]
    program: StatFlags,
    /// Whether to simulate what this machine cannot count, in a second run
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        help_heading = "Counting"
    )]
    simulate: SimulateFlag,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// `--simulate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum SimulateFlag {
    /// If the first run took less than a second of CPU time
    #[default]
    Auto,
    /// However long it takes
    Always,
    /// Run once only
    Never,
}

/// A longer run is not repeated 40 times slower unasked.
const AUTO_NS: u64 = 1_000_000_000;

impl Command for Stat {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            program,
            simulate,
            format,
            rows,
        } = self;
        let output = format.options(rows)?;
        let options = program.options(console)?;
        let record::Run { measured, again } = record::measure(&options, console)?;
        let usage = measured.usage;
        let cpu = usage.user_ns.saturating_add(usage.system_ns);
        let wanted = match simulate {
            SimulateFlag::Auto => cpu < AUTO_NS,
            SimulateFlag::Always => true,
            SimulateFlag::Never => false,
        };
        let counted = measured.counter("instructions").is_some();
        let simulated = match again.filter(|_| wanted && !counted) {
            Some(command) => {
                console.status("Simulating", "the same run once more, under cachegrind");
                Some(stat::simulate(&command))
            }
            None => None,
        };
        let stat = stat::stat(measured, simulated);
        report::stat::write(&stat, &output, console)?;
        Ok(exit_code::OK)
    }
}
