//! The work of an operation beside its time: allocations, their bytes, and instructions, of both
//! programs. They hardly vary, so two runs of each side decide: what these differ by is the noise.

use super::{
    change::Interval,
    compare::Comparison,
    harness::{Harness, Program},
    prepare::Pair,
    requirement::Quantity,
    row::{Figures, Metric, Row, with_requirements},
    verdict::{FLOOR, Limits, Status, Verdict},
};
use crate::{
    record,
    work::{Clock, Operation, Runs, Scope},
};
use codecost::{Result, cargo::Context, front::quoted, report::Warning};
use std::{collections::BTreeMap, path::Path, time::Duration};

/// How long one run that is counted may take, where the whole comparison has no budget. A simulation is
/// fifty times slower than the program.
const PATIENCE: Duration = Duration::from_secs(300);
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
    let mut unseen = Unseen::default();
    let pairs = &comparison.prepared.pairs;
    let simulate = pairs.len() <= MOST_SIMULATED;
    say("allocations and instructions of one operation");
    let scratch = tempfile::tempdir()
        .map_err(|source| codecost::Error::write(std::env::temp_dir(), source))?;
    for pair in pairs {
        if stopped() {
            break;
        }
        if comparison.prepared.deadline.is_over() {
            unseen.out_of_time = true;
            break;
        }
        let Some(programs) = pair.programs() else {
            continue;
        };
        if pair.harness == Harness::Bencher {
            unseen.never_once.push(pair.id.clone());
            continue;
        }
        let time = comparison.gate.rows.iter().find_map(|row| {
            let is_same = row.target == pair.target && row.package == pair.package;
            let figures = row
                .figures
                .as_ref()
                .filter(|_| is_same && row.benchmark == pair.id)?;
            Some(figures.baseline.max(figures.current))
        });
        let patience = comparison.prepared.deadline.first(PATIENCE);
        let runs = programs.map(|program| Runs {
            patience,
            ..runs(context, program, &pair.id, scratch.path(), time)
        });
        let [before, after] = &runs;
        let allocations = |runs| twice(|| record::allocations_of(context, runs));
        match allocations(before).and_then(|before| Ok((before, allocations(after)?))) {
            Ok((before, after)) => {
                let of = |read: fn(&Operation) -> u64| {
                    let two = |pair: &[Operation; 2]| [read(&pair[0]), read(&pair[1])];
                    [two(&before), two(&after)]
                };
                rows.push(row(pair, Metric::Allocations, of(|it| it.allocations)));
                let grown = of(|it| it.reallocations);
                // Few operations have any, and a row of nothing says nothing.
                if grown != [[0; 2]; 2] {
                    rows.push(row(pair, Metric::Reallocations, grown));
                }
                rows.push(row(pair, Metric::Bytes, of(|it| it.bytes)));
            }
            Err(why) => {
                let of = unseen.uncounted.entry(why).or_default();
                of.push(pair.id.clone());
            }
        }
        if !simulate {
            continue;
        }
        let instructions = |runs| twice(|| record::instructions_of(runs));
        match instructions(before).and_then(|before| Ok((before, instructions(after)?))) {
            Ok((before, after)) => rows.push(row(pair, Metric::Instructions, [before, after])),
            Err(why) => unseen.unsimulated(why, pair, before),
        }
    }
    for pair in &comparison.prepared.pairs {
        require(pair, &mut rows, &mut comparison.gate.rows);
    }
    comparison.gate.rows.extend(rows);
    comparison.gate.sort();
    comparison.gate.warnings.extend(unseen.warnings(simulate));
    Ok(())
}

