//! `cargo hotspots stat`.

use crate::{
    cli::{StatFlags, names_run},
    gate::compare::Current,
    operations, record, report,
    stat::{self, Measured},
    work::ProgramInput,
};
use clap::{Args, ValueEnum};
use codecost::{
    Error, Result,
    cargo::TargetChoice,
    console::Console,
    error::exit_code,
    front::Command,
    report::{FormatFlags, OutputOptions, RowFlags, Warning},
    stdin::Stdin,
};

/// What a run costs: time, memory, faults, switches, system calls, instructions
///
/// Everything is counted, nothing sampled. Without a target or `-- ARGS` nothing is run: the latest
/// recording says how long its run took and how much CPU time it used. On a machine without counters of its own, instructions
/// and misses come from a second run under valgrind's cachegrind, and are labelled as simulated.
#[derive(Args, Debug)]
pub(crate) struct Stat {
    #[command(flatten)]
    program: StatFlags,
    /// Simulate what cannot be counted
    ///
    /// What this machine has no counters for comes from a second run.
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
        let to = program.output.clone();
        let current = program.current(console)?;
        let simulates = (simulate != SimulateFlag::Auto).then_some("--simulate");
        if !names_run(&current, to.given().or(simulates))? {
            return of_latest(&current, &output, console);
        }
        let input = match simulate {
            SimulateFlag::Never => ProgramInput::Inherit,
            SimulateFlag::Auto | SimulateFlag::Always => input(&current, console)?,
        };
        let options = record::RecordOptions {
            output: to.output(),
            input,
            ..operations::options(&current)
        };
        let record::Run {
            mut measured,
            again,
        } = record::measure(&options, console)?;
        if let TargetChoice::Bench(_) = current.selection.target {
            of_operation(&current, &mut measured, console)?;
        }
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
                let what = match Stdin::shared()? {
                    Stdin::Terminal => ", with an empty standard input, not the terminal",
                    _ => "",
                };
                let what = format!("the same run once more, under cachegrind{what}");
                console.status("Simulating", &what);
                Some(stat::simulate(&command, input.again().next()?))
            }
            None => None,
        };
        let stat = stat::stat(measured, simulated);
        report::stat::write(&stat, &output, console)?;
        Ok(exit_code::OK)
    }
}

/// What the first of two runs reads. A terminal is left to it, as the user may be asked something.
fn input(current: &Current, console: &mut Console) -> Result<ProgramInput> {
    match Stdin::shared()? {
        Stdin::Terminal => Ok(ProgramInput::Inherit),
        _ => operations::input(current, console),
    }
}

/// What the latest recording says of its run.
fn of_latest(current: &Current, output: &OutputOptions, console: &mut Console) -> Result<u8> {
    let latest = record::latest(&current.selection)?;
    let about = latest.about.as_ref();
    let stat = about.and_then(stat::of_recording).ok_or_else(|| {
        Error::usage(
            "the latest recording does not say what its run cost",
            "name what to run: `cargo hotspots stat --bin NAME -- ARGS`",
        )
    })?;
    report::stat::write(&stat, output, console)?;
    Ok(exit_code::OK)
}

/// What one operation of the only benchmark costs; several have nothing in common.
fn of_operation(current: &Current, measured: &mut Measured, console: &mut Console) -> Result<()> {
    let mut not_measured = Vec::new();
    let benchmarks = operations::measure(current, &mut not_measured, console)?;
    match benchmarks.as_slice() {
        [only] => {
            let metrics = [
                ("duration", only.p50_ns),
                ("instructions", only.instructions.map(|count| count as f64)),
            ];
            let known = metrics.into_iter();
            let known = known.filter_map(|(name, value)| Some((name, value?)));
            measured.per_operation = known.collect();
        }
        [] => {}
        several => measured.problems.push(
            Warning::new(
                "no-operation",
                "figures of one operation are shown for one benchmark only",
            )
            .help("name it: `-- ID`; `cargo hotspots report --bench` has those of all")
            .count(several.len() as u64),
        ),
    }
    Ok(())
}
