//! Quantities with a unit: how they are written for people, and how they are read from people.
//!
//! Every quantity has a type of its own, because a bare number has been compared with a number of
//! another unit before (a size gate elsewhere compared 0.05 with 5 and never fired). Writing uses
//! binary units with one decimal; reading demands a unit and says so. JSON and CSV never go
//! through here: they carry integers.
//!
//! ```
//! use codecost::units::{Bytes, Delta, Limit, Share, counted};
//!
//! assert_eq!(Bytes(4_718_592).to_string(), "4.5 MiB");
//! assert_eq!(Bytes(4_718_592).exact(), "4,718,592 bytes");
//! assert_eq!(Delta(-2048).to_string(), "-2.0 KiB");
//! assert_eq!(Share(0.1234).to_string(), "12.3%");
//! assert_eq!(counted(1, "crate"), "1 crate");
//! assert_eq!("50 KiB".parse(), Ok(Limit::Bytes(Bytes(51_200))));
//! assert!("50".parse::<Bytes>().unwrap_err().to_string().contains("unit"));
//! ```

use std::{cmp::Ordering, fmt, str::FromStr, time::Duration};

/// A number of bytes. Displays as `4.5 MiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// A change in a number of bytes. Displays as `+4.5 MiB`, `-12 B` or `0 B`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Delta(pub i64);

/// A fraction of a whole. Displays as a percentage: `Share(0.5)` is `50.0%`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share(pub f64);

/// A relative change. Displays as a signed percentage: `Change(0.05)` is `+5.0%`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Change(pub f64);

/// A duration. Displays as `1.2 ms`, `3.4 s` or `2 min 5 s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Duration);

/// A limit as a user writes it: a size (`50 KiB`) or a share of something (`5%`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// An absolute size.
    Bytes(Bytes),
    /// A share of a whole that the context names.
    Share(Share),
}

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

impl Bytes {
    /// The exact count with thousands separators: `4,718,592 bytes`.
    pub fn exact(self) -> String {
        counted(self.0, "byte")
    }

    /// This size as a share of `whole`; zero when the whole is empty.
    pub fn share_of(self, whole: Self) -> Share {
        Share::of(self.0, whole.0)
    }

    /// What it takes to come from `before` to here.
    pub fn since(self, before: Self) -> Delta {
        let change = i128::from(self.0) - i128::from(before.0);
        Delta(change.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

/// `4.5 MiB` of a number of bytes; the decimal is rounded half up.
fn binary(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut exponent = (bytes.ilog2() / 10) as usize;
    loop {
        let unit = 10 * exponent;
        let half = (1_u128 << unit) / 2;
        let tenths = ((u128::from(bytes) * 10 + half) >> unit) as u64;
        // 1023.96 KiB rounds to 1024.0 KiB, which is 1.0 MiB.
        if tenths >= 10_240 && exponent + 1 < UNITS.len() {
            exponent += 1;
            continue;
        }
        return format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[exponent]);
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&binary(self.0))
    }
}

impl fmt::Display for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!(
            "{}{}",
            sign(self.0.cmp(&0)),
            binary(self.0.unsigned_abs())
        ))
    }
}

fn sign(ordering: Ordering) -> &'static str {
    match ordering {
        Ordering::Less => "-",
        Ordering::Equal => "",
        Ordering::Greater => "+",
    }
}

impl Share {
    /// `part` of `whole`; zero when the whole is empty.
    pub fn of(part: u64, whole: u64) -> Self {
        Self(if whole == 0 {
            0.0
        } else {
            part as f64 / whole as f64
        })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&percent(self.0))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = percent(self.0.abs());
        let sign = match self.0.partial_cmp(&0.0) {
            // A change that rounds to nothing has no direction; a sign before `<` reads as nothing.
            _ if text == "0.0%" || text.starts_with('<') => "",
            Some(ordering) => sign(ordering),
            None => "",
        };
        f.pad(&format!("{sign}{text}"))
    }
}

