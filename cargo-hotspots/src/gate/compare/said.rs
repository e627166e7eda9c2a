//! What a comparison warns of.

use crate::gate::{
    baseline::{self, Baseline, Input},
    config::Config,
    harness::Harness,
    prepare::Prepared,
    runner::Results,
    sides::Side,
};
use codecost::{Result, cargo::Build, report::Warning, units::Bytes};
use std::ffi::OsString;

/// What differs between the builds besides the code.
pub(super) fn differences(
    baseline: &Baseline,
    build: Option<&Build>,
    cpu: Option<&str>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let (Some(before), Some(now)) = (baseline.cpu.as_deref(), cpu)
        && before != now
    {
        warnings.push(
            Warning::new(
                "other-cpu",
                format!(
                    "the baseline was made on `{before}` and runs on `{now}` now; its own numbers \
                     are not used"
                ),
            )
            .help("both sides run here, so the comparison holds for this processor"),
        );
    }
    let Some(build) = build else {
        return warnings;
    };
    let mut differs = |what: &str, before: &str, now: &str| {
        if before != now {
            warnings.push(
                Warning::new(
                    "built-differently",
                    format!("the {what} differs: `{before}` before, `{now}` now"),
                )
                .help("a change may come from there; make the baseline again to leave it out"),
            );
        }
    };
    if let Some(rustc) = &baseline.rustc {
        differs("compiler", rustc, &build.toolchain.release_and_commit());
    }
    if let Some(profile) = &baseline.profile {
        differs("profile", profile, &build.profile);
    }
    let flags = build.rustflags.flags.join(" ");
    differs("rustflags", &baseline.rustflags.join(" "), &flags);
    warnings
}

/// Both sides are run with the arguments of now, which may be another work than what was kept.
pub(super) fn other_arguments(
    baseline: &Baseline,
    current: &[Side],
    arguments: &[OsString],
) -> Option<Warning> {
    let words = |arguments: &[String]| match arguments {
        [] => "none".to_owned(),
        some => format!("`{}`", some.join(" ")),
    };
    let now: Vec<String> = arguments
        .iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let is_run = |kept: &&baseline::Kept| current.iter().any(|side| side.target == kept.target);
    let mut kept = baseline.programs.iter().filter(is_run);
    let before = &kept.find(|kept| kept.arguments != now)?.arguments;
    Some(
        Warning::new(
            "other-arguments",
            format!(
                "the arguments differ: {} when the baseline was kept, {} now; both sides run with \
                 those of now",
                words(before),
                words(&now)
            ),
        )
        .help("give the same arguments after `--`, or make the baseline again"),
    )
}

/// Both sides read the input of now, which may be another work than what was kept.
pub(super) fn other_input(baseline: &Baseline, current: &[Side]) -> Result<Option<Warning>> {
    let is_run = |kept: &&baseline::Kept| {
        let mut sides = current.iter();
        sides.any(|side| side.target == kept.target && side.program.harness == Harness::Process)
    };
    let mut kept = baseline.programs.iter().filter(is_run);
    let Some(before) = kept.find_map(|kept| kept.input.as_ref()) else {
        return Ok(None);
    };
    let now = Input::now()?;
    if *before == now {
        return Ok(None);
    }
    let words = |input: &Input| match input.bytes {
        0 => "none".to_owned(),
        bytes => Bytes(bytes).to_string(),
    };
    let (before, now) = (words(before), words(&now));
    let figures = match before == now {
        true => format!("{before}, of other contents"),
        false => format!("{before} when the baseline was kept, {now} now"),
    };
    Ok(Some(
        Warning::new(
            "other-input",
            format!("the standard input differs: {figures}; both sides read that of now"),
        )
        .help("redirect the same file, or make the baseline again"),
    ))
}

/// What the run itself has to say.
pub(super) fn warnings(results: &Results, prepared: &Prepared) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if results.stopped {
        warnings.push(
            Warning::new(
                "stopped",
                "the run was stopped before its end: the figures are those of the runs until then",
            )
            .help("run it again, and let it end"),
        );
    }
    if !results.controls.is_empty() {
        let names: Vec<&str> = results
            .controls
            .iter()
            .filter_map(|index| prepared.pairs.get(*index))
            .map(|pair| pair.id.as_str())
            .collect();
        warnings.push(
            Warning::new(
                "control",
                format!(
                    "two copies of the baseline differ from each other in {}: the run is \
                     inconclusive",
                    names.join(", ")
                ),
            )
            .help("run it on a quieter machine, or again")
            .count(names.len() as u64),
        );
    }
    if !prepared.not_run.is_empty() {
        const SHOWN: usize = 3;
        let names: Vec<&str> = prepared.not_run.iter().map(String::as_str).collect();
        let more = match names.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        warnings.push(
            Warning::new(
                "not-compared",
                format!(
                    "the baseline has numbers of what is not run here: {}{more}",
                    names[..names.len().min(SHOWN)].join(", ")
                ),
            )
            .help("run all of it, with `--bench` and no name, so that what is gone is missing")
            .count(names.len() as u64),
        );
    }
    if results.out_of_time {
        warnings.push(
            Warning::new(
                "time-budget",
                "the time budget left no room to look once more at what was not decided",
            )
            .help("raise `--time-budget`"),
        );
    }
    if results.suspended > 0 {
        warnings.push(
            Warning::new(
                "suspended",
                "the machine slept during the run; what ran then was run again",
            )
            .help("nothing needs to be done; keep the machine awake for a shorter run")
            .count(u64::from(results.suspended)),
        );
    }
    warnings
}

/// Tables of the configuration that are for no benchmark here.
pub(super) fn unmatched(config: &Config, prepared: &Prepared) -> Option<Warning> {
    let ids: Vec<(&str, Option<&str>)> = prepared
        .pairs
        .iter()
        .map(|pair| (pair.id.as_str(), pair.package.as_deref()))
        .chain(
            prepared
                .unpaired
                .iter()
                .map(|one| (one.id.as_str(), one.package.as_deref())),
        )
        .collect();
    let unmatched = config.unmatched(&ids);
    let titles: Vec<String> = unmatched
        .iter()
        .map(|rule| format!("line {} ({})", rule.line, rule.title()))
        .collect();
    (!titles.is_empty()).then(|| {
        Warning::new(
            "unmatched-rule",
            format!(
                "hotspots.toml has tables that match no benchmark here: {}",
                titles.join(", ")
            ),
        )
        .help("correct the name, or delete the table")
        .count(titles.len() as u64)
    })
}
