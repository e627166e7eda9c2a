//! Requirements: what a benchmark has to reach, whatever it did before.
//!
//! ```text
//! require = "throughput >= 5 GiB/s"
//! require = ["time <= 10 us", "throughput >= 1 M/s"]
//! require = ["allocations/op <= 0", "bytes/op <= 4 KiB", "instructions/op <= 2000"]
//! ```
//!
//! A requirement is met when the whole interval of the quantity meets it, missed when none of it
//! does, and otherwise this run cannot tell. The time is the gate's own statistic, the minimum of a
//! process; its interval is over the processes of the run. The throughput follows from it and from
//! the work that the benchmark declares. What an operation does is counted twice, and both counts decide.
//! A `p99` is read and cannot be judged: the samples of a harness are means of many operations, whose
//! 99th percentile is not that of the operations.

use super::{change::median, harness::Throughput, sign};
use codecost::units::{Bytes, Time};
use std::fmt;

/// A requirement of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// As it was written.
    pub text: String,
    /// What is measured.
    pub quantity: Quantity,
    /// Whether the limit is the least that is allowed, rather than the most.
    pub at_least: bool,
    /// The limit: nanoseconds, or bytes or elements a second.
    pub limit: f64,
}

/// What a requirement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The time of an iteration.
    Time,
    /// Declared bytes a second.
    Bytes,
    /// Declared elements a second.
    Elements,
    /// The time that 99 of 100 operations do not exceed.
    P99,
    /// Blocks that an operation makes.
    Allocations,
    /// Blocks to which it gives another length.
    Reallocations,
    /// Bytes that it allocates.
    Allocated,
    /// Its instructions.
    Instructions,
}

impl Quantity {
    /// What is counted of an operation, by its name before `/op`.
    fn of_operation(name: &str) -> Option<Self> {
        Some(match name {
            "allocations" => Self::Allocations,
            "reallocations" => Self::Reallocations,
            "bytes" => Self::Allocated,
            "instructions" => Self::Instructions,
            _ => return None,
        })
    }

    /// Whether it is counted of one operation, rather than timed.
    pub fn is_counted(self) -> bool {
        match self {
            Self::Time | Self::Bytes | Self::Elements | Self::P99 => false,
            Self::Allocations | Self::Reallocations | Self::Allocated | Self::Instructions => true,
        }
    }

    /// Whether more of it is better.
    fn is_a_rate(self) -> bool {
        matches!(self, Self::Bytes | Self::Elements)
    }
}

/// Whether a requirement is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The interval meets it.
    Met,
    /// The interval is on both sides of the limit, or there is none.
    Unknown,
    /// The interval misses it.
    Missed,
}

/// A requirement, held against a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The requirement.
    pub requirement: Requirement,
    /// The answer.
    pub answer: Answer,
    /// The quantity: its median and its interval.
    pub measured: Option<(f64, f64, f64)>,
    /// Why there is no figure.
    pub reason: Option<&'static str>,
}

impl Answer {
    /// As reports name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Unknown => "unknown",
            Self::Missed => "missed",
        }
    }
}

const EXAMPLES: &str = "write `throughput >= 5 GiB/s`, `throughput >= 2 M/s`, `time <= 10 us` or \
                        `allocations/op <= 0`";