fn percent(fraction: f64) -> String {
    if !fraction.is_finite() {
        return "n/a".into();
    }
    let percent = fraction * 100.0;
    // A row that is there but rounds to nothing is not the same as nothing.
    if percent > 0.0 && percent < 0.05 {
        "<0.1%".into()
    } else {
        format!("{percent:.1}%")
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let seconds = self.0.as_secs();
        let text = match nanos {
            0..1_000 => format!("{nanos} ns"),
            1_000..999_950 => format!("{:.1} µs", nanos as f64 / 1e3),
            999_950..999_950_000 => format!("{:.1} ms", nanos as f64 / 1e6),
            _ if nanos < 59_950_000_000 => format!("{:.1} s", nanos as f64 / 1e9),
            _ if seconds.max(60) < 3600 => {
                format!("{} min {} s", seconds.max(60) / 60, seconds.max(60) % 60)
            }
            _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        };
        f.pad(&text)
    }
}

/// `1,234 crates`, `1 crate`: a count with its noun, which takes a plain `s` in the plural.
pub fn counted(count: u64, noun: &str) -> String {
    counted_as(count, noun, &format!("{noun}s"))
}

/// As [`counted`], for nouns with another plural: `counted_as(2, "copy", "copies")`.
pub fn counted_as(count: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        thousands(count),
        if count == 1 { one } else { many }
    )
}

/// `1,234,567`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Why a quantity could not be read. The message names the text and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseUnitError {
    /// There is no number at the start.
    #[error("`{text}` is not a number with a unit, such as {example}")]
    Number {
        /// What was given.
        text: String,
        /// What would be right.
        example: &'static str,
    },
    /// There is a number but no unit.
    #[error("`{text}` has no unit: write {example}")]
    NoUnit {
        /// What was given.
        text: String,
        /// What would be right.
        example: &'static str,
    },
    /// The unit is none that is accepted.
    #[error("`{unit}` in `{text}` is not a unit: write {example}")]
    Unit {
        /// What was given.
        text: String,
        /// The part of it that should be a unit.
        unit: String,
        /// What would be right.
        example: &'static str,
    },
    /// The number is too large for its type.
    #[error("`{text}` is too large")]
    Overflow {
        /// What was given.
        text: String,
    },
}

const SIZE_EXAMPLE: &str = "`512 B`, `50 KiB`, `4.5 MiB` or `1 GiB`";
const SHARE_EXAMPLE: &str = "`5%` or `0.5%`";
const LIMIT_EXAMPLE: &str = "`50 KiB`, `4.5 MiB` or `5%`";
const TIME_EXAMPLE: &str = "`500 ms`, `30 s`, `3 min` or `1 h`";

/// A decimal number, exact: `digits / 10^decimals`.
struct Decimal {
    digits: u128,
    decimals: u32,
}

impl Decimal {
    /// This number times `factor`, rounded half up; `None` when it does not fit.
    fn times(&self, factor: u64) -> Option<u64> {
        let scale = 10_u128.checked_pow(self.decimals)?;
        let product = self.digits.checked_mul(factor.into())?;
        u64::try_from(product.checked_add(scale / 2)? / scale).ok()
    }

    fn to_f64(&self) -> f64 {
        self.digits as f64 / 10_f64.powi(self.decimals.min(400) as i32)
    }
}

