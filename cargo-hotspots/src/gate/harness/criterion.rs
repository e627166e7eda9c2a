//! Criterion: its arguments, and the files that it leaves.
//!
//! `sample.json` has for each sample the number of iterations and the time of them all, in
//! nanoseconds. With `SamplingMode::Auto` Criterion takes samples of growing length (`Linear`) for
//! what is fast and of equal length (`Flat`) for what is slow; minima of the two cannot be compared,
//! so the number of samples is chosen to be clearly on one side for both programs.

use super::measured::{Measured, SAMPLING, Throughput, Tuning, summary};
use crate::gate::process::Failure;
use codecost::{Error, Result as CodecostResult};
use rayon::prelude::*;
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Criterion takes no fewer.
const FEWEST: u32 = 10;
/// Numbers of samples, best first: with ten the minimum is biased by some 20 %. More than 300 only
/// serve to keep Criterion in one mode.
const SAMPLES: [u32; 12] = [
    300, 600, 1000, 1500, 2000, 220, 160, 110, 70, 40, 20, FEWEST,
];
/// How far above Criterion's boundary between its two modes is clear of it.
const CLEARLY_FLAT: f64 = 1.5;
/// How far below. A busy machine makes the warm-up, by which Criterion decides, many times longer,
/// and never shorter: at load 20 on two processors, 13 of 23 blocks of four processes had one whose
/// iterations seemed more than five times as long as they were.
const CLEARLY_LINEAR: f64 = 20.0;
/// Ids name directories at most three deep; a directory of something else may be deeper.
const DEPTH: usize = 6;

/// The tuning for two sides of so many nanoseconds an iteration.
pub(super) fn tuning(sides: [f64; 2]) -> Tuning {
    let slower = sides[0].max(sides[1]);
    let target = SAMPLING.as_nanos() as f64;
    let milliseconds = u32::try_from(SAMPLING.as_millis()).unwrap_or(u32::MAX);
    let fits = |samples: u32| f64::from(samples) * slower <= target;
    let alike = |samples: u32| {
        // Criterion is linear as long as 1 + 2 + … + n iterations take at most twice the time.
        let boundary = 2.0 * target / (f64::from(samples) * f64::from(samples + 1) / 2.0);
        sides.iter().all(|time| *time < boundary / CLEARLY_LINEAR)
            || sides.iter().all(|time| *time > boundary * CLEARLY_FLAT)
    };
    let chosen = SAMPLES.iter().find(|n| fits(**n) && alike(**n));
    let chosen = chosen.or_else(|| SAMPLES.iter().find(|n| fits(**n)));
    Tuning::Criterion {
        samples: chosen.copied().unwrap_or(FEWEST),
        milliseconds,
    }
}

/// The arguments that run `id` alone. Resampling is off as far as it can be: the bootstrap would
/// be nine tenths of the process's time, and its result is not used.
pub(super) fn arguments(id: &str, tuning: Tuning) -> Vec<String> {
    let (samples, milliseconds) = match tuning {
        Tuning::Criterion {
            samples,
            milliseconds,
        } => (samples, milliseconds),
        _ => (100, 300),
    };
    let words = [
        "--bench",
        "--noplot",
        "--exact",
        id,
        "--warm-up-time",
        "0.02",
        "--measurement-time",
        &format!("{}", f64::from(milliseconds) / 1000.0),
        "--sample-size",
        &samples.to_string(),
        "--nresamples",
        "10",
    ];
    words.map(str::to_owned).to_vec()
}

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    throughput: Option<Declared>,
}

/// Versions differ in what else there can be.
#[derive(Deserialize)]
#[serde(untagged)]
enum Declared {
    Bytes {
        #[serde(rename = "Bytes", alias = "BytesDecimal")]
        bytes: f64,
    },
    Elements {
        #[serde(rename = "Elements")]
        elements: f64,
    },
    Other(serde::de::IgnoredAny),
}

impl Declared {
    fn throughput(&self) -> Option<Throughput> {
        match self {
            Self::Bytes { bytes } => Some(Throughput::Bytes(*bytes)),
            Self::Elements { elements } => Some(Throughput::Elements(*elements)),
            Self::Other(_) => None,
        }
    }
}

#[derive(Deserialize)]
struct Samples {
    sampling_mode: Option<String>,
    // A number that is not finite is `null` in JSON.
    iters: Vec<Option<f64>>,
    times: Vec<Option<f64>>,
}

/// The result of `id` that a process left below `home`.
pub(super) fn result(home: &Path, id: &str, elapsed: Duration) -> Result<Measured, Failure> {
    for directory in directories(home) {
        if let Ok(benchmark) = read::<Benchmark>(&directory.join("benchmark.json"))
            && benchmark.full_id == id
        {
            return measured(&directory, &benchmark, elapsed);
        }
    }
    Err(Failure::Garbage(format!(
        "Criterion wrote nothing for `{id}`"
    )))
}

fn measured(
    directory: &Path,
    benchmark: &Benchmark,
    elapsed: Duration,
) -> Result<Measured, Failure> {
    let samples: Samples = read(&directory.join("sample.json")).map_err(Failure::Garbage)?;
    if samples.iters.len() != samples.times.len() {
        return Err(Failure::Garbage(format!(
            "`sample.json` has {} counts and {} times",
            samples.iters.len(),
            samples.times.len()
        )));
    }
    let number = |value: &Option<f64>| value.unwrap_or(f64::NAN);
    let times = samples.times.iter().zip(&samples.iters);
    let means = times
        .map(|(time, count)| number(time) / number(count))
        .collect();
    let mut measured = summary(means, samples.sampling_mode, elapsed)?;
    measured.throughput = benchmark.throughput.as_ref().and_then(Declared::throughput);
    Ok(measured)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = fs::read(path).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("`{name}` is not Criterion's: {error}"))
}

