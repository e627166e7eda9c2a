//! The JSON of a gate, what shards of it are merged from, and Bencher Metric Format.

use super::evidence;
use crate::gate::{
    change::Change,
    harness::{Harness, Throughput},
    requirement::{Answer, Checked, Requirement},
    row::{Against, Figures, Gate, Grew, Metric, Row},
    shares::Held,
    verdict::{Limits, Status, Verdict},
};
use codecost::{
    Error, Result,
    report::{Report, Warning},
};
use serde::{Deserialize, Serialize};
use std::{fs, path::PathBuf, time::Duration};

/// One row in JSON.
#[derive(Serialize)]
pub(super) struct JsonRow<'a> {
    benchmark: &'a str,
    name: &'a str,
    id: String,
    target: &'a str,
    package: Option<&'a str>,
    harness: Option<&'static str>,
    metric: &'static str,
    unit: &'static str,
    baseline: Option<f64>,
    current: Option<f64>,
    change: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    minimum_detectable: Option<f64>,
    runs: usize,
    status: &'static str,
    improved: bool,
    reason: Option<&'a str>,
    concern: f64,
    action: f64,
    accepted: Option<f64>,
    accepted_reason: Option<&'a str>,
    p_concern: Option<f64>,
    baseline_median: Option<f64>,
    current_median: Option<f64>,
    baseline_p90: Option<f64>,
    current_p90: Option<f64>,
    throughput: Option<JsonThroughput>,
    requirements: Vec<JsonRequirement<'a>>,
    grew: Vec<JsonGrew<'a>>,
    /// The change of each block, from which the figures are made.
    changes: &'a [f64],
    first_stage: Option<JsonFirst>,
}

#[derive(Serialize, Deserialize)]
struct JsonThroughput {
    unit: String,
    per_iteration: f64,
}

#[derive(Serialize)]
struct JsonRequirement<'a> {
    text: &'a str,
    status: &'static str,
    value: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonGrew<'a> {
    kind: &'static str,
    name: &'a str,
    delta: f64,
}

#[derive(Serialize)]
struct JsonFirst {
    change: Option<f64>,
    runs: usize,
    status: &'static str,
}

/// A condition over the shares of a recording.
#[derive(Serialize)]
pub(super) struct JsonShare<'a> {
    condition: &'a str,
    share: f64,
    sampling_error: f64,
    status: &'static str,
}

impl<'a> JsonShare<'a> {
    pub(super) fn new(held: &'a Held) -> Self {
        Self {
            condition: &held.text,
            share: held.share,
            sampling_error: held.chance,
            status: evidence::share_status(held),
        }
    }
}

/// One number of a baseline that was kept.
#[derive(Serialize)]
pub(super) struct JsonNumber<'a> {
    pub(super) benchmark: &'a str,
    pub(super) target: &'a str,
    pub(super) minimum_ns: f64,
    pub(super) median_ns: f64,
}

impl<'a> JsonRow<'a> {
    pub(super) fn new(row: &'a Row) -> Self {
        let Row {
            benchmark,
            target,
            package,
            harness,
            metric,
            status,
            reason,
            figures,
            requirements,
            accepted,
            limits,
            grew,
        } = row;
        let of = |read: &dyn Fn(&Figures) -> f64| figures.as_ref().map(read);
        let verdict = figures.as_ref().map(|figures| &figures.verdict);
        let interval = verdict.and_then(|verdict| verdict.interval);
        let p90 = figures.as_ref().and_then(|figures| figures.p90);
        let throughput = figures.as_ref().and_then(|figures| figures.throughput);
        Self {
            benchmark,
            name: benchmark,
            id: match metric {
                Metric::Time => {
                    format!("{}/{target}/{benchmark}", package.as_deref().unwrap_or(""))
                }
                metric => format!(
                    "{}/{target}/{benchmark}/{}",
                    package.as_deref().unwrap_or(""),
                    metric.as_str()
                ),
            },
            target,
            package: package.as_deref(),
            harness: harness.map(Harness::as_str),
            metric: metric.as_str(),
            unit: metric.unit(),
            baseline: of(&|figures| figures.baseline),
            current: of(&|figures| figures.current),
            change: row.change(),
            ci_low: interval.map(|interval| interval.low),
            ci_high: interval.map(|interval| interval.high),
            minimum_detectable: verdict.and_then(|verdict| verdict.minimum_detectable),
            runs: verdict.map_or(0, |verdict| verdict.n),
            status: status.as_str(),
            improved: row.improved(),
            reason: reason.as_deref(),
            concern: limits.concern,
            action: limits.action,
            accepted: accepted.as_ref().map(|(accepted, _)| *accepted),
            accepted_reason: accepted.as_ref().map(|(_, reason)| reason.as_str()),
            p_concern: verdict.and_then(|verdict| verdict.p_concern),
            baseline_median: of(&|figures| figures.medians.0),
            current_median: of(&|figures| figures.medians.1),
            baseline_p90: p90.map(|(baseline, _)| baseline),
            current_p90: p90.map(|(_, current)| current),
            throughput: throughput.map(|throughput| JsonThroughput {
                unit: super::evidence::unit(throughput).into(),
                per_iteration: match throughput {
                    Throughput::Bytes(work) | Throughput::Elements(work) => work,
                },
            }),
            requirements: requirements.iter().map(JsonRequirement::new).collect(),
            grew: grew
                .iter()
                .map(|grew| JsonGrew {
                    kind: if grew.is_crate { "crate" } else { "function" },
                    name: &grew.name,
                    delta: grew.delta,
                })
                .collect(),
            changes: figures.as_ref().map_or(&[], |figures| &figures.changes),
            first_stage: figures
                .as_ref()
                .and_then(|figures| figures.first.as_ref())
                .map(|first| JsonFirst {
                    change: first.estimate,
                    runs: first.n,
                    status: first.status.as_str(),
                }),
        }
    }
}

