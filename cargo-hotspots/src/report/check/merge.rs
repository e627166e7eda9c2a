//! Shards of a gate, from their JSON.

use super::json::{JsonAgainst, JsonFirst, JsonShard, JsonThroughput};
use crate::gate::{
    change::{Change, Interval},
    harness::{Harness, Throughput},
    requirement::{Answer, Checked, Requirement},
    row::{Against, Figures, Gate, Grew, Metric, Row},
    verdict::{Limits, Status, Verdict},
};
use codecost::{Error, Result, report::Warning};
use serde::Deserialize;
use std::{fs, path::PathBuf, time::Duration};

/// A result that a shard wrote.
#[derive(Deserialize)]
struct Part {
    schema: String,
    view: String,
    stopped: bool,
    baseline: JsonAgainst,
    #[serde(default)]
    commit: Option<String>,
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
    #[serde(default)]
    ci_low: Option<f64>,
    #[serde(default)]
    ci_high: Option<f64>,
    minimum_detectable: Option<f64>,
    status: String,
    improved: bool,
    #[serde(default)]
    slower: bool,
    #[serde(default)]
    runs: usize,
    #[serde(default)]
    first_stage: Option<JsonFirst>,
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
        let ends = self
            .ci_low
            .zip(self.ci_high)
            .map(|(low, high)| Interval { low, high });
        let verdict = Verdict {
            status,
            improved: self.improved,
            slower: self.slower,
            estimate: change.estimate().or(counted),
            interval: change.interval().or(ends),
            p_concern: self.p_concern,
            p_floor: change.p_above(floor),
            minimum_detectable: self.minimum_detectable,
            n: match counted {
                Some(_) => self.runs,
                None => change.n(),
            },
        };
        let first = self.first_stage.and_then(|first| {
            Some(Verdict {
                status: Status::of_name(&first.status)?,
                estimate: first.change,
                n: first.runs,
                ..Verdict::unknown()
            })
        });
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
                first,
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
                    commit: part.commit,
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
                if gate.commit != part.commit {
                    return Err(failed("it is of another commit".into()));
                }
                if gate.family != part.family {
                    return Err(failed(format!(
                        "it was corrected over {} benchmarks, and another shard over {}",
                        part.family, gate.family
                    )));
                }
                gate.rows.extend(rows);
                gate.stopped |= part.stopped;
                gate.also_fail_on(&fail_on);
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
                "the gate has {shards} shards, and of these there is no file: {}",
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