/// Splits `4.5 MiB` into its number and its unit, which must both be there.
fn split<'a>(text: &'a str, example: &'static str) -> Result<(Decimal, &'a str), ParseUnitError> {
    let trimmed = text.trim();
    let end = trimmed
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_' || c == ','))
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let not_a_number = || ParseUnitError::Number {
        text: trimmed.into(),
        example,
    };
    let (mut digits, mut decimals, mut fraction, mut any) = (0_u128, 0, false, false);
    for c in number.chars() {
        match c {
            // A comma is a thousands separator to some and a decimal one to others: refuse it.
            '.' if !fraction => fraction = true,
            '_' if any => {}
            '0'..='9' => {
                let digit = u128::from(c as u8 - b'0');
                any = true;
                digits = digits
                    .checked_mul(10)
                    .and_then(|digits| digits.checked_add(digit))
                    .ok_or_else(|| ParseUnitError::Overflow {
                        text: trimmed.into(),
                    })?;
                decimals += u32::from(fraction);
            }
            _ => return Err(not_a_number()),
        }
    }
    if !any {
        return Err(not_a_number());
    }
    let unit = unit.trim();
    if unit.is_empty() {
        return Err(ParseUnitError::NoUnit {
            text: trimmed.into(),
            example,
        });
    }
    Ok((Decimal { digits, decimals }, unit))
}

fn unknown_unit(text: &str, unit: &str, example: &'static str) -> ParseUnitError {
    ParseUnitError::Unit {
        text: text.trim().into(),
        unit: unit.into(),
        example,
    }
}

impl FromStr for Bytes {
    type Err = ParseUnitError;

    /// Reads `4.5 MiB`, `50KiB`, `512 B`, `1.5 MB`; binary and decimal units, in any case.
    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let (number, unit) = split(text, SIZE_EXAMPLE)?;
        let factor = match unit.to_ascii_lowercase().as_str() {
            "b" | "byte" | "bytes" => 1,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            _ => return Err(unknown_unit(text, unit, SIZE_EXAMPLE)),
        };
        let bytes = number.times(factor);
        bytes.map(Self).ok_or_else(|| ParseUnitError::Overflow {
            text: text.trim().into(),
        })
    }
}

impl FromStr for Share {
    type Err = ParseUnitError;

    /// Reads `5%` as 0.05.
    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let (number, unit) = split(text, SHARE_EXAMPLE)?;
        if unit != "%" {
            return Err(unknown_unit(text, unit, SHARE_EXAMPLE));
        }
        Ok(Self(number.to_f64() / 100.0))
    }
}

impl FromStr for Limit {
    type Err = ParseUnitError;

    /// Reads a size or a percentage.
    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        if text.trim_end().ends_with('%') {
            return text.parse().map(Self::Share);
        }
        split(text, LIMIT_EXAMPLE)?;
        text.parse().map(Self::Bytes)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Share(share) => share.fmt(f),
        }
    }
}

impl FromStr for Time {
    type Err = ParseUnitError;

    /// Reads `500 ms`, `30s`, `3m`, `1 h`.
    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let (number, unit) = split(text, TIME_EXAMPLE)?;
        let factor = match unit.to_ascii_lowercase().as_str() {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" | "sec" | "second" | "seconds" => 1_000_000_000,
            "m" | "min" | "minute" | "minutes" => 60_000_000_000,
            "h" | "hour" | "hours" => 3_600_000_000_000,
            _ => return Err(unknown_unit(text, unit, TIME_EXAMPLE)),
        };
        let nanos = number.times(factor);
        nanos
            .map(|nanos| Self(Duration::from_nanos(nanos)))
            .ok_or_else(|| ParseUnitError::Overflow {
                text: text.trim().into(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_round_half_up_and_roll_over_to_the_next_unit() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1024 * 1024 - 52, "1023.9 KiB"),
            (1024 * 1024 - 51, "1.0 MiB"),
            (4_718_592, "4.5 MiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        assert_eq!(format!("{:>9}|", Bytes(1024)), "  1.0 KiB|");
    }

    #[test]
    fn changes_carry_their_sign() {
        assert_eq!(Delta(0).to_string(), "0 B");
        assert_eq!(Delta(1536).to_string(), "+1.5 KiB");
        assert_eq!(Delta(i64::MIN).to_string(), "-8.0 EiB");
        assert_eq!(Bytes(1).since(Bytes(3)), Delta(-2));
        assert_eq!(Bytes(u64::MAX).since(Bytes(0)), Delta(i64::MAX));
        assert_eq!(Change(-0.021).to_string(), "-2.1%");
        assert_eq!(Change(0.0).to_string(), "0.0%");
        assert_eq!(Change(0.0002).to_string(), "<0.1%");
        assert_eq!(Change(-0.0002).to_string(), "<0.1%");
    }

    #[test]
    fn a_small_share_is_not_shown_as_none() {
        assert_eq!(Share(0.0).to_string(), "0.0%");
        assert_eq!(Share(0.0001).to_string(), "<0.1%");
        assert_eq!(Share(1.0).to_string(), "100.0%");
        assert_eq!(Share(f64::NAN).to_string(), "n/a");
        assert_eq!(Share::of(1, 0), Share(0.0));
    }

    #[test]
    fn counts_take_separators_and_plurals() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(165_000_001), "165,000,001");
        assert_eq!(counted(0, "row"), "0 rows");
        assert_eq!(counted_as(2, "copy", "copies"), "2 copies");
    }

