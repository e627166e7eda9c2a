//! The few functions of real numbers that weights need. std's are the C library's, and a program that the
//! recorder is linked into need not have its mathematical part.

/// 1 - e^-x for x ≥ 0, to 15 digits.
pub(crate) fn chance(x: f64) -> f64 {
    if x > 40.0 {
        return 1.0;
    }
    // e^x - 1 of a part of x that is small enough for the series, and its square as often as x was halved:
    // (1 + y)² - 1 = y (2 + y).
    let mut halvings = 0;
    let mut part = -x;
    while part < -0.25 {
        part /= 2.0;
        halvings += 1;
    }
    let (mut sum, mut term, mut n) = (0.0, 1.0, 1.0);
    while n < 14.0 {
        term *= part / n;
        sum += term;
        n += 1.0;
    }
    while halvings > 0 {
        sum *= 2.0 + sum;
        halvings -= 1;
    }
    -sum
}

/// The natural logarithm of a positive, normal number, to 15 digits.
pub(crate) fn logarithm(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    // In 1..2, and then around 1.
    let mut mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    // ln m = 2 artanh z
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let (mut sum, mut power, mut n) = (0.0, z, 1.0);
    while n < 24.0 {
        sum += power / n;
        power *= z * z;
        n += 2.0;
    }
    exponent as f64 * std::f64::consts::LN_2 + 2.0 * sum
}

/// To the nearest whole number.
pub(crate) fn whole(x: f64) -> i64 {
    let half = if x < 0.0 { -0.5 } else { 0.5 };
    (x + half) as i64
}
