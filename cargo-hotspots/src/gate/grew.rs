//! Why a benchmark became slower: both programs are profiled, and their charged shares, scaled to
//! the time of an iteration, are compared.
//!
//! A profile of fixed length has as many samples before as after, so shares alone hide that all of
//! it became slower. A share times the time per iteration is the time that an iteration spends
//! there; the difference, as a fraction of the baseline's time, is what the owner added. Over all
//! owners of a kind these add up to the change itself. Instructions are explained in the same way;
//! allocations and bytes by a recording of the allocations of one operation, in which each block is
//! counted.

use super::{
    compare::Comparison,
    harness::{Harness, Program},
    row::{Grew, Metric},
    verdict::Status,
};
use crate::{
    analysis::{
        self, Measured,
        model::{AllocatedChange, ChangeKind, ChangeRow, Comparison as Profiles, Facts},
    },
    open::Opened,
    record::{self, AllocationOptions, CallGraphChoice, ProgramOutput, RecordOptions, What},
    work::ProgramInput,
};
use codecost::{
    Result,
    cargo::{Context, Selection},
    console::Console,
    report::Warning,
};
use std::{collections::BTreeMap, ffi::OsString, path::Path};

/// How many alarms are explained, the worst first.
const MOST_ALARMS: usize = 5;
/// How long each side is profiled, in seconds.
const SECONDS: &str = "2";
/// How many crates and functions are named.
const MOST_OWNERS: usize = 5;
/// Less than this of the baseline's time is not worth naming.
const LEAST: f64 = 0.005;

/// What a profile of both programs is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Time, which instructions follow.
    Time,
    /// Allocations of one operation.
    Allocations,
}

impl Kind {
    fn of(metric: Metric) -> Self {
        match metric {
            Metric::Time | Metric::Instructions => Self::Time,
            Metric::Allocations | Metric::Reallocations | Metric::Bytes => Self::Allocations,
        }
    }
}

/// Profiles both programs of each alarm and says what grew in it. What cannot be profiled is a
/// warning: the verdict does not depend on it.
pub fn explain(comparison: &mut Comparison, context: &Context, console: &mut Console) {
    let mut failed = None;
    let mut left_out = 0_u64;
    let mut untold = Vec::new();
    // By the place of the pair: several metrics of a benchmark have one profile.
    let mut made: Vec<(Kind, usize, Option<Profiles>)> = Vec::new();
    for row in &mut comparison.gate.rows {
        let is_alarm = matches!(row.status, Status::Attention | Status::Fail);
        let Some(figures) = row.figures.as_ref().filter(|_| is_alarm) else {
            continue;
        };
        let mut pairs = comparison.prepared.pairs.iter().enumerate();
        let pair = pairs.find(|(_, pair)| {
            pair.id == row.benchmark && pair.target == row.target && pair.package == row.package
        });
        let Some((at, pair, [before, after])) =
            pair.and_then(|(at, pair)| Some((at, pair, pair.programs()?)))
        else {
            continue;
        };
        let kind = Kind::of(row.metric);
        if !made.iter().any(|(of, pair, _)| (*of, *pair) == (kind, at)) {
            if made.len() == MOST_ALARMS {
                left_out += 1;
                continue;
            }
            let target = &comparison.target_directory;
            let runs = match (kind, pair.harness) {
                (Kind::Time, Harness::Process) => enough(figures.current),
                _ => 1,
            };
            let each = match runs {
                1 => String::new(),
                runs => format!(", {runs} runs each"),
            };
            let what = format!("`{}` in both programs{each}", row.benchmark);
            console.status("Profiling", &what);
            let profile = |program| -> Result<Vec<Measured>> {
                (0..runs)
                    .map(|_| profile(kind, context, program, &row.benchmark, target))
                    .collect()
            };
            let profiles = profile(before)
                .and_then(|a| analysis::compare(&a, &profile(after)?, kind == Kind::Time));
            let profiles = profiles.map_err(|error| failed = Some(error)).ok();
            made.push((kind, at, profiles));
        }
        let mut made = made.iter();
        let found = made.find(|(of, pair, _)| (*of, *pair) == (kind, at));
        if let Some((_, _, Some(profiles))) = found {
            row.grew = grown(profiles, row.metric, figures.baseline, figures.current);
            if row.grew.is_empty() {
                untold.push(row.benchmark.clone());
            }
        }
    }
    if let Some(error) = failed {
        comparison.gate.warnings.push(
            Warning::new(
                "no-profile",
                format!("what grew is not known, because profiling failed: {error}"),
            )
            .help("`cargo hotspots doctor` says what this machine allows"),
        );
    }
    if !untold.is_empty() {
        untold.dedup();
        comparison.gate.warnings.push(
            Warning::new(
                "growth-not-found",
                format!(
                    "in {} no crate or function grew by more than chance makes of the samples",
                    untold.join(", ")
                ),
            )
            .help("compare two longer recordings: `cargo hotspots diff BEFORE AFTER`")
            .count(untold.len() as u64),
        );
    }
    if left_out > 0 {
        comparison.gate.warnings.push(
            Warning::new(
                "not-explained",
                format!("only the {MOST_ALARMS} worst were profiled to see what grew"),
            )
            .help("name the others with `--filter`, to have them explained too")
            .count(left_out),
        );
    }
}

