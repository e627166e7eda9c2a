//! libtest: the compiler's own harness, of nightly toolchains; and the crate `bencher`, which was made
//! of it, and prints the same lines in whole nanoseconds.
//!
//! bencher's one argument is a part of the name, so others may run as well; each has its line.
//!
//! It prints a median and its deviation, and no minimum. In the JSON that it prints on request the
//! median is not rounded; where the request is refused the text says it.

use super::measured::Measured;
use crate::gate::process::Failure;
use serde::Deserialize;
use std::time::Duration;

pub(super) fn arguments(id: &str) -> Vec<String> {
    [
        "--bench",
        "--exact",
        id,
        "-Z",
        "unstable-options",
        "--format",
        "json",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    median: Option<f64>,
}

/// The median of `id`, from JSON or text.
pub(super) fn result(output: &[u8], id: &str, elapsed: Duration) -> Result<Measured, Failure> {
    let text = String::from_utf8_lossy(output);
    let mut found = text
        .lines()
        .filter_map(|line| match serde_json::from_str::<Event>(line) {
            Ok(event) if event.kind == "bench" && event.name.as_deref() == Some(id) => event.median,
            Ok(_) => None,
            Err(_) => line_of_text(line)
                .filter(|(name, _)| *name == id)
                .map(|(_, time)| time),
        });
    let median = found
        .next()
        .ok_or_else(|| Failure::Garbage(format!("it has no line for `{id}`")))?;
    Ok(Measured {
        minimum: median,
        median,
        p90: None,
        samples: 1,
        mode: None,
        throughput: None,
        elapsed,
        step: 0.0,
    })
}

/// The median of `id` as bencher prints it.
pub(super) fn result_of_bencher(
    output: &[u8],
    id: &str,
    elapsed: Duration,
) -> Result<Measured, Failure> {
    let measured = result(output, id, elapsed)?;
    if measured.median == 0.0 {
        return Err(Failure::SaysNothing(
            "its harness prints whole nanoseconds, and it takes less than one".into(),
        ));
    }
    Ok(Measured {
        step: 1.0,
        ..measured
    })
}

/// `test NAME ... bench:       1,234.56 ns/iter (+/- 7.89) = 12 MB/s`: name and nanoseconds.
pub fn line_of_text(line: &str) -> Option<(&str, f64)> {
    let rest = line.trim().strip_prefix("test ")?;
    let (name, rest) = rest.split_once(" ... bench:")?;
    let (number, _) = rest.trim_start().split_once(" ns/iter")?;
    let digits: String = number.chars().filter(|c| *c != ',').collect();
    Some((name.trim(), digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_text_say_the_same() {
        let json = br#"{ "type": "suite", "event": "started", "test_count": 1 }
{ "type": "bench", "name": "a::b", "median": 1234.5678, "deviation": 7.89 }
"#;
        assert_eq!(
            result(json, "a::b", Duration::ZERO).unwrap().median,
            1234.5678
        );
        let text = b"test a::b ... bench:       1,234.56 ns/iter (+/- 7.89) = 12 MB/s\n";
        assert_eq!(
            result(text, "a::b", Duration::ZERO).unwrap().median,
            1234.56
        );
        let old = b"test a::b ... bench:         110 ns/iter (+/- 7)\n";
        assert_eq!(result(old, "a::b", Duration::ZERO).unwrap().median, 110.0);
    }

    #[test]
    fn bencher_rounds_to_whole_nanoseconds() {
        let printed = b"test ab ... bench:           0 ns/iter (+/- 0)\n\
            test a ... bench:       1,234 ns/iter (+/- 56) = 12 MB/s\n";
        let of = |id| result_of_bencher(printed, id, Duration::ZERO);
        let found = of("a").unwrap();
        assert_eq!((found.median, found.step), (1234.0, 1.0));
        assert!(matches!(of("ab"), Err(Failure::SaysNothing(_))));
        assert!(matches!(of("b"), Err(Failure::Garbage(_))));
    }

    #[test]
    fn another_benchmark_or_garbage_is_no_result() {
        let text = b"test a ... bench: 1 ns/iter (+/- 0)\nx\xff\n";
        assert!(matches!(
            result(text, "a::b", Duration::ZERO),
            Err(Failure::Garbage(_))
        ));
        assert_eq!(line_of_text("test a ... bench: many ns/iter"), None);
        assert_eq!(line_of_text("test a ... ok"), None);
    }
}