/// Holds a benchmark's requirements of what is counted against its new rows. What was not counted leaves
/// no pass to its time, whose row is there already.
fn require(pair: &Pair, counted: &mut [Row], timed: &mut [Row]) {
    let is_of = |row: &Row| {
        row.benchmark == pair.id && row.target == pair.target && row.package == pair.package
    };
    let all = pair.settings.require.iter();
    for requirement in all.filter(|requirement| requirement.quantity.is_counted()) {
        let metric = match requirement.quantity {
            Quantity::Allocated => Metric::Bytes,
            Quantity::Instructions => Metric::Instructions,
            Quantity::Reallocations => Metric::Reallocations,
            _ => Metric::Allocations,
        };
        let mut own = counted.iter_mut().filter(|row| is_of(row));
        // The lesser of two counts, and the one as far beyond their middle.
        let counts = |row: &Row| {
            let figures = row.figures.as_ref()?;
            let larger = 2.0 * figures.medians.1 - figures.current;
            Some([figures.current as u64, larger as u64])
        };
        let (row, checked) = match own.find(|row| row.metric == metric) {
            Some(row) => {
                let checked = counts(row).map(|counts| requirement.check_counts(counts));
                (Some(row), checked)
            }
            None => {
                let none = metric == Metric::Reallocations
                    && counted
                        .iter()
                        .any(|row| is_of(row) && row.metric == Metric::Allocations);
                let checked = none.then(|| requirement.check_counts([0; 2]));
                let mut timed = timed.iter_mut();
                (timed.find(|row| is_of(row)), checked)
            }
        };
        let checked = checked.unwrap_or_else(|| requirement.unknown("it could not be counted"));
        if let Some(row) = row {
            row.requirements.push(checked);
            let (status, reason) =
                with_requirements(row.status, row.reason.take(), &row.requirements);
            (row.status, row.reason) = (status, reason);
        }
    }
}

/// Two counts of one side.
fn twice<T>(
    mut count: impl FnMut() -> std::result::Result<T, String>,
) -> std::result::Result<[T; 2], String> {
    Ok([count()?, count()?])
}

/// What could not be counted, and why.
#[derive(Debug, Default)]
struct Unseen {
    /// Whether the time budget was over before all was counted.
    out_of_time: bool,
    /// Benchmarks of a harness that runs them for a time only, and not once.
    never_once: Vec<String>,
    /// Benchmarks whose allocations are not seen, by the reason.
    uncounted: BTreeMap<String, Vec<String>>,
    /// Benchmarks whose instructions are not, by the reason, each with a command that shows it.
    unsimulated: BTreeMap<String, Vec<(String, String)>>,
}

impl Unseen {
    fn unsimulated(&mut self, why: String, pair: &Pair, runs: &Runs) {
        let arguments: Vec<String> = runs
            .command
            .get_args()
            .map(|argument| quoted(&argument.to_string_lossy()))
            .collect();
        let command = format!("valgrind --tool=callgrind PROGRAM {}", arguments.join(" "));
        let build = format!("`cargo bench --no-run --bench {}`", pair.target);
        let show = format!("run `{command}`, with the program that {build} names");
        let of = self.unsimulated.entry(why).or_default();
        of.push((pair.id.clone(), show));
    }

    fn warnings(&self, simulate: bool) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.out_of_time {
            warnings.push(
                Warning::new(
                    "time-budget",
                    "the time budget left no room to count the allocations and instructions of all \
                     benchmarks",
                )
                .help("raise `--time-budget`"),
            );
        }
        if !self.never_once.is_empty() {
            warnings.push(
                Warning::new(
                    "operations-not-counted",
                    format!(
                        "the allocations and instructions of {} are not counted: its harness cannot \
                         run a benchmark just once",
                        some(&self.never_once)
                    ),
                )
                .help("time is compared all the same; Criterion and divan can")
                .count(self.never_once.len() as u64),
            );
        }
        for (why, ids) in &self.uncounted {
            warnings.push(
                Warning::new(
                    "allocations-not-counted",
                    format!(
                        "the allocations of {} could not be counted: {why}",
                        some(ids)
                    ),
                )
                .help("time is compared all the same")
                .count(ids.len() as u64),
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
        }
        for (why, of) in &self.unsimulated {
            let ids: Vec<String> = of.iter().map(|(id, _)| id.clone()).collect();
            let show = of
                .first()
                .map(|(_, show)| show.as_str())
                .unwrap_or_default();
            let help = match why.contains("not installed") {
                true => "install valgrind",
                false => show,
            };
            warnings.push(
                Warning::new(
                    "instructions-not-counted",
                    format!(
                        "the instructions of {} could not be counted: {why}",
                        some(&ids)
                    ),
                )
                .help(help)
                .count(ids.len() as u64),
            );
        }
        warnings
    }
}

