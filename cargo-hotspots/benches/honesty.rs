//! How honest the gate is: how often it alarms without a reason, and how often it finds one.
//!
//! ```text
//! BASELINE=before CURRENT=after WINDOWS=300 cargo bench -p cargo-hotspots --bench honesty
//! ```
//!
//! `BASELINE` and `CURRENT` are programs of Criterion or divan benchmarks, such as
//! `target/release/deps/cr-0123`: the same file twice for false alarms; one rebuilt in another
//! directory; or one with a slowdown that was put in on purpose, for the power. Each window is a
//! whole gate: both looks and the second stage. `FILTER` is a regular expression over benchmarks.
//!
//! For each benchmark the counts of each verdict are printed, with the exact 95 % interval of the
//! share of alarms (Clopper and Pearson), then the CPU load. `BLOCKS=FILE` writes every block, so
//! that another rule can be tried on the same runs. `docs/gate.md` has the rates that were measured.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use cargo_hotspots::gate::{
    config::Config,
    harness::{Harness, Program},
    prepare::{self, Preparation},
    random::Random,
    runner::{self, Observer, Plan},
    sides::{Side, Subject},
    sign,
    verdict::{Limits, Status},
};
use codecost::cargo::Context;
use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Instant,
};

struct Silent;

impl Observer for Silent {
    fn progress(&mut self, _: u64, _: u64) {}
    fn note(&mut self, _: &str) {}
}

fn side(context: &Context, path: &Path) -> Side {
    Side {
        target: "honesty".into(),
        kind: None,
        package: None,
        program: Program {
            path: fs::canonicalize(path).expect("the program"),
            harness: Harness::of(path),
            directory: context.directory().to_path_buf(),
            environment: Vec::new(),
            arguments: Vec::new(),
            name: "honesty".into(),
        },
        known: Vec::new(),
    }
}

/// The exact interval of a share of `hits` of `n`, found by bisection of the binomial tail.
fn exact(n: usize, hits: usize) -> (f64, f64) {
    let solve = |at_least: usize, level: f64| {
        let (mut low, mut high) = (0.0_f64, 1.0_f64);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if sign::tail(n, middle, at_least) < level {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
    };
    let low = if hits == 0 { 0.0 } else { solve(hits, 0.025) };
    let high = if hits == n {
        1.0
    } else {
        solve(hits + 1, 0.975)
    };
    (low, high)
}

fn main() {
    let mut out = io::stdout().lock();
    let (Some(baseline), Some(current)) = (env::var_os("BASELINE"), env::var_os("CURRENT")) else {
        let _ = writeln!(
            out,
            "n/a (set BASELINE and CURRENT to programs of benchmarks)"
        );
        return;
    };
    let windows: usize = env::var("WINDOWS").map_or(10, |text| text.parse().expect("a number"));
    let filter = env::var("FILTER")
        .ok()
        .map(|text| codecost::pattern::Pattern::new(&text).expect("a regex"));
    let mut blocks = env::var_os("BLOCKS").map(|path| fs::File::create(path).expect("a file"));
    let context = Context::current().expect("a directory");
    let scratch = tempfile::tempdir().expect("a directory");
    let config = Config::default();
    let wanted = |id: &str| filter.as_ref().is_none_or(|regex| regex.is_match(id));
    let preparation = Preparation {
        context: &context,
        target_directory: scratch.path(),
        config: &config,
        limits: Limits::default(),
        override_concern: None,
        override_action: None,
        shard: None,
        wanted: &wanted,
        stopped: &|| false,
        deadline: prepare::Deadline::new(None),
    };
    let subject = Subject {
        baseline: Some(side(&context, &PathBuf::from(baseline))),
        current: Some(side(&context, &PathBuf::from(current))),
    };
    let mut counts: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    let (mut alarmed, mut controls) = (0, 0);
    let start = Instant::now();
    for window in 0..windows {
        // Copies anew: where a file lies in memory is a part of what is random.
        let prepared =
            prepare::prepare(&preparation, vec![subject.clone()], None, &mut Silent).unwrap();
        let plan = Plan {
            benchmarks: prepared.planned(),
            family: prepared.family,
            budget: None,
            seed: Random::seed(),
        };
        let results = runner::run(
            &plan,
            &mut prepared.instrument(&context, &|| false),
            &mut Silent,
        );
        let mut any = false;
        for (pair, outcome) in prepared.pairs.iter().zip(&results.outcomes) {
            let count = counts.entry(pair.id.clone()).or_default();
            *count.entry(outcome.status.as_str()).or_default() += 1;
            any |= outcome.status.is_alarm();
            if let Some(file) = &mut blocks {
                for block in &outcome.blocks {
                    let (before, after) = block.pair();
                    let id = &pair.id;
                    let _ = writeln!(file, "{window},{id},{before},{after}");
                }
            }
            if let Some(reason) = &outcome.reason {
                let _ = writeln!(out, "window {window}: {}: {reason}", pair.id);
            }
        }
        alarmed += usize::from(any);
        controls += usize::from(!results.controls.is_empty());
    }
    for (id, counts) in &counts {
        let alarms = counts.get("fail").unwrap_or(&0) + counts.get("attention").unwrap_or(&0);
        let (low, high) = exact(windows, alarms);
        let share = alarms as f64 / windows as f64;
        let _ = writeln!(
            out,
            "{id:30} {counts:?} alarms {:.1} % [{:.1}, {:.1}]",
            share * 100.0,
            low * 100.0,
            high * 100.0
        );
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let _ = writeln!(
        out,
        "{windows} windows, {alarmed} with an alarm, {controls} with an alarming control, \
         {:.1} s each; load {}; status names: {:?}",
        start.elapsed().as_secs_f64() / windows.max(1) as f64,
        load.trim(),
        [Status::Pass, Status::Attention, Status::Fail].map(Status::as_str),
    );
}
