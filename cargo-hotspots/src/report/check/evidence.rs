//! One line of evidence for a benchmark, which can be quoted alone:
//!
//! `perf: regex/search: +12.3 % [+9.8, +14.1] vs before (n=12, detects ≥ 2.1 %) → fail (action
//! 10 %); grew: regex_automata +9.1 %, app +2.4 %`

use crate::gate::{
    harness::Throughput,
    requirement::{Answer, Checked, Quantity},
    row::{Gate, Metric, Names, Row},
    shares::Held,
    verdict::Status,
};
use codecost::{
    report::Cell,
    units::{Bytes, Time, counted, thousands},
};
use std::time::Duration;

/// The line.
pub(super) fn line(row: &Row, names: &Names<'_>, against: &str) -> String {
    let mut text = match row.metric {
        Metric::Time => format!("perf: {}: ", names.of(row)),
        metric => format!("perf: {}: {} ", names.of(row), metric.as_str()),
    };
    match (&row.figures, change(row)) {
        (Some(figures), Some(change)) => {
            let verdict = &figures.verdict;
            text += &format!("{change} vs {against} (n={}", verdict.n);
            if let Some(least) = verdict.minimum_detectable {
                text += &format!(", detects ≥ {}", percent(least));
            }
            text += ")";
        }
        _ => text += "no figures",
    }
    text += &format!(" → {}", row.status.as_str());
    match row.status {
        Status::Fail if row.reason.is_none() => {
            text += &format!(" (action {})", percent(row.limits.action));
        }
        Status::Attention => text += &format!(" (concern {})", percent(row.limits.concern)),
        Status::Pass if row.improved() => text += &format!(" ({})", better(row.metric)),
        Status::Pass if row.is_within() && row.accepted.is_none() => {
            text += &format!(
                " ({}, within the concern of {})",
                worse(row.metric),
                percent(row.limits.concern)
            );
        }
        _ => {}
    }
    if let Some((accepted, reason)) = &row.accepted {
        text += &format!(", {} is agreed to: {reason}", signed(*accepted));
    }
    let crates: Vec<String> = row
        .grew
        .iter()
        .filter(|grew| grew.is_crate)
        .map(|grew| format!("{} {}", grew.name, signed(grew.delta)))
        .collect();
    let function = row.grew.iter().find(|grew| !grew.is_crate);
    if !crates.is_empty() {
        text += &format!("; grew: {}", crates.join(", "));
    }
    if let Some(function) = function {
        text += &format!("; most in {} {}", function.name, signed(function.delta));
    }
    text
}

/// What an improvement of it is.
pub(super) fn better(metric: Metric) -> &'static str {
    match metric {
        Metric::Time => "faster",
        Metric::Instructions | Metric::Allocations | Metric::Reallocations | Metric::Bytes => {
            "fewer"
        }
    }
}

/// What it is where it became worse.
pub(super) fn worse(metric: Metric) -> &'static str {
    match metric {
        Metric::Time => "slower",
        Metric::Instructions | Metric::Allocations | Metric::Reallocations | Metric::Bytes => {
            "more"
        }
    }
}

/// The status for people, with what a pass hides.
pub(super) fn status(row: &Row) -> String {
    match row.status {
        Status::Pass if row.improved() => format!("pass ({})", better(row.metric)),
        Status::Pass if row.is_within() => format!("pass ({})", worse(row.metric)),
        status => status.as_str().to_owned(),
    }
}

/// `+12.3 % [+9.8, +14.1]`, or `~` where it is no change.
pub(super) fn change(row: &Row) -> Option<String> {
    let figures = row.figures.as_ref()?;
    let verdict = &figures.verdict;
    let estimate = verdict.estimate?;
    let interval = match &verdict.interval {
        Some(interval) => format!(" [{}, {}]", points(interval.low), points(interval.high)),
        None => String::new(),
    };
    // What could not be decided, or not measured to its end, is not said to be the same.
    let is_same = matches!(row.status, Status::Pass | Status::New)
        && verdict.interval.is_some()
        && !(verdict.improved || verdict.slower);
    let sign = if is_same { "~ " } else { "" };
    Some(format!("{sign}{}{interval}", signed(estimate)))
}

/// `+12.3 %`.
pub(super) fn signed(fraction: f64) -> String {
    format!("{} %", points(fraction))
}

