//! The work of an operation beside its time: allocations, their bytes, and instructions, of both
//! programs. They hardly vary, so two runs of each side decide: what these differ by is the noise.

use super::{
    change::Interval,
    compare::Comparison,
    harness::{Harness, Program},
    prepare::Pair,
    row::{Figures, Metric, Row},
    verdict::{Limits, Status, Verdict},
};
use crate::{
    record,
    work::{Operation, Scope},
};
use codecost::{Result, cargo::Context, report::Warning};
use std::{path::Path, process::Command};

/// Simulating takes a second and a half for each benchmark; of more than these it is left out.
const MOST_SIMULATED: usize = 20;

/// Counts in both programs of each benchmark and adds the rows. What cannot be counted is left out,
/// with a warning.
///
/// # Errors
///
/// The counter cannot be set up.
pub fn add(
    comparison: &mut Comparison,
    context: &Context,
    stopped: &dyn Fn() -> bool,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    let mut rows = Vec::new();
    let (mut uncounted, mut unsimulated) = (0_u64, 0_u64);
    let pairs = &comparison.prepared.pairs;
    let simulate = pairs.len() <= MOST_SIMULATED;
    say("allocations and instructions of one operation");
    let scratch = tempfile::tempdir()
        .map_err(|source| codecost::Error::write(std::env::temp_dir(), source))?;
    for pair in pairs {
        if stopped() {
            break;
        }
        let Some(programs) = pair.programs() else {
            continue;
        };
        let commands = programs.map(|program| command(context, program, &pair.id, scratch.path()));
        let scope = scope_of(pair.harness);
        let mut sides = Vec::new();
        for command in &commands {
            let first = record::allocations_of(context, command, scope)?;
            let second = record::allocations_of(context, command, scope)?;
            sides.push(first.zip(second));
        }
        match sides.as_slice() {
            [Some(before), Some(after)] => {
                let of = |read: fn(&Operation) -> u64| {
                    let two = |pair: &(Operation, Operation)| [read(&pair.0), read(&pair.1)];
                    [two(before), two(after)]
                };
                rows.push(row(pair, Metric::Allocations, of(|it| it.allocations)));
                rows.push(row(pair, Metric::Bytes, of(|it| it.bytes)));
            }
            _ => uncounted += 1,
        }
        if !simulate {
            continue;
        }
        let count = |command: &Command| {
            let first = record::instructions_of(command, scope)?;
            Some([first, record::instructions_of(command, scope)?])
        };
        let [before, after] = &commands;
        match count(before).zip(count(after)) {
            Some((before, after)) => rows.push(row(pair, Metric::Instructions, [before, after])),
            None => unsimulated += 1,
        }
    }
    comparison.gate.rows.extend(rows);
    comparison.gate.sort();
    comparison
        .gate
        .warnings
        .extend(warnings(uncounted, unsimulated, simulate));
    Ok(())
}

/// What one operation does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// What it allocates.
    pub operation: Option<Operation>,
    /// Its instructions, simulated.
    pub instructions: Option<u64>,
}

/// Counts one operation of one program.
///
/// # Errors
///
/// The counter cannot be set up.
pub fn count(context: &Context, program: &Program, id: &str) -> Result<Work> {
    let scratch = tempfile::tempdir()
        .map_err(|source| codecost::Error::write(std::env::temp_dir(), source))?;
    let command = command(context, program, id, scratch.path());
    let scope = scope_of(program.harness);
    Ok(Work {
        operation: record::allocations_of(context, &command, scope)?,
        instructions: record::instructions_of(&command, scope),
    })
}

fn warnings(uncounted: u64, unsimulated: u64, simulate: bool) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if uncounted > 0 {
        warnings.push(
            Warning::new(
                "allocations-not-counted",
                "the allocations of some benchmarks could not be counted: the program is static, has \
                 an allocator of its own, or its harness has no function that runs a benchmark",
            )
            .help("time is compared all the same; `cargo hotspots alloc --bench NAME` says which it is")
            .count(uncounted),
        );
    }
    if !simulate {
        warnings.push(
            Warning::new(
                "instructions-not-counted",
                format!("instructions are counted for at most {MOST_SIMULATED} benchmarks"),
            )
            .help("choose some with `--filter`"),
        );
    } else if unsimulated > 0 {
        warnings.push(
            Warning::new(
                "instructions-not-counted",
                "the instructions of some benchmarks could not be counted: valgrind is not \
                 installed, or the program fails under it",
            )
            .help(
                "install valgrind, or run `valgrind --tool=callgrind` on the benchmark to see why",
            )
            .count(unsimulated),
        );
    }
    warnings
}

