//! The interval of a difference of two means: between runs where there are several, else by what
//! chance makes of so many samples.
//!
//! Truth: B. L. Welch, "The generalization of Student's problem when several different population
//! variances are involved" (1947): unequal variances, fractional degrees of freedom. Where only one
//! side has several runs, the other is taken to vary alike.
//!
//! Truth for the chance of sampling: A. Agresti and B. Caffo, "Simple and effective confidence
//! intervals for proportions" (2000). A row without samples is not known to take no time: one sample
//! more on each side counts for the width, so that 5 samples beside none are chance and 6 are not, as
//! the exact test has it.
//!
//! Limits: runs that follow each other are not independent where the machine drifts.

/// The 97.5 % points of Student's distribution, for 1, 2, … degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];
const NORMAL: f64 = 1.96;

/// The variance of a share that was seen in so many samples. `added`: the part of the sample more that
/// this recording bears; those of one side bear one together.
pub(super) fn sampling_variance(share: f64, samples: u64, added: f64) -> f64 {
    let samples = samples as f64;
    let all = samples + 2.0 * added;
    let share = (share * samples + added) / all.max(f64::MIN_POSITIVE);
    share * (1.0 - share) / all.max(1.0)
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Half the width of the 95 % interval of the difference of the means of two sides. `sampling` is
/// the variance of that difference by sampling alone: a few runs that agree by chance do not make
/// it smaller.
pub(super) fn half_width(before: &[f64], after: &[f64], sampling: f64) -> f64 {
    let chance = NORMAL * sampling.max(0.0).sqrt();
    runs(before, after).unwrap_or(0.0).max(chance)
}

fn runs(before: &[f64], after: &[f64]) -> Option<f64> {
    let [one, other] = [before, after].map(|values| {
        let count = values.len() as f64;
        (count, variance(values))
    });
    let ((n1, v1), (n2, v2)) = (one, other);
    if n1 < 1.0 || n2 < 1.0 {
        return None;
    }
    let (v1, v2, pooled) = match (v1, v2) {
        (Some(v1), Some(v2)) => (v1, v2, false),
        (Some(v), None) | (None, Some(v)) => (v, v, true),
        (None, None) => return None,
    };
    let (e1, e2) = (v1 / n1, v2 / n2);
    let error = e1 + e2;
    let freedom = if pooled {
        n1 + n2 - 2.0
    } else if error > 0.0 {
        error * error / (e1 * e1 / (n1 - 1.0) + e2 * e2 / (n2 - 1.0))
    } else {
        1.0
    };
    Some(student(freedom) * error.sqrt())
}

/// That of the population, from two values on.
fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some(squares / (values.len() - 1) as f64)
}

/// Rounded to fewer degrees of freedom: the wider interval.
fn student(freedom: f64) -> f64 {
    let whole = freedom.max(1.0).floor() as usize;
    match STUDENT.get(whole - 1) {
        Some(quantile) => *quantile,
        None => NORMAL + 2.4 / whole as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_welchs() {
        // Variances 1 and 14/3, 3 and 4 values: 4.4 degrees of freedom, rounded down.
        let half = half_width(&[10.0, 12.0, 11.0], &[20.0, 21.0, 25.0, 22.0], 0.0);
        assert!((half - 2.776 * (1.0_f64 / 3.0 + 14.0 / 3.0 / 4.0).sqrt()).abs() < 1e-9);
        // One run on one side varies as the other does.
        let half = half_width(&[10.0, 12.0], &[20.0], 0.0);
        assert!((half - 12.706 * (1.0_f64 + 2.0).sqrt()).abs() < 1e-9);
    }

    #[test]
    fn one_run_a_side_has_the_interval_of_sampling() {
        assert!((half_width(&[1.0], &[2.0], 4.0) - 3.92).abs() < 1e-9);
        // Runs that agree by chance do not make it smaller.
        assert!((half_width(&[1.0, 1.0], &[2.0, 2.0], 4.0) - 3.92).abs() < 1e-9);
    }

    #[test]
    fn many_degrees_of_freedom_come_near_the_normal_distribution() {
        assert!((student(60.0) - 2.000).abs() < 0.001);
        assert!((student(1e9) - 1.96).abs() < 0.001);
        assert!(student(f64::NAN) > 12.0);
    }
}
