//! What a performance engineer's report says: what an operation costs, the three things that cost
//! most with the evidence for each, and what to do first. Put together from measurements alone;
//! what was not measured is named and not guessed.

pub mod model;

pub use model::{Benchmark, Bottleneck, Inputs, Step, Summary};

use crate::{
    analysis::{
        alloc::{AllocFinding, AllocTable, FEWEST_SAMPLES},
        model::{Analysis, Finding, FunctionRow, Overview},
    },
    gate::proportion,
    stat::Stat,
};
use codecost::units::{Share, counted};

/// How many bottlenecks are named.
const MOST: usize = 3;
/// A function with a smaller part of the time is no bottleneck.
const WORTH: f64 = 0.10;
/// Allocations that take no noticeable time in the allocator are still named when one place makes so
/// many of them.
const MANY: f64 = 0.25;

/// Puts the report together.
pub fn summarize(inputs: Inputs) -> Summary {
    let Inputs {
        title,
        overview,
        allocations,
        stat,
        benchmarks,
        comparison,
        mut not_measured,
        target,
        arguments,
        baseline,
    } = inputs;
    let mut warnings = stat.warnings.clone();
    if let Some(overview) = &overview {
        warnings.extend(overview.warnings.iter().cloned());
    }
    if let Some(allocations) = &allocations {
        let known = |code| warnings.iter().any(|warning| warning.code == code);
        let own: Vec<_> = allocations
            .warnings
            .iter()
            .filter(|warning| !known(warning.code))
            .cloned()
            .collect();
        warnings.extend(own);
    }
    let mut bottlenecks = Vec::new();
    let mut untold = None;
    if let Some(overview) = &overview {
        let samples = overview.total.samples;
        match samples < FEWEST_SAMPLES {
            true => untold = Some(too_few(samples)),
            false => bottlenecks.extend(of_time(overview, allocations.as_ref())),
        }
    } else {
        untold = Some("Where the time goes was not measured.".to_owned());
    }
    if let Some(allocations) = &allocations {
        bottlenecks.extend(of_allocations(allocations, &bottlenecks));
    }
    // What takes time comes first, by the time that it takes.
    bottlenecks.sort_by(|a, b| {
        let key = |it: &Bottleneck| (it.time.unwrap_or(0.0), it.allocations.unwrap_or(0.0));
        key(b)
            .partial_cmp(&key(a))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    bottlenecks.truncate(MOST);
    // Why is said where it is known.
    let is_said = |said: &[String], what: &str| said.iter().any(|it| it.starts_with(what));
    if let Some(overview) = overview
        .as_ref()
        .filter(|it| it.total.samples < FEWEST_SAMPLES)
    {
        not_measured.push(format!(
            "where the time goes: {} are too few",
            counted(overview.total.samples, "sample")
        ));
    }
    if overview.is_none() && !is_said(&not_measured, "where the time goes: ") {
        not_measured.push("where the time goes: the program was not sampled".into());
    }
    if allocations.is_none() && !is_said(&not_measured, "allocations: ") {
        not_measured.push("allocations: they could not be seen".into());
    }
    let mut unknown: Vec<(&str, Vec<&str>)> = Vec::new();
    for metric in &stat.metrics {
        if metric.value == crate::stat::Value::Unknown {
            let source = metric.source.as_str();
            match unknown.iter_mut().find(|(of, _)| *of == source) {
                Some((_, names)) => names.push(metric.name),
                None => unknown.push((source, vec![metric.name])),
            }
        }
    }
    let unknown = unknown.iter();
    not_measured.extend(unknown.map(|(source, names)| format!("{} ({source})", names.join(", "))));
    let has_tail = benchmarks.iter().any(|one| one.p50_ns.is_some());
    if has_tail {
        not_measured.push(
            "p99: samples are means of many operations, which hide the slowest of them".into(),
        );
    }
    not_measured.push("what each change would save: no change was tried".into());
    let name = baseline.as_deref().unwrap_or("before");
    let plan = plan(&bottlenecks, &target, &arguments, name);
    let keep = baseline.is_none() && plan.iter().any(|step| step.verify.contains("--baseline"));
    let keep = keep.then(|| format!("cargo hotspots {target} --save-baseline {name}{arguments}"));
    let verdict = verdict(&stat, &bottlenecks, untold.is_some());
    Summary {
        title,
        verdict,
        stat,
        benchmarks,
        allocations: allocations.map(|analysis| analysis.rows.totals),
        untold,
        bottlenecks,
        plan,
        comparison,
        keep,
        not_measured,
        warnings,
    }
}

/// The findings of the time profile, and where these leave room the functions with the most time.
fn of_time(
    overview: &Analysis<Overview>,
    allocations: Option<&Analysis<AllocTable>>,
) -> Vec<Bottleneck> {
    let total = overview.total.period;
    let findings = overview.rows.findings.iter();
    let mut found: Vec<Bottleneck> = findings
        .map(|finding| of_finding(finding, total, allocations))
        .collect();
    let first = overview.rows.functions.iter().take(MOST);
    for function in first {
        let share = Share::of(function.times.charged.period, total).0;
        // A finding about a small part of it leaves open what the rest is.
        let is_named = found.iter().any(|known| {
            known.is_about(&function.name) && known.time.unwrap_or_default() * 2.0 >= share
        });
        if share >= WORTH && !is_named {
            found.push(of_function(function, share, overview));
        }
    }
    for bottleneck in &mut found {
        let samples = overview.total.samples;
        let hits = bottleneck.time.map(|share| share * samples as f64);
        bottleneck.interval = hits.map(|hits| {
            let (low, _) = proportion::interval((hits + 1e-6).floor() as u64, samples);
            let (_, high) = proportion::interval((hits - 1e-6).ceil().max(0.0) as u64, samples);
            (low, high)
        });
    }
    found
}

/// Why so many samples are no ground for a plan.
fn too_few(samples: u64) -> String {
    format!(
        "Where the time goes is not known: the recording has {}, and a share needs {FEWEST_SAMPLES}. \
         Let the program run longer.",
        counted(samples, "sample")
    )
}

fn of_finding(
    finding: &Finding,
    total: u64,
    allocations: Option<&Analysis<AllocTable>>,
) -> Bottleneck {
    let Finding {
        code,
        title,
        time,
        sureness: _,
        place,
        evidence,
        advice,
        command,
    } = finding;
    let first = evidence.first().cloned();
    let mut evidence = evidence.clone();
    // What is known of the blocks that the time goes into.
    let named = allocations
        .filter(|_| *code == "allocator")
        .and_then(|analysis| {
            let findings = &analysis.rows.findings;
            findings
                .iter()
                .find(|found| title.contains(&found.function))
        });
    if let Some(found) = named {
        evidence.extend(found.evidence.iter().take(2).cloned());
    } else if let Some(analysis) = allocations.filter(|_| *code == "allocator") {
        evidence.extend(dearest(&analysis.rows));
    }
    Bottleneck {
        interval: None,
        what: title.clone(),
        location: place.clone().or(first).unwrap_or_default(),
        time: Some(Share::of(*time, total).0),
        allocations: named.map(|found| found.share),
        evidence,
        advice: Some(advice.clone()),
        command: command.clone(),
        code,
    }
}

/// The places whose blocks take most of the allocator's time, in words.
fn dearest(table: &AllocTable) -> Vec<String> {
    let timed = table.findings.iter();
    let mut timed: Vec<_> = timed
        .filter_map(|finding| Some((finding.time_share?, finding)))
        .filter(|(share, _)| *share > 0.0)
        .collect();
    timed.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let said = timed.iter().take(2).map(|(share, finding)| {
        let what = finding.evidence.first().map_or("", String::as_str);
        format!("{what}: {} of the CPU time", Share(*share))
    });
    said.collect()
}

fn of_function(function: &FunctionRow, share: f64, overview: &Analysis<Overview>) -> Bottleneck {
    let total = overview.total.period;
    let own = Share::of(function.times.own, total);
    let line = overview
        .rows
        .lines
        .iter()
        .find(|line| line.function == function.name && line.line.is_some());
    let location = match line {
        Some(line) => format!(
            "{}:{}",
            line.file.as_deref().unwrap_or("?"),
            line.line.unwrap_or_default()
        ),
        None => function.label.name.clone(),
    };
    Bottleneck {
        interval: None,
        what: format!("time in `{}`", function.name),
        location,
        time: Some(share),
        allocations: None,
        evidence: vec![format!(
            "{} of the time is charged to it, {own} is in its own instructions, in {}",
            Share(share),
            counted(function.times.charged.samples, "sample")
        )],
        advice: None,
        command: format!(
            "cargo hotspots {} {}{}",
            // Its instructions say something where it spends the time in them.
            if own.0 * 2.0 > share {
                "asm"
            } else {
                "callees"
            },
            codecost::front::quoted(&function.name),
            overview.facts.input_flag
        ),
        code: "function",
    }
}

/// Places that make a large part of all blocks and are not named yet.
fn of_allocations(analysis: &Analysis<AllocTable>, known: &[Bottleneck]) -> Vec<Bottleneck> {
    let findings = analysis.rows.findings.iter();
    findings
        .filter(|found| found.share >= MANY)
        .filter(|found| !known.iter().any(|known| known.names(&found.function)))
        .map(|found| {
            let AllocFinding {
                kind,
                title,
                function,
                file,
                line,
                count: _,
                bytes: _,
                share,
                time_share,
                evidence,
                command,
            } = found;
            let location = match (file, line) {
                (Some(file), Some(line)) => format!("{file}:{line}"),
                _ => function.clone(),
            };
            // The share is said beside it, and the counts are evidence.
            let what = title.split(": ").next().unwrap_or(title);
            Bottleneck {
                interval: None,
                what: format!("{what}, for `{function}`"),
                location,
                time: time_share.filter(|share| *share > 0.0),
                allocations: Some(*share),
                evidence: evidence.clone(),
                advice: None,
                command: command.clone(),
                code: kind.code(),
            }
        })
        .collect()
}

/// What to do, in the order of what is at stake.
fn plan(bottlenecks: &[Bottleneck], target: &str, arguments: &str, baseline: &str) -> Vec<Step> {
    bottlenecks
        .iter()
        .map(|bottleneck| {
            let at_stake = match (bottleneck.time, bottleneck.allocations) {
                (Some(time), _) => format!("at most {} of the CPU time", Share(time)),
                (None, Some(share)) => format!("at most {} of the allocations", Share(share)),
                (None, None) => "unknown".into(),
            };
            let verify = match bottleneck.time {
                Some(_) => {
                    let baseline = codecost::front::quoted(baseline);
                    format!("cargo hotspots check {target} --baseline {baseline}{arguments}")
                }
                None => format!("cargo hotspots alloc {target}{arguments}"),
            };
            Step {
                what: match &bottleneck.advice {
                    Some(advice) => format!("{advice} ({})", bottleneck.location),
                    None => format!("{} ({})", bottleneck.what, bottleneck.location),
                },
                at_stake,
                look: bottleneck.command.clone(),
                verify,
            }
        })
        .collect()
}

fn verdict(stat: &Stat, bottlenecks: &[Bottleneck], is_untold: bool) -> String {
    let mut said = vec![stat.verdict.sentence()];
    match bottlenecks.first() {
        Some(first) => said.push(format!("first to look at: {}", first.what)),
        None if is_untold => said.push("what takes the time is not known".into()),
        None => said.push("nothing stands out".into()),
    }
    said.join("; ")
}
