//! The JSON of a gate.

use super::evidence;
use crate::gate::{
    harness::{Harness, Throughput},
    requirement::Checked,
    row::{Against, Figures, Gate, Metric, Row},
    shares::Held,
};
use codecost::{
    report::{Report, Warning},
    units::counted,
};
use serde::{Deserialize, Serialize};

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
    baseline: Option<Amount>,
    current: Option<Amount>,
    change: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    minimum_detectable: Option<f64>,
    runs: usize,
    status: &'static str,
    improved: bool,
    slower: bool,
    reason: Option<&'a str>,
    concern: f64,
    action: f64,
    accepted: Option<f64>,
    accepted_reason: Option<&'a str>,
    p_concern: Option<f64>,
    baseline_median: Option<Amount>,
    current_median: Option<Amount>,
    baseline_p90: Option<Amount>,
    current_p90: Option<Amount>,
    throughput: Option<JsonThroughput>,
    requirements: Vec<JsonRequirement<'a>>,
    grew: Vec<JsonGrew<'a>>,
    /// The change of each block, from which the figures are made.
    changes: &'a [f64],
    first_stage: Option<JsonFirst>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct JsonThroughput {
    pub(super) unit: String,
    pub(super) per_iteration: f64,
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

#[derive(Serialize, Deserialize)]
pub(super) struct JsonFirst {
    pub(super) change: Option<f64>,
    pub(super) runs: usize,
    pub(super) status: String,
}

/// A condition over the shares of a recording.
#[derive(Serialize)]
pub(super) struct JsonShare<'a> {
    condition: &'a str,
    limit: f64,
    share: Option<f64>,
    sampling_error: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    samples: u64,
    status: &'static str,
    reason: Option<&'a str>,
}

impl<'a> JsonShare<'a> {
    pub(super) fn new(held: &'a Held) -> Self {
        Self {
            condition: &held.text,
            limit: held.limit,
            share: held.share,
            sampling_error: held.chance(),
            ci_low: held.interval.map(|(low, _)| low),
            ci_high: held.interval.map(|(_, high)| high),
            samples: held.samples,
            status: held.status.as_str(),
            reason: held.reason.as_deref(),
        }
    }
}

/// One number of a baseline that was kept.
#[derive(Serialize)]
pub(super) struct JsonNumber<'a> {
    pub(super) benchmark: &'a str,
    pub(super) target: &'a str,
    /// `None` where the harness prints none.
    pub(super) minimum_ns: Option<f64>,
    pub(super) median_ns: f64,
}

/// How much of what a metric measures: bytes are whole, counts where they are.
#[derive(Serialize)]
#[serde(untagged)]
enum Amount {
    Whole(u64),
    Part(f64),
}

impl Amount {
    fn of(metric: Metric, amount: f64) -> Self {
        // Larger ones have no unit digits in the first place.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let whole = match metric {
            Metric::Time => false,
            Metric::Bytes => true,
            Metric::Instructions | Metric::Allocations | Metric::Reallocations => {
                amount.fract() == 0.0
            }
        };
        match whole && (0.0..EXACT).contains(&amount) {
            true => Self::Whole(amount.round() as u64),
            false => Self::Part(amount),
        }
    }
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
        let amount = |amount| Amount::of(*metric, amount);
        let of = |read: &dyn Fn(&Figures) -> f64| figures.as_ref().map(read).map(amount);
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
            slower: verdict.is_some_and(|verdict| verdict.slower),
            reason: reason.as_deref(),
            concern: limits.concern,
            action: limits.action,
            accepted: accepted.as_ref().map(|(accepted, _)| *accepted),
            accepted_reason: accepted.as_ref().map(|(_, reason)| reason.as_str()),
            p_concern: verdict.and_then(|verdict| verdict.p_concern),
            baseline_median: of(&|figures| figures.medians.0),
            current_median: of(&|figures| figures.medians.1),
            baseline_p90: p90.map(|(baseline, _)| amount(baseline)),
            current_p90: p90.map(|(_, current)| amount(current)),
            throughput: throughput.map(|throughput| JsonThroughput {
                unit: evidence::unit(throughput).into(),
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
                    status: first.status.as_str().into(),
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
pub(super) struct JsonAgainst {
    pub(super) name: String,
    pub(super) commit: Option<String>,
    pub(super) cpu: Option<String>,
    pub(super) age: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct JsonShard {
    pub(super) index: usize,
    pub(super) of: usize,
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
            verdict: evidence::verdict(gate),
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
    let names = gate.names();
    let evidence: Vec<String> = gate
        .rows
        .iter()
        .filter(|row| row.is_news())
        .map(|row| evidence::line(row, &names, &gate.against.name))
        .chain(gate.shares.iter().map(evidence::share))
        .collect();
    let fail_on: Vec<&str> = gate.fail_on.iter().map(|status| status.as_str()).collect();
    let elapsed = u64::try_from(gate.elapsed.as_nanos()).unwrap_or(u64::MAX);
    report
        .member("verdict", &evidence::verdict(gate))
        .member("passed", &(!gate.fails() && !gate.stopped))
        .member("stopped", &gate.stopped)
        .member(
            "baseline",
            // Conditions over shares alone are compared with nothing.
            &(!name.is_empty()).then_some(JsonAgainst {
                name,
                commit,
                cpu,
                age,
            }),
        )
        .member("commit", &gate.commit)
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
        .unknowns(unknowns(gate))
}

/// Why figures of benchmarks that ran are `null`; the `status` and `reason` of a row say it of the others.
fn unknowns(gate: &Gate) -> [Warning; 2] {
    let count = |is: &dyn Fn(&Figures) -> bool| {
        let figures = gate.rows.iter().filter_map(|row| row.figures.as_ref());
        figures.filter(|figures| is(figures)).count() as u64
    };
    let without = count(&|figures| figures.p90.is_none());
    let undetectable = count(&|figures| figures.verdict.minimum_detectable.is_none());
    [
        Warning::new(
            "no-p90",
            format!(
                "{} of a harness or a metric that has one figure for each run: `baseline_p90` and \
                 `current_p90` are null",
                counted(without, "row")
            ),
        )
        .help("Criterion and whole processes have samples, of which there is a 90th percentile")
        .count(without),
        Warning::new(
            "no-minimum-detectable",
            format!(
                "{} with too few or too noisy runs, or a count of zero, to say which change could \
                 have been seen: `minimum_detectable` is null",
                counted(undetectable, "row")
            ),
        )
        .help("give more time with `--time-budget`")
        .count(undetectable),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_whole_and_counts_where_they_are() {
        let shown = |metric, amount| serde_json::to_string(&Amount::of(metric, amount)).unwrap();
        assert_eq!(shown(Metric::Bytes, 9276.0), "9276");
        assert_eq!(shown(Metric::Bytes, 9275.6), "9276");
        assert_eq!(shown(Metric::Allocations, 3.0), "3");
        assert_eq!(shown(Metric::Allocations, 0.5), "0.5");
        assert_eq!(shown(Metric::Time, 3.0), "3.0");
    }
}
