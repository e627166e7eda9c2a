//! Why a benchmark became slower: both programs are profiled, and their charged shares, scaled to
//! the time of an iteration, are compared.
//!
//! A profile of fixed length has as many samples before as after, so shares alone hide that all of
//! it became slower. A share times the time per iteration is the time that an iteration spends
//! there; the difference, as a fraction of the baseline's time, is what the owner added. Over all
//! owners of a kind these add up to the change itself.

use super::{
    compare::Comparison,
    harness::{Harness, Program},
    row::Grew,
    verdict::Status,
};
use crate::{
    analysis::{
        self, Measured,
        model::{ChangeKind, Comparison as Profiles, Facts},
    },
    open::Opened,
    record::{self, RecordOptions, What},
};
use codecost::{
    Result,
    cargo::{Context, Selection},
    console::Console,
    report::Warning,
};
use std::{ffi::OsString, path::Path};

/// How many alarms are explained, the worst first.
const MOST_ALARMS: usize = 5;
/// How long each side is profiled, in seconds.
const SECONDS: &str = "2";
/// How many crates and functions are named.
const MOST_OWNERS: usize = 5;
/// Less than this of the baseline's time is not worth naming.
const LEAST: f64 = 0.005;

/// Profiles both programs of each alarm and says what grew in it. What cannot be profiled is a
/// warning: the verdict does not depend on it.
pub fn explain(comparison: &mut Comparison, context: &Context, console: &mut Console) {
    let mut failed = None;
    let mut left_out = 0_u64;
    let mut explained = 0;
    for row in &mut comparison.gate.rows {
        let is_alarm = matches!(row.status, Status::Attention | Status::Fail);
        let Some(figures) = row.figures.as_ref().filter(|_| is_alarm) else {
            continue;
        };
        if explained == MOST_ALARMS {
            left_out += 1;
            continue;
        }
        let pair = comparison.prepared.pairs.iter().find(|pair| {
            pair.id == row.benchmark && pair.target == row.target && pair.package == row.package
        });
        let Some([before, after]) = pair.and_then(|pair| pair.programs()) else {
            continue;
        };
        explained += 1;
        let target = &comparison.target_directory;
        let profiles = profile(context, before, &row.benchmark, target, console).and_then(|a| {
            let b = profile(context, after, &row.benchmark, target, console)?;
            Ok(analysis::compare(&[a], &[b], true))
        });
        match profiles {
            Ok(profiles) => {
                row.grew = grown(&profiles, figures.baseline, figures.current);
            }
            Err(error) => failed = Some(error),
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
    if left_out > 0 {
        comparison.gate.warnings.push(
            Warning::new(
                "not-explained",
                format!("only the {MOST_ALARMS} worst were profiled to see what grew"),
            )
            .count(left_out),
        );
    }
}

/// Records `id` alone and reads the recording, which is not kept.
fn profile(
    context: &Context,
    program: &Program,
    id: &str,
    target: &Path,
    console: &mut Console,
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
        arguments: arguments(program, id),
        selection: Selection {
            target_dir: Some(kept.path().to_path_buf()),
            ..Selection::default()
        },
        ..RecordOptions::default()
    };
    let recording = record::record_in(&there, &options, console)?;
    // Read as a whole before its directory is deleted.
    let opened = Opened::read(recording, String::new(), false)?;
    Measured::new(&opened.subject())
}

fn arguments(program: &Program, id: &str) -> Vec<OsString> {
    let own: &[&str] = match program.harness {
        Harness::Criterion => &["--bench", "--exact", id, "--profile-time", SECONDS],
        Harness::Divan => &["--bench", "--exact", id, "--min-time", SECONDS],
        Harness::Libtest => &["--bench", "--exact", id],
        Harness::Process => &[],
    };
    let user = program.arguments.iter().cloned();
    user.chain(own.iter().map(OsString::from)).collect()
}

/// The crates and functions that added most, each kind apart, the largest first.
fn grown(profiles: &Profiles, before_ns: f64, after_ns: f64) -> Vec<Grew> {
    let factor = after_ns / before_ns;
    // Twice the standard error of the difference: what chance makes of so many samples.
    let samples = |side: &[Facts]| side.iter().map(|facts| facts.samples).sum::<u64>();
    let variance =
        |share: f64, samples: u64| share * (1.0 - share).max(0.0) / samples.max(1) as f64;
    let of = |kind: ChangeKind| -> Vec<Grew> {
        let rows = profiles.rows.iter().filter(|row| row.kind == kind);
        let mut grown: Vec<Grew> = rows
            .filter_map(|row| {
                let (before, after) = (row.share.before, row.share.after);
                let delta = after * factor - before;
                let chance = variance(before, samples(&profiles.before))
                    + variance(after, samples(&profiles.after)) * factor * factor;
                let is_growth = delta >= LEAST && delta > 2.0 * chance.sqrt();
                is_growth.then(|| Grew {
                    is_crate: kind == ChangeKind::Crate,
                    name: match kind {
                        ChangeKind::Crate => row.label.name.to_string(),
                        _ => row.name.clone(),
                    },
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