impl<'a> JsonRequirement<'a> {
    fn new(checked: &'a Checked) -> Self {
        Self {
            text: &checked.requirement.text,
            status: checked.answer.as_str(),
            value: checked.measured.map(|(middle, _, _)| middle),
            ci_low: checked.measured.map(|(_, low, _)| low),
            ci_high: checked.measured.map(|(_, _, high)| high),
            reason: checked.reason,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct JsonAgainst {
    name: String,
    commit: Option<String>,
    cpu: Option<String>,
    age: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct JsonShard {
    index: usize,
    of: usize,
}

/// A comparison within another report.
#[derive(Serialize)]
pub(super) struct Compared<'a> {
    verdict: String,
    passed: bool,
    baseline: &'a str,
    rows: Vec<JsonRow<'a>>,
}

impl<'a> Compared<'a> {
    pub(super) fn new(gate: &'a Gate) -> Self {
        Self {
            verdict: super::evidence::verdict(gate),
            passed: !gate.fails() && !gate.stopped,
            baseline: &gate.against.name,
            rows: gate.rows.iter().map(JsonRow::new).collect(),
        }
    }
}

/// What is beside the rows.
pub(super) fn members<'a, R>(report: Report<'a, R>, gate: &Gate) -> Report<'a, R> {
    let Against {
        name,
        commit,
        cpu,
        age,
    } = gate.against.clone();
    let evidence: Vec<String> = gate
        .rows
        .iter()
        .filter(|row| row.is_news())
        .map(|row| super::evidence::line(row, &gate.against.name))
        .collect();
    let fail_on: Vec<&str> = gate.fail_on.iter().map(|status| status.as_str()).collect();
    let elapsed = u64::try_from(gate.elapsed.as_nanos()).unwrap_or(u64::MAX);
    report
        .member("verdict", &super::evidence::verdict(gate))
        .member("passed", &(!gate.fails() && !gate.stopped))
        .member("stopped", &gate.stopped)
        .member(
            "baseline",
            &JsonAgainst {
                name,
                commit,
                cpu,
                age,
            },
        )
        .member("geomean", &gate.geomean())
        .member("family", &gate.family)
        .member(
            "shard",
            &gate.shard.map(|(index, of)| JsonShard { index, of }),
        )
        .member("fail_on", &fail_on)
        .member("elapsed_ns", &elapsed)
        .member("seed", &gate.seed.to_string())
        .member(
            "shares",
            &gate.shares.iter().map(JsonShare::new).collect::<Vec<_>>(),
        )
        .member("bisected", &gate.culprit)
        .member("evidence", &evidence)
}

/// A result that a shard wrote.
#[derive(Deserialize)]
struct Part {
    schema: String,
    view: String,
    stopped: bool,
    baseline: JsonAgainst,
    family: usize,
    shard: Option<JsonShard>,
    fail_on: Vec<String>,
    elapsed_ns: u64,
    seed: String,
    rows: Vec<PartRow>,
    warnings: Vec<PartWarning>,
}

#[derive(Deserialize)]
struct PartWarning {
    #[serde(default)]
    help: Option<String>,
    message: String,
}

#[derive(Deserialize)]
struct PartRow {
    benchmark: String,
    target: String,
    package: Option<String>,
    harness: Option<String>,
    #[serde(default)]
    metric: Option<String>,
    baseline: Option<f64>,
    current: Option<f64>,
    #[serde(default)]
    change: Option<f64>,
    minimum_detectable: Option<f64>,
    status: String,
    improved: bool,
    reason: Option<String>,
    concern: f64,
    action: f64,
    accepted: Option<f64>,
    accepted_reason: Option<String>,
    p_concern: Option<f64>,
    baseline_median: Option<f64>,
    current_median: Option<f64>,
    baseline_p90: Option<f64>,
    current_p90: Option<f64>,
    throughput: Option<JsonThroughput>,
    requirements: Vec<PartRequirement>,
    grew: Vec<PartGrew>,
    changes: Vec<f64>,
}

#[derive(Deserialize)]
struct PartRequirement {
    text: String,
    status: String,
    value: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
}

#[derive(Deserialize)]
struct PartGrew {
    kind: String,
    name: String,
    delta: f64,
}

impl PartRow {
    /// The row, its figures made again from the blocks.
    fn row(self) -> std::result::Result<Row, String> {
        let status = Status::of_name(&self.status)
            .ok_or_else(|| format!("`{}` is not a status", self.status))?;
        let change = Change::of_pairs(self.changes.iter().map(|change| (1.0, 1.0 + change)));
        let floor = crate::gate::verdict::FLOOR;
        let of = self.metric.as_deref().and_then(Metric::of_name);
        let of = of.unwrap_or_default();
        // What is counted has no blocks: its figures are as they were written.
        let counted = self.change.filter(|_| of != Metric::Time);
        let verdict = Verdict {
            status,
            improved: self.improved,
            estimate: change.estimate().or(counted),
            interval: change.interval(),
            p_concern: self.p_concern,
            p_floor: change.p_above(floor),
            minimum_detectable: self.minimum_detectable,
            n: change.n(),
        };
        let throughput = self.throughput.and_then(|declared| match &*declared.unit {
            "bytes" => Some(Throughput::Bytes(declared.per_iteration)),
            "elements" => Some(Throughput::Elements(declared.per_iteration)),
            _ => None,
        });
        let figures = self
            .baseline
            .zip(self.current)
            .map(|(baseline, current)| Figures {
                baseline,
                current,
                medians: (
                    self.baseline_median.unwrap_or(baseline),
                    self.current_median.unwrap_or(current),
                ),
                p90: self.baseline_p90.zip(self.current_p90),
                throughput,
                verdict,
                first: None,
                changes: self.changes,
            });
        let requirements = self.requirements.into_iter().map(|one| {
            Ok(Checked {
                requirement: Requirement::parse(&one.text)?,
                answer: match &*one.status {
                    "met" => Answer::Met,
                    "missed" => Answer::Missed,
                    _ => Answer::Unknown,
                },
                measured: one
                    .value
                    .zip(one.ci_low.zip(one.ci_high))
                    .map(|(value, (low, high))| (value, low, high)),
                reason: None,
            })
        });
        Ok(Row {
            benchmark: self.benchmark,
            target: self.target,
            package: self.package,
            harness: self.harness.as_deref().and_then(Harness::of_name),
            metric: of,
            status,
            reason: self.reason,
            figures,
            requirements: requirements.collect::<std::result::Result<_, String>>()?,
            accepted: self
                .accepted
                .map(|accepted| (accepted, self.accepted_reason.unwrap_or_default())),
            limits: Limits {
                concern: self.concern,
                action: self.action,
            },
            grew: self
                .grew
                .into_iter()
                .map(|grew| Grew {
                    is_crate: grew.kind == "crate",
                    name: grew.name,
                    delta: grew.delta,
                })
                .collect(),
        })
    }
}

/// Merges the shards of one gate. They were all corrected over the whole family, so their verdicts
/// stand; one that is not there would be benchmarks that nobody looked at.
pub(super) fn merge(paths: &[PathBuf]) -> Result<Gate> {
    let mut gate: Option<Gate> = None;
    let mut seen = Vec::new();
    let mut shards = 0;
    for path in paths {
        let failed = |reason: String| {
            Error::failed(
                format_args!("`{}` cannot be merged: {reason}", path.display()),
                "give the files that `cargo hotspots check --shard … --message-format json -o \
                 FILE` wrote, one for each shard",
            )
        };
        let text = fs::read_to_string(path).map_err(|source| Error::read(path, source))?;
        let part: Part = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        if part.schema != crate::report::common::SCHEMA || part.view != "check" {
            return Err(failed(format!("it is `{}` of {}", part.view, part.schema)));
        }
        let shard = part
            .shard
            .ok_or_else(|| failed("it is not a shard".into()))?;
        let of = *[shards, shard.of].iter().max().unwrap_or(&shard.of);
        if shards != 0 && shard.of != shards {
            return Err(failed(format!(
                "it is one of {} shards, and another is of {shards}",
                shard.of
            )));
        }
        if seen.contains(&shard.index) {
            return Err(failed(format!("shard {} is there twice", shard.index)));
        }
        shards = of;
        seen.push(shard.index);
        let fail_on: Option<Vec<Status>> = part
            .fail_on
            .iter()
            .map(|name| Status::of_name(name))
            .collect();
        let fail_on = fail_on.ok_or_else(|| failed("its `fail_on` has no statuses".into()))?;
        let rows = part.rows.into_iter().map(PartRow::row);
        let rows: Vec<Row> = rows
            .collect::<std::result::Result<_, _>>()
            .map_err(failed)?;
        let warnings = part.warnings.into_iter().map(|warning| {
            Warning::new(
                "shard",
                format!("shard {}: {}", shard.index, warning.message),
            )
            .help(
                warning
                    .help
                    .unwrap_or_else(|| "see the output of that shard".into()),
            )
        });
        let against = Against {
            name: part.baseline.name,
            commit: part.baseline.commit,
            cpu: part.baseline.cpu,
            age: part.baseline.age,
        };
        let elapsed = Duration::from_nanos(part.elapsed_ns);
        match &mut gate {
            None => {
                gate = Some(Gate {
                    rows,
                    against,
                    fail_on,
                    stopped: part.stopped,
                    elapsed,
                    seed: part.seed.parse().unwrap_or_default(),
                    family: part.family,
                    shard: None,
                    shares: Vec::new(),
                    culprit: None,
                    warnings: warnings.collect(),
                });
            }
            Some(gate) => {
                if gate.against.name != against.name || gate.against.commit != against.commit {
                    return Err(failed("it was compared with another baseline".into()));
                }
                if gate.family != part.family {
                    return Err(failed(format!(
                        "it was corrected over {} benchmarks, and another shard over {}",
                        part.family, gate.family
                    )));
                }
                gate.rows.extend(rows);
                gate.stopped |= part.stopped;
                gate.elapsed = gate.elapsed.max(elapsed);
                gate.warnings.extend(warnings);
            }
        }
    }
    let missing: Vec<String> = (1..=shards)
        .filter(|index| !seen.contains(index))
        .map(|index| index.to_string())
        .collect();
    if !missing.is_empty() {
        return Err(Error::failed(
            format_args!(
                "of {shards} shards these are not there: {}",
                missing.join(", ")
            ),
            "give one file for each shard",
        ));
    }
    let mut gate =
        gate.ok_or_else(|| Error::usage("there is nothing to merge", "name the files"))?;
    gate.sort();
    Ok(gate)
}

/// Bencher Metric Format: `{"benchmark": {"latency": {"value", "lower_value", "upper_value"}}}`.
pub(super) fn bencher(gate: &Gate) -> String {
    #[derive(Serialize)]
    struct Metric {
        value: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        lower_value: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        upper_value: Option<f64>,
    }
    let metrics: serde_json::Map<String, serde_json::Value> = gate
        .rows
        .iter()
        .filter(|row| row.metric == super::Metric::Time)
        .filter_map(|row| {
            let figures = row.figures.as_ref()?;
            let interval = figures.verdict.interval;
            let metric = Metric {
                value: figures.current,
                lower_value: interval.map(|interval| figures.baseline * (1.0 + interval.low)),
                upper_value: interval.map(|interval| figures.baseline * (1.0 + interval.high)),
            };
            Some((
                row.benchmark.clone(),
                serde_json::json!({ "latency": serde_json::to_value(metric).ok()? }),
            ))
        })
        .collect();
    let text = serde_json::to_string_pretty(&metrics).unwrap_or_default();
    format!("{text}\n")
}