    #[test]
    fn durations_choose_their_unit() {
        let cases = [
            (999, "999 ns"),
            (1_500, "1.5 µs"),
            (999_960, "1.0 ms"),
            (12_345_678, "12.3 ms"),
            (59_940_000_000, "59.9 s"),
            (59_990_000_000, "1 min 0 s"),
            (125_000_000_000, "2 min 5 s"),
            (7_260_000_000_000, "2 h 1 min"),
        ];
        for (nanos, text) in cases {
            assert_eq!(Time(Duration::from_nanos(nanos)).to_string(), text);
        }
    }

    #[test]
    fn sizes_are_read_with_their_unit_and_never_without() {
        let cases = [
            ("4.5 MiB", 4_718_592),
            ("50KiB", 51_200),
            (" 512 B ", 512),
            ("1_000 bytes", 1_000),
            ("1.5 MB", 1_500_000),
            ("0.1 KiB", 102),
            ("2 gib", 2 << 30),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        let error = |text: &str| text.parse::<Bytes>().unwrap_err().to_string();
        assert_eq!(error("5"), format!("`5` has no unit: write {SIZE_EXAMPLE}"));
        assert!(error("5 M").starts_with("`M` in `5 M` is not a unit"));
        assert!(error("5%").contains("`%` in `5%` is not a unit"));
        for text in ["", "MiB", "-5 KiB", "1,5 MiB", "1.2.3 MiB", ".", "_1 B"] {
            assert!(
                error(text).contains("is not a number with a unit"),
                "{text}"
            );
        }
        assert!(error("99999999999 TiB").contains("too large"));
        assert!(error(&format!("{} B", "9".repeat(60))).contains("too large"));
    }

    #[test]
    fn limits_tell_sizes_from_shares() {
        assert_eq!("2%".parse(), Ok(Limit::Share(Share(0.02))));
        assert_eq!("0.05 %".parse(), Ok(Limit::Share(Share(0.0005))));
        assert_eq!("4 KiB".parse(), Ok(Limit::Bytes(Bytes(4096))));
        let error = "0.05".parse::<Limit>().unwrap_err().to_string();
        assert_eq!(error, format!("`0.05` has no unit: write {LIMIT_EXAMPLE}"));
    }

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!("3m".parse(), Ok(Time(Duration::from_secs(180))));
        assert_eq!("1.5 s".parse(), Ok(Time(Duration::from_millis(1500))));
        assert!("3".parse::<Time>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_within_its_rounding(bytes: u64) {
            let read: Result<Bytes, _> = Bytes(bytes).to_string().parse();
            // Above the TiB the units are written but not read: nobody's limit is that large.
            if let Ok(read) = read {
                prop_assert!(read.0.abs_diff(bytes) <= bytes / 20);
            }
        }

        #[test]
        fn reading_never_panics(text: String) {
            let _ = text.parse::<Bytes>();
            let _ = text.parse::<Limit>();
            let _ = text.parse::<Time>();
        }
    }
}