/// How many runs of a program of so many nanoseconds are as long as the profile of a benchmark.
fn enough(nanoseconds: f64) -> usize {
    const MOST: f64 = 12.0;
    let seconds: f64 = SECONDS.parse().unwrap_or(1.0);
    (seconds * 1e9 / nanoseconds).ceil().clamp(1.0, MOST) as usize
}

/// Records `id` alone and reads the recording, which is not kept.
fn profile(
    kind: Kind,
    context: &Context,
    program: &Program,
    id: &str,
    target: &Path,
) -> Result<Measured> {
    let kept = tempfile::Builder::new()
        .prefix("gate-profile-")
        .tempdir_in(target.join("codecost"))
        .map_err(|source| codecost::Error::write(target, source))?;
    let mut there = context.clone().in_directory(&program.directory);
    for (name, value) in &program.environment {
        there = there.with_env(name, value);
    }
    if program.harness == Harness::Criterion {
        there = there.with_env("CRITERION_HOME", kept.path());
    }
    let options = RecordOptions {
        what: What::Program(program.path.clone()),
        arguments: arguments(kind, program, id),
        // The stack of each allocation: one operation has few. The program may have no frame pointers.
        allocations: (kind == Kind::Allocations).then_some(AllocationOptions {
            interval: Some(0),
            every: false,
        }),
        // The harness's own tables are of a run that nobody asked for.
        output: ProgramOutput::Null,
        input: match program.harness {
            Harness::Process => ProgramInput::Repeated,
            _ => ProgramInput::Null,
        },
        call_graph: (kind == Kind::Allocations).then_some(CallGraphChoice::Dwarf),
        selection: Selection {
            target_dir: Some(kept.path().to_path_buf()),
            ..Selection::default()
        },
        ..RecordOptions::default()
    };
    // What is recorded has been said, and its copy's path says nothing.
    let (mut unheard, _) = Console::in_memory();
    let recording = record::record_in(&there, &options, &mut unheard)?;
    // Read as a whole before its directory is deleted.
    let opened = Opened::read(recording, String::new(), false)?;
    Measured::new(&opened.subject())
}

fn arguments(kind: Kind, program: &Program, id: &str) -> Vec<OsString> {
    let own: &[&str] = match (kind, program.harness) {
        (_, Harness::Process | Harness::SelfTimed) => &[],
        (_, Harness::Bencher) => &[id, "--bench"],
        (Kind::Time, Harness::Criterion) => &["--bench", "--exact", id, "--profile-time", SECONDS],
        (Kind::Time, Harness::Divan) => &["--bench", "--exact", id, "--min-time", SECONDS],
        (Kind::Time, Harness::Libtest) => &["--bench", "--exact", id],
        // In test mode one operation runs.
        (Kind::Allocations, Harness::Criterion) => &["--bench", "--test", "--exact", id],
        (Kind::Allocations, Harness::Divan) => &["--test", "--exact", id],
        (Kind::Allocations, Harness::Libtest) => &["--exact", id],
    };
    let user = program.arguments.iter().cloned();
    user.chain(own.iter().map(OsString::from)).collect()
}

/// What a crate or a function has on both sides.
#[derive(Clone, Copy, Default)]
struct Sides {
    /// Its share of each side.
    share: [f64; 2],
    /// Bytes that it allocated more.
    bytes: f64,
    /// Blocks that it made more.
    blocks: f64,
    /// Blocks to which it gave another length more.
    grown: f64,
}