/// The first names, and how many more there are.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What one operation does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// What it allocates.
    pub operation: Option<Operation>,
    /// Its instructions, simulated.
    pub instructions: Option<u64>,
}

/// Counts one operation of one program, which takes so many nanoseconds where that is known.
///
/// # Errors
///
/// The counter cannot be set up.
pub fn count(context: &Context, program: &Program, id: &str, time: Option<f64>) -> Result<Work> {
    let scratch = tempfile::tempdir()
        .map_err(|source| codecost::Error::write(std::env::temp_dir(), source))?;
    if program.harness == Harness::Bencher {
        return Ok(Work::default());
    }
    let runs = runs(context, program, id, scratch.path(), time);
    Ok(Work {
        operation: record::allocations_of(context, &runs).ok(),
        instructions: record::instructions_of(&runs).ok(),
    })
}

fn scope_of(harness: Harness) -> Scope {
    match harness {
        Harness::Process | Harness::SelfTimed => Scope::Process,
        Harness::Criterion | Harness::Divan | Harness::Libtest | Harness::Bencher => {
            Scope::Benchmark
        }
    }
}

/// What is run to count one operation: in test mode a harness runs one iteration. divan says how
/// many it runs, so that its own work can be told apart.
fn runs(context: &Context, program: &Program, id: &str, home: &Path, time: Option<f64>) -> Runs {
    let command = |own: &[&str]| {
        let mut command = program.command(context);
        command.args(&program.arguments).args(own);
        command
    };
    let scope = scope_of(program.harness);
    let once = |command| Runs {
        scope,
        command,
        more: None,
        timed: None,
        patience: PATIENCE,
    };
    match program.harness {
        Harness::Process | Harness::SelfTimed | Harness::Bencher => once(command(&[])),
        Harness::Criterion => {
            let mut tested = command(&["--bench", "--test", "--exact", id]);
            // It warms up for a second by calls with twice as many iterations each.
            let mut timed = command(&["--bench", "--exact", id, "--profile-time", "1"]);
            for command in [&mut tested, &mut timed] {
                command.env("CRITERION_HOME", home).env_remove("CARGO");
            }
            Runs {
                timed: Some((timed, Clock::Criterion)),
                ..once(tested)
            }
        }
        Harness::Divan => {
            // Simulating is slow, and a few instructions differ from run to run.
            const ENOUGH: f64 = 1e6;
            let more = time.map_or(1.0, |time| (ENOUGH / time).clamp(1.0, 1000.0)) as u64;
            let of = |iterations: u64| {
                let size = iterations.to_string();
                let mut own = vec!["--bench", "--exact", id, "--color", "never"];
                own.extend([
                    "--sample-count",
                    "1",
                    "--min-time",
                    "0",
                    "--sample-size",
                    &size,
                ]);
                command(&own)
            };
            Runs {
                more: Some((of(1 + more), more)),
                ..once(of(1))
            }
        }
        // Without `--bench` a benchmark runs once, as a test.
        Harness::Libtest => Runs {
            timed: Some((command(&["--exact", id]), Clock::Libtest)),
            ..once(command(&["--exact", id]))
        },
    }
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
        accepted: settings.accepted.clone(),
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
    let middle = |pair: [u64; 2]| f64::midpoint(pair[0] as f64, pair[1] as f64);
    let (baseline, current) = (least(before), least(after));
    let noise = spread(before).max(spread(after));
    // From none to some is no ratio, and a change that has to be seen.
    let change = match (baseline, current) {
        (0.0, 0.0) => Some(0.0),
        (0.0, _) => None,
        _ => Some(current / baseline - 1.0),
    };
    let interval = change.map(|change| around(change, noise));
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
        medians: (middle(before), middle(after)),
        p90: None,
        throughput: None,
        verdict: Verdict {
            status,
            improved: interval.is_some_and(|interval| interval.high < -FLOOR),
            slower: interval.is_some_and(|interval| interval.low > FLOOR),
            estimate: change,
            interval,
            p_concern: None,
            p_floor: 0.0,
            minimum_detectable: least_attention(baseline, noise, limits),
            n: 2,
        },
        first: None,
        changes: Vec::new(),
    };
    (figures, reason)
}