/// `2.1 %`.
pub(super) fn percent(fraction: f64) -> String {
    let text = format!("{:.1}", fraction * 100.0);
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

fn points(fraction: f64) -> String {
    let text = format!("{:+.1}", fraction * 100.0);
    // A change that rounds to nothing has no direction.
    match text.as_str() {
        "-0.0" | "+0.0" => "0.0".into(),
        _ => text,
    }
}

/// `1.2 GiB/s`, `3.4 M/s`.
pub(super) fn rate(throughput: Throughput, nanoseconds: f64) -> String {
    match throughput {
        Throughput::Bytes(work) => format!("{}/s", Bytes((work * 1e9 / nanoseconds) as u64)),
        Throughput::Elements(work) => elements(work * 1e9 / nanoseconds),
    }
}

fn elements(rate: f64) -> String {
    match rate {
        _ if rate >= 1e9 => format!("{:.1} G/s", rate / 1e9),
        _ if rate >= 1e6 => format!("{:.1} M/s", rate / 1e6),
        _ if rate >= 1e3 => format!("{:.1} k/s", rate / 1e3),
        _ => format!("{rate:.1} elements/s"),
    }
}

/// `throughput >= 5 GiB/s: missed, 4.1 GiB/s [4.0 GiB/s, 4.2 GiB/s]`.
pub(super) fn requirement(checked: &Checked) -> String {
    let shown = |value: f64| match checked.requirement.quantity {
        Quantity::Time | Quantity::P99 => Time(Duration::from_nanos(value as u64)).to_string(),
        Quantity::Bytes => format!("{}/s", Bytes(value as u64)),
        Quantity::Elements => elements(value),
        Quantity::Allocated => Bytes(value as u64).to_string(),
        Quantity::Allocations | Quantity::Reallocations | Quantity::Instructions => {
            thousands(value as u64)
        }
    };
    let mut text = format!("{}: {}", checked.requirement, checked.answer.as_str());
    if let Some((middle, low, high)) = checked.measured {
        text += &format!(", {} [{}, {}]", shown(middle), shown(low), shown(high));
    }
    if let Some(reason) = checked.reason {
        text += &format!(" ({reason})");
    }
    text
}

/// The verdict in one sentence.
pub(super) fn verdict(gate: &Gate) -> String {
    let count = |status| gate.count(status) as u64;
    let all = gate.benchmarks() as u64;
    let improved = gate.faster() as u64;
    let mut parts = Vec::new();
    let mut say = |count: u64, what: &str| {
        if count > 0 {
            parts.push(format!("{} {what}", counted(count, "benchmark")));
        }
    };
    say(count(Status::Fail), "failed");
    say(count(Status::Missing), "missing");
    say(count(Status::Attention), "slower than is of concern");
    say(count(Status::Inconclusive), "inconclusive");
    say(count(Status::New), "new");
    say(gate.within() as u64, "worse within the limit");
    say(improved, "faster");
    let quiet = gate.quiet() as u64;
    for (status, what) in [
        (Status::Fail, "over the limit"),
        (Status::Missing, "of nothing that is there"),
        (Status::Inconclusive, "not told from the limit"),
    ] {
        let of = gate.shares.iter().filter(|held| held.status == status);
        let of = of.count() as u64;
        if of > 0 {
            parts.push(format!("{} {what}", counted(of, "share")));
        }
    }
    if parts.is_empty() {
        return match all {
            0 if !gate.shares.is_empty() => {
                let shares = counted(gate.shares.len() as u64, "share");
                format!("pass: {shares} within the limit")
            }
            0 => "no benchmark was compared".to_owned(),
            1 => "pass: the benchmark did not become slower".to_owned(),
            _ => format!("pass: none of {} became slower", counted(all, "benchmark")),
        };
    }
    if quiet > 0 {
        parts.push(format!("{quiet} unchanged"));
    }
    if gate.has_no_figures() {
        parts.insert(0, "no figures, so nothing was compared".into());
    }
    let has =
        |status| gate.count(status) > 0 || gate.shares.iter().any(|held| held.status == status);
    let word = match gate.fails() {
        true => "fail",
        // That nothing was compared is no pass, though it may be no fault either.
        false if has(Status::Inconclusive) || gate.has_no_figures() => "inconclusive",
        false if gate.count(Status::Attention) > 0 => "attention",
        false => "pass",
    };
    format!("{word}: {}", parts.join(", "))
}

/// Times below a hundred nanoseconds need a decimal, which the cell for durations has not.
pub(in crate::report) fn time(nanoseconds: f64) -> Cell<'static> {
    if nanoseconds < 100.0 {
        return format!("{nanoseconds:.2} ns").into();
    }
    Cell::Nanoseconds(nanoseconds.round() as u64)
}

/// A figure in the unit of its metric.
pub(super) fn amount(metric: Metric, value: f64) -> Cell<'static> {
    match metric {
        Metric::Time => time(value),
        Metric::Bytes => Cell::Bytes(value.round() as u64),
        Metric::Instructions | Metric::Allocations | Metric::Reallocations => {
            Cell::Count(value.round() as u64)
        }
    }
}

/// What a throughput counts.
pub(super) fn unit(throughput: Throughput) -> &'static str {
    match throughput {
        Throughput::Bytes(_) => "bytes",
        Throughput::Elements(_) => "elements",
    }
}

/// Whether a requirement is missed.
pub(super) fn is_missed(row: &Row) -> bool {
    row.requirements
        .iter()
        .any(|checked| checked.answer == Answer::Missed)
}

/// The line of a condition: `perf: crate:serde_json > 15%: 18 % [17.1, 18.9] of 5120 samples → fail`.
pub(super) fn share(held: &Held) -> String {
    let figure = match held.share.zip(held.interval) {
        Some((share, (low, high))) => format!(
            "{} [{:.1}, {:.1}] of {}",
            percent(share),
            low * 100.0,
            high * 100.0,
            counted(held.samples, "sample")
        ),
        None => "no figures".to_owned(),
    };
    format!("perf: {}: {figure} → {}", held.text, held.status.as_str())
}
