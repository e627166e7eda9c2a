//! Bencher Metric Format: `{"benchmark": {"latency": {"value", "lower_value", "upper_value"}}}`. A
//! benchmark has a measure for each of its metrics.

use crate::gate::row::{Gate, Metric};
use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Serialize)]
struct Measure {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

/// The text of the file.
pub(super) fn bencher(gate: &Gate) -> String {
    let names = gate.names();
    let mut benchmarks: Map<String, Value> = Map::new();
    for row in &gate.rows {
        let Some(figures) = &row.figures else {
            continue;
        };
        let interval = figures.verdict.interval;
        let measure = Measure {
            value: figures.current,
            lower_value: interval.map(|interval| figures.baseline * (1.0 + interval.low)),
            upper_value: interval.map(|interval| figures.baseline * (1.0 + interval.high)),
        };
        let of = benchmarks
            .entry(names.of(row))
            .or_insert_with(|| Value::Object(Map::new()));
        if let (Some(of), Ok(measure)) = (of.as_object_mut(), serde_json::to_value(measure)) {
            of.insert(slug(row.metric).to_owned(), measure);
        }
    }
    let text = serde_json::to_string_pretty(&benchmarks).unwrap_or_default();
    format!("{text}\n")
}

/// Bencher's own measure for time; it makes the others when it meets them.
fn slug(metric: Metric) -> &'static str {
    match metric {
        Metric::Time => "latency",
        metric => metric.as_str(),
    }
}
