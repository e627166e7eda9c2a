//! Requirements: what a benchmark has to reach, whatever it did before.
//!
//! ```text
//! require = "throughput >= 5 GiB/s"
//! require = ["time <= 10 us", "throughput >= 1 M/s"]
//! ```
//!
//! A requirement is met when the whole interval of the quantity meets it, missed when none of it
//! does, and otherwise this run cannot tell. The time is the gate's own statistic, the minimum of a
//! process; its interval is over the processes of the run. The throughput follows from it and from
//! the work that the benchmark declares.

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

const EXAMPLES: &str = "write `throughput >= 5 GiB/s`, `throughput >= 2 M/s` or `time <= 10 us`";

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
        let (quantity, limit) = match name {
            "time" => {
                let time: Time = limit
                    .parse()
                    .map_err(|_| format!("`{limit}` is not a time with its unit: {EXAMPLES}"))?;
                (Quantity::Time, time.0.as_nanos() as f64)
            }
            "throughput" => throughput(limit)?,
            _ => return Err(format!("`{name}` is not measured: {EXAMPLES}")),
        };
        let is_positive = limit > 0.0;
        if !is_positive {
            return Err(format!("the limit in `{text}` is zero"));
        }
        if at_least == (quantity == Quantity::Time) {
            let wanted = if at_least { "<=" } else { ">=" };
            return Err(format!(
                "`{text}` would reward what is slower: use `{wanted}`"
            ));
        }
        Ok(Self {
            text: text.trim().to_owned(),
            quantity,
            at_least,
            limit,
        })
    }

    /// Holds it against the times of the current side, in nanoseconds, one for each block.
    pub fn check(&self, times: &[f64], declared: Option<Throughput>) -> Checked {
        let unknown = |reason| Checked {
            requirement: self.clone(),
            answer: Answer::Unknown,
            measured: None,
            reason: Some(reason),
        };
        let work = match (self.quantity, declared) {
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
