//! hyperfine's JSON as a baseline of numbers: `hyperfine --export-json FILE`. Times are in seconds.

use crate::gate::change::median;
use codecost::{Error, Result};
use serde::Deserialize;
use std::{fs, path::Path};

#[derive(Deserialize)]
struct File {
    results: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    command: String,
    min: f64,
    #[serde(default)]
    times: Option<Vec<f64>>,
    #[serde(default)]
    median: Option<f64>,
    #[serde(default)]
    exit_codes: Vec<Option<i32>>,
}

/// What hyperfine measured of one command, in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// The command, as it was given.
    pub command: String,
    /// The fastest run.
    pub minimum: f64,
    /// The median run.
    pub median: f64,
}

/// Reads the results of all commands.
///
/// # Errors
///
/// The file cannot be read, is not hyperfine's, or one of its commands failed or has no time.
pub fn open(path: &Path) -> Result<Vec<Timed>> {
    let bytes = fs::read(path).map_err(|source| Error::read(path, source))?;
    let failed = |reason: String| {
        Error::failed(
            format_args!("`{}` cannot be a baseline: {reason}", path.display()),
            "name a file of `hyperfine --export-json`, or a baseline of `--save-baseline`",
        )
    };
    let file: File = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
    if file.results.is_empty() {
        return Err(failed("it has no results".into()));
    }
    file.results
        .into_iter()
        .map(|run| {
            if let Some(code) = run.exit_codes.iter().flatten().find(|code| **code != 0) {
                return Err(failed(format!(
                    "`{}` failed with exit code {code}",
                    run.command
                )));
            }
            let times = run.times.as_deref().unwrap_or_default();
            let middle = median(times).or(run.median).unwrap_or(run.min);
            for time in [run.min, middle] {
                if !(time.is_finite() && time > 0.0) {
                    return Err(failed(format!("`{}` took `{time}` seconds", run.command)));
                }
            }
            Ok(Timed {
                command: run.command,
                minimum: run.min * 1e9,
                median: middle * 1e9,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Timed>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("h.json");
        fs::write(&path, text).unwrap();
        open(&path)
    }

    #[test]
    fn seconds_become_nanoseconds() {
        let timed = read(
            r#"{"results":[{"command":"rg x","mean":0.3,"stddev":null,"median":0.25,"user":0.1,
                "system":0.1,"min":0.2,"max":0.5,"times":[0.2,0.25,0.5],"exit_codes":[0,0,0]}]}"#,
        )
        .unwrap();
        assert_eq!(timed[0].command, "rg x");
        assert!((timed[0].minimum - 2e8).abs() < 1.0 && (timed[0].median - 2.5e8).abs() < 1.0);
    }

    #[test]
    fn a_failed_command_or_no_time_is_an_error_that_names_it() {
        let message = |text: &str| read(text).unwrap_err().to_string();
        assert!(message("{}").contains("results"));
        assert!(message(r#"{"results":[]}"#).contains("no results"));
        assert!(
            message(r#"{"results":[{"command":"x","min":1.0,"exit_codes":[0,3]}]}"#)
                .contains("`x` failed with exit code 3")
        );
        assert!(message(r#"{"results":[{"command":"x","min":0.0}]}"#).contains("`0`"));
    }
}