impl Requirement {
    /// Reads `QUANTITY >= LIMIT` or `QUANTITY <= LIMIT`.
    ///
    /// # Errors
    ///
    /// What is wrong, and an example.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (left, right, at_least) = match (text.split_once(">="), text.split_once("<=")) {
            (Some((left, right)), None) => (left, right, true),
            (None, Some((left, right))) => (left, right, false),
            _ => return Err(format!("`{text}` compares nothing: {EXAMPLES}")),
        };
        let (name, limit) = (left.trim(), right.trim());
        if let Some(quantity) = name.strip_suffix("/op").and_then(Quantity::of_operation) {
            let limit = count(quantity, limit)?;
            return Self::new(text, quantity, at_least, limit);
        }
        let (quantity, limit) = match name {
            "time" | "p99" => {
                let time: Time = limit
                    .parse()
                    .map_err(|_| format!("`{limit}` is not a time with its unit: {EXAMPLES}"))?;
                let quantity = match name {
                    "p99" => Quantity::P99,
                    _ => Quantity::Time,
                };
                (quantity, time.0.as_nanos() as f64)
            }
            "throughput" => throughput(limit)?,
            _ => return Err(format!("`{name}` is not measured: {EXAMPLES}")),
        };
        let is_positive = limit > 0.0;
        if !is_positive {
            return Err(format!("the limit in `{text}` is zero"));
        }
        Self::new(text, quantity, at_least, limit)
    }

    fn new(text: &str, quantity: Quantity, at_least: bool, limit: f64) -> Result<Self, String> {
        if at_least != quantity.is_a_rate() {
            let wanted = if at_least { "<=" } else { ">=" };
            return Err(format!(
                "`{text}` would reward what is worse: use `{wanted}`"
            ));
        }
        Ok(Self {
            text: text.trim().to_owned(),
            quantity,
            at_least,
            limit,
        })
    }

    /// That it cannot be judged, and why.
    pub fn unknown(&self, reason: &'static str) -> Checked {
        Checked {
            requirement: self.clone(),
            answer: Answer::Unknown,
            measured: None,
            reason: Some(reason),
        }
    }

    /// Holds it against two counts of an operation of the current side.
    pub fn check_counts(&self, counts: [u64; 2]) -> Checked {
        let (low, high) = (
            counts[0].min(counts[1]) as f64,
            counts[0].max(counts[1]) as f64,
        );
        self.judge(low, low, high)
    }

    /// Holds it against the times of the current side, in nanoseconds, one for each block.
    pub fn check(&self, times: &[f64], declared: Option<Throughput>) -> Checked {
        let unknown = |reason| self.unknown(reason);
        let work = match (self.quantity, declared) {
            (Quantity::P99, _) => {
                return unknown("a harness has means of many operations, and no single ones");
            }
            (quantity, _) if quantity.is_counted() => {
                return unknown("it is counted, not timed");
            }
            (Quantity::Time, _) => None,
            (Quantity::Bytes, Some(Throughput::Bytes(work)))
            | (Quantity::Elements, Some(Throughput::Elements(work))) => Some(work),
            (_, Some(_)) => {
                return unknown("the benchmark declares its throughput in another unit");
            }
            (_, None) => return unknown("the benchmark declares no throughput"),
        };
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |rank: usize| sorted.get(rank - 1).copied();
        let interval =
            sign::ranks(sorted.len()).and_then(|(low, high)| Some((at(low)?, at(high)?)));
        let (Some((low, high)), Some(middle)) = (interval, median(&sorted)) else {
            return unknown("there are too few runs for an interval");
        };
        let (middle, low, high) = match work {
            None => (middle, low, high),
            Some(work) => {
                let rate = |time: f64| work * 1e9 / time;
                (rate(middle), rate(high), rate(low))
            }
        };
        self.judge(middle, low, high)
    }

    fn judge(&self, middle: f64, low: f64, high: f64) -> Checked {
        let meets = |value: f64| match self.at_least {
            true => value >= self.limit,
            false => value <= self.limit,
        };
        let answer = match (meets(low), meets(high)) {
            (true, true) => Answer::Met,
            (false, false) => Answer::Missed,
            _ => Answer::Unknown,
        };
        Checked {
            requirement: self.clone(),
            answer,
            measured: Some((middle, low, high)),
            reason: None,
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// `0` or `1_000` of what is counted, `4 KiB` of bytes.
fn count(quantity: Quantity, text: &str) -> Result<f64, String> {
    if quantity == Quantity::Allocated && text != "0" {
        let bytes: Bytes = text.parse().map_err(|_| {
            format!("`{text}` is not a size with its unit: write `bytes/op <= 4 KiB`")
        })?;
        return Ok(bytes.0 as f64);
    }
    let count: u64 = text
        .replace('_', "")
        .parse()
        .map_err(|_| format!("`{text}` is not a whole number: {EXAMPLES}"))?;
    Ok(count as f64)
}

/// `5 GiB/s`, or elements: `200 k/s`, `2 M/s`, `3 elements/s`.
fn throughput(text: &str) -> Result<(Quantity, f64), String> {
    let per_second = text
        .strip_suffix("/s")
        .ok_or_else(|| format!("`{text}` is not a rate: {EXAMPLES}"))?
        .trim_end();
    if let Ok(bytes) = per_second.parse::<Bytes>() {
        return Ok((Quantity::Bytes, bytes.0 as f64));
    }
    let end = per_second
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .ok_or_else(|| format!("`{text}` has no unit: {EXAMPLES}"))?;
    let (number, unit) = per_second.split_at(end);
    let factor = match unit.trim() {
        "elem" | "element" | "elements" => 1.0,
        "k" | "K" | "kelem" | "Kelem" => 1e3,
        "M" | "Melem" => 1e6,
        "G" | "Gelem" => 1e9,
        unit => return Err(format!("`{unit}` in `{text}` is not a unit: {EXAMPLES}")),
    };
    let number: f64 = number
        .replace('_', "")
        .parse()
        .map_err(|_| format!("`{text}` has no number: {EXAMPLES}"))?;
    Ok((Quantity::Elements, number * factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_is_a_quantity_a_comparison_and_a_limit_with_its_unit() {
        let of = |text: &str| Requirement::parse(text).unwrap();
        let bytes = of("throughput >= 5 GiB/s");
        assert_eq!(bytes.quantity, Quantity::Bytes);
        assert!((bytes.limit - 5.0 * 1_073_741_824.0).abs() < 1.0);
        assert!((of("throughput>=2 M/s").limit - 2e6).abs() < 1e-9);
        let time = of(" time <= 10 us ");
        assert_eq!(
            (time.quantity, time.limit, time.at_least),
            (Quantity::Time, 10_000.0, false)
        );
        for (text, part) in [
            ("time", "compares nothing"),
            ("time <= 10", "unit"),
            ("time >= 10 us", "use `<=`"),
            ("throughput <= 1 GiB/s", "use `>=`"),
            ("throughput >= 5 GiB", "not a rate"),
            ("throughput >= 5/s", "no unit"),
            ("throughput >= 0 B/s", "zero"),
            ("p42 <= 1 us", "not measured"),
        ] {
            let error = Requirement::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn what_an_operation_does_is_held_against_both_counts() {
        let of = |text: &str| Requirement::parse(text).unwrap();
        let answer = |text: &str, counts| of(text).check_counts(counts).answer;
        assert_eq!(answer("allocations/op <= 0", [0, 0]), Answer::Met);
        assert_eq!(answer("allocations/op <= 0", [1, 1]), Answer::Missed);
        assert_eq!(answer("bytes/op <= 4 KiB", [4096, 4096]), Answer::Met);
        assert_eq!(
            answer("instructions/op <= 1_000", [999, 1001]),
            Answer::Unknown
        );
        for (text, part) in [
            ("allocations/op >= 1", "use `<=`"),
            ("allocations/op <= few", "whole number"),
            ("bytes/op <= 4", "with its unit"),
            ("cats/op <= 1", "not measured"),
        ] {
            let error = Requirement::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        // Read, and not judged by means.
        let checked = of("p99 <= 10 us").check(&TIMES, None);
        assert_eq!(checked.answer, Answer::Unknown);
        assert!(checked.reason.is_some());
    }

    /// Twelve processes; the interval is from the third to the tenth: 98 to 105 ns.
    const TIMES: [f64; 12] = [
        95.0, 97.0, 98.0, 99.0, 100.0, 100.0, 100.0, 101.0, 102.0, 105.0, 110.0, 200.0,
    ];

    #[test]
    fn the_interval_decides_and_not_the_point() {
        let answer = |text: &str| {
            let requirement = Requirement::parse(text).unwrap();
            requirement.check(&TIMES, None).answer
        };
        assert_eq!(answer("time <= 105 ns"), Answer::Met);
        // The median meets it and a part of the interval does not.
        assert_eq!(answer("time <= 104 ns"), Answer::Unknown);
        assert_eq!(answer("time <= 97 ns"), Answer::Missed);
    }

    #[test]
    fn throughput_is_the_declared_work_by_the_time() {
        let requirement = Requirement::parse("throughput >= 9 M/s").unwrap();
        let checked = requirement.check(&TIMES, Some(Throughput::Elements(1.0)));
        let (middle, low, high) = checked.measured.unwrap();
        assert!((middle - 1e7).abs() < 1.0, "{middle}");
        assert!((low - 1e9 / 105.0).abs() < 1.0 && (high - 1e9 / 98.0).abs() < 1.0);
        assert_eq!(checked.answer, Answer::Met);
        let other = requirement.check(&TIMES, Some(Throughput::Bytes(1.0)));
        assert_eq!(
            (other.answer, other.reason.is_some()),
            (Answer::Unknown, true)
        );
        assert_eq!(requirement.check(&TIMES, None).answer, Answer::Unknown);
        let few = Requirement::parse("time <= 1 s")
            .unwrap()
            .check(&[1.0; 5], None);
        assert_eq!(few.answer, Answer::Unknown);
    }
}
