//! The exact interval of a share that samples estimate: Clopper and Pearson 1934, "The use of
//! confidence or fiducial limits illustrated in the case of the binomial". It holds for few samples
//! and for none that hit: of none in two the share may be 84 %.

/// The probability that the interval misses the share, at each end.
const TAIL: f64 = 0.025;

/// The interval with at least 95 % of a share that `hits` of `n` samples show.
pub(crate) fn interval(hits: u64, n: u64) -> (f64, f64) {
    let hits = hits.min(n);
    if n == 0 {
        return (0.0, 1.0);
    }
    let (hits, rest) = (hits as f64, (n - hits) as f64);
    let low = match hits {
        0.0 => 0.0,
        _ => quantile(TAIL, hits, rest + 1.0),
    };
    let high = match rest {
        0.0 => 1.0,
        _ => quantile(1.0 - TAIL, hits + 1.0, rest),
    };
    (low, high)
}

/// Where the distribution function of the beta distribution reaches `p`.
fn quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if beta(middle, a, b) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function: the fraction converges fast on one side of the mean,
/// and the other side follows from the symmetry.
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = a * x.ln() + b * (-x).ln_1p() - (ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b));
    let front = front.exp();
    match x < (a + 1.0) / (a + b + 2.0) {
        true => front * fraction(x, a, b) / a,
        false => 1.0 - front * fraction(1.0 - x, b, a) / b,
    }
}

/// The continued fraction of the incomplete beta function (Abramowitz and Stegun, 26.5.8), by the
/// method of Lentz.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const LEAST: f64 = 1e-300;
    let keep = |value: f64| if value.abs() < LEAST { LEAST } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / keep(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for step in 1..10_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for term in [even, odd] {
            d = 1.0 / keep(1.0 + term * d);
            c = keep(1.0 + term / c);
            factor = c * d;
            result *= factor;
        }
        if (factor - 1.0).abs() < 1e-15 {
            break;
        }
    }
    result
}

/// Stirling's series, after the argument is made large enough for it.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut below) = (x, 0.0);
    while x < 10.0 {
        below += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let series =
        inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - below
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::sign;

    #[test]
    fn no_hit_and_nothing_but_hits_have_a_bound_in_closed_form() {
        // (1 - p)^n = 0.025
        for n in [1, 2, 30, 1000] {
            let bound = 1.0 - TAIL.powf(1.0 / n as f64);
            let (low, high) = interval(0, n);
            assert!(
                low.abs() < 1e-12 && (high - bound).abs() < 1e-9,
                "{n}: {high} {bound}"
            );
            let (low, high) = interval(n, n);
            assert!((low - 1.0 + bound).abs() < 1e-9 && (high - 1.0).abs() < 1e-12);
        }
        assert!((interval(0, 2).1 - 0.8419).abs() < 1e-4);
        assert_eq!(interval(0, 0), (0.0, 1.0));
    }

    /// At each end the binomial's own tail is what the interval leaves out.
    #[test]
    fn the_ends_are_where_the_tails_of_the_binomial_are() {
        for (hits, n) in [(1, 2), (3, 12), (20, 100), (7, 1999)] {
            let (low, high) = interval(hits, n);
            let (hits, n) = (hits as usize, n as usize);
            let over = sign::tail(n, low, hits);
            let under = 1.0 - sign::tail(n, high, hits + 1);
            assert!((over - TAIL).abs() < 1e-6, "{hits} of {n}: {over}");
            assert!((under - TAIL).abs() < 1e-6, "{hits} of {n}: {under}");
        }
    }

    #[test]
    fn many_samples_leave_little_to_chance() {
        let (low, high) = interval(150_000, 1_000_000);
        assert!(
            (low - 0.1493).abs() < 1e-4 && (high - 0.1507).abs() < 1e-4,
            "{low} {high}"
        );
    }
}