fn scope_of(harness: Harness) -> Scope {
    match harness {
        Harness::Process => Scope::Process,
        Harness::Criterion | Harness::Divan | Harness::Libtest => Scope::Benchmark,
    }
}

/// Runs one operation: in test mode a harness runs one iteration.
fn command(context: &Context, program: &Program, id: &str, home: &Path) -> Command {
    let mut command = program.command(context);
    command.args(&program.arguments);
    match program.harness {
        Harness::Process => {}
        Harness::Criterion => {
            command
                .env("CRITERION_HOME", home)
                .env_remove("CARGO")
                .args(["--bench", "--test", "--exact", id]);
        }
        Harness::Divan => {
            command.args(["--test", "--exact", id]);
        }
        Harness::Libtest => {
            // Without `--bench` a benchmark runs once, as a test.
            command.args(["--exact", id]);
        }
    }
    command
}

/// Two counts of each side.
fn row(pair: &Pair, metric: Metric, sides: [[u64; 2]; 2]) -> Row {
    let Pair {
        id,
        target,
        package,
        harness,
        settings,
        ..
    } = pair;
    let limits = settings.limits;
    let (figures, reason) = judge(sides, limits);
    Row {
        benchmark: id.clone(),
        target: target.clone(),
        package: package.clone(),
        harness: Some(*harness),
        metric,
        status: figures.verdict.status,
        reason,
        figures: Some(figures),
        requirements: Vec::new(),
        accepted: None,
        limits,
        grew: Vec::new(),
    }
}

/// A change that is larger than what two runs of one program differ by, and than the limits.
fn judge([before, after]: [[u64; 2]; 2], limits: Limits) -> (Figures, Option<String>) {
    let least = |pair: [u64; 2]| pair[0].min(pair[1]) as f64;
    let spread = |pair: [u64; 2]| match least(pair) {
        0.0 => 0.0,
        least => (pair[0].abs_diff(pair[1])) as f64 / least,
    };
    let (baseline, current) = (least(before), least(after));
    let noise = spread(before).max(spread(after));
    // From none to some is no ratio, and a change that has to be seen.
    let change = match (baseline, current) {
        (0.0, 0.0) => Some(0.0),
        (0.0, _) => None,
        _ => Some(current / baseline - 1.0),
    };
    let interval = change.map(|change| Interval {
        low: change - noise,
        high: change + noise,
    });
    let status = match interval {
        None => Status::Fail,
        Some(interval) if interval.low >= limits.action => Status::Fail,
        Some(interval) if interval.low >= limits.concern => Status::Attention,
        Some(interval) if interval.high >= limits.action => Status::Inconclusive,
        Some(_) => Status::Pass,
    };
    let reason = change
        .is_none()
        .then(|| format!("from none to {current}, which is no ratio"));
    let figures = Figures {
        baseline,
        current,
        medians: (baseline, current),
        p90: None,
        throughput: None,
        verdict: Verdict {
            status,
            improved: interval.is_some_and(|interval| interval.high < -0.02),
            estimate: change,
            interval,
            p_concern: None,
            p_floor: 0.0,
            minimum_detectable: Some(noise),
            n: 2,
        },
        first: None,
        changes: Vec::new(),
    };
    (figures, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(before: [u64; 2], after: [u64; 2]) -> Status {
        judge([before, after], Limits::default()).0.verdict.status
    }

    #[test]
    fn what_two_runs_differ_by_is_no_change() {
        assert_eq!(status([1000, 1000], [1000, 1000]), Status::Pass);
        assert_eq!(status([1000, 1000], [1040, 1040]), Status::Pass);
        assert_eq!(status([1000, 1000], [1060, 1060]), Status::Attention);
        assert_eq!(status([1000, 1000], [1100, 1100]), Status::Fail);
        assert_eq!(status([1000, 1080], [1100, 1100]), Status::Inconclusive);
        assert_eq!(status([0, 0], [0, 0]), Status::Pass);
        assert_eq!(status([0, 0], [1, 1]), Status::Fail);
        let (figures, _) = judge([[1000, 1000], [500, 500]], Limits::default());
        assert!(figures.verdict.improved);
    }
}
