//! divan: its arguments, and the table that it prints.
//!
//! There is no other output. `--exact` takes the name with the crate in front, as the list has it.
//! The number of samples is set rather than the time: with `--max-time` alone, divan may take one
//! sample of one iteration.

use super::measured::{Measured, SAMPLING, Throughput, Tuning};
use crate::gate::process::Failure;
use std::time::Duration;

/// The tuning for two sides of so many nanoseconds an iteration.
pub(super) fn tuning(sides: [f64; 2]) -> Tuning {
    // Fast functions run many times a sample; divan chooses how often.
    const SHORTEST_SAMPLE: f64 = 2_000.0;
    let slower = sides[0].max(sides[1]).max(SHORTEST_SAMPLE);
    let samples = (SAMPLING.as_nanos() as f64 / slower).clamp(10.0, 20_000.0);
    Tuning::Divan {
        samples: samples as u32,
    }
}

pub(super) fn arguments(id: &str, tuning: Tuning) -> Vec<String> {
    let samples = match tuning {
        Tuning::Divan { samples } => samples,
        _ => 100,
    };
    let samples = samples.to_string();
    [
        "--bench",
        "--exact",
        id,
        "--color",
        "never",
        "--sample-count",
        &samples,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The one row of the table that has times.
pub(super) fn result(output: &[u8], elapsed: Duration) -> Result<Measured, Failure> {
    let text = String::from_utf8_lossy(output);
    let mut rows = text.lines().filter_map(row);
    let row = rows
        .next()
        .ok_or_else(|| Failure::Garbage("divan printed no times".into()))?;
    if rows.next().is_some() {
        return Err(Failure::Garbage(
            "divan printed several results for one benchmark, as with several numbers of threads"
                .into(),
        ));
    }
    if row.samples == 0 {
        return Err(Failure::NoSamples);
    }
    let throughput = text.lines().find_map(declared);
    Ok(Measured {
        minimum: row.fastest,
        median: row.median,
        p90: None,
        samples: row.samples,
        mode: None,
        // Four digits, whatever their unit.
        step: 0.0,
        // A rate of the median, from which the work of an iteration follows.
        throughput: throughput.map(|rate| match rate {
            Throughput::Bytes(rate) => Throughput::Bytes(rate * row.median / 1e9),
            Throughput::Elements(rate) => Throughput::Elements(rate * row.median / 1e9),
        }),
        elapsed,
    })
}

struct Row {
    fastest: f64,
    median: f64,
    samples: usize,
}

/// `╰─ 20    7.881 µs      │ 13.72 µs      │ 8.301 µs      │ 8.814 µs      │ 100     │ 100`
fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.split('│').map(str::trim).collect();
    // The tree is drawn with the same character in front of deeper rows.
    let [first, _, median, _, samples, _] = cells.get(cells.len().checked_sub(6)?..)? else {
        return None;
    };
    let mut words = first.split_whitespace().rev();
    let (unit, number) = (words.next()?, words.next()?);
    Some(Row {
        fastest: time(number, unit)?,
        median: {
            let (number, unit) = median.split_once(' ')?;
            time(number, unit)?
        },
        samples: samples.parse().ok()?,
    })
}

fn time(number: &str, unit: &str) -> Option<f64> {
    let factor = match unit {
        "ps" => 1e-3,
        "ns" => 1.0,
        "µs" | "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Some(number * factor)
}

/// A second line below a row has rates: `12.34 GB/s │ … │ MEDIAN …`, the third of which is taken.
fn declared(line: &str) -> Option<Throughput> {
    let cells: Vec<&str> = line.split('│').map(str::trim).collect();
    let median = cells.get(cells.len().checked_sub(6)? + 2)?;
    let (number, unit) = median.split_once(' ')?;
    let number: f64 = number.parse().ok()?;
    let scaled = |unit: &str| match unit {
        "" => Some(1.0),
        "K" | "k" => Some(1e3),
        "M" => Some(1e6),
        "G" => Some(1e9),
        "T" => Some(1e12),
        "Ki" => Some(1024.0),
        "Mi" => Some(1024.0 * 1024.0),
        "Gi" => Some(1024.0 * 1024.0 * 1024.0),
        _ => None,
    };
    if let Some(prefix) = unit.strip_suffix("B/s") {
        return Some(Throughput::Bytes(number * scaled(prefix)?));
    }
    let prefix = unit.strip_suffix("item/s")?;
    Some(Throughput::Elements(number * scaled(prefix)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "Timer precision: 17 ns
dv          fastest       │ slowest       │ median        │ mean          │ samples │ iters
╰─ strings                │               │               │               │         │
   ╰─ 20    7.881 µs      │ 13.72 µs      │ 8.301 µs      │ 8.814 µs      │ 100     │ 100
";

    #[test]
    fn the_row_with_times_is_the_result() {
        let measured = result(PRINTED.as_bytes(), Duration::ZERO).unwrap();
        assert!((measured.minimum - 7881.0).abs() < 1e-9);
        assert!((measured.median - 8301.0).abs() < 1e-9);
        assert_eq!(measured.samples, 100);
        assert_eq!(measured.throughput, None);
    }

    #[test]
    fn rates_become_the_work_of_an_iteration() {
        let rates = "│  ╰─ 20    7.881 µs      │ 13.72 µs      │ 8.000 µs      │ 8.814 µs      │ 100     │ 100\n\
                     │           1.2 GB/s      │ 1 GB/s        │ 1.5 GB/s      │ 1.1 GB/s      │         │\n";
        let measured = result(rates.as_bytes(), Duration::ZERO).unwrap();
        assert_eq!(measured.throughput, Some(Throughput::Bytes(12_000.0)));
    }

    #[test]
    fn no_row_several_rows_and_no_samples_are_no_result() {
        assert!(matches!(
            result(b"", Duration::ZERO),
            Err(Failure::Garbage(_))
        ));
        assert!(matches!(
            result(b"\xff\xfe", Duration::ZERO),
            Err(Failure::Garbage(_))
        ));
        let twice = format!("{PRINTED}{PRINTED}");
        assert!(matches!(
            result(twice.as_bytes(), Duration::ZERO),
            Err(Failure::Garbage(_))
        ));
        let none = PRINTED.replace("100     │ 100", "0     │ 0");
        assert_eq!(
            result(none.as_bytes(), Duration::ZERO),
            Err(Failure::NoSamples)
        );
    }

    #[test]
    fn slow_functions_get_fewer_samples() {
        assert_eq!(tuning([1.0, 2.0]), Tuning::Divan { samples: 20_000 });
        assert_eq!(tuning([1e6, 3e6]), Tuning::Divan { samples: 100 });
        assert_eq!(tuning([1e9, 1e9]), Tuning::Divan { samples: 10 });
    }
}
