//! What a process says of its one benchmark, and how it is asked.

use crate::gate::{change::median, process::Failure, verdict::Limits};
use std::time::Duration;

/// What a process measured of its one benchmark. Times in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The fastest sample; the median where the harness has no minimum.
    pub minimum: f64,
    /// The median sample.
    pub median: f64,
    /// The ninetieth percentile of the samples, where there are samples.
    pub p90: Option<f64>,
    /// The number of samples.
    pub samples: usize,
    /// How samples were taken, where that can differ between runs.
    pub mode: Option<String>,
    /// How much work an iteration does.
    pub throughput: Option<Throughput>,
    /// The time of the whole process.
    pub elapsed: Duration,
    /// What the harness rounds its times to.
    pub step: f64,
}

/// Declared work of an iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Throughput {
    /// So many bytes.
    Bytes(f64),
    /// So many elements.
    Elements(f64),
}

/// How a process measures. What is slow gets fewer samples; both sides get the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// Criterion's `--sample-size` and `--measurement-time` in milliseconds.
    Criterion {
        /// The number of samples.
        samples: u32,
        /// How long they take together.
        milliseconds: u32,
    },
    /// divan's `--sample-count`.
    Divan {
        /// The number of samples.
        samples: u32,
    },
    /// How often a whole process runs; the samples are its runs.
    Process {
        /// The number of runs.
        runs: u32,
    },
    /// There is nothing to set.
    None,
}

/// How long the samples of one process take together: 0.3 s of samples bring the minimum within
/// 0.1 % of the best that was ever seen for arithmetic, and within 3 % for allocations, under load.
pub(super) const SAMPLING: Duration = Duration::from_millis(300);

/// The summary of samples, each the mean time of its iterations.
pub(super) fn summary(
    mut samples: Vec<f64>,
    mode: Option<String>,
    elapsed: Duration,
) -> Result<Measured, Failure> {
    if let Some(odd) = samples.iter().find(|time| !time.is_finite()) {
        return Err(Failure::NotATime(odd.to_string()));
    }
    samples.sort_by(f64::total_cmp);
    let (Some(minimum), Some(median)) = (samples.first(), median(&samples)) else {
        return Err(Failure::NoSamples);
    };
    // The nearest rank, which is never below the median: of two samples it is the larger.
    let ninetieth = (samples.len() * 9).div_ceil(10).saturating_sub(1);
    Ok(Measured {
        minimum: *minimum,
        median,
        p90: samples.get(ninetieth).copied(),
        samples: samples.len(),
        mode,
        throughput: None,
        elapsed,
        step: 0.0,
    })
}

/// Whether a change of concern is larger than what both sides' times are rounded by.
pub fn fine_enough(sides: [&Measured; 2], limits: Limits) -> Result<(), Failure> {
    let step = sides[0].step.max(sides[1].step);
    let time = sides[0].minimum.min(sides[1].minimum);
    if step <= time * limits.concern {
        return Ok(());
    }
    Err(Failure::SaysNothing(format!(
        "its harness prints whole nanoseconds, and one is {:.0} % of its time, so a change of {:.0} % \
         cannot be seen; let an iteration do more, or use Criterion or divan",
        step / time * 100.0,
        limits.concern * 100.0
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 ns of 20 ns is 5 %.
    #[test]
    fn what_is_rounded_away_is_not_compared() {
        let of = |time: f64, step: f64| Measured {
            step,
            ..summary(vec![time], None, Duration::ZERO).unwrap()
        };
        let limits = Limits::default();
        let fine = |before, after| fine_enough([&before, &after], limits);
        assert_eq!(fine(of(20.0, 1.0), of(30.0, 1.0)), Ok(()));
        assert_eq!(fine(of(0.5, 0.0), of(0.5, 0.0)), Ok(()));
        let coarse = fine(of(30.0, 1.0), of(4.0, 1.0)).unwrap_err();
        assert!(coarse.to_string().contains("one is 25 % of its time"));
    }

    #[test]
    fn a_summary_needs_samples_that_are_numbers() {
        let of = |samples: &[f64]| summary(samples.to_vec(), None, Duration::ZERO);
        assert_eq!(of(&[]), Err(Failure::NoSamples));
        assert_eq!(of(&[1.0, f64::NAN]), Err(Failure::NotATime("NaN".into())));
        let measured = of(&[3.0, 1.0, 2.0, 10.0]).unwrap();
        assert_eq!((measured.minimum, measured.median), (1.0, 2.5));
        // Nine tenths of four samples are not there before the fourth.
        assert_eq!(measured.p90, Some(10.0));
        assert_eq!(of(&[1.0, 5.0]).unwrap().p90, Some(5.0));
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(of(&ten).unwrap().p90, Some(9.0));
    }
}