/// The `new` directories below `home`.
fn directories(home: &Path) -> Vec<PathBuf> {
    fn visit(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let name = entry.file_name();
            let path = entry.path();
            if name == "new" && path.join("benchmark.json").is_file() {
                found.push(path);
            } else if depth > 0 && name != "report" && name != "base" && name != "change" {
                visit(&path, depth - 1, found);
            }
        }
    }
    let mut found = Vec::new();
    visit(home, DEPTH, &mut found);
    found.sort();
    found
}

/// A benchmark of a directory that Criterion left, with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Its full id.
    pub id: String,
    /// Its numbers, or why there are none.
    pub result: Result<Measured, Failure>,
}

/// All results below `target/criterion` or another directory of Criterion's. Reading is bounded by
/// the number of files: two for each benchmark, side by side.
///
/// # Errors
///
/// There is no such directory, or no result in it.
pub fn open(directory: &Path) -> CodecostResult<Vec<Kept>> {
    fs::read_dir(directory).map_err(|source| Error::read(directory, source))?;
    let found = directories(directory);
    if found.is_empty() {
        return Err(Error::failed(
            format_args!("`{}` has no results of Criterion", directory.display()),
            "run `cargo bench` first, or name another directory",
        ));
    }
    let kept = found.par_iter().map(|directory| {
        let path = directory.join("benchmark.json");
        match read::<Benchmark>(&path) {
            Ok(benchmark) => Kept {
                result: measured(directory, &benchmark, Duration::ZERO),
                id: benchmark.full_id,
            },
            Err(reason) => Kept {
                id: directory.display().to_string(),
                result: Err(Failure::Garbage(reason)),
            },
        }
    });
    Ok(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(home: &Path, directory: &str, id: &str, sample: &str) {
        let directory = home.join(directory).join("new");
        fs::create_dir_all(&directory).unwrap();
        let benchmark = format!(
            r#"{{"group_id":"g","function_id":null,"value_str":null,
                "throughput":{{"Elements":1000}},"full_id":"{id}","directory_name":"x","title":"x"}}"#
        );
        fs::write(directory.join("benchmark.json"), benchmark).unwrap();
        fs::write(directory.join("sample.json"), sample).unwrap();
    }

    #[test]
    fn results_are_found_by_their_id_and_divided_by_their_iterations() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        // The directory's name is cut and made unique; it says nothing.
        write(
            home,
            "g/a_2",
            "g/a",
            r#"{"sampling_mode":"Linear","iters":[1.0,2.0,4.0],"times":[30.0,40.0,100.0]}"#,
        );
        write(home, "g/a", "g/other", r#"{"iters":[1],"times":[1]}"#);
        let measured = result(home, "g/a", Duration::ZERO).unwrap();
        assert_eq!((measured.minimum, measured.median), (20.0, 25.0));
        assert_eq!(measured.mode.as_deref(), Some("Linear"));
        assert_eq!(measured.throughput, Some(Throughput::Elements(1000.0)));
        // Version 0.5 and results without a mode.
        assert_eq!(result(home, "g/other", Duration::ZERO).unwrap().mode, None);
        assert_eq!(open(home).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_result_is_never_a_number() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let failed = |sample: &str| {
            write(home, "a", "a", sample);
            result(home, "a", Duration::ZERO).unwrap_err()
        };
        assert_eq!(failed(r#"{"iters":[],"times":[]}"#), Failure::NoSamples);
        assert!(matches!(
            failed(r#"{"iters":[1.0],"times":[null]}"#),
            Failure::NotATime(_)
        ));
        assert!(matches!(
            failed(r#"{"iters":[0.0],"times":[1.0]}"#),
            Failure::NotATime(_)
        ));
        assert!(matches!(
            failed(r#"{"iters":[1.0],"times":[]}"#),
            Failure::Garbage(_)
        ));
        assert!(matches!(failed("{"), Failure::Garbage(_)));
        assert!(matches!(
            result(home, "b", Duration::ZERO),
            Err(Failure::Garbage(_))
        ));
        assert!(open(&home.join("a").join("new")).is_err());
        assert!(open(&home.join("absent")).is_err());
    }

    #[test]
    fn both_sides_sample_in_the_same_mode() {
        let samples = |sides| match tuning(sides) {
            Tuning::Criterion { samples, .. } => samples,
            other => panic!("{other:?}"),
        };
        // Equal samples of a slow function, as many as fit; growing ones of a very fast function.
        assert_eq!(samples([40_000.0, 44_000.0]), 300);
        assert_eq!(samples([100.0, 110.0]), 300);
        // Between, more samples keep Criterion from growing them.
        for time in [700.0, 1_000.0, 2_400.0, 13_000.0] {
            let count = f64::from(samples([time, time * 1.1]));
            let boundary = 6e8 / (count * (count + 1.0) / 2.0);
            assert!(time > boundary * 1.4, "{time}: {count}");
        }
        // What takes long is measured less often, but never less than Criterion takes.
        assert_eq!(samples([2e6, 2e6]), 110);
        assert_eq!(samples([1e9, 1e9]), 10);
    }
}