/// What two runs differ by is a factor, so that no count falls by more than all of it.
fn around(change: f64, noise: f64) -> Interval {
    Interval {
        low: (1.0 + change) / (1.0 + noise) - 1.0,
        high: (1.0 + change) * (1.0 + noise) - 1.0,
    }
}

/// The smallest change that would have been called `attention`: counts are whole, so it is that of
/// the first count whose interval is at the concern. From none there is no ratio.
fn least_attention(baseline: f64, noise: f64, limits: Limits) -> Option<f64> {
    if baseline <= 0.0 {
        return None;
    }
    let about = (baseline * (1.0 + limits.concern) * (1.0 + noise)).floor() - 1.0;
    // By the very comparison of the rule, whose rounding counts too.
    (0..4)
        .map(|more| (about + f64::from(more)) / baseline - 1.0)
        .find(|change| around(*change, noise).low >= limits.concern)
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

    /// Two runs of a program that draws its work by lot.
    #[test]
    fn no_count_falls_by_more_than_all_of_it() {
        let limits = Limits::default();
        let (figures, _) = judge([[1000, 2400], [700, 1500]], limits);
        let Interval { low, high } = figures.verdict.interval.unwrap();
        // By hand: 0.7 / 2.4 and 0.7 * 2.4.
        assert!((low - (0.7 / 2.4 - 1.0)).abs() < 1e-12, "{low}");
        assert!((high - (0.7 * 2.4 - 1.0)).abs() < 1e-12, "{high}");
        assert_eq!(figures.verdict.status, Status::Inconclusive);
    }

    #[test]
    fn divan_is_asked_for_more_iterations_and_others_for_one() {
        let program = |harness| Program {
            path: "/p".into(),
            harness,
            directory: "/".into(),
            environment: Vec::new(),
            arguments: Vec::new(),
            name: "p".into(),
        };
        let context = Context::at("/");
        let of = |harness, time| {
            runs(
                &context,
                &program(harness),
                "dv::mix",
                Path::new("/h"),
                time,
            )
        };
        let size = |runs: &Runs| runs.command.get_args().last().unwrap().to_owned();
        let divan = of(Harness::Divan, Some(2000.0));
        assert_eq!(size(&divan), "1");
        let (more, iterations) = divan.more.unwrap();
        assert_eq!(
            (more.get_args().last().unwrap(), iterations),
            ("501".as_ref(), 500)
        );
        let slow = of(Harness::Divan, Some(1e9)).more.unwrap();
        assert_eq!(slow.1, 1);
        assert!(of(Harness::Criterion, Some(1.0)).more.is_none());
    }

    #[test]
    fn what_cannot_be_counted_is_named_with_its_cause() {
        let mut unseen = Unseen::default();
        let names = ["a", "b", "c", "d"].map(|id| (id.to_owned(), format!("run {id}")));
        unseen
            .unsimulated
            .insert("it ends with signal 4".into(), names.into());
        let warnings = unseen.warnings(true);
        assert_eq!(
            warnings[0].message,
            "the instructions of `a`, `b`, `c` and 1 more could not be counted: it ends with signal 4"
        );
        assert_eq!(warnings[0].help.as_deref(), Some("run a"));
    }

    /// One less than what is said to be detected is no attention, and that is.
    #[test]
    fn what_is_detected_is_the_least_change_that_is_called_attention() {
        for before in [[1000, 1000], [110, 110], [2, 2], [1000, 1013], [7, 7]] {
            let limits = Limits::default();
            let (figures, _) = judge([before, before], limits);
            let least = figures.verdict.minimum_detectable.unwrap();
            let count = (figures.baseline * (1.0 + least)).round() as u64;
            let alarms = |count: u64| status(before, [count, count]).is_alarm();
            assert!(alarms(count), "{before:?}: {least}");
            assert!(!alarms(count - 1), "{before:?}: {least}");
        }
        let none = judge([[0, 0], [0, 0]], Limits::default()).0;
        assert_eq!(none.verdict.minimum_detectable, None);
    }
}