impl Sides {
    fn add(&mut self, row: &ChangeRow) {
        self.share[0] += row.share.before;
        self.share[1] += row.share.after;
        if let Some(AllocatedChange {
            bytes,
            allocations,
            reallocations,
        }) = row.allocated
        {
            self.bytes += bytes.delta();
            self.blocks += allocations.delta();
            self.grown += reallocations.delta();
        }
    }
}

/// The crates and functions that added most, each kind apart, the largest first.
fn grown(profiles: &Profiles, metric: Metric, before: f64, after: f64) -> Vec<Grew> {
    let samples = |side: &[Facts]| side.iter().map(|facts| facts.samples).sum::<u64>();
    let samples = [&profiles.before, &profiles.after].map(|side| samples(side));
    let of = |kind: ChangeKind| -> Vec<Grew> {
        let mut owners: BTreeMap<&str, Sides> = BTreeMap::new();
        for row in profiles.rows.iter().filter(|row| row.kind == kind) {
            let name = match kind {
                ChangeKind::Crate => row.label.name.as_str(),
                _ => around_closures(&row.name),
            };
            owners.entry(name).or_default().add(row);
        }
        let mut grown: Vec<Grew> = owners
            .into_iter()
            .filter_map(|(name, sides)| {
                let delta = match metric {
                    Metric::Time | Metric::Instructions => sampled(sides, samples, after / before)?,
                    // Each is counted, so they are whole: what is not comes from shares of a total.
                    Metric::Allocations => counted(sides.blocks.round(), before, after)?,
                    Metric::Reallocations => counted(sides.grown.round(), before, after)?,
                    Metric::Bytes => counted(sides.bytes.round(), before, after)?,
                };
                (delta >= LEAST).then(|| Grew {
                    is_crate: kind == ChangeKind::Crate,
                    name: name.to_owned(),
                    delta,
                })
            })
            .collect();
        grown.sort_by(|a, b| {
            b.delta
                .total_cmp(&a.delta)
                .then_with(|| a.name.cmp(&b.name))
        });
        grown.truncate(MOST_OWNERS);
        grown
    };
    let mut grown = of(ChangeKind::Crate);
    grown.extend(of(ChangeKind::Function));
    grown
}

/// The function that a closure is written in: how much of one stays in a closure of its own is the
/// optimizer's choice, which may be another on the other side.
fn around_closures(name: &str) -> &str {
    let mut function = name;
    while let Some((around, last)) = function.rsplit_once("::")
        && last.starts_with("{closure")
        && last.ends_with('}')
    {
        function = around;
    }
    function
}

/// What an owner added of time, as a fraction of the earlier side; `None` when chance may have made it.
fn sampled(sides: Sides, samples: [u64; 2], factor: f64) -> Option<f64> {
    let variance =
        |share: f64, samples: u64| share * (1.0 - share).max(0.0) / samples.max(1) as f64;
    let [before, after] = sides.share;
    let delta = after * factor - before;
    // Twice the standard error of the difference: what chance makes of so many samples.
    let chance = variance(before, samples[0]) + variance(after, samples[1]) * factor * factor;
    (delta > 2.0 * chance.sqrt()).then_some(delta)
}

/// What an owner added of blocks or bytes, which are counted one by one. What the harness itself
/// allocates is the same on both sides and falls out. A fraction of the earlier side; where that had
/// none, of the later one.
fn counted(delta: f64, before: f64, after: f64) -> Option<f64> {
    let whole = if before > 0.0 { before } else { after };
    (whole > 0.0).then(|| delta / whole)
}

#[cfg(test)]
mod tests {
    use super::around_closures;

    #[test]
    fn a_closure_is_its_functions() {
        for (name, function) in [
            ("gated::digits", "gated::digits"),
            ("gated::digits::{closure#0}", "gated::digits"),
            ("gated::digits::{closure}::{closure}", "gated::digits"),
            ("<a::B as c::D>::e::{closure#1}", "<a::B as c::D>::e"),
            ("a::f::<b::g::{closure#0}>", "a::f::<b::g::{closure#0}>"),
            ("{closure}", "{closure}"),
        ] {
            assert_eq!(around_closures(name), function);
        }
    }
}
